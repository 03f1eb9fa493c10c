using CnnSharp.Kernels.Gpu;

namespace CnnSharp;

/// <summary>The fastest device of this machine, and why none that would come before it was taken.</summary>
/// <param name="Device">The device, opened.</param>
/// <param name="PassedOver">A line for each device that would have come before: its name and the reason.</param>
public sealed record DeviceChoice(Device Device, IReadOnlyList<string> PassedOver)
{
    /// <summary>The rule, apart from any machine: the first CUDA device that opens, else the first OpenCL GPU that does, discrete ones first, else the CPU.</summary>
    /// <param name="cuda">CUDA's devices, or one entry that says why there is none.</param>
    /// <param name="openCLUnasked">Why OpenCL is not to be looked at, or null; asked only if no CUDA device opens.</param>
    /// <param name="openCL">OpenCL's devices; called only if no CUDA device opens and OpenCL is to be looked at.</param>
    /// <param name="open">Opens an entry's device.</param>
    /// <param name="cpu">The CPU's device.</param>
    internal static DeviceChoice Of(IReadOnlyList<AcceleratorEntry> cuda, Func<string?> openCLUnasked, Func<IReadOnlyList<AcceleratorEntry>> openCL, Func<AcceleratorEntry, Device> open, Func<Device> cpu)
    {
        var passedOver = new List<string>();
        if (First(cuda, open, passedOver) is { } fastest) return new(fastest, passedOver);
        if (openCLUnasked() is { } reason) passedOver.Add($"opencl: {reason}, so its drivers are not loaded unless it is named");
        else if (First(openCL(), open, passedOver) is { } gpu) return new(gpu, passedOver);
        return new(cpu(), passedOver);
    }

    static Device? First(IReadOnlyList<AcceleratorEntry> entries, Func<AcceleratorEntry, Device> open, List<string> passedOver)
    {
        foreach (var entry in entries.OrderBy(entry => entry.Rank))
        {
            if (entry.Absent is { } absent)
            {
                passedOver.Add($"{entry.Name}: {absent}");
            }
            else if (entry.Rank == AcceleratorRank.ByNameOnly)
            {
                passedOver.Add($"{entry.Name}: {entry.Description} is no GPU, so it is taken only where it is named");
            }
            else
            {
                try
                {
                    return open(entry);
                }
                catch (NotSupportedException e)
                {
                    passedOver.Add(e.Message.StartsWith(entry.Name, StringComparison.Ordinal) ? e.Message : $"{entry.Name}: {e.Message}");
                }
            }
        }

        return null;
    }
}
