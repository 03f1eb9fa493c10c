// Written by generate.py: do not edit.
using ILGPU.Runtime.CPU;

namespace ILGPU.Runtime;

/// <summary>Makes launchers of kernels: with explicit groups, or on a range of indices.</summary>
public static class KernelLoaders
{
    public static Action<KernelConfig, T1> LoadStreamKernel<T1>(this Accelerator accelerator, Action<T1> action)
        where T1 : struct
        => new GroupedKernel<T1>(accelerator, action).Launch;

    public static Action<AcceleratorStream, KernelConfig, T1> LoadKernel<T1>(this Accelerator accelerator, Action<T1> action)
        where T1 : struct
        => new GroupedKernel<T1>(accelerator, action).Launch;

    public static Action<TIndex, T1> LoadAutoGroupedStreamKernel<TIndex, T1>(this Accelerator accelerator, Action<TIndex, T1> action)
        where TIndex : struct, IIndex
        where T1 : struct
        => new IndexedKernel<TIndex, T1>(accelerator, action).Launch;

    public static Action<AcceleratorStream, TIndex, T1> LoadAutoGroupedKernel<TIndex, T1>(this Accelerator accelerator, Action<TIndex, T1> action)
        where TIndex : struct, IIndex
        where T1 : struct
        => new IndexedKernel<TIndex, T1>(accelerator, action).Launch;

    public static Action<KernelConfig, T1, T2> LoadStreamKernel<T1, T2>(this Accelerator accelerator, Action<T1, T2> action)
        where T1 : struct
        where T2 : struct
        => new GroupedKernel<T1, T2>(accelerator, action).Launch;

    public static Action<AcceleratorStream, KernelConfig, T1, T2> LoadKernel<T1, T2>(this Accelerator accelerator, Action<T1, T2> action)
        where T1 : struct
        where T2 : struct
        => new GroupedKernel<T1, T2>(accelerator, action).Launch;

    public static Action<TIndex, T1, T2> LoadAutoGroupedStreamKernel<TIndex, T1, T2>(this Accelerator accelerator, Action<TIndex, T1, T2> action)
        where TIndex : struct, IIndex
        where T1 : struct
        where T2 : struct
        => new IndexedKernel<TIndex, T1, T2>(accelerator, action).Launch;

    public static Action<AcceleratorStream, TIndex, T1, T2> LoadAutoGroupedKernel<TIndex, T1, T2>(this Accelerator accelerator, Action<TIndex, T1, T2> action)
        where TIndex : struct, IIndex
        where T1 : struct
        where T2 : struct
        => new IndexedKernel<TIndex, T1, T2>(accelerator, action).Launch;

    public static Action<KernelConfig, T1, T2, T3> LoadStreamKernel<T1, T2, T3>(this Accelerator accelerator, Action<T1, T2, T3> action)
        where T1 : struct
        where T2 : struct
        where T3 : struct
        => new GroupedKernel<T1, T2, T3>(accelerator, action).Launch;

    public static Action<AcceleratorStream, KernelConfig, T1, T2, T3> LoadKernel<T1, T2, T3>(this Accelerator accelerator, Action<T1, T2, T3> action)
        where T1 : struct
        where T2 : struct
        where T3 : struct
        => new GroupedKernel<T1, T2, T3>(accelerator, action).Launch;

    public static Action<TIndex, T1, T2, T3> LoadAutoGroupedStreamKernel<TIndex, T1, T2, T3>(this Accelerator accelerator, Action<TIndex, T1, T2, T3> action)
        where TIndex : struct, IIndex
        where T1 : struct
        where T2 : struct
        where T3 : struct
        => new IndexedKernel<TIndex, T1, T2, T3>(accelerator, action).Launch;

    public static Action<AcceleratorStream, TIndex, T1, T2, T3> LoadAutoGroupedKernel<TIndex, T1, T2, T3>(this Accelerator accelerator, Action<TIndex, T1, T2, T3> action)
        where TIndex : struct, IIndex
        where T1 : struct
        where T2 : struct
        where T3 : struct
        => new IndexedKernel<TIndex, T1, T2, T3>(accelerator, action).Launch;

    public static Action<KernelConfig, T1, T2, T3, T4> LoadStreamKernel<T1, T2, T3, T4>(this Accelerator accelerator, Action<T1, T2, T3, T4> action)
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        => new GroupedKernel<T1, T2, T3, T4>(accelerator, action).Launch;

    public static Action<AcceleratorStream, KernelConfig, T1, T2, T3, T4> LoadKernel<T1, T2, T3, T4>(this Accelerator accelerator, Action<T1, T2, T3, T4> action)
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        => new GroupedKernel<T1, T2, T3, T4>(accelerator, action).Launch;

    public static Action<TIndex, T1, T2, T3, T4> LoadAutoGroupedStreamKernel<TIndex, T1, T2, T3, T4>(this Accelerator accelerator, Action<TIndex, T1, T2, T3, T4> action)
        where TIndex : struct, IIndex
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        => new IndexedKernel<TIndex, T1, T2, T3, T4>(accelerator, action).Launch;

    public static Action<AcceleratorStream, TIndex, T1, T2, T3, T4> LoadAutoGroupedKernel<TIndex, T1, T2, T3, T4>(this Accelerator accelerator, Action<TIndex, T1, T2, T3, T4> action)
        where TIndex : struct, IIndex
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        => new IndexedKernel<TIndex, T1, T2, T3, T4>(accelerator, action).Launch;

    public static Action<KernelConfig, T1, T2, T3, T4, T5> LoadStreamKernel<T1, T2, T3, T4, T5>(this Accelerator accelerator, Action<T1, T2, T3, T4, T5> action)
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        where T5 : struct
        => new GroupedKernel<T1, T2, T3, T4, T5>(accelerator, action).Launch;

    public static Action<AcceleratorStream, KernelConfig, T1, T2, T3, T4, T5> LoadKernel<T1, T2, T3, T4, T5>(this Accelerator accelerator, Action<T1, T2, T3, T4, T5> action)
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        where T5 : struct
        => new GroupedKernel<T1, T2, T3, T4, T5>(accelerator, action).Launch;

    public static Action<TIndex, T1, T2, T3, T4, T5> LoadAutoGroupedStreamKernel<TIndex, T1, T2, T3, T4, T5>(this Accelerator accelerator, Action<TIndex, T1, T2, T3, T4, T5> action)
        where TIndex : struct, IIndex
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        where T5 : struct
        => new IndexedKernel<TIndex, T1, T2, T3, T4, T5>(accelerator, action).Launch;

    public static Action<AcceleratorStream, TIndex, T1, T2, T3, T4, T5> LoadAutoGroupedKernel<TIndex, T1, T2, T3, T4, T5>(this Accelerator accelerator, Action<TIndex, T1, T2, T3, T4, T5> action)
        where TIndex : struct, IIndex
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        where T5 : struct
        => new IndexedKernel<TIndex, T1, T2, T3, T4, T5>(accelerator, action).Launch;

    public static Action<KernelConfig, T1, T2, T3, T4, T5, T6> LoadStreamKernel<T1, T2, T3, T4, T5, T6>(this Accelerator accelerator, Action<T1, T2, T3, T4, T5, T6> action)
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        where T5 : struct
        where T6 : struct
        => new GroupedKernel<T1, T2, T3, T4, T5, T6>(accelerator, action).Launch;

    public static Action<AcceleratorStream, KernelConfig, T1, T2, T3, T4, T5, T6> LoadKernel<T1, T2, T3, T4, T5, T6>(this Accelerator accelerator, Action<T1, T2, T3, T4, T5, T6> action)
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        where T5 : struct
        where T6 : struct
        => new GroupedKernel<T1, T2, T3, T4, T5, T6>(accelerator, action).Launch;

