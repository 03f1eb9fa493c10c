using System.Linq.Expressions;
using System.Reflection;
using ILGPU;
using ILGPU.Backends;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.PTX;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace CnnSharp.Kernels.Gpu;

/// <summary>
/// Makes launchers of kernels, which run them on the accelerator's default stream. What ILGPU compiles for CUDA, which takes it half a second a
/// product, is kept on disk (<see cref="KernelCache"/>) for the next process.
/// </summary>
sealed class KernelLoader(Accelerator accelerator, KernelCache? cache)
{
    /// <summary>A kernel of one thread an index, in groups as large as the accelerator likes them.</summary>
    /// <typeparam name="TLauncher">An <c>Action</c> of the index and the kernel's other parameters.</typeparam>
    public TLauncher AutoGrouped<TLauncher>(MethodInfo kernel)
        where TLauncher : Delegate
        => Load<TLauncher>(EntryPointDescription.FromImplicitlyGroupedKernel(kernel), KernelSpecialization.Empty, accelerator.LoadAutoGroupedKernel);

    /// <summary>A kernel that sees its groups.</summary>
    /// <typeparam name="TLauncher">An <c>Action</c> of a <see cref="KernelConfig"/> and the kernel's parameters.</typeparam>
    public TLauncher Grouped<TLauncher>(MethodInfo kernel, KernelSpecialization specialization)
        where TLauncher : Delegate
        => Load<TLauncher>(EntryPointDescription.FromExplicitlyGroupedKernel(kernel), specialization, accelerator.LoadKernel);

    TLauncher Load<TLauncher>(EntryPointDescription entry, KernelSpecialization specialization, Func<CompiledKernel, Kernel> load)
        where TLauncher : Delegate
    {
        if (cache is null || accelerator is not CudaAccelerator cuda) return Launcher<TLauncher>(load(accelerator.CompileKernel(entry, specialization)));
        var backend = (PTXBackend)cuda.GetBackend();
        var key = KernelCache.Key(backend, entry, specialization);
        if (cache.Read(key, backend.Context, entry, specialization) is { } kept)
        {
            try
            {
                return Launcher<TLauncher>(load(kept));
            }
            catch (CudaException)
            {
                // Not what was written: it is compiled anew.
            }
        }

        var compiled = (PTXCompiledKernel)accelerator.CompileKernel(entry, specialization);
        var launcher = Launcher<TLauncher>(load(compiled));
        cache.Write(key, compiled);
        return launcher;
    }

    /// <summary>ILGPU's launcher with its first two parameters, the kernel and the stream, given.</summary>
    TLauncher Launcher<TLauncher>(Kernel kernel)
        where TLauncher : Delegate
    {
        // An Action's parameters are its type's arguments: its Invoke a trimmed program may lack.
        var parameters = Array.ConvertAll(typeof(TLauncher).GenericTypeArguments, Expression.Parameter);
        var call = Expression.Call(kernel.Launcher!, [Expression.Constant(kernel), Expression.Constant(accelerator.DefaultStream, typeof(AcceleratorStream)), .. parameters]);
        return Expression.Lambda<TLauncher>(call, parameters).Compile();
    }
}
