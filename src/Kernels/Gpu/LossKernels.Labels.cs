using ILGPU;
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

// A kernel cannot throw. One that meets a label that is no class writes its row and value to a flag in the device's memory,
// and the host looks at the flags where it waits for the device anyway (reading a loss): a training waits no more often.
sealed partial class LossKernels
{
    /// <summary>Flags, one for each loss and number of classes that a program uses; more than that share the last one.</summary>
    const int FlagCount = 64;

    /// <summary>By flag, what it is of.</summary>
    readonly List<(string Operation, int Classes)> labelLosses = [];

    Action<Index1D, LabelOptions, ArrayView<int>, ArrayView<float>, ArrayView<float>>? labelWeights;
    MemoryBuffer1D<long, Stride1D.Dense>? badLabels;
    bool labelsUnchecked;

    /// <summary>By flag: row 2^32 + label (its bits), or <see cref="long.MaxValue"/>.</summary>
    ArrayView<long> BadLabels => badLabels!.View.AsContiguous();

    /// <summary>The flag of a loss that is about to be queued.</summary>
    int SlotOf(string operation, int classes)
    {
        if (badLabels is null)
        {
            badLabels = Accelerator.Allocate1D<long>(FlagCount);
            ClearFlags();
        }

        labelsUnchecked = true;
        var slot = labelLosses.IndexOf((operation, classes));
        if (slot >= 0) return slot;
        if (labelLosses.Count < FlagCount) labelLosses.Add((operation, classes));
        else labelLosses[^1] = (operation, classes);
        return labelLosses.Count - 1;
    }

    void ClearFlags()
    {
        var none = new long[FlagCount];
        Array.Fill(none, long.MaxValue);
        badLabels!.CopyFromCPU(none);
    }

    /// <summary>To be called where the device has been waited for: looks at the flags if a loss was queued since.</summary>
    /// <exception cref="LabelException">A label was no class.</exception>
    internal void ThrowIfBadLabels()
    {
        if (!labelsUnchecked) return;
        labelsUnchecked = false;
        var flags = badLabels!.GetAsArray1D();
        var slot = Array.FindIndex(flags, flag => flag != long.MaxValue);
        if (slot < 0) return;
        ClearFlags();
        throw new LabelException(labelLosses[slot].Operation, flags[slot] >> 32, (int)flags[slot], labelLosses[slot].Classes);
    }

    /// <summary>Whether a row counts; a label that is no class does not, and is flagged. Of several the first; on OpenCL, where not every device has the atomic operation, nearly always.</summary>
    static bool Counts(LabelOptions o, int row, int label, ArrayView<long> bad)
    {
        if (o.Ignores != 0 && label == o.Ignored) return false;
        if (label >= 0 && label < o.Classes) return true;
        var flag = ((long)row << 32) | (uint)label;
        if (Accelerator.CurrentType != AcceleratorType.OpenCL) Atomic.Min(ref bad[o.Slot], flag);
        else if (flag < bad[o.Slot]) bad[o.Slot] = flag;
        return false;
    }

    /// <summary>The loss of a row that does not count: 0 if it is ignored, else NaN.</summary>
    static float Uncounted(LabelOptions o, int label) => o.Ignores != 0 && label == o.Ignored ? 0 : float.NaN;

    static void LabelWeightsKernel(Index1D row, LabelOptions o, ArrayView<int> labels, ArrayView<float> weights, ArrayView<float> y)
    {
        var label = labels[row];
        var counts = label >= 0 && label < o.Classes && (o.Ignores == 0 || label != o.Ignored);
        y[row] = !counts ? 0 : o.Weighted != 0 ? weights[label] : 1;
    }

    public void LabelWeights(in LabelGeometry g, DeviceBuffer labels, DeviceBuffer? weights, DeviceBuffer y)
    {
        if (y.Length == 0) return;
        labelWeights ??= Compile<Action<Index1D, LabelOptions, ArrayView<int>, ArrayView<float>, ArrayView<float>>>(nameof(LabelWeights), LabelWeightsKernel);
        labelWeights(Range(y.Length), new(g, 0, weights is not null), ReadView<int>(labels), ReadViewOrEmpty<float>(weights), Floats(y));
    }
}

/// <summary>What the kernels of a loss with labels are told; flags are 0 or 1.</summary>
/// <param name="g">Rows, classes and the label to ignore.</param>
/// <param name="parameter">The label smoothing, or the margin.</param>
/// <param name="weighted">Whether there are class weights.</param>
/// <param name="slot">The flag for a label that is no class.</param>
readonly struct LabelOptions(in LabelGeometry g, float parameter, bool weighted, int slot = 0)
{
    public readonly int Rows = (int)g.Rows, Classes = g.Classes, Ignores = g.IgnoreIndex is null ? 0 : 1, Ignored = g.IgnoreIndex ?? 0, Weighted = weighted ? 1 : 0, Slot = slot;
    public readonly float Parameter = parameter;
}
