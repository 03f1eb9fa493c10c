using System.Collections.Immutable;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;

namespace ILGPU;

/// <summary>How far kernels are optimized; the .NET JIT decides that here.</summary>
public enum OptimizationLevel
{
    O0,
    O1,
    O2,
}

/// <summary>How precise a kernel's mathematics is; always the default here.</summary>
public enum MathMode
{
    Default,
    Fast,
    Fast32BitOnly,
}

/// <summary>What is inlined into a kernel; the .NET JIT decides that here.</summary>
public enum InliningMode
{
    Aggressive,
    Conservative,
    Disabled,
}

/// <summary>The root object: the devices that were asked for.</summary>
public sealed class Context : IDisposable
{
    readonly List<Accelerator> accelerators = [];

    Context(Builder builder) => Devices = [.. builder.Devices];

    /// <summary>The registered devices, in the order of registration.</summary>
    public ImmutableArray<Device> Devices { get; }

    /// <summary>Builds a context.</summary>
    public static Context Create(Action<Builder> buildingCallback)
    {
        ArgumentNullException.ThrowIfNull(buildingCallback);
        Builder builder = new();
        buildingCallback(builder);
        return new(builder);
    }

    /// <summary>Builds a context with the default device.</summary>
    public static Context CreateDefault() => Create(static builder => builder.Default());

    /// <summary>The first device; there are only CPU devices here.</summary>
    public Device GetPreferredDevice(bool preferCPU)
        => Devices.IsEmpty ? throw new InvalidOperationException("The context has no device: register one in Context.Create, for example with CPU().") : Devices[0];

    /// <summary>Disposes the accelerators that were created from it.</summary>
    public void Dispose()
    {
        foreach (Accelerator accelerator in accelerators)
            accelerator.Dispose();
        accelerators.Clear();
    }

    internal void Own(Accelerator accelerator) => accelerators.Add(accelerator);

    /// <summary>Collects the settings of a context.</summary>
    public sealed class Builder
    {
        internal Builder()
        {
        }

        internal List<Device> Devices { get; } = [];

        /// <summary>Registers the default device.</summary>
        public Builder Default() => this.DefaultCPU();

        /// <summary>Registers every kind of device there is: here, the CPU's.</summary>
        public Builder AllAccelerators() => this.DefaultCPU();

        /// <summary>Has no effect here.</summary>
        public Builder Optimize(OptimizationLevel level) => this;

        /// <summary>Has no effect here.</summary>
        public Builder Inlining(InliningMode inliningMode) => this;

        /// <summary>Has no effect here.</summary>
        public Builder Profiling() => this;

        /// <summary>Has no effect here.</summary>
        public Builder Math(MathMode mathMode) => this;
    }
}
