using System.Reflection;
using CnnSharp.Verification;
using CnnSharp.Kernels.Cpu;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>Every row of the operation registry, on every device.</summary>
[Collection(DeviceTests.Name)]
public sealed class OperationRegistryTests
{
    public static TheoryData<string> Rows => [.. OperationRegistry.Rows.Select(row => row.Name)];

    public static TheoryData<string, string> RowsOnDevices => OnDevices(OperationRegistry.Rows);

    public static TheoryData<string, string> ExactRowsOnDevices => OnDevices(OperationRegistry.Rows.Where(row => row.IsExact));

    [Fact]
    public void EveryPublicOperationHasARow()
    {
        var operations = typeof(Functional).GetMethods(BindingFlags.Public | BindingFlags.Static)
            .Where(method => method.ReturnType == typeof(Tensor) || method.ReturnType == typeof((Tensor, Tensor)))
            .Select(method => method.Name)
            .Where(name => name != nameof(Functional.Custom)) // whatever its caller makes of it: see CustomOperationTests
            .ToHashSet();
        Assert.Equal(operations.Order(), OperationRegistry.Rows.Select(row => row.Function).Distinct().Order());
    }

    [Fact]
    public void EveryRowHasSamplesForEachOfItsDifferentiableInputs()
    {
        foreach (var row in OperationRegistry.Rows)
        {
            foreach (var name in row.Differentiable) Assert.True(row.Samples.Any(sample => sample.Inputs.Any(input => input.Name == name)), $"{row.Name}: no sample has '{name}'.");
            foreach (var sample in row.Samples)
            {
                var attributes = new Attributes(sample.Attributes);
                row.Evaluate(Device.ReferenceFloat64, sample.Generate(1), attributes, upstream: null);
                Assert.Empty(attributes.Unread);
            }
        }
    }

    /// <summary>
    /// Gradients against central difference quotients of sum(y dy), dy random: an all-ones dy would let a wrong softmax or
    /// batch norm pass, whose results sum to a constant.
    /// </summary>
    [Theory]
    [MemberData(nameof(Rows))]
    public void GradientsMatchDifferenceQuotients(string name)
    {
        const double Step = 1e-6, Absolute = 1e-5, Relative = 1e-3;
        var row = OperationRegistry.Find(name)!;
        var device = Devices.Open("reference-f64");
        var before = Devices.UsedBytes(device);
        for (var s = 0; s < row.Samples.Count; s++)
        {
            var sample = row.Samples[s];
            var inputs = sample.Generate(seed: 100 + s);
            var result = Evaluate(row, sample, inputs, device, seed: 200 + s);
            var dy = Sample.Upstream(result.Y.Shape, 200 + s).Values;
            foreach (var (input, gradient) in result.Gradients)
            {
                var values = inputs[input].Values;
                for (var i = 0; i < values.Length; i++)
                {
                    var numeric = (Value(values, i, Step) - Value(values, i, -Step)) / (2 * Step);
                    var analytic = gradient.Values[i];
                    Assert.True(
                        Math.Abs(analytic - numeric) <= Absolute + (Relative * Math.Abs(numeric)),
                        $"{name} {sample.Attributes} sample {s}: d{input}{gradient.Place(i)} is {analytic}, the difference quotient {numeric}.");
                }
            }

            double Value(double[] values, int i, double step)
            {
                var kept = values[i];
                values[i] = kept + step;
                var y = row.Evaluate(device, inputs, new(sample.Attributes), upstream: null).Y.Values;
                values[i] = kept;
                var sum = 0.0;
                for (var j = 0; j < y.Length; j++) sum += y[j] * dy[j];
                return sum;
            }
        }

        Assert.InRange(device.Engine.Pool.UsedBytes, 0, before);
    }

    [Theory]
    [MemberData(nameof(RowsOnDevices))]
    public void AgreesWithTheReferenceInDoublePrecision(string deviceName, string name)
    {
        var (row, device) = (OperationRegistry.Find(name)!, Devices.Open(deviceName));
        var before = Devices.UsedBytes(device);
        for (var s = 0; s < row.Samples.Count; s++)
        {
            var sample = row.Samples[s];
            var inputs = sample.Generate(seed: 300 + s);
            var expected = Evaluate(row, sample, inputs, Devices.Open("reference-f64"), seed: 400 + s);
            var actual = Evaluate(row, sample, inputs, device, seed: 400 + s);
            AssertAlike($"{name} {sample.Attributes} sample {s}", expected, actual, Tolerance.Of(row, device));
        }

        Assert.InRange(device.Engine.Pool.UsedBytes, 0, before);
    }

