namespace CnnSharp.Data;

/// <summary>The extents of an image.</summary>
/// <param name="Height">Rows.</param>
/// <param name="Width">Columns.</param>
public readonly record struct ImageSize(int Height, int Width)
{
    /// <summary>Height times width.</summary>
    public long Pixels => (long)Height * Width;
}