    public static Action<TIndex, T1, T2, T3, T4, T5, T6> LoadAutoGroupedStreamKernel<TIndex, T1, T2, T3, T4, T5, T6>(this Accelerator accelerator, Action<TIndex, T1, T2, T3, T4, T5, T6> action)
        where TIndex : struct, IIndex
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        where T5 : struct
        where T6 : struct
        => new IndexedKernel<TIndex, T1, T2, T3, T4, T5, T6>(accelerator, action).Launch;

    public static Action<AcceleratorStream, TIndex, T1, T2, T3, T4, T5, T6> LoadAutoGroupedKernel<TIndex, T1, T2, T3, T4, T5, T6>(this Accelerator accelerator, Action<TIndex, T1, T2, T3, T4, T5, T6> action)
        where TIndex : struct, IIndex
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        where T5 : struct
        where T6 : struct
        => new IndexedKernel<TIndex, T1, T2, T3, T4, T5, T6>(accelerator, action).Launch;

    public static Action<KernelConfig, T1, T2, T3, T4, T5, T6, T7> LoadStreamKernel<T1, T2, T3, T4, T5, T6, T7>(this Accelerator accelerator, Action<T1, T2, T3, T4, T5, T6, T7> action)
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        where T5 : struct
        where T6 : struct
        where T7 : struct
        => new GroupedKernel<T1, T2, T3, T4, T5, T6, T7>(accelerator, action).Launch;

    public static Action<AcceleratorStream, KernelConfig, T1, T2, T3, T4, T5, T6, T7> LoadKernel<T1, T2, T3, T4, T5, T6, T7>(this Accelerator accelerator, Action<T1, T2, T3, T4, T5, T6, T7> action)
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        where T5 : struct
        where T6 : struct
        where T7 : struct
        => new GroupedKernel<T1, T2, T3, T4, T5, T6, T7>(accelerator, action).Launch;

    public static Action<TIndex, T1, T2, T3, T4, T5, T6, T7> LoadAutoGroupedStreamKernel<TIndex, T1, T2, T3, T4, T5, T6, T7>(this Accelerator accelerator, Action<TIndex, T1, T2, T3, T4, T5, T6, T7> action)
        where TIndex : struct, IIndex
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        where T5 : struct
        where T6 : struct
        where T7 : struct
        => new IndexedKernel<TIndex, T1, T2, T3, T4, T5, T6, T7>(accelerator, action).Launch;

    public static Action<AcceleratorStream, TIndex, T1, T2, T3, T4, T5, T6, T7> LoadAutoGroupedKernel<TIndex, T1, T2, T3, T4, T5, T6, T7>(this Accelerator accelerator, Action<TIndex, T1, T2, T3, T4, T5, T6, T7> action)
        where TIndex : struct, IIndex
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        where T5 : struct
        where T6 : struct
        where T7 : struct
        => new IndexedKernel<TIndex, T1, T2, T3, T4, T5, T6, T7>(accelerator, action).Launch;

    public static Action<KernelConfig, T1, T2, T3, T4, T5, T6, T7, T8> LoadStreamKernel<T1, T2, T3, T4, T5, T6, T7, T8>(this Accelerator accelerator, Action<T1, T2, T3, T4, T5, T6, T7, T8> action)
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        where T5 : struct
        where T6 : struct
        where T7 : struct
        where T8 : struct
        => new GroupedKernel<T1, T2, T3, T4, T5, T6, T7, T8>(accelerator, action).Launch;

    public static Action<AcceleratorStream, KernelConfig, T1, T2, T3, T4, T5, T6, T7, T8> LoadKernel<T1, T2, T3, T4, T5, T6, T7, T8>(this Accelerator accelerator, Action<T1, T2, T3, T4, T5, T6, T7, T8> action)
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        where T5 : struct
        where T6 : struct
        where T7 : struct
        where T8 : struct
        => new GroupedKernel<T1, T2, T3, T4, T5, T6, T7, T8>(accelerator, action).Launch;

    public static Action<TIndex, T1, T2, T3, T4, T5, T6, T7, T8> LoadAutoGroupedStreamKernel<TIndex, T1, T2, T3, T4, T5, T6, T7, T8>(this Accelerator accelerator, Action<TIndex, T1, T2, T3, T4, T5, T6, T7, T8> action)
        where TIndex : struct, IIndex
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        where T5 : struct
        where T6 : struct
        where T7 : struct
        where T8 : struct
        => new IndexedKernel<TIndex, T1, T2, T3, T4, T5, T6, T7, T8>(accelerator, action).Launch;

    public static Action<AcceleratorStream, TIndex, T1, T2, T3, T4, T5, T6, T7, T8> LoadAutoGroupedKernel<TIndex, T1, T2, T3, T4, T5, T6, T7, T8>(this Accelerator accelerator, Action<TIndex, T1, T2, T3, T4, T5, T6, T7, T8> action)
        where TIndex : struct, IIndex
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        where T5 : struct
        where T6 : struct
        where T7 : struct
        where T8 : struct
        => new IndexedKernel<TIndex, T1, T2, T3, T4, T5, T6, T7, T8>(accelerator, action).Launch;

    public static Action<KernelConfig, T1, T2, T3, T4, T5, T6, T7, T8, T9> LoadStreamKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9>(this Accelerator accelerator, Action<T1, T2, T3, T4, T5, T6, T7, T8, T9> action)
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        where T5 : struct
        where T6 : struct
        where T7 : struct
        where T8 : struct
        where T9 : struct
        => new GroupedKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9>(accelerator, action).Launch;

    public static Action<AcceleratorStream, KernelConfig, T1, T2, T3, T4, T5, T6, T7, T8, T9> LoadKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9>(this Accelerator accelerator, Action<T1, T2, T3, T4, T5, T6, T7, T8, T9> action)
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        where T5 : struct
        where T6 : struct
        where T7 : struct
        where T8 : struct
        where T9 : struct
        => new GroupedKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9>(accelerator, action).Launch;

    public static Action<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9> LoadAutoGroupedStreamKernel<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9>(this Accelerator accelerator, Action<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9> action)
        where TIndex : struct, IIndex
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        where T5 : struct
        where T6 : struct
        where T7 : struct
        where T8 : struct
        where T9 : struct
        => new IndexedKernel<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9>(accelerator, action).Launch;

    public static Action<AcceleratorStream, TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9> LoadAutoGroupedKernel<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9>(this Accelerator accelerator, Action<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9> action)
        where TIndex : struct, IIndex
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        where T5 : struct
        where T6 : struct
        where T7 : struct
        where T8 : struct
        where T9 : struct
        => new IndexedKernel<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9>(accelerator, action).Launch;

    public static Action<KernelConfig, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10> LoadStreamKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10>(this Accelerator accelerator, Action<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10> action)
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        where T5 : struct
        where T6 : struct
        where T7 : struct
        where T8 : struct
        where T9 : struct
        where T10 : struct
        => new GroupedKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10>(accelerator, action).Launch;

    public static Action<AcceleratorStream, KernelConfig, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10> LoadKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10>(this Accelerator accelerator, Action<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10> action)
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        where T5 : struct
        where T6 : struct
        where T7 : struct
        where T8 : struct
        where T9 : struct
        where T10 : struct
        => new GroupedKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10>(accelerator, action).Launch;

    public static Action<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10> LoadAutoGroupedStreamKernel<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10>(this Accelerator accelerator, Action<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10> action)
        where TIndex : struct, IIndex
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        where T5 : struct
        where T6 : struct
        where T7 : struct
        where T8 : struct
        where T9 : struct
        where T10 : struct
        => new IndexedKernel<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10>(accelerator, action).Launch;

