using System.Numerics;

namespace CnnSharp.Kernels.Reference;

/// <summary>Losses as plain loops.</summary>
/// <typeparam name="T">float or double.</typeparam>
sealed unsafe class LossKernels<T> : ReferenceKernelFamily<T>, ILossKernels
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public void SoftmaxForward(long rows, int classes, bool log, DeviceBuffer x, DeviceBuffer y)
    {
        Elements input = new(x);
        WritableElements output = new(y);
        for (long row = 0; row < rows; row++)
        {
            var (maximum, sum) = ExpSum(input, row, classes);
            for (var i = row * classes; i < (row + 1) * classes; i++)
                output[i] = log ? input[i] - maximum - Math.Log(sum) : Math.Exp(input[i] - maximum) / sum;
        }
    }

    public void SoftmaxBackward(long rows, int classes, bool log, DeviceBuffer y, DeviceBuffer dy, DeviceBuffer dx)
    {
        Elements output = new(y), upstream = new(dy);
        WritableElements gradient = new(dx);
        for (long row = 0; row < rows; row++)
        {
            var sum = 0.0;
            for (var i = row * classes; i < (row + 1) * classes; i++)
                sum += log ? upstream[i] : upstream[i] * output[i];
            for (var i = row * classes; i < (row + 1) * classes; i++)
                gradient[i] = log ? upstream[i] - (Math.Exp(output[i]) * sum) : output[i] * (upstream[i] - sum);
        }
    }

    public void CrossEntropyForward(in LabelGeometry g, float smoothing, DeviceBuffer x, DeviceBuffer labels, DeviceBuffer? weights, DeviceBuffer losses, DeviceBuffer logSumExp)
    {
        var input = new Elements(x);
        WritableElements loss = new(losses), logSums = new(logSumExp);
        var rows = new LabeledRows("CrossEntropy", g, labels, weights);
        for (long row = 0; row < g.Rows; row++)
        {
            if (!rows.Counts(row, out var label))
            {
                loss[row] = logSums[row] = 0;
                continue;
            }

            // Distances from the maximum: the logarithm of the softmax is minus their and logSum's sum, also where it is infinite.
            var start = row * g.Classes;
            var (maximum, expSum) = ExpSum(input, row, g.Classes);
            var logSum = Math.Log(expSum);
            var sum = (1.0 - smoothing) * rows.Weight(label) * (logSum + maximum - input[start + label]);
            for (var c = 0; smoothing != 0 && c < g.Classes; c++) sum += (double)smoothing / g.Classes * rows.Weight(c) * (logSum + maximum - input[start + c]);
            loss[row] = sum;
            logSums[row] = maximum + logSum;
        }
    }

    public void CrossEntropyBackward(in LabelGeometry g, float smoothing, DeviceBuffer x, DeviceBuffer labels, DeviceBuffer? weights, DeviceBuffer logSumExp, DeviceBuffer dlosses, DeviceBuffer dx)
    {
        Elements input = new(x), logSums = new(logSumExp), upstream = new(dlosses);
        var gradient = new WritableElements(dx);
        var rows = new LabeledRows("CrossEntropy", g, labels, weights);
        var all = 0.0;
        for (var c = 0; c < g.Classes; c++) all += rows.Weight(c);
        for (long row = 0; row < g.Rows; row++)
        {
            var counts = rows.Counts(row, out var label);
            for (var c = 0; c < g.Classes; c++)
            {
                var i = (row * g.Classes) + c;
                if (!counts)
                {
                    gradient[i] = 0;
                    continue;
                }

                var own = (1.0 - smoothing) * rows.Weight(label);
                var share = (double)smoothing / g.Classes;
                gradient[i] = upstream[row] * (((own + (share * all)) * Math.Exp(input[i] - logSums[row])) - (c == label ? own : 0) - (share * rows.Weight(c)));
            }
        }
    }

    /// <summary>The labels of a loss and what they weigh.</summary>
    readonly struct LabeledRows(string operation, LabelGeometry g, DeviceBuffer labels, DeviceBuffer? weights)
    {
        readonly int* labels = labels.ReadOnlyPointer<int>();
        readonly Elements weights = weights is null ? default : new(weights);

        public double Weight(int label) => weights.Length == 0 ? 1 : weights[label];

        /// <summary>Whether a row counts.</summary>
        /// <exception cref="LabelException">Its label is no class.</exception>
        public bool Counts(long row, out int label)
        {
            label = labels[row];
            if (label == g.IgnoreIndex) return false;
            return label >= 0 && label < g.Classes ? true : throw new LabelException(operation, row, label, g.Classes);
        }
    }

    public void LabelWeights(in LabelGeometry g, DeviceBuffer labels, DeviceBuffer? weights, DeviceBuffer y)
    {
        var output = new WritableElements(y);
        var rows = new LabeledRows("LabelWeights", g, labels, weights);
        for (long row = 0; row < g.Rows; row++) output[row] = rows.Counts(row, out var label) ? rows.Weight(label) : 0;
    }

    /// <summary>The maximum of a row and the sum of exp(x - maximum): no exponential overflows, and the sum is at least 1.</summary>
    static (double Maximum, double Sum) ExpSum(Elements x, long row, int classes)
    {
        var maximum = double.NegativeInfinity;
        for (var i = row * classes; i < (row + 1) * classes; i++) maximum = Math.Max(maximum, x[i]);
        var sum = 0.0;
        for (var i = row * classes; i < (row + 1) * classes; i++) sum += Math.Exp(x[i] - maximum);
        return (maximum, sum);
    }

    public void MulticlassHingeForward(in LabelGeometry g, float margin, DeviceBuffer x, DeviceBuffer labels, DeviceBuffer? weights, DeviceBuffer losses)
    {
        var (input, loss) = (new Elements(x), new WritableElements(losses));
        var rows = new LabeledRows("MulticlassHinge", g, labels, weights);
        for (long row = 0; row < g.Rows; row++)
        {
            loss[row] = 0;
            if (!rows.Counts(row, out var label)) continue;
            var truth = input[(row * g.Classes) + label];
            var sum = 0.0;
            for (var j = 0; j < g.Classes; j++)
            {
                if (j != label) sum += Math.Max(0, input[(row * g.Classes) + j] - truth + margin);
            }

            loss[row] = rows.Weight(label) * sum;
        }
    }

    public void MulticlassHingeBackward(in LabelGeometry g, float margin, DeviceBuffer x, DeviceBuffer labels, DeviceBuffer? weights, DeviceBuffer dlosses, DeviceBuffer dx)
    {
        Elements input = new(x), upstream = new(dlosses);
        var gradient = new WritableElements(dx);
        var rows = new LabeledRows("MulticlassHinge", g, labels, weights);
        for (long row = 0; row < g.Rows; row++)
        {
            var start = row * g.Classes;
            if (!rows.Counts(row, out var label))
            {
                for (var j = 0; j < g.Classes; j++) gradient[start + j] = 0;
                continue;
            }

            var truth = input[start + label];
            var weighted = rows.Weight(label) * upstream[row];
            var violations = 0;
            for (var j = 0; j < g.Classes; j++)
            {
                var violates = j != label && input[start + j] - truth + margin > 0;
                gradient[start + j] = violates ? weighted : 0;
                if (violates) violations++;
            }

            gradient[start + label] = -violations * weighted;
        }
    }

    public void Forward(LossOp op, DeviceBuffer x, DeviceBuffer target, DeviceBuffer losses)
    {
        Elements predictions = new(x), targets = new(target);
        WritableElements loss = new(losses);
        for (long i = 0; i < loss.Length; i++)
        {
            double p = predictions[i], t = targets[i], d = Math.Abs(p - t);
            loss[i] = op switch
            {
                LossOp.MeanSquared => d * d,
                LossOp.L1 => d,
                LossOp.SmoothL1 => d < 1 ? d * d / 2 : d - 0.5,
                LossOp.BinaryCrossEntropyWithLogits => ((1 - t) * p) + Math.Max(-p, 0) + SpecialFunctions.LogP1(Math.Exp(-Math.Abs(p))),
                _ => throw new ArgumentOutOfRangeException(nameof(op), op, "unknown loss"),
            };
        }
    }

    public void Backward(LossOp op, DeviceBuffer x, DeviceBuffer target, DeviceBuffer dlosses, DeviceBuffer dx)
    {
        Elements predictions = new(x), targets = new(target), upstream = new(dlosses);
        WritableElements gradient = new(dx);
        for (long i = 0; i < gradient.Length; i++)
        {
            double p = predictions[i], t = targets[i], d = p - t;
            gradient[i] = upstream[i] * op switch
            {
                LossOp.MeanSquared => 2 * d,
                LossOp.L1 => Sign(d),
                LossOp.SmoothL1 => Math.Abs(d) >= 1 ? Sign(d) : d,
                LossOp.BinaryCrossEntropyWithLogits => Sigmoid(p) - t,
                _ => throw new ArgumentOutOfRangeException(nameof(op), op, "unknown loss"),
            };
        }
    }
}
