using CnnSharp.Kernels;
using FsCheck.Fluent;
using Xunit;
using static CnnSharp.Tests.GpuRun;

namespace CnnSharp.Tests;

/// <summary>
/// Element-wise functions, dropout, copies, images and optimizer steps of the GPU engine against the plain kernels: to the
/// bit where whole numbers make it possible, else within a tolerance. Lengths have every remainder by four.
/// </summary>
[Collection(DeviceTests.Name)]
public sealed class GpuElementwiseTests
{
    static readonly UnaryOp[] Exact = [UnaryOp.Relu, UnaryOp.LeakyRelu, UnaryOp.Abs, UnaryOp.Square, UnaryOp.MultiplyScalar, UnaryOp.AddScalar, UnaryOp.Floor, UnaryOp.Ceiling, UnaryOp.Round, UnaryOp.Sign];
    static readonly int[] Lengths = [0, 1, 2, 3, 4, 5, 7, 40];

    [Fact]
    public void Unary() => Check(
        60,
        from op in Gen.Elements(Enum.GetValues<UnaryOp>())
        from length in Gen.Elements(Lengths)
        select (op, length),
        (drawn, random) =>
        {
            var (op, length) = drawn;
            var x = op switch
            {
                _ when Exact.Contains(op) => Whole(random, length),
                UnaryOp.Log or UnaryOp.Sqrt => Real(random, length, 0.1f, 9),
                UnaryOp.Acosh => Real(random, length, 1.1f, 9),
                UnaryOp.Asin or UnaryOp.Acos or UnaryOp.Atanh => Real(random, length, -0.9f, 0.9f),
                UnaryOp.Tan => Real(random, length, -1.2f, 1.2f),
                _ => Real(random, length, -9, 9),
            };
            Array[] buffers = [x, new float[length], Whole(random, length), new float[length]];
            if (Exact.Contains(op)) Same(ForwardAndBackward, buffers);
            else Near(1e-6, ForwardAndBackward, buffers);

            void ForwardAndBackward(IKernels k, DeviceBuffer[] b)
            {
                k.Elementwise.Unary(op, 0.5f, b[0], b[1]);
                k.Elementwise.UnaryBackward(op, 0.5f, b[0], b[1], b[2], b[3]);
                k.Elementwise.UnaryBackward(op, 0.5f, b[0], b[1], b[2], b[2]);
                k.Elementwise.Unary(op, 0.5f, b[0], b[0]);
            }
        });

    [Fact]
    public void RoundingGoesToWholeNumbersAndHalvesToEvenOnes()
    {
        float[] x = [-2.5f, -1.5f, -0.5f, 0.5f, 1.5f, 2.5f, -1.7f, 1.2f, 8388609, float.NaN];
        foreach (var op in new[] { UnaryOp.Floor, UnaryOp.Ceiling, UnaryOp.Round, UnaryOp.Sign }) Same((k, b) => k.Elementwise.Unary(op, 0, b[0], b[1]), x, new float[x.Length]);
    }

    [Fact]
    public void Powers()
    {
        float[] a = [2, 3, 0, 0, -2, -2, -2, 1.5f, 0.25f, 1], b = [0.5f, 3, 2, 0, 2, 3, 0.5f, -2, 1.5f, 7];
        foreach (var op in new[] { BinaryOp.Power, BinaryOp.PowerByBase, BinaryOp.PowerByExponent })
        {
            var g = new BroadcastGeometry(1, 1, 1, a.Length, 0, 0, 0, 1, 0, 0, 0, 1);
            Near(1e-6, (k, buffers) => k.Elementwise.Binary(op, g, buffers[0], buffers[1], buffers[2]), a, b, new float[a.Length]);
        }
    }

    /// <summary>Where a formula would overflow, cancel or lose a NaN.</summary>
    [Theory]
    [InlineData(UnaryOp.Relu)]
    [InlineData(UnaryOp.Elu)]
    [InlineData(UnaryOp.Sigmoid)]
    [InlineData(UnaryOp.Tanh)]
    [InlineData(UnaryOp.Gelu)]
    [InlineData(UnaryOp.Silu)]
    [InlineData(UnaryOp.Softplus)]
    [InlineData(UnaryOp.Erf)]
    [InlineData(UnaryOp.Atan)]
    [InlineData(UnaryOp.Asinh)]
    public void UnaryAtTheEnds(UnaryOp op)
    {
        float[] x = [-100, -50, -1e-4f, -1e-6f, 0, 1e-6f, 1e-4f, 50, 100, float.NaN];
        var expected = (float[])On(Device.Reference, (k, b) => k.Elementwise.Unary(op, 1, b[0], b[1]), x, new float[x.Length])[1];
        var actual = (float[])On(Gpu, (k, b) => k.Elementwise.Unary(op, 1, b[0], b[1]), x, new float[x.Length])[1];
        for (var i = 0; i < x.Length; i++) Assert.Equal(expected[i], actual[i], float.IsNaN(expected[i]) ? 0 : Math.Max(1e-30, 2e-6 * Math.Abs(expected[i])));
    }

