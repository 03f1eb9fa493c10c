using CnnSharp.Kernels;
using CnnSharp.Kernels.Cpu;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>The gradient with respect to the input of first layers, whose rows are made in tiles and segments of pixels: widths, pads, windows and tails matter.</summary>
[Collection(DeviceTests.Name)]
public sealed class CpuThreeChannelsTests
{
    public static TheoryData<SimdLevel, int, int, int, int, int, int, int> Cases()
    {
        var data = new TheoryData<SimdLevel, int, int, int, int, int, int, int>();
        foreach (var level in Enum.GetValues<SimdLevel>())
        {
            foreach (var (h, w, k, r, s, top, left) in ((int, int, int, int, int, int, int)[])
                [
                    (32, 32, 16, 3, 3, 1, 1), (5, 16, 16, 3, 3, 1, 1), (4, 17, 32, 3, 3, 0, 0), (7, 33, 16, 3, 3, 2, 2), (9, 48, 16, 3, 3, 1, 0), (3, 63, 48, 3, 3, 0, 2), (11, 70, 16, 3, 3, 2, 1),
                    (6, 5, 16, 3, 3, 1, 1), (8, 8, 16, 5, 5, 2, 2), (9, 65, 16, 7, 7, 3, 3), (7, 6, 32, 7, 7, 3, 3), (4, 128, 16, 1, 3, 0, 1), (10, 9, 16, 3, 1, 1, 0), (5, 20, 16, 3, 3, 4, 5), (1, 7, 16, 2, 2, 1, 1),

                    // Rows of about 32 pixels, which go through Winograd's algorithm: bands, odd rows, rows of dy that are shorter and longer, other windows.
                    (34, 28, 16, 3, 3, 1, 1), (5, 32, 16, 3, 3, 1, 1), (1, 30, 16, 3, 3, 1, 1), (2, 29, 16, 3, 1, 1, 0), (3, 32, 16, 3, 3, 0, 0), (6, 31, 16, 3, 3, 2, 2), (7, 32, 16, 3, 3, 2, 2),
                    (8, 32, 16, 3, 3, 4, 1), (9, 28, 16, 3, 5, 1, 4), (10, 31, 16, 3, 16, 1, 14), (19, 32, 32, 3, 3, 1, 1),
                ])
                data.Add(level, h, w, k, r, s, top, left);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void EqualsThePlainKernelsToTheBitOnWholeNumbers(SimdLevel level, int h, int w, int k, int r, int s, int top, int left)
    {
        foreach (var accumulate in (bool[])[false, true])
        {
            var (padding, random) = (new Padding2d(top, 1, left, 1), new Random(h + w));
            var g = ConvGeometry.Create([2, h, w, 3], [r, s, 3, k], 1, padding, 1, 1);
            float[] Whole(long count) => [.. Enumerable.Range(0, (int)count).Select(_ => (float)random.Next(-4, 5))];
            Array[] buffers = [Whole((long)g.N * g.OutH * g.OutW * k), Whole(3L * r * s * k), Whole((long)g.N * h * w * 3), Whole(3), Whole((long)g.N * h * w * 3)];
            var expected = GpuRun.On(Device.Reference, Call, buffers);
            Assert.Equal(expected, GpuRun.On(Devices.Cpu(level, 1), Call, buffers));
            Assert.Equal(expected, GpuRun.On(Devices.Cpu(level, 3), Call, buffers));

            void Call(IKernels kernels, DeviceBuffer[] b)
            {
                kernels.Convolution.BackwardInput(g, b[0], b[1], b[2], accumulate);

                // The same sums with a bias; the weights' last two axes are exchanged, which whole numbers at random do not mind.
                kernels.Convolution.TransposeForward(g, b[0], b[1], b[3], b[4]);
            }
        }
    }

    [Fact]
    public void WinogradOfRowsIsNearThePlainKernels()
    {
        var random = new Random(1);
        var g = ConvGeometry.Create([4, 32, 32, 3], [3, 3, 3, 16], 1, 1, 1, 1);
        GpuRun.Near(
            Devices.Cpu(SimdLevel.Avx512, 2), 1e-6, (kernels, b) => kernels.Convolution.BackwardInput(g, b[0], b[1], b[2]),
            GpuRun.Real(random, 4L * 32 * 32 * 16), GpuRun.Real(random, 3 * 3 * 3 * 16), new float[4 * 32 * 32 * 3]);
    }
}
