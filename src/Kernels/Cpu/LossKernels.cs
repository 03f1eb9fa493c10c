using System.Runtime.CompilerServices;

namespace CnnSharp.Kernels.Cpu;

// Row-wise work: a task has whole rows, so a row's sums are taken in one order. Rows of a few classes are short for a
// vector, and few beside the activations; what counts is that nothing overflows and no NaN is lost.
/// <summary>Losses.</summary>
sealed unsafe class LossKernels<V>(CpuKernels<V> kernels) : CpuKernelFamily<V>(kernels), ILossKernels
    where V : unmanaged, IVector<V>
{
    /// <summary>The maximum of <paramref name="count"/> values, NaN if one is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static float Maximum(float* x, int count)
    {
        var i = 0;
        var maximum = float.NegativeInfinity;
        if (count >= V.Count)
        {
            var lanes = V.Load(x);
            for (i = V.Count; i <= count - V.Count; i += V.Count) lanes = V.Max(lanes, V.Load(x + i));
            maximum = V.MaxLane(lanes);
        }

        for (; i < count; i++) maximum = MathF.Max(maximum, x[i]);
        return maximum;
    }

    /// <summary>The sum of exp(x - shift) over a row; where <paramref name="y"/> is not null, the terms are stored.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static float SumOfExponentials(float* x, float shift, float* y, int count)
    {
        var shifts = V.Create(shift);
        var sum = V.Zero;
        var i = 0;
        for (; i <= count - V.Count; i += V.Count)
        {
            var term = V.Exp(V.Load(x + i) - shifts);
            if (y != null) V.Store(term, y + i);
            sum += term;
        }

        var rest = count - i;
        if (rest > 0)
        {
            // The lanes after the row must not count: they are stored and loaded again as zeros.
            var tail = stackalloc float[V.Count];
            V.StorePartial(V.Exp(V.LoadPartial(x + i, rest) - shifts), tail, rest);
            var term = V.LoadPartial(tail, rest);
            if (y != null) V.StorePartial(term, y + i, rest);
            sum += term;
        }

        return V.Sum(sum);
    }

    // ---- Softmax ------------------------------------------------------------------------------------------------

    /// <inheritdoc/>
    public void SoftmaxForward(long rows, int classes, bool log, DeviceBuffer x, DeviceBuffer y)
        => Workers.Run(new SoftmaxWork(x.ReadOnlyPointer<float>(), y.Pointer<float>(), rows, classes, log), RowTasks(rows, classes));

    readonly struct SoftmaxWork(float* x, float* y, long rows, int classes, bool log) : IWork
    {
        readonly float* x = x, y = y;
        readonly long rows = rows;
        readonly int classes = classes;
        readonly bool log = log;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var end = Math.Min(rows, (task + 1) * RowsPerTask(classes));
            for (var row = task * RowsPerTask(classes); row < end; row++)
            {
                float* from = x + (row * classes), to = y + (row * classes);
                var maximum = Maximum(from, classes);
                if (log)
                {
                    var logSum = MathF.Log(SumOfExponentials(from, maximum, null, classes));
                    for (var c = 0; c < classes; c += V.Count)
                    {
                        var count = Math.Min(V.Count, classes - c);
                        StoreUpTo(LoadUpTo(from + c, count) - V.Create(maximum) - V.Create(logSum), to + c, count);
                    }
                }
                else
                {
                    var sum = V.Create(SumOfExponentials(from, maximum, to, classes));
                    for (var c = 0; c < classes; c += V.Count)
                    {
                        var count = Math.Min(V.Count, classes - c);
                        StoreUpTo(LoadUpTo(to + c, count) / sum, to + c, count);
                    }
                }
            }
        }
    }

    /// <inheritdoc/>
    public void SoftmaxBackward(long rows, int classes, bool log, DeviceBuffer y, DeviceBuffer dy, DeviceBuffer dx)
        => Workers.Run(new SoftmaxBackwardWork(y.ReadOnlyPointer<float>(), dy.ReadOnlyPointer<float>(), dx.Pointer<float>(), rows, classes, log), RowTasks(rows, classes));

    readonly struct SoftmaxBackwardWork(float* y, float* dy, float* dx, long rows, int classes, bool log) : IWork
    {
        readonly float* y = y, dy = dy, dx = dx;
        readonly long rows = rows;
        readonly int classes = classes;
        readonly bool log = log;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var end = Math.Min(rows, (task + 1) * RowsPerTask(classes));
            for (var row = task * RowsPerTask(classes); row < end; row++)
            {
                var at = row * classes;
                var lanes = V.Zero;
                for (var c = 0; c < classes; c += V.Count)
                {
                    var count = Math.Min(V.Count, classes - c);
                    var gradient = LoadUpTo(dy + at + c, count);
                    lanes += log ? gradient : gradient * LoadUpTo(y + at + c, count);
                }

                var sum = V.Create(V.Sum(lanes));
                for (var c = 0; c < classes; c += V.Count)
                {
                    var count = Math.Min(V.Count, classes - c);
                    V value = LoadUpTo(y + at + c, count), gradient = LoadUpTo(dy + at + c, count);
                    StoreUpTo(log ? gradient - (V.Exp(value) * sum) : value * (gradient - sum), dx + at + c, count);
                }
            }
        }
    }

    // ---- Labels -------------------------------------------------------------------------------------------------

    /// <summary>The labels of a loss, what they weigh, and the first that is no class.</summary>
    readonly struct LabeledRows(in LabelGeometry g, DeviceBuffer labels, DeviceBuffer? weights, long* bad)
    {
        /// <summary>One a row.</summary>
        public readonly int* Labels = labels.ReadOnlyPointer<int>();

        /// <summary>One a class, or null: all 1.</summary>
        public readonly float* Weights = weights.ReadOnlyPointerOrNull<float>();
        public readonly long Rows = g.Rows;
        public readonly int Classes = g.Classes;

        readonly bool ignores = g.IgnoreIndex is not null;
        readonly int ignored = g.IgnoreIndex ?? 0;
        readonly long* bad = bad;

        public double Weight(int label) => Weights == null ? 1 : Weights[label];

        /// <summary>The sum of all classes' weights.</summary>
        public double AllWeights()
        {
            if (Weights == null) return Classes;
            var sum = 0.0;
            for (var c = 0; c < Classes; c++) sum += Weights[c];
            return sum;
        }

        /// <summary>Whether a row counts. A label that is no class does not, and is remembered.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool Counts(long row, out int label)
        {
            label = Labels[row];
            if ((uint)label < (uint)Classes) return !ignores || label != ignored;
            if (!ignores || label != ignored) Remember(row);
            return false;
        }

        void Remember(long row)
        {
            if (bad == null) return;
            for (var seen = Volatile.Read(ref *bad); row < seen; seen = Volatile.Read(ref *bad))
            {
                if (Interlocked.CompareExchange(ref *bad, row, seen) == seen) return;
            }
        }
    }

    static void ThrowIfBad(string operation, in LabelGeometry g, DeviceBuffer labels, long bad)
    {
        if (bad != long.MaxValue) throw new LabelException(operation, bad, labels.ReadOnlyPointer<int>()[bad], g.Classes);
    }

    /// <inheritdoc/>
    public void LabelWeights(in LabelGeometry g, DeviceBuffer labels, DeviceBuffer? weights, DeviceBuffer y)
        => Workers.Run(new LabelWeightsWork(new(g, labels, weights, null), y.Pointer<float>()), Chunks(g.Rows));

    readonly struct LabelWeightsWork(LabeledRows rows, float* y) : IWork
    {
        readonly LabeledRows rows = rows;
        readonly float* y = y;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var end = Math.Min(rows.Rows, (task + 1) * Chunk);
            for (var row = task * Chunk; row < end; row++) y[row] = rows.Counts(row, out var label) ? (float)rows.Weight(label) : 0f;
        }
    }

    // ---- Cross-entropy ------------------------------------------------------------------------------------------

    /// <inheritdoc/>
    public void CrossEntropyForward(in LabelGeometry g, float smoothing, DeviceBuffer x, DeviceBuffer labels, DeviceBuffer? weights, DeviceBuffer losses, DeviceBuffer logSumExp)
    {
        var bad = long.MaxValue;
        Workers.Run(new CrossEntropyWork(x.ReadOnlyPointer<float>(), new(g, labels, weights, &bad), losses.Pointer<float>(), logSumExp.Pointer<float>(), smoothing), RowTasks(g.Rows, g.Classes));
        ThrowIfBad("CrossEntropy", g, labels, bad);
    }

    readonly struct CrossEntropyWork(float* x, LabeledRows rows, float* losses, float* logSumExp, float smoothing) : IWork
    {
        readonly float* x = x, losses = losses, logSumExp = logSumExp;
        readonly LabeledRows rows = rows;
        readonly float smoothing = smoothing;
        readonly double allWeights = rows.AllWeights();

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var classes = rows.Classes;
            var end = Math.Min(rows.Rows, (task + 1) * RowsPerTask(classes));
            for (var row = task * RowsPerTask(classes); row < end; row++)
            {
                if (!rows.Counts(row, out var label))
                {
                    losses[row] = logSumExp[row] = 0f;
                    continue;
                }

                var from = x + (row * classes);
                var maximum = Maximum(from, classes);
                var logSum = Math.Log(SumOfExponentials(from, maximum, null, classes));
                logSumExp[row] = (float)(maximum + logSum);

                // Distances from the maximum, not from logSumExp, which is rounded to its own size.
                var loss = (1.0 - smoothing) * rows.Weight(label) * (logSum + ((double)maximum - from[label]));
                if (smoothing != 0)
                {
                    var distances = 0.0;
                    if (rows.Weights == null)
                    {
                        for (var c = 0; c < classes; c++) distances += (double)maximum - from[c];
                    }
                    else
                    {
                        for (var c = 0; c < classes; c++) distances += rows.Weights[c] * ((double)maximum - from[c]);
                    }

                    loss += smoothing * ((allWeights * logSum) + distances) / classes;
                }

                losses[row] = (float)loss;
            }
        }
    }

    /// <inheritdoc/>
    public void CrossEntropyBackward(in LabelGeometry g, float smoothing, DeviceBuffer x, DeviceBuffer labels, DeviceBuffer? weights, DeviceBuffer logSumExp, DeviceBuffer dlosses, DeviceBuffer dx)
        => Workers.Run(new CrossEntropyBackwardWork(x.ReadOnlyPointer<float>(), new(g, labels, weights, null), logSumExp.ReadOnlyPointer<float>(), dlosses.ReadOnlyPointer<float>(), dx.Pointer<float>(), smoothing), RowTasks(g.Rows, g.Classes));

    readonly struct CrossEntropyBackwardWork(float* x, LabeledRows rows, float* logSumExp, float* dlosses, float* dx, float smoothing) : IWork
    {
        readonly float* x = x, logSumExp = logSumExp, dlosses = dlosses, dx = dx;
        readonly LabeledRows rows = rows;
        readonly float smoothing = smoothing;
        readonly double allWeights = rows.AllWeights();

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var classes = rows.Classes;
            var end = Math.Min(rows.Rows, (task + 1) * RowsPerTask(classes));
            var share = smoothing / classes;
            var uniform = V.Create(share);
            for (var row = task * RowsPerTask(classes); row < end; row++)
            {
                float* from = x + (row * classes), to = dx + (row * classes);
                if (!rows.Counts(row, out var label))
                {
                    Clear(to, classes);
                    continue;
                }

                V shift = V.Create(logSumExp[row]), upstream = V.Create(dlosses[row]);
                float own = 1 - smoothing, all = 1f;
                if (rows.Weights == null)
                {
                    for (var c = 0; c < classes; c += V.Count)
                    {
                        var count = Math.Min(V.Count, classes - c);
                        StoreUpTo(upstream * (V.Exp(LoadUpTo(from + c, count) - shift) - uniform), to + c, count);
                    }
                }
                else
                {
                    own = (float)((1.0 - smoothing) * rows.Weights[label]);
                    all = (float)(own + (smoothing * allWeights / classes));
                    var scale = V.Create(all);
                    for (var c = 0; c < classes; c += V.Count)
                    {
                        var count = Math.Min(V.Count, classes - c);
                        StoreUpTo(upstream * ((scale * V.Exp(LoadUpTo(from + c, count) - shift)) - (uniform * LoadUpTo(rows.Weights + c, count))), to + c, count);
                    }

                    to[label] = dlosses[row] * ((all * MathF.Exp(from[label] - logSumExp[row])) - own - (share * rows.Weights[label]));
                    continue;
                }

                to[label] = dlosses[row] * (MathF.Exp(from[label] - logSumExp[row]) - own - share);
            }
        }
    }

    // ---- Multi-class hinge --------------------------------------------------------------------------------------

    /// <inheritdoc/>
    public void MulticlassHingeForward(in LabelGeometry g, float margin, DeviceBuffer x, DeviceBuffer labels, DeviceBuffer? weights, DeviceBuffer losses)
    {
        var bad = long.MaxValue;
        Workers.Run(new HingeWork(x.ReadOnlyPointer<float>(), new(g, labels, weights, &bad), losses.Pointer<float>(), margin), RowTasks(g.Rows, g.Classes));
        ThrowIfBad("MulticlassHinge", g, labels, bad);
    }

    readonly struct HingeWork(float* x, LabeledRows rows, float* losses, float margin) : IWork
    {
        readonly float* x = x, losses = losses;
        readonly LabeledRows rows = rows;
        readonly float margin = margin;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var classes = rows.Classes;
            var end = Math.Min(rows.Rows, (task + 1) * RowsPerTask(classes));
            for (var row = task * RowsPerTask(classes); row < end; row++)
            {
                var from = x + (row * classes);
                var loss = 0f;
                if (rows.Counts(row, out var label))
                {
                    for (var j = 0; j < classes; j++)
                    {
                        if (j != label) loss += MathF.Max(0f, from[j] - from[label] + margin);
                    }

                    loss *= (float)rows.Weight(label);
                }

                losses[row] = loss;
            }
        }
    }

    /// <inheritdoc/>
    public void MulticlassHingeBackward(in LabelGeometry g, float margin, DeviceBuffer x, DeviceBuffer labels, DeviceBuffer? weights, DeviceBuffer dlosses, DeviceBuffer dx)
        => Workers.Run(new HingeBackwardWork(x.ReadOnlyPointer<float>(), new(g, labels, weights, null), dlosses.ReadOnlyPointer<float>(), dx.Pointer<float>(), margin), RowTasks(g.Rows, g.Classes));

    readonly struct HingeBackwardWork(float* x, LabeledRows rows, float* dlosses, float* dx, float margin) : IWork
    {
        readonly float* x = x, dlosses = dlosses, dx = dx;
        readonly LabeledRows rows = rows;
        readonly float margin = margin;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var classes = rows.Classes;
            var end = Math.Min(rows.Rows, (task + 1) * RowsPerTask(classes));
            for (var row = task * RowsPerTask(classes); row < end; row++)
            {
                float* from = x + (row * classes), to = dx + (row * classes);
                if (!rows.Counts(row, out var label))
                {
                    Clear(to, classes);
                    continue;
                }

                var upstream = dlosses[row] * (float)rows.Weight(label);
                var above = 0;
                for (var j = 0; j < classes; j++)
                {
                    var active = j != label && from[j] - from[label] + margin > 0;
                    if (active) above++;
                    to[j] = active ? upstream : 0f;
                }

                to[label] = -above * upstream;
            }
        }
    }

    // ---- Element-wise losses --------------------------------------------------------------------------------------

    /// <summary>A loss of a prediction and a target, and its derivative by the prediction.</summary>
    interface ILoss
    {
        static abstract V Forward(V x, V target);

        static abstract V Backward(V x, V target, V upstream);
    }

    /// <inheritdoc/>
    public void Forward(LossOp op, DeviceBuffer x, DeviceBuffer target, DeviceBuffer losses)
    {
        switch (op)
        {
            case LossOp.MeanSquared: Compare<MeanSquaredLoss>(x, target, losses); break;
            case LossOp.L1: Compare<L1Loss>(x, target, losses); break;
            case LossOp.SmoothL1: Compare<SmoothL1Loss>(x, target, losses); break;
            case LossOp.BinaryCrossEntropyWithLogits: Compare<BinaryCrossEntropyLoss>(x, target, losses); break;
            default: throw new ArgumentOutOfRangeException(nameof(op), op, "unknown loss");
        }
    }

    /// <inheritdoc/>
    public void Backward(LossOp op, DeviceBuffer x, DeviceBuffer target, DeviceBuffer dlosses, DeviceBuffer dx)
    {
        switch (op)
        {
            case LossOp.MeanSquared: CompareBackward<MeanSquaredLoss>(x, target, dlosses, dx); break;
            case LossOp.L1: CompareBackward<L1Loss>(x, target, dlosses, dx); break;
            case LossOp.SmoothL1: CompareBackward<SmoothL1Loss>(x, target, dlosses, dx); break;
            case LossOp.BinaryCrossEntropyWithLogits: CompareBackward<BinaryCrossEntropyLoss>(x, target, dlosses, dx); break;
            default: throw new ArgumentOutOfRangeException(nameof(op), op, "unknown loss");
        }
    }

    void Compare<L>(DeviceBuffer x, DeviceBuffer target, DeviceBuffer losses)
        where L : struct, ILoss
        => Workers.Run(new ElementwiseKernels<V>.CombineWork<LossFunction<L>>(x.ReadOnlyPointer<float>(), target.ReadOnlyPointer<float>(), losses.Pointer<float>(), losses.Length), Chunks(losses.Length));

    void CompareBackward<L>(DeviceBuffer x, DeviceBuffer target, DeviceBuffer dlosses, DeviceBuffer dx)
        where L : struct, ILoss
        => Workers.Run(new ElementwiseKernels<V>.MapBackwardWork<LossGradient<L>>(x.ReadOnlyPointer<float>(), target.ReadOnlyPointer<float>(), dlosses.ReadOnlyPointer<float>(), dx.Pointer<float>(), 0f, dx.Length), Chunks(dx.Length));

    readonly struct LossFunction<L> : ElementwiseKernels<V>.IFunction2
        where L : struct, ILoss
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Apply(V a, V b) => L.Forward(a, b);
    }

    /// <summary>The loss as a function of x with the target in y's place, to share the element-wise passes.</summary>
    readonly struct LossGradient<L> : ElementwiseKernels<V>.IFunction
        where L : struct, ILoss
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Forward(V x, V target) => L.Forward(x, target);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Backward(V x, V target, V upstream, V a) => L.Backward(x, target, upstream);
    }

    readonly struct MeanSquaredLoss : ILoss
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Forward(V x, V target) => (x - target) * (x - target);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Backward(V x, V target, V upstream) => V.Create(2f) * (x - target) * upstream;
    }

    readonly struct L1Loss : ILoss
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Forward(V x, V target) => V.Abs(x - target);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Backward(V x, V target, V upstream) => ElementwiseKernels<V>.AbsFunction.Backward(x - target, V.Zero, upstream, V.Zero);
    }

    readonly struct SmoothL1Loss : ILoss
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Forward(V x, V target)
        {
            V d = V.Abs(x - target), half = V.Create(0.5f);
            return V.Select(V.LessThan(d, One), half * d * d, d - half);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Backward(V x, V target, V upstream)
        {
            var d = x - target;
            return upstream * V.Select(V.GreaterThan(d, One), One, V.Select(V.LessThan(d, -One), -One, d));
        }
    }

    readonly struct BinaryCrossEntropyLoss : ILoss
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Forward(V x, V target) => V.Fma(One - target, x, Rectify(-x)) + ElementwiseKernels<V>.LogOnePlus(V.Exp(-V.Abs(x)));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Backward(V x, V target, V upstream) => (ElementwiseKernels<V>.Logistic(x) - target) * upstream;
    }
}
