using CnnSharp.Kernels;
using Xunit;
using static CnnSharp.Functional;

namespace CnnSharp.Tests;

/// <summary>What each operation says to shapes that do not fit: which, what was expected, what came.</summary>
public sealed class ShapeErrorTests
{
    public static TheoryData<string> Names => [.. Cases.Keys];

    static readonly Dictionary<string, (Action Act, string Message)> Cases = new()
    {
        ["conv: channels"] = (() => Conv2d(T(128, 32, 32, 3), T(3, 3, 16, 32)), "Conv2d: the input has 3 channels, the weights expect 16.\n  input   [128, 32, 32, 3]   (N, H, W, C)\n  weights [3, 3, 16, 32]     (kh, kw, in, out), groups 1"),
        ["conv: groups"] = (() => Conv2d(T(1, 4, 4, 4), T(1, 1, 2, 3), options: new() { Groups = 2 }), "Conv2d: 2 groups do not divide 3 output channels.\n  input   [1, 4, 4, 4]   (N, H, W, C)\n  weights [1, 1, 2, 3]   (kh, kw, in, out), groups 2"),
        ["conv: kernel"] = (() => Conv2d(T(1, 4, 4, 1), T(5, 5, 1, 1)), "Conv2d: the kernel is larger than the padded input: stride 1, padding 0, dilation 1 leave 0 x 0 outputs.\n  input   [1, 4, 4, 1]   (N, H, W, C)\n  weights [5, 5, 1, 1]   (kh, kw, in, out), groups 1"),
        ["conv: rank"] = (() => Conv2d(T(4, 4, 1), T(3, 3, 1, 1)), "Conv2d: expected an input [N, H, W, C] and weights [kh, kw, in, out], got [4, 4, 1] and [3, 3, 1, 1]."),
        ["conv: stride"] = (() => Conv2d(T(1, 4, 4, 1), T(3, 3, 1, 1), options: new() { Stride = (0, 1) }), "Conv2d: stride (0, 1) must be at least 1."),
        ["conv: padding"] = (() => Conv2d(T(1, 4, 4, 1), T(3, 3, 1, 1), options: new() { Padding = (-1, 0) }), "Conv2d: padding (top -1, bottom -1, left 0, right 0) must not be negative."),
        ["conv: bias"] = (() => Conv2d(T(1, 4, 4, 1), T(3, 3, 1, 2), T(3)), "Conv2d: expected the bias to be [2], got [3]."),
        ["transposed: channels"] = (() => ConvTranspose2d(T(1, 4, 4, 3), T(2, 2, 4, 5)), "ConvTranspose2d: the input has 3 channels, the weights expect 4.\n  input   [1, 4, 4, 3]   (N, H, W, C)\n  weights [2, 2, 4, 5]   (kh, kw, in, out), groups 1"),
        ["transposed: output padding"] = (() => ConvTranspose2d(T(1, 4, 4, 3), T(2, 2, 3, 5), options: new() { Stride = 2, OutputPadding = 2 }), "ConvTranspose2d: output padding 2 must be at least 0 and less than stride 2 or dilation 1."),
        ["linear: features"] = (() => Linear(T(8, 5), T(4, 3)), "Linear: the input has 5 features, the weights expect 4.\n  input   [8, 5]   (..., in)\n  weights [4, 3]   (in, out)"),
        ["linear: bias"] = (() => Linear(T(8, 4), T(4, 3), T(4)), "Linear: expected the bias to be [3], got [4]."),
        ["matmul"] = (() => MatMul(T(2, 3), T(4, 5)), "MatMul: expected [M, K] and [K, N], got [2, 3] and [4, 5]."),
        ["pool: rank"] = (() => MaxPool2d(T(4, 4), 2), "Pool2d: expected an input [N, H, W, C], got [4, 4]."),
        ["pool: kernel"] = (() => AvgPool2d(T(1, 2, 2, 1), 3), "Pool2d: the kernel 3 is larger than the input [1, 2, 2, 1] with padding 0."),
        ["pool: padding"] = (() => MaxPool2d(T(1, 4, 4, 1), 2, new() { Padding = 2 }), "Pool2d: padding 2 must be at least 0 and less than the kernel 2."),
        ["adaptive"] = (() => AdaptiveAvgPool2d(T(1, 4, 4, 1), 0), "AdaptivePool2d: cannot divide [1, 4, 4, 1] into 0 parts."),
        ["batch norm: weight"] = (() => BatchNorm(T(2, 3), T(4), T(3), T(3), T(3), true), "BatchNorm: expected the weight to be [3], got [4]."),
        ["batch norm: one value"] = (() => BatchNorm(T(1, 3), T(3), T(3), T(3), T(3), true), "BatchNorm: training needs more than one value a channel, the input is [1, 3]."),
        ["batch norm: addend"] = (() => BatchNorm(T(2, 3), T(3), T(3), T(3), T(3), true, add: T(2, 4)), "BatchNorm: expected the addend to be shaped like the input [2, 3], got [2, 4]."),
        ["lrn"] = (() => LocalResponseNorm(T(2, 3), new() { Size = 0 }), "LocalResponseNorm: the window must be at least 1 channel, got 0."),
        ["prelu"] = (() => PRelu(T(2, 3), T(2)), "PRelu: expected slopes [3] or [1], got [2]."),
        ["maxout"] = (() => Maxout(T(2, 5), 2), "Maxout: 2 pieces do not divide the channels of [2, 5]."),
        ["cross entropy"] = (() => CrossEntropy(T(4, 10), Labels(3)), "CrossEntropy: expected scores [..., classes] and Int32 labels [...], got [4, 10] and Int32 [3]."),
        ["cross entropy: type"] = (() => CrossEntropy(T(4, 10), T(4)), "CrossEntropy: expected scores [..., classes] and Int32 labels [...], got [4, 10] and Float32 [4]."),
        ["hinge"] = (() => MulticlassHinge(T(4, 10), Labels(4, 1)), "MulticlassHinge: expected scores [..., classes] and Int32 labels [...], got [4, 10] and Int32 [4, 1]."),
        ["mse"] = (() => MeanSquaredError(T(4, 2), T(4)), "MeanSquared: the prediction is [4, 2], the target [4]."),
        ["softmax"] = (() => Softmax(T()), "Softmax: expected an input [..., classes], got []."),
        ["argmax"] = (() => ArgMax(T()), "ArgMax: expected an input [..., classes], got []."),
        ["add"] = (() => Add(T(2, 3), T(2)), "Add: [2, 3] and [2] cannot be repeated to a common shape."),
        ["add: rank"] = (() => Add(T(1, 1, 1, 1, 1), T(2)), "Add: expected at most 4 axes, got [1, 1, 1, 1, 1] and [2]."),
        ["subsample"] = (() => SubsampleAndWiden(T(1, 2, 2, 1), 0), "SubsampleAndWiden: stride 0 must be at least 1."),
        ["reshape"] = (() => Reshape(T(2, 3), new(4)), "Reshape: [2, 3] has 6 elements, [4] has 4."),
        ["flatten"] = (() => Flatten(T(2, 3), 2), "Flatten: there is no axis 2 in [2, 3]."),
        ["permute"] = (() => Permute(T(2, 3), 0, 0), "Permute: [0, 0] is not an order of the axes of [2, 3]."),
        ["concat: extents"] = (() => Concat([T(2, 3), T(3, 3)]), "Concat: [2, 3] and [3, 3] differ in an axis other than -1."),
        ["concat: none"] = (() => Concat([]), "Concat: expected at least one tensor."),
        ["slice"] = (() => Slice(T(2, 3), 1, 2, 2), "Slice: places 2 to 4 are not within axis 1 of [2, 3]."),
        ["pad"] = (() => Pad2d(T(1, 2, 2, 1), -1), "Pad2d: padding -1 leaves nothing of [1, 2, 2, 1]."),
        ["sum: axis"] = (() => Sum(T(2, 3), [2]), "Sum: there is no axis 2 in [2, 3]."),
        ["mean: twice"] = (() => Mean(T(2, 3), [1, -1]), "Mean: axis -1 is named twice."),
        ["upsample"] = (() => UpsampleNearest2d(T(1, 2, 2, 1), 0), "UpsampleNearest2d: scale 0 must be at least 1."),
        ["values"] = (() => Tensor.From([1f, 2], new(3), Device.Reference), "Tensor.From: 2 values do not fill [3] (3 elements)."),
        ["item"] = (() => T(2).Item(), "Tensor.Item: expected one element, [2] has 2."),
    };

