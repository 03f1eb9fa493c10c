using System.Globalization;
using CnnSharp.Kernels;
using CnnSharp.Kernels.Cpu;
using CnnSharp.Kernels.Gpu;
using CnnSharp.Kernels.Reference;

namespace CnnSharp;

/// <summary>Where tensors live and are computed: an engine, by name.</summary>
public sealed class Device : IDisposable
{
    /// <summary>The environment variable that names the device where a program or a command does not.</summary>
    public const string Variable = "CNNSHARP_DEVICE";

    static readonly Lazy<Device> SharedCpu = new(() => new(new CpuEngine(), isShared: true));
    static readonly Lazy<Device> SharedReference = new(() => new(new ReferenceEngine<float>(), isShared: true));
    static readonly Lazy<Device> SharedReferenceFloat64 = new(() => new(new ReferenceEngine<double>(), isShared: true));

    /// <summary>The host's engines by name.</summary>
    static readonly (string Name, Func<Device> Open)[] OnHost =
    [
        ("cpu", () => Cpu),
        ("reference", () => Reference),
        ("reference-f64", () => ReferenceFloat64),
    ];

    /// <summary>The accelerators that were opened, by name.</summary>
    static readonly Dictionary<string, Device> OnAccelerators = new(StringComparer.Ordinal);

    static readonly Lazy<DeviceChoice> Fastest = new(() => DeviceChoice.Of(Accelerators.Cuda, () => Accelerators.OpenCLUnasked, () => Accelerators.OpenCL, Open, () => Cpu));

    readonly bool isShared;

    /// <summary>Wraps an engine of one's own, for instance a <see cref="CpuEngine"/> with a given number of threads.</summary>
    /// <param name="engine">The engine, which <see cref="Dispose"/> disposes of.</param>
    public Device(Engine engine)
        : this(engine, isShared: false)
    {
    }

    Device(Engine engine, bool isShared) => (Engine, this.isShared) = (engine, isShared);

    /// <summary>The SIMD engine with a thread a processor.</summary>
    public static Device Cpu => SharedCpu.Value;

    /// <summary>The reference engine in single precision.</summary>
    public static Device Reference => SharedReference.Value;

    /// <summary>The reference engine in double precision.</summary>
    public static Device ReferenceFloat64 => SharedReferenceFloat64.Value;

    /// <summary>No device at all: tensors have shapes but no elements. What a model's summary needs, whatever the model's size.</summary>
    public static Device Shapes { get; } = new(new ShapeEngine(), isShared: true);

    /// <summary>The engine behind it.</summary>
    public Engine Engine { get; }

    /// <summary>The primitives.</summary>
    public IKernels Kernels => Engine.Kernels;

    /// <summary>The type of activations, weights and gradients.</summary>
    public DType FloatType => Engine.FloatType;

    /// <summary>The name it is selected by.</summary>
    public string Name => Engine.Name;

