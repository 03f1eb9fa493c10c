using System.Runtime.CompilerServices;

namespace CnnSharp.Kernels.Cpu;

// Lanes are the elements after the axis; a task has rows of the result. The first entry of a row is a product, not an addition to
// zero, so that copying by a weight of 1 is exact to the sign of a zero.
/// <summary>Sparse matrices.</summary>
sealed unsafe class SparseKernels<V>(CpuKernels<V> kernels) : CpuKernelFamily<V>(kernels), ISparseKernels
    where V : unmanaged, IVector<V>
{
    /// <inheritdoc/>
    public void Multiply(in SparseGeometry g, DeviceBuffer offsets, DeviceBuffer columns, DeviceBuffer values, DeviceBuffer x, DeviceBuffer y)
    {
        if (y.Length == 0) return;
        var width = (int)Math.Min(int.MaxValue, g.Inner * Math.Max(1, DivideUp(values.Length, g.Rows)));
        var work = new SparseWork(g, width, offsets.ReadOnlyPointer<int>(), columns.ReadOnlyPointer<int>(), values.ReadOnlyPointer<float>(), x.ReadOnlyPointer<float>(), y.Pointer<float>());
        Workers.Run(work, RowTasks((long)g.Outer * g.Rows, width));
    }

    readonly struct SparseWork(in SparseGeometry g, int width, int* offsets, int* columns, float* values, float* x, float* y) : IWork
    {
        readonly SparseGeometry g = g;
        readonly int width = width;
        readonly int* offsets = offsets, columns = columns;
        readonly float* values = values, x = x, y = y;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var perTask = RowsPerTask(width);
            var end = Math.Min((long)g.Outer * g.Rows, (task + 1) * perTask);
            for (var row = task * perTask; row < end; row++)
            {
                var source = x + (row / g.Rows * g.Columns * g.Inner);
                var target = y + (row * g.Inner);
                int first = offsets[row % g.Rows], last = offsets[(row % g.Rows) + 1];
                if (first == last) Clear(target, g.Inner);
                else if (g.Inner < V.Count / 2) Narrow(source, target, first, last);
                else Wide(source, target, first, last);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        void Wide(float* source, float* target, int first, int last)
        {
            for (var c = 0; c < g.Inner; c += V.Count)
            {
                var count = Math.Min(V.Count, g.Inner - c);
                var sum = V.Create(values[first]) * LoadUpTo(source + ((long)columns[first] * g.Inner) + c, count);
                for (var e = first + 1; e < last; e++) sum = V.Fma(V.Create(values[e]), LoadUpTo(source + ((long)columns[e] * g.Inner) + c, count), sum);
                StoreUpTo(sum, target + c, count);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        void Narrow(float* source, float* target, int first, int last)
        {
            for (var c = 0; c < g.Inner; c++)
            {
                var sum = values[first] * source[((long)columns[first] * g.Inner) + c];
                for (var e = first + 1; e < last; e++) sum = MathF.FusedMultiplyAdd(values[e], source[((long)columns[e] * g.Inner) + c], sum);
                target[c] = sum;
            }
        }
    }
}
