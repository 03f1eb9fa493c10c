using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

// Softmax and cross-entropy. Exponentials are of distances from the maximum of the row, so that none overflows; a NaN
// that the maximum misses comes back in through its exponential.
sealed partial class LossKernels
{
    Action<KernelConfig, int, int, int, ArrayView<float>, ArrayView<float>>? softmaxByThread, softmaxByGroup;
    Action<KernelConfig, int, int, int, ArrayView<float>, ArrayView<float>, ArrayView<float>>? softmaxBackwardByThread, softmaxBackwardByGroup;
    Action<KernelConfig, LabelOptions, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<long>>? crossEntropyByThread, crossEntropyByGroup;
    Action<Index1D, LabelOptions, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>>? crossEntropyBackward;

    // ---- Softmax ------------------------------------------------------------------------------------------------

    static void Softmax<T>(int rows, int classes, int log, ArrayView<float> x, ArrayView<float> y)
        where T : struct, IRowThreads
    {
        var row = T.Row;
        if (row >= rows) return;
        var start = (long)row * classes;
        var maximum = RowMaximum<T>(row, classes, x);
        var sum = 0f;
        for (var c = T.First; c < classes; c += T.Step) sum += XMath.Exp(x[start + c] - maximum);
        sum = T.Sum(sum);
        var logSum = XMath.Log(sum);
        for (var c = T.First; c < classes; c += T.Step)
        {
            var distance = x[start + c] - maximum;
            y[start + c] = log != 0 ? distance - logSum : XMath.Exp(distance) / sum;
        }
    }

    public void SoftmaxForward(long rows, int classes, bool log, DeviceBuffer x, DeviceBuffer y)
    {
        if (y.Length == 0) return;
        var kernel = classes <= ThreadRow ? softmaxByThread ??= CompileSoftmax<OneThread>() : softmaxByGroup ??= CompileSoftmax<WholeGroup>();
        kernel(RowGroups(rows, classes), (int)rows, classes, log ? 1 : 0, ReadFloats(x), Floats(y));
    }

    Action<KernelConfig, int, int, int, ArrayView<float>, ArrayView<float>> CompileSoftmax<T>()
        where T : struct, IRowThreads => CompileGrouped<Action<KernelConfig, int, int, int, ArrayView<float>, ArrayView<float>>>(nameof(SoftmaxForward), Softmax<T>);

    static void SoftmaxGradient<T>(int rows, int classes, int log, ArrayView<float> y, ArrayView<float> dy, ArrayView<float> dx)
        where T : struct, IRowThreads
    {
        var row = T.Row;
        if (row >= rows) return;
        var start = (long)row * classes;
        var sum = 0f;
        for (var c = T.First; c < classes; c += T.Step) sum += log != 0 ? dy[start + c] : dy[start + c] * y[start + c];
        sum = T.Sum(sum);
        for (var c = T.First; c < classes; c += T.Step)
        {
            float value = y[start + c], upstream = dy[start + c];
            dx[start + c] = log != 0 ? upstream - (XMath.Exp(value) * sum) : value * (upstream - sum);
        }
    }

    public void SoftmaxBackward(long rows, int classes, bool log, DeviceBuffer y, DeviceBuffer dy, DeviceBuffer dx)
    {
        if (dx.Length == 0) return;
        var kernel = classes <= ThreadRow ? softmaxBackwardByThread ??= CompileSoftmaxBackward<OneThread>() : softmaxBackwardByGroup ??= CompileSoftmaxBackward<WholeGroup>();
        kernel(RowGroups(rows, classes), (int)rows, classes, log ? 1 : 0, ReadFloats(y), ReadFloats(dy), Floats(dx));
    }

    Action<KernelConfig, int, int, int, ArrayView<float>, ArrayView<float>, ArrayView<float>> CompileSoftmaxBackward<T>()
        where T : struct, IRowThreads => CompileGrouped<Action<KernelConfig, int, int, int, ArrayView<float>, ArrayView<float>, ArrayView<float>>>(nameof(SoftmaxBackward), SoftmaxGradient<T>);

    // ---- Cross-entropy ------------------------------------------------------------------------------------------