    [Theory]
    [MemberData(nameof(Names))]
    public void TheMessageSaysWhatWasExpectedAndWhatCame(string name)
        => Assert.Equal(Cases[name].Message, Assert.Throws<ShapeException>(Cases[name].Act).Message);

    [Fact]
    public void ALayersPathIsAdded()
    {
        var e = new ShapeException("Conv2d", "the input has 3 channels, the weights expect 16.").In("stage2.0.conv1");
        Assert.Equal("Conv2d 'stage2.0.conv1': the input has 3 channels, the weights expect 16.", e.Message);
        Assert.Equal("stage2.0.conv1", e.Layer);
    }

    [Fact]
    public void ProbabilitiesAndSmoothingHaveARange()
    {
        Assert.StartsWith("Dropout: the probability must be at least 0 and less than 1.", Assert.Throws<ArgumentOutOfRangeException>(() => Dropout(T(2), 1, 0, 0)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => Dropout(T(2), float.NaN, 0, 0));
        Assert.StartsWith("CrossEntropy: label smoothing must be within [0, 1].", Assert.Throws<ArgumentOutOfRangeException>(() => CrossEntropy(T(2, 3), Labels(2), 1.5f)).Message, StringComparison.Ordinal);
    }

    static Tensor T(params int[] shape) => Tensor.Zeros(shape, Device.Reference);

    static Tensor Labels(params int[] shape) => Tensor.Zeros(shape, Device.Reference, DType.Int32);
}
