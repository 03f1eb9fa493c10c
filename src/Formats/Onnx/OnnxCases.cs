using System.Globalization;
using CnnSharp.Kernels;
using CnnSharp.Layers;
using Google.Protobuf;

namespace CnnSharp.Formats.Onnx;

/// <summary>How a backend case ended.</summary>
public enum OnnxOutcome
{
    /// <summary>Every output is what the case states, within the tolerance.</summary>
    Passed,

    /// <summary>An output differs, or the case cannot be read or run.</summary>
    Failed,

    /// <summary>It asks for an operator, or a form of one, that is not computed here.</summary>
    Unsupported,
}

/// <summary>One backend case's result.</summary>
/// <param name="Name">The folder's name.</param>
/// <param name="Outcome">How it ended.</param>
/// <param name="Operator">Of an unsupported case: which operator.</param>
/// <param name="Detail">What differs, or what is not computed; empty where it passed.</param>
public sealed record OnnxCaseResult(string Name, OnnxOutcome Outcome, string Operator, string Detail);

/// <summary>
/// Runs ONNX's backend cases (https://github.com/onnx/onnx/blob/main/docs/ImplementingAnOnnxBackend.md): folders with a
/// <c>model.onnx</c> and <c>test_data_set_N</c> folders of <c>input_I.pb</c> and <c>output_I.pb</c>, each a bare tensor.
/// </summary>
public static class OnnxCases
{
    const double RelativeTolerance = 1e-3;
    const double AbsoluteTolerance = 1e-7;

    /// <summary>A unit in the last place of bfloat16: the cases' were cut off, not rounded.</summary>
    const double BFloat16Tolerance = 1.0 / 128;

    /// <summary>Runs every case at or below a folder, in the order of their paths; each when its result is asked for.</summary>
    /// <param name="folder">Where to look.</param>
    /// <param name="device">Where to compute.</param>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    public static IEnumerable<OnnxCaseResult> Run(string folder, Device device)
    {
        if (!Directory.Exists(folder)) throw new DirectoryNotFoundException($"There is no folder '{folder}'.");
        return Directory.EnumerateFiles(folder, "model.onnx", SearchOption.AllDirectories)
            .Select(file => Path.GetDirectoryName(file)!)
            .Order(StringComparer.Ordinal)
            .Select(path => RunCase(path, device));
    }

    /// <summary>Runs one case.</summary>
    /// <param name="folder">Its folder.</param>
    /// <param name="device">Where to compute.</param>
    public static OnnxCaseResult RunCase(string folder, Device device)
    {
        var name = Path.GetFileName(folder);
        try
        {
            var network = OnnxNetwork.Load(Path.Combine(folder, "model.onnx"), device);
            var sets = Directory.GetDirectories(folder, "test_data_set_*").Order(StringComparer.Ordinal).ToList();
            if (sets.Count == 0) return new(name, OnnxOutcome.Failed, "", "it has no test_data_set folder");
            foreach (var set in sets)
            {
                if (Check(network, set) is { } difference) return new(name, OnnxOutcome.Failed, "", difference);
            }

            return new(name, OnnxOutcome.Passed, "", "");
        }
        catch (UnsupportedOperatorException e)
        {
            return new(name, OnnxOutcome.Unsupported, e.Operator, e.Reason);
        }
        catch (Exception e) when (e is IOException or ArgumentException or NotSupportedException or UnauthorizedAccessException or InvalidOperationException)
        {
            // A case is a user's file: whatever is wrong with it is this case's result, and the next one is run.
            return new(name, OnnxOutcome.Failed, "", e.Message);
        }
    }

    /// <summary>Writes a case's data set: a random input, and what a network makes of it.</summary>
    /// <param name="folder">The case's folder.</param>
    /// <param name="network">In its inference form, whose <c>model.onnx</c> the folder has.</param>
    /// <param name="input">The shape of one input without the batch axis.</param>
    public static void Save(string folder, Layer network, Shape input)
    {
        ArgumentNullException.ThrowIfNull(network);
        var set = Directory.CreateDirectory(Path.Combine(folder, "test_data_set_0")).FullName;
        var device = network.StateDict().Select(named => named.Tensor.Device).FirstOrDefault() ?? Device.Best();
        var pixels = new float[2 * input.Count];
        new Generator(1).FillNormal(pixels, 0, 1);
        network.Eval();
        using (Tape.NoGrad())
        {
            var x = Tensor.From(pixels, new([2, .. input.AsSpan()]), device);
            Write("input_0.pb", Layout.ToChannelsFirst(x));
            Write("output_0.pb", Layout.ToChannelsFirst(network.Forward(x)));
        }

        void Write(string name, Tensor tensor) => AtomicFile.Write(Path.Combine(set, name), stream =>
            OnnxTensor.Create("", tensor.Shape.ToArray(), tensor.ToArray()).ToMessage().WriteTo(stream));
    }

    static string? Check(OnnxNetwork network, string set)
    {
        var inputs = Read(set, "input", network.Inputs);
        var expected = Read(set, "output", network.Outputs);
        using (Tape.NoGrad())
        {
            var actual = network.Run(Array.ConvertAll(inputs, Value.Of));
            for (var i = 0; i < expected.Length; i++)
            {
                // Whatever the file's precision, it is computed in float32.
                var result = actual[i].Host();
                if (result.Type.IsReal() && expected[i].Type.IsReal()) result = result.Cast(expected[i].Type);
                if (Difference(expected[i], result) is { } difference) return $"output {i} '{OnnxModel.Cut(network.Outputs[i].Name)}': {difference}";
            }
        }

        return null;
    }

    static HostArray[] Read(string set, string kind, IReadOnlyList<OnnxValueInfo> values)
    {
        var arrays = new HostArray[values.Count];
        for (var i = 0; i < arrays.Length; i++)
        {
            // What is no tensor (a sequence, an optional) or text has files of another kind.
            if (values[i].Type.SizeOf() == 0) throw new UnsupportedOperatorException(set, $"{kind} '{OnnxModel.Cut(values[i].Name)}'", $"{kind} of type {values[i].Type}", "it is no tensor of numbers");
            arrays[i] = OnnxTensor.Load(Path.Combine(set, $"{kind}_{i}.pb")).ToArray();

            // NumPy has no bfloat16: the cases' files hold its bits as unsigned integers.
            if (values[i].Type == OnnxType.BFloat16 && arrays[i] is { Type: OnnxType.UInt16, Integers: { } bits })
                arrays[i] = new(OnnxType.BFloat16, arrays[i].Shape, Array.ConvertAll(bits, value => (double)BitConverter.UInt32BitsToSingle((uint)value << 16)));
        }

        return arrays;
    }

    static string? Difference(HostArray expected, HostArray actual)
    {
        if (actual.Type != expected.Type || actual.Shape != expected.Shape) return $"expected {expected.Type} {expected.Shape}, got {actual.Type} {actual.Shape}";
        var tolerance = expected.Type == OnnxType.BFloat16 ? BFloat16Tolerance : RelativeTolerance;
        for (var i = 0; i < expected.Count; i++)
        {
            double a = actual.Real(i), b = expected.Real(i);
            var equal = a == b || (double.IsNaN(a) && double.IsNaN(b)) || Math.Abs(a - b) <= AbsoluteTolerance + (tolerance * Math.Abs(b));
            if (!equal) return string.Create(CultureInfo.InvariantCulture, $"element {i}: expected {b:G7}, got {a:G7}");
        }

        return null;
    }
}
