using CnnSharp.Kernels;
using CnnSharp.Kernels.Cpu;
using CnnSharp.Kernels.Reference;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>
/// Every device that a test body runs on: what <see cref="Device.List"/> knows, the CPU engine once for each SIMD level. A
/// device that is absent is reported as skipped, with its reason.
/// </summary>
public static class Devices
{
    static readonly Dictionary<string, (Device? Device, string Reason)> Opened = [];

    /// <summary>The names, as test data.</summary>
    public static TheoryData<string> All => [.. Names];

    /// <summary>The names of the single-precision devices that are checked against <c>reference-f64</c>.</summary>
    public static IEnumerable<string> SinglePrecision => Names.Where(name => name != "reference-f64");

    static IEnumerable<string> Names
        => Device.List().SelectMany(report => report.Name == "cpu" ? Enum.GetNames<SimdLevel>().Select(level => $"cpu {level}") : [report.Name]);

    /// <summary>The device of a name; skips the test where it is absent.</summary>
    public static Device Open(string name)
    {
        lock (Opened)
        {
            if (!Opened.TryGetValue(name, out var entry)) Opened.Add(name, entry = TryOpen(name, threads: 2));
            Assert.SkipWhen(entry.Device is null, entry.Reason);
            return entry.Device!;
        }
    }

    /// <summary>A CPU engine of a SIMD level; skips the test where the machine lacks it.</summary>
    public static Device Cpu(SimdLevel level, int threads)
    {
        var (device, reason) = TryOpen($"cpu {level}", threads);
        Assert.SkipWhen(device is null, reason);
        return device!;
    }

    /// <summary>Bytes in use, once what other tests dropped has been given back.</summary>
    public static long UsedBytes(Device device)
    {
        if (device.Engine.Pool.UsedBytes != 0)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        return device.Engine.Pool.UsedBytes;
    }

    // The tests have engines of their own, so that no other test's buffers are in their pools.
    static (Device? Device, string Reason) TryOpen(string name, int threads)
    {
        try
        {
            return (name switch
            {
                "reference" => new Device(new ReferenceEngine<float>()),
                "reference-f64" => new Device(new ReferenceEngine<double>()),
                _ when name.StartsWith("cpu ", StringComparison.Ordinal) => new Device(new CpuEngine(threads, Enum.Parse<SimdLevel>(name[4..]))),
                _ => Device.Parse(name),
            }, "");
        }
        catch (NotSupportedException e)
        {
            return (null, $"{name} is absent: {e.Message}");
        }
    }
}

/// <summary>Tests that look at a device's pool, or keep its threads busy, run one after the other.</summary>
[CollectionDefinition(Name)]
public sealed class DeviceTests
{
    public const string Name = "devices";
}
