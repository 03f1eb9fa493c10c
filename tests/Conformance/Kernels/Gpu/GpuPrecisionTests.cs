using CnnSharp.Verification;
using CnnSharp.Kernels;
using CnnSharp.Kernels.Gpu;
using FsCheck.Fluent;
using Xunit;
using static CnnSharp.Tests.GpuRun;

namespace CnnSharp.Tests;

/// <summary>
/// Products in TensorFloat-32 and bfloat16: the kernels of the tensor cores, with the same tiles, places in shared memory and
/// fragments, on an accelerator that multiplies fragments in plain arithmetic.
/// </summary>
[Collection(ProcessTests.Name)]
public sealed class GpuPrecisionTests(EmulatedTensorCores devices) : IClassFixture<EmulatedTensorCores>
{

    /// <summary>Whole numbers, which both precisions represent: bfloat16 up to 256.</summary>
    [Theory]
    [InlineData(Precision.TensorFloat32)]
    [InlineData(Precision.BFloat16)]
    public void ConvolutionsOfWholeNumbersAreExact(Precision precision)
    {
        ConvGeometry[] cases =
        [
            ConvGeometry.Create([2, 6, 7, 8], [3, 3, 8, 68], 1, 1, 1, 1),
            ConvGeometry.Create([1, 11, 9, 12], [2, 3, 6, 20], (3, 2), (0, 1), (1, 2), 2),
        ];
        foreach (var g in cases) Convolve(devices[precision], g, new(g.K));
    }

    /// <summary>Depths on both sides of a tile's 16 or 32, and one that is summed in parts.</summary>
    [Theory]
    [InlineData(Precision.TensorFloat32)]
    [InlineData(Precision.BFloat16)]
    public void MatrixProductsOfWholeNumbersAreExact(Precision precision) => Check(
        8,
        from m in Gen.Elements(1, 31, 64, 70)
        from n in Gen.Elements(1, 10, 36, 68)
        from k in Gen.Elements(0, 1, 7, 16, 36, 600)
        from a in Gen.Elements(true, false)
        from b in Gen.Elements(true, false)
        select new MatMulGeometry(m, n, k, a, b),
        (g, random) => Same(
            devices[precision],
            (k, b) => k.MatMul.Multiply(g, b[0], b[1], b[2], b[3], Activation.Relu, accumulate: true),
            Whole(random, (long)g.M * g.K), Whole(random, (long)g.K * g.N), Whole(random, g.N), Whole(random, (long)g.M * g.N)));

    /// <summary>The large tiles, not quite full, with runs along the depth and across the rows.</summary>
    [Fact]
    public void LargeTilesAreExact()
    {
        Tile<WarpTile128x128, ScalarTf32>(Precision.TensorFloat32);
        Tile<WarpTile128x128, ScalarBf16>(Precision.BFloat16);
        Tile<WarpTile128x64, ScalarTf32>(Precision.TensorFloat32);
        Tile<WarpTile128x64, ScalarBf16>(Precision.BFloat16);
    }

    /// <summary>Factors are rounded as the instructions do, and sums are not: exactly the product of the rounded factors, near that of the factors themselves.</summary>
    [Theory]
    [InlineData(Precision.TensorFloat32, 2e-3)]
    [InlineData(Precision.BFloat16, 2e-2)]
    public void FactorsAreRoundedAndSumsAreNot(Precision precision, double tolerance)
    {
        var (g, random) = (new MatMulGeometry(60, 33, 70), new Random(5));
        float[][] buffers = [Real(random, g.M * g.K), Real(random, g.K * g.N), new float[g.M * g.N]];
        void Call(IKernels k, DeviceBuffer[] b) => k.MatMul.Multiply(g, b[0], b[1], null, b[2]);
        var actual = (float[])On(devices[precision], Call, buffers)[2];
        var exact = (float[])On(Device.Reference, Call, buffers)[2];
        var rounded = (float[])On(Device.Reference, Call, [Array.ConvertAll(buffers[0], v => Rounded(v, precision)), Array.ConvertAll(buffers[1], v => Rounded(v, precision)), buffers[2]])[2];
        var largest = exact.Max(Math.Abs);
        for (var i = 0; i < actual.Length; i++)
        {
            Assert.Equal(rounded[i], actual[i], 1e-6 * largest);
            Assert.Equal(exact[i], actual[i], tolerance * largest);
        }

        Assert.NotEqual(exact, actual);
    }

    /// <summary>Halves, the last number, infinities and NaN.</summary>
    [Fact]
    public void RoundingIsTheInstructions()
    {
        Assert.Equal(0x3f802000u, Tf32(0x3f801000));
        Assert.Equal(0x3f800000u, Tf32(0x3f800fff));
        Assert.Equal(0xbf804000u, Tf32(0xbf803000));
        Assert.Equal(0x7f800000u, Tf32(0x7f7fffff));
        Assert.Equal(0x7f800000u, Tf32(0x7f800000));
        Assert.True(float.IsNaN(BitConverter.UInt32BitsToSingle(Tf32(0x7fffffff))));
        Assert.Equal(0x3f80u, Bf16(0x3f808000));
        Assert.Equal(0x3f82u, Bf16(0x3f818000));
        Assert.Equal(0x3f81u, Bf16(0x3f808001));
        Assert.Equal(0xff80u, Bf16(0xff7fffff));
        Assert.Equal(0xff80u, Bf16(0xff800000));
        Assert.True(float.IsNaN(BitConverter.UInt32BitsToSingle(Bf16(0x7f800001) << 16)));
        Assert.Equal(0x40003f80u, default(ScalarBf16).Word(1, 2));

        static uint Tf32(uint bits) => default(ScalarTf32).Word(BitConverter.UInt32BitsToSingle(bits), 0);
        static uint Bf16(uint bits) => default(ScalarBf16).Word(BitConverter.UInt32BitsToSingle(bits), 0);
    }

