using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using CnnSharp.Formats;
using CnnSharp.Formats.Onnx;

namespace CnnSharp.Cli.Commands;

/// <summary><c>import FILE.onnx</c>: builds the network of an ONNX file, says what it is, and runs it once.</summary>
internal static class ImportCommand
{
    public static Command Create(Terminal terminal)
    {
        var file = new Argument<string>("FILE") { Description = "an ONNX file" };
        var output = Options.Text("--out", "FILE", "write the network's weights, under the file's names, as .safetensors");
        var device = Options.Device();
        var threads = Options.Threads();
        var json = Options.Json();
        var command = new Command("import", "Builds the network of an ONNX file and runs it once. 'eval --weights FILE.onnx' measures it.") { file, output, device, threads, json };
        command.SetAction(parsed => Run(terminal, ModelWeights.Existing("import", parsed.GetValue(file)!), parsed.GetValue(output), Options.Open(parsed.GetValue(device)!, parsed.GetValue(threads)), parsed.GetValue(json)));
        return command;
    }

    static int Run(Terminal terminal, string file, string? output, Device device, bool json)
    {
        var model = OnnxModel.Load(file);
        var network = new OnnxNetwork(model, device);
        terminal.WriteLine($"{file}: opset {model.Opset}, {model.NodeCount} nodes, {network.ParameterCount:N0} weights");
        foreach (var input in model.Inputs) terminal.WriteLine($"input  {input}");
        foreach (var result in model.Outputs) terminal.WriteLine($"output {result}");
        terminal.WriteTable(["operator", ">nodes"], model.OperatorCounts.Select(pair => (IReadOnlyList<string>)[pair.Operator, $"{pair.Count}"]));

        var seconds = RunOnce(terminal, network);
        if (output is not null)
        {
            network.Save(output);
            terminal.WriteLine($"weights: {output}");
        }

        if (json)
        {
            terminal.WriteJson(new()
            {
                ["file"] = file,
                ["opset"] = model.Opset,
                ["nodes"] = model.NodeCount,
                ["weights"] = network.ParameterCount,
                ["seconds"] = seconds is { } time ? Terminal.Number(time, 6) : null,
                ["operators"] = new JsonObject(model.OperatorCounts.Select(pair => KeyValuePair.Create(pair.Operator, (JsonNode?)pair.Count))),
            });
        }

        return CommandLine.Done;
    }

    /// <summary>Runs a network of one input on a picture of zeros, where the file says how large one is.</summary>
    static double? RunOnce(Terminal terminal, OnnxNetwork network)
    {
        if (network.Inputs is not [{ Shape: { Count: > 0 } shape, Type: OnnxType.Float }] || shape.Skip(1).Any(extent => extent is null or < 1 or > int.MaxValue))
        {
            terminal.WriteLine("not run: the file does not fix what goes in but for its first axis");
            return null;
        }

        var extents = shape.Select(extent => (int)(extent ?? 1)).ToArray();
        if (extents.Length > 2) extents = [extents[0], .. extents[2..], extents[1]];
        var clock = Stopwatch.StartNew();
        using (Tape.NoGrad())
        {
            var y = network.Forward(Tensor.Zeros(extents, network.Device));
            _ = y.ToArray();
            terminal.WriteLine($"{new Shape(extents)} gives {y.Shape} in {1000 * clock.Elapsed.TotalSeconds:F1} ms, the first time, on {network.Device}");
        }

        return clock.Elapsed.TotalSeconds;
    }
}
