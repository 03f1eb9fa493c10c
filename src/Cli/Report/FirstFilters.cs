using CnnSharp.Data;
using CnnSharp.Formats;
using CnnSharp.Training;

namespace CnnSharp.Cli.Report;

/// <summary>The filters of a network's first convolution as one image: what it looks for in pixels.</summary>
/// <param name="Tensor">The weights' name.</param>
/// <param name="Shape">[height, width, in, out].</param>
/// <param name="Image">A filter a cell, from the left and then down; middle gray is 0, and the largest weight is black or white.</param>
internal sealed record FirstFilters(string Tensor, long[] Shape, DecodedImage Image)
{
    const int PerRow = 16;

    /// <summary>Reads them from a checkpoint; null if its first weights of four axes are not of images of 1 or 3 channels.</summary>
    public static FirstFilters? Of(string checkpoint)
    {
        using var file = SafeTensors.Open(checkpoint);

        // A name with a slash is of what is no weight: the optimizer.
        var first = file.Tensors.FirstOrDefault(tensor => tensor.Shape.Length == 4 && !tensor.Name.Contains('/', StringComparison.Ordinal));
        if (first?.Shape is not [> 0, > 0, 1 or 3, > 0]) return null;
        return new(first.Name, first.Shape, Draw(first.AsFloat32(), (int)first.Shape[0], (int)first.Shape[1], (int)first.Shape[2], (int)first.Shape[3]));
    }

    static DecodedImage Draw(float[] weights, int height, int width, int channels, int filters)
    {
        var columns = Math.Min(PerRow, filters);
        var rows = (filters + columns - 1) / columns;

        // A line of one pixel between two cells.
        var (imageHeight, imageWidth) = ((rows * (height + 1)) - 1, (columns * (width + 1)) - 1);
        var pixels = new byte[imageHeight * imageWidth * channels];
        var largest = Math.Max(weights.Max(Math.Abs), float.Epsilon);
        for (var filter = 0; filter < filters; filter++)
        {
            var (top, left) = (filter / columns * (height + 1), filter % columns * (width + 1));
            for (var y = 0; y < height; y++)
            {
                for (var x = 0; x < width; x++)
                {
                    for (var c = 0; c < channels; c++)
                        pixels[((((top + y) * imageWidth) + left + x) * channels) + c] = (byte)Math.Round(127.5f * (1 + (weights[(((((y * width) + x) * channels) + c) * filters) + filter] / largest)));
                }
            }
        }

        return new(pixels, imageHeight, imageWidth, channels);
    }
}
