namespace ILGPU.Runtime.CPU;

/// <summary>The CPU as a device. A group may have as many threads as the warps of a multiprocessor hold.</summary>
public sealed class CPUDevice : Device
{
    /// <summary>Groups of at most 16 threads.</summary>
    public static readonly CPUDevice Default = new(4, 4, 1);

    public CPUDevice(int numThreadsPerWarp, int numWarpsPerMultiprocessor, int numMultiprocessors)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(numThreadsPerWarp, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(numWarpsPerMultiprocessor, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(numMultiprocessors, 1);
        Name = nameof(CPUAccelerator);
        WarpSize = numThreadsPerWarp;
        NumMultiprocessors = numMultiprocessors;
        MaxNumThreadsPerGroup = checked(numThreadsPerWarp * numWarpsPerMultiprocessor);
        MaxNumThreadsPerMultiprocessor = MaxNumThreadsPerGroup;
        MaxGroupSize = new(MaxNumThreadsPerGroup);
        // The limits of CUDA, so that what runs here is not refused there.
        MaxGridSize = new(int.MaxValue, ushort.MaxValue, ushort.MaxValue);
        MaxSharedMemoryPerGroup = 48 << 10;
        MemorySize = long.MaxValue;
    }

    public override AcceleratorType AcceleratorType => AcceleratorType.CPU;

    public CPUAccelerator CreateCPUAccelerator(Context context) => new(context, this);

    public override Accelerator CreateAccelerator(Context context) => CreateCPUAccelerator(context);
}

/// <summary>CPU devices of a context.</summary>
public static class CPUContextExtensions
{
    public static Context.Builder DefaultCPU(this Context.Builder builder) => builder.CPU(CPUDevice.Default);

    public static Context.Builder CPU(this Context.Builder builder) => builder.CPU(CPUDevice.Default);

    public static Context.Builder CPU(this Context.Builder builder, CPUDevice device)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Devices.Add(device);
        return builder;
    }

    public static CPUDevice GetCPUDevice(this Context context, int cpuDeviceIndex)
    {
        ArgumentNullException.ThrowIfNull(context);
        if ((uint)cpuDeviceIndex >= (uint)context.Devices.Length)
            throw new ArgumentOutOfRangeException(nameof(cpuDeviceIndex), cpuDeviceIndex, $"The context has {context.Devices.Length} CPU devices.");
        return (CPUDevice)context.Devices[cpuDeviceIndex];
    }

    public static CPUAccelerator CreateCPUAccelerator(this Context context, int cpuDeviceIndex)
        => context.GetCPUDevice(cpuDeviceIndex).CreateCPUAccelerator(context);
}
