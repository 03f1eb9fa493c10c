using CnnSharp.Data;
using Xunit;
using Kind = CnnSharp.Data.RandomOperations.Kind;

namespace CnnSharp.Tests;

/// <summary>Each operation of RandAugment by values worked out from its definition.</summary>
public class RandomOperationsTests
{
    // Half of the strongest: factors of 1.45 and 0.55, solarize from 127.5, posterize to 6 bits.
    static byte[] Apply(Kind kind, byte[] pixels, int channels, int height, int width, int sign = 1, int magnitude = 15)
    {
        byte[] copy = [.. pixels];
        new RandomOperations(1, magnitude).Apply(kind, sign, copy, channels, height, width);
        return copy;
    }

    [Fact]
    public void ValuesAreThoseOfTheDefinitions()
    {
        byte[] gray = [10, 100, 127, 128, 200, 255];
        Assert.Equal(gray, Apply(Kind.Identity, gray, 1, 2, 3));
        Assert.Equal([10, 100, 127, 127, 55, 0], Apply(Kind.Solarize, gray, 1, 2, 3));
        Assert.Equal([0, 155, 128, 127, 55, 0], Apply(Kind.Solarize, [255, 100, 127, 128, 200, 255], 1, 2, 3, magnitude: 30));
        Assert.Equal([8, 100, 124, 128, 200, 252], Apply(Kind.Posterize, gray, 1, 2, 3));
        Assert.Equal([15, 145, 184, 186, 255, 255], Apply(Kind.Brightness, gray, 1, 2, 3));
        Assert.Equal([6, 55, 70, 70, 110, 140], Apply(Kind.Brightness, gray, 1, 2, 3, sign: -1));
        Assert.Equal(gray, Apply(Kind.Brightness, gray, 1, 2, 3, magnitude: 0));

        // About the mean, 136.67: 10 would go to -47, 200 goes to 228.5.
        Assert.Equal([0, 84, 123, 124, 229, 255], Apply(Kind.Contrast, gray, 1, 2, 3));
        Assert.Equal([67, 117, 131, 132, 172, 202], Apply(Kind.Contrast, gray, 1, 2, 3, sign: -1));

        // 10 to 255 become 0 to 255, each channel for itself; one color stays.
        Assert.Equal([0, 94, 122, 123, 198, 255], Apply(Kind.AutoContrast, gray, 1, 2, 3));
        Assert.Equal([0, 7, 0, 255, 7, 255], Apply(Kind.AutoContrast, [10, 7, 20, 30, 7, 21], 3, 1, 2));
    }

    /// <summary>A hundred dark and a hundred and fifty-five light ones, below the two hundredfold brightest: a step is one pixel.</summary>
    [Fact]
    public void EqualizeCountsThePixelsBelow()
    {
        byte[] pixels = [.. Enumerable.Repeat((byte)10, 100), .. Enumerable.Repeat((byte)20, 155), .. Enumerable.Repeat((byte)30, 45)];
        var flat = Apply(Kind.Equalize, pixels, 1, 15, 20);
        Assert.Equal([.. Enumerable.Repeat((byte)0, 100), .. Enumerable.Repeat((byte)100, 155), .. Enumerable.Repeat((byte)255, 45)], flat);
        byte[] few = [1, 2, 3, 4];
        Assert.Equal(few, Apply(Kind.Equalize, few, 1, 2, 2));
    }

    [Fact]
    public void ColorIsTheDistanceFromGray()
    {
        byte[] colors = [90, 90, 90, 200, 100, 50];
        var more = Apply(Kind.Color, colors, 3, 1, 2);
        Assert.All(more[..3], value => Assert.InRange(value, 89, 91));

        // Gray is 0.299 200 + 0.587 100 + 0.114 50 = 124.2.
        foreach (var (value, color) in more[3..].Zip(colors[3..])) Assert.InRange(value, 124.2 + (1.45 * (color - 124.2)) - 1.5, 124.2 + (1.45 * (color - 124.2)) + 1.5);
        Assert.Equal(colors[..2], Apply(Kind.Color, colors[..2], 1, 1, 2));
    }

