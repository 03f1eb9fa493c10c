using CnnSharp.Kernels;
using Xunit;
using Numerics = System.Numerics.Tensors;

namespace CnnSharp.Tests;

/// <summary>Tensors to and from spans, arrays and System.Numerics.Tensors: values, shapes, wrong lengths, strides.</summary>
[Collection(DeviceTests.Name)]
public sealed class TensorConversionTests
{
    static readonly float[] Six = [1, 2, 3, 4, 5, 6];

    [Theory]
    [MemberData(nameof(Devices.All), MemberType = typeof(Devices))]
    public void SpansAndArraysComeBackAsTheyWent(string name)
    {
        var device = Devices.Open(name);
        using var x = Tensor.From(Six.AsSpan()[1..5], [2, 2], device);
        Assert.Equal([2f, 3, 4, 5], x.ToArray());
        Assert.Equal([2.0, 3, 4, 5], x.ToArray<double>());
        Span<float> floats = stackalloc float[4];
        x.CopyTo(floats);
        Assert.Equal([2f, 3, 4, 5], floats.ToArray());
        Span<double> doubles = stackalloc double[4];
        x.CopyTo(doubles);
        Assert.Equal([2.0, 3, 4, 5], doubles.ToArray());

        x.CopyFrom<double>([0.5, -1, 1e10, 0]);
        Assert.Equal([0.5f, -1, 1e10f, 0], x.ToArray());

        using var labels = Tensor.From([3, -1, 7], [3], device);
        Assert.Equal(DType.Int32, labels.DType);
        Assert.Equal([3, -1, 7], labels.ToArray<int>());
        using var pixels = Tensor.From([(byte)0, (byte)255], [1, 2], device);
        Assert.Equal(new byte[,] { { 0, 255 } }, (byte[,])pixels.ToNDArray<byte>());
    }

    [Theory]
    [MemberData(nameof(Devices.All), MemberType = typeof(Devices))]
    public void ArraysOfSeveralAxesKeepTheirExtents(string name)
    {
        var device = Devices.Open(name);
        using var matrix = Tensor.From(new float[,] { { 1, 2, 3 }, { 4, 5, 6 } }, device);
        Assert.Equal(new Shape(2, 3), matrix.Shape);
        Assert.Equal(Six, matrix.ToArray());
        Assert.Equal(new double[,] { { 1, 2, 3 }, { 4, 5, 6 } }, (double[,])matrix.ToNDArray<double>());

        using var cube = Tensor.From(new double[,,] { { { 1 }, { 2 } }, { { 3 }, { 4 } }, { { 5 }, { 6 } } }, device);
        Assert.Equal(new Shape(3, 2, 1), cube.Shape);
        Assert.Equal(Six, cube.ToArray());
        Assert.Equal(new float[,,] { { { 1 }, { 2 } }, { { 3 }, { 4 } }, { { 5 }, { 6 } } }, (float[,,])cube.ToNDArray<float>());

        var values = new float[2, 3, 4, 5];
        var next = 0;
        for (var n = 0; n < 2; n++)
            for (var h = 0; h < 3; h++)
                for (var w = 0; w < 4; w++)
                    for (var c = 0; c < 5; c++) values[n, h, w, c] = next++;
        using var images = Tensor.From(values, device);
        Assert.Equal(new Shape(2, 3, 4, 5), images.Shape);
        Assert.Equal(Enumerable.Range(0, 120).Select(i => (float)i), images.ToArray());
        Assert.Equal(values, (float[,,,])images.ToNDArray<float>());

        using var row = Tensor.From(Six, [6], device);
        Assert.Equal(Six, (float[])row.ToNDArray<float>());

        using var empty = Tensor.From(new float[0, 3], device);
        Assert.Equal(new Shape(0, 3), empty.Shape);
        Assert.Equal(new float[0, 3], (float[,])empty.ToNDArray<float>());
    }

