using System.Numerics;

namespace CnnSharp.Kernels.Reference;

/// <summary>
/// The primitives as plain loops, one file a family, each forward with its backward below it. Formulas and shapes are
/// at <see cref="IKernels"/>. <typeparamref name="T"/> is the type of storage only: all arithmetic is double, so a float
/// result is the formula's value rounded once, and its error is not an issue when another engine is compared with it.
/// </summary>
/// <typeparam name="T">float or double.</typeparam>
internal sealed unsafe partial class ReferenceKernels<T> : IKernels, IMemoryKernels, IConvolutionKernels, IMatMulKernels, IPoolingKernels, INormalizationKernels, IElementwiseKernels, ILossKernels, IReductionKernels, IResizeKernels, ISparseKernels, IImageKernels, IOptimizerKernels
    where T : unmanaged, IFloatingPointIeee754<T>
{
    IMemoryKernels IKernels.Memory => this;

    IConvolutionKernels IKernels.Convolution => this;

    IMatMulKernels IKernels.MatMul => this;

    IPoolingKernels IKernels.Pooling => this;

    INormalizationKernels IKernels.Normalization => this;

    IElementwiseKernels IKernels.Elementwise => this;

    ILossKernels IKernels.Losses => this;

    IReductionKernels IKernels.Reductions => this;

    public IIndexingKernels Indexing { get; } = new IndexingKernels<T>();

    IResizeKernels IKernels.Resize => this;

    ISparseKernels IKernels.Sparse => this;

    IImageKernels IKernels.Images => this;

    IOptimizerKernels IKernels.Optimizers => this;

    static double Activate(Activation activation, double value) => activation switch
    {
        Activation.None => value,
        Activation.Relu => Math.Max(value, 0),
        _ => throw new ArgumentOutOfRangeException(nameof(activation), activation, "unknown activation"),
    };

    /// <summary>Whether an activation let its result y through, so that its gradient passes.</summary>
    static bool Passes(Activation activation, double y) => activation == Activation.None || y > 0;

    /// <summary>The order of maxima: NaN is above everything, and of equals the first stays.</summary>
    internal static bool IsGreater(double candidate, double maximum) => candidate > maximum || (double.IsNaN(candidate) && !double.IsNaN(maximum));

    /// <summary>Sums to be kept in double, all 0.</summary>
    /// <exception cref="NotSupportedException">There are more than an array has.</exception>
    static double[] Sums(long count)
        => count <= Array.MaxLength ? new double[count] : throw new NotSupportedException($"{count:N0} elements: the reference engine sums at most {Array.MaxLength:N0}. A smaller batch has fewer.");

    /// <summary>Rounds sums that were kept in double, in the buffer's order, into the buffer.</summary>
    static void Store(double[] sums, DeviceBuffer target, bool accumulate = false)
    {
        var y = new WritableElements(target);
        for (var i = 0; i < sums.Length; i++) y[i] = accumulate ? y[i] + sums[i] : sums[i];
    }

    /// <summary>A buffer's elements, read as double. An index outside the buffer is an exception.</summary>
    internal readonly struct Elements(DeviceBuffer buffer)
    {
        readonly T* first = buffer.ReadOnlyPointer<T>();

        public long Length { get; } = buffer.Length;

        public double this[long index]
            => (ulong)index < (ulong)Length ? double.CreateTruncating(first[index]) : throw new ArgumentOutOfRangeException(nameof(index), index, $"the buffer has {Length} elements");
    }

    /// <summary>A buffer's elements, read and written as double. An index outside the buffer is an exception.</summary>
    internal readonly struct WritableElements(DeviceBuffer buffer)
    {
        readonly T* first = buffer.Pointer<T>();

        public long Length { get; } = buffer.Length;

        public double this[long index]
        {
            get => double.CreateTruncating(*At(index));
            set => *At(index) = T.CreateTruncating(value);
        }

        T* At(long index)
            => (ulong)index < (ulong)Length ? first + index : throw new ArgumentOutOfRangeException(nameof(index), index, $"the buffer has {Length} elements");
    }
}
