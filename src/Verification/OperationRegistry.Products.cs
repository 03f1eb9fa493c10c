using CnnSharp.Kernels;
using static CnnSharp.Functional;

namespace CnnSharp.Verification;

/// <content>Convolutions and matrix products.</content>
public static partial class OperationRegistry
{
    static OperationRow[] ProductRows =>
    [
        new("conv2d", nameof(Conv2d), (i, a) =>
        {
            var w = i["w"];
            var kernel = w.Shape.Rank == 4 ? new Size2d(w.Shape[0], w.Shape[1]) : 1;
            var dilation = a.Size("dilation", 1);
            var options = new Conv2dOptions { Stride = a.Size("stride", 1), Padding = a.PaddingFor(kernel, dilation), Dilation = dilation, Groups = a.Integer("groups", 1) };
            return Conv2d(i["x"], w, i.Optional("b"), options, a.Activation());
        })
        {
            Differentiable = ["x", "w", "b"],
            IsExact = true,
            IsProduct = true,
            Layout = (name, shape, _) => name == "w" ? Layout.ConvolutionWeights(shape) : Layout.ChannelsLast(shape),
            Samples =
            [
                new("""{"padding":1}""", X(2, 5, 6, 3), W(3, 3, 3, 4), B(4)),
                new("""{"padding":1}""", X(1, 4, 5, 16), W(3, 3, 16, 17)),
                new("""{"padding":1}""", X(1, 4, 4, 17), W(3, 3, 17, 16), B(16)),
                new("""{"padding":1,"activation":"relu"}""", X(2, 4, 4, 3), W(3, 3, 3, 16), B(16)),
                new("""{"padding":1,"stride":2}""", X(2, 7, 6, 16), W(3, 3, 16, 33), B(33)),
                new("{}", X(1, 6, 11, 2), W(1, 7, 2, 3), B(3)),
                new("""{"padding":[3,0]}""", X(1, 6, 3, 2), W(7, 1, 2, 5)),
                new("""{"stride":[2,1],"padding":[0,2]}""", X(2, 6, 5, 3), W(2, 4, 3, 5), B(5)),
                new("""{"padding":[0,1,2,0]}""", X(1, 5, 4, 3), W(3, 3, 3, 2), B(2)),
                new("""{"padding":[1,0,0,1],"stride":2}""", X(1, 6, 6, 1), W(3, 3, 1, 1), B(1)),
                new("""{"padding":2,"dilation":2}""", X(1, 6, 7, 3), W(3, 3, 3, 4), B(4)),
                new("""{"padding":[2,0],"dilation":[3,1],"stride":[1,2]}""", X(1, 7, 6, 2), W(2, 3, 2, 3)),
                new("""{"padding":1,"groups":4}""", X(1, 4, 5, 8), W(3, 3, 2, 12), B(12)),
                new("""{"padding":1,"groups":2,"stride":2}""", X(1, 5, 5, 6), W(3, 3, 3, 4)),
                new("""{"padding":1,"groups":17}""", X(2, 4, 5, 17), W(3, 3, 1, 17), B(17)),
                new("""{"padding":1,"groups":3,"stride":2}""", X(1, 6, 5, 3), W(3, 3, 1, 6), B(6)),
                new("{}", X(2, 3, 3, 33), W(1, 1, 33, 17), B(17)),
                new("""{"stride":2}""", X(1, 5, 6, 16), W(1, 1, 16, 16)),
                new("""{"padding":2,"stride":4}""", X(1, 15, 15, 3), W(11, 11, 3, 2), B(2)),
                new("{}", X(1, 3, 3, 2), W(3, 3, 2, 2), B(2)),
                new("""{"padding":"same"}""", X(1, 5, 4, 2), W(4, 3, 2, 3), B(3)),
            ],
        },
        new("conv_transpose2d", nameof(ConvTranspose2d), (i, a) => ConvTranspose2d(i["x"], i["w"], i.Optional("b"), new()
        {
            Stride = a.Size("stride", 1),
            Padding = a.Padding(),
            OutputPadding = a.Size("output_padding", 0),
            Dilation = a.Size("dilation", 1),
            Groups = a.Integer("groups", 1),
        }))
        {
            Differentiable = ["x", "w", "b"],
            IsExact = true,
            IsProduct = true,
            Layout = (name, shape, a) => name == "w" ? Layout.TransposedConvolutionWeights(shape, a.Integer("groups", 1)) : Layout.ChannelsLast(shape),
            Samples =
            [
                new("""{"stride":2,"padding":1,"output_padding":1}""", X(2, 3, 4, 4), W(3, 3, 4, 3), B(3)),
                new("""{"stride":2,"padding":1}""", X(1, 3, 3, 16), W(4, 4, 16, 17), B(17)),
                new("""{"stride":2}""", X(1, 4, 3, 6), W(2, 2, 6, 4), B(4)),
                new("""{"padding":1}""", X(1, 5, 5, 3), W(3, 3, 3, 5)),
                new("""{"stride":[2,1],"padding":[1,0],"output_padding":[1,0],"dilation":[1,2]}""", X(1, 4, 3, 2), W(3, 2, 2, 3), B(3)),
                new("""{"stride":2,"padding":[0,1,1,0]}""", X(1, 3, 3, 3), W(3, 3, 3, 2), B(2)),
                new("""{"stride":2,"padding":1,"groups":2}""", X(1, 3, 3, 4), W(3, 3, 2, 6), B(6)),
                new("""{"stride":2,"groups":3}""", X(1, 3, 2, 3), W(2, 2, 1, 3)),
                new("""{"stride":4,"padding":2}""", X(1, 3, 3, 1), W(8, 8, 1, 1), B(1)),
            ],
        },
        new("linear", nameof(Linear), (i, a) => Linear(i["x"], i["w"], i.Optional("b"), a.Activation()))
        {
            Differentiable = ["x", "w", "b"],
            IsExact = true,
            IsProduct = true,
            Layout = (name, shape, _) => name == "w" ? Layout.LinearWeights(shape) : Layout.Same(shape),
            Samples =
            [
                new("{}", X(3, 5), W(5, 4), B(4)),
                new("{}", X(1, 7), W(7, 1)),
                new("{}", X(13, 33), W(33, 17), B(17)),
                new("{}", X(2, 3, 5), W(5, 16), B(16)),
                new("""{"activation":"relu"}""", X(6, 16), W(16, 33), B(33)),
            ],
        },
        new("matmul", nameof(MatMul), (i, _) => MatMul(i["a"], i["b"]))
        {
            Differentiable = ["a", "b"],
            IsExact = true,
            IsProduct = true,
            Samples = [new("{}", new("a", [3, 4]), new("b", [4, 5])), new("{}", new("a", [14, 17]), new("b", [17, 35])), new("{}", new("a", [1, 1]), new("b", [1, 3]))],
        },
        new("bmm", nameof(BatchMatMul), (i, _) => BatchMatMul(i["a"], i["b"]))
        {
            Differentiable = ["a", "b"],
            IsExact = true,
            IsProduct = true,
            Samples = [new("{}", new("a", [3, 3, 4]), new("b", [3, 4, 5])), new("{}", new("a", [2, 14, 17]), new("b", [2, 17, 35])), new("{}", new("a", [5, 16, 8]), new("b", [5, 8, 4])), new("{}", new("a", [1, 1, 1]), new("b", [1, 1, 3]))],
        },
    ];
}