    [Theory]
    [MemberData(nameof(ExactRowsOnDevices))]
    public void WholeNumbersAreExact(string deviceName, string name)
    {
        var (row, device) = (OperationRegistry.Find(name)!, Devices.Open(deviceName));
        for (var s = 0; s < row.Samples.Count; s++)
        {
            var sample = row.Samples[s];
            if (!sample.IsExact) continue;
            var inputs = sample.Generate(seed: 500 + s, wholeNumbers: true);
            var expected = Evaluate(row, sample, inputs, Devices.Open("reference-f64"), seed: 600 + s, wholeNumbers: true);
            var actual = Evaluate(row, sample, inputs, device, seed: 600 + s, wholeNumbers: true);
            AssertAlike($"{name} {sample.Attributes} sample {s}", expected, actual, new Tolerance(0, 0));
        }
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void OneAndTwoThreadsGiveTheSameBytes(string name)
    {
        var row = OperationRegistry.Find(name)!;
        foreach (var (one, two) in Pairs.Value)
        {
            for (var s = 0; s < row.Samples.Count; s++)
            {
                var inputs = row.Samples[s].Generate(seed: 700 + s);
                var expected = Evaluate(row, row.Samples[s], inputs, one, seed: 800 + s);
                var actual = Evaluate(row, row.Samples[s], inputs, two, seed: 800 + s);
                foreach (var ((what, a), (_, b)) in expected.Named().Zip(actual.Named()))
                {
                    // Bits, not values: the sign of a zero counts.
                    Assert.True(a.Values.Select(BitConverter.DoubleToInt64Bits).SequenceEqual(b.Values.Select(BitConverter.DoubleToInt64Bits)), $"{name} {row.Samples[s].Attributes} sample {s}, {one.Engine.Description}: {what} differs.");
                }
            }
        }
    }

    /// <summary>
    /// Forward and backward change nothing but what the row updates: on this rest weights that are kept packed, and the
    /// check that a backward pass reads what the forward pass read.
    /// </summary>
    [Theory]
    [MemberData(nameof(RowsOnDevices))]
    public void ReadingIsNoChange(string deviceName, string name)
    {
        var (row, device) = (OperationRegistry.Find(name)!, Devices.Open(deviceName));
        for (var s = 0; s < row.Samples.Count; s++)
        {
            var sample = row.Samples[s];
            using var inputs = new OperationInputs(device, sample.Generate(seed: 900 + s));
            foreach (var input in row.Differentiable)
            {
                if (inputs.Optional(input) is { } tensor) tensor.RequiresGrad = true;
            }

            var before = sample.Inputs.ToDictionary(input => input.Name, input => inputs[input.Name].Data.Version);
            using var y = row.Run(inputs, new(sample.Attributes)).Keep();
            using var dy = Sample.Upstream(y.Shape, 1000 + s).On(device);
            var (result, upstream) = (y.Data.Version, dy.Data.Version);
            if (row.Differentiable.Length > 0) y.Backward(dy);
            foreach (var (input, version) in before)
                Assert.True(inputs[input].Data.Version == version || row.Updated.Contains(input), $"{name} {sample.Attributes} sample {s}: reading '{input}' counts as a change.");
            Assert.Equal((result, upstream), (y.Data.Version, dy.Data.Version));
        }
    }

    /// <summary>
    /// A second pass through a graph that was retained gives the same again, so nothing that a gradient is computed from is
    /// overwritten. The factor has the passes own their dy, which then is worked on in place.
    /// </summary>
    [Theory]
    [MemberData(nameof(RowsOnDevices))]
    public void ASecondPassThroughARetainedGraphGivesTheSame(string deviceName, string name)
    {
        var (row, device) = (OperationRegistry.Find(name)!, Devices.Open(deviceName));
        if (row.Differentiable.Length == 0) return;
        var before = Devices.UsedBytes(device);
        for (var s = 0; s < row.Samples.Count; s++)
        {
            var sample = row.Samples[s];
            using var inputs = new OperationInputs(device, sample.Generate(seed: 1100 + s));
            var differentiable = row.Differentiable.Select(inputs.Optional).OfType<Tensor>().ToArray();
            foreach (var input in differentiable) input.RequiresGrad = true;
            using var y = row.Run(inputs, new(sample.Attributes)) * 1f;
            using var dy = Sample.Upstream(y.Shape, 1200 + s).On(device);
            y.Backward(dy, retainGraph: true);
            var once = differentiable.Select(Take).ToArray();
            y.Backward(dy, retainGraph: true);
            y.Backward(dy);
            foreach (var (input, first) in differentiable.Zip(once)) Assert.Equal(first.Select(value => value + value), Take(input));
        }

        Assert.InRange(Devices.UsedBytes(device), 0, before);

        static float[] Take(Tensor input)
        {
            using var gradient = input.Gradient!;
            input.ClearGradient();
            return gradient.ToArray();
        }
    }

    static readonly Lazy<(Device One, Device Two)[]> Pairs = new(() =>
        [.. Enum.GetValues<SimdLevel>().Where(level => level <= CpuEngine.WidestLevel).Select(level => (Devices.Cpu(level, 1), Devices.Cpu(level, 2)))]);

    static TheoryData<string, string> OnDevices(IEnumerable<OperationRow> rows)
    {
        var data = new TheoryData<string, string>();
        foreach (var device in Devices.SinglePrecision)
        {
            foreach (var row in rows) data.Add(device, row.Name);
        }

        return data;
    }

    static OperationResult Evaluate(OperationRow row, Sample sample, Dictionary<string, HostTensor> inputs, Device device, int seed, bool wholeNumbers = false)
        => row.Evaluate(device, inputs, new(sample.Attributes), row.Differentiable.Length == 0 ? null : shape => Sample.Upstream(shape, seed, wholeNumbers));

    static void AssertAlike(string where, OperationResult expected, OperationResult actual, Tolerance tolerance)
    {
        foreach (var ((name, a), (_, b)) in expected.Named().Zip(actual.Named()))
        {
            if (Comparison.Difference(name, a, b, tolerance) is { } difference) Assert.Fail($"{where}: {difference}");
        }
    }
}