    [Theory]
    [MemberData(nameof(Devices.All), MemberType = typeof(Devices))]
    public void SystemNumericsTensorsComeBackAsTheyWent(string name)
    {
        var device = Devices.Open(name);
        using var x = Tensor.From(Numerics.Tensor.Create(Six, [2, 3]), device);
        Assert.Equal(new Shape(2, 3), x.Shape);
        Assert.Equal(Six, x.ToArray());

        var back = x.ToNumericsTensor();
        Assert.Equal([2, 3], back.Lengths.ToArray());
        Assert.Equal(6, back[1, 2]);
        Assert.Equal(4, back[1, 0]);
        var doubles = x.ToNumericsTensor<double>();
        Assert.Equal(5.0, doubles[1, 1]);
    }

    /// <summary>Slices, strides and axes of length 1 that stand for many: the elements that are seen, in the order in which they are.</summary>
    [Fact]
    public void StridedSystemNumericsTensorsGiveWhatTheyShow()
    {
        var whole = Numerics.Tensor.Create([.. Enumerable.Range(0, 12).Select(i => (float)i)], [3, 4]);
        using var columns = Tensor.From(whole.Slice(new System.Buffers.NRange(0, 3), new System.Buffers.NRange(1, 3)));
        Assert.Equal(new Shape(3, 2), columns.Shape);
        Assert.Equal([1f, 2, 5, 6, 9, 10], columns.ToArray());

        using var every = Tensor.From(new Numerics.ReadOnlyTensorSpan<float>(Six, [3], [2]));
        Assert.Equal([1f, 3, 5], every.ToArray());

        using var transposed = Tensor.From(new Numerics.ReadOnlyTensorSpan<float>(Six, [3, 2], [1, 3]));
        Assert.Equal([1f, 4, 2, 5, 3, 6], transposed.ToArray());

        using var repeated = Tensor.From(new Numerics.ReadOnlyTensorSpan<float>(Six.AsSpan(0, 2), [3, 2], [0, 1]));
        Assert.Equal([1f, 2, 1, 2, 1, 2], repeated.ToArray());
    }

    [Fact]
    public void AStridedDestinationIsWrittenWhereItShows()
    {
        var whole = new float[12];
        using var x = Tensor.From(new float[,] { { 1, 2 }, { 3, 4 }, { 5, 6 } });
        x.CopyTo(new Numerics.TensorSpan<float>(whole.AsSpan(1), [3, 2], [4, 1]));
        Assert.Equal([0f, 1, 2, 0, 0, 3, 4, 0, 0, 5, 6, 0], whole);
        var wrong = Assert.Throws<ShapeException>(() => x.CopyTo(new Numerics.TensorSpan<float>(new float[6], [2, 3], [3, 1])));
        Assert.Equal("Tensor.CopyTo: [3, 2] does not fit a destination [2, 3].", wrong.Message);
    }

