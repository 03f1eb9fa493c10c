using ILGPU;
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

/// <summary>
/// Carries host data to the device without waiting for it: bytes are copied into page-locked memory, and from there by the
/// device, in order with the kernels. The memory is used in turns, a segment at a time; a segment is written again once
/// the copies that read it are done.
/// </summary>
sealed class UploadRing(Accelerator accelerator)
{
    const int SegmentBytes = 4 << 20;
    const int Segments = 4;

    readonly Segment[] segments = new Segment[Segments];
    readonly Lock gate = new();
    int current;
    int used;

    /// <summary>Queues a copy to the start of <paramref name="target"/>; the source may be changed at once.</summary>
    public void Copy(ReadOnlySpan<byte> source, ArrayView<byte> target)
    {
        lock (gate)
        {
            for (var done = 0; done < source.Length;)
            {
                if (used == SegmentBytes) NextSegment();
                var locked = segments[current].Memory ??= accelerator.AllocatePageLocked1D<byte>(SegmentBytes);
                var count = Math.Min(source.Length - done, SegmentBytes - used);
                var piece = locked.Span.Slice(used, count);
                source.Slice(done, count).CopyTo(piece);
                target.SubView(done, count).CopyFromCPUUnsafeAsync(accelerator.DefaultStream, ref piece[0], count);
                done += count;
                used += count;
            }
        }
    }

    void NextSegment()
    {
        segments[current].Copied = accelerator.DefaultStream.AddProfilingMarker();
        current = (current + 1) % Segments;
        used = 0;
        if (segments[current].Copied is not { } copied) return;
        copied.Synchronize();
        copied.Dispose();
        segments[current].Copied = null;
    }

    struct Segment
    {
        public PageLockedArray1D<byte>? Memory;

        /// <summary>Passed when every copy out of the segment is done.</summary>
        public ProfilingMarker? Copied;
    }
}
