namespace CnnSharp.Data;

/// <summary>Some pictures on a device, normalised, with their labels. Belongs to its loader, which takes the memory back when it moves on.</summary>
/// <param name="Images">[N, H, W, C], the device's float type.</param>
/// <param name="Labels">[N], Int32, from 0.</param>
public sealed record Batch(Tensor Images, Tensor Labels)
{
    /// <summary>The number of pictures.</summary>
    public int Count => Images.Shape[0];
}
