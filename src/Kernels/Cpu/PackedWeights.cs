namespace CnnSharp.Kernels.Cpu;

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

        // Computed again for its gradient: a step changes the weights next.
        if (known.memory is null && weights.Engine.IsRecomputing) return null;
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
