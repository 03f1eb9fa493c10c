namespace ILGPU.Runtime;

/// <summary>Launch bounds: what a compiler may use to share out registers. Nothing is compiled here; only a group's size is checked.</summary>
public readonly struct KernelSpecialization(int? maxNumThreadsPerGroup, int? minNumGroupsPerMultiprocessor)
{
    public int? MaxNumThreadsPerGroup { get; } = maxNumThreadsPerGroup;

    public int? MinNumGroupsPerMultiprocessor { get; } = minNumGroupsPerMultiprocessor;
}

/// <summary>The loader with launch bounds that kernels of this project use.</summary>
public static class SpecializedKernelLoaders
{
    public static Action<KernelConfig, T1, T2, T3, T4> LoadStreamKernel<T1, T2, T3, T4>(this Accelerator accelerator, Action<T1, T2, T3, T4> action, KernelSpecialization specialization)
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
    {
        if (specialization.MaxNumThreadsPerGroup > accelerator.MaxNumThreadsPerGroup)
            throw new NotSupportedException($"{action.Method.Name} asks for groups of {specialization.MaxNumThreadsPerGroup} threads, this accelerator has at most {accelerator.MaxNumThreadsPerGroup}.");
        return accelerator.LoadStreamKernel(action);
    }
}