    [Fact]
    public void BinaryIsExact() => Check(
        60,
        from op in Gen.Elements(Enum.GetValues<BinaryOp>().Except([BinaryOp.Power, BinaryOp.PowerByBase, BinaryOp.PowerByExponent]).ToArray())
        from extents in Gen.Choose(1, 4).ArrayOf(4)
        from repeats in Gen.Choose(0, 15)
        from both in Gen.Elements(true, false)
        select (op, extents, repeats, both),
        (drawn, random) =>
        {
            var (op, d, repeats, both) = drawn;
            var (a, countA) = Strides(d, both ? 15 - repeats : 0);
            var (b, countB) = Strides(d, repeats);
            var g = new BroadcastGeometry(d[0], d[1], d[2], d[3], a[0], a[1], a[2], a[3], b[0], b[1], b[2], b[3]);
            Same((k, buffers) => k.Elementwise.Binary(op, g, buffers[0], buffers[1], buffers[2]), Whole(random, countA), Whole(random, countB), new float[g.Count]);
        });

    // A set bit repeats the input along the axis.
    static (long[] Strides, long Count) Strides(int[] extents, int repeats)
    {
        var (strides, count) = (new long[4], 1L);
        for (var axis = 3; axis >= 0; axis--)
        {
            if ((repeats >> axis & 1) != 0) continue;
            strides[axis] = count;
            count *= extents[axis];
        }

        return (strides, count);
    }

    [Fact]
    public void AddScaledIsExact()
    {
        foreach (var length in Lengths) Same((k, b) => k.Elementwise.AddScaled(-3, b[0], b[1]), Whole(new(1), length), Whole(new(2), length));
    }

    [Fact]
    public void PReluIsExact() => Check(
        20,
        from rows in Gen.Elements(1, 2, 9, 70)
        from channels in Gen.Elements(1, 3, 8)
        from single in Gen.Elements(true, false)
        select (rows, channels, weights: single ? 1 : channels),
        (drawn, random) =>
        {
            var (rows, channels, weights) = drawn;
            var size = rows * channels;
            Same(
                (k, b) =>
                {
                    k.Elementwise.PReluForward(rows, channels, b[0], b[1], b[2]);
                    k.Elementwise.PReluBackwardInput(rows, channels, b[0], b[1], b[3], b[4]);
                    k.Elementwise.PReluBackwardWeight(rows, channels, b[0], b[3], b[5]);
                },
                Whole(random, size), Whole(random, weights), new float[size], Whole(random, size), new float[size], new float[weights]);
        });

    [Fact]
    public void MaxoutIsExact() => Check(
        20,
        from rows in Gen.Choose(1, 4)
        from channels in Gen.Choose(1, 4)
        from pieces in Gen.Choose(1, 5)
        select (rows, channels, pieces),
        (drawn, random) =>
        {
            var (rows, channels, pieces) = drawn;
            var (x, size) = (Whole(random, rows * channels * pieces), rows * channels);
            if (random.Next(2) == 0) x[random.Next(x.Length)] = float.NaN;
            Same(
                (k, b) =>
                {
                    k.Elementwise.MaxoutForward(rows, channels, pieces, b[0], b[1], b[2]);
                    k.Elementwise.MaxoutBackward(rows, channels, pieces, b[3], b[2], b[4]);
                },
                x, new float[size], new int[size], Whole(random, size), new float[x.Length]);
        });

    /// <summary>The numbers of the CPU engine: the same elements are dropped, and the others divided alike.</summary>
    [Theory]
    [InlineData(0f)]
    [InlineData(0.3f)]
    [InlineData(0.5f)]
    [InlineData(1f)]
    public void DropoutIsTheCpuEngines(float probability)
    {
        foreach (var length in (int[])[1, 2, 3, 4, 6, 257])
        {
            var x = Real(new(length), length, 0.5f, 2);
            Assert.Equal(On(Device.Cpu, Drop, x, new float[length]), On(Gpu, Drop, x, new float[length]));
        }

        void Drop(IKernels k, DeviceBuffer[] b) => k.Elementwise.Dropout(probability, 0xFEDCBA9876543210, 0x8000_0000_0000_0007, b[0], b[1]);
    }

