namespace CnnSharp.Kernels.Cpu;

internal sealed unsafe partial class CpuKernels<V>
{
    /// <summary>Which weights lie how: packed in panels for the tiles, or transformed for Winograd's algorithm.</summary>
    readonly record struct WeightForm(bool Winograd, int Groups, int In, int Out, int KernelH, int KernelW, WeightLayout Layout);

    /// <summary>
    /// Weights in the order in which tiles read them, kept beside their buffer as long as its contents stay the same
    /// (<see cref="DeviceBuffer.Version"/>): with one image, packing costs as much as half of the multiply-adds, and
    /// transforming more than all of them. Only from the second use on: a training, whose weights change at every step,
    /// packs into memory that all calls share. One form a buffer; used under <see cref="Workers.Gate"/>.
    /// </summary>
    sealed class PackedWeights : IDisposable
    {
        DeviceBuffer? memory;
        WeightForm form;
        long version;

        /// <summary>Where the weights are kept in a form, or are to be.</summary>
        /// <param name="weights">Their buffer.</param>
        /// <param name="form">How they are to lie.</param>
        /// <param name="length">Floats of it.</param>
        /// <param name="ready">Whether they lie there; else the caller writes them.</param>
        /// <returns>Null if they are not kept: this is the first use since they changed.</returns>
        public static float* Find(DeviceBuffer weights, in WeightForm form, long length, out bool ready)
        {
            ready = false;
            if (weights.Derived is not PackedWeights known) weights.Derived = known = new();
            if (known.version != weights.Version || known.form != form)
            {
                known.Dispose();
                known.version = weights.Version;
                known.form = form;
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
}
