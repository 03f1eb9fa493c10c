using CnnSharp.Kernels;

namespace CnnSharp;

public static partial class Functional
{
    /// <summary>y[n, h r + i, w r + j, c] = x[n, h, w, (c r + i) r + j]: channels become pixels (Shi et al. 2016).</summary>
    /// <param name="x">[N, H, W, C r r].</param>
    /// <param name="factor">r, at least 1.</param>
    /// <returns>[N, H r, W r, C].</returns>
    /// <exception cref="ShapeException">x is not a batch of images, or r r does not divide its channels.</exception>
    public static Tensor PixelShuffle(Tensor x, int factor)
    {
        const string Operation = "PixelShuffle";
        if (x.Shape.Rank != 4) throw new ShapeException(Operation, $"expected an input [N, H, W, C], got {x.Shape}.");
        var area = (long)factor * factor;
        if (factor < 1 || x.Shape[3] % area != 0) throw new ShapeException(Operation, $"expected channels that {factor} x {factor} divides, got {x.Shape}.");
        int n = x.Shape[0], h = x.Shape[1], w = x.Shape[2], channels = (int)(x.Shape[3] / area);
        var rows = Geometry.Extent(Operation, $"the number of rows of {x.Shape}", (long)n * h);
        var pixels = Geometry.Extent(Operation, $"the number of pixels of {x.Shape}", (long)rows * w);

        // [.., C, r r] to [.., r, r C], then the r rows of each pixel before the pixels of the row.
        var spread = Permute(Reshape(x, new(pixels, channels, (int)area)), 0, 2, 1);
        var y = Permute(Reshape(spread, new(rows, w, factor, factor * channels)), 0, 2, 1, 3);
        return Reshape(y, new(n, Geometry.Extent(Operation, "the height of the result", (long)h * factor), Geometry.Extent(Operation, "the width of the result", (long)w * factor), channels));
    }

    /// <summary>The inverse of <see cref="PixelShuffle"/>: pixels become channels.</summary>
    /// <param name="x">[N, H r, W r, C].</param>
    /// <param name="factor">r, at least 1.</param>
    /// <returns>[N, H, W, C r r].</returns>
    /// <exception cref="ShapeException">x is not a batch of images, or r does not divide its height and width.</exception>
    public static Tensor PixelUnshuffle(Tensor x, int factor)
    {
        const string Operation = "PixelUnshuffle";
        if (x.Shape.Rank != 4) throw new ShapeException(Operation, $"expected an input [N, H, W, C], got {x.Shape}.");
        if (factor < 1 || x.Shape[1] % factor != 0 || x.Shape[2] % factor != 0) throw new ShapeException(Operation, $"expected a height and width that {factor} divides, got {x.Shape}.");
        int n = x.Shape[0], h = x.Shape[1] / factor, w = x.Shape[2] / factor, channels = x.Shape[3];
        var rows = Geometry.Extent(Operation, $"the number of rows of {x.Shape}", (long)n * h);
        var area = Geometry.Extent(Operation, "the factor's square", (long)factor * factor);
        var gathered = Permute(Reshape(x, new(rows, factor, w, factor * channels)), 0, 2, 1, 3);
        var y = Permute(Reshape(gathered, new(Geometry.Extent(Operation, $"the number of pixels of {x.Shape}", (long)rows * w), area, channels)), 0, 2, 1);
        return Reshape(y, new(n, h, w, Geometry.Extent(Operation, "the number of channels of the result", (long)channels * area)));
    }
}
