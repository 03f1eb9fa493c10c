using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using CnnSharp.Formats;
using CnnSharp.Formats.Onnx;

namespace CnnSharp.Cli.Commands;

/// <summary><c>import FILE.onnx</c>: builds the network of an ONNX file, says what it is, and runs it.</summary>
internal static class ImportCommand
{
    public static Command Create(Terminal terminal)
    {
        var file = new Argument<string>("FILE") { Description = "an ONNX file" };
        var output = Options.Text("--out", "FILE", "write the network's weights, under the file's names, as .safetensors");
        var batch = Options.Batch("1");
        var repeat = Options.Whole("--repeat", "how many times it is run; the median time is reported; default 1", minimum: 1, maximum: 1_000_000);
        var device = Options.Device();
        var threads = Options.Threads();
        var json = Options.Json();
        var command = new Command("import", "Builds the network of an ONNX file, says what it is, and runs it on zeros. 'eval --weights FILE.onnx' measures it on pictures.") { file, output, batch, repeat, device, threads, json };
        command.SetAction(parsed => Run(
            terminal,
            ModelWeights.Existing("import", parsed.GetValue(file)!),
            parsed.GetValue(output),
            Options.Open(parsed.GetValue(device)!, parsed.GetValue(threads)),
            parsed.GetValue(batch) ?? 1,
            parsed.GetValue(repeat) ?? 1,
            parsed.GetValue(json)));
        return command;
    }

    static int Run(Terminal terminal, string file, string? output, Device device, int batch, int repeat, bool json)
    {
        var model = OnnxModel.Load(file);
        var network = new OnnxNetwork(model, device);
        terminal.WriteLine($"{file}: opset {model.Opset}, {model.NodeCount} nodes, {network.ParameterCount:N0} weights");
        foreach (var input in model.Inputs) terminal.WriteLine($"input  {input}");
        foreach (var result in model.Outputs) terminal.WriteLine($"output {result}");
        terminal.WriteTable(["operator", ">nodes"], model.OperatorCounts.Select(pair => (IReadOnlyList<string>)[pair.Operator, $"{pair.Count}"]));

        var seconds = RunOnZeros(terminal, network, batch, repeat);
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
                ["batch"] = batch,
                ["seconds"] = seconds is { } time ? Terminal.Number(time, 6) : null,
                ["images_per_second"] = seconds is { } median ? Terminal.Number(batch / median, 2) : null,
                ["operators"] = new JsonObject(model.OperatorCounts.Select(pair => KeyValuePair.Create(pair.Operator, (JsonNode?)pair.Count))),
            });
        }

        return CommandLine.Done;
    }

    /// <summary>Runs a network of one input on pictures of zeros, where the file says how large one is. The median time, but for the first run if there are others.</summary>
    static double? RunOnZeros(Terminal terminal, OnnxNetwork network, int batch, int repeat)
    {
        if (network.Inputs is not [{ Shape: { Count: > 0 } shape, Type: OnnxType.Float }] || shape.Skip(1).Any(extent => extent is null or < 1 or > int.MaxValue))
        {
            terminal.WriteLine("not run: the file does not fix what goes in but for its first axis");
            return null;
        }

        int[] extents = [batch, .. shape.Skip(1).Select(extent => (int)extent!.Value)];
        if (extents.Length > 2) extents = [extents[0], .. extents[2..], extents[1]];
        var x = Tensor.Zeros(extents, network.Device);
        var times = new List<double>();
        Shape result = default;
        for (var i = 0; i < repeat; i++)
        {
            var clock = Stopwatch.StartNew();
            using (Tape.NoGrad())
            {
                var y = network.Forward(x);
                result = y.Shape;
                _ = y.ToArray();
            }

            times.Add(clock.Elapsed.TotalSeconds);
        }

        // The first run also makes room and compiles.
        var median = times.Skip(repeat > 1 ? 1 : 0).Order().ElementAt((repeat - 1) / 2);
        terminal.WriteLine($"{x.Shape} gives {result} in {1000 * median:F1} ms, {batch / median:F1} images/s, {(repeat > 1 ? $"the median of {repeat - 1} runs" : "the first time")}, on {network.Device}");
        return median;
    }
}
