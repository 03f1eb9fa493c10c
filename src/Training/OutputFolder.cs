using CnnSharp.Formats;
using CnnSharp.Layers;

namespace CnnSharp.Training;

/// <summary>
/// What a training keeps in its output folder: the last checkpoint and the one before it, the best one, and the metrics.
/// Whenever the process ends, a whole checkpoint is there, and beside it the metrics of its epochs at least.
/// </summary>
sealed class OutputFolder(string path)
{
    readonly string last = Path.Combine(path, Checkpoint.LastFile);
    readonly string previous = Path.Combine(path, Checkpoint.PreviousFile);
    readonly string best = Path.Combine(path, Checkpoint.BestFile);
    readonly string metrics = Path.Combine(path, MetricsFile.Name);

    /// <summary>The newest whole checkpoint of this training; null: there is none yet. Nothing but that may become <see cref="previous"/>.</summary>
    string? newest;

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

    /// <summary>Makes the folder ready for a training that goes on after some epochs: the metrics of later ones are dropped.</summary>
    public void Begin(int epochs)
    {
        AtomicFile.DeleteLeftovers(path);
        MetricsFile.KeepUpTo(metrics, epochs);
    }

    /// <summary>Removes what an earlier training left that this one has not replaced.</summary>
    public void DeleteOthers()
    {
        File.Delete(previous);
        File.Delete(best);
    }

    /// <summary>Writes the state to go on from; the one before it stays beside it.</summary>
    public string SaveLast(Layer model, CheckpointInfo info, Optimizer optimizer)
    {
        Write(last, info, () => Checkpoint.Save(last, model, info, optimizer, newest == last ? previous : null));
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
