using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace CnnSharp.Kernels.Cpu;

/// <summary>The limits of the machine.</summary>
sealed unsafe class CpuPeak<V>(CpuKernels<V> kernels) : CpuKernelFamily<V>(kernels), IPeak
    where V : unmanaged, IVector<V>
{
    public int Batch => 128;

    public double FmaPeak(TimeSpan duration)
    {
        // Tasks are short and many, so that a thread that loses its core for a while delays nobody.
        const int Iterations = 20_000;
        var tasks = 16 * Workers.Count;
        var operations = 0.0;
        var clock = Stopwatch.StartNew();
        do
        {
            Workers.Run(new FmaWork(Iterations), tasks);
            operations += (double)tasks * Iterations * FmaWork.ChainsPerIteration * V.Count * 2;
        }
        while (clock.Elapsed < duration);
        return operations / clock.Elapsed.TotalSeconds;
    }

    public double Bandwidth(DeviceBuffer memory, TimeSpan duration)
    {
        var length = memory.Length / 2;
        var moved = 0.0;
        var clock = Stopwatch.StartNew();
        do
        {
            Workers.Run(new UpdateWork(memory.Pointer<float>(), length), Chunks(length));
            moved += 3.0 * length * sizeof(float);
        }
        while (clock.Elapsed < duration);
        return moved / clock.Elapsed.TotalSeconds;
    }

    /// <summary>Ten independent chains: two units of four cycles' latency need eight; twelve and their operands would not fit 16 registers.</summary>
    readonly struct FmaWork(int iterations) : IWork
    {
        public const int ChainsPerIteration = 10;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            // b + a x with |a| < 1 stays finite and away from denormals.
            V a = V.Create(0.5f), b = V.Create(1f + task);
            V c0 = a, c1 = c0 + b, c2 = c1 + b, c3 = c2 + b, c4 = c3 + b, c5 = c4 + b, c6 = c5 + b, c7 = c6 + b, c8 = c7 + b, c9 = c8 + b;
            for (var i = 0; i < iterations; i++)
            {
                c0 = V.Fma(a, c0, b);
                c1 = V.Fma(a, c1, b);
                c2 = V.Fma(a, c2, b);
                c3 = V.Fma(a, c3, b);
                c4 = V.Fma(a, c4, b);
                c5 = V.Fma(a, c5, b);
                c6 = V.Fma(a, c6, b);
                c7 = V.Fma(a, c7, b);
                c8 = V.Fma(a, c8, b);
                c9 = V.Fma(a, c9, b);
            }

            var sink = stackalloc float[V.Count];
            V.Store(c0 + c1 + c2 + c3 + c4 + c5 + c6 + c7 + c8 + c9, sink);
        }
    }

    readonly struct UpdateWork(float* p, long length) : IWork
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var start = task * Chunk;
            var end = Math.Min(start + Chunk, length);
            float* a = p, b = p + length;
            var s = V.Create(1e-3f);
            for (var i = start; i + V.Count <= end; i += V.Count) V.Store(V.Fma(s, V.Load(b + i), V.Load(a + i)), a + i);
        }
    }
}
