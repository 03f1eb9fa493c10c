using ILGPU;
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

sealed partial class GpuKernels
{
    readonly Action<Index1D, float, ArrayView<float>, ArrayView<float>, ArrayView<float>>?[] binary = new Action<Index1D, float, ArrayView<float>, ArrayView<float>, ArrayView<float>>?[Enum.GetValues<BinaryOp>().Length];
    readonly Action<Index1D, BroadcastGeometry, ArrayView<float>, ArrayView<float>, ArrayView<float>>?[] broadcast = new Action<Index1D, BroadcastGeometry, ArrayView<float>, ArrayView<float>, ArrayView<float>>?[Enum.GetValues<BinaryOp>().Length];
    Action<Index1D, float, ArrayView<float>, ArrayView<float>, ArrayView<float>>? addScaled;

    public void Binary(BinaryOp op, in BroadcastGeometry g, DeviceBuffer a, DeviceBuffer b, DeviceBuffer y)
    {
        if (y.Length == 0) return;
        if (g.IsElementwise) (binary[(int)op] ??= CompileBinary(op))(Quads(y.Length), 0, ReadFloats(a), ReadFloats(b), Floats(y));
        else (broadcast[(int)op] ??= CompileBroadcast(op))(Range(y.Length), g, ReadFloats(a), ReadFloats(b), Floats(y));
    }

    /// <summary>y = f(a, b), one thread an element of y, the innermost axis fastest.</summary>
    static void Broadcast<F>(Index1D index, BroadcastGeometry g, ArrayView<float> a, ArrayView<float> b, ArrayView<float> y)
        where F : struct, IMap2
    {
        int i = index;
        var i3 = i % g.D3;
        i /= g.D3;
        var i2 = i % g.D2;
        i /= g.D2;
        var i1 = i % g.D1;
        var i0 = i / g.D1;
        y[index] = F.Apply(a[(i0 * g.A0) + (i1 * g.A1) + (i2 * g.A2) + (i3 * g.A3)], b[(i0 * g.B0) + (i1 * g.B1) + (i2 * g.B2) + (i3 * g.B3)], 0);
    }

    Action<Index1D, float, ArrayView<float>, ArrayView<float>, ArrayView<float>> CompileBinary(BinaryOp op) => op switch
    {
        BinaryOp.Add => CompileMap2<Add>(),
        BinaryOp.Subtract => CompileMap2<Subtract>(),
        BinaryOp.Multiply => CompileMap2<Multiply>(),
        BinaryOp.Divide => CompileMap2<Divide>(),
        _ => throw new ArgumentOutOfRangeException(nameof(op), op, "unknown function of two inputs"),
    };

    Action<Index1D, BroadcastGeometry, ArrayView<float>, ArrayView<float>, ArrayView<float>> CompileBroadcast(BinaryOp op) => op switch
    {
        BinaryOp.Add => CompileBroadcast<Add>(),
        BinaryOp.Subtract => CompileBroadcast<Subtract>(),
        BinaryOp.Multiply => CompileBroadcast<Multiply>(),
        BinaryOp.Divide => CompileBroadcast<Divide>(),
        _ => throw new ArgumentOutOfRangeException(nameof(op), op, "unknown function of two inputs"),
    };

    Action<Index1D, BroadcastGeometry, ArrayView<float>, ArrayView<float>, ArrayView<float>> CompileBroadcast<F>()
        where F : struct, IMap2 => Compile($"broadcast {typeof(F).Name}", a => a.LoadAutoGroupedStreamKernel<Index1D, BroadcastGeometry, ArrayView<float>, ArrayView<float>, ArrayView<float>>(Broadcast<F>));

    public void AddScaled(float scale, DeviceBuffer x, DeviceBuffer y)
    {
        if (y.Length == 0) return;
        (addScaled ??= CompileMap2<AddScaledFunction>())(Quads(y.Length), scale, ReadFloats(x), Floats(y), Floats(y));
    }

    internal readonly struct Add : IMap2
    {
        public static float Apply(float a, float b, float parameter) => a + b;
    }

    internal readonly struct Subtract : IMap2
    {
        public static float Apply(float a, float b, float parameter) => a - b;
    }

    internal readonly struct Multiply : IMap2
    {
        public static float Apply(float a, float b, float parameter) => a * b;
    }

    internal readonly struct Divide : IMap2
    {
        public static float Apply(float a, float b, float parameter) => a / b;
    }

    internal readonly struct AddScaledFunction : IMap2
    {
        public static float Apply(float x, float y, float scale) => (scale * x) + y;
    }
}
