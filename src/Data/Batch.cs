namespace CnnSharp.Data;

/// <summary>
/// Some images on a device, normalized, with their labels. Belongs to its loader, which takes the memory back when it makes the
/// next batch, unless <see cref="Keep"/> was called. One at which an enumeration was left is not taken back.
/// </summary>
/// <param name="Images">[N, H, W, C], the device's float type.</param>
/// <param name="Labels">[N], Int32, from 0.</param>
public sealed record Batch(Tensor Images, Tensor Labels) : IDisposable
{
    const string Freed = "its loader had moved on to the next batch. Read it earlier, or call Batch.Keep() before that: loader.Select(batch => batch.Keep()).";

    /// <summary>The number of images.</summary>
    public int Count => Images.Shape[0];

    /// <summary>Under <see cref="Augment.Mixup"/>, the labels [N] of the images mixed in; else null.</summary>
    public Tensor? OtherLabels { get; init; }

    /// <summary>The share of the image whose class stands in <see cref="Labels"/>; the rest is of <see cref="OtherLabels"/>'. 1 where images are not mixed.</summary>
    public float Share { get; init; } = 1;

    /// <summary>Keeps the batch when its loader moves on: <c>loader.Select(batch => batch.Keep()).ToList()</c>.</summary>
    /// <returns>This batch.</returns>
    /// <exception cref="FreedTensorException">The loader has moved on already.</exception>
    public Batch Keep()
    {
        Images.Keep();
        Labels.Keep();
        OtherLabels?.Keep();
        return this;
    }

    /// <summary>Gives the memory back now.</summary>
    public void Dispose()
    {
        Images.Dispose();
        Labels.Dispose();
        OtherLabels?.Dispose();
    }

    /// <summary>Gives back what is not kept.</summary>
    internal void Free()
    {
        if (!Images.IsKept) Images.Free(Freed);
        if (!Labels.IsKept) Labels.Free(Freed);
        if (OtherLabels is { IsKept: false }) OtherLabels.Free(Freed);
    }
}
