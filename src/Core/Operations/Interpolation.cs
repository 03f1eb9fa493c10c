using CnnSharp.Kernels;

namespace CnnSharp;

/// <summary>How an image is resized.</summary>
public enum InterpolationMode
{
    /// <summary>The pixel at or before the place (PyTorch's "nearest").</summary>
    Nearest,

    /// <summary>By distance between the two neighbors along each axis.</summary>
    Bilinear,

    /// <summary>A cubic through four neighbors along each axis (Keys 1981), a = -0.75, with antialiasing -0.5, as in PyTorch.</summary>
    Bicubic,
}

public static partial class Functional
{
    /// <summary>Images of another size (PyTorch's <c>interpolate</c>).</summary>
    /// <param name="x">[N, H, W, C].</param>
    /// <param name="size">Rows and columns of the result.</param>
    /// <param name="mode">Default bilinear.</param>
    /// <param name="alignCorners">Whether the outermost pixels' centers stay in the corners; default no: the images' edges do. Not for <see cref="InterpolationMode.Nearest"/>.</param>
    /// <param name="antialias">Whether a smaller result averages over all pixels that it covers; default no. Not together with <paramref name="alignCorners"/>.</param>
    /// <returns>[N, size, C].</returns>
    /// <exception cref="ShapeException">x is not a batch of images with pixels, or the size has none.</exception>
    /// <exception cref="ArgumentException">The options exclude each other.</exception>
    public static Tensor Interpolate(Tensor x, Size2d size, InterpolationMode mode = InterpolationMode.Bilinear, bool alignCorners = false, bool antialias = false)
    {
        if (x.Shape.Rank != 4 || x.Shape[1] < 1 || x.Shape[2] < 1) throw new ShapeException("Interpolate", $"expected an input [N, H, W, C] with pixels, got {x.Shape}.");
        if (size.H < 1 || size.W < 1) throw new ShapeException("Interpolate", $"expected a result of at least one pixel, got {size}.");
        if (mode == InterpolationMode.Nearest && (alignCorners || antialias)) throw new ArgumentException("Interpolate: nearest neighbors have neither aligned corners nor antialiasing.");
        if (alignCorners && antialias) throw new ArgumentException("Interpolate: antialiasing with aligned corners is not defined.");
        var rows = OnAxis(x, 1, size.H);
        return OnAxis(rows, 2, size.W);

        Tensor OnAxis(Tensor t, int axis, int extent)
            => extent == t.Shape[axis] ? t : Product(antialias ? Antialiased(t.Shape[axis], extent, mode) : Interpolated(t.Shape[axis], extent, mode, alignCorners), t, axis, isTemporary: true);
    }

    /// <summary>Row i holds what place i of the result takes of the places of the axis.</summary>
    static SparseMatrix Interpolated(int size, int outSize, InterpolationMode mode, bool alignCorners)
    {
        var scale = alignCorners ? outSize > 1 ? (size - 1) / (double)(outSize - 1) : 0 : size / (double)outSize;
        return Taps(size, outSize, i =>
        {
            var center = alignCorners || mode == InterpolationMode.Nearest ? i * scale : ((i + 0.5) * scale) - 0.5;
            if (mode != InterpolationMode.Bicubic) center = Math.Max(center, 0);
            var first = (int)Math.Floor(center);
            var t = center - first;
            return mode switch
            {
                InterpolationMode.Nearest => (first, [1]),
                InterpolationMode.Bilinear => (first, [1 - t, t]),
                _ => (first - 1, [Cubic(1 + t, -0.75), Cubic(t, -0.75), Cubic(1 - t, -0.75), Cubic(2 - t, -0.75)]),
            };
        });
    }

    /// <summary>The same, each place the mean of what it covers, weighted by the filter stretched over it.</summary>
    static SparseMatrix Antialiased(int size, int outSize, InterpolationMode mode)
    {
        var scale = size / (double)outSize;
        var stretch = Math.Max(scale, 1);
        var support = (mode == InterpolationMode.Bicubic ? 2 : 1) * stretch;
        return Taps(size, outSize, i =>
        {
            var center = (i + 0.5) * scale;
            var first = Math.Max((int)(center - support + 0.5), 0);
            var end = Math.Min((int)(center + support + 0.5), size);
            var weights = new double[end - first];
            for (var j = 0; j < weights.Length; j++)
            {
                var distance = Math.Abs((first + j - center + 0.5) / stretch);
                weights[j] = mode == InterpolationMode.Bicubic ? Cubic(distance, -0.5) : Math.Max(1 - distance, 0);
            }

            var sum = weights.Sum();
            return (first, Array.ConvertAll(weights, weight => weight / sum));
        });
    }

    /// <summary>The matrix of neighboring places and their weights; those outside are the outermost.</summary>
    static SparseMatrix Taps(int size, int outSize, Func<int, (int First, double[] Weights)> at)
    {
        var offsets = new int[outSize + 1];
        var (columns, values) = (new List<int>(), new List<double>());
        for (var i = 0; i < outSize; i++)
        {
            var (first, weights) = at(i);
            for (var j = 0; j < weights.Length; j++)
            {
                if (weights[j] == 0) continue;
                columns.Add(Math.Clamp(first + j, 0, size - 1));
                values.Add(weights[j]);
            }

            offsets[i + 1] = columns.Count;
        }

        return new(size, offsets, [.. columns], [.. values]);
    }

    /// <summary>Keys' cubic at a distance.</summary>
    static double Cubic(double t, double a)
        => t <= 1 ? ((((a + 2) * t) - (a + 3)) * t * t) + 1 : t < 2 ? (((((t - 5) * t) + 8) * t) - 4) * a : 0;
}
