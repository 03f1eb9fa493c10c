using CnnSharp.Kernels;
using CnnSharp.Kernels.Cpu;
using CnnSharp.Kernels.Gpu;
using CnnSharp.Kernels.Reference;

namespace CnnSharp;

/// <summary>Where tensors live and are computed: an engine, by name.</summary>
public sealed class Device
{
    static readonly Lazy<Device> SharedCpu = new(() => new(new CpuEngine()));
    static readonly Lazy<Device> SharedReference = new(() => new(new ReferenceEngine<float>()));
    static readonly Lazy<Device> SharedReferenceFloat64 = new(() => new(new ReferenceEngine<double>()));

    /// <summary>The host's engines by name.</summary>
    static readonly (string Name, Func<Device> Open)[] OnHost =
    [
        ("cpu", () => Cpu),
        ("reference", () => Reference),
        ("reference-f64", () => ReferenceFloat64),
    ];

    /// <summary>Accelerators by name; looked for when one is first asked for, so that a program on the CPU loads no driver.</summary>
    static readonly Lazy<(string Name, Func<Device> Open)[]> OnAccelerators = new(() => [.. Accelerators.All.Select(entry => (entry.Name, Shared(entry.Open)))]);

    static IEnumerable<(string Name, Func<Device> Open)> Known => OnHost.Concat(OnAccelerators.Value);

    /// <summary>Wraps an engine of one's own, for instance a <see cref="CpuEngine"/> with a given number of threads.</summary>
    public Device(Engine engine) => Engine = engine;

    /// <summary>The SIMD engine with a thread a processor.</summary>
    public static Device Cpu => SharedCpu.Value;

    /// <summary>The plain engine in single precision.</summary>
    public static Device Reference => SharedReference.Value;

    /// <summary>The plain engine in double precision.</summary>
    public static Device ReferenceFloat64 => SharedReferenceFloat64.Value;

    /// <summary>No device at all: tensors have shapes but no elements. What a model's summary needs, whatever the model's size.</summary>
    public static Device Shapes { get; } = new(new ShapeEngine());

    /// <summary>The engine behind it.</summary>
    public Engine Engine { get; }

    /// <summary>The primitives.</summary>
    public IKernels Kernels => Engine.Kernels;

    /// <summary>The type of activations, weights and gradients.</summary>
    public DType FloatType => Engine.FloatType;

    /// <summary>The name it is selected by.</summary>
    public string Name => Engine.Name;

    /// <summary>The fastest device present: the first CUDA device, else the first OpenCL device, else the CPU engine.</summary>
    public static Device Best()
        => Accelerators.All.FirstOrDefault(entry => entry is { Absent: null, IsFast: true }) is { } best ? Parse(best.Name) : Cpu;

    /// <summary>Every kind of device that this build knows: opened, or the reason why it cannot be.</summary>
    public static IReadOnlyList<DeviceReport> List()
    {
        var reports = new List<DeviceReport>();
        foreach (var (name, open) in Known)
        {
            try
            {
                var device = open();
                reports.Add(new(name, device, device.Engine.Description));
            }
            catch (NotSupportedException e)
            {
                reports.Add(new(name, null, e.Message));
            }
        }

        return reports;
    }

    /// <summary>The device of a name; <c>auto</c> is <see cref="Best"/>.</summary>
    /// <exception cref="ArgumentException">No such device.</exception>
    /// <exception cref="NotSupportedException">The device is not present; the message says why.</exception>
    public static Device Parse(string name)
    {
        if (name == "auto") return Best();
        foreach (var (known, open) in OnHost)
        {
            if (known == name) return open();
        }

        foreach (var (known, open) in OnAccelerators.Value)
        {
            if (known == name) return open();
        }

        var names = Known.Select(k => k.Name).Prepend("auto").ToList();
        var kind = name.Split(':')[0];
        if (kind is "cuda" or "opencl" && name.Contains(':')) throw new NotSupportedException($"There is no device '{name}'. There are: {string.Join(", ", names)}.");
        throw new ArgumentException(Nearest.Unknown("device", name, names));
    }

    static Func<Device> Shared(Func<Engine> open)
    {
        var device = new Lazy<Device>(() => new(open()), LazyThreadSafetyMode.PublicationOnly);
        return () => device.Value;
    }

    /// <inheritdoc/>
    public override string ToString() => Name;
}

/// <summary>A kind of device and whether it is present.</summary>
/// <param name="Name">The name it is selected by.</param>
/// <param name="Device">The device, or null if it is not present.</param>
/// <param name="Detail">What it is, or why it is not present.</param>
public sealed record DeviceReport(string Name, Device? Device, string Detail);
