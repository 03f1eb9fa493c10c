using ILGPU;
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

// Functions applied element by element, limited by memory: a thread has four consecutive elements, loaded and stored at
// once; the last thread takes what is left where four do not divide the length. Results may lie where an input does:
// a thread reads its elements before it writes them.
abstract partial class GpuKernelFamily
{
    /// <summary>A function of one input and a parameter.</summary>
    internal interface IMap
    {
        static abstract float Apply(float x, float a);
    }

    /// <summary>A function of two inputs and a parameter.</summary>
    internal interface IMap2
    {
        static abstract float Apply(float x0, float x1, float a);
    }

    /// <summary>A function of three inputs and a parameter.</summary>
    internal interface IMap3
    {
        static abstract float Apply(float x0, float x1, float x2, float a);
    }

    /// <summary>y = f(x, a).</summary>
    protected static void Map<F>(Index1D i, float a, ArrayView<float> x, ArrayView<float> y)
        where F : struct, IMap
    {
        if (i < y.Length / 4)
        {
            var p = Float4.Of(x)[i];
            Float4.Of(y)[i] = new(F.Apply(p.X, a), F.Apply(p.Y, a), F.Apply(p.Z, a), F.Apply(p.W, a));
        }
        else
        {
            for (var j = 4L * i; j < y.Length; j++) y[j] = F.Apply(x[j], a);
        }
    }

    /// <summary>y = f(x0, x1, a).</summary>
    protected static void Map2<F>(Index1D i, float a, ArrayView<float> x0, ArrayView<float> x1, ArrayView<float> y)
        where F : struct, IMap2
    {
        if (i < y.Length / 4)
        {
            Float4 p = Float4.Of(x0)[i], q = Float4.Of(x1)[i];
            Float4.Of(y)[i] = new(F.Apply(p.X, q.X, a), F.Apply(p.Y, q.Y, a), F.Apply(p.Z, q.Z, a), F.Apply(p.W, q.W, a));
        }
        else
        {
            for (var j = 4L * i; j < y.Length; j++) y[j] = F.Apply(x0[j], x1[j], a);
        }
    }

    /// <summary>y = f(x0, x1, x2, a).</summary>
    protected static void Map3<F>(Index1D i, float a, ArrayView<float> x0, ArrayView<float> x1, ArrayView<float> x2, ArrayView<float> y)
        where F : struct, IMap3
    {
        if (i < y.Length / 4)
        {
            Float4 p = Float4.Of(x0)[i], q = Float4.Of(x1)[i], r = Float4.Of(x2)[i];
            Float4.Of(y)[i] = new(F.Apply(p.X, q.X, r.X, a), F.Apply(p.Y, q.Y, r.Y, a), F.Apply(p.Z, q.Z, r.Z, a), F.Apply(p.W, q.W, r.W, a));
        }
        else
        {
            for (var j = 4L * i; j < y.Length; j++) y[j] = F.Apply(x0[j], x1[j], x2[j], a);
        }
    }

    /// <summary>Threads that take four elements each.</summary>
    protected static Index1D Quads(long count) => Range((count + 3) / 4);

    protected Action<Index1D, float, ArrayView<float>, ArrayView<float>> CompileMap<F>()
        where F : struct, IMap => Compile<Action<Index1D, float, ArrayView<float>, ArrayView<float>>>(KernelName<F>(), Map<F>);

    protected Action<Index1D, float, ArrayView<float>, ArrayView<float>, ArrayView<float>> CompileMap2<F>()
        where F : struct, IMap2 => Compile<Action<Index1D, float, ArrayView<float>, ArrayView<float>, ArrayView<float>>>(KernelName<F>(), Map2<F>);

    protected Action<Index1D, float, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>> CompileMap3<F>()
        where F : struct, IMap3 => Compile<Action<Index1D, float, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>>>(KernelName<F>(), Map3<F>);

    /// <summary><c>Backward of Gelu</c>, for messages.</summary>
    protected static string KernelName<F>() => typeof(F) is { IsGenericType: true } type ? $"{type.Name[..type.Name.IndexOf('`')]} of {string.Join(", ", type.GetGenericArguments().Select(argument => argument.Name))}" : typeof(F).Name;
}
