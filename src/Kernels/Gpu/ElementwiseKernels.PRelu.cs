using ILGPU;
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

// PReLU (He et al. 2015, "Delving deep into rectifiers").
sealed partial class ElementwiseKernels
{
    Action<Index1D, int, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>>? prelu;
    ColumnReduction<PReluTerm, ScaledSum>? preluBackwardWeight;

    /// <summary>target = source where x > 0, else w[c] source: forward with the source x, backward with the source dy. One thread an element.</summary>
    static void PRelu(Index1D i, int weights, ArrayView<float> x, ArrayView<float> source, ArrayView<float> w, ArrayView<float> target)
    {
        var value = source[i];
        target[i] = x[i] > 0 ? value : w[i % weights] * value;
    }

    void PRelu(DeviceBuffer x, DeviceBuffer source, DeviceBuffer w, DeviceBuffer target)
    {
        if (target.Length == 0) return;
        prelu ??= Compile<Action<Index1D, int, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>>>(nameof(PRelu), PRelu);
        prelu(Range(target.Length), (int)w.Length, ReadFloats(x), ReadFloats(source), ReadFloats(w), Floats(target));
    }

    public void PReluForward(long rows, int channels, DeviceBuffer x, DeviceBuffer w, DeviceBuffer y) => PRelu(x, x, w, y);

    public void PReluBackwardInput(long rows, int channels, DeviceBuffer x, DeviceBuffer w, DeviceBuffer dy, DeviceBuffer dx) => PRelu(x, dy, w, dx);

    /// <summary>Adds up dy x where x is not above 0.</summary>
    internal readonly struct PReluTerm(ArrayView<float> x, ArrayView<float> dy) : IColumnTerm
    {
        readonly ArrayView<float> x = x;
        readonly ArrayView<float> dy = dy;

        public float Center(int column) => 0;

        public SumPair At(long i, float center)
        {
            var value = x[i];
            return new(value > 0 ? 0 : dy[i] * value, 0);
        }
    }

    public void PReluBackwardWeight(long rows, int channels, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dw)
    {
        if (dw.Length == 0) return;
        int columns = Range(dw.Length);
        (preluBackwardWeight ??= new(Kernels)).Run(1, rows * channels / columns, columns, new(ReadFloats(x), ReadFloats(dy)), new(1, Floats(dw)));
    }
}
