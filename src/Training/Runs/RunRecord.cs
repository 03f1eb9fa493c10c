using System.Text.RegularExpressions;

namespace CnnSharp.Training;

/// <summary>What a training has left in its folder, read without its model and while it may still go on: the figures of its epochs, what its checkpoint says, where it ran.</summary>
/// <example>
/// <code>
/// foreach (var run in RunRecord.Find("runs").OrderByDescending(run => run.Best("validation_accuracy") ?? 0))
///     Console.WriteLine($"{run.Folder}: {run.Best("validation_accuracy"):P2} after {run.Epochs.Count} epochs");
/// </code>
/// </example>
public sealed partial class RunRecord
{
    RunRecord(string folder, CheckpointInfo? info, IReadOnlyList<IReadOnlyDictionary<string, double>> epochs, IReadOnlyList<RunStart> starts, bool isRunning)
        => (Folder, Info, Epochs, Starts, IsRunning) = (folder, info, epochs, starts, isRunning);

    /// <summary>The folder.</summary>
    public string Folder { get; }

    /// <summary>What its last checkpoint says, or the one before it if that cannot be read; null: there is none.</summary>
    public CheckpointInfo? Info { get; }

    /// <summary>The figures of each finished epoch by their names in <c>metrics.jsonl</c>: <c>epoch</c>, <c>train_loss</c>, <c>validation_accuracy</c>, ...</summary>
    public IReadOnlyList<IReadOnlyDictionary<string, double>> Epochs { get; }

    /// <summary>When and where it was begun and resumed; empty in folders of before that was written.</summary>
    public IReadOnlyList<RunStart> Starts { get; }

    /// <summary>Whether a process was writing into it as it was read.</summary>
    public bool IsRunning { get; }

    /// <summary>The checkpoint of its best epoch, else the last one; null: there is none.</summary>
    public string? Checkpoint => new[] { Training.Checkpoint.BestFile, Training.Checkpoint.LastFile, Training.Checkpoint.PreviousFile }.Select(name => Path.Combine(Folder, name)).FirstOrDefault(File.Exists);

    /// <summary>The names of the figures that there are, in the order of the file.</summary>
    public IReadOnlyList<string> Figures => [.. Epochs.SelectMany(epoch => epoch.Keys).Distinct(StringComparer.Ordinal)];

    /// <summary>A figure after each epoch that has it.</summary>
    public IReadOnlyList<(double Epoch, double Value)> Curve(string figure) => [.. Epochs.Where(epoch => epoch.ContainsKey(figure) && epoch.ContainsKey("epoch")).Select(epoch => (epoch["epoch"], epoch[figure]))];

    /// <summary>The best value of a figure, null if no epoch has it.</summary>
    /// <param name="figure">Its name.</param>
    /// <param name="isLowerBetter">Whether less is better; default: for losses and errors.</param>
    public double? Best(string figure, bool? isLowerBetter = null)
    {
        var values = Curve(figure);
        if (values.Count == 0) return null;
        var isLower = isLowerBetter ?? (figure.EndsWith("loss", StringComparison.Ordinal) || figure.EndsWith("error", StringComparison.Ordinal));
        return isLower ? values.Min(point => point.Value) : values.Max(point => point.Value);
    }

    /// <summary>Reads a folder.</summary>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="DataFormatException">No training has left anything in it.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public static RunRecord Read(string folder)
    {
        if (!Directory.Exists(folder)) throw new DirectoryNotFoundException($"There is no folder '{folder}'.");
        if (OutputFolder.FileIn(folder) is null) throw new DataFormatException(folder, $"holds no training: expected {MetricsFile.Name} and {Training.Checkpoint.LastFile}, as Fit with an {nameof(TrainingOptions.OutputFolder)} and 'cnnsharp train' write them");
        return new(folder, ReadInfo(folder), MetricsFile.Read(Path.Combine(folder, MetricsFile.Name)), RunStart.ReadFrom(folder), RunLock.IsTaken(folder));
    }

    /// <summary>The folders of trainings in a folder, itself and any depth below included, by their names; numbers in them by their value.</summary>
    public static IReadOnlyList<RunRecord> Find(string root)
    {
        if (!Directory.Exists(root)) return [];
        var options = new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = true, AttributesToSkip = FileAttributes.Hidden | FileAttributes.System | FileAttributes.ReparsePoint };
        return [.. Directory.EnumerateDirectories(root, "*", options).Prepend(root).Where(folder => OutputFolder.FileIn(folder) is not null).OrderBy(ByNumbers, StringComparer.Ordinal).Select(Read)];
    }

    /// <summary>A path whose order as text is that of the numbers in it.</summary>
    static string ByNumbers(string path) => Digits().Replace(path, match => match.Value.PadLeft(12, '0'));

    [GeneratedRegex(@"\d+")]
    private static partial Regex Digits();

    static CheckpointInfo? ReadInfo(string folder)
    {
        foreach (var name in new[] { Training.Checkpoint.LastFile, Training.Checkpoint.PreviousFile, Training.Checkpoint.BestFile })
        {
            var path = Path.Combine(folder, name);
            try
            {
                if (File.Exists(path)) return Training.Checkpoint.ReadInfo(path);
            }
            catch (Exception e) when (e is DataFormatException or FileNotFoundException)
            {
                // Damaged, or renamed at this moment: the one before it.
            }
        }

        return null;
    }

    /// <summary>For people: <c>runs/cifar10-resnet20/3: resnet20 on cifar10, 10 epochs</c>.</summary>
    public override string ToString() => $"{Folder}: {(Info is null ? "no checkpoint" : $"{Info.Model.Name} on {Info.Dataset}")}, {Epochs.Count} epochs";
}
