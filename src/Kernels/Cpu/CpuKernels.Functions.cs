using System.Runtime.CompilerServices;

namespace CnnSharp.Kernels.Cpu;

// The functions of one input, each beside its derivative. A NaN goes through all of the functions.
internal sealed unsafe partial class CpuKernels<V>
{
    /// <summary>A function of one input and a parameter a, and its gradient given x, y = f(x) and dy.</summary>
    interface IFunction
    {
        static abstract V Forward(V x, V a);

        static abstract V Backward(V x, V y, V dy, V a);
    }

    static V One
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => V.Create(1f);
    }

    /// <summary>max(x, 0); a NaN stays one, which an instruction for max would not promise.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static V Rectify(V x) => V.Select(V.LessThan(x, V.Zero), V.Zero, x);

    /// <summary>g where y > 0, else 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static V RectifyGradient(V y, V g) => V.GreaterThan(y, V.Zero) & g;

    /// <summary>1 / (1 + exp(-x)): exp overflows to infinity below -88, and the quotient is 0 there, as it should be.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static V Logistic(V x) => One / (One + V.Exp(-x));

    /// <summary>exp(x) - 1. Near 0 by x + x^2 p(x), p a minimax polynomial on [-1/2, 1/2] (relative error 2e-8): the difference would cancel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static V ExpMinusOne(V x)
    {
        var p = V.Fma(V.Create(1.9875620e-4f), x, V.Create(1.3981997e-3f));
        p = V.Fma(p, x, V.Create(8.3334522e-3f));
        p = V.Fma(p, x, V.Create(4.1665796e-2f));
        p = V.Fma(p, x, V.Create(1.6666665e-1f));
        p = V.Fma(p, x, V.Create(0.5f));
        return V.Select(V.LessThan(V.Abs(x), V.Create(0.5f)), V.Fma(x * x, p, x), V.Exp(x) - One);
    }

    /// <summary>log(1 + x) for x in [0, 1]. With u the rounded 1 + x, log(u) x / (u - 1) makes good what the rounding lost.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static V LogOnePlus(V x)
    {
        var u = One + x;
        var lost = u - One;
        return V.Select(V.GreaterThan(lost, V.Zero), V.Log(u) * (x / lost), x);
    }

    /// <summary>log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)): nothing overflows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static V LogOnePlusExp(V x) => Rectify(x) + LogOnePlus(V.Exp(-V.Abs(x)));

    /// <summary>tanh(x). Up to 5/8 by x p(x^2), p a minimax polynomial (relative error 4e-9), beyond by 1 - 2 / (exp(2 |x|) + 1).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static V HyperbolicTangent(V x)
    {
        var size = V.Abs(x);
        var z = x * x;
        var p = V.Fma(V.Create(-5.6599848e-3f), z, V.Create(2.0590984e-2f));
        p = V.Fma(p, z, V.Create(-5.3721067e-2f));
        p = V.Fma(p, z, V.Create(1.3331128e-1f));
        p = V.Fma(p, z, V.Create(-3.3333261e-1f));
        var far = One - (V.Create(2f) / (V.Exp(size + size) + One));
        return V.Select(V.LessThan(size, V.Create(0.625f)), V.Fma(x * z, p, x), V.Select(V.LessThan(x, V.Zero), -far, far));
    }

    /// <summary>
    /// Phi(x), the normal distribution function, and <paramref name="density"/> = exp(-x^2 / 2), its derivative but for the factor 1 / sqrt(2 pi).
    /// The tail Phi(-|x|) is density t p(t) with t = 1 / (1 + 0.3 |x|), p a minimax polynomial on (0, 1] (relative error
    /// 1e-7, so that erf(x) = 2 Phi(sqrt(2) x) - 1 has an absolute error below 2e-7).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static V NormalDistribution(V x, out V density)
    {
        density = V.Exp(V.Create(-0.5f) * x * x);
        var t = One / V.Fma(V.Create(0.3f), V.Abs(x), One);
        var p = V.Fma(V.Create(-1.24345849e-2f), t, V.Create(7.2970676e-2f));
        p = V.Fma(p, t, V.Create(-1.473007582e-1f));
        p = V.Fma(p, t, V.Create(9.96461412e-2f));
        p = V.Fma(p, t, V.Create(-1.5573779e-2f));
        p = V.Fma(p, t, V.Create(6.84008491e-2f));
        p = V.Fma(p, t, V.Create(8.5916858e-2f));
        p = V.Fma(p, t, V.Create(1.090119357e-1f));
        p = V.Fma(p, t, V.Create(1.196800139e-1f));
        p = V.Fma(p, t, V.Create(1.196826958e-1f));
        var tail = density * t * p;
        return V.Select(V.GreaterThan(x, V.Zero), One - tail, tail);
    }

    readonly struct ReluFunction : IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Forward(V x, V a) => Rectify(x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Backward(V x, V y, V dy, V a) => RectifyGradient(x, dy);
    }

    readonly struct LeakyReluFunction : IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Forward(V x, V a) => V.Select(V.GreaterThan(x, V.Zero), x, a * x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Backward(V x, V y, V dy, V a) => V.Select(V.GreaterThan(x, V.Zero), dy, a * dy);
    }

    readonly struct EluFunction : IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Forward(V x, V a) => V.Select(V.GreaterThan(x, V.Zero), x, a * ExpMinusOne(x));

        // a exp(x) and not y + a, which cancels where y nears -a.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Backward(V x, V y, V dy, V a) => V.Select(V.GreaterThan(x, V.Zero), dy, dy * a * V.Exp(x));
    }

    readonly struct SigmoidFunction : IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Forward(V x, V a) => Logistic(x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Backward(V x, V y, V dy, V a) => dy * y * (One - y);
    }

    readonly struct TanhFunction : IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Forward(V x, V a) => HyperbolicTangent(x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Backward(V x, V y, V dy, V a) => dy * (One - y) * (One + y);
    }

    readonly struct GeluFunction : IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Forward(V x, V a) => x * NormalDistribution(x, out _);

        // (x Phi(x))' = Phi(x) + x exp(-x^2 / 2) / sqrt(2 pi)
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Backward(V x, V y, V dy, V a)
        {
            var phi = NormalDistribution(x, out var density);
            return dy * V.Fma(x * density, V.Create(0.39894228f), phi);
        }
    }

    readonly struct SiluFunction : IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Forward(V x, V a) => x / (One + V.Exp(-x));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Backward(V x, V y, V dy, V a)
        {
            var s = Logistic(x);
            return dy * s * V.Fma(x, One - s, One);
        }
    }

    readonly struct SoftplusFunction : IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Forward(V x, V a) => LogOnePlusExp(x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Backward(V x, V y, V dy, V a) => dy * Logistic(x);
    }

    readonly struct ExpFunction : IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Forward(V x, V a) => V.Exp(x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Backward(V x, V y, V dy, V a) => dy * y;
    }

    readonly struct LogFunction : IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Forward(V x, V a) => V.Log(x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Backward(V x, V y, V dy, V a) => dy / x;
    }

    readonly struct SqrtFunction : IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Forward(V x, V a) => V.Sqrt(x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Backward(V x, V y, V dy, V a) => dy / (y + y);
    }

    readonly struct AbsFunction : IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Forward(V x, V a) => V.Abs(x);

        // The sign of x, 0 for 0 (and, as in PyTorch, for a NaN).
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Backward(V x, V y, V dy, V a) => V.Select(V.GreaterThan(x, V.Zero), dy, V.LessThan(x, V.Zero) & -dy);
    }

    readonly struct SquareFunction : IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Forward(V x, V a) => x * x;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Backward(V x, V y, V dy, V a) => (x + x) * dy;
    }

    readonly struct ScaleFunction : IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Forward(V x, V a) => a * x;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Backward(V x, V y, V dy, V a) => a * dy;
    }

    readonly struct OffsetFunction : IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Forward(V x, V a) => x + a;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Backward(V x, V y, V dy, V a) => dy;
    }
}
