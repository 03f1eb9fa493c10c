using System.Globalization;
using CnnSharp.Formats;
using CnnSharp.Formats.TensorBoard;
using CnnSharp.Layers;

namespace CnnSharp.Training;

/// <summary>
/// What a training keeps in its output folder: the last checkpoint and the one before it, the best ones, snapshots, and the metrics.
/// Whenever the process ends, a whole checkpoint is there, and beside it the metrics of its epochs at least.
/// </summary>
sealed class OutputFolder : IDisposable
{
    const string BestPrefix = "best.epoch-";
    const string SnapshotPrefix = "snapshot-";
    const string Ending = ".safetensors";

    readonly RunLock taken;
    readonly bool isNew;
    readonly string path;
    readonly string last;
    readonly string previous;
    readonly string best;
    readonly string metrics;
    readonly string? events;

    /// <summary>The newest whole checkpoint of this training; null: there is none yet. Nothing but that may become <see cref="previous"/>.</summary>
    string? newest;

    OutputFolder(string path, RunLock taken, bool isNew, bool hasEvents)
    {
        (this.path, this.taken, this.isNew) = (path, taken, isNew);
        events = hasEvents ? Path.Combine(path, EventFile.Name) : null;
        (last, previous, best, metrics) = (Path.Combine(path, Checkpoint.LastFile), Path.Combine(path, Checkpoint.PreviousFile), Path.Combine(path, Checkpoint.BestFile), Path.Combine(path, MetricsFile.Name));
    }

    /// <summary>Where it is.</summary>
    public string Location => path;

    /// <summary>Takes the folder that the options name: from now on nobody else writes there.</summary>
    /// <exception cref="RunLockedException">Another training has it.</exception>
    /// <exception cref="ArgumentException">It holds a training, which is neither to be resumed nor to be replaced.</exception>
    /// <exception cref="IOException">It cannot be made, or written to.</exception>
    public static OutputFolder Take(TrainingOptions options)
    {
        var path = options.OutputFolder!;
        for (var part = Path.GetFullPath(path); part is not null; part = Path.GetDirectoryName(part))
        {
            if (File.Exists(part)) throw new IOException($"The output folder '{path}' cannot be made: {(part == Path.GetFullPath(path) ? "that" : $"'{part}'")} is a file. Name another folder ({nameof(TrainingOptions)}.{nameof(TrainingOptions.OutputFolder)}), or move the file away.");
        }

        try
        {
            return TakePlace(options, path);
        }
        catch (Exception e) when (e is UnauthorizedAccessException || (e is IOException and not RunLockedException))
        {
            throw new IOException($"The output folder '{path}' cannot be {(Directory.Exists(path) ? "written to" : "made")}: {e.Message.TrimEnd('.')}. Name another folder ({nameof(TrainingOptions)}.{nameof(TrainingOptions.OutputFolder)}), or see to its permissions.", e);
        }
    }

    static OutputFolder TakePlace(TrainingOptions options, string path)
    {
        if (options.NumberedFolder)
        {
            var numbered = RunLock.TakeNew(path, out path);
            return new(path, numbered, isNew: true, options.TensorBoard);
        }

        var isNew = !Directory.Exists(path);
        var folder = new OutputFolder(path, RunLock.Take(path), isNew, options.TensorBoard);
        if (options.Resume || options.Overwrite || FileIn(path) is not { } found) return folder;
        folder.Dispose();
        throw new ArgumentException($"'{path}' holds a training already ({found}). Resume it, choose another folder, or say that it is to be replaced: {nameof(TrainingOptions)}.{nameof(TrainingOptions.Resume)}, {nameof(TrainingOptions.NumberedFolder)}, {nameof(TrainingOptions.Overwrite)}.");
    }

    /// <summary>A file of a training in a folder; null: there is none.</summary>
    public static string? FileIn(string path) => new[] { Checkpoint.LastFile, Checkpoint.PreviousFile, Checkpoint.BestFile, MetricsFile.Name }.FirstOrDefault(name => File.Exists(Path.Combine(path, name)));