    [Fact]
    public void WrongLengthsAndTypesAreRefused()
    {
        using var x = Tensor.From(Six, [2, 3]);
        x.Name = "x";
        Assert.Equal("Tensor.From: 6 values do not fill [2, 2] (4 elements).", Assert.Throws<ShapeException>(() => Tensor.From(Six, [2, 2])).Message);
        Assert.Equal("Tensor.CopyFrom: 5 values do not fill 'x' [2, 3] (6 elements).", Assert.Throws<ShapeException>(() => x.CopyFrom<float>(Six.AsSpan(1))).Message);
        Assert.Equal("Tensor.CopyTo: 'x' [2, 3] has 6 elements, the destination 5.", Assert.Throws<ShapeException>(() => x.CopyTo(new float[5].AsSpan())).Message);
        Assert.Equal("Tensor.CopyTo: 'x' [2, 3] has 6 elements, the destination 7.", Assert.Throws<ShapeException>(() => x.CopyTo(new float[7].AsSpan())).Message);
        Assert.Contains("6 Int32 elements", Assert.Throws<ArgumentException>(() => x.ToArray<int>()).Message, StringComparison.Ordinal);
        Assert.Throws<NotSupportedException>(() => Tensor.From(new long[1, 1]));
        using var scalar = Tensor.Full([], 1);
        Assert.Equal("Tensor.ToNDArray: [] has no axes; read it by Item().", Assert.Throws<ShapeException>(() => scalar.ToNDArray<float>()).Message);
        using var deep = Tensor.Full([1, 1, 1, 1, 1], 1);
        Assert.Equal("Tensor.ToNDArray: [1, 1, 1, 1, 1] has 5 axes; arrays of 1 to 4 are made.", Assert.Throws<ShapeException>(() => deep.ToNDArray<float>()).Message);
        Assert.Equal("Tensor.ToNumericsTensor: [] has no axes; read it by Item().", Assert.Throws<ShapeException>(() => scalar.ToNumericsTensor()).Message);
        Assert.Equal("Tensor.From: 0 values do not fill [] (1 elements).", Assert.Throws<ShapeException>(() => Tensor.From(default(Numerics.ReadOnlyTensorSpan<float>))).Message);
    }

    /// <summary>A copy has no history; what it was copied from has its own as before, and cannot be given other values behind the tape's back.</summary>
    [Fact]
    public void GradientsAreNotLostSilently()
    {
        using var x = Tensor.From(Six, [2, 3]);
        x.RequiresGrad = true;
        var y = x * x;
        var copy = y.ToNumericsTensor();
        using var again = Tensor.From(copy);
        Assert.False(again.RequiresGrad);
        Assert.Throws<InvalidOperationException>(() => again.Backward(again));

        Assert.Equal("Tensor.CopyFrom: 'Multiply' [2, 3] is the result of a recorded operation, whose gradients would be wrong for other values. Write to a tensor of your own, or to Detach() of this one.", Assert.Throws<InvalidOperationException>(() => y.CopyFrom<float>(new float[6])).Message);

        // Changing the copy changes nothing here.
        copy[0, 0] = 1000;
        Functional.Sum(y).Backward();
        using var gradient = x.Gradient!;
        Assert.Equal([2f, 4, 6, 8, 10, 12], gradient.ToArray());
    }

    [Fact]
    public void ATensorGoesToAnotherDevice()
    {
        using var x = Tensor.From(Six, [2, 3], Device.Reference);
        Assert.Same(x, x.To(Device.Reference));
        using var wide = x.To(Device.ReferenceFloat64);
        Assert.Equal((DType.Float64, new Shape(2, 3), Device.ReferenceFloat64), (wide.DType, wide.Shape, wide.Device));
        using var back = wide.To(Device.Cpu);
        Assert.Equal(Six, back.ToArray());
        using var labels = Tensor.From([1, -2], [2], Device.Reference).To(Device.Cpu);
        Assert.Equal([1, -2], labels.ToArray<int>());

        x.RequiresGrad = true;
        Assert.Equal("Tensor.To: [2, 3] wants a gradient, and none flows from cpu back to reference; copy Detach() of it.", Assert.Throws<InvalidOperationException>(() => x.To(Device.Cpu)).Message);
        using var copy = x.Detach().To(Device.Cpu);
        Assert.Equal(Six, copy.ToArray());
    }

    [Fact]
    public void AShapeIsWrittenAsAList()
    {
        Shape shape = [2, 3, 4];
        Assert.Equal(new Shape(2, 3, 4), shape);
        Assert.Equal(24, shape.Count);
        Shape scalar = [];
        Assert.Equal(0, scalar.Rank);
        var sum = 0;
        foreach (var extent in shape) sum += extent;
        Assert.Equal(9, sum);
        Assert.Equal("Shape: extents must not be negative: [2, -1].", Assert.Throws<ShapeException>(() => Tensor.Zeros([2, -1])).Message);
    }
}