    public static Action<AcceleratorStream, TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10> LoadAutoGroupedKernel<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10>(this Accelerator accelerator, Action<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10> action)
        where TIndex : struct, IIndex
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        where T5 : struct
        where T6 : struct
        where T7 : struct
        where T8 : struct
        where T9 : struct
        where T10 : struct
        => new IndexedKernel<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10>(accelerator, action).Launch;

    public static Action<KernelConfig, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11> LoadStreamKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11>(this Accelerator accelerator, Action<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11> action)
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        where T5 : struct
        where T6 : struct
        where T7 : struct
        where T8 : struct
        where T9 : struct
        where T10 : struct
        where T11 : struct
        => new GroupedKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11>(accelerator, action).Launch;

    public static Action<AcceleratorStream, KernelConfig, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11> LoadKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11>(this Accelerator accelerator, Action<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11> action)
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        where T5 : struct
        where T6 : struct
        where T7 : struct
        where T8 : struct
        where T9 : struct
        where T10 : struct
        where T11 : struct
        => new GroupedKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11>(accelerator, action).Launch;

    public static Action<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11> LoadAutoGroupedStreamKernel<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11>(this Accelerator accelerator, Action<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11> action)
        where TIndex : struct, IIndex
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        where T5 : struct
        where T6 : struct
        where T7 : struct
        where T8 : struct
        where T9 : struct
        where T10 : struct
        where T11 : struct
        => new IndexedKernel<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11>(accelerator, action).Launch;

    public static Action<AcceleratorStream, TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11> LoadAutoGroupedKernel<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11>(this Accelerator accelerator, Action<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11> action)
        where TIndex : struct, IIndex
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        where T5 : struct
        where T6 : struct
        where T7 : struct
        where T8 : struct
        where T9 : struct
        where T10 : struct
        where T11 : struct
        => new IndexedKernel<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11>(accelerator, action).Launch;

    public static Action<KernelConfig, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12> LoadStreamKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12>(this Accelerator accelerator, Action<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12> action)
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        where T5 : struct
        where T6 : struct
        where T7 : struct
        where T8 : struct
        where T9 : struct
        where T10 : struct
        where T11 : struct
        where T12 : struct
        => new GroupedKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12>(accelerator, action).Launch;

    public static Action<AcceleratorStream, KernelConfig, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12> LoadKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12>(this Accelerator accelerator, Action<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12> action)
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        where T5 : struct
        where T6 : struct
        where T7 : struct
        where T8 : struct
        where T9 : struct
        where T10 : struct
        where T11 : struct
        where T12 : struct
        => new GroupedKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12>(accelerator, action).Launch;

    public static Action<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12> LoadAutoGroupedStreamKernel<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12>(this Accelerator accelerator, Action<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12> action)
        where TIndex : struct, IIndex
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        where T5 : struct
        where T6 : struct
        where T7 : struct
        where T8 : struct
        where T9 : struct
        where T10 : struct
        where T11 : struct
        where T12 : struct
        => new IndexedKernel<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12>(accelerator, action).Launch;

    public static Action<AcceleratorStream, TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12> LoadAutoGroupedKernel<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12>(this Accelerator accelerator, Action<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12> action)
        where TIndex : struct, IIndex
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        where T5 : struct
        where T6 : struct
        where T7 : struct
        where T8 : struct
        where T9 : struct
        where T10 : struct
        where T11 : struct
        where T12 : struct
        => new IndexedKernel<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12>(accelerator, action).Launch;

    public static Action<KernelConfig, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13> LoadStreamKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13>(this Accelerator accelerator, Action<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13> action)
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        where T5 : struct
        where T6 : struct
        where T7 : struct
        where T8 : struct
        where T9 : struct
        where T10 : struct
        where T11 : struct
        where T12 : struct
        where T13 : struct
        => new GroupedKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13>(accelerator, action).Launch;

    public static Action<AcceleratorStream, KernelConfig, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13> LoadKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13>(this Accelerator accelerator, Action<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13> action)
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        where T5 : struct
        where T6 : struct
        where T7 : struct
        where T8 : struct
        where T9 : struct
        where T10 : struct
        where T11 : struct
        where T12 : struct
        where T13 : struct
        => new GroupedKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13>(accelerator, action).Launch;

    public static Action<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13> LoadAutoGroupedStreamKernel<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13>(this Accelerator accelerator, Action<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13> action)
        where TIndex : struct, IIndex
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        where T5 : struct
        where T6 : struct
        where T7 : struct
        where T8 : struct
        where T9 : struct
        where T10 : struct
        where T11 : struct
        where T12 : struct
        where T13 : struct
        => new IndexedKernel<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13>(accelerator, action).Launch;

    public static Action<AcceleratorStream, TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13> LoadAutoGroupedKernel<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13>(this Accelerator accelerator, Action<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13> action)
        where TIndex : struct, IIndex
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        where T5 : struct
        where T6 : struct
        where T7 : struct
        where T8 : struct
        where T9 : struct
        where T10 : struct
        where T11 : struct
        where T12 : struct
        where T13 : struct
        => new IndexedKernel<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13>(accelerator, action).Launch;

    public static Action<KernelConfig, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13, T14> LoadStreamKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13, T14>(this Accelerator accelerator, Action<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13, T14> action)
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        where T5 : struct
        where T6 : struct
        where T7 : struct
        where T8 : struct
        where T9 : struct
        where T10 : struct
        where T11 : struct
        where T12 : struct
        where T13 : struct
        where T14 : struct
        => new GroupedKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13, T14>(accelerator, action).Launch;

    public static Action<AcceleratorStream, KernelConfig, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13, T14> LoadKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13, T14>(this Accelerator accelerator, Action<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13, T14> action)
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        where T5 : struct
        where T6 : struct
        where T7 : struct
        where T8 : struct
        where T9 : struct
        where T10 : struct
        where T11 : struct
        where T12 : struct
        where T13 : struct
        where T14 : struct
        => new GroupedKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13, T14>(accelerator, action).Launch;

    public static Action<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13, T14> LoadAutoGroupedStreamKernel<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13, T14>(this Accelerator accelerator, Action<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13, T14> action)
        where TIndex : struct, IIndex
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        where T5 : struct
        where T6 : struct
        where T7 : struct
        where T8 : struct
        where T9 : struct
        where T10 : struct
        where T11 : struct
        where T12 : struct
        where T13 : struct
        where T14 : struct
        => new IndexedKernel<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13, T14>(accelerator, action).Launch;

    public static Action<AcceleratorStream, TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13, T14> LoadAutoGroupedKernel<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13, T14>(this Accelerator accelerator, Action<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13, T14> action)
        where TIndex : struct, IIndex
        where T1 : struct
        where T2 : struct
        where T3 : struct
        where T4 : struct
        where T5 : struct
        where T6 : struct
        where T7 : struct
        where T8 : struct
        where T9 : struct
        where T10 : struct
        where T11 : struct
        where T12 : struct
        where T13 : struct
        where T14 : struct
        => new IndexedKernel<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13, T14>(accelerator, action).Launch;
}

file sealed class GroupedKernel<T1>(Accelerator accelerator, Action<T1> action) : GroupedKernel(accelerator, action)
    where T1 : struct
{
    T1 field1;

    public override void Invoke() => action(field1);

    public void Launch(AcceleratorStream stream, KernelConfig config, T1 argument1) => Launch(config, argument1);

    public void Launch(KernelConfig config, T1 argument1)
    {
        lock (Accelerator)
        {
            field1 = argument1;
            Launch(config);
        }
    }
}

