using System.Globalization;
using CnnSharp.Data;

namespace CnnSharp.Cli.Train;

/// <summary>What <c>--augment</c> means.</summary>
internal static class Augmentations
{
    const string RandAugment = "randaugment";

    /// <summary>The words, to be joined by commas.</summary>
    public static IReadOnlyList<string> Names { get; } = ["none", "crop", "reflect-crop", "random-crop", "resized-crop", "flip", "alternating-flip", "flip-up-down", "rotate", "jitter", RandAugment, "erase", "cutout", "mixup", "cutmix"];

    /// <summary>
    /// Pad and crop by an eighth of the image, flip half of them, cut out a quarter: 4 and 8 pixels of CIFAR's 32. Turn by
    /// up to 15 degrees, change colors by up to 0.4, erase a rectangle of half of them, mix by Beta(0.2, 0.2), paste by
    /// Beta(1, 1). <c>randaugment</c> is 2 operations of magnitude 9, <c>randaugment:3,12</c> others.
    /// </summary>
    /// <exception cref="UsageException">A word is unknown or is specified more than once, or two exclude each other.</exception>
    public static Augment Parse(string text, int side)
    {
        var augment = Augment.None;
        var seen = new HashSet<string>();
        foreach (var (word, numbers) in Words(text))
        {
            if (!Names.Contains(word)) throw new UsageException($"--augment: {Nearest.Unknown("augmentation", word, Names)}");
            if (!seen.Add(word)) throw new UsageException($"--augment {text}: '{word}' is specified more than once.");
            if (word == "none" && text != word) throw new UsageException($"--augment {text}: 'none' stands alone.");
            if (word == "none") continue;
            augment = augment.Then(word switch
            {
                RandAugment => RandomOperations(word, numbers),
                "crop" => Augment.PadAndCrop(Math.Max(1, side / 8)),
                "reflect-crop" => Augment.PadAndCrop(Math.Max(1, side / 8), Kernels.ImagePadding.Reflect),
                "random-crop" => Augment.RandomCrop(),
                "resized-crop" => Augment.RandomResizedCrop(),
                "flip" => Augment.Flip(),
                "alternating-flip" => Augment.AlternatingFlip(),
                "flip-up-down" => Augment.FlipUpDown(),
                "rotate" => Augment.Rotate(15),
                "jitter" => Augment.ColorJitter(),
                "erase" => Augment.Erase(),
                "mixup" => Augment.Mixup(),
                "cutmix" => Augment.CutMix(),
                _ => Augment.Cutout(Math.Max(1, side / 4)),
            });
        }

        return augment;
    }

    /// <summary>The words and, after a colon, their numbers: commas stand between words, and between numbers.</summary>
    static IEnumerable<(string Word, string? Numbers)> Words(string text)
    {
        var words = new List<string>();
        foreach (var part in text.Split(','))
        {
            if (words.Count > 0 && words[^1].Contains(':', StringComparison.Ordinal) && part.Length > 0 && char.IsAsciiDigit(part[0])) words[^1] += $",{part}";
            else words.Add(part);
        }

        foreach (var word in words)
        {
            var (name, numbers) = word.Split(':', 2) is [var first, var rest] ? (first, rest) : (word, null);
            if (numbers is not null && name != RandAugment) throw new UsageException($"--augment {text}: '{name}' takes no numbers; only {RandAugment} does, for instance {RandAugment}:2,9.");
            yield return (name, numbers);
        }
    }

    static Augment RandomOperations(string word, string? numbers)
    {
        if (numbers is null) return Augment.RandAugment();
        if (numbers.Split(',') is [var count, var strength]
            && int.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out var operations)
            && int.TryParse(strength, NumberStyles.None, CultureInfo.InvariantCulture, out var magnitude)) return Augment.RandAugment(operations, magnitude);
        throw new UsageException($"--augment {word}:{numbers}: expected {word}:OPERATIONS,MAGNITUDE, for instance {word}:2,9.");
    }
}
