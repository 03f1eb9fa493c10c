using CnnSharp.Kernels;
using CnnSharp.Kernels.Gpu;
using FsCheck;
using FsCheck.Fluent;
using Xunit;
using static CnnSharp.Tests.GpuRun;

namespace CnnSharp.Tests;

/// <summary>
/// Convolutions, transposed convolutions and matrix products of the GPU engine against the plain kernels. Inputs are whole
/// numbers, so that results agree to the bit whatever the order of the sums.
/// </summary>
[Collection(ProcessTests.Name)]
public sealed class GpuConvolutionTests(WideAccelerator wide) : IClassFixture<WideAccelerator>
{
    [Fact]
    public void ConvolutionsAreExact() => Check(60, Convolutions, (g, random) => Convolve(Gpu, g, random));

    [Fact]
    public void TransposedConvolutionsAreExact() => Check(40, Convolutions, (g, random) => ConvolveTransposed(Gpu, g, random));

    /// <summary>Larger than a tile in every direction; a gradient with respect to the weights that is summed in parts; 1 x 1; a stride that leaves places of x unread; a stride that shares a factor with the dilation.</summary>
    [Fact]
    public void ConvolutionsLargerThanATileAreExact()
    {
        ConvGeometry[] cases =
        [
            ConvGeometry.Create([2, 9, 10, 36], [3, 3, 36, 40], 1, 1, 1, 1),
            ConvGeometry.Create([3, 14, 15, 5], [3, 2, 5, 6], 1, 1, 1, 1),
            ConvGeometry.Create([1, 7, 6, 40], [1, 1, 40, 36], 1, 0, 1, 1),
            ConvGeometry.Create([2, 9, 8, 8], [1, 1, 8, 12], 2, 0, 1, 1),
            ConvGeometry.Create([1, 17, 18, 6], [2, 3, 6, 34], (4, 3), (0, 1), (2, 3), 1),
            ConvGeometry.Create([1, 11, 11, 3], [5, 5, 3, 8], 2, new(1, 2, 0, 3), 1, 1),
        ];
        foreach (var g in cases)
        {
            Convolve(Gpu, g, new(1));
            ConvolveTransposed(Gpu, g, new(2));
        }
    }

    [Fact]
    public void EveryTileIsExact()
    {
        MultiplyOn<Tile128x128>();
        MultiplyOn<Tile128x64>();
        MultiplyOn<Tile128x32>();
        MultiplyOn<Tile128x16>();
        MultiplyOn<Tile64x64>();
        MultiplyOn<Tile64x16>();
    }

    [Fact]
    public void ConvolutionsOnTheTilesOfAGpuAreExact()
    {
        Convolve(wide.Device, ConvGeometry.Create([1, 9, 8, 4], [3, 2, 4, 12], 1, 1, 1, 1), new(1));
        Convolve(wide.Device, ConvGeometry.Create([1, 8, 10, 6], [1, 3, 6, 68], 2, 1, 1, 1), new(2));
        ConvolveTransposed(wide.Device, ConvGeometry.Create([1, 8, 10, 20], [1, 3, 20, 6], 2, 1, 1, 1), new(3));
    }

    [Fact]
    public void MatrixProductsAreExact() => Check(
        60,
        from m in Gen.Elements(1, 4, 31, 33, 64, 70)
        from n in Gen.Elements(1, 10, 32, 36)
        from k in Gen.Elements(0, 1, 7, 8, 30, 64, 600)
        from a in Gen.Elements(true, false)
        from b in Gen.Elements(true, false)
        select new MatMulGeometry(m, n, k, a, b),
        (g, random) => Multiply(Gpu, g, random));

    [Theory]
    [InlineData(130, 20, 40, true, false)]
    [InlineData(65, 70, 33, false, true)]
    public void MatrixProductsOfAGpuAreExact(int m, int n, int k, bool transposeA, bool transposeB) => Multiply(wide.Device, new(m, n, k, transposeA, transposeB), new(m));

    /// <summary>No input, no sum: results are the bias, gradients with respect to the weights 0.</summary>
    [Fact]
    public void EmptyBatches()
    {
        Convolve(Gpu, ConvGeometry.Create([0, 4, 4, 4], [3, 3, 4, 8], 1, 1, 1, 1), new(1));
        Convolve(Gpu, ConvGeometry.Create([0, 4, 4, 4], [3, 3, 1, 4], 1, 1, 1, 4), new(1));
    }

    /// <summary>The same bytes each time, with values whose sums depend on their order.</summary>
    [Fact]
    public void SumsInPartsAreTheSameEachTime()
    {
        var (g, random) = (ConvGeometry.Create([2, 20, 20, 4], [3, 3, 4, 8], 1, 1, 1, 1), new Random(3));
        Array[] buffers = [Real(random, 3200), Real(random, 6400), new float[288]];
        void Call(IKernels k, DeviceBuffer[] b) => k.Convolution.BackwardWeight(g, b[0], b[1], b[2]);
        Assert.Equal(On(Gpu, Call, buffers), On(Gpu, Call, buffers));
    }

