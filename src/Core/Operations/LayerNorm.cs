using CnnSharp.Kernels;

namespace CnnSharp;

public static partial class Functional
{
    /// <summary>y = weight (x - mean) / sqrt(variance + epsilon) + bias, mean and (biased) variance over the last axis (Ba et al. 2016).</summary>
    /// <param name="x">[..., C].</param>
    /// <param name="weight">[C], or null for 1.</param>
    /// <param name="bias">[C], or null for 0.</param>
    /// <param name="epsilon">Added to the variance; default 1e-5.</param>
    /// <returns>Shaped like x.</returns>
    /// <exception cref="ShapeException">The shapes do not fit.</exception>
    public static Tensor LayerNorm(Tensor x, Tensor? weight = null, Tensor? bias = null, double epsilon = 1e-5)
    {
        const string Operation = "LayerNorm";
        if (x.Shape.Rank < 1) throw new ShapeException(Operation, $"expected an input [..., C], got {x.Shape}.");
        var channels = x.Shape[^1];
        CheckVector(Operation, "weight", weight, channels);
        CheckVector(Operation, "bias", bias, channels);
        var rows = Geometry.Extent(Operation, $"the number of rows of {x.Shape}", x.Shape.CountBefore(x.Shape.Rank - 1));
        return Reshape(Affine(Standardized(Reshape(x, new(rows, channels)), [1], epsilon), weight, bias), x.Shape);
    }

    /// <summary>(x - mean) / sqrt(variance + epsilon), both over some axes.</summary>
    static Tensor Standardized(Tensor x, ReadOnlySpan<int> axes, double epsilon)
    {
        var centered = x - Mean(x, axes, keepAxes: true);
        return centered / Sqrt(Mean(Square(centered), axes, keepAxes: true) + epsilon);
    }

    /// <summary>weight x + bias along the last axis; either may be missing.</summary>
    static Tensor Affine(Tensor x, Tensor? weight, Tensor? bias)
    {
        if (weight is not null) x *= weight;
        return bias is null ? x : x + bias;
    }
}
