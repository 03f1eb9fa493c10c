using CnnSharp.Kernels;
using Xunit;
using static CnnSharp.Functional;

namespace CnnSharp.Tests;

/// <summary>Sizes whose sums and products pass 2^31 or 2^63: computed right, or refused by a message that names the quantity.</summary>
[Collection(DeviceTests.Name)]
public sealed class ExtremeShapeTests
{
    const int Max = int.MaxValue;

    static readonly Device Shapes = new(new ShapeEngine());

    static readonly Device NoArithmetic = new(new NoArithmeticEngine());

    public static TheoryData<string> DeviceNames => [.. Devices.SinglePrecision];

    public static TheoryData<string> Refused => [.. Refusals.Keys];

    static readonly Dictionary<string, (Action Act, string Message)> Refusals = new()
    {
        ["dilation"] = (() => Conv2d(T(1, 10, 10, 3), T(3, 3, 3, 4), options: new() { Dilation = Max }), "Conv2d: the kernel is larger than the padded input"),
        ["dilation in rows"] = (() => Conv2d(T(1, 10, 10, 3), T(Max, 1, 3, 4), options: new() { Dilation = (Max, 1) }), "Conv2d: the kernel is larger than the padded input"),
        ["padding"] = (() => Conv2d(T(1, 10, 10, 3), T(3, 3, 3, 4), options: new() { Padding = Max }), "Conv2d: the padded height is 4,294,967,304; an axis has at most 2,147,483,647."),
        ["padding of one side"] = (() => Conv2d(T(1, 10, 10, 3), T(3, 3, 3, 4), options: new() { Padding = new(0, 0, Max, 0) }), "Conv2d: the padded width is 2,147,483,657; an axis has at most 2,147,483,647."),
        ["groups"] = (() => Conv2d(T(1, 4, 4, 4), T(3, 3, 1 << 30, 4), options: new() { Groups = 4 }), "Conv2d: the input has 4 channels, the weights expect 4294967296."),
        ["transposed: stride"] = (() => ConvTranspose2d(T(1, 10, 10, 3), T(3, 3, 3, 4), options: new() { Stride = Max }), "ConvTranspose2d: the height before padding is taken off is 19,327,352,826; an axis has at most 2,147,483,647."),
        ["transposed: dilation"] = (() => ConvTranspose2d(T(1, 10, 10, 3), T(3, 3, 3, 4), options: new() { Dilation = Max }), "ConvTranspose2d: the height before padding is taken off is 4,294,967,304; an axis has at most 2,147,483,647."),
        ["transposed: padding"] = (() => ConvTranspose2d(T(1, 10, 10, 3), T(3, 3, 3, 4), options: new() { Padding = Max }), "ConvTranspose2d: padding 2147483647 leaves -4294967282 x -4294967282 outputs."),
        ["pool: kernel"] = (() => MaxPool2d(T(1, 10, 10, 3), Max), "Pool2d: the kernel 2147483647 is larger than the input [1, 10, 10, 3] with padding 0."),
        ["pool: padding"] = (() => AvgPool2d(T(1, 10, 10, 3), Max, new() { Padding = Max - 1 }), "Pool2d: the padded height is 4,294,967,302; an axis has at most 2,147,483,647."),
        ["max pool: pixels"] = (() => MaxPool2d(T(1, 65536, 65536, 1), 2), "MaxPool2d: the number of pixels of an image of [1, 65536, 65536, 1], whose indices are Int32, is 4,294,967,296; an axis has at most 2,147,483,647."),
        ["flatten"] = (() => Flatten(T(65536, 65536), 0), "Flatten: the merged axis of [65536, 65536] is 4,294,967,296; an axis has at most 2,147,483,647."),
        ["concat"] = (() => Concat([T(Max, 1), T(Max, 1)], 0), "Concat: axis 0 of the result is 4,294,967,294; an axis has at most 2,147,483,647."),
        ["concat: rows"] = (() => Concat([T(65536, 65536, 1), T(65536, 65536, 1)]), "Concat: the number of rows before axis -1 of [65536, 65536, 1] is 4,294,967,296"),
        ["slice"] = (() => Slice(T(2, 65536, 65536), 0, 0, 1), "Slice: a row of the part of [2, 65536, 65536] is 4,294,967,296"),
        ["pad"] = (() => Pad2d(T(1, 2, 2, 1), Max), "Pad2d: the height of the result is 4,294,967,296"),
        ["pad: crop"] = (() => Pad2d(T(1, 2, 2, 1), int.MinValue), "Pad2d: padding -2147483648 leaves nothing of [1, 2, 2, 1]."),
        ["upsample"] = (() => UpsampleNearest2d(T(1, 2, 2, 1), Max), "UpsampleNearest2d: the height of the result is 4,294,967,294"),
        ["widen"] = (() => SubsampleAndWiden(T(1, 2, 2, 1), 1, Max, Max), "SubsampleAndWiden: the number of channels of the result is 4,294,967,295"),
        ["linear classifier"] = (() => Models.LinearClassifier.Create([65536, 65536, 1], device: Shapes), "LinearClassifier: the number of features of an image [65536, 65536, 1] is 4,294,967,296"),
        ["LeNet-5"] = (() => Models.LeNet5.Create((65536, 65536), device: Shapes), "LeNet5: the number of features of 65536 x 65536 pixels is 4,293,394,576"),
        ["MNIST CNN"] = (() => Models.MnistCnn.Create((65542, 65542), device: Shapes), "MnistCnn: the number of features of 65542 x 65542 pixels is 103,079,215,104"),
        ["array"] = (() => T(65536, 65536).ToArray(), "Tensor.ToArray: [65536, 65536] has 4,294,967,296 elements, an array at most 2,147,483,591"),
        ["count"] = (() => _ = new Shape(Max, Max, Max).Count, "Shape: the extents [2147483647, 2147483647, 2147483647] have 2^63 elements or more."),
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void IsRefused(string name)
    {
        var (act, message) = Refusals[name];
        Assert.StartsWith(message, Assert.Throws<ShapeException>(act).Message, StringComparison.Ordinal);
    }

    /// <summary>More than 2^31 elements, and more than 2^31 rows: forward and backward ask the engine for what they should.</summary>
    [Fact]
    public void MoreThanTwoToThe31Elements()
    {
        Backward(x => Conv2d(x, Parameter(1, 1, 2, 3), Parameter(3)), [256, 4096, 4096, 2], [256, 4096, 4096, 3]);
        Backward(x => Conv2d(x, Parameter(3, 3, 2, 3), Parameter(3), new() { Padding = 1, Stride = 2 }), [256, 4096, 4096, 2], [256, 2048, 2048, 3]);
        Backward(x => ConvTranspose2d(x, Parameter(2, 2, 2, 3), Parameter(3), new() { Stride = 2 }), [256, 2048, 2048, 2], [256, 4096, 4096, 3]);
        Backward(x => Linear(x, Parameter(2, 3), Parameter(3), Activation.Relu), [65536, 65536, 2], [65536, 65536, 3]);
        Backward(x => Linear(x, Parameter(2, 3)), [65536, 4, 16384, 2], [65536, 4, 16384, 3]);
        Backward(x => Linear(x, Parameter(1, 3)), [Max, 1], [Max, 3]);
        Backward(x => Flatten(x), [4096, 1024, 1024, 2], [4096, 2097152]);
        Backward(x => MaxPool2d(x, 2), [4096, 1024, 1024, 2], [4096, 512, 512, 2]);
        Backward(x => AvgPool2d(x, 2), [1, 65536, 65536, 2], [1, 32768, 32768, 2]);
        Backward(x => GlobalAvgPool2d(x), [4, 65536, 65536, 2], [4, 1, 1, 2]);
        Backward(x => BatchNorm(x, Parameter(2), Parameter(2), Parameter(2), Parameter(2), training: true), [4096, 1024, 1024, 2], [4096, 1024, 1024, 2]);
        Backward(x => x / Parameter(2), [4096, 1024, 1024, 2], [4096, 1024, 1024, 2]);
        Backward(x => Softmax(x), [4096, 1024, 1024, 2], [4096, 1024, 1024, 2]);
        Backward(x => CrossEntropy(x, Tensor.Uninitialized([4096, 1024, 1024], NoArithmetic, DType.Int32)), [4096, 1024, 1024, 2], []);
        Backward(x => Sum(x, [0, 2]), [65536, 2, 65536], [2]);
        Backward(x => Clamp(x, 0, 1), [65536, 2, 65536], [65536, 2, 65536]);

        static Tensor Parameter(params int[] shape)
        {
            var parameter = Tensor.Uninitialized(shape, NoArithmetic);
            parameter.RequiresGrad = true;
            return parameter;
        }

        void Backward(Func<Tensor, Tensor> run, Shape input, Shape output)
        {
            using var x = Tensor.Uninitialized(input, NoArithmetic);
            x.RequiresGrad = true;
            using var y = run(x).Keep();
            Assert.Equal(output, y.Shape);
            using var dy = Tensor.Uninitialized(output, NoArithmetic);
            y.Backward(dy);
            Assert.Equal(input, x.Gradient!.Shape);
        }
    }

    [Fact]
    public void CountsBeyond64BitsSaturate()
    {
        var g = ConvGeometry.Create([Max, Max, 1, Max], [1, 1, Max, Max], 1, 0, 1, 1);
        Assert.Equal(long.MaxValue, g.MultiplyAdds);
        Assert.Equal(0, ConvGeometry.Create([0, Max, 1, Max], [1, 1, Max, Max], 1, 0, 1, 1).MultiplyAdds);
        Assert.Equal(0, new Shape(Max, Max, Max, 0).Count);
    }

    /// <summary>A stride with one output, and a dilation with one tap, have no meaning: any is as good as 1.</summary>
    [Theory]
    [MemberData(nameof(DeviceNames))]
    public void StridesAndDilationsWithoutMeaning(string name)
    {
        var device = Devices.Open(name);
        foreach (var (kernel, groups) in new[] { (3, 1), (3, 2), (1, 1), (3, 4), (1, 4) })
        {
            var size = kernel == 1 ? 1 : 4;
            Same(x => Conv2d(x, Values(device, kernel, kernel, 4 / groups, 4), null, new() { Stride = size, Groups = groups }), x => Conv2d(x, Values(device, kernel, kernel, 4 / groups, 4), null, new() { Stride = Max, Groups = groups, Dilation = kernel == 1 ? Max : 1 }), size);
        }

        Same(x => Conv2d(x, Values(device, 1, 1, 4, 4)), x => Conv2d(x, Values(device, 1, 1, 4, 4), options: new() { Dilation = Max }), 5);
        Same(x => ConvTranspose2d(x, Values(device, 3, 3, 4, 2)), x => ConvTranspose2d(x, Values(device, 3, 3, 4, 2), options: new() { Stride = Max }), 1);
        Same(x => MaxPool2d(x, 3, new() { Stride = 9 }), x => MaxPool2d(x, 3, new() { Stride = Max }), 4);
        Same(x => AvgPool2d(x, 3, new() { Stride = 9, Padding = 1, CeilMode = true }), x => AvgPool2d(x, 3, new() { Stride = Max, Padding = 1, CeilMode = true }), 4);
        Same(x => LocalResponseNorm(x, new() { Size = 9, Alpha = 9e-3f }), x => LocalResponseNorm(x, new() { Size = 1 << 30, Alpha = (1 << 30) * 1e-3f }), 4, 1e-5f);
        Same(x => SubsampleAndWiden(x, 9), x => SubsampleAndWiden(x, Max), 4);

        void Same(Func<Tensor, Tensor> plain, Func<Tensor, Tensor> extreme, int size, float tolerance = 0)
        {
            var (y, dx) = Run(plain, size);
            var (otherY, otherDx) = Run(extreme, size);
            Assert.Equal(y, otherY, (a, b) => Math.Abs(a - b) <= tolerance);
            Assert.Equal(dx, otherDx, (a, b) => Math.Abs(a - b) <= tolerance);
        }

        (float[] Y, float[] Dx) Run(Func<Tensor, Tensor> run, int size)
        {
            using var x = Values(device, 2, size, size, 4);
            x.RequiresGrad = true;
            using var y = run(x).Keep();
            using var dy = Values(device, y.Shape.ToArray());
            y.Backward(dy);
            using var dx = x.Gradient!;
            return (y.ToArray(), dx.ToArray());
        }
    }

    static Tensor Values(Device device, params int[] shape)
        => Tensor.From(Enumerable.Range(0, (int)new Shape(shape).Count).Select(i => (float)((i * 7 % 11) - 5)).ToArray(), new(shape), device);

    static Tensor T(params int[] shape) => Tensor.Uninitialized(new(shape), Shapes);
}
