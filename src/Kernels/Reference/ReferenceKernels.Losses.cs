namespace CnnSharp.Kernels.Reference;

internal sealed partial class ReferenceKernels<T>
{
    public void SoftmaxForward(long rows, int classes, bool log, DeviceBuffer x, DeviceBuffer y)
    {
        Elements input = new(x);
        WritableElements output = new(y);
        for (long row = 0; row < rows; row++)
        {
            var (greatest, sum) = ExpSum(input, row, classes);
            for (var i = row * classes; i < (row + 1) * classes; i++)
                output[i] = log ? input[i] - greatest - Math.Log(sum) : Math.Exp(input[i] - greatest) / sum;
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

    public void CrossEntropyForward(long rows, int classes, float smoothing, DeviceBuffer x, DeviceBuffer labels, DeviceBuffer losses, DeviceBuffer logSumExp)
    {
        Elements input = new(x);
        WritableElements loss = new(losses), logSums = new(logSumExp);
        var targets = labels.ReadOnlySpan<int>();
        for (long row = 0; row < rows; row++)
        {
            var (greatest, expSum) = ExpSum(input, row, classes);
            var logSum = greatest + Math.Log(expSum);
            var sum = 0.0;
            for (var i = row * classes; i < (row + 1) * classes; i++) sum += input[i];

            var label = targets[(int)row];
            var truth = label >= 0 && label < classes ? input[(row * classes) + label] : double.NaN;
            loss[row] = logSum - ((1.0 - smoothing) * truth) - (smoothing * sum / classes);
            logSums[row] = logSum;
        }
    }

    public void CrossEntropyBackward(long rows, int classes, float smoothing, DeviceBuffer x, DeviceBuffer labels, DeviceBuffer logSumExp, DeviceBuffer dlosses, DeviceBuffer dx)
    {
        Elements input = new(x), logSums = new(logSumExp), upstream = new(dlosses);
        WritableElements gradient = new(dx);
        var targets = labels.ReadOnlySpan<int>();
        for (long row = 0; row < rows; row++)
        {
            for (var c = 0; c < classes; c++)
            {
                var i = (row * classes) + c;
                var truth = c == targets[(int)row] ? 1.0 - smoothing : 0;
                gradient[i] = upstream[row] * (Math.Exp(input[i] - logSums[row]) - truth - ((double)smoothing / classes));
            }
        }
    }

    /// <summary>The greatest of a row and the sum of exp(x - greatest): no exponential overflows, and the sum is at least 1.</summary>
    static (double Greatest, double Sum) ExpSum(Elements x, long row, int classes)
    {
        var greatest = double.NegativeInfinity;
        for (var i = row * classes; i < (row + 1) * classes; i++) greatest = Math.Max(greatest, x[i]);
        var sum = 0.0;
        for (var i = row * classes; i < (row + 1) * classes; i++) sum += Math.Exp(x[i] - greatest);
        return (greatest, sum);
    }

    public void MulticlassHingeForward(long rows, int classes, float margin, DeviceBuffer x, DeviceBuffer labels, DeviceBuffer losses)
    {
        Elements input = new(x);
        WritableElements loss = new(losses);
        var targets = labels.ReadOnlySpan<int>();
        for (long row = 0; row < rows; row++)
        {
            var label = targets[(int)row];
            var truth = label >= 0 && label < classes ? input[(row * classes) + label] : double.NaN;
            var sum = 0.0;
            for (var j = 0; j < classes; j++)
            {
                if (j != label) sum += Math.Max(0, input[(row * classes) + j] - truth + margin);
            }

            loss[row] = sum;
        }
    }

    public void MulticlassHingeBackward(long rows, int classes, float margin, DeviceBuffer x, DeviceBuffer labels, DeviceBuffer dlosses, DeviceBuffer dx)
    {
        Elements input = new(x), upstream = new(dlosses);
        WritableElements gradient = new(dx);
        var targets = labels.ReadOnlySpan<int>();
        for (long row = 0; row < rows; row++)
        {
            var label = targets[(int)row];
            var known = label >= 0 && label < classes;
            var truth = known ? input[(row * classes) + label] : double.NaN;
            var violations = 0;
            for (var j = 0; j < classes; j++)
            {
                var violates = j != label && input[(row * classes) + j] - truth + margin > 0;
                gradient[(row * classes) + j] = violates ? upstream[row] : 0;
                if (violates) violations++;
            }

            if (known) gradient[(row * classes) + label] = -violations * upstream[row];
        }
    }

    public void LossForward(LossOp op, DeviceBuffer x, DeviceBuffer target, DeviceBuffer losses)
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
                LossOp.BinaryCrossEntropyWithLogits => Math.Max(p, 0) - (p * t) + SpecialFunctions.LogP1(Math.Exp(-Math.Abs(p))),
                _ => throw new ArgumentOutOfRangeException(nameof(op), op, "unknown loss"),
            };
        }
    }

    public void LossBackward(LossOp op, DeviceBuffer x, DeviceBuffer target, DeviceBuffer dlosses, DeviceBuffer dx)
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
                LossOp.SmoothL1 => Math.Abs(d) < 1 ? d : Sign(d),
                LossOp.BinaryCrossEntropyWithLogits => Sigmoid(p) - t,
                _ => throw new ArgumentOutOfRangeException(nameof(op), op, "unknown loss"),
            };
        }
    }
}
