using CnnSharp.Kernels;

namespace CnnSharp.Layers;

/// <summary>
/// A model that looks at several views of each image [N, H, W, C] and gives the mean of its results for them (of classifiers the
/// mean of the logits, as Jordan 2024 has it): <c>Trainer.Evaluate(TestTimeAugmentation.Mirror(model), test)</c>. It takes as many forward passes as there are views.
/// </summary>
public sealed class TestTimeAugmentation : Layer
{
    readonly Layer model;
    readonly int shift;
    readonly Size2d? crop;
    readonly bool mirrors;

    TestTimeAugmentation(Layer model, bool mirrors, int shift = 0, Size2d? crop = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        (this.model, this.mirrors, this.shift, this.crop) = (model, mirrors, shift, crop);
        SetTraining(model.IsTraining);
    }

    /// <summary>Two views: the image, and it mirrored left to right.</summary>
    /// <param name="model">What is asked.</param>
    public static TestTimeAugmentation Mirror(Layer model) => new(model, mirrors: true);

    /// <summary>
    /// Six views (Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU", section 3.5): the image, and it shifted by one pixel towards two opposite corners, each mirrored too.
    /// The image itself counts for half, the shifted ones for a quarter each; what comes into view is reflected.
    /// </summary>
    /// <param name="model">What is asked.</param>
    /// <param name="pixels">How far; default 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">Fewer than one pixel.</exception>
    public static TestTimeAugmentation MirrorAndShift(Layer model, int pixels = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(pixels, 1);
        return new(model, mirrors: true, pixels);
    }

    /// <summary>The four corners and the middle of larger images than the model takes (Krizhevsky et al. 2012), mirrored too if asked: five views or ten.</summary>
    /// <param name="model">What is asked.</param>
    /// <param name="size">Rows and columns of a view.</param>
    /// <param name="mirrors">Whether each is taken mirrored too; default false.</param>
    /// <exception cref="ArgumentOutOfRangeException">A view without pixels.</exception>
    public static TestTimeAugmentation FiveCrops(Layer model, Size2d size, bool mirrors = false)
    {
        if (size.H < 1 || size.W < 1) throw new ArgumentOutOfRangeException(nameof(size), size, "TestTimeAugmentation: expected views of at least one row and column.");
        return new(model, mirrors, crop: size);
    }

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x)
    {
        if (x.Shape.Rank != 4) throw new ShapeException(nameof(TestTimeAugmentation), $"expected images [N, H, W, C], got {x.Shape}.");
        if (crop is { } size) return OfCrops(x, size);
        var whole = OfView(x);
        if (shift == 0) return whole;
        var (height, width) = (x.Shape[1], x.Shape[2]);
        var padded = Functional.ReflectPad2d(x, shift);
        var shifted = OfView(Part(padded, 0, 0, height, width)) + OfView(Part(padded, 2 * shift, 2 * shift, height, width));
        return (whole * 0.5) + (shifted * 0.25);
    }

    Tensor OfCrops(Tensor x, Size2d size)
    {
        var (down, right) = (x.Shape[1] - size.H, x.Shape[2] - size.W);
        if (down < 0 || right < 0) throw new ShapeException(nameof(TestTimeAugmentation), $"views of {size.H} x {size.W} do not fit into images {x.Shape}.");
        var sum = OfView(Part(x, 0, 0, size.H, size.W));
        foreach (var (top, left) in new[] { (0, right), (down, 0), (down, right), (down / 2, right / 2) }) sum += OfView(Part(x, top, left, size.H, size.W));
        return sum * 0.2;
    }

    /// <summary>The result of a view, of it and its mirror image the mean.</summary>
    Tensor OfView(Tensor view)
    {
        var result = model.Forward(view);
        if (!mirrors) return result;
        var columns = new int[view.Shape[2]];
        for (var j = 0; j < columns.Length; j++) columns[j] = columns.Length - 1 - j;
        return (result + model.Forward(Functional.IndexSelect(view, 2, columns))) * 0.5;
    }

    static Tensor Part(Tensor x, int top, int left, int height, int width) => Functional.Slice(Functional.Slice(x, 1, top, height), 2, left, width);
}
