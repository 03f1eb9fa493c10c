using CnnSharp.Formats;
using CnnSharp.Formats.TensorBoard;
using CnnSharp.Layers;

namespace CnnSharp.Training;

/// <summary>
/// What a training keeps in its output folder: the last checkpoint and the one before it, the best one, and the metrics.
/// Whenever the process ends, a whole checkpoint is there, and beside it the metrics of its epochs at least.
/// </summary>
sealed class OutputFolder : IDisposable
{
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
    public static OutputFolder Take(TrainingOptions options)
    {
        var path = options.OutputFolder!;
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

    /// <summary>Makes the folder ready for a training that goes on after some epochs and steps: the metrics and events of later ones are dropped.</summary>
    public void Begin(Device device, int epochs, long step)
    {
        AtomicFile.DeleteLeftovers(path);
        RunStart.Now(device, step).AppendTo(path);
        MetricsFile.KeepUpTo(metrics, epochs);
        if (events is not null) EventFile.KeepUpTo(events, step, Now);
    }

    /// <summary>Removes what an earlier training left that this one has not replaced.</summary>
    public void DeleteOthers()
    {
        File.Delete(previous);
        File.Delete(best);
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