file sealed class IndexedKernel<TIndex, T1>(Accelerator accelerator, Action<TIndex, T1> action) : IndexedKernel(accelerator, action, typeof(TIndex))
    where TIndex : struct, IIndex
    where T1 : struct
{
    T1 field1;

    public override void Invoke(Lane lane, long begin, long end)
    {
        for (long position = begin; position < end; position++)
            action(At<TIndex>(lane, position), field1);
    }

    public void Launch(AcceleratorStream stream, TIndex extent, T1 argument1) => Launch(extent, argument1);

    public void Launch(TIndex extent, T1 argument1)
    {
        lock (Accelerator)
        {
            field1 = argument1;
            Launch(extent);
        }
    }
}

file sealed class GroupedKernel<T1, T2>(Accelerator accelerator, Action<T1, T2> action) : GroupedKernel(accelerator, action)
    where T1 : struct
    where T2 : struct
{
    T1 field1;
    T2 field2;

    public override void Invoke() => action(field1, field2);

    public void Launch(AcceleratorStream stream, KernelConfig config, T1 argument1, T2 argument2) => Launch(config, argument1, argument2);

    public void Launch(KernelConfig config, T1 argument1, T2 argument2)
    {
        lock (Accelerator)
        {
            field1 = argument1;
            field2 = argument2;
            Launch(config);
        }
    }
}

file sealed class IndexedKernel<TIndex, T1, T2>(Accelerator accelerator, Action<TIndex, T1, T2> action) : IndexedKernel(accelerator, action, typeof(TIndex))
    where TIndex : struct, IIndex
    where T1 : struct
    where T2 : struct
{
    T1 field1;
    T2 field2;

    public override void Invoke(Lane lane, long begin, long end)
    {
        for (long position = begin; position < end; position++)
            action(At<TIndex>(lane, position), field1, field2);
    }

    public void Launch(AcceleratorStream stream, TIndex extent, T1 argument1, T2 argument2) => Launch(extent, argument1, argument2);

    public void Launch(TIndex extent, T1 argument1, T2 argument2)
    {
        lock (Accelerator)
        {
            field1 = argument1;
            field2 = argument2;
            Launch(extent);
        }
    }
}

file sealed class GroupedKernel<T1, T2, T3>(Accelerator accelerator, Action<T1, T2, T3> action) : GroupedKernel(accelerator, action)
    where T1 : struct
    where T2 : struct
    where T3 : struct
{
    T1 field1;
    T2 field2;
    T3 field3;

    public override void Invoke() => action(field1, field2, field3);

    public void Launch(AcceleratorStream stream, KernelConfig config, T1 argument1, T2 argument2, T3 argument3) => Launch(config, argument1, argument2, argument3);

    public void Launch(KernelConfig config, T1 argument1, T2 argument2, T3 argument3)
    {
        lock (Accelerator)
        {
            field1 = argument1;
            field2 = argument2;
            field3 = argument3;
            Launch(config);
        }
    }
}

file sealed class IndexedKernel<TIndex, T1, T2, T3>(Accelerator accelerator, Action<TIndex, T1, T2, T3> action) : IndexedKernel(accelerator, action, typeof(TIndex))
    where TIndex : struct, IIndex
    where T1 : struct
    where T2 : struct
    where T3 : struct
{
    T1 field1;
    T2 field2;
    T3 field3;

    public override void Invoke(Lane lane, long begin, long end)
    {
        for (long position = begin; position < end; position++)
            action(At<TIndex>(lane, position), field1, field2, field3);
    }

    public void Launch(AcceleratorStream stream, TIndex extent, T1 argument1, T2 argument2, T3 argument3) => Launch(extent, argument1, argument2, argument3);

    public void Launch(TIndex extent, T1 argument1, T2 argument2, T3 argument3)
    {
        lock (Accelerator)
        {
            field1 = argument1;
            field2 = argument2;
            field3 = argument3;
            Launch(extent);
        }
    }
}

file sealed class GroupedKernel<T1, T2, T3, T4>(Accelerator accelerator, Action<T1, T2, T3, T4> action) : GroupedKernel(accelerator, action)
    where T1 : struct
    where T2 : struct
    where T3 : struct
    where T4 : struct
{
    T1 field1;
    T2 field2;
    T3 field3;
    T4 field4;

    public override void Invoke() => action(field1, field2, field3, field4);

    public void Launch(AcceleratorStream stream, KernelConfig config, T1 argument1, T2 argument2, T3 argument3, T4 argument4) => Launch(config, argument1, argument2, argument3, argument4);

    public void Launch(KernelConfig config, T1 argument1, T2 argument2, T3 argument3, T4 argument4)
    {
        lock (Accelerator)
        {
            field1 = argument1;
            field2 = argument2;
            field3 = argument3;
            field4 = argument4;
            Launch(config);
        }
    }
}

file sealed class IndexedKernel<TIndex, T1, T2, T3, T4>(Accelerator accelerator, Action<TIndex, T1, T2, T3, T4> action) : IndexedKernel(accelerator, action, typeof(TIndex))
    where TIndex : struct, IIndex
    where T1 : struct
    where T2 : struct
    where T3 : struct
    where T4 : struct
{
    T1 field1;
    T2 field2;
    T3 field3;
    T4 field4;

    public override void Invoke(Lane lane, long begin, long end)
    {
        for (long position = begin; position < end; position++)
            action(At<TIndex>(lane, position), field1, field2, field3, field4);
    }

    public void Launch(AcceleratorStream stream, TIndex extent, T1 argument1, T2 argument2, T3 argument3, T4 argument4) => Launch(extent, argument1, argument2, argument3, argument4);

    public void Launch(TIndex extent, T1 argument1, T2 argument2, T3 argument3, T4 argument4)
    {
        lock (Accelerator)
        {
            field1 = argument1;
            field2 = argument2;
            field3 = argument3;
            field4 = argument4;
            Launch(extent);
        }
    }
}

file sealed class GroupedKernel<T1, T2, T3, T4, T5>(Accelerator accelerator, Action<T1, T2, T3, T4, T5> action) : GroupedKernel(accelerator, action)
    where T1 : struct
    where T2 : struct
    where T3 : struct
    where T4 : struct
    where T5 : struct
{
    T1 field1;
    T2 field2;
    T3 field3;
    T4 field4;
    T5 field5;

    public override void Invoke() => action(field1, field2, field3, field4, field5);

    public void Launch(AcceleratorStream stream, KernelConfig config, T1 argument1, T2 argument2, T3 argument3, T4 argument4, T5 argument5) => Launch(config, argument1, argument2, argument3, argument4, argument5);

    public void Launch(KernelConfig config, T1 argument1, T2 argument2, T3 argument3, T4 argument4, T5 argument5)
    {
        lock (Accelerator)
        {
            field1 = argument1;
            field2 = argument2;
            field3 = argument3;
            field4 = argument4;
            field5 = argument5;
            Launch(config);
        }
    }
}

file sealed class IndexedKernel<TIndex, T1, T2, T3, T4, T5>(Accelerator accelerator, Action<TIndex, T1, T2, T3, T4, T5> action) : IndexedKernel(accelerator, action, typeof(TIndex))
    where TIndex : struct, IIndex
    where T1 : struct
    where T2 : struct
    where T3 : struct
    where T4 : struct
    where T5 : struct
{
    T1 field1;
    T2 field2;
    T3 field3;
    T4 field4;
    T5 field5;

    public override void Invoke(Lane lane, long begin, long end)
    {
        for (long position = begin; position < end; position++)
            action(At<TIndex>(lane, position), field1, field2, field3, field4, field5);
    }

    public void Launch(AcceleratorStream stream, TIndex extent, T1 argument1, T2 argument2, T3 argument3, T4 argument4, T5 argument5) => Launch(extent, argument1, argument2, argument3, argument4, argument5);

    public void Launch(TIndex extent, T1 argument1, T2 argument2, T3 argument3, T4 argument4, T5 argument5)
    {
        lock (Accelerator)
        {
            field1 = argument1;
            field2 = argument2;
            field3 = argument3;
            field4 = argument4;
            field5 = argument5;
            Launch(extent);
        }
    }
}

