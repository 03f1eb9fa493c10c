using System.Runtime.CompilerServices;

namespace CnnSharp.Kernels.Cpu;

/// <summary>A family of primitives on SIMD vectors, and what families have in common.</summary>
/// <typeparam name="V">The vectors.</typeparam>
/// <param name="kernels">The families of the engine.</param>
abstract unsafe partial class CpuKernelFamily<V>(CpuKernels<V> kernels)
    where V : unmanaged, IVector<V>
{
    /// <summary>Elements a task of an element-wise kernel has: a quarter of a 2 MiB L2 in two streams.</summary>
    protected const long Chunk = 32 * 1024;

    /// <summary>The families of the engine.</summary>
    protected CpuKernels<V> Kernels { get; } = kernels;

    /// <summary>The threads that compute.</summary>
    protected Workers Workers { get; } = kernels.Workers;

    /// <summary>Memory for one call at a time: used under <see cref="Workers.ScratchLock"/>.</summary>
    protected GrowingMemory Scratch { get; } = kernels.Scratch;

    /// <summary>Tasks of <see cref="Chunk"/> elements.</summary>
    protected static int Chunks(long count) => checked((int)((count + Chunk - 1) / Chunk));

    /// <summary>a / b, rounded up.</summary>
    protected static int DivideUp(int a, int b) => (a + b - 1) / b;

    /// <summary>The next multiple of b.</summary>
    protected static int RoundUp(int a, int b) => (a + b - 1) / b * b;

    /// <summary>Loads a whole vector where <paramref name="count"/> is Count, else its first lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static V LoadUpTo(float* p, int count) => count == V.Count ? V.Load(p) : V.LoadPartial(p, count);

    /// <summary>Stores a whole vector where <paramref name="count"/> is Count, else its first lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void StoreUpTo(V v, float* p, int count)
    {
        if (count == V.Count) V.Store(v, p);
        else V.StorePartial(v, p, count);
    }

    /// <summary>The elements of task <paramref name="task"/>: start, the end of the whole vectors, the end.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    protected static (long Start, long FullVectors, int Tail) ChunkOf(int task, long count)
    {
        var start = task * Chunk;
        var length = Math.Min(Chunk, count - start);
        var rest = (int)(length % V.Count);
        return (start, start + length - rest, rest);
    }

    /// <summary>Rows that a task of row-wise work has: about Chunk elements.</summary>
    protected static long RowsPerTask(int width) => Math.Max(1, Chunk / Math.Max(1, width));

    protected static int RowTasks(long rows, int width) => checked((int)((rows + RowsPerTask(width) - 1) / RowsPerTask(width)));

    /// <summary>The first place from <paramref name="p"/> on where a cache line begins, at most <see cref="LineFloats"/> - 1 floats further: a vector of the stack would else lie across two.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float* Aligned(float* p) => (float*)(((nint)p + 63) & ~(nint)63);

    /// <summary>Floats of a cache line.</summary>
    internal const int LineFloats = 16;

    protected static void Clear(float* target, long count) => new Span<float>(target, checked((int)count)).Clear();

    protected static long DivideUp(long a, long b) => (a + b - 1) / b;

    protected static V One
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => V.Create(1f);
    }

    /// <summary>max(x, 0); a NaN stays one, which an instruction for max would not promise.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    protected static V Rectify(V x) => V.Select(V.LessThan(x, V.Zero), V.Zero, x);

    /// <summary>g where y > 0, else 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    protected static V RectifyGradient(V y, V g) => V.GreaterThan(y, V.Zero) & g;

    /// <summary>The place of the maximum of <paramref name="count"/> values: the first of equals, the first NaN if there is one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    protected static int FirstGreatest(float* x, int count)
    {
        var place = 0;
        for (var i = 1; i < count && !float.IsNaN(x[place]); i++)
        {
            if (!(x[i] <= x[place])) place = i;
        }

        return place;
    }
}
