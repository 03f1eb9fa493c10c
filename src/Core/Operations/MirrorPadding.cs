using CnnSharp.Kernels;

namespace CnnSharp;

public static partial class Functional
{
    /// <summary>Rows and columns around each image that mirror those within, the outermost not repeated (PyTorch's <c>pad</c>, mode reflect).</summary>
    /// <param name="x">[N, H, W, C].</param>
    /// <param name="padding">How many on each side: 0 to H - 1 or W - 1.</param>
    /// <returns>[N, H + top + bottom, W + left + right, C].</returns>
    /// <exception cref="ShapeException">x is not a batch of images, or has too few rows or columns to mirror.</exception>
    public static Tensor ReflectPad2d(Tensor x, Padding2d padding)
    {
        CheckMirror("ReflectPad2d", x, padding);
        if (Math.Max(padding.Top, padding.Bottom) >= x.Shape[1] || Math.Max(padding.Left, padding.Right) >= x.Shape[2])
            throw new ShapeException("ReflectPad2d", $"padding {padding} mirrors more rows or columns than {x.Shape} has beside the outermost.");
        return Around(x, padding, static (place, extent) => place < 0 ? -place : place >= extent ? (2 * extent) - 2 - place : place);
    }

    /// <summary>Rows and columns around each image that repeat the outermost (PyTorch's <c>pad</c>, mode replicate).</summary>
    /// <param name="x">[N, H, W, C].</param>
    /// <param name="padding">How many on each side.</param>
    /// <returns>[N, H + top + bottom, W + left + right, C].</returns>
    /// <exception cref="ShapeException">x is not a batch of images.</exception>
    public static Tensor ReplicatePad2d(Tensor x, Padding2d padding)
    {
        CheckMirror("ReplicatePad2d", x, padding);
        return Around(x, padding, static (place, extent) => Math.Clamp(place, 0, extent - 1));
    }

    static void CheckMirror(string operation, Tensor x, Padding2d padding)
    {
        if (x.Shape.Rank != 4 || x.Shape[1] < 1 || x.Shape[2] < 1) throw new ShapeException(operation, $"expected an input [N, H, W, C] with pixels, got {x.Shape}.");
        if (padding.Top < 0 || padding.Bottom < 0 || padding.Left < 0 || padding.Right < 0) throw new ShapeException(operation, $"expected padding of 0 and more, got {padding}.");
    }

    /// <summary>Rows, then columns, from the places that <paramref name="source"/> gives of those around the axis.</summary>
    static Tensor Around(Tensor x, Padding2d padding, Func<int, int, int> source)
    {
        var rows = OnAxis(x, 1, padding.Top, padding.Bottom);
        return OnAxis(rows, 2, padding.Left, padding.Right);

        Tensor OnAxis(Tensor t, int axis, int before, int after)
        {
            if (before == 0 && after == 0) return t;
            var extent = t.Shape[axis];
            var indices = new int[Geometry.Extent("Pad2d", $"axis {axis} of the result", (long)extent + before + after)];
            for (var i = 0; i < indices.Length; i++) indices[i] = source(i - before, extent);
            return Product(SparseMatrix.Gather(extent, indices), t, axis, isTemporary: true);
        }
    }
}
