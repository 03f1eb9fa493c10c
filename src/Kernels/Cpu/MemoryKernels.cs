using System.Runtime.CompilerServices;

namespace CnnSharp.Kernels.Cpu;

/// <summary>Filling and copying.</summary>
sealed unsafe class MemoryKernels<V>(CpuKernels<V> kernels) : CpuKernelFamily<V>(kernels), IMemoryKernels
    where V : unmanaged, IVector<V>
{
    /// <inheritdoc/>
    public void Fill(DeviceBuffer y, double value)
    {
        switch (y.Type)
        {
            case DType.Float32: Fill(y.Pointer<float>(), (float)value, y.Length); break;
            case DType.Float64: Fill(y.Pointer<double>(), value, y.Length); break;
            case DType.Int32: Fill(y.Pointer<int>(), (int)value, y.Length); break;
            case DType.UInt8: Fill(y.Pointer<byte>(), (byte)value, y.Length); break;
            default: throw new ArgumentException($"Fill knows no elements of type {y.Type}.", nameof(y));
        }
    }

    void Fill<T>(T* y, T value, long count)
        where T : unmanaged
        => Workers.Run(new FillWork<T>(y, value, count), Chunks(count));

    readonly struct FillWork<T>(T* y, T value, long count) : IWork
        where T : unmanaged
    {
        readonly T* y = y;
        readonly T value = value;
        readonly long count = count;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var start = task * Chunk;
            new Span<T>(y + start, (int)Math.Min(Chunk, count - start)).Fill(value);
        }
    }

    /// <inheritdoc/>
    public void Copy(DeviceBuffer x, DeviceBuffer y)
    {
        if (x.Type != y.Type || x.Length != y.Length) throw new ArgumentException($"A copy of {x.Length} {x.Type} elements does not fit a buffer of {y.Length} {y.Type} elements.");
        Workers.Run(new CopyWork(HostPointer(x, x.ReadOnlyBlock), HostPointer(y, y.Block), x.Bytes), Chunks(DivideUp(x.Bytes, sizeof(float))));
    }

    /// <summary>A task has Chunk floats' worth of bytes.</summary>
    readonly struct CopyWork(byte* x, byte* y, long bytes) : IWork
    {
        readonly byte* x = x, y = y;
        readonly long bytes = bytes;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var start = task * Chunk * sizeof(float);
            var length = Math.Min(Chunk * sizeof(float), bytes - start);
            Buffer.MemoryCopy(x + start, y + start, length, length);
        }
    }

    static byte* HostPointer(DeviceBuffer buffer, MemoryBlock block)
        => block is HostBlock host ? (byte*)host.Pointer : throw new InvalidOperationException($"The buffer lives in the memory of '{buffer.Engine.Name}', not in the host's.");

    /// <inheritdoc/>
    public void CopyRegion(in RegionGeometry g, DeviceBuffer source, DeviceBuffer target, bool accumulate = false)
    {
        if (source.Type != target.Type) throw new ArgumentException($"A region of {source.Type} elements cannot be copied into {target.Type} elements.");
        var merged = Merge(g);
        var tasks = Chunks((long)g.D0 * g.D1 * g.D2 * g.D3);
        if (accumulate)
        {
            // By type, not by size: this is arithmetic.
            Workers.Run(new AddRegionWork(merged, source.ReadOnlyPointer<float>(), target.Pointer<float>()), tasks);
            return;
        }

        byte* from = HostPointer(source, source.ReadOnlyBlock), to = HostPointer(target, target.Block);
        switch (source.Type.SizeOf())
        {
            case 1: Workers.Run(new CopyRegionWork<byte>(merged, from, to), tasks); break;
            case 4: Workers.Run(new CopyRegionWork<uint>(merged, (uint*)from, (uint*)to), tasks); break;
            default: Workers.Run(new CopyRegionWork<ulong>(merged, (ulong*)from, (ulong*)to), tasks); break;
        }
    }

    /// <summary>Joins neighboring axes along which source and target run on, so that the innermost runs are long.</summary>
    static RegionGeometry Merge(in RegionGeometry g)
    {
        Span<long> d = [g.D0, g.D1, g.D2, g.D3], s = [g.S0, g.S1, g.S2, g.S3], t = [g.T0, g.T1, g.T2, g.T3];
        var last = 3;
        for (var axis = 2; axis >= 0; axis--)
        {
            if (d[axis] == 1) continue;
            if (d[last] == 1)
            {
                (d[last], s[last], t[last]) = (d[axis], s[axis], t[axis]);
            }
            else if (s[axis] == s[last] * d[last] && t[axis] == t[last] * d[last] && d[axis] * d[last] <= int.MaxValue)
            {
                d[last] *= d[axis];
            }
            else
            {
                last--;
                (d[last], s[last], t[last]) = (d[axis], s[axis], t[axis]);
            }
        }

        for (var axis = 0; axis < last; axis++) (d[axis], s[axis], t[axis]) = (1, 0, 0);
        return new((int)d[0], (int)d[1], (int)d[2], (int)d[3], g.SourceOffset, s[0], s[1], s[2], s[3], g.TargetOffset, t[0], t[1], t[2], t[3]);
    }

    /// <summary>Walks the runs along the innermost axis that make up a task's Chunk elements, wherever they lie.</summary>
    ref struct RegionRuns(RegionGeometry g, int task)
    {
        long left = Math.Min(Chunk, ((long)g.D0 * g.D1 * g.D2 * g.D3) - (task * Chunk));
        int i3 = (int)(task * Chunk % g.D3);
        int i2 = (int)(task * Chunk / g.D3 % g.D2);
        int i1 = (int)(task * Chunk / g.D3 / g.D2 % g.D1);
        int i0 = (int)(task * Chunk / g.D3 / g.D2 / g.D1);

        public long Source { get; private set; }

        public long Target { get; private set; }

        public int Length { get; private set; }

        public bool Next()
        {
            if (left == 0) return false;
            Source = g.SourceOffset + (i0 * g.S0) + (i1 * g.S1) + (i2 * g.S2) + (i3 * g.S3);
            Target = g.TargetOffset + (i0 * g.T0) + (i1 * g.T1) + (i2 * g.T2) + (i3 * g.T3);
            Length = (int)Math.Min(g.D3 - i3, left);
            left -= Length;
            i3 = 0;
            if (++i2 < g.D2) return true;
            i2 = 0;
            if (++i1 < g.D1) return true;
            i1 = 0;
            i0++;
            return true;
        }
    }

    readonly struct CopyRegionWork<T>(in RegionGeometry g, T* source, T* target) : IWork
        where T : unmanaged
    {
        readonly RegionGeometry g = g;
        readonly T* source = source, target = target;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var runs = new RegionRuns(g, task);
            while (runs.Next())
            {
                T* from = source + runs.Source, to = target + runs.Target;
                if (g.S3 == 1 && g.T3 == 1)
                {
                    new Span<T>(from, runs.Length).CopyTo(new(to, runs.Length));
                    continue;
                }

                for (var i = 0; i < runs.Length; i++, from += g.S3, to += g.T3) *to = *from;
            }
        }
    }

    readonly struct AddRegionWork(in RegionGeometry g, float* source, float* target) : IWork
    {
        readonly RegionGeometry g = g;
        readonly float* source = source, target = target;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var runs = new RegionRuns(g, task);
            while (runs.Next())
            {
                float* from = source + runs.Source, to = target + runs.Target;
                var i = 0;
                if (g.S3 == 1 && g.T3 == 1)
                {
                    for (; i <= runs.Length - V.Count; i += V.Count) V.Store(V.Load(to + i) + V.Load(from + i), to + i);
                }

                for (; i < runs.Length; i++) to[i * g.T3] += from[i * g.S3];
            }
        }
    }
}
