namespace CnnSharp.Data;

/// <summary>Which labels of CIFAR-100 to train on.</summary>
public enum Cifar100Labels
{
    /// <summary>100 classes.</summary>
    Fine,

    /// <summary>20 groups of five classes.</summary>
    Coarse,
}

/// <summary>CIFAR-100 (Krizhevsky 2009): 50,000 training and 10,000 test images [32, 32, 3] of 100 classes in 20 groups.</summary>
public static class Cifar100
{
    /// <summary>The 100 fine classes, in the order of their labels.</summary>
    public static IReadOnlyList<string> ClassNames { get; } =
    [
        "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle",
        "bowl", "boy", "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle",
        "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur",
        "dolphin", "elephant", "flatfish", "forest", "fox", "girl", "hamster", "house", "kangaroo", "keyboard",
        "lamp", "lawn_mower", "leopard", "lion", "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain",
        "mouse", "mushroom", "oak_tree", "orange", "orchid", "otter", "palm_tree", "pear", "pickup_truck", "pine_tree",
        "plain", "plate", "poppy", "porcupine", "possum", "rabbit", "raccoon", "ray", "road", "rocket",
        "rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper", "snail", "snake", "spider",
        "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank", "telephone", "television", "tiger", "tractor",
        "train", "trout", "tulip", "turtle", "wardrobe", "whale", "willow_tree", "wolf", "woman", "worm",
    ];

    /// <summary>The 20 coarse classes, in the order of their labels.</summary>
    public static IReadOnlyList<string> CoarseClassNames { get; } =
    [
        "aquatic_mammals", "fish", "flowers", "food_containers", "fruit_and_vegetables",
        "household_electrical_devices", "household_furniture", "insects", "large_carnivores", "large_man-made_outdoor_things",
        "large_natural_outdoor_scenes", "large_omnivores_and_herbivores", "medium_mammals", "non-insect_invertebrates", "people",
        "reptiles", "small_mammals", "trees", "vehicles_1", "vehicles_2",
    ];

    /// <summary>Mean and standard deviation of the training images.</summary>
    public static Normalization Normalization { get; } = new([.5071f, .4865f, .4409f], [.2673f, .2564f, .2762f]);

    static CifarSet Set { get; } = new(
        "cifar100",
        ["train"],
        50_000,
        "test",
        10_000,
        [20, 100],
        ["coarse_labels", "fine_labels"],
        ["coarse_label_names.txt", "fine_label_names.txt"],
        [CoarseClassNames, ClassNames],
        new(["train.bin", "test.bin", "train", "test"], ["cifar-100-binary", "cifar-100-python"], ["cifar-100-binary.tar.gz", "cifar-100-python.tar.gz"]),
        Normalization);

    internal static DataLayout Layout => Set.Layout;

    /// <summary>
    /// Reads train.bin, test.bin and, if there, fine_label_names.txt and coarse_label_names.txt (the binary version), or train
    /// and test (Python's, of which arrays are read and nothing is run), each plain or .gz.
    /// </summary>
    /// <param name="folder">The folder; one that has cifar-100-binary, cifar-100-python or the archive (cifar-100-binary.tar.gz, cifar-100-python.tar.gz) inside; the archive; or one of the files.</param>
    /// <param name="labels">Which labels.</param>
    /// <exception cref="DataFormatException">The files are missing, or one is not what it should be.</exception>
    public static DatasetSplits Load(string folder, Cifar100Labels labels = Cifar100Labels.Fine) => CifarFile.Load(folder, Set, chosen: labels == Cifar100Labels.Coarse ? 0 : 1);
}
