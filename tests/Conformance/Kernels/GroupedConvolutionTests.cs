using CnnSharp.Kernels;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>
/// Convolutions with groups, plain and transposed, forward and the three backward passes, against <c>reference-f64</c> on whole
/// numbers, where every engine agrees to the last bit: over groups, channels, batch sizes, kernels, strides, dilations and
/// paddings. The sweep draws <see cref="Count"/> shapes; <c>CNNSHARP_SWEEP=20000</c> draws as many, and
/// <c>CNNSHARP_CONVOLUTION="..."</c> runs the one case that a failure prints.
/// </summary>
[Collection(DeviceTests.Name)]
public sealed class GroupedConvolutionTests
{
    const int Default = 250;

    static readonly int[] Threads = [1, 2, 5];

    public static TheoryData<string> DeviceNames => [.. Devices.SinglePrecision.Where(name => name != "reference")];

    static int Count => int.TryParse(Environment.GetEnvironmentVariable("CNNSHARP_SWEEP"), out var count) ? count : Default;

    /// <summary>The shapes on which the CPU engine's plan of tasks threw, and their neighbors.</summary>
    [Theory]
    [MemberData(nameof(DeviceNames))]
    public void MoreGroupsThanTasksAreWanted(string device)
    {
        // ILGPU's CPU accelerator, whose plan is another, takes seconds for one.
        (int N, int Groups)[] cases = IsSlow(device) ? [(1, 33)] : [(1, 33), (1, 64), (2, 33), (2, 48), (2, 64), (3, 128), (5, 256)];
        foreach (var (n, groups) in cases) Check(Devices.Open(device), new(n, 5, 6, 4, 4, groups, 3, 1, 1, 1, false));
    }

    [Theory]
    [MemberData(nameof(DeviceNames))]
    public void AgreesWithReference(string name)
    {
        var device = Devices.Open(name);
        if (Environment.GetEnvironmentVariable("CNNSHARP_CONVOLUTION") is { Length: > 0 } one)
        {
            Check(device, ConvolutionCase.Parse(one));
            return;
        }

        foreach (var shape in IsSlow(name) ? Draw(Math.Max(1, Count / 25), 20_000) : Draw(Count, 400_000)) Check(device, shape);
    }

    static bool IsSlow(string device) => device.StartsWith("ilgpu", StringComparison.Ordinal);

    [Fact]
    public void ThreadsGiveTheSameBits()
    {
        foreach (var level in Enum.GetValues<CnnSharp.Kernels.Cpu.SimdLevel>().Where(level => level <= CnnSharp.Kernels.Cpu.CpuEngine.WidestLevel))
        {
            var devices = Threads.Select(threads => Devices.Cpu(level, threads)).ToArray();
            foreach (var shape in Draw(Count / 3, 400_000))
            {
                var inputs = shape.Inputs(wholeNumbers: false);
                var expected = shape.Evaluate(devices[0], inputs);
                for (var i = 1; i < devices.Length; i++)
                {
                    var actual = shape.Evaluate(devices[i], inputs);
                    for (var pass = 0; pass < actual.Length; pass++)
                        Assert.True(Bits(expected[pass]).SequenceEqual(Bits(actual[pass])), $"CNNSHARP_CONVOLUTION=\"{shape}\": {ConvolutionCase.Passes[pass]} of {level} differs between 1 and {Threads[i]} threads.");
                }
            }
        }
    }

    static ReadOnlySpan<int> Bits(float[] values) => System.Runtime.InteropServices.MemoryMarshal.Cast<float, int>(values);

    static void Check(Device device, ConvolutionCase shape)
    {
        var inputs = shape.Inputs(wholeNumbers: true);
        var expected = shape.Evaluate(Devices.Open("reference"), inputs);
        float[][] actual;
        try
        {
            actual = shape.Evaluate(device, inputs);
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"CNNSHARP_CONVOLUTION=\"{shape}\" on {device}: {e.GetType().Name}: {e.Message}", e);
        }

