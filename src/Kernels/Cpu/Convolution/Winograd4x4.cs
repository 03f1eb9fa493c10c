using System.Runtime.CompilerServices;

namespace CnnSharp.Kernels.Cpu;

/// <summary>The transforms of Winograd's F(4x4, 3x3): 4 x 4 results of a 3 x 3 kernel from a patch of 6 x 6.</summary>
internal static unsafe class Winograd4x4<V>
    where V : unmanaged, IVector<V>
{
    /// <summary>Rows and columns of results that a tile has.</summary>
    public const int Tile = 4;

    /// <summary>Rows and columns of a patch, and the places of all.</summary>
    public const int Patch = 6, Places = Patch * Patch;

    /// <summary>B^T d B for every channel of a patch, to 36 places.</summary>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void TransformPatch(float* d, long rowStride, int channels, float* target, long place)
    {
        float* roomOfColumns = stackalloc float[(Places * V.Count) + CpuKernelFamily<V>.LineFloats], columns = CpuKernelFamily<V>.Aligned(roomOfColumns);
        for (var c = 0; c < channels; c += V.Count, d += V.Count, target += V.Count)
        {
            for (var j = 0; j < Patch; j++)
            {
                var p = d + ((long)j * channels);
                InputTransform(p, rowStride, columns + (j * V.Count), Patch * V.Count);
            }

            for (var i = 0; i < Patch; i++) InputTransform(columns + (i * Patch * V.Count), V.Count, target + (i * Patch * place), place);
        }
    }

    /// <summary>B^T d along one axis.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void InputTransform(float* d, long stride, float* target, long targetStride)
    {
        V d0 = V.Load(d), d1 = V.Load(d + stride), d2 = V.Load(d + (2 * stride)), d3 = V.Load(d + (3 * stride)), d4 = V.Load(d + (4 * stride)), d5 = V.Load(d + (5 * stride));
        V minusFour = V.Create(-4), minusFive = V.Create(-5), four = V.Create(4), two = V.Create(2);
        var even = V.Fma(minusFour, d2, d4);
        var odd = V.Fma(minusFour, d1, d3);
        var even2 = d4 - d2;
        var odd2 = two * (d3 - d1);
        V.Store(V.Fma(four, d0, V.Fma(minusFive, d2, d4)), target);
        V.Store(even + odd, target + targetStride);
        V.Store(even - odd, target + (2 * targetStride));
        V.Store(even2 + odd2, target + (3 * targetStride));
        V.Store(even2 - odd2, target + (4 * targetStride));
        V.Store(V.Fma(four, d1, V.Fma(minusFive, d3, d5)), target + (5 * targetStride));
    }

    /// <summary>A^T m along one axis.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void OutputTransform(float* m, long stride, float* target, long targetStride)
    {
        V m0 = V.Load(m), m1 = V.Load(m + stride), m2 = V.Load(m + (2 * stride)), m3 = V.Load(m + (3 * stride)), m4 = V.Load(m + (4 * stride)), m5 = V.Load(m + (5 * stride));
        V sum1 = m1 + m2, difference1 = m1 - m2, sum2 = m3 + m4, difference2 = m3 - m4;
        V.Store(m0 + sum1 + sum2, target);
        V.Store(V.Fma(V.Create(2), difference2, difference1), target + targetStride);
        V.Store(V.Fma(V.Create(4), sum2, sum1), target + (2 * targetStride));
        V.Store(V.Fma(V.Create(8), difference2, difference1) + m5, target + (3 * targetStride));
    }

    /// <summary>A dY A^T for every channel of a tile of 4 x 4, to 36 places.</summary>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void TransformGradient(float* dy, long rowStride, int channels, float* target, long place)
    {
        float* roomOfColumns = stackalloc float[(Patch * Tile * V.Count) + CpuKernelFamily<V>.LineFloats], columns = CpuKernelFamily<V>.Aligned(roomOfColumns);
        for (var k = 0; k < channels; k += V.Count, dy += V.Count, target += V.Count)
        {
            for (var j = 0; j < Tile; j++) GradientTransform(dy + ((long)j * channels), rowStride, columns + (j * V.Count), Tile * V.Count);
            for (var i = 0; i < Patch; i++) GradientTransform(columns + (i * Tile * V.Count), V.Count, target + (i * Patch * place), place);
        }
    }

    /// <summary>A dy along one axis.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void GradientTransform(float* dy, long stride, float* target, long targetStride)
    {
        V y0 = V.Load(dy), y1 = V.Load(dy + stride), y2 = V.Load(dy + (2 * stride)), y3 = V.Load(dy + (3 * stride));
        V even = y0 + y2, odd = y1 + y3;
        var even2 = V.Fma(V.Create(4), y2, y0);
        var odd2 = V.Fma(V.Create(8), y3, y1 + y1);
        V.Store(y0, target);
        V.Store(even + odd, target + targetStride);
        V.Store(even - odd, target + (2 * targetStride));
        V.Store(even2 + odd2, target + (3 * targetStride));
        V.Store(even2 - odd2, target + (4 * targetStride));
        V.Store(y3, target + (5 * targetStride));
    }

    /// <summary>G^T M G of one vector of channels: 36 places to 9 taps.</summary>
    [SkipLocalsInit]
    public static void FinishGradient(float* m, float* taps)
    {
        float* roomOfHalf = stackalloc float[(3 * Patch * V.Count) + CpuKernelFamily<V>.LineFloats], half = CpuKernelFamily<V>.Aligned(roomOfHalf);
        for (var j = 0; j < Patch; j++) TapTransform(m + (j * V.Count), Patch * V.Count, half + (j * V.Count), Patch * V.Count);
        for (var r = 0; r < 3; r++) TapTransform(half + (r * Patch * V.Count), V.Count, taps + (r * 3 * V.Count), V.Count);
    }

    /// <summary>G^T m along one axis.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void TapTransform(float* m, long stride, float* target, long targetStride)
    {
        V m0 = V.Load(m), m1 = V.Load(m + stride), m2 = V.Load(m + (2 * stride)), m3 = V.Load(m + (3 * stride)), m4 = V.Load(m + (4 * stride)), m5 = V.Load(m + (5 * stride));
        V sum1 = m1 + m2, difference1 = m2 - m1, sum2 = m3 + m4, difference2 = m3 - m4;
        V sixth = V.Create(1f / 6), ends = V.Create(-1f / 6) * sum1;
        V.Store(V.Fma(V.Create(0.25f), m0, V.Fma(V.Create(1f / 24), sum2, ends)), target);
        V.Store(V.Fma(V.Create(1f / 12), difference2, sixth * difference1), target + targetStride);
        V.Store(V.Fma(sixth, sum2, ends) + m5, target + (2 * targetStride));
    }

    /// <summary>
    /// G g G^T of one block of packed weights [9, In, width], to the 36 places of <paramref name="target"/>, which are
    /// <paramref name="place"/> floats apart.
    /// </summary>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void TransformWeights(float* packed, int input, int width, float* target, long place)
    {
        float* roomOfHalf = stackalloc float[(Patch * 3 * V.Count) + CpuKernelFamily<V>.LineFloats], half = CpuKernelFamily<V>.Aligned(roomOfHalf);
        var tap = (long)input * width;
        for (var i = 0L; i < tap; i += V.Count)
        {
            for (var s = 0; s < 3; s++) WeightTransform(packed + i + (s * tap), 3 * tap, half + (s * V.Count), 3 * V.Count);
            for (var r = 0; r < Patch; r++) WeightTransform(half + (r * 3 * V.Count), V.Count, target + i + (r * Patch * place), place);
        }
    }

    /// <summary>G g along one axis.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void WeightTransform(float* g, long stride, float* target, long targetStride)
    {
        V g0 = V.Load(g), g1 = V.Load(g + stride), g2 = V.Load(g + (2 * stride));
        var ends = V.Create(-1f / 6) * (g0 + g2);
        var middle = V.Create(1f / 6) * g1;
        var quarters = V.Fma(V.Create(1f / 24), g0, V.Create(1f / 6) * g2);
        var twelfth = V.Create(1f / 12) * g1;
        V.Store(V.Create(0.25f) * g0, target);
        V.Store(ends - middle, target + targetStride);
        V.Store(ends + middle, target + (2 * targetStride));
        V.Store(quarters + twelfth, target + (3 * targetStride));
        V.Store(quarters - twelfth, target + (4 * targetStride));
        V.Store(g2, target + (5 * targetStride));
    }
}
