using CnnSharp.Kernels;
using CnnSharp.Kernels.Cpu;
using CnnSharp.Training;
using Xunit;

namespace CnnSharp.Tests;

[Collection(DeviceTests.Name)]
public sealed class GridSampleTests
{
    /// <summary>A row of three pixels 1, 2, 4 (edges at -1 and 1, centers at -2/3, 0, 2/3), read at x.</summary>
    [Theory]
    [InlineData(InterpolationMode.Bilinear, GridPadding.Zeros, false, new[] { 0, 1f / 3, -1, 1, 2, -2 }, new[] { 2, 3f, 0.5f, 2, 0, 0 })]
    [InlineData(InterpolationMode.Bilinear, GridPadding.Zeros, true, new[] { 0, 0.5f, -1, 1, 1.5f, 2 }, new[] { 2, 3f, 1, 4, 2, 0 })]
    [InlineData(InterpolationMode.Bilinear, GridPadding.Border, false, new[] { -1, 1, 9, -9, 1e30f, float.NegativeInfinity }, new[] { 1, 4f, 4, 1, 4, 1 })]
    [InlineData(InterpolationMode.Bilinear, GridPadding.Reflection, true, new[] { 1.5f, 2, 3, 4, 5, -2 }, new[] { 3f, 2, 1, 2, 4, 2 })]
    [InlineData(InterpolationMode.Nearest, GridPadding.Zeros, false, new[] { -0.4f, 0.3f, -1, 1.001f, 0.99f, -1.1f }, new[] { 1, 2f, 1, 0, 4, 0 })]
    [InlineData(InterpolationMode.Nearest, GridPadding.Reflection, false, new[] { 4f / 3, 2, 8f / 3, 4, -4f / 3, -2 }, new[] { 4f, 2, 1, 2, 1, 2 })]
    [InlineData(InterpolationMode.Bicubic, GridPadding.Border, false, new[] { 0, -2f / 3, 1f / 3, 9, -9, 1 }, new[] { 2, 1f, 3.09375f, 4, 1, 4.1875f })]
    public void PlacesInsideAndOutside(InterpolationMode mode, GridPadding padding, bool alignCorners, float[] places, float[] expected)
    {
        foreach (var device in new[] { Device.Reference, Device.Cpu })
        {
            var x = Tensor.From([1, 2, 4f], new(1, 1, 3, 1), device);
            var grid = Tensor.From([.. places.SelectMany(place => new[] { place, 0 })], new(1, 1, places.Length, 2), device);
            var y = Functional.GridSample(x, grid, mode, padding, alignCorners).ToArray();
            for (var i = 0; i < y.Length; i++) Assert.Equal(expected[i], y[i], 1e-5f);
        }
    }

    /// <summary>PyTorch's rule: of two pixels equally near the even one.</summary>
    [Fact]
    public void BetweenTwoPixelsTheEvenOneIsTheNearest()
    {
        var x = Tensor.From([1, 2, 4, 8, 16f], new(1, 1, 5, 1), Device.Cpu);
        var grid = Tensor.From([-0.75f, 0, -0.25f, 0, 0.25f, 0, 0.75f, 0], new(1, 1, 4, 2), Device.Cpu);
        Assert.Equal([1f, 4, 4, 16], Functional.GridSample(x, grid, InterpolationMode.Nearest, alignCorners: true).ToArray());
    }

    /// <summary>A place that is not a number reads zeros, or the first pixel, and leaves no NaN in any gradient.</summary>
    [Theory]
    [MemberData(nameof(Devices.All), MemberType = typeof(Devices))]
    public void PlacesThatAreNoNumbers(string name)
    {
        var device = Devices.Open(name);
        foreach (var mode in Enum.GetValues<InterpolationMode>())
        {
            foreach (var padding in Enum.GetValues<GridPadding>())
            {
                using var x = Tensor.From([1, 2, 3, 4f], new(1, 2, 2, 1), device);
                using var grid = Tensor.From([float.NaN, 0, float.PositiveInfinity, float.NegativeInfinity], new(1, 1, 2, 2), device);
                (x.RequiresGrad, grid.RequiresGrad) = (true, true);
                using var y = Functional.GridSample(x, grid, mode, padding).Keep();
                using var dy = Tensor.Full(y.Shape, 1, device);
                y.Backward(dy);
                using Tensor dx = x.Gradient!, dgrid = grid.Gradient!;
                Assert.All([.. y.ToArray(), .. dx.ToArray(), .. dgrid.ToArray()], value => Assert.True(float.IsFinite(value), $"{mode} {padding}: {value}"));
                if (padding == GridPadding.Zeros) Assert.Equal([0f, 0], y.ToArray());
                if (padding == GridPadding.Border) Assert.Equal(2f, y.ToArray()[1], 1e-5f);
            }
        }
    }

