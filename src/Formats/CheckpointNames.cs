namespace CnnSharp.Formats;

/// <summary>How tensors of a training are called in its checkpoints, beside the weights.</summary>
static class CheckpointNames
{
    /// <summary>Before the names of an optimizer's state.</summary>
    public const string OptimizerPrefix = "optimizer/";

    /// <summary>Before the names of the weights to go on from, where those without it are an average.</summary>
    public const string TrainedPrefix = "trained/";

    /// <summary>Whether a name is that of a weight.</summary>
    public static bool IsWeight(string name) => !name.StartsWith(OptimizerPrefix, StringComparison.Ordinal) && !name.StartsWith(TrainedPrefix, StringComparison.Ordinal);
}
