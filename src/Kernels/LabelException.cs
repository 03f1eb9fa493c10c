namespace CnnSharp.Kernels;

/// <summary>
/// A label that is no class. The CPU and reference engines throw it where the loss is computed; a GPU, which is not waited
/// for there, throws it at the next read of anything (the loss, say) or <see cref="Engine.Synchronize"/>. Until then the
/// row has a loss of NaN and a gradient of 0.
/// </summary>
public sealed class LabelException : ArgumentException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="operation">The loss, e.g. <c>CrossEntropy</c>.</param>
    /// <param name="index">Where in the labels, counted over all axes: the first such label, on a GPU one of the first.</param>
    /// <param name="label">The label.</param>
    /// <param name="classes">How many classes there are.</param>
    public LabelException(string operation, long index, int label, int classes)
        : base($"{operation}: label {label} at index {index} is no class: with {classes} {(classes == 1 ? "class labels are 0" : $"classes labels are 0 to {classes - 1}")}. Rows without a class are left out by ignoreIndex: {label}.")
        => (Operation, Index, Label, Classes) = (operation, index, label, classes);

    /// <summary>The loss.</summary>
    public string Operation { get; }

    /// <summary>Where in the labels.</summary>
    public long Index { get; }

    /// <summary>The label.</summary>
    public int Label { get; }

    /// <summary>How many classes there are.</summary>
    public int Classes { get; }
}
