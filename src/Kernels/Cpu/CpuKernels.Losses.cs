using System.Runtime.CompilerServices;

namespace CnnSharp.Kernels.Cpu;

// Row-wise work: a task has whole rows, so a row's sums are taken in one order. Rows of a few classes are short for a
// vector, and few beside the activations; what counts is that nothing overflows and no NaN is lost.
internal sealed unsafe partial class CpuKernels<V>
{
    /// <summary>The greatest of <paramref name="count"/> values, NaN if one is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static float Greatest(float* x, int count)
    {
        var i = 0;
        var greatest = float.NegativeInfinity;
        if (count >= V.Count)
        {
            var lanes = V.Load(x);
            for (i = V.Count; i <= count - V.Count; i += V.Count) lanes = V.Max(lanes, V.Load(x + i));
            greatest = V.MaxLane(lanes);
        }

        for (; i < count; i++) greatest = MathF.Max(greatest, x[i]);
        return greatest;
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
            // The lanes behind the row must not count: they are stored and loaded again as zeros.
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
        => workers.Run(new SoftmaxWork(x.ReadOnlyPointer<float>(), y.Pointer<float>(), rows, classes, log), RowTasks(rows, classes));

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
                var greatest = Greatest(from, classes);
                if (log)
                {
                    var logSum = MathF.Log(SumOfExponentials(from, greatest, null, classes));
                    for (var c = 0; c < classes; c += V.Count)
                    {
                        var count = Math.Min(V.Count, classes - c);
                        StoreUpTo(LoadUpTo(from + c, count) - V.Create(greatest) - V.Create(logSum), to + c, count);
                    }
                }
                else
                {
                    var sum = V.Create(SumOfExponentials(from, greatest, to, classes));
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
        => workers.Run(new SoftmaxBackwardWork(y.ReadOnlyPointer<float>(), dy.ReadOnlyPointer<float>(), dx.Pointer<float>(), rows, classes, log), RowTasks(rows, classes));

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

    // ---- Cross-entropy ------------------------------------------------------------------------------------------

    /// <inheritdoc/>
    public void CrossEntropyForward(long rows, int classes, float smoothing, DeviceBuffer x, DeviceBuffer labels, DeviceBuffer losses, DeviceBuffer logSumExp)
        => workers.Run(new CrossEntropyWork(x.ReadOnlyPointer<float>(), labels.ReadOnlyPointer<int>(), losses.Pointer<float>(), logSumExp.Pointer<float>(), rows, classes, smoothing), RowTasks(rows, classes));

    readonly struct CrossEntropyWork(float* x, int* labels, float* losses, float* logSumExp, long rows, int classes, float smoothing) : IWork
    {
        readonly float* x = x, losses = losses, logSumExp = logSumExp;
        readonly int* labels = labels;
        readonly long rows = rows;
        readonly int classes = classes;
        readonly float smoothing = smoothing;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var end = Math.Min(rows, (task + 1) * RowsPerTask(classes));
            for (var row = task * RowsPerTask(classes); row < end; row++)
            {
                var from = x + (row * classes);
                var greatest = Greatest(from, classes);
                var logSum = Math.Log(SumOfExponentials(from, greatest, null, classes));
                logSumExp[row] = (float)(greatest + logSum);

                // Distances from the greatest, not from logSumExp, which is rounded to its own size.
                var label = labels[row];
                var loss = (uint)label < (uint)classes ? logSum + ((1.0 - smoothing) * ((double)greatest - from[label])) : double.NaN;
                if (smoothing != 0)
                {
                    var distances = 0.0;
                    for (var c = 0; c < classes; c++) distances += (double)greatest - from[c];
                    loss += smoothing * distances / classes;
                }

                losses[row] = (float)loss;
            }
        }
    }

    /// <inheritdoc/>
    public void CrossEntropyBackward(long rows, int classes, float smoothing, DeviceBuffer x, DeviceBuffer labels, DeviceBuffer logSumExp, DeviceBuffer dlosses, DeviceBuffer dx)
        => workers.Run(new CrossEntropyBackwardWork(x.ReadOnlyPointer<float>(), labels.ReadOnlyPointer<int>(), logSumExp.ReadOnlyPointer<float>(), dlosses.ReadOnlyPointer<float>(), dx.Pointer<float>(), rows, classes, smoothing), RowTasks(rows, classes));

    readonly struct CrossEntropyBackwardWork(float* x, int* labels, float* logSumExp, float* dlosses, float* dx, long rows, int classes, float smoothing) : IWork
    {
        readonly float* x = x, logSumExp = logSumExp, dlosses = dlosses, dx = dx;
        readonly int* labels = labels;
        readonly long rows = rows;
        readonly int classes = classes;
        readonly float smoothing = smoothing;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var end = Math.Min(rows, (task + 1) * RowsPerTask(classes));
            var uniform = V.Create(smoothing / classes);
            for (var row = task * RowsPerTask(classes); row < end; row++)
            {
                float* from = x + (row * classes), to = dx + (row * classes);
                V shift = V.Create(logSumExp[row]), upstream = V.Create(dlosses[row]);
                for (var c = 0; c < classes; c += V.Count)
                {
                    var count = Math.Min(V.Count, classes - c);
                    StoreUpTo(upstream * (V.Exp(LoadUpTo(from + c, count) - shift) - uniform), to + c, count);
                }

                var label = labels[row];
                if ((uint)label < (uint)classes) to[label] = dlosses[row] * (MathF.Exp(from[label] - logSumExp[row]) - (1 - smoothing) - (smoothing / classes));
            }
        }
    }

