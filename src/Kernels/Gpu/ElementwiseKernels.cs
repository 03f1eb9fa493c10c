using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

/// <summary>The functions of one input, each beside its derivative. A NaN goes through all of the functions.</summary>
sealed partial class ElementwiseKernels(GpuKernels kernels) : GpuKernelFamily(kernels), IElementwiseKernels
{
    readonly Action<Index1D, float, ArrayView<float>, ArrayView<float>>?[] unary = new Action<Index1D, float, ArrayView<float>, ArrayView<float>>?[Enum.GetValues<UnaryOp>().Length];
    readonly Action<Index1D, float, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>>?[] unaryBackward = new Action<Index1D, float, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>>?[Enum.GetValues<UnaryOp>().Length];

    /// <summary>A function of one input and a parameter a, and its gradient given x, y = f(x) and dy.</summary>
    internal interface IUnary
    {
        static abstract float Forward(float x, float a);

        static abstract float Backward(float x, float y, float dy, float a);
    }

    internal readonly struct Forward<F> : IMap
        where F : struct, IUnary
    {
        public static float Apply(float x, float a) => F.Forward(x, a);
    }

    internal readonly struct Backward<F> : IMap3
        where F : struct, IUnary
    {
        public static float Apply(float x, float y, float dy, float a) => F.Backward(x, y, dy, a);
    }

    public void Unary(UnaryOp op, float a, DeviceBuffer x, DeviceBuffer y)
    {
        if (y.Length == 0) return;
        (unary[(int)op] ??= CompileUnary(op))(Quads(y.Length), a, ReadFloats(x), Floats(y));
    }

    public void UnaryBackward(UnaryOp op, float a, DeviceBuffer x, DeviceBuffer y, DeviceBuffer dy, DeviceBuffer dx)
    {
        if (dx.Length == 0) return;
        (unaryBackward[(int)op] ??= CompileUnaryBackward(op))(Quads(dx.Length), a, ReadFloats(x), ReadFloats(y), ReadFloats(dy), Floats(dx));
    }

    Action<Index1D, float, ArrayView<float>, ArrayView<float>> CompileUnary(UnaryOp op) => op switch
    {
        UnaryOp.Relu => CompileMap<Forward<Relu>>(),
        UnaryOp.LeakyRelu => CompileMap<Forward<LeakyRelu>>(),
        UnaryOp.Elu => CompileMap<Forward<Elu>>(),
        UnaryOp.Sigmoid => CompileMap<Forward<Sigmoid>>(),
        UnaryOp.Tanh => CompileMap<Forward<Tanh>>(),
        UnaryOp.Gelu => CompileMap<Forward<Gelu>>(),
        UnaryOp.Silu => CompileMap<Forward<Silu>>(),
        UnaryOp.Softplus => CompileMap<Forward<Softplus>>(),
        UnaryOp.Exp => CompileMap<Forward<Exp>>(),
        UnaryOp.Log => CompileMap<Forward<Log>>(),
        UnaryOp.Sqrt => CompileMap<Forward<Sqrt>>(),
        UnaryOp.Abs => CompileMap<Forward<Abs>>(),
        UnaryOp.Square => CompileMap<Forward<Square>>(),
        UnaryOp.MultiplyScalar => CompileMap<Forward<Scale>>(),
        UnaryOp.AddScalar => CompileMap<Forward<Offset>>(),
        UnaryOp.Erf => CompileMap<Forward<Erf>>(),
        UnaryOp.Floor => CompileMap<Forward<Floor>>(),
        UnaryOp.Ceiling => CompileMap<Forward<Ceiling>>(),
        UnaryOp.Round => CompileMap<Forward<Round>>(),
        UnaryOp.Sign => CompileMap<Forward<Sign>>(),
        UnaryOp.Sin => CompileMap<Forward<Sin>>(),
        UnaryOp.Cos => CompileMap<Forward<Cos>>(),
        UnaryOp.Tan => CompileMap<Forward<Tan>>(),
        UnaryOp.Asin => CompileMap<Forward<Asin>>(),
        UnaryOp.Acos => CompileMap<Forward<Acos>>(),
        UnaryOp.Atan => CompileMap<Forward<Atan>>(),
        UnaryOp.Sinh => CompileMap<Forward<Sinh>>(),
        UnaryOp.Cosh => CompileMap<Forward<Cosh>>(),
        UnaryOp.Asinh => CompileMap<Forward<Asinh>>(),
        UnaryOp.Acosh => CompileMap<Forward<Acosh>>(),
        UnaryOp.Atanh => CompileMap<Forward<Atanh>>(),
        _ => throw new ArgumentOutOfRangeException(nameof(op), op, "unknown function of one input"),
    };

