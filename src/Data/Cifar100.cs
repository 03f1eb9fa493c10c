namespace CnnSharp.Data;

/// <summary>Which labels of CIFAR-100 to train on.</summary>
public enum Cifar100Labels
{
    /// <summary>100 classes.</summary>
    Fine,

    /// <summary>20 groups of five classes.</summary>
    Coarse,
}

/// <summary>CIFAR-100 (Krizhevsky 2009): 50,000 training and 10,000 test pictures [32, 32, 3] of 100 classes in 20 groups.</summary>
public static class Cifar100
{
    const int TrainCount = 50_000;
    const int TestCount = 10_000;
    const string Archive = "cifar-100-binary";

    // Each record has both labels, the coarse one first.
    static readonly int[] Labels = [20, 100];

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

    /// <summary>Mean and deviation of the training pictures.</summary>
    public static Normalization Normalization { get; } = new([.5071f, .4865f, .4409f], [.2673f, .2564f, .2762f]);

    /// <summary>
    /// Reads train.bin and, if there, test.bin, fine_label_names.txt and coarse_label_names.txt (the binary version, each
    /// .bin plain or .gz) from a folder, or from cifar-100-binary inside it.
    /// </summary>
    /// <exception cref="DataFormatException">The folder or the training file is missing, or a file is not what it should be.</exception>
    public static DataSet Load(string folder, Cifar100Labels labels = Cifar100Labels.Fine)
    {
        var source = CifarFile.Inside(folder, Archive, "train.bin");
        var training = DataFile.Require(source, "train.bin");
        var names = labels == Cifar100Labels.Fine
            ? CifarFile.ReadNames(source, "fine_label_names.txt", ClassNames.Count) ?? ClassNames
            : CifarFile.ReadNames(source, "coarse_label_names.txt", CoarseClassNames.Count) ?? CoarseClassNames;

        var train = Read(training, TrainCount, labels, names);
        var test = DataFile.Find(source, "test.bin") is { } file ? Read(file, TestCount, labels, names) : null;
        return new(train, test, source);
    }

    /// <summary>Whether a folder holds the training file, so that <see cref="Load"/> makes sense.</summary>
    internal static bool IsIn(string folder) => DataFile.Find(CifarFile.Inside(folder, Archive, "train.bin"), "train.bin") is not null;

    static PictureSet Read(string file, int count, Cifar100Labels kind, IReadOnlyList<string> names)
    {
        var pixels = new byte[count * CifarFile.PictureLength];
        var labels = new int[count];
        CifarFile.Read(file, count, Labels, chosen: kind == Cifar100Labels.Coarse ? 0 : 1, pixels, labels);
        return new("cifar100", pixels, labels, CifarFile.Side, CifarFile.Side, CifarFile.Channels, names, Normalization);
    }
}
