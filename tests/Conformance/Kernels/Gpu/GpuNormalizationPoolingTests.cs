using CnnSharp.Kernels;
using FsCheck;
using FsCheck.Fluent;
using Xunit;
using static CnnSharp.Tests.GpuRun;

namespace CnnSharp.Tests;

/// <summary>
/// Reductions, normalization, pooling and upsampling of the GPU engine against the plain kernels, on random shapes: to the
/// bit where whole numbers make every order of a sum exact, else within a tolerance.
/// </summary>
[Collection(DeviceTests.Name)]
public sealed class GpuNormalizationPoolingTests
{
    /// <summary>One chunk and many, one row a thread and many, columns that fill no group.</summary>
    [Fact]
    public void ReduceSumAndExpandAreExact() => Check(
        30,
        from outer in Gen.Elements(1, 1, 1, 3)
        from rows in Gen.Elements(0, 1, 2, 7, 15, 16, 33, 250, 700)
        from columns in Gen.Elements(1, 2, 3, 8, 16, 17, 40)
        select new ReduceGeometry(outer, rows, columns),
        (g, random) =>
        {
            var (x, sums) = (Whole(random, g.Outer * g.Reduced * g.Inner), new float[g.Outer * g.Inner]);
            Same((k, b) => k.Reductions.Sum(g, 0.5f, b[0], b[1]), x, sums);
            Same((k, b) => k.Reductions.Expand(g, 0.5f, b[0], b[1]), Whole(random, sums.Length), x);
        });

    [Fact]
    public void SumOfSquaresIsExact()
    {
        foreach (var length in (int[])[0, 1, 17, 5000]) Same((k, b) => k.Reductions.SumOfSquares(b[0], b[1]), Whole(new(length), length), new float[1]);
    }

    [Fact]
    public void ArgMaxTakesTheFirstOfEqualsAndNaNAboveAll()
        => Same((k, b) => k.Reductions.ArgMax(4, 3, b[0], b[1]), new float[] { 1, 2, 2, float.NegativeInfinity, float.NegativeInfinity, -1, 3, float.NaN, float.NaN, 5, 5, float.PositiveInfinity }, new int[4]);

    /// <summary>Forward, backward, and both with frozen statistics; the addend's gradient in the place of dy.</summary>
    [Fact]
    public void BatchNorm() => Check(
        20,
        from rows in Gen.Elements(1, 2, 5, 31, 300, 600)
        from channels in Gen.Elements(1, 3, 4, 16, 17, 36)
        from activation in Gen.Elements(Activation.None, Activation.Relu)
        from add in Gen.Elements(true, false)
        select (Geometry: new BatchNormGeometry(rows, channels, 1e-3f, 0.25f, activation), Add: add),
        (drawn, random) =>
        {
            var g = drawn.Geometry;
            var (size, c) = ((int)g.Rows * g.Channels, g.Channels);
            float[] Channel(float offset = 0) => Real(random, c, offset - 1, offset + 1);

            // x, weight, bias, running mean and variance, addend, y, mean, invStd, dy, dx, dw, db
            float[][] buffers = [Real(random, size, 2, 4), Channel(), Channel(), Channel(), Channel(1.5f), Real(random, size), new float[size], new float[c], new float[c], Real(random, size), new float[size], new float[c], new float[c]];
            Near(2e-4, Train, buffers);
            Near(2e-4, Infer, buffers);
            Assert.Equal(On(Gpu, Train, buffers), On(Gpu, Train, buffers));

            void Train(IKernels k, DeviceBuffer[] b)
            {
                k.Normalization.BatchNormForward(g, b[0], b[1], b[2], b[3], b[4], drawn.Add ? b[5] : null, b[6], b[7], b[8]);
                k.Normalization.BatchNormBackward(g, b[0], b[6], b[9], b[1], b[7], b[8], b[10], drawn.Add ? b[9] : null, b[11], b[12]);
            }

            void Infer(IKernels k, DeviceBuffer[] b)
            {
                k.Normalization.BatchNormInference(g, b[0], b[1], b[2], b[3], b[4], drawn.Add ? b[5] : null, b[6]);
                k.Normalization.BatchNormInferenceBackward(g, b[0], b[6], b[9], b[1], b[3], b[4], b[10], drawn.Add ? b[9] : null, b[11], b[12]);
            }
        });

    /// <summary>Means a thousand times the spread, and a first row that is far from all others: the statistics are taken in one reading.</summary>
    [Fact]
    public void BatchNormFarFromZero()
    {
        var (g, random) = (new BatchNormGeometry(600, 36, 1e-3f, 0.25f, Activation.None), new Random(6));
        var x = Real(random, g.Rows * g.Channels, 999, 1001);
        Array.Fill(x, 900, 0, g.Channels / 2);
        Near(
            2e-4,
            (k, b) => k.Normalization.BatchNormForward(g, b[0], b[1], b[2], b[3], b[4], null, b[5], b[6], b[7]),
            x, Real(random, g.Channels), Real(random, g.Channels), Real(random, g.Channels), Real(random, g.Channels, 1, 2), new float[x.Length], new float[g.Channels], new float[g.Channels]);
    }

