using System.Globalization;
using CnnSharp.Kernels.Reference;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>What a tensor looks like in a console and a debugger. The numbers below the first line are as PyTorch 2.6 prints them.</summary>
public sealed class TensorTextTests
{
    static readonly Device Device = Device.Reference;

    [Fact]
    public void OfFewElementsAllAreShown()
    {
        Assert.Equal("Tensor [3] Int32 on reference\n[0, 1, 2]", Tensor.From(new[] { 0, 1, 2 }, Device).ToString());
        Assert.Equal("Tensor [3] Int32 on reference\n[ -1,   0, 100]", Tensor.From(new[] { -1, 0, 100 }, Device).ToString());
        Assert.Equal("Tensor [2, 3] Float32 on reference\n[[1., 2., 3.],\n [4., 5., 6.]]", Tensor.From(new[,] { { 1f, 2, 3 }, { 4, 5, 6 } }, Device).ToString());
        Assert.Equal("Tensor [2] Float32 on reference\n[ 0.5000, -1.2346]", Tensor.From(new[] { 0.5f, -1.23456f }, Device).ToString());
        Assert.Equal("Tensor [2, 2, 1] Float32 on reference\n[[[1.],\n  [2.]],\n\n [[3.],\n  [4.]]]", Tensor.From([1f, 2, 3, 4], [2, 2, 1], Device).ToString());
        Assert.Equal("Tensor [] Float32 on reference\n42.", Tensor.Full([], 42, Device).ToString());
        Assert.Equal("Tensor [0, 3] Float32 on reference\n[]", Tensor.Zeros([0, 3], Device).ToString());
        Assert.Equal("Tensor [2] UInt8 on reference\n[  7, 255]", Tensor.From(new byte[] { 7, 255 }, Device).ToString());
    }

    [Fact]
    public void NumbersThatAreFarApartAreScientific()
    {
        Assert.Equal("Tensor [3] Float32 on reference\n[1.0000e-05, 1.0000e+00, 0.0000e+00]", Tensor.From(new[] { 1e-5f, 1, 0 }, Device).ToString());
        Assert.Equal("Tensor [2] Float32 on reference\n[5.0000e-01, 1.2346e+03]", Tensor.From(new[] { 0.5f, 1234.56f }, Device).ToString());
        Assert.Equal("Tensor [2] Float32 on reference\n[1.0000e+00, 1.0000e+09]", Tensor.From(new[] { 1, 1e9f }, Device).ToString());
        Assert.Equal("Tensor [4] Float32 on reference\n[1.5000,    nan,    inf,   -inf]", Tensor.From(new[] { 1.5f, float.NaN, float.PositiveInfinity, float.NegativeInfinity }, Device).ToString());
    }

    [Fact]
    public void OfManyTheEdgesAreShownAndReadAlone()
    {
        var counting = Enumerable.Range(0, 1001).ToArray();
        Assert.Equal("Tensor [1001] Int32 on reference\n[   0,    1,    2,  ...,  998,  999, 1000]", Tensor.From(counting, Device).ToString());
        Assert.Equal(
            "Tensor [40, 50] Float32 on reference\n[[  0.,   1.,   2.,  ...,  47.,  48.,  49.],\n [ 50.,  51.,  52.,  ...,  97.,  98.,  99.],\n [100., 101., 102.,  ..., 147., 148., 149.],\n ...,\n"
            + " [850., 851., 852.,  ..., 897., 898., 899.],\n [900., 901., 902.,  ..., 947., 948., 949.],\n [950., 951., 952.,  ..., 997., 998., 999.]]",
            Tensor.From(Array.ConvertAll(Enumerable.Range(0, 2000).ToArray(), i => (float)(i % 1000)), [40, 50], Device).ToString());
        var batch = Tensor.Full([128, 32, 32, 3], 0.25, Device).ToString();
        Assert.StartsWith("Tensor [128, 32, 32, 3] Float32 on reference\n[[[[0.2500, 0.2500, 0.2500],\n   [0.2500, 0.2500, 0.2500],\n   [0.2500, 0.2500, 0.2500],\n   ...,\n", batch, StringComparison.Ordinal);
        Assert.True(batch.Length < 10_000);
    }

    [Fact]
    public void LongRowsAreBroken()
        => Assert.Equal(
            "Tensor [30] Int32 on reference\n[ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17, 18,\n 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29]",
            Tensor.From(Enumerable.Range(0, 30).ToArray(), Device).ToString());

    [Fact]
    public void TheCultureDoesNotMatter()
    {
        var before = CultureInfo.CurrentCulture;
        try
        {
            var swedish = (CultureInfo)CultureInfo.InvariantCulture.Clone();
            (swedish.NumberFormat.NumberDecimalSeparator, swedish.NumberFormat.NegativeSign) = (",", "\u2212");
            CultureInfo.CurrentCulture = swedish;
            Assert.Equal("Tensor [2] Float32 on reference\n[ 0.5000, -1.2500]", Tensor.From(new[] { 0.5f, -1.25f }, Device).ToString());
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Fact]
    public void WhatHasNoElementsSaysWhy()
    {
        var freed = Tensor.From(new[] { 1f }, Device);
        freed.Name = "x";
        freed.Dispose();
        Assert.Equal("Tensor 'x' [1] Float32 on reference (freed)", freed.ToString());
        Assert.Equal("Tensor [5] Float32 on shapes", Tensor.Zeros([5], Device.Shapes).ToString());
        var device = new Device(new ReferenceEngine<float>());
        var disposed = Tensor.Zeros([1], device);
        device.Dispose();
        Assert.Equal("Tensor [1] Float32 on reference (the device was disposed of)", disposed.ToString());
    }

    /// <summary>One axis needs no shape.</summary>
    [Fact]
    public void AnArrayIsATensorOfOneAxis()
    {
        using var whole = Tensor.From(new[] { 0, 1, 2 }, Device);
        Assert.Equal((new Shape(3), Kernels.DType.Int32), (whole.Shape, whole.DType));
        Assert.Equal([0, 1, 2], whole.ToArray<int>());
        using var real = Tensor.From([0.5f, 1.5f], Device);
        Assert.Equal([0.5f, 1.5f], real.ToArray());
        using var onTheBest = Tensor.From(new[] { 0.5, 1.5 });
        Assert.Equal((Device.Best(), new Shape(2)), (onTheBest.Device, onTheBest.Shape));
    }
}