    /// <summary>
    /// Where to compute if nobody says: the device that the environment variable <c>CNNSHARP_DEVICE</c> names, else the fastest
    /// (<see cref="Choose"/>).
    /// </summary>
    /// <exception cref="ArgumentException">The variable names no device.</exception>
    /// <exception cref="NotSupportedException">The variable names a device that is not present; the message says why.</exception>
    public static Device Best()
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { } name || string.IsNullOrWhiteSpace(name)) return Choose().Device;
        try
        {
            return Parse(name);
        }
        catch (ArgumentException e)
        {
            throw new ArgumentException($"${Variable}: {e.Message}", e);
        }
        catch (NotSupportedException e)
        {
            throw new NotSupportedException($"${Variable}: {e.Message}", e);
        }
    }

    /// <summary>
    /// The fastest device present, found once: the first CUDA device that opens, else the first OpenCL GPU that does (those with
    /// memory of their own before those without), else <see cref="Cpu"/>. OpenCL's drivers are loaded only if no CUDA device
    /// opens and the system lists one that serves a GPU; an OpenCL device on the CPU is never taken.
    /// </summary>
    /// <returns>The device, and why others were passed over.</returns>
    public static DeviceChoice Choose() => Fastest.Value;

    /// <summary>Every kind of device that this build knows: opened, or the reason why it cannot be.</summary>
    /// <param name="all">Whether to look for OpenCL devices even where <see cref="Choose"/> does not, which loads their drivers into the process; default false.</param>
    public static IReadOnlyList<DeviceReport> List(bool all = false)
    {
        var reports = OnHost.Select(known => Report(known.Name, known.Open)).ToList();
        reports.AddRange(Accelerators.Cuda.Select(Report));
        var unasked = all ? null : Accelerators.OpenCLUnasked;
        if (unasked is null && !all && Choose().Device.Name.StartsWith("cuda", StringComparison.Ordinal) && !Accelerators.OpenCLIsLoaded) unasked = "a CUDA device is there";
        if (unasked is null) reports.AddRange(Accelerators.OpenCL.Select(Report));
        else reports.Add(new("opencl:0", null, $"not looked for: {unasked} (to name it loads its drivers)"));
        reports.Add(Report(Accelerators.IlgpuCpu));
        return reports;
    }

    /// <summary>
    /// The device of a name, whatever its case: <c>cpu</c>, <c>cuda:0</c>, <c>opencl:0</c>, <c>ilgpu-cpu</c>, <c>reference</c>,
    /// <c>reference-f64</c>; <c>auto</c> is that of <see cref="Choose"/>, <c>cuda</c> and <c>opencl</c> the first of their kind
    /// that opens. The same name gives the same object.
    /// </summary>
    /// <exception cref="ArgumentException">No such device.</exception>
    /// <exception cref="NotSupportedException">The device is not present, or cannot be opened; the message says why. Another call tries again.</exception>
    public static Device Parse(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        var asked = name.Trim().ToLowerInvariant();
        if (asked == "auto") return Choose().Device;
        foreach (var (known, open) in OnHost)
        {
            if (known == asked) return open();
        }

        if (asked == Accelerators.IlgpuCpu.Name) return Open(Accelerators.IlgpuCpu);
        var (kind, number) = asked.IndexOf(':', StringComparison.Ordinal) is >= 0 and var colon ? (asked[..colon], asked[(colon + 1)..]) : (asked, null);
        if (kind is not ("cuda" or "opencl") || (number is not null && !uint.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out _)))
            throw new ArgumentException(Nearest.Unknown("device", name, ["auto", .. OnHost.Select(known => known.Name), "cuda:N", "opencl:N", Accelerators.IlgpuCpu.Name]));

        var entries = kind == "cuda" ? Accelerators.Cuda : Accelerators.OpenCL;
        if (number is null) return First(kind, entries);
        var index = uint.Parse(number, CultureInfo.InvariantCulture);
        var entry = entries[(int)Math.Min(index, entries.Count - 1)];
        if (entry.Absent is { } reason && (index < entries.Count || entries.Count == 1)) throw new NotSupportedException($"There is no device '{asked}' to use: {reason}.");
        if (index < entries.Count) return Open(entry);
        throw new NotSupportedException($"There is no device '{asked}'; of its kind there {(entries.Count == 1 ? "is" : "are")} {string.Join(", ", entries.Select(known => known.Name))}.");
    }

    /// <summary>
    /// Gives the memory and the threads of an engine of one's own back: see <see cref="Engine.Dispose()"/>. The devices that this class
    /// gives (<see cref="Cpu"/>, <see cref="Best"/>, <see cref="Parse"/>, ...) belong to the whole program and stay open.
    /// </summary>
    public void Dispose()
    {
        if (!isShared) Engine.Dispose();
    }

    static Device First(string kind, IReadOnlyList<AcceleratorEntry> entries)
    {
        var reasons = new List<string>();
        foreach (var entry in entries.OrderBy(entry => entry.Rank))
        {
            try
            {
                return Open(entry);
            }
            catch (NotSupportedException e)
            {
                reasons.Add(e.Message);
            }
        }

        throw new NotSupportedException($"There is no device '{kind}': {string.Join("; ", reasons)}.");
    }

    static Device Open(AcceleratorEntry entry)
    {
        var engine = entry.Open();
        lock (OnAccelerators)
        {
            // An engine that was disposed of by way of the entry has been reopened.
            if (!OnAccelerators.TryGetValue(entry.Name, out var device) || device.Engine != engine) OnAccelerators[entry.Name] = device = new(engine, isShared: true);
            return device;
        }
    }

    static DeviceReport Report(AcceleratorEntry entry) => Report(entry.Name, () => Open(entry));

    static DeviceReport Report(string name, Func<Device> open)
    {
        try
        {
            var device = open();
            return new(name, device, device.Engine.Description);
        }
        catch (NotSupportedException e)
        {
            return new(name, null, e.Message);
        }
    }

    /// <inheritdoc/>
    public override string ToString() => Name;
}

/// <summary>A kind of device and whether it is present.</summary>
/// <param name="Name">The name it is selected by.</param>
/// <param name="Device">The device, or null if it is not present.</param>
/// <param name="Detail">What it is, or why it is not present.</param>
public sealed record DeviceReport(string Name, Device? Device, string Detail);
