using System.Numerics;

namespace CnnSharp.Kernels.Reference;

/// <summary>A family of primitives as plain loops, each forward with its backward below it, and what families have in common.</summary>
/// <typeparam name="T">As <see cref="ReferenceKernels{T}"/>'s.</typeparam>
abstract unsafe class ReferenceKernelFamily<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    protected static double Activate(Activation activation, double value) => activation switch
    {
        Activation.None => value,
        Activation.Relu => Math.Max(value, 0),
        _ => throw new ArgumentOutOfRangeException(nameof(activation), activation, "unknown activation"),
    };

    /// <summary>Whether an activation let its result y through, so that its gradient passes.</summary>
    protected static bool Passes(Activation activation, double y) => activation == Activation.None || y > 0;

    /// <summary>The order of maxima: NaN is above everything, and of equals the first stays.</summary>
    protected static bool IsGreater(double candidate, double maximum) => candidate > maximum || (double.IsNaN(candidate) && !double.IsNaN(maximum));

    /// <summary>Sums to be kept in double, all 0.</summary>
    /// <exception cref="NotSupportedException">There are more than an array has.</exception>
    protected static double[] Sums(long count)
        => count <= Array.MaxLength ? new double[count] : throw new NotSupportedException($"{count:N0} elements: the reference engine sums at most {Array.MaxLength:N0}. A smaller batch has fewer.");

    /// <summary>Rounds sums that were kept in double, in the buffer's order, into the buffer.</summary>
    protected static void Store(double[] sums, DeviceBuffer target, bool accumulate = false)
    {
        var y = new WritableElements(target);
        for (var i = 0; i < sums.Length; i++) y[i] = accumulate ? y[i] + sums[i] : sums[i];
    }

    /// <summary>The bias repeated down rows of <paramref name="channels"/>: what the sums start from.</summary>
    protected static double[] BiasRows(DeviceBuffer? b, long length, int channels)
    {
        var sums = Sums(length);
        if (b is null) return sums;
        var bias = new Elements(b);
        for (var i = 0; i < sums.Length; i++) sums[i] = bias[i % channels];
        return sums;
    }

    /// <summary>The logistic function. exp(-x) may overflow to infinity: the quotient is then the 0 it should be.</summary>
    protected static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    /// <summary>1, -1 or 0.</summary>
    protected static double Sign(double x) => x > 0 ? 1 : x < 0 ? -1 : 0;

    /// <summary>x x.</summary>
    protected static double Square(double x) => x * x;

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
