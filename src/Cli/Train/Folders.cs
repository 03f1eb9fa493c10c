using CnnSharp.Data;

namespace CnnSharp.Cli.Train;

/// <summary>Folders of images as the commands take them.</summary>
internal static class Folders
{
    /// <summary>What the options say of the default size.</summary>
    public const string DefaultSize = "the images' own, at most 64";

    /// <summary>The side of the images unless said: small enough for a net to learn them on a CPU. Smaller images are not enlarged: that costs time, and adds nothing to see.</summary>
    const int LargestDefault = 64, SmallestDefault = 16;

    /// <summary>Images that are looked at for their size.</summary>
    const int Probes = 64;

    /// <summary>Finds a data set by name: one that is known, or a folder of the user's own images.</summary>
    /// <param name="terminal">Where images that are left out are named.</param>
    /// <param name="name">What <c>--dataset</c> says.</param>
    /// <param name="said">Where it is, and how a folder's images are read.</param>
    /// <param name="classes">The classes that a folder must have; null: those that it has.</param>
    /// <param name="normalization">How its pixels are normalized; null: as they themselves say.</param>
    public static DatasetSplits Find(Terminal terminal, string name, TrainSettings said, IReadOnlyList<string>? classes = null, Normalization? normalization = null)
    {
        if (name != ImageFolder.Name)
        {
            if ((said.Labels ?? said.LabelColumns) is not null) throw new UsageException($"--labels: it is for --dataset {ImageFolder.Name}; {name} has its own.");
            if ((said.Size ?? said.Resize ?? said.Channels) is not null) throw new UsageException($"--size, --resize and --channels are for --dataset {ImageFolder.Name}; the images of {name} have their own size.");
            return DataSets.Find(name, said.Data);
        }

        var folder = said.Data ?? throw new UsageException($"--dataset {ImageFolder.Name}: say with --data which folder; it holds a folder of images a class, or 'train' and 'val' with such folders inside; or say with --labels FILE.csv what its images are.");
        said = said with { Size = said.Size ?? SizeOf(folder) };
        var set = LabelFile.Load(folder, said, OptionsOf(terminal, said) with { Classes = classes, Normalization = normalization });
        if (set.Ignored.Count > 0) terminal.WriteLine($"ignored, as no images: {Listed(set.Ignored)}");
        return set;
    }

    /// <summary>Files that are no images, by their endings.</summary>
    public static string Listed(IReadOnlyDictionary<string, int> ignored) => string.Join(", ", ignored.Select(kind => $"{kind.Value:N0} {kind.Key}"));

    /// <summary>The middle of the shorter sides of a folder's images, by some of them, a multiple of 4 within the bounds of the default.</summary>
    static int SizeOf(string folder)
    {
        var files = Directory.Exists(folder) ? ImageFolder.Files(folder) : [];
        var sides = new List<int>();
        for (var i = 0; i < Math.Min(Probes, files.Count); i++)
        {
            try
            {
                var (height, width) = ImageFile.Identify(files[(int)((long)i * files.Count / Math.Min(Probes, files.Count))]);
                sides.Add(Math.Min(height, width));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Whoever reads it says so.
            }
        }

        sides.Sort();
        return sides.Count == 0 ? LargestDefault : Math.Clamp(sides[sides.Count / 2] / 4 * 4, SmallestDefault, LargestDefault);
    }

    /// <summary>How a folder's images are read.</summary>
    public static ImageFolderOptions OptionsOf(Terminal terminal, TrainSettings said)
    {
        var size = said.Size ?? LargestDefault;
        if (said.Resize < size) throw new UsageException($"--resize {said.Resize}: images of {size} x {size} (--size) cannot be cut out of smaller ones.");
        if (said.Channels == 2) throw new UsageException("--channels 2: expected 3 for color or 1 for gray.");
        return new()
        {
            Size = size,
            Resize = said.Resize,
            Channels = said.Channels ?? 3,
            MemoryBudget = (long)(said.Cache ?? 1024) << 20,
            OnCorrupt = said.SkipCorrupt == true ? Leave : null,
        };

        void Leave(DataFormatException e)
        {
            lock (terminal) terminal.WriteLine($"left out: {e.Message}");
        }
    }
}
