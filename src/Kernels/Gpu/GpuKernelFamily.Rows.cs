using ILGPU;
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

// Work on the rows of [rows, classes], written once for whatever shares a row.
abstract partial class GpuKernelFamily
{
    /// <summary>
    /// Rows up to this width have one thread each: a group for each row of ten classes would leave nearly all of its threads
    /// without work, and the lines of memory that neighboring rows share stay in the cache from one class to the next.
    /// Wider rows have a group each, whose threads read side by side.
    /// </summary>
    protected const int ThreadRow = 32;

    /// <summary>The threads that share a row. Every one of them must reach each <see cref="Sum"/> and <see cref="Max"/>.</summary>
    internal interface IRowThreads
    {
        /// <summary>The row of this thread; there may be none.</summary>
        static abstract int Row { get; }

        /// <summary>This thread's first class; the next is <see cref="Step"/> further.</summary>
        static abstract int First { get; }

        /// <summary>The threads of a row.</summary>
        static abstract int Step { get; }

        /// <summary>The sum over the row's threads, for each of them, in an order that <see cref="Step"/> alone decides.</summary>
        static abstract float Sum(float value);

        /// <summary>The maximum over the row's threads, for each of them; NaN may be lost.</summary>
        static abstract float Max(float value);
    }

    /// <summary>One thread.</summary>
    internal readonly struct OneThread : IRowThreads
    {
        public static int Row => Grid.GlobalIndex.X;

        public static int First => 0;

        public static int Step => 1;

        public static float Sum(float value) => value;

        public static float Max(float value) => value;
    }

    /// <summary>A group, whose size is a power of two.</summary>
    internal readonly struct WholeGroup : IRowThreads
    {
        public static int Row => Grid.IdxX;

        public static int First => Group.IdxX;

        public static int Step => Group.DimX;

        public static float Sum(float value)
        {
            var partial = SharedMemory.Allocate<float>(GpuKernels.MaxGroupSize);
            int thread = Group.IdxX;
            partial[thread] = value;
            Group.Barrier();
            for (var half = Group.DimX / 2; half > 0; half /= 2)
            {
                if (thread < half) partial[thread] += partial[thread + half];
                Group.Barrier();
            }

            // The memory may be written again once all have read the result.
            var sum = partial[0];
            Group.Barrier();
            return sum;
        }

        public static float Max(float value)
        {
            var partial = SharedMemory.Allocate<float>(GpuKernels.MaxGroupSize);
            int thread = Group.IdxX;
            partial[thread] = value;
            Group.Barrier();
            for (var half = Group.DimX / 2; half > 0; half /= 2)
            {
                if (thread < half && partial[thread + half] > partial[thread]) partial[thread] = partial[thread + half];
                Group.Barrier();
            }

            var maximum = partial[0];
            Group.Barrier();
            return maximum;
        }
    }

    /// <summary>Groups for rows of <paramref name="classes"/>: for <see cref="OneThread"/> up to <see cref="ThreadRow"/>, above for <see cref="WholeGroup"/>.</summary>
    /// <exception cref="NotSupportedException">More than 2^31 - 1 rows.</exception>
    protected KernelConfig RowGroups(long rows, int classes)
    {
        int all = Range(rows);
        return new(classes <= ThreadRow ? Blocks(all, GroupSize) : all, GroupSize);
    }

    /// <summary>The maximum of a row, for its threads; NaN may be lost.</summary>
    protected static float RowMaximum<T>(long row, int classes, ArrayView<float> x)
        where T : struct, IRowThreads
    {
        var maximum = float.NegativeInfinity;
        for (var c = T.First; c < classes; c += T.Step)
        {
            var value = x[(row * classes) + c];
            if (value > maximum) maximum = value;
        }

        return T.Max(maximum);
    }
}
