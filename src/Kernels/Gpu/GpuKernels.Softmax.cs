using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

// Softmax and cross-entropy. Exponentials are of distances from the greatest of the row, so that none overflows; a NaN
// that the greatest misses comes back in through its exponential.
sealed partial class GpuKernels
{
    Action<KernelConfig, int, int, int, ArrayView<float>, ArrayView<float>>? softmaxByThread, softmaxByGroup;
    Action<KernelConfig, int, int, int, ArrayView<float>, ArrayView<float>, ArrayView<float>>? softmaxBackwardByThread, softmaxBackwardByGroup;
    Action<KernelConfig, int, int, float, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>>? crossEntropyByThread, crossEntropyByGroup;
    Action<Index1D, int, float, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>, ArrayView<float>>? crossEntropyBackward;

    // ---- Softmax ------------------------------------------------------------------------------------------------

    static void Softmax<T>(int rows, int classes, int log, ArrayView<float> x, ArrayView<float> y)
        where T : struct, IRowThreads
    {
        var row = T.Row;
        if (row >= rows) return;
        var start = (long)row * classes;
        var greatest = Greatest<T>(row, classes, x);
        var sum = 0f;
        for (var c = T.First; c < classes; c += T.Step) sum += XMath.Exp(x[start + c] - greatest);
        sum = T.Sum(sum);
        var logSum = XMath.Log(sum);
        for (var c = T.First; c < classes; c += T.Step)
        {
            var distance = x[start + c] - greatest;
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
        where T : struct, IRowThreads => Compile(nameof(SoftmaxForward), a => a.LoadStreamKernel<int, int, int, ArrayView<float>, ArrayView<float>>(Softmax<T>));

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
        where T : struct, IRowThreads => Compile(nameof(SoftmaxBackward), a => a.LoadStreamKernel<int, int, int, ArrayView<float>, ArrayView<float>, ArrayView<float>>(SoftmaxGradient<T>));

    // ---- Cross-entropy ------------------------------------------------------------------------------------------

    /// <summary>Made of distances from the greatest, not from logSumExp, which is rounded to its own size.</summary>
    static void CrossEntropy<T>(int rows, int classes, float smoothing, ArrayView<float> x, ArrayView<int> labels, ArrayView<float> losses, ArrayView<float> logSumExp)
        where T : struct, IRowThreads
    {
        var row = T.Row;
        if (row >= rows) return;
        var start = (long)row * classes;
        var greatest = Greatest<T>(row, classes, x);
        float sum = 0, distances = 0;
        for (var c = T.First; c < classes; c += T.Step)
        {
            var distance = greatest - x[start + c];
            sum += XMath.Exp(-distance);
            distances += distance;
        }

        var logSum = XMath.Log(T.Sum(sum));
        if (smoothing != 0) distances = T.Sum(distances);
        if (T.First != 0) return;
        var label = labels[row];
        var loss = label >= 0 && label < classes ? logSum + ((1 - smoothing) * (greatest - x[start + label])) : float.NaN;
        losses[row] = smoothing != 0 ? loss + (smoothing * distances / classes) : loss;
        logSumExp[row] = greatest + logSum;
    }

    public void CrossEntropyForward(long rows, int classes, float smoothing, DeviceBuffer x, DeviceBuffer labels, DeviceBuffer losses, DeviceBuffer logSumExp)
    {
        if (rows == 0) return;
        var kernel = classes <= ThreadRow ? crossEntropyByThread ??= CompileCrossEntropy<OneThread>() : crossEntropyByGroup ??= CompileCrossEntropy<WholeGroup>();
        kernel(RowGroups(rows, classes), (int)rows, classes, smoothing, ReadFloats(x), ReadView<int>(labels), Floats(losses), Floats(logSumExp));
    }

    Action<KernelConfig, int, int, float, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>> CompileCrossEntropy<T>()
        where T : struct, IRowThreads => Compile(nameof(CrossEntropyForward), a => a.LoadStreamKernel<int, int, float, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>>(CrossEntropy<T>));

    /// <summary>One thread an element.</summary>
    static void CrossEntropyGradient(Index1D i, int classes, float smoothing, ArrayView<float> x, ArrayView<int> labels, ArrayView<float> logSumExp, ArrayView<float> dlosses, ArrayView<float> dx)
    {
        var row = i.X / classes;
        var truth = i.X % classes == labels[row] ? 1 - smoothing : 0;
        dx[i] = dlosses[row] * (XMath.Exp(x[i] - logSumExp[row]) - truth - (smoothing / classes));
    }

    public void CrossEntropyBackward(long rows, int classes, float smoothing, DeviceBuffer x, DeviceBuffer labels, DeviceBuffer logSumExp, DeviceBuffer dlosses, DeviceBuffer dx)
    {
        if (dx.Length == 0) return;
        crossEntropyBackward ??= Compile(nameof(CrossEntropyBackward), a => a.LoadAutoGroupedStreamKernel<Index1D, int, float, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>, ArrayView<float>>(CrossEntropyGradient));
        crossEntropyBackward(Range(dx.Length), classes, smoothing, ReadFloats(x), ReadView<int>(labels), ReadFloats(logSumExp), ReadFloats(dlosses), Floats(dx));
    }
}
