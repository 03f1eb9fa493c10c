namespace CnnSharp.Kernels.Cpu;

/// <summary>Where weight (tap, in, out) of a group lies: all strides in floats.</summary>
readonly record struct WeightLayout(long TapStride, long InStride, long OutStride, long GroupStride)
{
    /// <summary>[kh, kw, C / groups, K], read as weights from C to K channels.</summary>
    public static WeightLayout InOut(in ConvGeometry g) => new((long)g.GroupC * g.K, g.K, 1, g.GroupK);

    /// <summary>[kh, kw, K / groups, C], the weights of a transposed convolution, read as weights from C to K channels.</summary>
    public static WeightLayout OutIn(in ConvGeometry g) => new((long)g.GroupK * g.C, 1, g.C, g.GroupC);

    /// <summary>The same weights, read from K to C channels.</summary>
    public WeightLayout Exchanged => this with { InStride = OutStride, OutStride = InStride };
}

/// <summary>The epilogue of a sum, in this order; the bias is its first term.</summary>
unsafe struct Epilogue
{
    /// <summary>Null, or one a channel and readable three vectors further: sum = sum Scale + Shift.</summary>
    public float* Scale, Shift;

    /// <summary>Null, or shaped as the target: added.</summary>
    public float* Add;

    /// <summary>max(sum, 0).</summary>
    public bool Relu;

    /// <summary>Added to the target instead of replacing it.</summary>
    public bool Accumulate;

    /// <summary>Tells a call of tiles, for channels from <paramref name="channel"/> on.</summary>
    public readonly void Set(ref CorrelationCall call, float* target, int channel)
    {
        call.Scale = Scale is null ? null : Scale + channel;
        call.Shift = Scale is null ? null : Shift + channel;
        call.Add = Add is null ? 0 : (nint)(Add - target);
        call.Relu = Relu;
        call.Accumulate = Accumulate;
    }
}

/// <summary>A packed weight layout: packed in panels for the tiles, or transformed for Winograd's algorithm.</summary>
readonly record struct PackedWeightLayout(bool Winograd, int Groups, int In, int Out, int KernelH, int KernelW, WeightLayout Layout);

/// <summary>
/// Weights in the order in which tiles read them, kept beside their buffer as long as its contents stay the same
/// (<see cref="DeviceBuffer.Version"/>): with one image, packing costs as much as half of the multiply-adds, and
/// transforming more than all of them. Only from the second use on: a training, whose weights change at every step,
/// packs into memory that all calls share. One layout per buffer; used under <see cref="Workers.ScratchLock"/>.
/// </summary>
sealed unsafe class PackedWeights : IDisposable
{
    DeviceBuffer? memory;
    PackedWeightLayout layout;
    long version;

    /// <summary>The packed weights, or room for them.</summary>
    /// <param name="weights">Their buffer.</param>
    /// <param name="layout">The layout.</param>
    /// <param name="length">Floats of it.</param>
    /// <param name="ready">Whether they are packed; else the caller packs them.</param>
    /// <returns>Null if they are not kept: this is the first use since they changed.</returns>
    public static float* GetOrPack(DeviceBuffer weights, in PackedWeightLayout layout, long length, out bool ready)
    {
        ready = false;
        if (weights.Derived is not PackedWeights known) weights.Derived = known = new();
        if (known.version != weights.Version || known.layout != layout)
        {
            known.Dispose();
            known.version = weights.Version;
            known.layout = layout;
            return null;
        }

        ready = known.memory is not null;
        known.memory ??= weights.Engine.Rent(DType.Float32, length);
        return known.memory.ReadOnlyPointer<float>();
    }

    public void Dispose()
    {
        memory?.Release();
        memory = null;
    }
}