file sealed class GroupedKernel<T1, T2, T3, T4, T5, T6>(Accelerator accelerator, Action<T1, T2, T3, T4, T5, T6> action) : GroupedKernel(accelerator, action)
    where T1 : struct
    where T2 : struct
    where T3 : struct
    where T4 : struct
    where T5 : struct
    where T6 : struct
{
    T1 field1;
    T2 field2;
    T3 field3;
    T4 field4;
    T5 field5;
    T6 field6;

    public override void Invoke() => action(field1, field2, field3, field4, field5, field6);

    public void Launch(AcceleratorStream stream, KernelConfig config, T1 argument1, T2 argument2, T3 argument3, T4 argument4, T5 argument5, T6 argument6) => Launch(config, argument1, argument2, argument3, argument4, argument5, argument6);

    public void Launch(KernelConfig config, T1 argument1, T2 argument2, T3 argument3, T4 argument4, T5 argument5, T6 argument6)
    {
        lock (Accelerator)
        {
            field1 = argument1;
            field2 = argument2;
            field3 = argument3;
            field4 = argument4;
            field5 = argument5;
            field6 = argument6;
            Launch(config);
        }
    }
}

file sealed class IndexedKernel<TIndex, T1, T2, T3, T4, T5, T6>(Accelerator accelerator, Action<TIndex, T1, T2, T3, T4, T5, T6> action) : IndexedKernel(accelerator, action, typeof(TIndex))
    where TIndex : struct, IIndex
    where T1 : struct
    where T2 : struct
    where T3 : struct
    where T4 : struct
    where T5 : struct
    where T6 : struct
{
    T1 field1;
    T2 field2;
    T3 field3;
    T4 field4;
    T5 field5;
    T6 field6;

    public override void Invoke(Lane lane, long begin, long end)
    {
        for (long position = begin; position < end; position++)
            action(At<TIndex>(lane, position), field1, field2, field3, field4, field5, field6);
    }

    public void Launch(AcceleratorStream stream, TIndex extent, T1 argument1, T2 argument2, T3 argument3, T4 argument4, T5 argument5, T6 argument6) => Launch(extent, argument1, argument2, argument3, argument4, argument5, argument6);

    public void Launch(TIndex extent, T1 argument1, T2 argument2, T3 argument3, T4 argument4, T5 argument5, T6 argument6)
    {
        lock (Accelerator)
        {
            field1 = argument1;
            field2 = argument2;
            field3 = argument3;
            field4 = argument4;
            field5 = argument5;
            field6 = argument6;
            Launch(extent);
        }
    }
}

file sealed class GroupedKernel<T1, T2, T3, T4, T5, T6, T7>(Accelerator accelerator, Action<T1, T2, T3, T4, T5, T6, T7> action) : GroupedKernel(accelerator, action)
    where T1 : struct
    where T2 : struct
    where T3 : struct
    where T4 : struct
    where T5 : struct
    where T6 : struct
    where T7 : struct
{
    T1 field1;
    T2 field2;
    T3 field3;
    T4 field4;
    T5 field5;
    T6 field6;
    T7 field7;

    public override void Invoke() => action(field1, field2, field3, field4, field5, field6, field7);

    public void Launch(AcceleratorStream stream, KernelConfig config, T1 argument1, T2 argument2, T3 argument3, T4 argument4, T5 argument5, T6 argument6, T7 argument7) => Launch(config, argument1, argument2, argument3, argument4, argument5, argument6, argument7);

    public void Launch(KernelConfig config, T1 argument1, T2 argument2, T3 argument3, T4 argument4, T5 argument5, T6 argument6, T7 argument7)
    {
        lock (Accelerator)
        {
            field1 = argument1;
            field2 = argument2;
            field3 = argument3;
            field4 = argument4;
            field5 = argument5;
            field6 = argument6;
            field7 = argument7;
            Launch(config);
        }
    }
}

file sealed class IndexedKernel<TIndex, T1, T2, T3, T4, T5, T6, T7>(Accelerator accelerator, Action<TIndex, T1, T2, T3, T4, T5, T6, T7> action) : IndexedKernel(accelerator, action, typeof(TIndex))
    where TIndex : struct, IIndex
    where T1 : struct
    where T2 : struct
    where T3 : struct
    where T4 : struct
    where T5 : struct
    where T6 : struct
    where T7 : struct
{
    T1 field1;
    T2 field2;
    T3 field3;
    T4 field4;
    T5 field5;
    T6 field6;
    T7 field7;

    public override void Invoke(Lane lane, long begin, long end)
    {
        for (long position = begin; position < end; position++)
            action(At<TIndex>(lane, position), field1, field2, field3, field4, field5, field6, field7);
    }

    public void Launch(AcceleratorStream stream, TIndex extent, T1 argument1, T2 argument2, T3 argument3, T4 argument4, T5 argument5, T6 argument6, T7 argument7) => Launch(extent, argument1, argument2, argument3, argument4, argument5, argument6, argument7);

    public void Launch(TIndex extent, T1 argument1, T2 argument2, T3 argument3, T4 argument4, T5 argument5, T6 argument6, T7 argument7)
    {
        lock (Accelerator)
        {
            field1 = argument1;
            field2 = argument2;
            field3 = argument3;
            field4 = argument4;
            field5 = argument5;
            field6 = argument6;
            field7 = argument7;
            Launch(extent);
        }
    }
}

file sealed class GroupedKernel<T1, T2, T3, T4, T5, T6, T7, T8>(Accelerator accelerator, Action<T1, T2, T3, T4, T5, T6, T7, T8> action) : GroupedKernel(accelerator, action)
    where T1 : struct
    where T2 : struct
    where T3 : struct
    where T4 : struct
    where T5 : struct
    where T6 : struct
    where T7 : struct
    where T8 : struct
{
    T1 field1;
    T2 field2;
    T3 field3;
    T4 field4;
    T5 field5;
    T6 field6;
    T7 field7;
    T8 field8;

    public override void Invoke() => action(field1, field2, field3, field4, field5, field6, field7, field8);

    public void Launch(AcceleratorStream stream, KernelConfig config, T1 argument1, T2 argument2, T3 argument3, T4 argument4, T5 argument5, T6 argument6, T7 argument7, T8 argument8) => Launch(config, argument1, argument2, argument3, argument4, argument5, argument6, argument7, argument8);

    public void Launch(KernelConfig config, T1 argument1, T2 argument2, T3 argument3, T4 argument4, T5 argument5, T6 argument6, T7 argument7, T8 argument8)
    {
        lock (Accelerator)
        {
            field1 = argument1;
            field2 = argument2;
            field3 = argument3;
            field4 = argument4;
            field5 = argument5;
            field6 = argument6;
            field7 = argument7;
            field8 = argument8;
            Launch(config);
        }
    }
}

