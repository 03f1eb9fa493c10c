using CnnSharp.Kernels;

namespace CnnSharp;

public sealed partial class Tensor
{
    /// <summary>A tensor of ones.</summary>
    /// <inheritdoc cref="Full"/>
    public static Tensor Ones(Shape shape, Device? device = null, DType? type = null) => Full(shape, 1, device, type);

    /// <summary>A tensor of normally distributed numbers (PyTorch's <c>randn</c>).</summary>
    /// <param name="shape">The extents.</param>
    /// <param name="mean">Default 0.</param>
    /// <param name="std">The standard deviation; default 1.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    /// <param name="generator">What they are drawn from, the same on every device; default <see cref="Generator.Default"/>.</param>
    public static Tensor Normal(Shape shape, double mean = 0, double std = 1, Device? device = null, Generator? generator = null)
        => Drawn(shape, device, values => (generator ?? Generator.Default).FillNormal(values, mean, std));

    /// <summary>A tensor of numbers evenly distributed over [low, high) (PyTorch's <c>rand</c>).</summary>
    /// <param name="shape">The extents.</param>
    /// <param name="low">Default 0.</param>
    /// <param name="high">Default 1.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    /// <param name="generator">What they are drawn from, the same on every device; default <see cref="Generator.Default"/>.</param>
    public static Tensor Uniform(Shape shape, double low = 0, double high = 1, Device? device = null, Generator? generator = null)
        => Drawn(shape, device, values => (generator ?? Generator.Default).FillUniform(values, low, high));

    /// <summary><see cref="Functional.Sum(Tensor)"/>.</summary>
    public Tensor Sum() => Functional.Sum(this);

    /// <summary><see cref="Functional.Mean(Tensor)"/>.</summary>
    public Tensor Mean() => Functional.Mean(this);

    /// <summary><see cref="Functional.ArgMax"/>.</summary>
    public Tensor ArgMax() => Functional.ArgMax(this);

    static Tensor Drawn(Shape shape, Device? device, Action<Span<float>> fill)
    {
        var tensor = Uninitialized(shape, device ?? Device.Best());
        tensor.Fill(fill);
        return tensor;
    }
}
