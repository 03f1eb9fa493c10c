using System.CommandLine;
using CnnSharp.Data;

namespace CnnSharp.Cli.Train;

/// <summary>A CSV file that says the classes of a folder's images: <c>--labels</c>, <c>--label-columns</c>.</summary>
internal sealed class LabelFile
{
    readonly Option<string?> labels = Options.Text("--labels", "FILE.csv", "the classes of the images in --data, where not its folders are the classes: a line an image, its file and its class, under a header line");
    readonly Option<string?> columns = Options.Text("--label-columns", "NAMES", "the columns of --labels, by name: IMAGE,CLASS or IMAGE,CLASS,SPLIT (train, val, test); default: the first, and the only other one");

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        command.Options.Add(labels);
        command.Options.Add(columns);
    }

    /// <summary>Settings with what was given among them.</summary>
    /// <exception cref="UsageException">There is no such file, or it has no folder of images.</exception>
    public TrainSettings Into(ParseResult parsed, TrainSettings settings)
    {
        var (file, names) = (parsed.GetValue(labels), parsed.GetValue(columns));
        if (file is not null) ModelWeights.Existing("--labels", file);
        if (names is not null && names.Split(',') is not { Length: 2 or 3 }) throw new UsageException($"--label-columns {names}: expected IMAGE,CLASS or IMAGE,CLASS,SPLIT, names of columns of --labels.");
        return settings with { Labels = file, LabelColumns = names };
    }

    /// <summary>The images that settings describe.</summary>
    /// <param name="folder">Where they are.</param>
    /// <param name="settings">Those.</param>
    /// <param name="options">How they are read.</param>
    public static DatasetSplits Load(string folder, TrainSettings settings, ImageFolderOptions options)
    {
        if (settings.Labels is not { } file)
        {
            if (settings.LabelColumns is not null) throw new UsageException("--label-columns: it is for --labels FILE.csv.");
            return ImageFolder.Load(folder, options);
        }

        string[] names = settings.LabelColumns?.Split(',') ?? [];
        return ImageFolder.FromCsv(file, folder, names.Length == 0 ? null : new() { Image = names[0], Label = names[1], Split = names.Length > 2 ? names[2] : null }, options);
    }
}
