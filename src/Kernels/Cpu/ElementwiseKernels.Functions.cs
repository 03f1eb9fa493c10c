using System.Runtime.CompilerServices;

namespace CnnSharp.Kernels.Cpu;

// The functions of one input, each beside its derivative. A NaN goes through all of the functions.
sealed unsafe partial class ElementwiseKernels<V>
    where V : unmanaged, IVector<V>
{
    /// <summary>A function of one input and a parameter a, and its gradient given x, y = f(x) and dy.</summary>
    internal interface IFunction
    {
        static abstract V Forward(V x, V a);

        static abstract V Backward(V x, V y, V dy, V a);
    }

    /// <summary>1 / (1 + exp(-x)): exp overflows to infinity below -88, and the quotient is 0 there, as it should be.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static V Logistic(V x) => One / (One + V.Exp(-x));

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
    internal static V LogOnePlus(V x)
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

    internal readonly struct SiluFunction : IFunction
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

    internal readonly struct AbsFunction : IFunction
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

    /// <summary>erf(x). Up to 1 by x p(x^2), p a minimax polynomial (relative error 1e-7), beyond by the normal distribution function.</summary>
    readonly struct ErfFunction : IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Forward(V x, V a)
        {
            var z = x * x;
            var p = V.Fma(V.Create(-5.6541059e-4f), z, V.Create(4.9232775e-3f));
            p = V.Fma(p, z, V.Create(-2.6716385e-2f));
            p = V.Fma(p, z, V.Create(0.11280365f));
            p = V.Fma(p, z, V.Create(-0.37612349f));
            p = V.Fma(p, z, V.Create(1.1283791f));
            var phi = NormalDistribution(V.Create(1.4142135f) * x, out _);
            return V.Select(V.LessThan(V.Abs(x), One), x * p, (phi + phi) - One);
        }

        // 2 / sqrt(pi) exp(-x^2)
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Backward(V x, V y, V dy, V a) => dy * V.Create(1.1283792f) * V.Exp(-(x * x));
    }

    readonly struct SignFunction : IFunction
    {
        // A NaN stays one.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Forward(V x, V a) => V.Select(V.GreaterThan(x, V.Zero), One, V.Select(V.LessThan(x, V.Zero), -One, V.Select(V.IsNaN(x), x, V.Zero)));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Backward(V x, V y, V dy, V a) => V.Zero;
    }

    /// <summary>The gradient of functions that are constant but for their steps.</summary>
    readonly struct StepFunction : IFunction
    {
        public static V Forward(V x, V a) => throw new NotSupportedException();

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Backward(V x, V y, V dy, V a) => V.Zero;
    }

    /// <summary>A function of one number and its derivative, applied lane by lane: it has no vector form worth its code.</summary>
    interface IScalarFunction
    {
        static abstract float Forward(float x);

        static abstract float Derivative(float x, float y);
    }

    readonly struct Scalar<F> : IFunction
        where F : struct, IScalarFunction
    {
        public static V Forward(V x, V a)
        {
            var lanes = stackalloc float[V.Count];
            V.Store(x, lanes);
            for (var i = 0; i < V.Count; i++) lanes[i] = F.Forward(lanes[i]);
            return V.Load(lanes);
        }

        public static V Backward(V x, V y, V dy, V a)
        {
            float* lanes = stackalloc float[V.Count], results = stackalloc float[V.Count];
            V.Store(x, lanes);
            V.Store(y, results);
            for (var i = 0; i < V.Count; i++) lanes[i] = F.Derivative(lanes[i], results[i]);
            return dy * V.Load(lanes);
        }
    }

    readonly struct FloorFunction : IScalarFunction
    {
        public static float Forward(float x) => MathF.Floor(x);

        public static float Derivative(float x, float y) => 0;
    }

    readonly struct CeilingFunction : IScalarFunction
    {
        public static float Forward(float x) => MathF.Ceiling(x);

        public static float Derivative(float x, float y) => 0;
    }

    readonly struct RoundFunction : IScalarFunction
    {
        public static float Forward(float x) => MathF.Round(x, MidpointRounding.ToEven);

        public static float Derivative(float x, float y) => 0;
    }

    readonly struct SinFunction : IScalarFunction
    {
        public static float Forward(float x) => MathF.Sin(x);

        public static float Derivative(float x, float y) => MathF.Cos(x);
    }

    readonly struct CosFunction : IScalarFunction
    {
        public static float Forward(float x) => MathF.Cos(x);

        public static float Derivative(float x, float y) => -MathF.Sin(x);
    }

    readonly struct TanFunction : IScalarFunction
    {
        public static float Forward(float x) => MathF.Tan(x);

        public static float Derivative(float x, float y) => 1 + (y * y);
    }

    readonly struct AsinFunction : IScalarFunction
    {
        public static float Forward(float x) => MathF.Asin(x);

        public static float Derivative(float x, float y) => 1 / MathF.Sqrt((1 - x) * (1 + x));
    }

    readonly struct AcosFunction : IScalarFunction
    {
        public static float Forward(float x) => MathF.Acos(x);

        public static float Derivative(float x, float y) => -1 / MathF.Sqrt((1 - x) * (1 + x));
    }

    readonly struct AtanFunction : IScalarFunction
    {
        public static float Forward(float x) => MathF.Atan(x);

        public static float Derivative(float x, float y) => 1 / (1 + (x * x));
    }

    readonly struct SinhFunction : IScalarFunction
    {
        public static float Forward(float x) => MathF.Sinh(x);

        public static float Derivative(float x, float y) => MathF.Cosh(x);
    }

    readonly struct CoshFunction : IScalarFunction
    {
        public static float Forward(float x) => MathF.Cosh(x);

        public static float Derivative(float x, float y) => MathF.Sinh(x);
    }

    readonly struct AsinhFunction : IScalarFunction
    {
        public static float Forward(float x) => MathF.Asinh(x);

        public static float Derivative(float x, float y) => 1 / MathF.Sqrt((x * x) + 1);
    }

    readonly struct AcoshFunction : IScalarFunction
    {
        public static float Forward(float x) => MathF.Acosh(x);

        public static float Derivative(float x, float y) => 1 / MathF.Sqrt((x - 1) * (x + 1));
    }

    readonly struct AtanhFunction : IScalarFunction
    {
        public static float Forward(float x) => MathF.Atanh(x);

        public static float Derivative(float x, float y) => 1 / ((1 - x) * (1 + x));
    }
}
