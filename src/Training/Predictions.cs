namespace CnnSharp.Training;

/// <summary>What a model gives for the samples of a set.</summary>
/// <param name="Outputs">[samples, ...], on the CPU.</param>
/// <param name="ClassNames">Of the set's classes; empty where it has none.</param>
public sealed record Predictions(Tensor Outputs, IReadOnlyList<string> ClassNames)
{
    /// <summary>Of logits [samples, ..., classes]: the class of the largest, the first of equals; of an image of logits one a pixel.</summary>
    public int[] Classes() => Functional.ArgMax(Outputs).ToArray<int>();

    /// <summary>The names of <see cref="Classes"/>.</summary>
    /// <exception cref="InvalidOperationException">The set has no names, or not as many as there are logits.</exception>
    public string[] Names()
        => ClassNames.Count == Outputs.Shape[^1] ? Array.ConvertAll(Classes(), label => ClassNames[label]) : throw new InvalidOperationException($"Predictions: the set has {ClassNames.Count} class names, the outputs are {Outputs.Shape}.");
}