    /// <summary>The products of the operation registry, with their gradients; each in one of the precisions, as all in both take long.</summary>
    [Theory]
    [InlineData("conv2d", Precision.BFloat16)]
    [InlineData("conv_transpose2d", Precision.TensorFloat32)]
    [InlineData("linear", Precision.TensorFloat32)]
    [InlineData("matmul", Precision.BFloat16)]
    public void TheTableHolds(string operation, Precision precision) => Assert.Null(OperationCase.Check(OperationRegistry.Rows.Single(row => row.Name == operation && row.IsProduct), devices[precision]));

    /// <summary>Rounding is never silent: float32 unless set, and refused where it cannot be had.</summary>
    [Fact]
    public void OtherDevicesRefuse()
    {
        Assert.Equal(Precision.Float32, Gpu.Engine.Precision);
        foreach (var precision in new[] { Precision.TensorFloat32, Precision.BFloat16 })
        {
            var refused = Assert.Throws<NotSupportedException>(() => Gpu.Engine.Precision = precision);
            Assert.Contains("ilgpu-cpu", refused.Message, StringComparison.Ordinal);
            Assert.Contains(precision.ToString(), refused.Message, StringComparison.Ordinal);
            Assert.Contains("tensor cores of a CUDA device", refused.Message, StringComparison.Ordinal);
        }

        Assert.Equal(Precision.Float32, Gpu.Engine.Precision);
        Assert.Throws<ArgumentOutOfRangeException>(() => Gpu.Engine.Precision = (Precision)7);
        Gpu.Engine.Precision = Precision.Float32;
    }

    void Tile<TTile, TMma>(Precision precision)
        where TTile : struct, IWarpTile
        where TMma : struct, IMma
    {
        var (m, n, k, random) = (100, 100, 36, new Random(7));
        Array[] buffers = [Whole(random, m * k), Whole(random, k * n), new float[m * n], new float[m * n]];
        var expected = On(Device.Reference, Call, buffers);
        Assert.Equal(expected, On(devices[precision], Call, buffers));

        // a is [m, k] and [k, m], b [k, n] and [n, k].
        void Call(IKernels kernels, DeviceBuffer[] b)
        {
            if (kernels is not GpuKernels gpu)
            {
                kernels.MatMul.Multiply(new(m, n, k), b[0], b[1], null, b[2]);
                kernels.MatMul.Multiply(new(m, n, k, true, true), b[0], b[1], null, b[3]);
                return;
            }

            gpu.Products.MmaProduct<TTile, TMma, RowMatrix<Vectors>, ColumnMatrix<Vectors>, RowResults<Vectors>>(new(GpuKernelFamily.VectorsOf(b[0]), m, k, k, 0), new(GpuKernelFamily.VectorsOf(b[1]), n, n, 0), Results(b[2]), m, n, k, 1);
            gpu.Products.MmaProduct<TTile, TMma, ColumnMatrix<Vectors>, RowMatrix<Vectors>, RowResults<Vectors>>(new(GpuKernelFamily.VectorsOf(b[0]), m, m, 0), new(GpuKernelFamily.VectorsOf(b[1]), n, k, k, 0), Results(b[3]), m, n, k, 1);
        }

        RowResults<Vectors> Results(DeviceBuffer buffer) => new(new(GpuKernelFamily.VectorsOf(buffer), GpuKernelFamily.ViewOrEmpty<float>(null), n, false, false, false), n, 0);
    }

    /// <summary>Eleven bits with halves away from zero, or eight with halves to even, by way of double arithmetic.</summary>
    static float Rounded(float value, Precision precision)
    {
        var (bits, halves) = precision == Precision.TensorFloat32 ? (11, MidpointRounding.AwayFromZero) : (8, MidpointRounding.ToEven);
        if (value == 0) return 0;
        var unit = Math.ScaleB(1, Math.ILogB(value) + 1 - bits);
        return (float)(Math.Round(value / unit, halves) * unit);
    }
}

/// <summary>
/// A device of one precision at a time. It goes when another is asked for, and with the tests, which run alone: while ILGPU compiles
/// the kernels it holds nearly a gigabyte, and then half of it, and 256 threads.
/// </summary>
public sealed class EmulatedTensorCores : IDisposable
{
    Device? device;

    public EmulatedTensorCores() => GC.Collect();

    /// <summary>The device of a precision.</summary>
    public Device this[Precision precision]
    {
        get
        {
            if (device?.Engine.Precision == precision) return device;
            Dispose();
            device = new(Accelerators.OpenCpu($"ilgpu-cpu-{precision}", 32, 8, emulatesTensorCores: true));
            device.Engine.Precision = precision;
            return device;
        }
    }

    public void Dispose()
    {
        device?.Dispose();
        device = null;
        GC.Collect();
    }
}
