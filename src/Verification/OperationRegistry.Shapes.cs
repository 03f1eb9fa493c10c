using CnnSharp.Kernels;
using static CnnSharp.Functional;

namespace CnnSharp.Verification;

/// <content>Shapes, sampling and sparse products.</content>
public static partial class OperationRegistry
{
    static OperationRow[] ShapeRows =>
    [
        new("concat", nameof(Concat), (i, a) => Concat(i.Numbered("x"), a.Integer("dim", 0)))
        {
            Differentiable = ["x0", "x1", "x2"],
            IsExact = true,
            Samples =
            [
                new("""{"dim":-1}""", new("x0", [2, 3, 2, 3]), new("x1", [2, 3, 2, 1]), new("x2", [2, 3, 2, 17])),
                new("""{"dim":1}""", new("x0", [2, 1, 5]), new("x1", [2, 3, 5])),
                new("""{"dim":0}""", new("x0", [3]), new("x1", [4])),
            ],
        },
        new("slice", nameof(Slice), (i, a) => Slice(i["x"], a.Integer("dim", 0), a.Integer("start", 0), a.Integer("length", 1)))
        {
            IsExact = true,
            Samples = [new("""{"dim":-1,"start":1,"length":3}""", X(2, 3, 3, 5)), new("""{"dim":1,"start":2,"length":1}""", X(2, 3, 17)), new("""{"dim":0,"start":0,"length":2}""", X(3, 4))],
        },
        new("pad", nameof(Pad2d), (i, a) =>
        {
            Attributes.Require(a.Text("mode", "constant") == "constant", "pad with anything but a constant");
            return Pad2d(i["x"], Sides(a), a.Single("value", 0));
        })
        {
            IsExact = true,
            DoubleTolerance = SinglePrecisionOption,
            Layout = Images,
            Samples =
            [
                new("""{"pad":[1,1,1,1]}""", X(2, 3, 4, 3)),
                new("""{"pad":[0,2,1,3],"value":0.5}""", X(1, 2, 3, 17)),
                new("""{"pad":[-1,2,1,-2]}""", X(2, 5, 4, 2)),
            ],
        },
        new("pixel_shuffle", nameof(PixelShuffle), (i, a) => PixelShuffle(i["x"], a.Integer("factor", 2)))
        {
            IsExact = true,
            Layout = Images,
            Samples = [new("""{"factor":2}""", X(2, 3, 2, 12)), new("""{"factor":3}""", X(1, 2, 4, 18)), new("""{"factor":1}""", X(2, 2, 3, 5))],
        },
        new("pixel_unshuffle", nameof(PixelUnshuffle), (i, a) => PixelUnshuffle(i["x"], a.Integer("factor", 2)))
        {
            IsExact = true,
            Layout = Images,
            Samples = [new("""{"factor":2}""", X(2, 4, 6, 3)), new("""{"factor":3}""", X(1, 3, 6, 2))],
        },
        new("subsample_and_widen", nameof(SubsampleAndWiden), (i, a) => SubsampleAndWiden(i["x"], a.Size("stride", 1), a.Integer("before", 0), a.Integer("after", 0)))
        {
            IsExact = true,
            Layout = Images,
            Samples = [new("""{"stride":2,"before":2,"after":2}""", X(2, 4, 6, 4)), new("""{"stride":[3,1],"after":17}""", X(1, 5, 3, 16)), new("""{"stride":2}""", X(1, 3, 5, 3))],
        },
        new("expand", nameof(Expand), (i, a) => Expand(i["x"], a.Integers("shape")))
        {
            IsExact = true,
            Samples = [new("""{"shape":[2,3,4,5]}""", X(3, 1, 5)), new("""{"shape":[6,17]}""", X(1, 17)), new("""{"shape":[2,3]}""", X(2, 3)), new("""{"shape":[2,1,3,2,4,3]}""", X(1, 3, 1, 4, 1))],
        },
        new("reshape", nameof(Reshape), (i, a) => Reshape(i["x"], a.Integers("shape")))
        {
            IsExact = true,
            Samples = [new("""{"shape":[6,5]}""", X(2, 3, 5))],
        },
        new("flatten", nameof(Flatten), (i, a) =>
        {
            Attributes.Require(a.Integer("end_dim", -1) == -1, "flatten with an end before the last axis");
            return Flatten(i["x"], a.Integer("start_dim", 1));
        })
        {
            IsExact = true,
            Samples = [new("{}", X(2, 3, 2, 4)), new("""{"start_dim":2}""", X(2, 3, 2, 4)), new("""{"start_dim":0}""", X(2, 5))],
        },
        new("permute", nameof(Permute), (i, a) => Permute(i["x"], a.Integers("dim")))
        {
            IsExact = true,
            Samples = [new("""{"dim":[0,3,1,2]}""", X(2, 3, 4, 5)), new("""{"dim":[1,0]}""", X(3, 17)), new("""{"dim":[2,1,0]}""", X(2, 3, 4))],
        },
        new("upsample_nearest2d", nameof(UpsampleNearest2d), (i, a) => UpsampleNearest2d(i["x"], a.Size("scale")))
        {
            IsExact = true,
            Layout = Images,
            Samples = [new("""{"scale":2}""", X(2, 3, 2, 3)), new("""{"scale":[1,3]}""", X(1, 2, 3, 17))],
        },
        new("upsample_bilinear2d", nameof(UpsampleBilinear2d), (i, a) => UpsampleBilinear2d(i["x"], a.Size("scale"), a.Flag("align_corners", false)))
        {
            Layout = Images,
            Samples =
            [
                new("""{"scale":2}""", X(2, 3, 4, 3)),
                new("""{"scale":2,"align_corners":true}""", X(1, 3, 4, 17)),
                new("""{"scale":[3,1]}""", X(1, 2, 3, 16)),
                new("""{"scale":[2,4],"align_corners":true}""", X(1, 1, 3, 1)),
            ],
        },
        new("sparse_matmul", nameof(SparseMatMul), (i, a) => SparseMatMul(i.Own(new SparseMatrix(a.Integer("columns", 0), a.Integers("offsets"), a.Integers("indices"), Array.ConvertAll(a.Integers("values"), value => (double)value))), i["x"], a.Integer("dim", 0)))
        {
            IsExact = true,
            Samples =
            [
                new("""{"columns":3,"offsets":[0,2,2,3,6],"indices":[2,0,1,0,1,2],"values":[2,-1,1,3,1,-2],"dim":1}""", X(2, 3, 17)),
                new("""{"columns":4,"offsets":[0,1,2,3],"indices":[3,3,0],"values":[1,1,1]}""", X(4, 33)),
                new("""{"columns":5,"offsets":[0,3,5],"indices":[0,2,4,1,1],"values":[1,2,1,-3,2],"dim":1}""", X(7, 5)),
                new("""{"columns":3,"offsets":[0,1,3],"indices":[1,0,2],"values":[4,1,1],"dim":1}""", X(2, 3, 2, 3)),
            ],
        },
    ];

    /// <summary>PyTorch's order: the innermost axis first.</summary>
    static Padding2d Sides(Attributes a)
    {
        var sides = a.Integers("pad");
        if (sides.Length != 4) throw new FormatException($"attribute 'pad': expected [left, right, top, bottom], got {sides.Length} numbers.");
        return new(sides[2], sides[3], sides[0], sides[1]);
    }
}
