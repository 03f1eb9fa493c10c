using ILGPU;
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

// Maxout (Goodfellow et al. 2013). The pieces of a channel lie beside each other.
sealed partial class ElementwiseKernels
{
    Action<Index1D, int, ArrayView<float>, ArrayView<float>, ArrayView<int>>? maxout;
    Action<Index1D, int, ArrayView<float>, ArrayView<int>, ArrayView<float>>? maxoutBackward;

    /// <summary>One thread a channel of a row.</summary>
    static void Maxout(Index1D i, int pieces, ArrayView<float> x, ArrayView<float> y, ArrayView<int> indices)
    {
        var first = (long)i.X * pieces;
        var maximum = x[first];
        var place = 0;
        for (var p = 1; p < pieces; p++)
        {
            var value = x[first + p];
            if (!IsGreater(value, maximum)) continue;
            maximum = value;
            place = p;
        }

        y[i] = maximum;
        indices[i] = place;
    }

    public void MaxoutForward(long rows, int channels, int pieces, DeviceBuffer x, DeviceBuffer y, DeviceBuffer indices)
    {
        if (y.Length == 0) return;
        maxout ??= Compile<Action<Index1D, int, ArrayView<float>, ArrayView<float>, ArrayView<int>>>(nameof(Maxout), Maxout);
        maxout(Range(y.Length), pieces, ReadFloats(x), Floats(y), View<int>(indices));
    }

    /// <summary>One thread a piece.</summary>
    static void MaxoutGradient(Index1D i, int pieces, ArrayView<float> dy, ArrayView<int> indices, ArrayView<float> dx)
    {
        var channel = i.X / pieces;
        dx[i] = indices[channel] == i.X % pieces ? dy[channel] : 0;
    }

    public void MaxoutBackward(long rows, int channels, int pieces, DeviceBuffer dy, DeviceBuffer indices, DeviceBuffer dx)
    {
        if (dx.Length == 0) return;
        maxoutBackward ??= Compile<Action<Index1D, int, ArrayView<float>, ArrayView<int>, ArrayView<float>>>(nameof(MaxoutBackward), MaxoutGradient);
        maxoutBackward(Range(dx.Length), pieces, ReadFloats(dy), ReadView<int>(indices), Floats(dx));
    }
}
