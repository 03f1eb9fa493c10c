using System.Runtime.CompilerServices;

namespace CnnSharp.Kernels.Cpu;

/// <summary>The epilogue of a sum, in this order; the bias is its first term.</summary>
internal unsafe struct Epilogue
{
    /// <summary>Null, or one a channel and readable three vectors further: sum = sum Scale + Shift.</summary>
    public float* Scale, Shift;

    /// <summary>Null, or shaped as the target: added.</summary>
    public float* Add;

    /// <summary>max(sum, 0).</summary>
    public bool Relu;

    /// <summary>min(sum, Upper); 0: no bound.</summary>
    public float Upper;

    /// <summary>sum / (1 + exp(-sum)), in place of a bound and not with <see cref="Accumulate"/>. Tiles store their sums, and these are read again while they are in the L1: the registers are the tile's.</summary>
    public bool Silu;

    /// <summary>Added to the target instead of replacing it.</summary>
    public bool Accumulate;

    /// <summary>Tells a call of tiles, for channels from <paramref name="channel"/> on.</summary>
    public readonly void Set(ref CorrelationCall call, float* target, int channel)
    {
        call.Scale = Scale is null ? null : Scale + channel;
        call.Shift = Scale is null ? null : Shift + channel;
        call.Add = Add is null ? 0 : (nint)(Add - target);
        call.Relu = Relu;
        call.Upper = Upper;
        call.Silu = Silu;
        call.Accumulate = Accumulate;
    }

    /// <summary>y / (1 + exp(-y)) of some pixels and channels that were stored.</summary>
    /// <param name="y">The first.</param>
    /// <param name="stride">Floats between two pixels.</param>
    /// <param name="pixels">How many.</param>
    /// <param name="channels">Of each.</param>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void ApplySilu<V>(float* y, nint stride, int pixels, int channels)
        where V : unmanaged, IVector<V>
    {
        for (; pixels > 0; pixels--, y += stride)
        {
            var c = 0;
            for (; c + V.Count <= channels; c += V.Count) V.Store(ElementwiseKernels<V>.SiluFunction.Forward(V.Load(y + c), V.Zero), y + c);
            if (c < channels) V.StorePartial(ElementwiseKernels<V>.SiluFunction.Forward(V.LoadPartial(y + c, channels - c), V.Zero), y + c, channels - c);
        }
    }

    /// <summary>Sums of nothing: what a convolution without input channels or rows gives, and a product over no terms.</summary>
    public readonly void StoreEmptySums(DeviceBuffer? b, DeviceBuffer y, int channels)
    {
        float* bias = b.ReadOnlyPointerOrNull<float>(), target = y.Pointer<float>();
        for (long i = 0; i < y.Length; i++)
        {
            var c = i % channels;
            var sum = bias is null ? 0 : bias[c];
            if (Scale is not null) sum = MathF.FusedMultiplyAdd(sum, Scale[c], Shift[c]);
            if (Add is not null) sum += Add[i];
            if (Relu && sum < 0) sum = 0;
            if (Upper > 0 && sum > Upper) sum = Upper;
            if (Silu) sum /= 1 + MathF.Exp(-sum);
            target[i] = Accumulate ? sum + target[i] : sum;
        }
    }
}
