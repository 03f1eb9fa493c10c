using ILGPU;
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

// The multi-class hinge of Weston and Watkins.
sealed partial class GpuKernels
{
    Action<KernelConfig, int, int, float, ArrayView<float>, ArrayView<int>, ArrayView<float>>? hingeByThread, hingeByGroup;
    Action<KernelConfig, int, int, float, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>>? hingeBackwardByThread, hingeBackwardByGroup;

    /// <summary>What x[label] is: NaN for a label that is no class, so that the loss is NaN and no term is above 0.</summary>
    static float Truth(long start, int label, int classes, ArrayView<float> x) => label >= 0 && label < classes ? x[start + label] : float.NaN;

    static void Hinge<T>(int rows, int classes, float margin, ArrayView<float> x, ArrayView<int> labels, ArrayView<float> losses)
        where T : struct, IRowThreads
    {
        var row = T.Row;
        if (row >= rows) return;
        var start = (long)row * classes;
        var label = labels[row];
        var truth = Truth(start, label, classes, x);
        var sum = 0f;
        for (var j = T.First; j < classes; j += T.Step)
        {
            if (j != label) sum += Rectify(x[start + j] - truth + margin);
        }

        sum = T.Sum(sum);
        if (T.First == 0) losses[row] = label >= 0 && label < classes ? sum : float.NaN;
    }

    public void MulticlassHingeForward(long rows, int classes, float margin, DeviceBuffer x, DeviceBuffer labels, DeviceBuffer losses)
    {
        if (rows == 0) return;
        var kernel = classes <= ThreadRow ? hingeByThread ??= CompileHinge<OneThread>() : hingeByGroup ??= CompileHinge<WholeGroup>();
        kernel(RowGroups(rows, classes), (int)rows, classes, margin, ReadFloats(x), ReadView<int>(labels), Floats(losses));
    }

    Action<KernelConfig, int, int, float, ArrayView<float>, ArrayView<int>, ArrayView<float>> CompileHinge<T>()
        where T : struct, IRowThreads => Compile(nameof(MulticlassHingeForward), a => a.LoadStreamKernel<int, int, float, ArrayView<float>, ArrayView<int>, ArrayView<float>>(Hinge<T>));

    static void HingeGradient<T>(int rows, int classes, float margin, ArrayView<float> x, ArrayView<int> labels, ArrayView<float> dlosses, ArrayView<float> dx)
        where T : struct, IRowThreads
    {
        var row = T.Row;
        if (row >= rows) return;
        var start = (long)row * classes;
        var label = labels[row];
        var truth = Truth(start, label, classes, x);
        var upstream = dlosses[row];
        var above = 0;
        for (var j = T.First; j < classes; j += T.Step)
        {
            if (j == label) continue;
            var active = x[start + j] - truth + margin > 0;
            if (active) above++;
            dx[start + j] = active ? upstream : 0;
        }

        // Numbers of classes are exact as floats up to 2^24.
        var violations = T.Sum(above);
        if (T.First == 0 && label >= 0 && label < classes) dx[start + label] = -violations * upstream;
    }

    public void MulticlassHingeBackward(long rows, int classes, float margin, DeviceBuffer x, DeviceBuffer labels, DeviceBuffer dlosses, DeviceBuffer dx)
    {
        if (dx.Length == 0) return;
        var kernel = classes <= ThreadRow ? hingeBackwardByThread ??= CompileHingeBackward<OneThread>() : hingeBackwardByGroup ??= CompileHingeBackward<WholeGroup>();
        kernel(RowGroups(rows, classes), (int)rows, classes, margin, ReadFloats(x), ReadView<int>(labels), ReadFloats(dlosses), Floats(dx));
    }

    Action<KernelConfig, int, int, float, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>> CompileHingeBackward<T>()
        where T : struct, IRowThreads => Compile(nameof(MulticlassHingeBackward), a => a.LoadStreamKernel<int, int, float, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>>(HingeGradient<T>));
}