    Action<Index1D, float, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>> CompileUnaryBackward(UnaryOp op) => op switch
    {
        UnaryOp.Relu => CompileMap3<Backward<Relu>>(),
        UnaryOp.LeakyRelu => CompileMap3<Backward<LeakyRelu>>(),
        UnaryOp.Elu => CompileMap3<Backward<Elu>>(),
        UnaryOp.Sigmoid => CompileMap3<Backward<Sigmoid>>(),
        UnaryOp.Tanh => CompileMap3<Backward<Tanh>>(),
        UnaryOp.Gelu => CompileMap3<Backward<Gelu>>(),
        UnaryOp.Silu => CompileMap3<Backward<Silu>>(),
        UnaryOp.Softplus => CompileMap3<Backward<Softplus>>(),
        UnaryOp.Exp => CompileMap3<Backward<Exp>>(),
        UnaryOp.Log => CompileMap3<Backward<Log>>(),
        UnaryOp.Sqrt => CompileMap3<Backward<Sqrt>>(),
        UnaryOp.Abs => CompileMap3<Backward<Abs>>(),
        UnaryOp.Square => CompileMap3<Backward<Square>>(),
        UnaryOp.MultiplyScalar => CompileMap3<Backward<Scale>>(),
        UnaryOp.AddScalar => CompileMap3<Backward<Offset>>(),
        UnaryOp.Erf => CompileMap3<Backward<Erf>>(),
        UnaryOp.Floor => CompileMap3<Backward<Floor>>(),
        UnaryOp.Ceiling => CompileMap3<Backward<Ceiling>>(),
        UnaryOp.Round => CompileMap3<Backward<Round>>(),
        UnaryOp.Sign => CompileMap3<Backward<Sign>>(),
        UnaryOp.Sin => CompileMap3<Backward<Sin>>(),
        UnaryOp.Cos => CompileMap3<Backward<Cos>>(),
        UnaryOp.Tan => CompileMap3<Backward<Tan>>(),
        UnaryOp.Asin => CompileMap3<Backward<Asin>>(),
        UnaryOp.Acos => CompileMap3<Backward<Acos>>(),
        UnaryOp.Atan => CompileMap3<Backward<Atan>>(),
        UnaryOp.Sinh => CompileMap3<Backward<Sinh>>(),
        UnaryOp.Cosh => CompileMap3<Backward<Cosh>>(),
        UnaryOp.Asinh => CompileMap3<Backward<Asinh>>(),
        UnaryOp.Acosh => CompileMap3<Backward<Acosh>>(),
        UnaryOp.Atanh => CompileMap3<Backward<Atanh>>(),
        _ => throw new ArgumentOutOfRangeException(nameof(op), op, "unknown function of one input"),
    };

    // ---- What the functions share ---------------------------------------------------------------------------------

    /// <summary>max(x, 0); a NaN stays one, which an instruction for max would not promise.</summary>
    internal static float Rectify(float x) => x < 0 ? 0 : x;

    /// <summary>1 / (1 + exp(-x)): exp overflows to infinity below -88, and the quotient is 0 there, as it should be.</summary>
    internal static float Logistic(float x) => 1 / (1 + XMath.Exp(-x));

    /// <summary>exp(x) - 1. Near 0 by x + x^2 p(x), p a minimax polynomial on [-1/2, 1/2] (relative error 2e-8): the difference would cancel.</summary>
    static float ExpMinusOne(float x)
    {
        if (!(XMath.Abs(x) < 0.5f)) return XMath.Exp(x) - 1;
        var p = (1.9875620e-4f * x) + 1.3981997e-3f;
        p = (p * x) + 8.3334522e-3f;
        p = (p * x) + 4.1665796e-2f;
        p = (p * x) + 1.6666665e-1f;
        p = (p * x) + 0.5f;
        return (x * x * p) + x;
    }

    /// <summary>log(1 + x) for x in [0, 1]. With u the rounded 1 + x, log(u) x / (u - 1) makes good what the rounding lost.</summary>
    internal static float LogOnePlus(float x)
    {
        var u = 1 + x;
        var lost = u - 1;
        return lost > 0 ? XMath.Log(u) * (x / lost) : x;
    }

