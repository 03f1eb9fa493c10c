namespace CnnSharp.Kernels;

/// <summary>Shapes or options that do not fit together. The message says what, where, expected and actual.</summary>
public sealed class ShapeException : ArgumentException
{
    readonly string problem;

    /// <summary>Creates the exception.</summary>
    /// <param name="operation">The operation that refused, e.g. <c>Conv2d</c>.</param>
    /// <param name="problem">What does not fit, with the shapes.</param>
    public ShapeException(string operation, string problem)
        : this(operation, problem, null)
    {
    }

    ShapeException(string operation, string problem, string? layer, Exception? inner = null)
        : base(layer is null ? $"{operation}: {problem}" : $"{operation} '{layer}': {problem}", inner)
    {
        Operation = operation;
        this.problem = problem;
        Layer = layer;
    }

    /// <summary>The operation that refused.</summary>
    public string Operation { get; }

    /// <summary>The dotted path of the layer in which it happened, once known.</summary>
    public string? Layer { get; }

    /// <summary>The same problem, placed in a layer.</summary>
    public ShapeException In(string layer) => new(Operation, problem, layer, this);
}
