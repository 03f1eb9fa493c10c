using CnnSharp.Kernels;

namespace CnnSharp;

public static partial class Functional
{
    /// <summary>y = weight (x - mean) / sqrt(variance + epsilon) + bias, mean and (biased) variance of each channel of each image (Ulyanov et al. 2016).</summary>
    /// <param name="x">[N, ..., C].</param>
    /// <param name="weight">[C], or null for 1.</param>
    /// <param name="bias">[C], or null for 0.</param>
    /// <param name="epsilon">Added to the variance; default 1e-5.</param>
    /// <returns>Shaped like x.</returns>
    /// <exception cref="ShapeException">The shapes do not fit.</exception>
    public static Tensor InstanceNorm(Tensor x, Tensor? weight = null, Tensor? bias = null, double epsilon = 1e-5)
        => GroupNorm("InstanceNorm", x, x.Shape.Rank < 2 ? 1 : Math.Max(1, x.Shape[^1]), weight, bias, epsilon);
}
