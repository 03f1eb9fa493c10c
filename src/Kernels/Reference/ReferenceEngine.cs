using System.Numerics;

namespace CnnSharp.Kernels.Reference;

/// <summary>
/// The reference engine: one loop nest a primitive, written like its formula, on one thread. What every other engine is
/// checked against; in double precision (<c>reference-f64</c>) also what gradients are checked on.
/// </summary>
/// <typeparam name="T">float or double.</typeparam>
public sealed class ReferenceEngine<T> : HostEngine
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <inheritdoc/>
    public override string Name => typeof(T) == typeof(double) ? "reference-f64" : "reference";

    /// <inheritdoc/>
    public override string Description => $"plain loops, {FloatType}, 1 thread";

    /// <inheritdoc/>
    public override DType FloatType => DTypes.Of<T>();

    /// <inheritdoc/>
    public override IKernels Kernels { get; } = new ReferenceKernels<T>();
}
