using CnnSharp.Kernels;
using static CnnSharp.Functional;

namespace CnnSharp.Verification;

/// <content>Indices, and what mirrors or resizes images.</content>
public static partial class OperationRegistry
{
    static OperationRow[] IndexingRows =>
    [
        new("gather", nameof(Gather), (i, a) => Gather(i["x"], a.Integer("dim", 0), i["index"]))
        {
            IsExact = true,
            Samples =
            [
                new("""{"dim":1}""", X(2, 5, 3), Index(5, 2, 7, 3)),
                new("""{"dim":-1}""", X(3, 2, 17), Index(17, 3, 2, 4)),
                new("""{"dim":0}""", X(4, 33), Index(4, 6, 33)),
            ],
        },
        new("scatter_add", nameof(ScatterAdd), (i, a) => ScatterAdd(i["x"], a.Integer("dim", 0), i["index"], i["src"]))
        {
            Differentiable = ["x", "src"],
            IsExact = true,
            Samples =
            [
                new("""{"dim":1}""", X(2, 5, 3), Index(5, 2, 7, 3), new("src", [2, 7, 3])),
                new("""{"dim":-1}""", X(3, 2, 17), Index(17, 3, 2, 4), new("src", [3, 2, 4])),
                new("""{"dim":0}""", X(4, 33), Index(4, 6, 33), new("src", [6, 33])),
            ],
        },
        new("index_select", nameof(IndexSelect), (i, a) => IndexSelect(i["x"], a.Integer("dim", 0), a.Integers("index")))
        {
            IsExact = true,
            Samples = [new("""{"dim":1,"index":[2,0,2]}""", X(2, 3, 5)), new("""{"dim":-1,"index":[16,3]}""", X(3, 17)), new("""{"dim":2,"index":[1]}""", X(2, 2, 3, 4))],
        },
        new("topk", nameof(TopK), (i, a) => ValuesOf(TopK(i["x"], a.Integer("k", 1), a.Integer("dim", -1), a.Flag("largest", true))))
        {
            IsExact = true,
            Samples = [new("""{"k":3}""", Choice(4, 10)), new("""{"k":4,"dim":1,"largest":false}""", Choice(2, 6, 3)), new("""{"k":17,"dim":1}""", Choice(2, 17, 5))],
        },
        new("cumsum", nameof(CumulativeSum), (i, a) => CumulativeSum(i["x"], a.Integer("dim", 0)))
        {
            IsExact = true,
            Samples = [new("""{"dim":0}""", X(7, 5)), new("""{"dim":-1}""", X(3, 4, 33)), new("""{"dim":1}""", X(2, 5, 3, 2))],
        },
        new("max_pool2d_indices", nameof(MaxPool2dWithIndices), (i, a) => ValuesOf(MaxPool2dWithIndices(i["x"], a.Size("kernel", 2), Windows(a))))
        {
            IsExact = true,
            Layout = Images,
            Samples = [new("""{"kernel":2}""", Choice(2, 4, 6, 3)), new("""{"kernel":3,"stride":2,"padding":1}""", Choice(1, 5, 7, 17))],
        },
        new("max_unpool2d", nameof(MaxUnpool2d), (i, a) => MaxUnpool2d(i["x"], i["index"], a.Size("output")))
        {
            IsExact = true,
            Layout = Images,
            Samples = [new("""{"output":[4,6]}""", X(2, 2, 3, 3), Index(24, 2, 2, 3, 3)), new("""{"output":[5,5]}""", X(1, 3, 2, 17), Index(25, 1, 3, 2, 17))],
        },
        new("reflect_pad", nameof(ReflectPad2d), (i, a) => ReflectPad2d(i["x"], Sides(a)))
        {
            IsExact = true,
            Layout = Images,
            Samples = [new("""{"pad":[1,1,1,1]}""", X(2, 3, 4, 3)), new("""{"pad":[0,2,3,1]}""", X(1, 4, 3, 17))],
        },
        new("replicate_pad", nameof(ReplicatePad2d), (i, a) => ReplicatePad2d(i["x"], Sides(a)))
        {
            IsExact = true,
            Layout = Images,
            Samples = [new("""{"pad":[1,1,1,1]}""", X(2, 3, 4, 3)), new("""{"pad":[0,5,3,1]}""", X(1, 2, 3, 17))],
        },
        new("interpolate", nameof(Interpolate), (i, a) => Interpolate(
            i["x"],
            a.Size("size"),
            Mode(a),
            a.Flag("align_corners", false),
            a.Flag("antialias", false)))
        {
            Layout = Images,
            DoubleTolerance = SinglePrecisionOption,
            Samples =
            [
                new("""{"size":[5,7],"mode":"nearest"}""", X(2, 3, 4, 3)),
                new("""{"size":[7,5]}""", X(2, 3, 4, 3)),
                new("""{"size":[5,3],"align_corners":true}""", X(1, 3, 4, 17)),
                new("""{"size":[5,3],"mode":"bicubic"}""", X(1, 3, 4, 5)),
                new("""{"size":[2,3],"antialias":true}""", X(1, 7, 5, 3)),
                new("""{"size":[3,2],"mode":"bicubic","antialias":true}""", X(1, 7, 5, 3)),
            ],
        },
        new("grid_sample", nameof(GridSample), (i, a) => GridSample(
            i["x"],
            i["grid"] * (float)a.Number("factor", 1),
            Mode(a),
            a.Text("padding_mode", "zeros") switch
            {
                "zeros" => GridPadding.Zeros,
                "border" => GridPadding.Border,
                "reflection" => GridPadding.Reflection,
                var padding => throw new FormatException($"attribute 'padding_mode': expected zeros, border or reflection, got '{padding}'."),
            },
            a.Flag("align_corners", false)))
        {
            Differentiable = ["x", "grid"],
            Layout = (name, shape, a) => name is "grid" or "dgrid" ? Layout.Same(shape) : Images(name, shape, a),
            Samples =
            [
                new("{}", X(2, 3, 4, 3), Grid(2, 5, 2)),
                new("""{"factor":1.5}""", X(1, 4, 3, 17), Grid(1, 3, 3)),
                new("""{"factor":1.5,"padding_mode":"border","align_corners":true}""", X(2, 3, 4, 1), Grid(2, 4, 3)),
                new("""{"factor":4,"padding_mode":"reflection"}""", X(1, 3, 4, 5), Grid(1, 5, 3)),
                new("""{"factor":4,"padding_mode":"reflection","align_corners":true}""", X(2, 4, 1, 3), Grid(2, 3, 4)),
                new("""{"factor":1.5,"mode":"nearest"}""", X(2, 5, 3, 4), Grid(2, 3, 4)),
                new("""{"factor":4,"mode":"nearest","padding_mode":"reflection","align_corners":true}""", X(1, 3, 5, 16), Grid(1, 4, 4)),
                new("""{"factor":1.5,"mode":"bicubic"}""", X(2, 4, 3, 3), Grid(2, 3, 3)),
                new("""{"factor":2,"mode":"bicubic","padding_mode":"border"}""", X(1, 3, 4, 33), Grid(1, 2, 3)),
                new("""{"factor":4,"mode":"bicubic","padding_mode":"reflection"}""", X(1, 3, 4, 2), Grid(1, 3, 4)),
                new("""{"factor":4,"mode":"bicubic","padding_mode":"reflection","align_corners":true}""", X(1, 4, 3, 2), Grid(1, 3, 4)),
            ],
        },
    ];

    static InterpolationMode Mode(Attributes a) => a.Text("mode", "bilinear") switch
    {
        "nearest" => InterpolationMode.Nearest,
        "bicubic" => InterpolationMode.Bicubic,
        "bilinear" => InterpolationMode.Bilinear,
        var mode => throw new FormatException($"attribute 'mode': expected nearest, bilinear or bicubic, got '{mode}'."),
    };

    static Tensor ValuesOf((Tensor Values, Tensor Indices) result)
    {
        result.Indices.Dispose();
        return result.Values;
    }

    static SampleInput Grid(int images, int rows, int columns) => new("grid", [images, rows, columns, 2]);

    static SampleInput Index(int extent, params int[] shape) => new("index", shape, Values.Label, extent);
}
