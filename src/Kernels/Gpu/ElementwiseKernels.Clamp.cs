using ILGPU;
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

sealed partial class ElementwiseKernels
{
    Action<Index1D, float, float, ArrayView<float>, ArrayView<float>>? clamp;
    Action<Index1D, float, float, ArrayView<float>, ArrayView<float>, ArrayView<float>>? clampBackward;

    /// <summary>One thread an element. By comparison: a NaN is neither below nor above and stays.</summary>
    static void ClampKernel(Index1D i, float least, float most, ArrayView<float> x, ArrayView<float> y)
    {
        var value = x[i];
        if (value < least) value = least;
        y[i] = value > most ? most : value;
    }

    public void Clamp(float least, float most, DeviceBuffer x, DeviceBuffer y)
    {
        if (y.Length == 0) return;
        clamp ??= Compile<Action<Index1D, float, float, ArrayView<float>, ArrayView<float>>>(nameof(Clamp), ClampKernel);
        clamp(Range(y.Length), least, most, ReadFloats(x), Floats(y));
    }

    /// <summary>One thread an element.</summary>
    static void ClampGradient(Index1D i, float least, float most, ArrayView<float> x, ArrayView<float> dy, ArrayView<float> dx)
        => dx[i] = x[i] >= least && x[i] <= most ? dy[i] : 0;

    public void ClampBackward(float least, float most, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dx)
    {
        if (dx.Length == 0) return;
        clampBackward ??= Compile<Action<Index1D, float, float, ArrayView<float>, ArrayView<float>, ArrayView<float>>>(nameof(ClampBackward), ClampGradient);
        clampBackward(Range(dx.Length), least, most, ReadFloats(x), ReadFloats(dy), Floats(dx));
    }
}