file sealed class IndexedKernel<TIndex, T1, T2, T3, T4, T5, T6, T7, T8>(Accelerator accelerator, Action<TIndex, T1, T2, T3, T4, T5, T6, T7, T8> action) : IndexedKernel(accelerator, action, typeof(TIndex))
    where TIndex : struct, IIndex
    where T1 : struct
    where T2 : struct
    where T3 : struct
    where T4 : struct
    where T5 : struct
    where T6 : struct
    where T7 : struct
    where T8 : struct
{
    T1 field1;
    T2 field2;
    T3 field3;
    T4 field4;
    T5 field5;
    T6 field6;
    T7 field7;
    T8 field8;

    public override void Invoke(Lane lane, long begin, long end)
    {
        for (long position = begin; position < end; position++)
            action(At<TIndex>(lane, position), field1, field2, field3, field4, field5, field6, field7, field8);
    }

    public void Launch(AcceleratorStream stream, TIndex extent, T1 argument1, T2 argument2, T3 argument3, T4 argument4, T5 argument5, T6 argument6, T7 argument7, T8 argument8) => Launch(extent, argument1, argument2, argument3, argument4, argument5, argument6, argument7, argument8);

    public void Launch(TIndex extent, T1 argument1, T2 argument2, T3 argument3, T4 argument4, T5 argument5, T6 argument6, T7 argument7, T8 argument8)
    {
        lock (Accelerator)
        {
            field1 = argument1;
            field2 = argument2;
            field3 = argument3;
            field4 = argument4;
            field5 = argument5;
            field6 = argument6;
            field7 = argument7;
            field8 = argument8;
            Launch(extent);
        }
    }
}

file sealed class GroupedKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9>(Accelerator accelerator, Action<T1, T2, T3, T4, T5, T6, T7, T8, T9> action) : GroupedKernel(accelerator, action)
    where T1 : struct
    where T2 : struct
    where T3 : struct
    where T4 : struct
    where T5 : struct
    where T6 : struct
    where T7 : struct
    where T8 : struct
    where T9 : struct
{
    T1 field1;
    T2 field2;
    T3 field3;
    T4 field4;
    T5 field5;
    T6 field6;
    T7 field7;
    T8 field8;
    T9 field9;

    public override void Invoke() => action(field1, field2, field3, field4, field5, field6, field7, field8, field9);

    public void Launch(AcceleratorStream stream, KernelConfig config, T1 argument1, T2 argument2, T3 argument3, T4 argument4, T5 argument5, T6 argument6, T7 argument7, T8 argument8, T9 argument9) => Launch(config, argument1, argument2, argument3, argument4, argument5, argument6, argument7, argument8, argument9);

    public void Launch(KernelConfig config, T1 argument1, T2 argument2, T3 argument3, T4 argument4, T5 argument5, T6 argument6, T7 argument7, T8 argument8, T9 argument9)
    {
        lock (Accelerator)
        {
            field1 = argument1;
            field2 = argument2;
            field3 = argument3;
            field4 = argument4;
            field5 = argument5;
            field6 = argument6;
            field7 = argument7;
            field8 = argument8;
            field9 = argument9;
            Launch(config);
        }
    }
}

file sealed class IndexedKernel<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9>(Accelerator accelerator, Action<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9> action) : IndexedKernel(accelerator, action, typeof(TIndex))
    where TIndex : struct, IIndex
    where T1 : struct
    where T2 : struct
    where T3 : struct
    where T4 : struct
    where T5 : struct
    where T6 : struct
    where T7 : struct
    where T8 : struct
    where T9 : struct
{
    T1 field1;
    T2 field2;
    T3 field3;
    T4 field4;
    T5 field5;
    T6 field6;
    T7 field7;
    T8 field8;
    T9 field9;

    public override void Invoke(Lane lane, long begin, long end)
    {
        for (long position = begin; position < end; position++)
            action(At<TIndex>(lane, position), field1, field2, field3, field4, field5, field6, field7, field8, field9);
    }

    public void Launch(AcceleratorStream stream, TIndex extent, T1 argument1, T2 argument2, T3 argument3, T4 argument4, T5 argument5, T6 argument6, T7 argument7, T8 argument8, T9 argument9) => Launch(extent, argument1, argument2, argument3, argument4, argument5, argument6, argument7, argument8, argument9);

    public void Launch(TIndex extent, T1 argument1, T2 argument2, T3 argument3, T4 argument4, T5 argument5, T6 argument6, T7 argument7, T8 argument8, T9 argument9)
    {
        lock (Accelerator)
        {
            field1 = argument1;
            field2 = argument2;
            field3 = argument3;
            field4 = argument4;
            field5 = argument5;
            field6 = argument6;
            field7 = argument7;
            field8 = argument8;
            field9 = argument9;
            Launch(extent);
        }
    }
}

file sealed class GroupedKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10>(Accelerator accelerator, Action<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10> action) : GroupedKernel(accelerator, action)
    where T1 : struct
    where T2 : struct
    where T3 : struct
    where T4 : struct
    where T5 : struct
    where T6 : struct
    where T7 : struct
    where T8 : struct
    where T9 : struct
    where T10 : struct
{
    T1 field1;
    T2 field2;
    T3 field3;
    T4 field4;
    T5 field5;
    T6 field6;
    T7 field7;
    T8 field8;
    T9 field9;
    T10 field10;

    public override void Invoke() => action(field1, field2, field3, field4, field5, field6, field7, field8, field9, field10);

    public void Launch(AcceleratorStream stream, KernelConfig config, T1 argument1, T2 argument2, T3 argument3, T4 argument4, T5 argument5, T6 argument6, T7 argument7, T8 argument8, T9 argument9, T10 argument10) => Launch(config, argument1, argument2, argument3, argument4, argument5, argument6, argument7, argument8, argument9, argument10);

    public void Launch(KernelConfig config, T1 argument1, T2 argument2, T3 argument3, T4 argument4, T5 argument5, T6 argument6, T7 argument7, T8 argument8, T9 argument9, T10 argument10)
    {
        lock (Accelerator)
        {
            field1 = argument1;
            field2 = argument2;
            field3 = argument3;
            field4 = argument4;
            field5 = argument5;
            field6 = argument6;
            field7 = argument7;
            field8 = argument8;
            field9 = argument9;
            field10 = argument10;
            Launch(config);
        }
    }
}

file sealed class IndexedKernel<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10>(Accelerator accelerator, Action<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10> action) : IndexedKernel(accelerator, action, typeof(TIndex))
    where TIndex : struct, IIndex
    where T1 : struct
    where T2 : struct
    where T3 : struct
    where T4 : struct
    where T5 : struct
    where T6 : struct
    where T7 : struct
    where T8 : struct
    where T9 : struct
    where T10 : struct
{
    T1 field1;
    T2 field2;
    T3 field3;
    T4 field4;
    T5 field5;
    T6 field6;
    T7 field7;
    T8 field8;
    T9 field9;
    T10 field10;

    public override void Invoke(Lane lane, long begin, long end)
    {
        for (long position = begin; position < end; position++)
            action(At<TIndex>(lane, position), field1, field2, field3, field4, field5, field6, field7, field8, field9, field10);
    }

    public void Launch(AcceleratorStream stream, TIndex extent, T1 argument1, T2 argument2, T3 argument3, T4 argument4, T5 argument5, T6 argument6, T7 argument7, T8 argument8, T9 argument9, T10 argument10) => Launch(extent, argument1, argument2, argument3, argument4, argument5, argument6, argument7, argument8, argument9, argument10);

    public void Launch(TIndex extent, T1 argument1, T2 argument2, T3 argument3, T4 argument4, T5 argument5, T6 argument6, T7 argument7, T8 argument8, T9 argument9, T10 argument10)
    {
        lock (Accelerator)
        {
            field1 = argument1;
            field2 = argument2;
            field3 = argument3;
            field4 = argument4;
            field5 = argument5;
            field6 = argument6;
            field7 = argument7;
            field8 = argument8;
            field9 = argument9;
            field10 = argument10;
            Launch(extent);
        }
    }
}

