namespace CnnSharp.Data;

/// <summary>Some of the images of a source.</summary>
/// <param name="source">All of them.</param>
/// <param name="indices">Which.</param>
sealed class SubsetImages(IImageSource source, int[] indices) : IImageSource
{
    public DecodedImage Load(ref int index)
    {
        var whole = indices[index];
        var image = source.Load(ref whole);

        // Another that stands in for one that cannot be read may be none of these: -1.
        if (whole != indices[index]) index = Array.IndexOf(indices, whole);
        return image;
    }
}