    /// <summary>Made of distances from the maximum, not from logSumExp, which is rounded to its own size.</summary>
    static void CrossEntropy<T>(LabelOptions o, ArrayView<float> x, ArrayView<int> labels, ArrayView<float> weights, ArrayView<float> losses, ArrayView<float> logSumExp, ArrayView<long> bad)
        where T : struct, IRowThreads
    {
        var row = T.Row;
        if (row >= o.Rows) return;
        var start = (long)row * o.Classes;
        var maximum = RowMaximum<T>(row, o.Classes, x);
        float sum = 0, distances = 0, all = 0;
        for (var c = T.First; c < o.Classes; c += T.Step)
        {
            var distance = maximum - x[start + c];
            sum += XMath.Exp(-distance);
            if (o.Parameter == 0) continue;
            var weight = o.Weighted != 0 ? weights[c] : 1f;
            distances += weight * distance;
            all += weight;
        }

        // PoCL makes endless loops of barriers under a condition and of a return after one: sums of no use are taken too.
        var logSum = XMath.Log(T.Sum(sum));
        distances = T.Sum(distances);
        all = T.Sum(all);
        if (T.First == 0)
        {
            var label = labels[row];
            logSumExp[row] = maximum + logSum;
            losses[row] = Counts(o, row, label, bad) ? LossOf(o, label, maximum - x[start + Clamped(label, o.Classes)], logSum, all, distances, weights) : Uncounted(o, label);
        }
    }

    /// <summary>A class, whatever the label is.</summary>
    static int Clamped(int label, int classes) => label < 0 ? 0 : label >= classes ? classes - 1 : label;

    static float LossOf(LabelOptions o, int label, float distance, float logSum, float all, float distances, ArrayView<float> weights)
    {
        var loss = (1 - o.Parameter) * (o.Weighted != 0 ? weights[label] : 1f) * (logSum + distance);
        return o.Parameter != 0 ? loss + (o.Parameter * ((all * logSum) + distances) / o.Classes) : loss;
    }

    public void CrossEntropyForward(in LabelGeometry g, float smoothing, DeviceBuffer x, DeviceBuffer labels, DeviceBuffer? weights, DeviceBuffer losses, DeviceBuffer logSumExp)
    {
        if (g.Rows == 0) return;
        var kernel = g.Classes <= ThreadRow ? crossEntropyByThread ??= CompileCrossEntropy<OneThread>() : crossEntropyByGroup ??= CompileCrossEntropy<WholeGroup>();
        kernel(RowGroups(g.Rows, g.Classes), new(g, smoothing, weights is not null, SlotOf("CrossEntropy", g.Classes)), ReadFloats(x), ReadView<int>(labels), ReadViewOrEmpty<float>(weights), Floats(losses), Floats(logSumExp), BadLabels);
    }

    Action<KernelConfig, LabelOptions, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<long>> CompileCrossEntropy<T>()
        where T : struct, IRowThreads => CompileGrouped<Action<KernelConfig, LabelOptions, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<long>>>(nameof(CrossEntropyForward), CrossEntropy<T>);

    /// <summary>One thread an element. <paramref name="all"/>: the sum of the weights, where there are any and labels are smoothed.</summary>
    static void CrossEntropyGradient(Index1D i, LabelOptions o, ArrayView<float> x, ArrayView<int> labels, ArrayView<float> weights, ArrayView<float> all, ArrayView<float> logSumExp, ArrayView<float> dlosses, ArrayView<float> dx)
    {
        var row = i.X / o.Classes;
        var c = i.X % o.Classes;
        var label = labels[row];
        if ((o.Ignores != 0 && label == o.Ignored) || label < 0 || label >= o.Classes)
        {
            dx[i] = 0;
            return;
        }

        var share = o.Parameter / o.Classes;
        var own = 1 - o.Parameter;
        var scale = 1f;
        if (o.Weighted != 0)
        {
            own *= weights[label];
            scale = own;
            if (o.Parameter != 0)
            {
                scale += share * all[0];
                share *= weights[c];
            }
        }

        dx[i] = dlosses[row] * ((scale * XMath.Exp(x[i] - logSumExp[row])) - (c == label ? own : 0) - share);
    }

    public void CrossEntropyBackward(in LabelGeometry g, float smoothing, DeviceBuffer x, DeviceBuffer labels, DeviceBuffer? weights, DeviceBuffer logSumExp, DeviceBuffer dlosses, DeviceBuffer dx)
    {
        if (dx.Length == 0) return;
        var all = weights is null || smoothing == 0 ? null : Engine.Rent(DType.Float32, 1);
        if (all is not null) Kernels.Reductions.Sum(new(1, g.Classes, 1), 1, weights!, all);
        crossEntropyBackward ??= Compile<Action<Index1D, LabelOptions, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>>>(nameof(CrossEntropyBackward), CrossEntropyGradient);
        crossEntropyBackward(Range(dx.Length), new(g, smoothing, weights is not null), ReadFloats(x), ReadView<int>(labels), ReadViewOrEmpty<float>(weights), ReadViewOrEmpty<float>(all), ReadFloats(logSumExp), ReadFloats(dlosses), Floats(dx));
        all?.Release();
    }
}
