using CnnSharp.Kernels;
using Xunit;

namespace CnnSharp.Tests;

[Collection(DeviceTests.Name)]
public sealed class IndexingTests
{
    static readonly Device Device = Device.Reference;

    [Fact]
    public void TheLargestComeInOrderWithTheirPlaces()
    {
        var x = Tensor.From([1, float.NaN, 3, 3, -1, 2f], new(1, 6), Device);
        var (values, indices) = Functional.TopK(x, 4);
        Assert.Equal([float.NaN, 3, 3, 2], values.ToArray());
        Assert.Equal([1, 2, 3, 5], indices.ToArray<int>());
        (values, indices) = Functional.TopK(x, 6, largest: false);
        Assert.Equal([-1, 1, 2, 3, 3, float.NaN], values.ToArray());
        Assert.Equal([4, 0, 5, 2, 3, 1], indices.ToArray<int>());
    }

    /// <summary>More columns than a task has, and more elements than float sums hold exactly.</summary>
    [Theory]
    [MemberData(nameof(Devices.All), MemberType = typeof(Devices))]
    public void LongAndWideAxes(string name)
    {
        var device = Devices.Open(name);
        var wide = Tensor.From([.. Enumerable.Range(0, 3 * 70_000).Select(i => i % 7 - 3f)], new(3, 70_000), device);
        var sums = Functional.CumulativeSum(wide, 0).ToArray();
        for (var i = 0; i < 70_000; i++) Assert.Equal((i % 7) + ((i + 70_000) % 7) + ((i + 140_000) % 7) - 9f, sums[140_000 + i]);
        var places = Tensor.From([.. Enumerable.Range(0, 2 * 70_000).Select(i => i % 3)], new(2, 70_000), device);
        var gathered = Functional.Gather(wide, 0, places).ToArray();
        for (var i = 0; i < gathered.Length; i++) Assert.Equal((((i % 3 * 70_000) + (i % 70_000)) % 7) - 3f, gathered[i]);

        var many = Tensor.Full(new(50_000, 2), 0.1, device);
        Assert.Equal(5000, Functional.CumulativeSum(many, 0).ToArray()[^1], name.StartsWith("cpu", StringComparison.Ordinal) || name.StartsWith("reference", StringComparison.Ordinal) ? 1e-3f : 5);
    }

    /// <summary>What meets in one place is added in order, whatever the threads.</summary>
    [Fact]
    public void ScatteringGivesTheSameBytesForAnyNumberOfThreads()
    {
        var random = new Random(3);
        var values = Enumerable.Range(0, 40_000).Select(_ => random.NextSingle()).ToArray();
        var places = Enumerable.Range(0, 40_000).Select(_ => random.Next(5)).ToArray();
        float[]? expected = null;
        foreach (var threads in new[] { 1, 2, 5 })
        {
            using var device = new Device(new Kernels.Cpu.CpuEngine(threads));
            var y = Functional.ScatterAdd(Tensor.Zeros(new(100, 5, 4), device), 1, Tensor.From(places, new(100, 100, 4), device), Tensor.From(values, new(100, 100, 4), device)).ToArray();
            Assert.Equal(expected ??= y, y);
        }
    }

    [Fact]
    public void PoolingAndUnpoolingKeepTheMaximaWhereTheyWere()
    {
        var x = Tensor.From([1f, 2, 3, 9, 5, 6, 8, 7], new(1, 2, 4, 1), Device);
        var (values, indices) = Functional.MaxPool2dWithIndices(x, 2);
        Assert.Equal([6f, 9], values.ToArray());
        Assert.Equal([5, 3], indices.ToArray<int>());
        Assert.Equal([0f, 0, 0, 9, 0, 6, 0, 0], Functional.MaxUnpool2d(values, indices, (2, 4)).ToArray());
    }

    [Fact]
    public void WhatDoesNotFitIsNamed()
    {
        var x = Tensor.Zeros(new(2, 3), Device);
        var indices = Tensor.From(new int[2], new(1, 2), Device);
        Assert.Equal("Gather: there is no axis 2 in [2, 3].", Assert.Throws<ShapeException>(() => Functional.Gather(x, 2, indices)).Message);
        Assert.Equal("Gather: expected indices shaped like [2, 3] but for axis 1, got [1, 2].", Assert.Throws<ShapeException>(() => Functional.Gather(x, 1, indices)).Message);
        Assert.StartsWith("Gather: expected indices from 0 to 2, within axis 1 of [2, 3].", Assert.Throws<ArgumentOutOfRangeException>(() => Functional.Gather(x, 1, Tensor.From([0, 1, 2, 3], new(2, 2), Device))).Message, StringComparison.Ordinal);
        Assert.StartsWith("IndexSelect: expected indices from 0 to 1, within axis 0 of [2, 3].", Assert.Throws<ArgumentOutOfRangeException>(() => Functional.IndexSelect(x, 0, -1)).Message, StringComparison.Ordinal);
        Assert.Equal("TopK: expected 1 to 3 elements of axis -1 of [2, 3], got 4.", Assert.Throws<ShapeException>(() => Functional.TopK(x, 4)).Message);
        Assert.Equal("ScatterAdd: expected a source shaped like the indices [1, 2], got [2, 3].", Assert.Throws<ShapeException>(() => Functional.ScatterAdd(x, 0, indices, x)).Message);
        var images = Tensor.Zeros(new(1, 3, 4, 2), Device);
        Assert.Contains("mirrors more rows or columns than [1, 3, 4, 2] has", Assert.Throws<ShapeException>(() => Functional.ReflectPad2d(images, new(3, 0, 0, 0))).Message, StringComparison.Ordinal);
        Assert.Contains("nearest neighbors have neither", Assert.Throws<ArgumentException>(() => Functional.Interpolate(images, 2, InterpolationMode.Nearest, antialias: true)).Message, StringComparison.Ordinal);
    }
}