    /// <summary>Gives the folder up; one that was made for a training that has written nothing goes again.</summary>
    public void Dispose()
    {
        taken.Dispose();
        if (!isNew) return;
        try
        {
            if (!Directory.EnumerateFileSystemEntries(path).Any()) Directory.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // An empty folder does no harm.
        }
    }

    /// <summary>Whether there is a checkpoint to go on from.</summary>
    public static bool HasCheckpoint(string path) => File.Exists(Path.Combine(path, Checkpoint.LastFile)) || File.Exists(Path.Combine(path, Checkpoint.PreviousFile));

    /// <summary>The checkpoint to go on from, verified: the last one, or, if that is damaged or missing, the one before it.</summary>
    /// <param name="damage">What is wrong with the last one; null if nothing is.</param>
    /// <returns>Null if there is none.</returns>
    /// <exception cref="DataFormatException">Neither is sound.</exception>
    public CheckpointFile? Open(out DataFormatException? damage)
    {
        damage = null;
        if (!HasCheckpoint(path)) return null;
        try
        {
            var file = CheckpointFile.Open(last, verify: true);
            newest = last;
            return file;
        }
        catch (Exception e) when (e is DataFormatException or FileNotFoundException)
        {
            damage = e as DataFormatException ?? new DataFormatException(last, "is missing", inner: e);
        }

        if (!File.Exists(previous)) throw new DataFormatException(last, $"cannot be resumed, and there is no checkpoint before it. {damage.Message.TrimEnd('.')}", inner: damage);
        try
        {
            var file = CheckpointFile.Open(previous, verify: true);
            newest = previous;
            return file;
        }
        catch (DataFormatException e)
        {
            throw new DataFormatException(last, $"cannot be resumed, and neither can the checkpoint before it. {damage.Message} {e.Message.TrimEnd('.')}", inner: e);
        }
    }

    /// <summary>Makes the folder ready for a training that goes on after some epochs and steps: the metrics, events and snapshots of later ones are dropped.</summary>
    /// <param name="device">Where it is computed.</param>
    /// <param name="epochs">The finished ones.</param>
    /// <param name="step">The finished steps.</param>
    /// <param name="best">The epochs whose checkpoints may be there, by their names; null: any.</param>
    /// <param name="hasSnapshots">Whether the training makes snapshots.</param>
    public void Begin(Device device, int epochs, long step, IReadOnlyList<int>? best, bool hasSnapshots)
    {
        AtomicFile.DeleteLeftovers(path);
        RunStart.Now(device, step).AppendTo(path);
        if (best is not null) KeepOnly(best);
        foreach (var (file, _) in hasSnapshots ? Numbered(path, SnapshotPrefix) : [])
        {
            if (InfoOf(file)?.Step > step) File.Delete(file);
        }

        MetricsFile.KeepUpTo(metrics, epochs);
        if (events is not null) EventFile.KeepUpTo(events, step, Now);
    }

    /// <summary>Removes what an earlier training left that this one has not replaced.</summary>
    public void DeleteOthers()
    {
        File.Delete(previous);
        File.Delete(best);
        foreach (var (file, _) in Numbered(path, SnapshotPrefix)) File.Delete(file);
        KeepOnly([]);
    }

    /// <summary>Writes the state to go on from; the one before it stays beside it.</summary>
    public string SaveLast(Layer model, CheckpointInfo info, IReadOnlyList<Optimizer> optimizers, AveragedWeights? averages)
    {
        Write(last, info, () => Checkpoint.Save(last, model, info, optimizers, averages, newest == last ? previous : null));
        newest = last;
        return last;
    }

    /// <summary>Writes the weights of the best epoch.</summary>
    public string SaveBest(Layer model, CheckpointInfo info)
    {
        Write(best, info, () => Checkpoint.Save(best, model, info));
        return best;
    }

