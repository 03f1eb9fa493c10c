using CnnSharp.Kernels;
using CnnSharp.Kernels.Gpu;
using Xunit;
using static CnnSharp.Tests.GpuRun;

namespace CnnSharp.Tests;

/// <summary>
/// What only large products take, at small extents: factors that are rounded to pairs of bfloat16 in memory, and in float32 weights whose axes are
/// exchanged. Whole numbers, so every result is exact.
/// </summary>
[Collection(ProcessTests.Name)]
public sealed class LargeProductTests
{
    /// <summary>Accelerators and the precisions that they have; tensor cores in plain arithmetic where there are none.</summary>
    public static TheoryData<string, Precision> Runs
    {
        get
        {
            var runs = new TheoryData<string, Precision> { { "ilgpu-cpu", Precision.Float32 }, { "emulated tensor cores", Precision.BFloat16 } };
            foreach (var name in Devices.SinglePrecision.Where(name => name.StartsWith("cuda", StringComparison.Ordinal)))
            {
                runs.Add(name, Precision.Float32);
                runs.Add(name, Precision.BFloat16);
            }

            return runs;
        }
    }

    [Theory]
    [MemberData(nameof(Runs))]
    public void ConvolutionsAreExact(string deviceName, Precision precision) => On(deviceName, precision, device =>
    {
        ConvGeometry[] cases =
        [
            // Tiles of every width, none of them full; a depth of several tiles.
            ConvGeometry.Create([2, 9, 8, 16], [3, 3, 16, 24], 1, 1, 1, 1),
            ConvGeometry.Create([1, 13, 11, 40], [3, 3, 40, 72], 1, 1, 1, 1),
            ConvGeometry.Create([1, 9, 9, 24], [2, 2, 24, 136], 1, 0, 1, 1),

            // Phases of a stride; gaps between taps; groups; results that are no multiple of eight, nor of four.
            ConvGeometry.Create([2, 10, 9, 48], [3, 3, 48, 40], 2, 1, 1, 1),
            ConvGeometry.Create([1, 11, 9, 48], [2, 3, 24, 80], (3, 2), (0, 1), (1, 2), 2),
            ConvGeometry.Create([1, 7, 6, 40], [3, 3, 40, 22], 1, 1, 1, 1),
            ConvGeometry.Create([1, 6, 7, 24], [1, 1, 24, 264], 1, 0, 1, 1),
        ];
        foreach (var g in cases) Convolve(device, g, new(g.K));
    });

    /// <summary>The convolution whose gradient with respect to the input it is.</summary>
    [Theory]
    [MemberData(nameof(Runs))]
    public void TransposedConvolutionsAreExact(string deviceName, Precision precision)
        => On(deviceName, precision, device => ConvolveTransposed(device, ConvGeometry.Create([1, 10, 12, 40], [4, 4, 40, 48], 2, 1, 1, 1), new(3)));

    /// <summary>A gradient with respect to the weights that is summed in parts.</summary>
    [Theory]
    [MemberData(nameof(Runs))]
    public void PartsOfTheDepthAreExact(string deviceName, Precision precision) => On(deviceName, precision, device =>
    {
        var g = ConvGeometry.Create([3, 16, 17, 8], [3, 3, 8, 16], 1, 1, 1, 1);
        var random = new Random(4);
        Same(device, (k, b) => k.Convolution.BackwardWeight(g, b[0], b[1], b[2]), Whole(random, 3L * 16 * 17 * 8), Whole(random, 3L * 16 * 17 * 16), new float[9 * 8 * 16]);
    });

    /// <summary>Runs a test on a device of its own that takes every product for a large one.</summary>
    static void On(string deviceName, Precision precision, Action<Device> body)
    {
        var isOwn = !deviceName.StartsWith("cuda", StringComparison.Ordinal);
        var device = isOwn ? new Device(Accelerators.OpenCpu(deviceName, 32, 8, emulatesTensorCores: precision != Precision.Float32)) : Devices.Open(deviceName);
        var products = ((GpuKernels)device.Engine.Kernels).Products;
        var (large, usual) = (products.LargeProduct, device.Engine.Precision);
        try
        {
            (products.LargeProduct, device.Engine.Precision) = (0, precision);
            body(device);
        }
        finally
        {
            (products.LargeProduct, device.Engine.Precision) = (large, usual);
            if (isOwn) device.Dispose();
        }
    }
}
