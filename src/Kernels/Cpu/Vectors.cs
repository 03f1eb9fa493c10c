using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace CnnSharp.Kernels.Cpu;

// The three structs differ in their width, their register count and their masked accesses; keep the rest alike.

/// <summary>16 lanes: AVX-512F.</summary>
internal readonly unsafe struct V512(Vector512<float> value) : IVector<V512>
{
    readonly Vector512<float> value = value;

    public static int Count => 16;

    public static int Registers => 32;

    public static string Name => "AVX-512";

    public static V512 Zero => new(Vector512<float>.Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 Create(float value) => new(Vector512.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 Load(float* p) => new(Vector512.Load(p));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(V512 v, float* p) => v.value.Store(p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 LoadPartial(float* p, int count) => new(Avx512F.MaskLoad(p, Mask(count), Vector512<float>.Zero));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePartial(V512 v, float* p, int count) => Avx512F.MaskStore(p, Mask(count), v.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector512<float> Mask(int count) => Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(count)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 LoadBytes(byte* p) => new(Vector512.ConvertToSingle(Avx512F.ConvertToVector512Int32(Vector128.Load(p))));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 Fma(V512 a, V512 b, V512 c) => new(Vector512.MultiplyAddEstimate(a.value, b.value, c.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 Fma(float* a, V512 b, V512 c) => new(Vector512.MultiplyAddEstimate(Vector512.Create(*a), b.value, c.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 operator +(V512 a, V512 b) => new(a.value + b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 operator -(V512 a, V512 b) => new(a.value - b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 operator *(V512 a, V512 b) => new(a.value * b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 operator /(V512 a, V512 b) => new(a.value / b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 operator -(V512 a) => new(-a.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 operator &(V512 a, V512 b) => new(a.value & b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 operator |(V512 a, V512 b) => new(a.value | b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 Max(V512 a, V512 b) => new(Vector512.Max(a.value, b.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 Min(V512 a, V512 b) => new(Vector512.Min(a.value, b.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 Sqrt(V512 a) => new(Vector512.Sqrt(a.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 Abs(V512 a) => new(Vector512.Abs(a.value));

    /// <inheritdoc cref="ExpPolynomial"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 Exp(V512 a)
    {
        // Of two operands the second is taken where there is a NaN.
        var x = Avx512F.Max(Vector512.Create(ExpPolynomial.Least), Avx512F.Min(Vector512.Create(ExpPolynomial.Most), a.value));
        var n = Avx512F.RoundScale(x * Vector512.Create(ExpPolynomial.Log2E), 8);
        return new(Avx512F.Scale(ExpPolynomial.Of(new V512(x), new V512(n)).value, n));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 Log(V512 a) => new(Vector512.Log(a.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 GreaterThan(V512 a, V512 b) => new(Vector512.GreaterThan(a.value, b.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 LessThan(V512 a, V512 b) => new(Vector512.LessThan(a.value, b.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 SameBits(V512 a, V512 b) => new(Vector512.Equals(a.value.AsInt32(), b.value.AsInt32()).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 IsNaN(V512 a) => new(~Vector512.Equals(a.value, a.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V512 Select(V512 mask, V512 a, V512 b) => new(Vector512.ConditionalSelect(mask.value, a.value, b.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(V512 a) => V256.Sum(new(a.value.GetLower() + a.value.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MaxLane(V512 a) => V256.MaxLane(new(Vector256.Max(a.value.GetLower(), a.value.GetUpper())));
}

/// <summary>8 lanes: AVX2 with FMA.</summary>
internal readonly unsafe struct V256(Vector256<float> value) : IVector<V256>
{
    readonly Vector256<float> value = value;

    public static int Count => 8;

    public static int Registers => 16;

    public static string Name => "AVX2";

    public static V256 Zero => new(Vector256<float>.Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256 Create(float value) => new(Vector256.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256 Load(float* p) => new(Vector256.Load(p));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(V256 v, float* p) => v.value.Store(p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256 LoadPartial(float* p, int count) => new(Avx.MaskLoad(p, Mask(count)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePartial(V256 v, float* p, int count) => Avx.MaskStore(p, Mask(count), v.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<float> Mask(int count) => Vector256.LessThan(Vector256<int>.Indices, Vector256.Create(count)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256 LoadBytes(byte* p) => new(Vector256.ConvertToSingle(Avx2.ConvertToVector256Int32(p)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256 Fma(V256 a, V256 b, V256 c) => new(Vector256.MultiplyAddEstimate(a.value, b.value, c.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256 Fma(float* a, V256 b, V256 c) => new(Vector256.MultiplyAddEstimate(Vector256.Create(*a), b.value, c.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256 operator +(V256 a, V256 b) => new(a.value + b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256 operator -(V256 a, V256 b) => new(a.value - b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256 operator *(V256 a, V256 b) => new(a.value * b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256 operator /(V256 a, V256 b) => new(a.value / b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256 operator -(V256 a) => new(-a.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256 operator &(V256 a, V256 b) => new(a.value & b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256 operator |(V256 a, V256 b) => new(a.value | b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256 Max(V256 a, V256 b) => new(Vector256.Max(a.value, b.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256 Min(V256 a, V256 b) => new(Vector256.Min(a.value, b.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256 Sqrt(V256 a) => new(Vector256.Sqrt(a.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256 Abs(V256 a) => new(Vector256.Abs(a.value));

    /// <inheritdoc cref="ExpPolynomial"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256 Exp(V256 a)
    {
        // Of two operands the second is taken where there is a NaN.
        var x = Avx.Max(Vector256.Create(ExpPolynomial.Least), Avx.Min(Vector256.Create(ExpPolynomial.Most), a.value));
        var n = Avx.RoundToNearestInteger(x * Vector256.Create(ExpPolynomial.Log2E));
        var p = ExpPolynomial.Of(new V256(x), new V256(n)).value;

        // 2^n in two factors, as n goes from -150 to 128.
        var whole = Avx.ConvertToVector256Int32(n);
        var half = Avx2.ShiftRightArithmetic(whole, 1);
        var bias = Vector256.Create(127);
        return new(p * Avx2.ShiftLeftLogical(half + bias, 23).AsSingle() * Avx2.ShiftLeftLogical(whole - half + bias, 23).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256 Log(V256 a) => new(Vector256.Log(a.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256 GreaterThan(V256 a, V256 b) => new(Vector256.GreaterThan(a.value, b.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256 LessThan(V256 a, V256 b) => new(Vector256.LessThan(a.value, b.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256 SameBits(V256 a, V256 b) => new(Vector256.Equals(a.value.AsInt32(), b.value.AsInt32()).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256 IsNaN(V256 a) => new(~Vector256.Equals(a.value, a.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V256 Select(V256 mask, V256 a, V256 b) => new(Vector256.ConditionalSelect(mask.value, a.value, b.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(V256 a) => V128.Sum(new(a.value.GetLower() + a.value.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MaxLane(V256 a) => V128.MaxLane(new(Vector128.Max(a.value.GetLower(), a.value.GetUpper())));
}

/// <summary>4 lanes: any machine .NET runs on.</summary>
internal readonly unsafe struct V128(Vector128<float> value) : IVector<V128>
{
    readonly Vector128<float> value = value;

    public static int Count => 4;

    public static int Registers => System.Runtime.Intrinsics.Arm.AdvSimd.Arm64.IsSupported ? 32 : 16;

    public static string Name => System.Runtime.Intrinsics.Arm.AdvSimd.IsSupported ? "NEON" : "Vector128";

    public static V128 Zero => new(Vector128<float>.Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V128 Create(float value) => new(Vector128.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V128 Load(float* p) => new(Vector128.Load(p));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(V128 v, float* p) => v.value.Store(p);

    public static V128 LoadPartial(float* p, int count)
    {
        var lanes = stackalloc float[4];
        for (var i = 0; i < count; i++) lanes[i] = p[i];
        for (var i = count; i < 4; i++) lanes[i] = 0;
        return Load(lanes);
    }

    public static void StorePartial(V128 v, float* p, int count)
    {
        for (var i = 0; i < count; i++) p[i] = v.value[i];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V128 LoadBytes(byte* p) => new(Vector128.Create((float)p[0], p[1], p[2], p[3]));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V128 Fma(V128 a, V128 b, V128 c) => new(Vector128.MultiplyAddEstimate(a.value, b.value, c.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V128 Fma(float* a, V128 b, V128 c) => new(Vector128.MultiplyAddEstimate(Vector128.Create(*a), b.value, c.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V128 operator +(V128 a, V128 b) => new(a.value + b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V128 operator -(V128 a, V128 b) => new(a.value - b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V128 operator *(V128 a, V128 b) => new(a.value * b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V128 operator /(V128 a, V128 b) => new(a.value / b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V128 operator -(V128 a) => new(-a.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V128 operator &(V128 a, V128 b) => new(a.value & b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V128 operator |(V128 a, V128 b) => new(a.value | b.value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V128 Max(V128 a, V128 b) => new(Vector128.Max(a.value, b.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V128 Min(V128 a, V128 b) => new(Vector128.Min(a.value, b.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V128 Sqrt(V128 a) => new(Vector128.Sqrt(a.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V128 Abs(V128 a) => new(Vector128.Abs(a.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V128 Exp(V128 a) => new(Vector128.Exp(a.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V128 Log(V128 a) => new(Vector128.Log(a.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V128 GreaterThan(V128 a, V128 b) => new(Vector128.GreaterThan(a.value, b.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V128 LessThan(V128 a, V128 b) => new(Vector128.LessThan(a.value, b.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V128 SameBits(V128 a, V128 b) => new(Vector128.Equals(a.value.AsInt32(), b.value.AsInt32()).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V128 IsNaN(V128 a) => new(~Vector128.Equals(a.value, a.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V128 Select(V128 mask, V128 a, V128 b) => new(Vector128.ConditionalSelect(mask.value, a.value, b.value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(V128 a) => (a.value[0] + a.value[2]) + (a.value[1] + a.value[3]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MaxLane(V128 a) => MathF.Max(MathF.Max(a.value[0], a.value[2]), MathF.Max(a.value[1], a.value[3]));
}

/// <summary>
/// exp(x) = 2^n (1 + r + r^2 p(r)), n the nearest to x / ln 2, r the rest, p a polynomial near the minimax one (relative error 1e-8; the result's, with its
/// rounding, 1.5e-7). NaN stays, infinity and what is near it become infinity, what is far below 0 becomes 0, by way of denormal numbers.
/// (.NET's goes by way of double precision, in two to three times the time.)
/// </summary>
static class ExpPolynomial
{
    public const float Least = -104, Most = 89, Log2E = 1.44269504f;

    /// <summary>1 + r + r^2 p(r).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Of<V>(V x, V n)
        where V : unmanaged, IVector<V>
    {
        // ln 2 in two parts: n times the first is exact.
        var r = V.Fma(n, V.Create(-0.693145752f), x);
        r = V.Fma(n, V.Create(-1.42860677e-6f), r);
        var p = V.Fma(V.Create(1.392621314e-3f), r, V.Create(8.363203146e-3f));
        p = V.Fma(p, r, V.Create(4.166655615e-2f));
        p = V.Fma(p, r, V.Create(1.666657627e-1f));
        p = V.Fma(p, r, V.Create(0.5f));
        return V.Fma(r * r, p, r) + V.Create(1f);
    }
}
