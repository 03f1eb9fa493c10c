using System.Buffers;

namespace CnnSharp.Data;

/// <summary>A part of an image, in pixels; its edges may lie between two.</summary>
readonly record struct Region(double Top, double Left, double Height, double Width)
{
    /// <summary>The region of an extent in the middle of an image.</summary>
    public static Region Center(int height, int width, int regionHeight, int regionWidth) => new((height - regionHeight) / 2, (width - regionWidth) / 2, regionHeight, regionWidth);
}

/// <summary>
/// Resizes: bilinear, with the triangle as wide as a target pixel where the image shrinks, so that nothing is skipped
/// (what Pillow and torchvision call antialiased bilinear).
/// </summary>
static class Resampler
{
    /// <summary>Writes a region of an image as pixels [height, width, channels].</summary>
    public static void Resize(ImageView source, Region region, int channels, int height, int width, Span<byte> target)
    {
        var converted = source.IsConverted(channels) ? ArrayPool<byte>.Shared.Rent(source.Width * channels) : [];
        if (region.Height == height && region.Width == width && region.Top == Math.Floor(region.Top) && region.Left == Math.Floor(region.Left))
        {
            for (var row = 0; row < height; row++)
                source.Row((int)region.Top + row, channels, converted).Slice((int)region.Left * channels, width * channels).CopyTo(target[(row * width * channels)..]);
            if (converted.Length > 0) ArrayPool<byte>.Shared.Return(converted);
            return;
        }

        var across = new Taps(region.Left, region.Width, source.Width, width);
        var down = new Taps(region.Top, region.Height, source.Height, height);

        // Rows are narrowed first: those that some target row reads.
        var (first, last) = (down.First(0), down.First(height - 1) + down.Count(height - 1));
        for (var i = 0; i < height; i++) (first, last) = (Math.Min(first, down.First(i)), Math.Max(last, down.First(i) + down.Count(i)));
        var line = width * channels;
        var narrow = ArrayPool<float>.Shared.Rent((last - first) * line);
        var sums = ArrayPool<float>.Shared.Rent(line);
        for (var row = first; row < last; row++)
        {
            var pixels = source.Row(row, channels, converted);
            var to = narrow.AsSpan((row - first) * line, line);
            for (var x = 0; x < width; x++)
            {
                var at = across.First(x) * channels;
                var weights = across.Weights(x);
                for (var c = 0; c < channels; c++)
                {
                    var sum = 0f;
                    for (var k = 0; k < weights.Length; k++) sum += weights[k] * pixels[at + (k * channels) + c];
                    to[(x * channels) + c] = sum;
                }
            }
        }

        for (var y = 0; y < height; y++)
        {
            var sum = sums.AsSpan(0, line);
            sum.Clear();
            var weights = down.Weights(y);
            for (var k = 0; k < weights.Length; k++)
            {
                var from = narrow.AsSpan((down.First(y) + k - first) * line, line);
                for (var i = 0; i < line; i++) sum[i] += weights[k] * from[i];
            }

            var to = target.Slice(y * line, line);
            for (var i = 0; i < line; i++) to[i] = (byte)Math.Clamp(sum[i] + 0.5f, 0, 255);
        }

        if (converted.Length > 0) ArrayPool<byte>.Shared.Return(converted);
        ArrayPool<float>.Shared.Return(narrow);
        ArrayPool<float>.Shared.Return(sums);
    }

    /// <summary>Which source pixels a target pixel is made of, along one axis, and their shares, which add up to 1.</summary>
    readonly struct Taps
    {
        readonly int[] first;
        readonly int[] count;
        readonly float[] weights;
        readonly int most;

        public Taps(double start, double length, int source, int target)
        {
            var scale = length / target;
            var reach = Math.Max(1, scale);
            most = (int)Math.Ceiling(2 * reach) + 2;
            first = new int[target];
            count = new int[target];
            weights = new float[target * most];
            for (var i = 0; i < target; i++)
            {
                // Pixel k covers [k, k + 1); its center is k + 1/2.
                var center = start + ((i + 0.5) * scale);
                var from = Math.Clamp((int)Math.Floor(center - reach), 0, source - 1);
                var to = Math.Clamp((int)Math.Ceiling(center + reach), from + 1, source);
                (first[i], count[i]) = (from, Math.Min(to - from, most));
                var total = 0.0;
                for (var k = 0; k < count[i]; k++) total += Share(from + k, center, reach);
                for (var k = 0; k < count[i]; k++) weights[(i * most) + k] = total > 0 ? (float)(Share(from + k, center, reach) / total) : k == 0 ? 1 : 0;
            }
        }

        public int First(int i) => first[i];

        public int Count(int i) => count[i];

        public ReadOnlySpan<float> Weights(int i) => weights.AsSpan(i * most, count[i]);

        static double Share(int pixel, double center, double reach) => Math.Max(0, 1 - (Math.Abs(pixel + 0.5 - center) / reach));
    }
}
