using System.Text.Json;
using CnnSharp.Formats.Onnx;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>Single operators at the versions whose rules differ: their values by onnx's own reference, and their gradients.</summary>
public class OnnxOperatorTests
{
    static readonly JsonElement[] Cases = [.. JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Formats", "Onnx", "Cases", "onnx-operators.json")), new() { AllowTrailingCommas = false }).RootElement.GetProperty("cases").EnumerateArray()];

    public static TheoryData<string> Names => [.. Cases.Select(c => c.GetProperty("name").GetString()!)];

    /// <summary>Operators whose gradient by their first input is 0, not there, or not defined at their edges.</summary>
    static readonly HashSet<string> WithoutGradient = ["QuantizeLinear", "DequantizeLinear", "Hardmax", "ReduceMax", "NonMaxSuppression"];

    [Theory]
    [MemberData(nameof(Names))]
    public void ValuesAreThoseOfTheReference(string name)
    {
        var c = Find(name);
        foreach (var device in new[] { Device.Cpu, Device.Reference })
        {
            using var scope = Tape.NoGrad();
            var results = new OnnxNetwork(Model(c), device).Run(Inputs(c, device));
            var expected = c.GetProperty("outputs").EnumerateArray().Select(Read).ToList();
            Assert.Equal(expected.Count, results.Length);
            for (var i = 0; i < expected.Count; i++)
            {
                var actual = results[i].Host();
                Assert.Equal(expected[i].Shape, actual.Shape);
                for (var e = 0; e < actual.Count; e++)
                {
                    double a = actual.Real(e), b = expected[i].Real(e), tolerance = expected[i].Type == OnnxType.Float16 ? 2e-3 : 2e-5;
                    Assert.True(a == b || Math.Abs(a - b) <= tolerance + (tolerance * Math.Abs(b)), $"{name} on {device}: output {i} element {e}: expected {b}, got {a}");
                }
            }
        }
    }

    /// <summary>By the first input, against central difference quotients in double precision.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void GradientsMatchDifferenceQuotients(string name)
    {
        var c = Find(name);
        if (WithoutGradient.Contains(c.GetProperty("op").GetString()!) || name.Contains("_max", StringComparison.Ordinal)) return;
        var device = Device.ReferenceFloat64;
        var network = new OnnxNetwork(Model(c), device);
        var given = Inputs(c, device);
        var first = given[0].Host();
        var values = first.Reals!;
        if (values.Length > 60) values = [.. values];
        var random = new Random(3);
        double[]? upstream = null;

        var x = Tensor.From(first.Reals!, first.Shape, device);
        x.RequiresGrad = true;
        Run(x).Backward();
        using var gradient = x.Gradient ?? throw new InvalidOperationException($"{name}: no gradient");
        var analytic = gradient.ToArray<double>();
        for (var i = 0; i < values.Length; i += Math.Max(1, values.Length / 40))
        {
            var numeric = (Value(i, 1e-5) - Value(i, -1e-5)) / 2e-5;
            Assert.True(Math.Abs(analytic[i] - numeric) <= 1e-4 + (1e-3 * Math.Abs(numeric)), $"{name}: the gradient of element {i} is {analytic[i]}, the difference quotient {numeric}");
        }

        // sum(y dy), dy random: the first result counts.
        Tensor Run(Tensor t)
        {
            var y = network.Run([CnnSharp.Formats.Onnx.Value.Of(t), .. given[1..]])[0].Plain(device);
            upstream ??= [.. Enumerable.Range(0, (int)y.Count).Select(_ => (2 * random.NextDouble()) - 1)];
            return Functional.Sum(y * Tensor.From(upstream, y.Shape, device));
        }

        double Value(int i, double step)
        {
            double[] moved = [.. first.Reals!];
            moved[i] += step;
            using var scope = Tape.NoGrad();
            return Run(Tensor.From(moved, first.Shape, device)).Item();
        }
    }

    static JsonElement Find(string name) => Cases.Single(c => c.GetProperty("name").GetString() == name);

    /// <summary>The first inputs of a network are those of the case that are not constants.</summary>
    static Value[] Inputs(JsonElement c, Device device)
        => [.. c.GetProperty("inputs").EnumerateArray().Where(IsFed).Select(Read).Select(a => a.Type == OnnxType.Float ? Value.Of(Tensor.From(a.Reals!, a.Shape, device)) : Value.Of(a))];

    static bool IsFed(JsonElement input) => input.ValueKind != JsonValueKind.Null && !input.TryGetProperty("constant", out _);

    static OnnxModel Model(JsonElement c)
    {
        var inputs = c.GetProperty("inputs").EnumerateArray().ToList();
        var outputs = Enumerable.Range(0, c.GetProperty("outputs").GetArrayLength()).Select(i => $"y{i}").ToList();
        var node = new OnnxNode
        {
            Operator = c.GetProperty("op").GetString()!,
            Inputs = [.. inputs.Select((input, i) => input.ValueKind == JsonValueKind.Null ? "" : $"x{i}")],
            Outputs = outputs,
            Attributes = [.. c.GetProperty("attributes").EnumerateObject().Select(Attribute)],
        };
        return new()
        {
            Path = "case.onnx",
            Opset = c.GetProperty("opset").GetInt32(),
            Nodes = [node],
            Inputs = [.. inputs.Select((input, i) => (input, i)).Where(pair => IsFed(pair.input)).Select(pair => new OnnxValueInfo($"x{pair.i}", Read(pair.input).Type, null))],
            Outputs = [.. outputs.Select(name => new OnnxValueInfo(name, OnnxType.Undefined, null))],
            Initializers = inputs.Select((input, i) => (input, i)).Where(pair => pair.input.ValueKind != JsonValueKind.Null && !IsFed(pair.input))
                .ToDictionary(pair => $"x{pair.i}", pair => OnnxTensor.Create($"x{pair.i}", Read(pair.input).Shape.ToArray(), Array.ConvertAll(Read(pair.input).Reals!, value => (float)value))),
        };
    }

    static OnnxAttribute Attribute(JsonProperty property)
    {
        var value = property.Value;
        if (value.ValueKind == JsonValueKind.String) return OnnxAttribute.Of(property.Name, value.GetString()!);
        if (value.ValueKind != JsonValueKind.Array) return IsReal(value) ? OnnxAttribute.Of(property.Name, value.GetSingle()) : OnnxAttribute.Of(property.Name, value.GetInt64());
        return value.EnumerateArray().Any(IsReal)
            ? new() { Name = property.Name, Type = OnnxAttributeType.Floats, Floats = [.. value.EnumerateArray().Select(item => item.GetSingle())] }
            : OnnxAttribute.Of(property.Name, [.. value.EnumerateArray().Select(item => item.GetInt64())]);

        static bool IsReal(JsonElement number) => number.GetRawText().Contains('.', StringComparison.Ordinal) || number.GetRawText().Contains('e', StringComparison.Ordinal);
    }

    static HostArray Read(JsonElement tensor)
    {
        var type = Enum.Parse<OnnxType>(tensor.GetProperty("type").GetString()!);
        Shape shape = tensor.GetProperty("shape").EnumerateArray().Select(extent => extent.GetInt32()).ToArray();
        double[] values = [.. tensor.GetProperty("values").EnumerateArray().Select(value => value.ValueKind == JsonValueKind.String ? double.Parse(value.GetString()!, System.Globalization.CultureInfo.InvariantCulture) : value.GetDouble())];
        return type.IsReal() ? new(type, shape, values) : new(type, shape, Array.ConvertAll(values, value => (long)value));
    }
}