    /// <summary>log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)): nothing overflows.</summary>
    static float LogOnePlusExp(float x) => Rectify(x) + LogOnePlus(XMath.Exp(-XMath.Abs(x)));

    /// <summary>
    /// tanh(x). Up to 5/8 by x p(x^2), p a minimax polynomial (relative error 4e-9), beyond by 1 - 2 / (exp(2 |x|) + 1). (That of
    /// ILGPU cancels near 0 and is NaN above 44.)
    /// </summary>
    static float HyperbolicTangent(float x)
    {
        var size = XMath.Abs(x);
        if (size < 0.625f)
        {
            var z = x * x;
            var p = (-5.6599848e-3f * z) + 2.0590984e-2f;
            p = (p * z) - 5.3721067e-2f;
            p = (p * z) + 1.3331128e-1f;
            p = (p * z) - 3.3333261e-1f;
            return (x * z * p) + x;
        }

        var far = 1 - (2 / (XMath.Exp(size + size) + 1));
        return x < 0 ? -far : far;
    }

    /// <summary>exp(-x^2 / 2): the normal density but for its factor 1 / sqrt(2 pi).</summary>
    static float NormalDensity(float x) => XMath.Exp(-0.5f * x * x);

    /// <summary>
    /// Phi(x), the normal distribution function. The tail Phi(-|x|) is density t p(t) with t = 1 / (1 + 0.3 |x|), p a minimax
    /// polynomial on (0, 1] (relative error 1e-7, so that erf(x) = 2 Phi(sqrt(2) x) - 1 has an absolute error below 2e-7).
    /// </summary>
    static float NormalDistribution(float x, float density)
    {
        var t = 1 / ((0.3f * XMath.Abs(x)) + 1);
        var p = (-1.24345849e-2f * t) + 7.2970676e-2f;
        p = (p * t) - 1.473007582e-1f;
        p = (p * t) + 9.96461412e-2f;
        p = (p * t) - 1.5573779e-2f;
        p = (p * t) + 6.84008491e-2f;
        p = (p * t) + 8.5916858e-2f;
        p = (p * t) + 1.090119357e-1f;
        p = (p * t) + 1.196800139e-1f;
        p = (p * t) + 1.196826958e-1f;
        var tail = density * t * p;
        return x > 0 ? 1 - tail : tail;
    }

    /// <summary>The whole number next to x, of two the even one.</summary>
    static float RoundToEven(float x)
    {
        var below = XMath.Floor(x);
        var rest = x - below;
        if (rest < 0.5f) return below;
        if (rest > 0.5f) return below + 1;
        return float.IsNaN(rest) ? x : below - (2 * XMath.Floor(0.5f * below)) == 0 ? below : below + 1;
    }

    /// <summary>x less whole turns, between -pi and pi: devices' own sines are exact near 0 alone. 2 pi in three parts, so that n times the first two is exact.</summary>
    static float Reduced(float x)
    {
        var turns = XMath.Floor((x * 0.15915494f) + 0.5f);
        return ((x - (turns * 6.28125f)) - (turns * 1.9350052e-3f)) - (turns * 3.0209e-7f);
    }

    /// <summary>atan(x) by a minimax polynomial on [0, tan(pi / 8)], and the angles' addition theorem beyond (Cephes, atanf).</summary>
    static float ArcTangent(float x)
    {
        var size = XMath.Abs(x);
        var angle = 0f;
        if (size > 2.4142137f)
        {
            angle = 0.5f * XMath.PI;
            size = -1 / size;
        }
        else if (size > 0.41421357f)
        {
            angle = 0.25f * XMath.PI;
            size = (size - 1) / (size + 1);
        }

        var z = size * size;
        var p = (8.05374449538e-2f * z) - 1.38776856032e-1f;
        p = (p * z) + 1.99777106478e-1f;
        p = (p * z) - 3.33329491539e-1f;
        angle += (p * z * size) + size;
        return x < 0 ? -angle : angle;
    }

    /// <summary>log(|x| + sqrt(x^2 + 1)) with the sign of x; near 0 by log(1 + ...), which does not cancel.</summary>
    static float InverseHyperbolicSine(float x)
    {
        var size = XMath.Abs(x);
        var y = size > 1e9f ? XMath.Log(size) + 0.6931472f : size > 0.5f ? XMath.Log(size + XMath.Sqrt((size * size) + 1)) : LogOnePlus(size + (size * size / (1 + XMath.Sqrt((size * size) + 1))));
        return x < 0 ? -y : y;
    }

