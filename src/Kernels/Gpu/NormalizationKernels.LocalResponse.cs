using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

// One thread an element; the window's other channels are its neighbors' elements, which the cache has.
sealed partial class NormalizationKernels
{
    Action<Index1D, LrnGeometry, ArrayView<float>, ArrayView<float>, ArrayView<float>>? lrnForward;
    Action<Index1D, LrnGeometry, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>>? lrnBackward;

    /// <summary>scale = K + Alpha / Size (sum of x^2 over the window of channels); y = x scale^-Beta.</summary>
    static void LrnForwardKernel(Index1D i, LrnGeometry g, ArrayView<float> x, ArrayView<float> y, ArrayView<float> scale)
    {
        var c = i.X % g.Channels;
        var row = i.X - c;
        var last = Math.Min(c + ((g.Size - 1) / 2), g.Channels - 1);
        var squares = 0f;
        for (var near = Math.Max(c - (g.Size / 2), 0); near <= last; near++) squares += x[row + near] * x[row + near];
        var s = g.K + (g.Alpha / g.Size * squares);
        scale[i] = s;
        y[i] = x[i] * XMath.Pow(s, -g.Beta);
    }

    public void LrnForward(in LrnGeometry g, DeviceBuffer x, DeviceBuffer y, DeviceBuffer scale)
    {
        if (y.Length == 0) return;
        lrnForward ??= Compile<Action<Index1D, LrnGeometry, ArrayView<float>, ArrayView<float>, ArrayView<float>>>(nameof(LrnForward), LrnForwardKernel);
        lrnForward(Range(y.Length), g, ReadFloats(x), Floats(y), Floats(scale));
    }

    /// <summary>
    /// dx[c] = dy[c] scale[c]^-Beta - 2 Alpha Beta / Size x[c] sum of dy[c'] y[c'] / scale[c'] over the c' whose window holds c:
    /// the mirror image of c's own window.
    /// </summary>
    static void LrnBackwardKernel(Index1D i, LrnGeometry g, ArrayView<float> x, ArrayView<float> y, ArrayView<float> scale, ArrayView<float> dy, ArrayView<float> dx)
    {
        var c = i.X % g.Channels;
        var row = i.X - c;
        var last = Math.Min(c + (g.Size / 2), g.Channels - 1);
        var sum = 0f;
        for (var near = Math.Max(c - ((g.Size - 1) / 2), 0); near <= last; near++) sum += dy[row + near] * y[row + near] / scale[row + near];
        dx[i] = (dy[i] * XMath.Pow(scale[i], -g.Beta)) - (2 * g.Alpha * g.Beta / g.Size * x[i] * sum);
    }

    public void LrnBackward(in LrnGeometry g, DeviceBuffer x, DeviceBuffer y, DeviceBuffer scale, DeviceBuffer dy, DeviceBuffer dx)
    {
        if (dx.Length == 0) return;
        lrnBackward ??= Compile<Action<Index1D, LrnGeometry, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>>>(nameof(LrnBackward), LrnBackwardKernel);
        lrnBackward(Range(dx.Length), g, ReadFloats(x), ReadFloats(y), ReadFloats(scale), ReadFloats(dy), Floats(dx));
    }
}