    /// <summary>Division by multiplication, at every divisor's hardest numbers.</summary>
    [Fact]
    public void FastDivisionIsExact()
    {
        foreach (var divisor in (int[])[1, 2, 3, 5, 7, 9, 32, 49, 641, 1000, 65535, 65536, 1 << 30, int.MaxValue - 1, int.MaxValue])
        {
            var divide = new FastDivide(divisor);
            foreach (var n in new long[] { 0, 1, divisor - 1L, divisor, divisor + 1L, int.MaxValue - 1, int.MaxValue, int.MaxValue / divisor * (long)divisor, (int.MaxValue / divisor * (long)divisor) - 1 })
            {
                if (n is >= 0 and <= int.MaxValue) Assert.Equal((int)n / divisor, divide.Quotient((int)n));
            }
        }
    }

    static Gen<ConvGeometry> Convolutions =>
        from n in Gen.Choose(1, 2)
        from size in Gen.Choose(1, 9).ArrayOf(2)
        from kernel in Gen.Choose(1, 4).ArrayOf(2)
        from stride in Gen.Elements(1, 1, 2, 3).ArrayOf(2)
        from dilation in Gen.Elements(1, 1, 2).ArrayOf(2)
        from pad in Gen.Choose(0, 2).ArrayOf(4)
        from groups in Gen.Elements(1, 1, 1, 2, 5)
        from channels in Gen.Elements(1, 2, 3, 4, 5, 8)
        from results in Gen.Elements(1, 2, 4, 7, 8, 33)
        where size[0] + pad[0] + pad[1] > (kernel[0] - 1) * dilation[0] && size[1] + pad[2] + pad[3] > (kernel[1] - 1) * dilation[1]
        select ConvGeometry.Create([n, size[0], size[1], groups * channels], [kernel[0], kernel[1], channels, groups * results], (stride[0], stride[1]), new(pad[0], pad[1], pad[2], pad[3]), (dilation[0], dilation[1]), groups);

    /// <summary>Forward, with and without bias and ReLU; backward-data, once overwritten and once added to; backward-weights; by bias.</summary>
    /// <summary>A product of a little more than a tile along each extent, and one of exactly a tile and two depths.</summary>
    void MultiplyOn<TTile>()
        where TTile : struct, ITile
    {
        int m = Gemm.TileRows<TTile>(), n = Gemm.TileColumns<TTile>(), depth = 2 * SharedTile.Depth;
        Same<Scalars>(new(m + 3, n + 5, depth + 1), GpuKernelFamily.ScalarsOf);
        Same<Vectors>(new(m, n, depth), GpuKernelFamily.VectorsOf);

        void Same<TElements>(MatMulGeometry g, Func<DeviceBuffer, TElements> elements)
            where TElements : struct, IElements
        {
            var random = new Random(g.M + g.N);
            GpuRun.Same(
                wide.Device,
                (k, b) =>
                {
                    if (k is not GpuKernels gpu)
                    {
                        k.MatMul.Multiply(g, b[0], b[1], b[2], b[3], Activation.Relu);
                        return;
                    }

                    var results = new RowResults<TElements>(new(elements(b[3]), GpuKernelFamily.ViewOrEmpty<float>(b[2]), g.N, hasBias: true, relu: true, accumulate: false), g.N, 0);
                    gpu.Products.Product<TTile, RowMatrix<TElements>, ColumnMatrix<TElements>, RowResults<TElements>>(
                        new(elements(b[0]), g.M, g.K, g.K, 0), new(elements(b[1]), g.N, g.N, 0), results, g.M, g.N, g.K, 1);
                },
                Whole(random, (long)g.M * g.K), Whole(random, (long)g.K * g.N), Whole(random, g.N), Dirt((long)g.M * g.N));
        }
    }

    static void Multiply(Device device, MatMulGeometry g, Random random) => Same(
        device,
        (k, b) =>
        {
            k.MatMul.Multiply(g, b[0], b[1], null, b[3]);
            k.MatMul.Multiply(g, b[0], b[1], b[2], b[4], Activation.Relu);
            k.MatMul.Multiply(g, b[0], b[1], b[2], b[4], Activation.Relu, accumulate: true);
        },
        Whole(random, (long)g.M * g.K), Whole(random, (long)g.K * g.N), Whole(random, g.N), Dirt((long)g.M * g.N), Dirt((long)g.M * g.N));

}

/// <summary>ILGPU's CPU accelerator with the groups of a GPU, and so its tiles. It goes with the tests, which run alone, and what ILGPU keeps for its kernels with it.</summary>
public sealed class WideAccelerator : IDisposable
{
    public WideAccelerator() => GC.Collect();

    public Device Device { get; } = new(Accelerators.OpenCpu("ilgpu-cpu-256", 32, 8));

    public void Dispose()
    {
        Device.Dispose();
        GC.Collect();
    }
}