    /// <summary>More places than a task has, forward and backward, in one image (whose rows are cut into bands) and in many.</summary>
    [Theory]
    [MemberData(nameof(Devices.All), MemberType = typeof(Devices))]
    public void ManyPlacesAsTheReferenceHasThem(string name)
    {
        var device = Devices.Open(name);
        foreach (var (images, height, channels, outHeight) in new[] { (1, 37, 3, 90), (20, 5, 17, 8) })
        {
            var (x, grid, dy) = Random(images, height, 23, channels, outHeight, 91);
            var expected = Run(Device.ReferenceFloat64, x, grid, dy, InterpolationMode.Bilinear);
            var actual = Run(device, x, grid, dy, InterpolationMode.Bilinear);
            foreach (var (e, a) in expected.Zip(actual))
            {
                var bound = 2e-5 * e.Max(Math.Abs);
                for (var i = 0; i < e.Length; i++) Assert.Equal(e[i], a[i], bound);
            }
        }
    }

    /// <summary>What meets in one pixel is added in the order of the places, whatever the threads.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(40)]
    public void TheSameBytesForAnyNumberOfThreads(int images)
    {
        var (x, grid, dy) = Random(images, 11, 9, 5, 40, 60);
        foreach (var mode in Enum.GetValues<InterpolationMode>())
        {
            double[][]? expected = null;
            foreach (var threads in new[] { 1, 2, 5 })
            {
                using var device = new Device(new CpuEngine(threads));
                var results = Run(device, x, grid, dy, mode);
                Assert.Equal(expected ??= results, results);
            }
        }
    }

    /// <summary>An image is found again: only its grid is trained, a shift of half a pixel.</summary>
    [Fact]
    public void AGridIsTrained()
    {
        var device = Device.Cpu;
        using var x = Tensor.From([.. Enumerable.Range(0, 64).Select(i => MathF.Sin(i % 8 * 0.7f) + MathF.Cos(i / 8 * 0.5f))], new(1, 8, 8, 1), device);
        using var identity = Tensor.From([.. Enumerable.Range(0, 64).SelectMany(i => new[] { ((i % 8 * 2) + 1) / 8f - 1, ((i / 8 * 2) + 1) / 8f - 1 })], new(1, 8, 8, 2), device);
        using var shift = Tensor.From([0.125f, -0.125f], new(2), device);
        using var wanted = Functional.GridSample(x, identity + shift, padding: GridPadding.Border).Keep();
        using var found = Tensor.Zeros(new(2), device);
        found.RequiresGrad = true;
        var optimizer = new Adam([found], learningRate: 0.01f);
        for (var step = 0; step < 200; step++)
        {
            using var loss = Functional.MeanSquaredError(Functional.GridSample(x, identity + found, padding: GridPadding.Border), wanted);
            loss.Backward();
            optimizer.Step();
        }

        Assert.Equal(0.125f, found.ToArray()[0], 5e-3f);
        Assert.Equal(-0.125f, found.ToArray()[1], 5e-3f);
    }

    [Fact]
    public void WhatDoesNotFitIsNamed()
    {
        var x = Tensor.Zeros(new(2, 3, 4, 5), Device.Reference);
        var grid = Tensor.Zeros(new(2, 6, 7, 2), Device.Reference);
        Assert.Equal([2, 6, 7, 5], Functional.GridSample(x, grid).Shape.ToArray());
        Assert.Equal("GridSample: expected a grid [2, outH, outW, 2] of places in [2, 3, 4, 5], got [2, 3, 4, 5].", Assert.Throws<ShapeException>(() => Functional.GridSample(x, x)).Message);
        Assert.Equal("GridSample: expected an input [N, H, W, C] with pixels, got [2, 0, 4, 5].", Assert.Throws<ShapeException>(() => Functional.GridSample(Tensor.Zeros(new(2, 0, 4, 5), Device.Reference), grid)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => Functional.GridSample(x, grid, (InterpolationMode)7));
        Assert.Throws<ArgumentOutOfRangeException>(() => Functional.GridSample(x, grid, padding: (GridPadding)7));
    }

    static (Given X, Given Grid, Given Dy) Random(int images, int height, int width, int channels, int outHeight, int outWidth)
    {
        var random = new Random(7);
        return (Fill(new(images, height, width, channels)), Fill(new(images, outHeight, outWidth, 2)), Fill(new(images, outHeight, outWidth, channels)));

        Given Fill(Shape shape) => new(shape, [.. Enumerable.Range(0, (int)shape.Count).Select(_ => (2.2f * random.NextSingle()) - 1.1f)]);
    }

    static double[][] Run(Device device, Given x, Given grid, Given dy, InterpolationMode mode)
    {
        using Tensor input = x.On(device), places = grid.On(device), upstream = dy.On(device);
        (input.RequiresGrad, places.RequiresGrad) = (true, true);
        using var y = Functional.GridSample(input, places, mode).Keep();
        y.Backward(upstream);
        using Tensor byInput = input.Gradient!, byGrid = places.Gradient!;
        return [y.ToArray<double>(), byInput.ToArray<double>(), byGrid.ToArray<double>()];
    }

    sealed record Given(Shape Shape, float[] Values)
    {
        public Tensor On(Device device) => Tensor.From(Values, Shape, device);
    }
}