    [Fact]
    public void LocalResponse() => Check(
        15,
        from rows in Gen.Choose(1, 9)
        from channels in Gen.Elements(1, 3, 8, 17)
        from size in Gen.Choose(1, 6)
        select new LrnGeometry(rows, channels, size, 0.3f, 0.75f, 2),
        (g, random) =>
        {
            var size = g.Rows * g.Channels;
            Near(
                1e-5,
                (k, b) =>
                {
                    k.Normalization.LrnForward(g, b[0], b[1], b[2]);
                    k.Normalization.LrnBackward(g, b[0], b[1], b[2], b[3], b[4]);
                },
                Real(random, size), new float[size], new float[size], Real(random, size), new float[size]);
        });

    /// <summary>Equals, NaN and infinities in the windows, partial last windows, adaptive windows.</summary>
    [Fact]
    public void MaxPoolIsExact() => Check(
        60,
        Pools,
        (g, random) =>
        {
            var (x, size) = (Whole(random, (long)g.N * g.H * g.W * g.C), g.N * g.OutH * g.OutW * g.C);
            for (var i = 0; i < x.Length; i++) x[i] = random.Next(12) switch { 0 => float.NaN, 1 or 2 => float.NegativeInfinity, _ => x[i] };
            Same(
                (k, b) =>
                {
                    k.Pooling.MaxForward(g, b[0], b[1], b[2]);
                    k.Pooling.MaxBackward(g, b[3], b[2], b[4]);
                },
                x, new float[size], new int[size], Whole(random, size), new float[x.Length]);
        });

    [Fact]
    public void AvgPool() => Check(
        60,
        Pools,
        (g, random) =>
        {
            int from = g.N * g.H * g.W * g.C, to = g.N * g.OutH * g.OutW * g.C;
            Near(
                1e-6,
                (k, b) =>
                {
                    k.Pooling.AverageForward(g, b[0], b[1]);
                    k.Pooling.AverageBackward(g, b[2], b[3]);
                },
                Real(random, from), new float[to], Real(random, to), new float[from]);
        });

    /// <summary>Enlarging, shrinking, a single output or source pixel.</summary>
    [Fact]
    public void Upsample() => Check(
        60,
        from sizes in Gen.Choose(1, 9).ArrayOf(4)
        from n in Gen.Choose(1, 2)
        from channels in Gen.Elements(1, 3)
        from align in Gen.Elements(true, false)
        select new UpsampleGeometry(n, sizes[0], sizes[1], channels, sizes[2], sizes[3], align),
        (g, random) =>
        {
            int from = g.N * g.H * g.W * g.C, to = g.N * g.OutH * g.OutW * g.C;
            Same(
                (k, b) =>
                {
                    k.Resize.NearestForward(g, b[0], b[1]);
                    k.Resize.NearestBackward(g, b[2], b[3]);
                },
                Whole(random, from), new float[to], Whole(random, to), new float[from]);
            Near(
                1e-5,
                (k, b) =>
                {
                    k.Resize.BilinearForward(g, b[0], b[1]);
                    k.Resize.BilinearBackward(g, b[2], b[3]);
                },
                Real(random, from), new float[to], Real(random, to), new float[from]);
        });

    static Gen<PoolGeometry> Pools =>
        from n in Gen.Choose(1, 2)
        from size in Gen.Choose(1, 8).ArrayOf(2)
        from channels in Gen.Elements(1, 3)
        from kernel in Gen.Choose(1, 4).ArrayOf(2)
        from stride in Gen.Choose(1, 3).ArrayOf(2)
        from pad in Gen.Choose(0, 1).ArrayOf(4)
        from ceil in Gen.Elements(true, false)
        from count in Gen.Elements(true, false)
        from adaptive in Gen.Elements(true, false, false)
        where adaptive || (size[0] + pad[0] + pad[1] >= kernel[0] && size[1] + pad[2] + pad[3] >= kernel[1] && pad[0] < kernel[0] && pad[1] < kernel[0] && pad[2] < kernel[1] && pad[3] < kernel[1])
        select adaptive
            ? PoolGeometry.CreateAdaptive([n, size[0], size[1], channels], (kernel[0], kernel[1]))
            : PoolGeometry.Create([n, size[0], size[1], channels], (kernel[0], kernel[1]), (stride[0], stride[1]), new(pad[0], pad[1], pad[2], pad[3]), ceil, count);
}
