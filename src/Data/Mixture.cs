namespace CnnSharp.Data;

/// <summary>How the images of a batch are mixed with each other.</summary>
/// <param name="Share">The image's own part.</param>
/// <param name="Box">The rectangle that is pasted over it; empty: the images are blended.</param>
readonly record struct Mixture(float Share, Box Box)
{
    /// <summary>A rectangle of the image's proportions about any of its pixels, which may stick out; what lies inside counts.</summary>
    /// <param name="share">What is left of the image if it does not stick out.</param>
    /// <param name="height">Rows of an image.</param>
    /// <param name="width">Columns of an image.</param>
    /// <param name="numbers">Gives the place.</param>
    public static Mixture Pasted(double share, int height, int width, Generator numbers)
    {
        var side = Math.Sqrt(1 - share);
        var (h, w) = ((int)(height * side), (int)(width * side));
        var (middle, center) = (Augment.Below(numbers.NextUInt32(), height), Augment.Below(numbers.NextUInt32(), width));
        var (top, left) = (Math.Max(0, middle - (h / 2)), Math.Max(0, center - (w / 2)));
        var (bottom, right) = (Math.Min(height, middle + (h / 2)), Math.Min(width, center + (w / 2)));
        var box = new Box(top, left, bottom - top, right - left);
        return new(1 - ((float)((long)box.Height * box.Width) / ((long)height * width)), box);
    }
}

/// <summary>A rectangle of pixels.</summary>
/// <param name="Top">Its first row.</param>
/// <param name="Left">Its first column.</param>
/// <param name="Height">Its rows.</param>
/// <param name="Width">Its columns.</param>
readonly record struct Box(int Top, int Left, int Height, int Width);