    [Fact]
    public void SharpnessIsTheDistanceFromTheSmoothed()
    {
        // The middle: (5 130 + 8 0) / 13 = 50; 50 + 1.45 80 = 166, 50 + 0.55 80 = 94. The edge stays.
        byte[] point = [0, 0, 0, 0, 130, 0, 0, 0, 0];
        Assert.Equal([0, 0, 0, 0, 166, 0, 0, 0, 0], Apply(Kind.Sharpness, point, 1, 3, 3));
        Assert.Equal([0, 0, 0, 0, 94, 0, 0, 0, 0], Apply(Kind.Sharpness, point, 1, 3, 3, sign: -1));
    }

    [Fact]
    public void GeometryMovesPixels()
    {
        // Ten columns by 150/331 of their half: 2.27, so 2 pixels; a positive magnitude reads to the right.
        byte[] row = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
        Assert.Equal([3, 4, 5, 6, 7, 8, 9, 10, 0, 0], Apply(Kind.TranslateX, row, 1, 1, 10));
        Assert.Equal([0, 0, 1, 2, 3, 4, 5, 6, 7, 8], Apply(Kind.TranslateX, row, 1, 1, 10, sign: -1));
        Assert.Equal([3, 4, 5, 6, 7, 8, 9, 10, 0, 0], Apply(Kind.TranslateY, row, 1, 10, 1));
        Assert.Equal(row, Apply(Kind.TranslateY, row, 1, 1, 10));

        // Sheared by 0.15: row i reads 0.15 (i + 0.5) to the right, interpolated: 0.075 and 0.225.
        Assert.Equal([108, 185, 123, 155], Apply(Kind.ShearX, [100, 200, 100, 200], 1, 2, 2));
        byte[] square = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        Assert.Equal(square, Apply(Kind.Rotate, square, 1, 3, 3, magnitude: 0));
        Assert.Equal(Apply(Kind.ShearX, square, 1, 3, 3), Transposed(Apply(Kind.ShearY, Transposed(square), 1, 3, 3)));
        Assert.NotEqual(square, Apply(Kind.Rotate, square, 1, 3, 3, magnitude: 30));

        static byte[] Transposed(byte[] square) => [.. Enumerable.Range(0, 9).Select(i => square[(i % 3 * 3) + (i / 3)])];
    }

    /// <summary>Every operation occurs, either way; what an image gets depends on seed, epoch and position alone.</summary>
    [Fact]
    public void OperationsAreDrawnByPosition()
    {
        var pixels = Enumerable.Range(0, 8 * 8 * 3).Select(i => (byte)((i * 37) % 251)).ToArray();
        var augment = Augment.RandAugment(1, 20);
        var outcomes = Enumerable.Range(0, 400).Select(position => Convert.ToHexString(Render(augment, position))).ToHashSet();

        // Of 14, identity has one outcome, four others too, and nine have two.
        var possible = Enum.GetValues<Kind>().SelectMany(kind => new[] { 1, -1 }.Select(sign => Convert.ToHexString(Apply(kind, pixels, 3, 8, 8, sign, 20)))).ToHashSet();
        Assert.Equal(possible.Order(), outcomes.Order());
        Assert.InRange(possible.Count, 20, 23);
        var several = Augment.RandAugment(8, 9);
        Assert.Equal(Render(several, 5), Render(several, 5));
        Assert.NotEqual(Render(several, 5), Render(several, 6));

        byte[] Render(Augment augment, int position)
        {
            var target = new byte[pixels.Length];
            augment.Render(new(pixels, 8, 8), 3, 8, 8, target, [0, 0, 0], seed: 1, stream: 2, position);
            return target;
        }
    }
}