file sealed class GroupedKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11>(Accelerator accelerator, Action<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11> action) : GroupedKernel(accelerator, action)
    where T1 : struct
    where T2 : struct
    where T3 : struct
    where T4 : struct
    where T5 : struct
    where T6 : struct
    where T7 : struct
    where T8 : struct
    where T9 : struct
    where T10 : struct
    where T11 : struct
{
    T1 field1;
    T2 field2;
    T3 field3;
    T4 field4;
    T5 field5;
    T6 field6;
    T7 field7;
    T8 field8;
    T9 field9;
    T10 field10;
    T11 field11;

    public override void Invoke() => action(field1, field2, field3, field4, field5, field6, field7, field8, field9, field10, field11);

    public void Launch(AcceleratorStream stream, KernelConfig config, T1 argument1, T2 argument2, T3 argument3, T4 argument4, T5 argument5, T6 argument6, T7 argument7, T8 argument8, T9 argument9, T10 argument10, T11 argument11) => Launch(config, argument1, argument2, argument3, argument4, argument5, argument6, argument7, argument8, argument9, argument10, argument11);

    public void Launch(KernelConfig config, T1 argument1, T2 argument2, T3 argument3, T4 argument4, T5 argument5, T6 argument6, T7 argument7, T8 argument8, T9 argument9, T10 argument10, T11 argument11)
    {
        lock (Accelerator)
        {
            field1 = argument1;
            field2 = argument2;
            field3 = argument3;
            field4 = argument4;
            field5 = argument5;
            field6 = argument6;
            field7 = argument7;
            field8 = argument8;
            field9 = argument9;
            field10 = argument10;
            field11 = argument11;
            Launch(config);
        }
    }
}

file sealed class IndexedKernel<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11>(Accelerator accelerator, Action<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11> action) : IndexedKernel(accelerator, action, typeof(TIndex))
    where TIndex : struct, IIndex
    where T1 : struct
    where T2 : struct
    where T3 : struct
    where T4 : struct
    where T5 : struct
    where T6 : struct
    where T7 : struct
    where T8 : struct
    where T9 : struct
    where T10 : struct
    where T11 : struct
{
    T1 field1;
    T2 field2;
    T3 field3;
    T4 field4;
    T5 field5;
    T6 field6;
    T7 field7;
    T8 field8;
    T9 field9;
    T10 field10;
    T11 field11;

    public override void Invoke(Lane lane, long begin, long end)
    {
        for (long position = begin; position < end; position++)
            action(At<TIndex>(lane, position), field1, field2, field3, field4, field5, field6, field7, field8, field9, field10, field11);
    }

    public void Launch(AcceleratorStream stream, TIndex extent, T1 argument1, T2 argument2, T3 argument3, T4 argument4, T5 argument5, T6 argument6, T7 argument7, T8 argument8, T9 argument9, T10 argument10, T11 argument11) => Launch(extent, argument1, argument2, argument3, argument4, argument5, argument6, argument7, argument8, argument9, argument10, argument11);

    public void Launch(TIndex extent, T1 argument1, T2 argument2, T3 argument3, T4 argument4, T5 argument5, T6 argument6, T7 argument7, T8 argument8, T9 argument9, T10 argument10, T11 argument11)
    {
        lock (Accelerator)
        {
            field1 = argument1;
            field2 = argument2;
            field3 = argument3;
            field4 = argument4;
            field5 = argument5;
            field6 = argument6;
            field7 = argument7;
            field8 = argument8;
            field9 = argument9;
            field10 = argument10;
            field11 = argument11;
            Launch(extent);
        }
    }
}

file sealed class GroupedKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12>(Accelerator accelerator, Action<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12> action) : GroupedKernel(accelerator, action)
    where T1 : struct
    where T2 : struct
    where T3 : struct
    where T4 : struct
    where T5 : struct
    where T6 : struct
    where T7 : struct
    where T8 : struct
    where T9 : struct
    where T10 : struct
    where T11 : struct
    where T12 : struct
{
    T1 field1;
    T2 field2;
    T3 field3;
    T4 field4;
    T5 field5;
    T6 field6;
    T7 field7;
    T8 field8;
    T9 field9;
    T10 field10;
    T11 field11;
    T12 field12;

    public override void Invoke() => action(field1, field2, field3, field4, field5, field6, field7, field8, field9, field10, field11, field12);

    public void Launch(AcceleratorStream stream, KernelConfig config, T1 argument1, T2 argument2, T3 argument3, T4 argument4, T5 argument5, T6 argument6, T7 argument7, T8 argument8, T9 argument9, T10 argument10, T11 argument11, T12 argument12) => Launch(config, argument1, argument2, argument3, argument4, argument5, argument6, argument7, argument8, argument9, argument10, argument11, argument12);

    public void Launch(KernelConfig config, T1 argument1, T2 argument2, T3 argument3, T4 argument4, T5 argument5, T6 argument6, T7 argument7, T8 argument8, T9 argument9, T10 argument10, T11 argument11, T12 argument12)
    {
        lock (Accelerator)
        {
            field1 = argument1;
            field2 = argument2;
            field3 = argument3;
            field4 = argument4;
            field5 = argument5;
            field6 = argument6;
            field7 = argument7;
            field8 = argument8;
            field9 = argument9;
            field10 = argument10;
            field11 = argument11;
            field12 = argument12;
            Launch(config);
        }
    }
}

file sealed class IndexedKernel<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12>(Accelerator accelerator, Action<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12> action) : IndexedKernel(accelerator, action, typeof(TIndex))
    where TIndex : struct, IIndex
    where T1 : struct
    where T2 : struct
    where T3 : struct
    where T4 : struct
    where T5 : struct
    where T6 : struct
    where T7 : struct
    where T8 : struct
    where T9 : struct
    where T10 : struct
    where T11 : struct
    where T12 : struct
{
    T1 field1;
    T2 field2;
    T3 field3;
    T4 field4;
    T5 field5;
    T6 field6;
    T7 field7;
    T8 field8;
    T9 field9;
    T10 field10;
    T11 field11;
    T12 field12;

    public override void Invoke(Lane lane, long begin, long end)
    {
        for (long position = begin; position < end; position++)
            action(At<TIndex>(lane, position), field1, field2, field3, field4, field5, field6, field7, field8, field9, field10, field11, field12);
    }

    public void Launch(AcceleratorStream stream, TIndex extent, T1 argument1, T2 argument2, T3 argument3, T4 argument4, T5 argument5, T6 argument6, T7 argument7, T8 argument8, T9 argument9, T10 argument10, T11 argument11, T12 argument12) => Launch(extent, argument1, argument2, argument3, argument4, argument5, argument6, argument7, argument8, argument9, argument10, argument11, argument12);

    public void Launch(TIndex extent, T1 argument1, T2 argument2, T3 argument3, T4 argument4, T5 argument5, T6 argument6, T7 argument7, T8 argument8, T9 argument9, T10 argument10, T11 argument11, T12 argument12)
    {
        lock (Accelerator)
        {
            field1 = argument1;
            field2 = argument2;
            field3 = argument3;
            field4 = argument4;
            field5 = argument5;
            field6 = argument6;
            field7 = argument7;
            field8 = argument8;
            field9 = argument9;
            field10 = argument10;
            field11 = argument11;
            field12 = argument12;
            Launch(extent);
        }
    }
}

