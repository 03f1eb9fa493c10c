using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace CnnSharp.Kernels.Cpu;

// With few rows of a (a linear layer, a few images) every element of b is multiplied a few times only, and what counts is
// how fast b arrives: it is read once, where it lies, in pieces of its rows, eight rows at a time, and the
// same piece of the next eight rows is prefetched meanwhile. The sums stay in the L1.
sealed unsafe partial class MatMulKernels<V>
    where V : unmanaged, IVector<V>
{
    /// <summary>Whether packing b would cost as much as multiplying by it.</summary>
    static bool FewRows(in MatMulPass pass)
        => pass.Geometry is { M: <= 2 * CorrelationTiles<V>.MaxHalfTilePixels, TransposeA: false, TransposeB: false } && !pass.Pixels.Any;

    void MultiplyFewRows(in MatMulPass pass, float* bias)
    {
        lock (Workers.ScratchLock)
        {
            var columns = FewRowsWork.ColumnsOf(pass.Geometry, Workers.Count);
            Workers.Run(new FewRowsWork(pass, columns, bias, Workers.ScratchTable((long)pass.Geometry.M * columns)), DivideUp(pass.Geometry.N, columns));
        }
    }

    /// <summary>Task: some columns of the result.</summary>
    readonly struct FewRowsWork(in MatMulPass pass, int columns, float* bias, float** scratch) : IWork
    {
        /// <summary>Rows of b that are added in one go.</summary>
        const int Depth = 8;

        /// <summary>Sums of a task: half of the L1, which leaves the rest to b.</summary>
        const int MostSums = 4096;

        /// <summary>
        /// Columns of a task: the longer the pieces of b's rows, the faster they arrive, so a task a thread, if its sums are not too many.
        /// Every column is summed in the same order, however they are cut.
        /// </summary>
        public static int ColumnsOf(in MatMulGeometry g, int threads) => Math.Clamp(RoundUp((int)DivideUp(g.N, threads), 64), 64, MostSums / Math.Max(1, g.M) / 64 * 64);

        readonly int columns = columns, m = pass.Geometry.M, n = pass.Geometry.N, k = pass.Geometry.K;
        readonly float* a = pass.A, b = pass.B, c = pass.C, bias = bias;
        readonly float** scratch = scratch;
        readonly Epilogue epilogue = pass.Epilogue;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var column = task * columns;
            var count = Math.Min(columns, n - column);
            var sums = scratch[worker];
            for (var row = 0; row < m; row++)
            {
                if (bias is null) Clear(sums + (row * columns), count);
                else CopyFloats(bias + column, sums + (row * columns), count);
            }

            var i = 0;
            for (; i + Depth <= k; i += Depth) AddEight(a + i, b + ((long)i * n) + column, count, sums);
            for (; i < k; i++) AddOne(a + i, b + ((long)i * n) + column, count, sums);

            for (var row = 0; row < m; row++)
            {
                var target = c + ((long)row * n) + column;
                for (var j = 0; j < count; j += V.Count)
                {
                    var lanes = Math.Min(V.Count, count - j);
                    var sum = LoadUpTo(sums + (row * columns) + j, lanes);
                    if (epilogue.Scale is not null) sum = V.Fma(sum, LoadUpTo(epilogue.Scale + column + j, lanes), LoadUpTo(epilogue.Shift + column + j, lanes));
                    if (epilogue.Add is not null) sum += LoadUpTo(epilogue.Add + ((long)row * n) + column + j, lanes);
                    if (epilogue.Relu) sum = V.Max(sum, V.Zero);
                    if (epilogue.Upper > 0) sum = V.Min(sum, V.Create(epilogue.Upper));
                    if (epilogue.Accumulate) sum += LoadUpTo(target + j, lanes);
                    StoreUpTo(sum, target + j, lanes);
                }

                if (epilogue.Silu) Epilogue.ApplySilu<V>(target, 0, 1, count);
            }
        }

        /// <summary>sums[row, j] += a[row, i] b[i, j] for eight i.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        void AddEight(float* x, float* w, int count, float* sums)
        {
            float* w1 = w + n, w2 = w1 + n, w3 = w2 + n, w4 = w3 + n, w5 = w4 + n, w6 = w5 + n, w7 = w6 + n;
            var ahead = (nint)n * Depth * sizeof(float);
            for (var j = 0; j < count; j += V.Count)
            {
                if (Sse.IsSupported && j % 16 == 0)
                {
                    Sse.Prefetch0((byte*)(w + j) + ahead);
                    Sse.Prefetch0((byte*)(w1 + j) + ahead);
                    Sse.Prefetch0((byte*)(w2 + j) + ahead);
                    Sse.Prefetch0((byte*)(w3 + j) + ahead);
                    Sse.Prefetch0((byte*)(w4 + j) + ahead);
                    Sse.Prefetch0((byte*)(w5 + j) + ahead);
                    Sse.Prefetch0((byte*)(w6 + j) + ahead);
                    Sse.Prefetch0((byte*)(w7 + j) + ahead);
                }

                var lanes = Math.Min(V.Count, count - j);
                V b0 = LoadUpTo(w + j, lanes), b1 = LoadUpTo(w1 + j, lanes), b2 = LoadUpTo(w2 + j, lanes), b3 = LoadUpTo(w3 + j, lanes);
                V b4 = LoadUpTo(w4 + j, lanes), b5 = LoadUpTo(w5 + j, lanes), b6 = LoadUpTo(w6 + j, lanes), b7 = LoadUpTo(w7 + j, lanes);
                float* p = x, s = sums + j;
                for (var row = 0; row < m; row++, p += k, s += columns)
                {
                    var sum = V.Load(s);
                    sum = V.Fma(p, b0, sum);
                    sum = V.Fma(p + 1, b1, sum);
                    sum = V.Fma(p + 2, b2, sum);
                    sum = V.Fma(p + 3, b3, sum);
                    sum = V.Fma(p + 4, b4, sum);
                    sum = V.Fma(p + 5, b5, sum);
                    sum = V.Fma(p + 6, b6, sum);
                    sum = V.Fma(p + 7, b7, sum);
                    V.Store(sum, s);
                }
            }
        }

        void AddOne(float* x, float* w, int count, float* sums)
        {
            for (var j = 0; j < count; j += V.Count)
            {
                var value = LoadUpTo(w + j, Math.Min(V.Count, count - j));
                for (var row = 0; row < m; row++)
                {
                    var s = sums + (row * columns) + j;
                    V.Store(V.Fma(x + ((long)row * k), value, V.Load(s)), s);
                }
            }
        }
    }
}
