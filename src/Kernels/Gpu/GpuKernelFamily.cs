using ILGPU;
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

/// <summary>
/// A family of primitives as ILGPU kernels: each kernel a static method above the launcher that calls it. What families have in common is here: views of buffers,
/// maps of elements, rows and columns.
/// </summary>
abstract partial class GpuKernelFamily(GpuKernels kernels)
{
    /// <summary>The families of the engine.</summary>
    protected GpuKernels Kernels { get; } = kernels;

    /// <inheritdoc cref="GpuKernels.Engine"/>
    protected GpuEngine Engine => Kernels.Engine;

    /// <inheritdoc cref="GpuKernels.Accelerator"/>
    protected Accelerator Accelerator => Kernels.Accelerator;

    /// <inheritdoc cref="GpuKernels.GroupSize"/>
    protected int GroupSize => Kernels.GroupSize;

    /// <inheritdoc cref="GpuKernels.Compile{TLauncher}(string, TLauncher)"/>
    protected TLauncher Compile<TLauncher>(string name, TLauncher kernel)
        where TLauncher : Delegate => Kernels.Compile(name, kernel);

    /// <inheritdoc cref="GpuKernels.CompileGrouped"/>
    protected TLauncher CompileGrouped<TLauncher>(string name, Delegate kernel, KernelSpecialization specialization = default)
        where TLauncher : Delegate => Kernels.CompileGrouped<TLauncher>(name, kernel, specialization);

    /// <summary>The elements of a buffer of this engine, to read and to write: see <see cref="DeviceBuffer.Version"/>.</summary>
    internal static ArrayView<T> View<T>(DeviceBuffer buffer)
        where T : unmanaged => Elements<T>(buffer, buffer.Block);

    /// <summary>As <see cref="View{T}"/>, only to be read.</summary>
    internal static ArrayView<T> ReadView<T>(DeviceBuffer buffer)
        where T : unmanaged => Elements<T>(buffer, buffer.ReadOnlyBlock);

    static ArrayView<T> Elements<T>(DeviceBuffer buffer, MemoryBlock memory)
        where T : unmanaged
    {
        if (DTypes.Of<T>() != buffer.Type) throw new InvalidOperationException($"The buffer holds {buffer.Type}, the kernel expects {DTypes.Of<T>()}.");
        return memory is GpuBlock block
            ? block.Bytes.SubView(0, buffer.Bytes).Cast<T>()
            : throw new InvalidOperationException($"The buffer lives in the memory of '{buffer.Engine.Name}', not on an accelerator.");
    }

    /// <summary>As <see cref="View{T}"/>, and an empty view for a missing (optional) buffer; kernels get a flag.</summary>
    internal static ArrayView<T> ViewOrEmpty<T>(DeviceBuffer? buffer)
        where T : unmanaged => buffer is null ? ArrayView<T>.Empty : View<T>(buffer);

    /// <summary>As <see cref="ReadView{T}"/>, and an empty view for a missing (optional) buffer.</summary>
    internal static ArrayView<T> ReadViewOrEmpty<T>(DeviceBuffer? buffer)
        where T : unmanaged => buffer is null ? ArrayView<T>.Empty : ReadView<T>(buffer);

    /// <summary>Floats, the most common view.</summary>
    protected static ArrayView<float> Floats(DeviceBuffer buffer) => View<float>(buffer);

    /// <summary>Floats that are only read.</summary>
    protected static ArrayView<float> ReadFloats(DeviceBuffer buffer) => ReadView<float>(buffer);

    /// <summary>An index range for one thread an element.</summary>
    /// <exception cref="NotSupportedException">More than 2^31 - 1 elements.</exception>
    internal static Index1D Range(long count)
        => count <= int.MaxValue ? new((int)count) : throw new NotSupportedException($"{count:N0} elements: a kernel of the GPU engine indexes at most {int.MaxValue:N0}. A smaller batch has fewer.");

    internal static Vectors VectorsOf(DeviceBuffer buffer) => new(Floats(buffer));

    internal static Scalars ScalarsOf(DeviceBuffer buffer) => new(Floats(buffer));

    protected static Vectors ReadVectorsOf(DeviceBuffer buffer) => new(ReadFloats(buffer));

    protected static Scalars ReadScalarsOf(DeviceBuffer buffer) => new(ReadFloats(buffer));

    /// <summary>Offsets in products are 32-bit.</summary>
    protected static void RequireIndexable(DeviceBuffer a, DeviceBuffer b, DeviceBuffer c) => _ = Range(Math.Max(a.Length, Math.Max(b.Length, c.Length)));

    /// <summary>Offsets in a kernel that gathers from <paramref name="a"/> are 32-bit.</summary>
    protected static void RequireIndexable(DeviceBuffer a, DeviceBuffer b) => _ = Range(Math.Max(a.Length, b.Length));

    /// <summary>Groups of a size that a count fills, the last in part.</summary>
    protected static int Blocks(int count, int size) => (int)(((long)count + size - 1) / size);

    /// <summary>The order of maxima: NaN is above everything, and of equals the first stays.</summary>
    protected static bool IsGreater(float candidate, float maximum) => candidate > maximum || (float.IsNaN(candidate) && !float.IsNaN(maximum));

    /// <summary>A flag, as kernels take it.</summary>
    protected static int Flag(bool set) => set ? 1 : 0;
}
