using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace CnnSharp.Kernels.Cpu;

// Batch normalization is limited by memory, so what counts is how often a tensor is fetched. Forward: x twice (once for
// mean and variance: both passes over a piece while it is in the cache, pieces combined by Chan, Golub and LeVeque 1979),
// y written once. Backward: x, dy and y twice, dx (and dadd) written once. Per-channel factors are repeated to full lanes
// (see Joined), so that channels need not fill vectors.
/// <summary>Normalizations.</summary>
sealed unsafe class NormalizationKernels<V>(CpuKernels<V> kernels) : CpuKernelFamily<V>(kernels), INormalizationKernels
    where V : unmanaged, IVector<V>
{
    /// <summary>Per-channel factors, repeated to the lanes of joined rows. Guarded by the Workers' gate.</summary>
    readonly GrowingMemory factors = new();

    /// <inheritdoc/>
    public void BatchNormForward(in BatchNormGeometry g, DeviceBuffer x, DeviceBuffer weight, DeviceBuffer bias, DeviceBuffer runningMean, DeviceBuffer runningVariance, DeviceBuffer? add, DeviceBuffer y, DeviceBuffer mean, DeviceBuffer invStd)
    {
        if (g.Rows == 0) return;
        float* w = weight.ReadOnlyPointer<float>(), b = bias.ReadOnlyPointer<float>(), means = mean.Pointer<float>(), invStds = invStd.Pointer<float>();
        float* runningMeans = runningMean.Pointer<float>(), runningVariances = runningVariance.Pointer<float>();
        var channels = g.Channels;
        lock (Workers.ScratchLock)
        {
            var statistics = Statistics(g.Rows, channels, x.ReadOnlyPointer<float>());
            var lanes = Joined(channels) * channels;
            var scales = (float*)factors.Take<double>(lanes);
            var offsets = scales + lanes;
            for (var c = 0; c < channels; c++)
            {
                var variance = statistics[channels + c] / g.Rows;
                var scale = 1 / Math.Sqrt(variance + g.Epsilon);
                means[c] = (float)statistics[c];
                invStds[c] = (float)scale;
                scales[c] = (float)(w[c] * scale);
                offsets[c] = (float)(b[c] - (statistics[c] * scales[c]));
                var unbiased = statistics[channels + c] / Math.Max(1, g.Rows - 1);
                runningMeans[c] = (float)(runningMeans[c] + (g.Momentum * (statistics[c] - runningMeans[c])));
                runningVariances[c] = (float)(runningVariances[c] + (g.Momentum * (unbiased - runningVariances[c])));
            }

            Normalize(g, x, add, y, scales, offsets);
        }
    }

    /// <inheritdoc/>
    public void BatchNormBackward(in BatchNormGeometry g, DeviceBuffer x, DeviceBuffer y, DeviceBuffer dy, DeviceBuffer weight, DeviceBuffer mean, DeviceBuffer invStd, DeviceBuffer? dx, DeviceBuffer? dadd, DeviceBuffer dw, DeviceBuffer db)
    {
        float* means = mean.ReadOnlyPointer<float>(), invStds = invStd.ReadOnlyPointer<float>(), w = weight.ReadOnlyPointer<float>(), weightGradient = dw.Pointer<float>(), biasGradient = db.Pointer<float>();
        var channels = g.Channels;
        lock (Workers.ScratchLock)
        {
            var work = new BatchNormBackwardWork(g, x, y, dy, dx, dadd, (float*)factors.Take<double>(2L * Joined(channels) * channels));
            Repeat(means, work.Means, channels);
            var sums = SumRows(work.Terms, g.Rows, channels);
            for (var c = 0; c < channels; c++)
            {
                // dx = weight invStd g' - (weight invStd^2 dw / Rows) (x - mean) - weight invStd db / Rows
                double factor = (double)w[c] * invStds[c], weightSum = sums[channels + c] * invStds[c];
                biasGradient[c] = (float)sums[c];
                weightGradient[c] = (float)weightSum;
                work.Factors[c] = (float)factor;
                work.Slopes[c] = (float)(-factor * invStds[c] * weightSum / g.Rows);
                work.Offsets[c] = (float)(-factor * sums[c] / g.Rows);
            }

            Repeat(work.Factors, work.Factors, channels);
            Repeat(work.Slopes, work.Slopes, channels);
            Repeat(work.Offsets, work.Offsets, channels);
            if (work.Wanted) Workers.Run(work, NormalizeTasks(g.Rows, channels));
        }
    }

    /// <inheritdoc/>
    public void BatchNormInference(in BatchNormGeometry g, DeviceBuffer x, DeviceBuffer weight, DeviceBuffer bias, DeviceBuffer runningMean, DeviceBuffer runningVariance, DeviceBuffer? add, DeviceBuffer y)
    {
        lock (Workers.ScratchLock)
        {
            var (scales, offsets) = InferenceFactors(g, weight, bias, runningMean, runningVariance, Joined(g.Channels) * g.Channels);
            Normalize(g, x, add, y, (float*)scales, (float*)offsets);
        }
    }

    /// <summary>Inference as x scale + offset: both arrays in <see cref="factors"/>, <paramref name="lanes"/> floats long, zeros after the channels.</summary>
    internal (nint Scales, nint Offsets) InferenceFactors(in BatchNormGeometry g, DeviceBuffer weight, DeviceBuffer bias, DeviceBuffer runningMean, DeviceBuffer runningVariance, int lanes)
    {
        float* w = weight.ReadOnlyPointer<float>(), b = bias.ReadOnlyPointer<float>(), means = runningMean.ReadOnlyPointer<float>(), variances = runningVariance.ReadOnlyPointer<float>();
        var scales = (float*)factors.Take<double>(lanes);
        var offsets = scales + lanes;
        for (var c = 0; c < g.Channels; c++)
        {
            scales[c] = (float)(w[c] / Math.Sqrt((double)variances[c] + g.Epsilon));
            offsets[c] = (float)(b[c] - ((double)means[c] * scales[c]));
        }

        Clear(scales + g.Channels, lanes - g.Channels);
        Clear(offsets + g.Channels, lanes - g.Channels);
        return ((nint)scales, (nint)offsets);
    }

    /// <inheritdoc/>
    public void BatchNormInferenceBackward(in BatchNormGeometry g, DeviceBuffer x, DeviceBuffer y, DeviceBuffer dy, DeviceBuffer weight, DeviceBuffer runningMean, DeviceBuffer runningVariance, DeviceBuffer? dx, DeviceBuffer? dadd, DeviceBuffer dw, DeviceBuffer db)
    {
        float* means = runningMean.ReadOnlyPointer<float>(), variances = runningVariance.ReadOnlyPointer<float>(), w = weight.ReadOnlyPointer<float>(), weightGradient = dw.Pointer<float>(), biasGradient = db.Pointer<float>();
        var channels = g.Channels;
        lock (Workers.ScratchLock)
        {
            var work = new BatchNormBackwardWork(g, x, y, dy, dx, dadd, (float*)factors.Take<double>(2L * Joined(channels) * channels)) { Frozen = true };
            Repeat(means, work.Means, channels);
            var sums = SumRows(work.Terms, g.Rows, channels);
            for (var c = 0; c < channels; c++)
            {
                var invStd = 1 / Math.Sqrt((double)variances[c] + g.Epsilon);
                biasGradient[c] = (float)sums[c];
                weightGradient[c] = (float)(sums[channels + c] * invStd);
                work.Factors[c] = (float)(w[c] * invStd);
            }

            Repeat(work.Factors, work.Factors, channels);
            if (work.Wanted) Workers.Run(work, NormalizeTasks(g.Rows, channels));
        }
    }

    /// <summary>Each channel's mean and sum of squared deviations from it, [2][channels], in <see cref="CpuKernelFamily{V}.Scratch"/>.</summary>
    double* Statistics(long rows, int channels, float* x)
    {
        var pieces = Pieces(rows, channels);
        var part = StatisticsWork.Part(channels);
        var total = Scratch.Take<double>(((long)pieces * part) + (2 * channels));
        NativeMemory.Clear(total, (nuint)(2 * channels) * sizeof(double));
        var parts = total + (2 * channels);
        Workers.Run(new StatisticsWork(x, rows, channels, parts), pieces);

        var pieceRows = PieceRows(channels);
        for (var piece = 0; piece < pieces; piece++)
        {
            var count = Math.Min(pieceRows, rows - (piece * pieceRows));
            var means = parts + ((long)piece * part);
            for (var c = 0; c < channels; c++) total[c] += count * means[c];
        }

        for (var c = 0; c < channels; c++) total[c] /= rows;
        for (var piece = 0; piece < pieces; piece++)
        {
            var count = Math.Min(pieceRows, rows - (piece * pieceRows));
            var means = parts + ((long)piece * part);
            for (var c = 0; c < channels; c++)
            {
                var distance = means[c] - total[c];
                total[channels + c] += means[channels + c] + (count * distance * distance);
            }
        }

        return total;
    }

    /// <summary>
    /// A piece's means and sums of squared deviations: one pass for a float mean m, one over the piece in the cache for
    /// d = x - m, whose sum corrects what m's rounding left.
    /// </summary>
    readonly struct StatisticsWork(float* x, long rows, int channels, double* parts) : IWork
    {
        readonly float* x = x;
        readonly long rows = rows;
        readonly int channels = channels;
        readonly double* parts = parts;

        /// <summary>Doubles of a piece: two results a channel, and the float means in joined lanes.</summary>
        public static int Part(int channels) => RoundUp((2 * channels) + DivideUp(Joined(channels) * channels, 2), 8);

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var start = task * PieceRows(channels);
            var count = Math.Min(PieceRows(channels), rows - start);
            var means = parts + ((long)task * Part(channels));
            var squares = means + channels;
            var laneMeans = (float*)(squares + channels);
            var scratch = stackalloc float[SumScratch];

            NativeMemory.Clear(means, (nuint)channels * sizeof(double));
            AddRows(new ValueTerms(x), start * channels, count, channels, channels, means, scratch);
            for (var c = 0; c < channels; c++) laneMeans[c] = (float)(means[c] / count);
            Repeat(laneMeans, laneMeans, channels);

            NativeMemory.Clear(means, (nuint)(2 * channels) * sizeof(double));
            AddRows(new DeviationTerms(x, laneMeans), start * channels, count, channels, channels, means, scratch);
            for (var c = 0; c < channels; c++)
            {
                var shift = means[c] / count;
                squares[c] = Math.Max(0, squares[c] - (means[c] * shift));
                means[c] = laneMeans[c] + shift;
            }
        }
    }

    /// <summary>d = x - mean and d^2.</summary>
    readonly struct DeviationTerms(float* x, float* means) : ITerms
    {
        readonly float* x = x, means = means;

        public static int Sums => 2;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Get(long i, int lane, int count, out V first, out V second)
        {
            first = LoadUpTo(x + i, count) - LoadUpTo(means + lane, count);
            second = first * first;
        }
    }

    /// <summary>Writes <paramref name="values"/>, one a channel, once for each of the joined rows.</summary>
    static void Repeat(float* values, float* lanes, int channels)
    {
        var source = new Span<float>(values, channels);
        for (var row = Joined(channels) - 1; row >= 0; row--) source.CopyTo(new(lanes + (row * channels), channels));
    }

    /// <summary>Rows of a task of the element-wise passes: whole joined rows, about Chunk elements.</summary>
    static long NormalizeRows(int channels) => RoundUp((int)RowsPerTask(channels), Joined(channels));

    static int NormalizeTasks(long rows, int channels) => checked((int)((rows + NormalizeRows(channels) - 1) / NormalizeRows(channels)));

    void Normalize(in BatchNormGeometry g, DeviceBuffer x, DeviceBuffer? add, DeviceBuffer y, float* scales, float* offsets)
    {
        Repeat(scales, scales, g.Channels);
        Repeat(offsets, offsets, g.Channels);
        Workers.Run(new NormalizeWork(g, x.ReadOnlyPointer<float>(), add.ReadOnlyPointerOrNull<float>(), y.Pointer<float>(), scales, offsets), NormalizeTasks(g.Rows, g.Channels));
    }

    /// <summary>y = act(x scale + offset + add).</summary>
    readonly struct NormalizeWork(in BatchNormGeometry g, float* x, float* add, float* y, float* scales, float* offsets) : IWork
    {
        readonly long rows = g.Rows;
        readonly int channels = g.Channels;
        readonly bool rectify = g.Activation == Activation.Relu;
        readonly float* x = x, add = add, y = y, scales = scales, offsets = offsets;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var i = task * NormalizeRows(channels) * channels;
            var end = Math.Min(rows * channels, i + (NormalizeRows(channels) * channels));
            var lanes = Joined(channels) * channels;
            while (i < end)
            {
                var width = (int)Math.Min(lanes, end - i);
                var lane = 0;
                for (; lane <= width - V.Count; lane += V.Count) Apply(i + lane, lane, V.Count);
                if (lane < width) Apply(i + lane, lane, width - lane);
                i += width;
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        void Apply(long i, int lane, int count)
        {
            var value = V.Fma(LoadUpTo(x + i, count), LoadUpTo(scales + lane, count), LoadUpTo(offsets + lane, count));
            if (add != null) value += LoadUpTo(add + i, count);
            if (rectify) value = Rectify(value);
            StoreUpTo(value, y + i, count);
        }
    }

    /// <summary>dadd = g' and dx = factor g' + slope (x - mean) + offset, the last two terms unless the statistics are frozen.</summary>
    struct BatchNormBackwardWork(in BatchNormGeometry g, DeviceBuffer x, DeviceBuffer y, DeviceBuffer dy, DeviceBuffer? dx, DeviceBuffer? dadd, float* lanes) : IWork
    {
        public bool Frozen;

        readonly long rows = g.Rows;
        readonly int channels = g.Channels;
        readonly float* x = x.ReadOnlyPointer<float>(), dy = dy.ReadOnlyPointer<float>(), dx = dx.PointerOrNull<float>();

        // Null where the activation lets everything through.
        readonly float* y = g.Activation == Activation.Relu ? y.ReadOnlyPointer<float>() : null;

        // Null where nothing is left to write: dy is in place already.
        readonly float* dadd = dadd == dy && g.Activation == Activation.None ? null : dadd.PointerOrNull<float>();

        public float* Means { get; } = lanes;

        public float* Factors { get; } = lanes + (Joined(g.Channels) * g.Channels);

        public float* Slopes { get; } = lanes + (2L * Joined(g.Channels) * g.Channels);

        public float* Offsets { get; } = lanes + (3L * Joined(g.Channels) * g.Channels);

        public readonly bool Wanted => dx != null || dadd != null;

        public readonly BatchNormTerms Terms => new(x, y, dy, Means);

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Run(int task, int worker)
        {
            var i = task * NormalizeRows(channels) * channels;
            var end = Math.Min(rows * channels, i + (NormalizeRows(channels) * channels));
            var lanes = Joined(channels) * channels;
            while (i < end)
            {
                var width = (int)Math.Min(lanes, end - i);
                var lane = 0;
                for (; lane <= width - V.Count; lane += V.Count) Apply(i + lane, lane, V.Count);
                if (lane < width) Apply(i + lane, lane, width - lane);
                i += width;
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        readonly void Apply(long i, int lane, int count)
        {
            var g = LoadUpTo(dy + i, count);
            if (y != null) g = RectifyGradient(LoadUpTo(y + i, count), g);
            if (dadd != null) StoreUpTo(g, dadd + i, count);
            if (dx == null) return;
            g *= LoadUpTo(Factors + lane, count);
            if (!Frozen) g += V.Fma(LoadUpTo(Slopes + lane, count), LoadUpTo(x + i, count) - LoadUpTo(Means + lane, count), LoadUpTo(Offsets + lane, count));
            StoreUpTo(g, dx + i, count);
        }
    }

    /// <summary>g' and g' (x - mean).</summary>
    readonly struct BatchNormTerms(float* x, float* y, float* dy, float* means) : ITerms
    {
        readonly float* x = x, y = y, dy = dy, means = means;

        public static int Sums => 2;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Get(long i, int lane, int count, out V first, out V second)
        {
            first = LoadUpTo(dy + i, count);
            if (y != null) first = RectifyGradient(LoadUpTo(y + i, count), first);
            second = first * (LoadUpTo(x + i, count) - LoadUpTo(means + lane, count));
        }
    }

    // ---- Local response normalization (Krizhevsky et al. 2012, section 3.3) ---------------------------------------

    /// <inheritdoc/>
    public void LrnForward(in LrnGeometry g, DeviceBuffer x, DeviceBuffer y, DeviceBuffer scale)
    {
        lock (Workers.ScratchLock)
        {
            var tasks = RowTasks(g.Rows, g.Channels);
            var windows = (float*)Scratch.Take<double>(LrnWindow.Length(g) * tasks);
            Workers.Run(new LrnWork(g, x.ReadOnlyPointer<float>(), y.Pointer<float>(), scale.Pointer<float>(), windows), tasks);
        }
    }

    /// <inheritdoc/>
    public void LrnBackward(in LrnGeometry g, DeviceBuffer x, DeviceBuffer y, DeviceBuffer scale, DeviceBuffer dy, DeviceBuffer dx)
    {
        lock (Workers.ScratchLock)
        {
            var tasks = RowTasks(g.Rows, g.Channels);
            var windows = (float*)Scratch.Take<double>(LrnWindow.Length(g) * tasks);
            Workers.Run(new LrnBackwardWork(g, x.ReadOnlyPointer<float>(), y.ReadOnlyPointer<float>(), scale.ReadOnlyPointer<float>(), dy.ReadOnlyPointer<float>(), dx.Pointer<float>(), windows), tasks);
        }
    }

    /// <summary>
    /// One value a channel between zeros, so that a window's sum is Size loads without a bound to check. A window that holds all
    /// channels of every place is no longer than that.
    /// </summary>
    readonly struct LrnWindow
    {
        readonly float* values;
        readonly int before, size;

        /// <summary>Clears the margins: <paramref name="before"/> zeros in front, enough after.</summary>
        public LrnWindow(in LrnGeometry g, float* memory, int before)
        {
            values = memory;
            (this.before, size) = g.Size > 2L * g.Channels ? (g.Channels, (2 * g.Channels) + 1) : (before, g.Size);
            new Span<float>(memory, (int)Length(g)).Clear();
        }

        /// <summary>Floats, a whole number of cache lines (and doubles).</summary>
        public static long Length(in LrnGeometry g) => DivideUp(g.Channels + Math.Min(g.Size, (2L * g.Channels) + 1) + V.Count, 16) * 16;

        /// <summary>Channel <paramref name="c"/>'s place.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public float* At(int c) => values + before + c;

        /// <summary>The sums over the windows that start <c>before</c> channels ahead of channels c and on.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public V Sum(int c)
        {
            var sum = V.Load(values + c);
            for (var i = 1; i < size; i++) sum += V.Load(values + c + i);
            return sum;
        }
    }

    /// <summary>scale^-beta; the usual 3/4 by roots.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static V InversePower(V scale, float beta)
    {
        if (beta != 0.75f) return V.Exp(V.Create(-beta) * V.Log(scale));
        var root = V.Sqrt(scale);
        return One / (root * V.Sqrt(root));
    }

    readonly struct LrnWork(in LrnGeometry g, float* x, float* y, float* scale, float* windows) : IWork
    {
        readonly LrnGeometry g = g;
        readonly float* x = x, y = y, scale = scale, windows = windows;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var window = new LrnWindow(g, windows + (task * LrnWindow.Length(g)), g.Size / 2);
            V factor = V.Create(g.Alpha / g.Size), offset = V.Create(g.K);
            var end = Math.Min(g.Rows, (task + 1) * RowsPerTask(g.Channels));
            for (var row = task * RowsPerTask(g.Channels); row < end; row++)
            {
                var at = row * g.Channels;
                for (var c = 0; c < g.Channels; c += V.Count)
                {
                    var count = Math.Min(V.Count, g.Channels - c);
                    var value = LoadUpTo(x + at + c, count);
                    StoreUpTo(value * value, window.At(c), count);
                }

                for (var c = 0; c < g.Channels; c += V.Count)
                {
                    var count = Math.Min(V.Count, g.Channels - c);
                    var s = V.Fma(factor, window.Sum(c), offset);
                    StoreUpTo(s, scale + at + c, count);
                    StoreUpTo(LoadUpTo(x + at + c, count) * InversePower(s, g.Beta), y + at + c, count);
                }
            }
        }
    }

    readonly struct LrnBackwardWork(in LrnGeometry g, float* x, float* y, float* scale, float* dy, float* dx, float* windows) : IWork
    {
        readonly LrnGeometry g = g;
        readonly float* x = x, y = y, scale = scale, dy = dy, dx = dx, windows = windows;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            // The windows that hold c are those of channels c - (Size - 1) / 2 to c + Size / 2.
            var window = new LrnWindow(g, windows + (task * LrnWindow.Length(g)), (g.Size - 1) / 2);
            var factor = V.Create((float)(-2.0 * g.Alpha * g.Beta / g.Size));
            var end = Math.Min(g.Rows, (task + 1) * RowsPerTask(g.Channels));
            for (var row = task * RowsPerTask(g.Channels); row < end; row++)
            {
                var at = row * g.Channels;
                for (var c = 0; c < g.Channels; c += V.Count)
                {
                    var count = Math.Min(V.Count, g.Channels - c);
                    StoreUpTo(LoadUpTo(dy + at + c, count) * LoadUpTo(y + at + c, count) / LoadUpTo(scale + at + c, count), window.At(c), count);
                }

                for (var c = 0; c < g.Channels; c += V.Count)
                {
                    var count = Math.Min(V.Count, g.Channels - c);
                    var direct = LoadUpTo(dy + at + c, count) * InversePower(LoadUpTo(scale + at + c, count), g.Beta);
                    StoreUpTo(V.Fma(factor * LoadUpTo(x + at + c, count), window.Sum(c), direct), dx + at + c, count);
                }
            }
        }
    }
}
