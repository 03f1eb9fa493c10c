using ILGPU;
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

// Dropout (Srivastava et al. 2014), inverted.
sealed partial class ElementwiseKernels
{
    Action<Index1D, ulong, float, ulong, ulong, ArrayView<float>, ArrayView<float>>? dropout;

    /// <summary>One thread a block of the generator: four numbers, four elements.</summary>
    static void Drop(Index1D i, ulong threshold, float kept, ulong seed, ulong stream, ArrayView<float> x, ArrayView<float> y)
    {
        var (n0, n1, n2, n3) = Philox.Block(seed, stream, (ulong)i.X);
        if (i < y.Length / 4)
        {
            var p = Float4.Of(x)[i];
            Float4.Of(y)[i] = new(Keep(n0, threshold, p.X, kept), Keep(n1, threshold, p.Y, kept), Keep(n2, threshold, p.Z, kept), Keep(n3, threshold, p.W, kept));
        }
        else
        {
            // The last, incomplete block has one to three elements.
            var j = 4L * i;
            y[j] = Keep(n0, threshold, x[j], kept);
            if (j + 1 < y.Length) y[j + 1] = Keep(n1, threshold, x[j + 1], kept);
            if (j + 2 < y.Length) y[j + 2] = Keep(n2, threshold, x[j + 2], kept);
        }
    }

    static float Keep(uint number, ulong threshold, float x, float kept) => number >= threshold ? x / kept : 0;

    public void Dropout(float probability, ulong seed, ulong stream, DeviceBuffer x, DeviceBuffer y)
    {
        if (y.Length == 0) return;
        dropout ??= Compile<Action<Index1D, ulong, float, ulong, ulong, ArrayView<float>, ArrayView<float>>>(nameof(Dropout), Drop);
        dropout(Quads(y.Length), (ulong)(probability * 4294967296.0), 1 - probability, seed, stream, ReadFloats(x), Floats(y));
    }
}