file sealed class GroupedKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13>(Accelerator accelerator, Action<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13> action) : GroupedKernel(accelerator, action)
    where T1 : struct
    where T2 : struct
    where T3 : struct
    where T4 : struct
    where T5 : struct
    where T6 : struct
    where T7 : struct
    where T8 : struct
    where T9 : struct
    where T10 : struct
    where T11 : struct
    where T12 : struct
    where T13 : struct
{
    T1 field1;
    T2 field2;
    T3 field3;
    T4 field4;
    T5 field5;
    T6 field6;
    T7 field7;
    T8 field8;
    T9 field9;
    T10 field10;
    T11 field11;
    T12 field12;
    T13 field13;

    public override void Invoke() => action(field1, field2, field3, field4, field5, field6, field7, field8, field9, field10, field11, field12, field13);

    public void Launch(AcceleratorStream stream, KernelConfig config, T1 argument1, T2 argument2, T3 argument3, T4 argument4, T5 argument5, T6 argument6, T7 argument7, T8 argument8, T9 argument9, T10 argument10, T11 argument11, T12 argument12, T13 argument13) => Launch(config, argument1, argument2, argument3, argument4, argument5, argument6, argument7, argument8, argument9, argument10, argument11, argument12, argument13);

    public void Launch(KernelConfig config, T1 argument1, T2 argument2, T3 argument3, T4 argument4, T5 argument5, T6 argument6, T7 argument7, T8 argument8, T9 argument9, T10 argument10, T11 argument11, T12 argument12, T13 argument13)
    {
        lock (Accelerator)
        {
            field1 = argument1;
            field2 = argument2;
            field3 = argument3;
            field4 = argument4;
            field5 = argument5;
            field6 = argument6;
            field7 = argument7;
            field8 = argument8;
            field9 = argument9;
            field10 = argument10;
            field11 = argument11;
            field12 = argument12;
            field13 = argument13;
            Launch(config);
        }
    }
}

file sealed class IndexedKernel<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13>(Accelerator accelerator, Action<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13> action) : IndexedKernel(accelerator, action, typeof(TIndex))
    where TIndex : struct, IIndex
    where T1 : struct
    where T2 : struct
    where T3 : struct
    where T4 : struct
    where T5 : struct
    where T6 : struct
    where T7 : struct
    where T8 : struct
    where T9 : struct
    where T10 : struct
    where T11 : struct
    where T12 : struct
    where T13 : struct
{
    T1 field1;
    T2 field2;
    T3 field3;
    T4 field4;
    T5 field5;
    T6 field6;
    T7 field7;
    T8 field8;
    T9 field9;
    T10 field10;
    T11 field11;
    T12 field12;
    T13 field13;

    public override void Invoke(Lane lane, long begin, long end)
    {
        for (long position = begin; position < end; position++)
            action(At<TIndex>(lane, position), field1, field2, field3, field4, field5, field6, field7, field8, field9, field10, field11, field12, field13);
    }

    public void Launch(AcceleratorStream stream, TIndex extent, T1 argument1, T2 argument2, T3 argument3, T4 argument4, T5 argument5, T6 argument6, T7 argument7, T8 argument8, T9 argument9, T10 argument10, T11 argument11, T12 argument12, T13 argument13) => Launch(extent, argument1, argument2, argument3, argument4, argument5, argument6, argument7, argument8, argument9, argument10, argument11, argument12, argument13);

    public void Launch(TIndex extent, T1 argument1, T2 argument2, T3 argument3, T4 argument4, T5 argument5, T6 argument6, T7 argument7, T8 argument8, T9 argument9, T10 argument10, T11 argument11, T12 argument12, T13 argument13)
    {
        lock (Accelerator)
        {
            field1 = argument1;
            field2 = argument2;
            field3 = argument3;
            field4 = argument4;
            field5 = argument5;
            field6 = argument6;
            field7 = argument7;
            field8 = argument8;
            field9 = argument9;
            field10 = argument10;
            field11 = argument11;
            field12 = argument12;
            field13 = argument13;
            Launch(extent);
        }
    }
}

file sealed class GroupedKernel<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13, T14>(Accelerator accelerator, Action<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13, T14> action) : GroupedKernel(accelerator, action)
    where T1 : struct
    where T2 : struct
    where T3 : struct
    where T4 : struct
    where T5 : struct
    where T6 : struct
    where T7 : struct
    where T8 : struct
    where T9 : struct
    where T10 : struct
    where T11 : struct
    where T12 : struct
    where T13 : struct
    where T14 : struct
{
    T1 field1;
    T2 field2;
    T3 field3;
    T4 field4;
    T5 field5;
    T6 field6;
    T7 field7;
    T8 field8;
    T9 field9;
    T10 field10;
    T11 field11;
    T12 field12;
    T13 field13;
    T14 field14;

    public override void Invoke() => action(field1, field2, field3, field4, field5, field6, field7, field8, field9, field10, field11, field12, field13, field14);

    public void Launch(AcceleratorStream stream, KernelConfig config, T1 argument1, T2 argument2, T3 argument3, T4 argument4, T5 argument5, T6 argument6, T7 argument7, T8 argument8, T9 argument9, T10 argument10, T11 argument11, T12 argument12, T13 argument13, T14 argument14) => Launch(config, argument1, argument2, argument3, argument4, argument5, argument6, argument7, argument8, argument9, argument10, argument11, argument12, argument13, argument14);

    public void Launch(KernelConfig config, T1 argument1, T2 argument2, T3 argument3, T4 argument4, T5 argument5, T6 argument6, T7 argument7, T8 argument8, T9 argument9, T10 argument10, T11 argument11, T12 argument12, T13 argument13, T14 argument14)
    {
        lock (Accelerator)
        {
            field1 = argument1;
            field2 = argument2;
            field3 = argument3;
            field4 = argument4;
            field5 = argument5;
            field6 = argument6;
            field7 = argument7;
            field8 = argument8;
            field9 = argument9;
            field10 = argument10;
            field11 = argument11;
            field12 = argument12;
            field13 = argument13;
            field14 = argument14;
            Launch(config);
        }
    }
}

file sealed class IndexedKernel<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13, T14>(Accelerator accelerator, Action<TIndex, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13, T14> action) : IndexedKernel(accelerator, action, typeof(TIndex))
    where TIndex : struct, IIndex
    where T1 : struct
    where T2 : struct
    where T3 : struct
    where T4 : struct
    where T5 : struct
    where T6 : struct
    where T7 : struct
    where T8 : struct
    where T9 : struct
    where T10 : struct
    where T11 : struct
    where T12 : struct
    where T13 : struct
    where T14 : struct
{
    T1 field1;
    T2 field2;
    T3 field3;
    T4 field4;
    T5 field5;
    T6 field6;
    T7 field7;
    T8 field8;
    T9 field9;
    T10 field10;
    T11 field11;
    T12 field12;
    T13 field13;
    T14 field14;

    public override void Invoke(Lane lane, long begin, long end)
    {
        for (long position = begin; position < end; position++)
            action(At<TIndex>(lane, position), field1, field2, field3, field4, field5, field6, field7, field8, field9, field10, field11, field12, field13, field14);
    }

    public void Launch(AcceleratorStream stream, TIndex extent, T1 argument1, T2 argument2, T3 argument3, T4 argument4, T5 argument5, T6 argument6, T7 argument7, T8 argument8, T9 argument9, T10 argument10, T11 argument11, T12 argument12, T13 argument13, T14 argument14) => Launch(extent, argument1, argument2, argument3, argument4, argument5, argument6, argument7, argument8, argument9, argument10, argument11, argument12, argument13, argument14);

    public void Launch(TIndex extent, T1 argument1, T2 argument2, T3 argument3, T4 argument4, T5 argument5, T6 argument6, T7 argument7, T8 argument8, T9 argument9, T10 argument10, T11 argument11, T12 argument12, T13 argument13, T14 argument14)
    {
        lock (Accelerator)
        {
            field1 = argument1;
            field2 = argument2;
            field3 = argument3;
            field4 = argument4;
            field5 = argument5;
            field6 = argument6;
            field7 = argument7;
            field8 = argument8;
            field9 = argument9;
            field10 = argument10;
            field11 = argument11;
            field12 = argument12;
            field13 = argument13;
            field14 = argument14;
            Launch(extent);
        }
    }
}
