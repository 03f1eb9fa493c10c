using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

sealed partial class ElementwiseKernels
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
        BinaryOp.Maximum => CompileMap2<Maximum>(),
        BinaryOp.Minimum => CompileMap2<Minimum>(),
        BinaryOp.Power => CompileMap2<Power>(),
        BinaryOp.PowerByBase => CompileMap2<PowerByBase>(),
        BinaryOp.PowerByExponent => CompileMap2<PowerByExponent>(),
        BinaryOp.Remainder => CompileMap2<Remainder>(),
        BinaryOp.Greater => CompileMap2<Greater>(),
        BinaryOp.GreaterOrEqual => CompileMap2<GreaterOrEqual>(),
        BinaryOp.Equal => CompileMap2<Equal>(),
        BinaryOp.GreaterShare => CompileMap2<GreaterShare>(),
        BinaryOp.Where => CompileMap2<Where>(),
        BinaryOp.WhereNot => CompileMap2<WhereNot>(),
        _ => throw new ArgumentOutOfRangeException(nameof(op), op, "unknown function of two inputs"),
    };

    Action<Index1D, BroadcastGeometry, ArrayView<float>, ArrayView<float>, ArrayView<float>> CompileBroadcast(BinaryOp op) => op switch
    {
        BinaryOp.Add => CompileBroadcast<Add>(),
        BinaryOp.Subtract => CompileBroadcast<Subtract>(),
        BinaryOp.Multiply => CompileBroadcast<Multiply>(),
        BinaryOp.Divide => CompileBroadcast<Divide>(),
        BinaryOp.Maximum => CompileBroadcast<Maximum>(),
        BinaryOp.Minimum => CompileBroadcast<Minimum>(),
        BinaryOp.Power => CompileBroadcast<Power>(),
        BinaryOp.PowerByBase => CompileBroadcast<PowerByBase>(),
        BinaryOp.PowerByExponent => CompileBroadcast<PowerByExponent>(),
        BinaryOp.Remainder => CompileBroadcast<Remainder>(),
        BinaryOp.Greater => CompileBroadcast<Greater>(),
        BinaryOp.GreaterOrEqual => CompileBroadcast<GreaterOrEqual>(),
        BinaryOp.Equal => CompileBroadcast<Equal>(),
        BinaryOp.GreaterShare => CompileBroadcast<GreaterShare>(),
        BinaryOp.Where => CompileBroadcast<Where>(),
        BinaryOp.WhereNot => CompileBroadcast<WhereNot>(),
        _ => throw new ArgumentOutOfRangeException(nameof(op), op, "unknown function of two inputs"),
    };

    Action<Index1D, BroadcastGeometry, ArrayView<float>, ArrayView<float>, ArrayView<float>> CompileBroadcast<F>()
        where F : struct, IMap2 => Compile<Action<Index1D, BroadcastGeometry, ArrayView<float>, ArrayView<float>, ArrayView<float>>>($"broadcast {typeof(F).Name}", Broadcast<F>);

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

    /// <summary>a^b by the powers of 2, whose rules hold for a above 0 alone: for a below 0, b must be whole.</summary>
    static float PowerOf(float a, float b)
    {
        if (b == 0 || a == 1) return 1;
        var size = XMath.Pow(XMath.Abs(a), b);
        if (!(a < 0)) return size;
        var whole = XMath.Floor(b);
        if (whole != b) return float.NaN;
        return whole - (2 * XMath.Floor(0.5f * whole)) == 0 ? size : -size;
    }

    internal readonly struct Maximum : IMap2
    {
        public static float Apply(float a, float b, float parameter) => a > b || float.IsNaN(a) ? a : b;
    }

    internal readonly struct Minimum : IMap2
    {
        public static float Apply(float a, float b, float parameter) => a < b || float.IsNaN(a) ? a : b;
    }

    internal readonly struct Power : IMap2
    {
        public static float Apply(float a, float b, float parameter) => PowerOf(a, b);
    }

    internal readonly struct PowerByBase : IMap2
    {
        public static float Apply(float a, float b, float parameter) => b == 0 ? 0 : b * PowerOf(a, b - 1);
    }

    internal readonly struct PowerByExponent : IMap2
    {
        public static float Apply(float a, float b, float parameter) => a == 0 && b >= 0 ? 0 : PowerOf(a, b) * XMath.Log(a);
    }

    internal readonly struct Remainder : IMap2
    {
        public static float Apply(float a, float b, float parameter) => a % b;
    }

    /// <summary>1 or 0. Of "holds ? 1f : 0f" ILGPU makes a conversion that on OpenCL gives the bits of a whole 1.</summary>
    static float Number(bool holds) => (holds ? 2f : 1f) - 1;

    internal readonly struct Greater : IMap2
    {
        public static float Apply(float a, float b, float parameter) => Number(a > b);
    }

    internal readonly struct GreaterOrEqual : IMap2
    {
        public static float Apply(float a, float b, float parameter) => Number(a >= b);
    }

    internal readonly struct Equal : IMap2
    {
        public static float Apply(float a, float b, float parameter) => Number(a == b);
    }

    internal readonly struct GreaterShare : IMap2
    {
        public static float Apply(float a, float b, float parameter) => a > b ? 1 : a == b ? 0.5f : 0;
    }

    internal readonly struct Where : IMap2
    {
        public static float Apply(float a, float b, float parameter) => b != 0 ? a : 0;
    }

    internal readonly struct WhereNot : IMap2
    {
        public static float Apply(float a, float b, float parameter) => b == 0 ? a : 0;
    }

    internal readonly struct AddScaledFunction : IMap2
    {
        public static float Apply(float x, float y, float scale) => (scale * x) + y;
    }
}
