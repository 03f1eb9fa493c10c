using static CnnSharp.Functional;

namespace CnnSharp.Verification;

/// <content>Poolings.</content>
public static partial class OperationRegistry
{
    static OperationRow[] PoolingRows =>
    [
        new("max_pool2d", nameof(MaxPool2d), (i, a) =>
        {
            Attributes.Require(a.Size("dilation", 1) == 1, "max_pool2d with a dilation other than 1");
            return MaxPool2d(i["x"], a.Size("kernel"), Windows(a));
        })
        {
            IsExact = true,
            Layout = Images,
            Samples =
            [
                new("""{"kernel":2}""", Choice(2, 4, 6, 3)),
                new("""{"kernel":3,"stride":2,"padding":1}""", Choice(1, 7, 6, 17)),
                new("""{"kernel":3,"stride":1,"padding":1}""", Choice(1, 4, 5, 1)),
                new("""{"kernel":3,"stride":2,"ceil_mode":true}""", Choice(2, 6, 8, 4)),
                new("""{"kernel":3,"stride":3,"padding":1,"ceil_mode":true}""", Choice(1, 6, 5, 16)),
                new("""{"kernel":[1,3],"stride":[2,1],"padding":[0,1]}""", Choice(1, 5, 6, 33)),
                new("""{"kernel":[3,2],"padding":[0,2,1,0],"stride":2}""", Choice(1, 5, 6, 3)),
                new("""{"kernel":2,"stride":3}""", Choice(1, 7, 8, 2)),
            ],
        },
        new("avg_pool2d", nameof(AvgPool2d), (i, a) =>
        {
            Attributes.Require(!a.Has("divisor_override"), "avg_pool2d with divisor_override");
            return AvgPool2d(i["x"], a.Size("kernel"), Windows(a) with { CountIncludePad = a.Flag("count_include_pad", true) });
        })
        {
            IsExact = true,
            Layout = Images,
            Samples =
            [
                new("""{"kernel":2}""", X(2, 4, 6, 3)),
                new("""{"kernel":[2,4],"stride":[1,2]}""", X(1, 5, 8, 17)),
                new("""{"kernel":2,"stride":1,"padding":1}""", X(1, 4, 4, 16)),
                new("""{"kernel":3,"stride":2,"padding":1}""", X(1, 6, 5, 3)) { IsExact = false },
                new("""{"kernel":3,"stride":2,"padding":1,"count_include_pad":false}""", X(1, 6, 5, 17)) { IsExact = false },
                new("""{"kernel":3,"stride":2,"ceil_mode":true}""", X(2, 6, 8, 4)) { IsExact = false },
                new("""{"kernel":3,"stride":2,"padding":1,"ceil_mode":true}""", X(1, 6, 8, 1)) { IsExact = false },
                new("""{"kernel":3,"stride":2,"padding":1,"ceil_mode":true,"count_include_pad":false}""", X(1, 6, 8, 33)) { IsExact = false },
                new("""{"kernel":[3,2],"padding":[0,2,1,0],"stride":2}""", X(1, 5, 6, 3)) { IsExact = false },
            ],
        },
        new("adaptive_avg_pool2d", nameof(AdaptiveAvgPool2d), (i, a) => AdaptiveAvgPool2d(i["x"], a.Size("output")))
        {
            IsExact = true,
            Layout = Images,
            Samples =
            [
                new("""{"output":2}""", X(2, 4, 8, 3)),
                new("""{"output":[6,5]}""", X(1, 7, 4, 3)) { IsExact = false },
                new("""{"output":[3,1]}""", X(1, 7, 5, 17)) { IsExact = false },
            ],
        },
        new("adaptive_max_pool2d", nameof(AdaptiveMaxPool2d), (i, a) => AdaptiveMaxPool2d(i["x"], a.Size("output")))
        {
            IsExact = true,
            Layout = Images,
            Samples = [new("""{"output":2}""", Choice(2, 4, 8, 3)), new("""{"output":[6,5]}""", Choice(1, 7, 4, 3)), new("""{"output":[3,1]}""", Choice(1, 7, 5, 17))],
        },
        new("global_avg_pool2d", nameof(GlobalAvgPool2d), (i, _) => GlobalAvgPool2d(i["x"]))
        {
            IsExact = true,
            Layout = Images,
            Samples = [new("{}", X(2, 4, 4, 16)), new("{}", X(2, 3, 5, 33)) { IsExact = false }],
        },
    ];
}
