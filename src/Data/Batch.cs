namespace CnnSharp.Data;

/// <summary>Some pictures on a device, normalised, with their labels. Belongs to its loader, which takes the memory back when it moves on.</summary>
/// <param name="Images">[N, H, W, C], the device's float type.</param>
/// <param name="Labels">[N], Int32, from 0.</param>
public sealed record Batch(Tensor Images, Tensor Labels)
{
    /// <summary>The number of pictures.</summary>
    public int Count => Images.Shape[0];

    /// <summary>Under <see cref="Augment.Mixup"/>, the labels [N] of the pictures mixed in; else null.</summary>
    public Tensor? OtherLabels { get; init; }

    /// <summary>The share of the picture whose class stands in <see cref="Labels"/>; the rest is of <see cref="OtherLabels"/>'. 1 where pictures are not mixed.</summary>
    public float Share { get; init; } = 1;
}