    // ---- Multi-class hinge --------------------------------------------------------------------------------------

    /// <inheritdoc/>
    public void MulticlassHingeForward(long rows, int classes, float margin, DeviceBuffer x, DeviceBuffer labels, DeviceBuffer losses)
        => workers.Run(new HingeWork(x.ReadOnlyPointer<float>(), labels.ReadOnlyPointer<int>(), losses.Pointer<float>(), rows, classes, margin), RowTasks(rows, classes));

    readonly struct HingeWork(float* x, int* labels, float* losses, long rows, int classes, float margin) : IWork
    {
        readonly float* x = x, losses = losses;
        readonly int* labels = labels;
        readonly long rows = rows;
        readonly int classes = classes;
        readonly float margin = margin;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var end = Math.Min(rows, (task + 1) * RowsPerTask(classes));
            for (var row = task * RowsPerTask(classes); row < end; row++)
            {
                var from = x + (row * classes);
                var label = labels[row];
                var loss = 0f;
                if ((uint)label >= (uint)classes) loss = float.NaN;
                else
                {
                    for (var j = 0; j < classes; j++)
                    {
                        if (j != label) loss += MathF.Max(0f, from[j] - from[label] + margin);
                    }
                }

                losses[row] = loss;
            }
        }
    }

    /// <inheritdoc/>
    public void MulticlassHingeBackward(long rows, int classes, float margin, DeviceBuffer x, DeviceBuffer labels, DeviceBuffer dlosses, DeviceBuffer dx)
        => workers.Run(new HingeBackwardWork(x.ReadOnlyPointer<float>(), labels.ReadOnlyPointer<int>(), dlosses.ReadOnlyPointer<float>(), dx.Pointer<float>(), rows, classes, margin), RowTasks(rows, classes));

    readonly struct HingeBackwardWork(float* x, int* labels, float* dlosses, float* dx, long rows, int classes, float margin) : IWork
    {
        readonly float* x = x, dlosses = dlosses, dx = dx;
        readonly int* labels = labels;
        readonly long rows = rows;
        readonly int classes = classes;
        readonly float margin = margin;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var end = Math.Min(rows, (task + 1) * RowsPerTask(classes));
            for (var row = task * RowsPerTask(classes); row < end; row++)
            {
                float* from = x + (row * classes), to = dx + (row * classes);
                var label = labels[row];
                if ((uint)label >= (uint)classes)
                {
                    new Span<float>(to, classes).Clear();
                    continue;
                }

                var above = 0;
                for (var j = 0; j < classes; j++)
                {
                    var active = j != label && from[j] - from[label] + margin > 0;
                    if (active) above++;
                    to[j] = active ? dlosses[row] : 0f;
                }

                to[label] = -above * dlosses[row];
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
    public void LossForward(LossOp op, DeviceBuffer x, DeviceBuffer target, DeviceBuffer losses)
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
    public void LossBackward(LossOp op, DeviceBuffer x, DeviceBuffer target, DeviceBuffer dlosses, DeviceBuffer dx)
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
        => workers.Run(new CombineWork<LossFunction<L>>(x.ReadOnlyPointer<float>(), target.ReadOnlyPointer<float>(), losses.Pointer<float>(), losses.Length), Chunks(losses.Length));

    void CompareBackward<L>(DeviceBuffer x, DeviceBuffer target, DeviceBuffer dlosses, DeviceBuffer dx)
        where L : struct, ILoss
        => workers.Run(new MapBackwardWork<LossGradient<L>>(x.ReadOnlyPointer<float>(), target.ReadOnlyPointer<float>(), dlosses.ReadOnlyPointer<float>(), dx.Pointer<float>(), 0f, dx.Length), Chunks(dx.Length));

    readonly struct LossFunction<L> : IFunction2
        where L : struct, ILoss
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Apply(V a, V b) => L.Forward(a, b);
    }

    /// <summary>The loss as a function of x with the target in y's place, to share the element-wise passes.</summary>
    readonly struct LossGradient<L> : IFunction
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
        public static V Backward(V x, V target, V upstream) => AbsFunction.Backward(x - target, V.Zero, upstream, V.Zero);
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
        public static V Forward(V x, V target) => V.Fma(-x, target, Rectify(x)) + LogOnePlus(V.Exp(-V.Abs(x)));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Backward(V x, V target, V upstream) => (Logistic(x) - target) * upstream;
    }
}