        for (var pass = 0; pass < actual.Length; pass++)
        {
            for (var i = 0; i < actual[pass].Length; i++)
            {
                if (actual[pass][i] != expected[pass][i]) Assert.Fail($"CNNSHARP_CONVOLUTION=\"{shape}\" on {device.Engine.Name} {device.Engine.Description}: {ConvolutionCase.Passes[pass]}[{i}] is {actual[pass][i]}, expected {expected[pass][i]}.");
            }
        }
    }

    /// <summary>Shapes of at most <paramref name="work"/> multiply-adds; the same ones every time.</summary>
    static IEnumerable<ConvolutionCase> Draw(int count, long work)
    {
        var random = new Random(7);
        int[] groups = [1, 2, 3, 4, 5, 8, 16, 32, 33, 64, 256], channels = [1, 2, 3, 4, 5, 16, 0], kernels = [1, 3, 5, 7], sizes = [1, 2, 5, 7, 14, 33];
        for (var drawn = 0; drawn < count;)
        {
            var kernel = Of(kernels);
            var shape = new ConvolutionCase(random.Next(6), Of(sizes), Of(sizes), Of(channels[..^(random.Next(20) == 0 ? 0 : 1)]), Of(channels[..^(random.Next(20) == 0 ? 0 : 1)]), Of(groups), kernel, random.Next(1, 3), random.Next(4) == 0 ? 2 : 1, random.Next((kernel / 2) + 2), random.Next(3) == 0);
            if (!shape.IsValid || shape.MultiplyAdds > work) continue;
            drawn++;
            yield return shape;
        }

        int Of(int[] values) => values[random.Next(values.Length)];
    }

    /// <summary>A convolution with square kernel.</summary>
    /// <param name="N">Images.</param>
    /// <param name="H">Rows of the input.</param>
    /// <param name="W">Columns of the input.</param>
    /// <param name="GroupIn">Input channels of a group.</param>
    /// <param name="GroupOut">Output channels of a group.</param>
    /// <param name="Groups">Groups.</param>
    /// <param name="Kernel">Rows and columns of the kernel.</param>
    /// <param name="Stride">Stride.</param>
    /// <param name="Dilation">Dilation.</param>
    /// <param name="Padding">Padding.</param>
    /// <param name="Transposed">Whether it is a transposed convolution.</param>
    sealed record ConvolutionCase(int N, int H, int W, int GroupIn, int GroupOut, int Groups, int Kernel, int Stride, int Dilation, int Padding, bool Transposed)
    {
        public static readonly string[] Passes = ["y", "dx", "dw", "db"];

        public static ConvolutionCase Parse(string text)
        {
            var numbers = text.Split(' ').Select(part => int.Parse(part[(part.IndexOf('=') + 1)..], System.Globalization.CultureInfo.InvariantCulture)).ToArray();
            return new(numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], numbers[6], numbers[7], numbers[8], numbers[9], numbers[10] != 0);
        }

        public override string ToString() => $"n={N} h={H} w={W} groupIn={GroupIn} groupOut={GroupOut} groups={Groups} kernel={Kernel} stride={Stride} dilation={Dilation} padding={Padding} transposed={(Transposed ? 1 : 0)}";

        public bool IsValid
        {
            get
            {
                try
                {
                    _ = Geometry;
                    return true;
                }
                catch (ShapeException)
                {
                    return false;
                }
            }
        }

        public long MultiplyAdds => Geometry.MultiplyAdds;

        ConvGeometry Geometry => Transposed
            ? ConvGeometry.CreateTransposed([N, H, W, Groups * GroupIn], WeightShape.AsSpan(), Stride, Padding, Stride - 1, Dilation, Groups)
            : ConvGeometry.Create([N, H, W, Groups * GroupIn], WeightShape.AsSpan(), Stride, Padding, Dilation, Groups);

        Shape WeightShape => new(Kernel, Kernel, GroupIn, Groups * GroupOut);

        Shape OutputShape => Transposed ? new(N, Geometry.H, Geometry.W, Groups * GroupOut) : new(N, Geometry.OutH, Geometry.OutW, Groups * GroupOut);

        /// <summary>x, w, b, dy.</summary>
        public float[][] Inputs(bool wholeNumbers)
        {
            var random = new Random(GetHashCode(N, H, W, GroupIn, GroupOut, Groups));
            return [.. new[] { (long)N * H * W * Groups * GroupIn, WeightShape.Count, Groups * GroupOut, OutputShape.Count }.Select(count => Fill(count))];

            float[] Fill(long count)
            {
                var values = new float[count];
                for (var i = 0; i < values.Length; i++) values[i] = wholeNumbers ? random.Next(-2, 3) : (float)((2 * random.NextDouble()) - 1);
                return values;
            }
        }

        static int GetHashCode(params ReadOnlySpan<int> values)
        {
            var hash = 17;
            foreach (var value in values) hash = unchecked((hash * 31) + value);
            return hash;
        }

        /// <summary>y, dx, dw, db. Every other case adds to a gradient of x that is there already.</summary>
        public float[][] Evaluate(Device device, float[][] inputs)
        {
            using var x = Tensor.From(inputs[0], new(N, H, W, Groups * GroupIn), device);
            using var w = Tensor.From(inputs[1], WeightShape, device);
            using var b = Tensor.From(inputs[2], new(Groups * GroupOut), device);
            using var dy = Tensor.From(inputs[3], OutputShape, device);
            x.RequiresGrad = w.RequiresGrad = b.RequiresGrad = true;
            using var y = (Transposed
                ? Functional.ConvTranspose2d(x, w, b, new() { Stride = Stride, Padding = Padding, OutputPadding = Stride - 1, Dilation = Dilation, Groups = Groups })
                : Functional.Conv2d(x, w, b, new() { Stride = Stride, Padding = Padding, Dilation = Dilation, Groups = Groups })).Keep();
            var values = y.ToArray();
            y.Backward(dy);
            using Tensor dx = x.Gradient!, dw = w.Gradient!, db = b.Gradient!;
            return [values, dx.ToArray(), dw.ToArray(), db.ToArray()];
        }
    }
}
