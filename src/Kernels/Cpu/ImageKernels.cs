using System.Runtime.CompilerServices;

namespace CnnSharp.Kernels.Cpu;

/// <summary>Images of a data set to a batch.</summary>
sealed unsafe class ImageKernels<V>(CpuKernels<V> kernels) : CpuKernelFamily<V>(kernels), IImageKernels
    where V : unmanaged, IVector<V>
{
    /// <inheritdoc/>
    public void Gather(in ImageGeometry g, DeviceBuffer images, DeviceBuffer crops, DeviceBuffer scaleOffset, DeviceBuffer y)
    {
        lock (Workers.ScratchLock)
        {
            // Scale and offset repeated to whole vectors: lane l of a row belongs to channel l % C, so C vectors repeat.
            var lanes = V.Count * g.C;
            var rowBytes = RoundUp((g.OutW * g.C) + V.Count, HostBlock.Alignment);
            var scales = (float*)Scratch.Take<double>(lanes + ((long)g.N * rowBytes / sizeof(double)));
            var offsets = scales + lanes;
            var from = scaleOffset.ReadOnlyPointer<float>();
            for (var lane = 0; lane < lanes; lane++)
            {
                scales[lane] = from[lane % g.C];
                offsets[lane] = from[g.C + (lane % g.C)];
            }

            Workers.Run(new GatherWork(g, images.ReadOnlyPointer<byte>(), crops.ReadOnlyPointer<int>(), y.Pointer<float>(), scales, offsets, (byte*)(offsets + lanes), rowBytes), g.N);
        }
    }

    /// <summary>A task is an image of the batch: each row is put together in bytes (flipped, zeros outside the image), then converted lane by lane.</summary>
    readonly struct GatherWork(in ImageGeometry g, byte* images, int* crops, float* y, float* scales, float* offsets, byte* rows, int rowBytes) : IWork
    {
        readonly ImageGeometry g = g;
        readonly byte* images = images, rows = rows;
        readonly int* crops = crops;
        readonly float* y = y, scales = scales, offsets = offsets;
        readonly int rowBytes = rowBytes;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var crop = crops + ((long)task * ImageGeometry.CropLength);
            int top = crop[1], left = crop[2], cutTop = crop[4], cutLeft = crop[5];
            var flip = crop[3] != 0;
            var image = images + ((long)crop[0] * g.H * g.W * g.C);
            var row = rows + ((long)task * rowBytes);
            var width = g.OutW * g.C;
            for (var i = 0; i < g.OutH; i++)
            {
                var target = y + ((((long)task * g.OutH) + i) * width);
                Assemble(image, top + i, left, flip, row);
                Convert(row, target, width);
                if (cutTop == int.MinValue || i < cutTop || i >= (long)cutTop + g.Cutout) continue;
                var first = Math.Clamp(cutLeft, 0, g.OutW);
                var end = (int)Math.Clamp((long)cutLeft + g.Cutout, first, g.OutW);
                new Span<float>(target + (first * g.C), (end - first) * g.C).Clear();
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        void Assemble(byte* image, int h, int left, bool flip, byte* row)
        {
            new Span<byte>(row, g.OutW * g.C).Clear();
            if (g.Padding == ImagePadding.Reflect) h = Reflected(h, g.H);
            if (h < 0 || h >= g.H) return;

            // The batch's columns [first, end) read columns of the image that exist, left + column, before any flip.
            var first = (int)Math.Clamp(-(long)left, 0, g.OutW);
            var end = (int)Math.Clamp((long)g.W - left, first, g.OutW);
            var line = image + ((long)h * g.W * g.C);
            if (g.Padding == ImagePadding.Reflect) Mirror(line, left, first, end, flip, row);
            var source = line + (((long)left + first) * g.C);
            if (!flip)
            {
                new Span<byte>(source, (end - first) * g.C).CopyTo(new(row + (first * g.C), (end - first) * g.C));
                return;
            }

            for (var j = first; j < end; j++)
            {
                var target = row + ((g.OutW - 1 - j) * g.C);
                for (var c = 0; c < g.C; c++) target[c] = *source++;
            }
        }

        /// <summary>The batch's columns outside [first, end): the image mirrored at its edge.</summary>
        void Mirror(byte* line, int left, int first, int end, bool flip, byte* row)
        {
            for (var j = 0; j < g.OutW; j++)
            {
                if (j == first && end > first) j = end;
                if (j >= g.OutW) return;
                var w = Reflected((int)Math.Clamp((long)left + j, -g.W, 2L * g.W), g.W);
                if (w < 0 || w >= g.W) continue;
                var target = row + ((flip ? g.OutW - 1 - j : j) * g.C);
                for (var c = 0; c < g.C; c++) target[c] = line[(w * g.C) + c];
            }
        }

        static int Reflected(int at, int extent)
        {
            if (at < 0) return -at;
            return at < extent ? at : (2 * (extent - 1)) - at;
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        void Convert(byte* row, float* target, int width)
        {
            var lanes = V.Count * g.C;
            var lane = 0;
            for (var i = 0; i < width; i += V.Count)
            {
                var value = V.Fma(V.LoadBytes(row + i), V.Load(scales + lane), V.Load(offsets + lane));
                StoreUpTo(value, target + i, Math.Min(V.Count, width - i));
                lane += V.Count;
                if (lane == lanes) lane = 0;
            }
        }
    }
}