    static float InverseHyperbolicCosine(float x)
    {
        var t = x - 1;
        return x > 1e9f ? XMath.Log(x) + 0.6931472f : LogOnePlusAny(t + XMath.Sqrt((2 * t) + (t * t)));
    }

    static float InverseHyperbolicTangent(float x)
    {
        var size = XMath.Abs(x);
        var y = 0.5f * LogOnePlusAny((size + size) / (1 - size));
        return x < 0 ? -y : y;
    }

    /// <summary>log(1 + x) for x of at least 0.</summary>
    static float LogOnePlusAny(float x) => x > 1 || float.IsNaN(x) || x < 0 ? XMath.Log(1 + x) : LogOnePlus(x);

    // ---- The functions --------------------------------------------------------------------------------------------

    internal readonly struct Relu : IUnary
    {
        public static float Forward(float x, float a) => Rectify(x);

        public static float Backward(float x, float y, float dy, float a) => x > 0 ? dy : 0;
    }

    internal readonly struct LeakyRelu : IUnary
    {
        public static float Forward(float x, float a) => x > 0 ? x : a * x;

        public static float Backward(float x, float y, float dy, float a) => x > 0 ? dy : a * dy;
    }

    internal readonly struct Elu : IUnary
    {
        public static float Forward(float x, float a) => x > 0 ? x : a * ExpMinusOne(x);

        // a exp(x) and not y + a, which cancels where y nears -a.
        public static float Backward(float x, float y, float dy, float a) => x > 0 ? dy : dy * a * XMath.Exp(x);
    }

    internal readonly struct Sigmoid : IUnary
    {
        public static float Forward(float x, float a) => Logistic(x);

        public static float Backward(float x, float y, float dy, float a) => dy * y * (1 - y);
    }

    internal readonly struct Tanh : IUnary
    {
        public static float Forward(float x, float a) => HyperbolicTangent(x);

        public static float Backward(float x, float y, float dy, float a) => dy * (1 - y) * (1 + y);
    }

    internal readonly struct Gelu : IUnary
    {
        public static float Forward(float x, float a) => x * NormalDistribution(x, NormalDensity(x));

        // (x Phi(x))' = Phi(x) + x exp(-x^2 / 2) / sqrt(2 pi)
        public static float Backward(float x, float y, float dy, float a)
        {
            var density = NormalDensity(x);
            return dy * ((x * density * 0.39894228f) + NormalDistribution(x, density));
        }
    }

    internal readonly struct Silu : IUnary
    {
        public static float Forward(float x, float a) => x / (1 + XMath.Exp(-x));

        public static float Backward(float x, float y, float dy, float a)
        {
            var s = Logistic(x);
            return dy * s * ((x * (1 - s)) + 1);
        }
    }

    internal readonly struct Softplus : IUnary
    {
        public static float Forward(float x, float a) => LogOnePlusExp(x);

        public static float Backward(float x, float y, float dy, float a) => dy * Logistic(x);
    }

    internal readonly struct Exp : IUnary
    {
        public static float Forward(float x, float a) => XMath.Exp(x);

        public static float Backward(float x, float y, float dy, float a) => dy * y;
    }

    internal readonly struct Log : IUnary
    {
        public static float Forward(float x, float a) => XMath.Log(x);

        public static float Backward(float x, float y, float dy, float a) => dy / x;
    }

    internal readonly struct Sqrt : IUnary
    {
        public static float Forward(float x, float a) => XMath.Sqrt(x);

        public static float Backward(float x, float y, float dy, float a) => dy / (y + y);
    }

    internal readonly struct Abs : IUnary
    {
        public static float Forward(float x, float a) => XMath.Abs(x);

        // The sign of x, 0 for 0 (and, as in PyTorch, for a NaN).
        public static float Backward(float x, float y, float dy, float a) => x > 0 ? dy : x < 0 ? -dy : 0;
    }

    internal readonly struct Square : IUnary
    {
        public static float Forward(float x, float a) => x * x;

        public static float Backward(float x, float y, float dy, float a) => (x + x) * dy;
    }

    internal readonly struct Scale : IUnary
    {
        public static float Forward(float x, float a) => a * x;

        public static float Backward(float x, float y, float dy, float a) => a * dy;
    }

    internal readonly struct Offset : IUnary
    {
        public static float Forward(float x, float a) => x + a;

        public static float Backward(float x, float y, float dy, float a) => dy;
    }