    /// <summary>Before another epoch becomes the best: keeps the checkpoint of the one that was, under its epoch.</summary>
    /// <remarks>
    /// Where the process had ended between this and the next checkpoint, the best one is of the epoch that is made again now,
    /// and that of the one before it is under its epoch already.
    /// </remarks>
    public void SetBestAside(int epoch)
    {
        var kept = BestOf(epoch);
        if (File.Exists(kept) || !File.Exists(best) || InfoOf(best)?.Epoch != epoch) return;
        using var source = File.OpenRead(best);
        AtomicFile.Write(kept, source.CopyTo);
    }

    /// <summary>Writes the weights of an epoch that is one of the best and not the best.</summary>
    public string SaveAmongBest(Layer model, CheckpointInfo info)
    {
        var file = BestOf(info.Epoch);
        Write(file, info, () => Checkpoint.Save(file, model, info));
        return file;
    }

    /// <summary>Removes the checkpoints called by their epochs that are of none of these.</summary>
    public void KeepOnly(IReadOnlyList<int> epochs)
    {
        foreach (var (file, epoch) in Numbered(path, BestPrefix))
        {
            if (!epochs.Contains(epoch)) File.Delete(file);
        }
    }

    /// <summary>Writes the weights at the end of a cycle.</summary>
    /// <param name="model">What is trained.</param>
    /// <param name="info">What else to remember.</param>
    /// <param name="cycle">Which, from 1.</param>
    public string SaveSnapshot(Layer model, CheckpointInfo info, long cycle)
    {
        var file = Path.Combine(path, $"{SnapshotPrefix}{cycle}{Ending}");
        Write(file, info, () => Checkpoint.Save(file, model, info));
        return file;
    }

    /// <summary>The snapshots in a folder, in their order.</summary>
    public static IReadOnlyList<string> SnapshotsIn(string path) => [.. Numbered(path, SnapshotPrefix).Select(found => found.File)];

    /// <summary>The files called by numbers after a prefix, in their order.</summary>
    static IEnumerable<(string File, int Number)> Numbered(string path, string prefix)
        => [.. Directory.GetFiles(path, $"{prefix}*{Ending}")
            .Select(file => (File: file, IsNumber: int.TryParse(Path.GetFileName(file)[prefix.Length..^Ending.Length], NumberStyles.None, CultureInfo.InvariantCulture, out var number), Number: number))
            .Where(found => found.IsNumber).OrderBy(found => found.Number).Select(found => (found.File, found.Number))];

    /// <summary>What a checkpoint that is only looked at says; null where it is damaged.</summary>
    static CheckpointInfo? InfoOf(string file)
    {
        try
        {
            return Checkpoint.ReadInfo(file);
        }
        catch (DataFormatException)
        {
            return null;
        }
    }

    string BestOf(int epoch) => Path.Combine(path, $"{BestPrefix}{epoch}{Ending}");

    /// <summary>Brings the weights of the best epoch back.</summary>
    public void ReadBest(Layer model) => Checkpoint.Load(best, model);

    /// <summary>Adds an epoch's line to the metrics. Before its checkpoint is written: a line too many is dropped on resuming, one too few would be missed for ever.</summary>
    public void Append(EpochResult result, long step) => MetricsFile.Append(metrics, result, step);

    /// <summary>Whether events are written for TensorBoard.</summary>
    public bool HasEvents => events is not null;

    /// <summary>Adds figures of a step to the events.</summary>
    public void AppendEvent(long step, IEnumerable<EventSummary.Types.Value> values)
    {
        if (events is not null) EventFile.Append(events, new Event { WallTime = Now, Step = step, Summary = new() { Value = { values } } });
    }

    static double Now => (DateTime.UtcNow - DateTime.UnixEpoch).TotalSeconds;

    /// <summary>Says, when a file cannot be written, what that means for the training.</summary>
    void Write(string file, CheckpointInfo info, Action write)
    {
        try
        {
            write();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            var kept = newest is null ? "There is no checkpoint of this training yet." : $"The last whole one, '{newest}', is untouched: resume from it.";
            throw new IOException($"The checkpoint '{file}' of epoch {info.Epoch}, step {info.Step} cannot be written: {e.Message.TrimEnd('.')}. {kept}", e);
        }
    }
}
