using ILGPU;
using ILGPU.Runtime;
using static CnnSharp.Kernels.Gpu.ElementwiseKernels;

namespace CnnSharp.Kernels.Gpu;

// The multi-class hinge of Weston and Watkins.
sealed partial class LossKernels
{
    Action<KernelConfig, LabelOptions, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>, ArrayView<long>>? hingeByThread, hingeByGroup;
    Action<KernelConfig, LabelOptions, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>, ArrayView<float>>? hingeBackwardByThread, hingeBackwardByGroup;

    /// <summary>What x[label] is: NaN for a label that does not count, so that no term is above 0.</summary>
    static float Truth(LabelOptions o, long start, int label, ArrayView<float> x)
        => label >= 0 && label < o.Classes && (o.Ignores == 0 || label != o.Ignored) ? x[start + label] : float.NaN;

    static void Hinge<T>(LabelOptions o, ArrayView<float> x, ArrayView<int> labels, ArrayView<float> weights, ArrayView<float> losses, ArrayView<long> bad)
        where T : struct, IRowThreads
    {
        var row = T.Row;
        if (row >= o.Rows) return;
        var start = (long)row * o.Classes;
        var label = labels[row];
        var truth = Truth(o, start, label, x);
        var sum = 0f;
        for (var j = T.First; j < o.Classes; j += T.Step)
        {
            if (j != label) sum += Rectify(x[start + j] - truth + o.Parameter);
        }

        // No return after a barrier: PoCL makes an endless loop of it.
        sum = T.Sum(sum);
        if (T.First == 0) losses[row] = !Counts(o, row, label, bad) ? Uncounted(o, label) : o.Weighted != 0 ? sum * weights[label] : sum;
    }

    public void MulticlassHingeForward(in LabelGeometry g, float margin, DeviceBuffer x, DeviceBuffer labels, DeviceBuffer? weights, DeviceBuffer losses)
    {
        if (g.Rows == 0) return;
        var kernel = g.Classes <= ThreadRow ? hingeByThread ??= CompileHinge<OneThread>() : hingeByGroup ??= CompileHinge<WholeGroup>();
        kernel(RowGroups(g.Rows, g.Classes), new(g, margin, weights is not null, SlotOf("MulticlassHinge", g.Classes)), ReadFloats(x), ReadView<int>(labels), ReadViewOrEmpty<float>(weights), Floats(losses), BadLabels);
    }

    Action<KernelConfig, LabelOptions, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>, ArrayView<long>> CompileHinge<T>()
        where T : struct, IRowThreads => CompileGrouped<Action<KernelConfig, LabelOptions, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>, ArrayView<long>>>(nameof(MulticlassHingeForward), Hinge<T>);

    static void HingeGradient<T>(LabelOptions o, ArrayView<float> x, ArrayView<int> labels, ArrayView<float> weights, ArrayView<float> dlosses, ArrayView<float> dx)
        where T : struct, IRowThreads
    {
        var row = T.Row;
        if (row >= o.Rows) return;
        var start = (long)row * o.Classes;
        var label = labels[row];
        var isClass = label >= 0 && label < o.Classes;
        var counts = isClass && (o.Ignores == 0 || label != o.Ignored);
        var truth = Truth(o, start, label, x);
        var upstream = counts && o.Weighted != 0 ? dlosses[row] * weights[label] : dlosses[row];
        var above = 0;
        for (var j = T.First; j < o.Classes; j += T.Step)
        {
            if (j == label) continue;
            var active = x[start + j] - truth + o.Parameter > 0;
            if (active) above++;
            dx[start + j] = active ? upstream : 0;
        }

        // Numbers of classes are exact as floats up to 2^24.
        var violations = T.Sum(above);
        if (T.First == 0 && isClass) dx[start + label] = counts ? -violations * upstream : 0;
    }

    public void MulticlassHingeBackward(in LabelGeometry g, float margin, DeviceBuffer x, DeviceBuffer labels, DeviceBuffer? weights, DeviceBuffer dlosses, DeviceBuffer dx)
    {
        if (dx.Length == 0) return;
        var kernel = g.Classes <= ThreadRow ? hingeBackwardByThread ??= CompileHingeBackward<OneThread>() : hingeBackwardByGroup ??= CompileHingeBackward<WholeGroup>();
        kernel(RowGroups(g.Rows, g.Classes), new(g, margin, weights is not null), ReadFloats(x), ReadView<int>(labels), ReadViewOrEmpty<float>(weights), ReadFloats(dlosses), Floats(dx));
    }

    Action<KernelConfig, LabelOptions, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>, ArrayView<float>> CompileHingeBackward<T>()
        where T : struct, IRowThreads => CompileGrouped<Action<KernelConfig, LabelOptions, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>, ArrayView<float>>>(nameof(MulticlassHingeBackward), HingeGradient<T>);
}
