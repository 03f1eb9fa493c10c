using CnnSharp.Kernels;

namespace CnnSharp;

public static partial class Functional
{
    /// <summary>
    /// y = weight (x - mean) / sqrt(variance + epsilon) + bias, mean and (biased) variance of each image over its pixels and the
    /// channels of a group (Wu and He 2018).
    /// </summary>
    /// <param name="x">[N, ..., C].</param>
    /// <param name="groups">How many; divides the channels.</param>
    /// <param name="weight">[C], or null for 1.</param>
    /// <param name="bias">[C], or null for 0.</param>
    /// <param name="epsilon">Added to the variance; default 1e-5.</param>
    /// <returns>Shaped like x.</returns>
    /// <exception cref="ShapeException">The shapes do not fit, or the groups do not divide the channels.</exception>
    public static Tensor GroupNorm(Tensor x, int groups, Tensor? weight = null, Tensor? bias = null, double epsilon = 1e-5)
        => GroupNorm("GroupNorm", x, groups, weight, bias, epsilon);

    static Tensor GroupNorm(string operation, Tensor x, int groups, Tensor? weight, Tensor? bias, double epsilon)
    {
        if (x.Shape.Rank < 2) throw new ShapeException(operation, $"expected an input [N, ..., C], got {x.Shape}.");
        var channels = x.Shape[^1];
        if (groups < 1 || channels % groups != 0) throw new ShapeException(operation, $"{groups} groups do not divide the {channels} channels of {x.Shape}.");
        CheckVector(operation, "weight", weight, channels);
        CheckVector(operation, "bias", bias, channels);
        var pixels = 1L;
        foreach (var extent in x.Shape.AsSpan()[1..^1]) pixels *= extent;
        var grouped = Reshape(x, new(x.Shape[0], Geometry.Extent(operation, $"the number of pixels of an image of {x.Shape}", pixels), groups, channels / groups));
        return Affine(Reshape(Standardized(grouped, [1, 3], epsilon), x.Shape), weight, bias);
    }
}
