using CnnSharp.Kernels;

namespace CnnSharp.Layers;

/// <summary>Enlarges images by repeating pixels: [N, H, W, C] to [N, H scale, W scale, C].</summary>
/// <param name="scale">How many times as many rows and columns.</param>
public sealed class UpsampleNearest2d(Size2d scale) : Layer
{
    /// <summary>How many times as many rows and columns.</summary>
    public Size2d Scale { get; } = scale;

    /// <inheritdoc/>
    protected override string Describe() => $"{Scale}";

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => Functional.UpsampleNearest2d(x, Scale);
}

/// <summary>Enlarges images by linear interpolation along both axes: [N, H, W, C] to [N, H scale, W scale, C].</summary>
/// <param name="scale">How many times as many rows and columns.</param>
/// <param name="alignCorners">Whether the corner pixels' centers coincide; by default their outer edges do.</param>
public sealed class UpsampleBilinear2d(Size2d scale, bool alignCorners = false) : Layer
{
    /// <summary>How many times as many rows and columns.</summary>
    public Size2d Scale { get; } = scale;

    /// <summary>Whether the corner pixels' centers coincide.</summary>
    public bool AlignCorners { get; } = alignCorners;

    /// <inheritdoc/>
    protected override string Describe() => Settings($"{Scale}", AlignCorners ? "aligned corners" : null);

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => Functional.UpsampleBilinear2d(x, Scale, AlignCorners);
}