    /// <summary>Slices, permutations and reversed source and target strides, of every type.</summary>
    [Fact]
    public void CopyRegionIsExact() => Check(
        40,
        from d in Gen.Choose(1, 4).ArrayOf(4)
        from order in Gen.Shuffle<int>([0, 1, 2, 3])
        from type in Gen.Choose(0, 3)
        select (d, order, type),
        (drawn, random) =>
        {
            var (d, order, type) = drawn;
            var (source, target) = (new long[4], new long[4]);
            long sourceCount = 1, targetCount = 1;
            for (var axis = 3; axis >= 0; axis--)
            {
                source[axis] = sourceCount;
                sourceCount *= d[axis] + 1;
                target[order[axis]] = targetCount;
                targetCount *= d[order[axis]];
            }

            var g = new RegionGeometry(d[0], d[1], d[2], d[3], 1, source[0], source[1], source[2], source[3], 2, target[0], target[1], target[2], target[3]);
            var values = Enumerable.Range(0, (int)sourceCount + 1);
            (Array From, Array To) buffers = type switch
            {
                0 => (values.ToArray(), new int[targetCount + 2]),
                1 => (values.Select(value => (byte)value).ToArray(), new byte[targetCount + 2]),
                _ => (values.Select(value => (float)value).ToArray(), Whole(random, targetCount + 2)),
            };
            Same((k, b) => k.Memory.CopyRegion(g, b[0], b[1], accumulate: type == 3), buffers.From, buffers.To);
        });

    /// <summary>Crops and flips that reach beyond the image, cutouts that reach beyond the batch image, and the ends of what a crop can hold.</summary>
    [Fact]
    public void GatherImagesIsExact() => Check(
        40,
        from size in Gen.Choose(1, 6).ArrayOf(4)
        from channels in Gen.Elements(1, 3)
        from cutout in Gen.Choose(0, 4)
        from padding in Gen.Elements(ImagePadding.Zero, ImagePadding.Reflect)
        select new ImageGeometry(3, size[0], size[1], channels, size[2], size[3], cutout) { Padding = padding },
        (g, random) =>
        {
            const int Images = 4;
            var pixels = new byte[Images * g.H * g.W * g.C];
            random.NextBytes(pixels);
            int[] crops =
            [
                0, 0, 0, 0, int.MinValue, 0,
                random.Next(Images), random.Next(-3, 4), random.Next(-3, 4), 1, random.Next(-3, 4), random.Next(-3, 4),
                Images - 1, random.Next(-3, 4), random.Next(-3, 4), random.Next(2), int.MaxValue - 5, int.MinValue,
            ];
            Same((k, b) => k.Images.Gather(g, b[0], b[1], b[2], b[3]), pixels, crops, Whole(random, 2 * g.C), new float[g.N * g.OutH * g.OutW * g.C]);
        });

    [Fact]
    public void OptimizerSteps() => Check(
        60,
        from rule in Gen.Choose(0, 11)
        from length in Gen.Elements(Lengths)
        from decay in Gen.Elements(0f, 0.1f)
        select (rule, length, decay),
        (drawn, random) =>
        {
            var (rule, length, decay) = drawn;
            Near(
                1e-6,
                (k, b) =>
                {
                    for (var step = 1; step <= 3; step++)
                    {
                        if (rule == 0) k.Optimizers.Sgd(new(0.1f, 0, false, decay, 0.5f), b[0], b[1], null);
                        else if (rule == 1) k.Optimizers.Sgd(new(0.1f, 0.9f, false, decay, 0.5f), b[0], b[1], b[2]);
                        else if (rule == 2) k.Optimizers.Sgd(new(0.1f, 0.9f, true, decay, 0.5f), b[0], b[1], b[2]);
                        else if (rule == 3) k.Optimizers.AdaGrad(new(0.1f, 1e-3f, decay, 0.5f), b[0], b[1], b[2]);
                        else if (rule == 4) k.Optimizers.RmsProp(new(0.1f, 0.9f, 1e-3f, 0, decay, 0.5f), b[0], b[1], b[2], null);
                        else if (rule == 5) k.Optimizers.RmsProp(new(0.1f, 0.9f, 1e-3f, 0.9f, decay, 0.5f), b[0], b[1], b[2], b[3]);
                        else if (rule == 8) k.Optimizers.AdaMax(new(0.1f, 0.9f, 0.99f, 1e-3f, decay, 1 - Math.Pow(0.9, step), 0.5f), b[0], b[1], b[2], b[3]);
                        else if (rule == 9) k.Optimizers.Adadelta(new(1, 0.9f, 1e-3f, decay, 0.5f), b[0], b[1], b[2], b[3]);
                        else if (rule == 10) k.Optimizers.Lion(new(0.1f, 0.9f, 0.99f, decay, 0.5f), b[0], b[1], b[2]);
                        else k.Optimizers.Adam(new(0.1f, 0.9f, 0.99f, 1e-3f, decay, rule == 7, 1 - Math.Pow(0.9, step), 1 - Math.Pow(0.99, step), 0.5f, rule == 11 ? 0.3 : 0), b[0], b[1], b[2], b[3]);
                    }
                },
                Real(random, length), Real(random, length), new float[length], new float[length]);
        });
}
