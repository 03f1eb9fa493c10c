using CnnSharp.Data;

namespace CnnSharp.Cli.Train;

/// <summary>What <c>--augment</c> means.</summary>
internal static class Augmentations
{
    /// <summary>The words, to be joined by commas.</summary>
    public static IReadOnlyList<string> Names { get; } = ["none", "crop", "random-crop", "resized-crop", "flip", "flip-up-down", "rotate", "jitter", "erase", "cutout", "mixup"];

    /// <summary>
    /// Pad and crop by an eighth of the image, flip half of them, cut out a quarter: 4 and 8 pixels of CIFAR's 32. Turn by
    /// up to 15 degrees, change colors by up to 0.4, erase a rectangle of half of them, mix by Beta(0.2, 0.2).
    /// </summary>
    /// <exception cref="UsageException">A word is unknown or is specified more than once, or two exclude each other.</exception>
    public static Augment Parse(string text, int side)
    {
        var augment = Augment.None;
        var seen = new HashSet<string>();
        foreach (var word in text.Split(','))
        {
            if (!Names.Contains(word)) throw new UsageException($"--augment: {Nearest.Unknown("augmentation", word, Names)}");
            if (!seen.Add(word)) throw new UsageException($"--augment {text}: '{word}' is specified more than once.");
            if (word == "none" && text != word) throw new UsageException($"--augment {text}: 'none' stands alone.");
            if (word == "none") continue;
            augment = augment.Then(word switch
            {
                "crop" => Augment.PadAndCrop(Math.Max(1, side / 8)),
                "random-crop" => Augment.RandomCrop(),
                "resized-crop" => Augment.RandomResizedCrop(),
                "flip" => Augment.Flip(),
                "flip-up-down" => Augment.FlipUpDown(),
                "rotate" => Augment.Rotate(15),
                "jitter" => Augment.ColorJitter(),
                "erase" => Augment.Erase(),
                "mixup" => Augment.Mixup(),
                _ => Augment.Cutout(Math.Max(1, side / 4)),
            });
        }

        return augment;
    }
}