    internal readonly struct Erf : IUnary
    {
        public static float Forward(float x, float a)
        {
            if (!(XMath.Abs(x) < 1))
            {
                var scaled = 1.4142135f * x;
                return (2 * NormalDistribution(scaled, NormalDensity(scaled))) - 1;
            }

            var z = x * x;
            var p = (-5.6541059e-4f * z) + 4.9232775e-3f;
            p = (p * z) - 2.6716385e-2f;
            p = (p * z) + 0.11280365f;
            p = (p * z) - 0.37612349f;
            p = (p * z) + 1.1283791f;
            return x * p;
        }

        // 2 / sqrt(pi) exp(-x^2)
        public static float Backward(float x, float y, float dy, float a) => dy * 1.1283792f * XMath.Exp(-(x * x));
    }

    internal readonly struct Floor : IUnary
    {
        public static float Forward(float x, float a) => XMath.Floor(x);

        public static float Backward(float x, float y, float dy, float a) => 0;
    }

    internal readonly struct Ceiling : IUnary
    {
        public static float Forward(float x, float a) => XMath.Ceiling(x);

        public static float Backward(float x, float y, float dy, float a) => 0;
    }

    internal readonly struct Round : IUnary
    {
        public static float Forward(float x, float a) => RoundToEven(x);

        public static float Backward(float x, float y, float dy, float a) => 0;
    }

    internal readonly struct Sign : IUnary
    {
        public static float Forward(float x, float a) => x > 0 ? 1 : x < 0 ? -1 : float.IsNaN(x) ? x : 0;

        public static float Backward(float x, float y, float dy, float a) => 0;
    }

    internal readonly struct Sin : IUnary
    {
        public static float Forward(float x, float a) => XMath.Sin(Reduced(x));

        public static float Backward(float x, float y, float dy, float a) => dy * XMath.Cos(Reduced(x));
    }

    internal readonly struct Cos : IUnary
    {
        public static float Forward(float x, float a) => XMath.Cos(Reduced(x));

        public static float Backward(float x, float y, float dy, float a) => -dy * XMath.Sin(Reduced(x));
    }

    internal readonly struct Tan : IUnary
    {
        public static float Forward(float x, float a) => XMath.Sin(Reduced(x)) / XMath.Cos(Reduced(x));

        public static float Backward(float x, float y, float dy, float a) => dy * (1 + (y * y));
    }

    internal readonly struct Asin : IUnary
    {
        public static float Forward(float x, float a) => ArcTangent(x / XMath.Sqrt((1 - x) * (1 + x)));

        public static float Backward(float x, float y, float dy, float a) => dy / XMath.Sqrt((1 - x) * (1 + x));
    }

    internal readonly struct Acos : IUnary
    {
        public static float Forward(float x, float a) => (0.5f * XMath.PI) - Asin.Forward(x, a);

        public static float Backward(float x, float y, float dy, float a) => -dy / XMath.Sqrt((1 - x) * (1 + x));
    }

    internal readonly struct Atan : IUnary
    {
        public static float Forward(float x, float a) => ArcTangent(x);

        public static float Backward(float x, float y, float dy, float a) => dy / (1 + (x * x));
    }

    internal readonly struct Sinh : IUnary
    {
        public static float Forward(float x, float a) => XMath.Abs(x) < 0.5f ? 0.5f * (ExpMinusOne(x) - ExpMinusOne(-x)) : 0.5f * (XMath.Exp(x) - XMath.Exp(-x));

        public static float Backward(float x, float y, float dy, float a) => dy * 0.5f * (XMath.Exp(x) + XMath.Exp(-x));
    }

    internal readonly struct Cosh : IUnary
    {
        public static float Forward(float x, float a) => 0.5f * (XMath.Exp(x) + XMath.Exp(-x));

        public static float Backward(float x, float y, float dy, float a) => dy * Sinh.Forward(x, a);
    }

    internal readonly struct Asinh : IUnary
    {
        public static float Forward(float x, float a) => InverseHyperbolicSine(x);

        public static float Backward(float x, float y, float dy, float a) => dy / XMath.Sqrt((x * x) + 1);
    }

    internal readonly struct Acosh : IUnary
    {
        public static float Forward(float x, float a) => InverseHyperbolicCosine(x);

        public static float Backward(float x, float y, float dy, float a) => dy / XMath.Sqrt((x - 1) * (x + 1));
    }

    internal readonly struct Atanh : IUnary
    {
        public static float Forward(float x, float a) => InverseHyperbolicTangent(x);

        public static float Backward(float x, float y, float dy, float a) => dy / ((1 - x) * (1 + x));
    }
}
