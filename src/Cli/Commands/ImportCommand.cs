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
        var command = new Command("import", "Builds the network of an ONNX file, says what it is, and runs it on zeros. 'eval --weights FILE.onnx' measures it on images.") { file, output, batch, repeat, device, threads, json };
        command.SetAction(parsed => Run(
            terminal,
            ModelWeights.Existing("import", parsed.GetValue(file)!),
            Outputs.Check(terminal, "--out", parsed.GetValue(output), parsed.GetValue(file)),
            Options.Open(parsed.GetValue(device)!, parsed.GetValue(threads)),
            parsed.GetValue(batch) ?? 1,
            parsed.GetValue(repeat) ?? 1,
            parsed.GetValue(json)));
        return command;
    }

    static int Run(Terminal terminal, string file, string? output, Device device, int batch, int repeat, bool json)
    {
        var model = OnnxModel.Load(file);
        var (opset, nodes, operators, types) = (model.Opset, model.NodeCount, model.OperatorCounts, model.FloatTypes);
        var network = new OnnxNetwork(model, device);
        var other = types.Where(type => type != OnnxType.Float).ToList();
        terminal.WriteLine($"{file}: opset {opset}, {nodes} nodes, {network.ParameterCount:N0} weights{(other.Count == 0 ? "" : $", {string.Join(" and ", other)} computed in float32")}");
        foreach (var input in network.Inputs) terminal.WriteLine($"input  {input}");
        foreach (var result in network.Outputs) terminal.WriteLine($"output {result}");
        OnnxClassifier.Say(terminal, file, network.Info);
        terminal.WriteTable(["operator", ">nodes"], operators.Select(pair => (IReadOnlyList<string>)[pair.Operator, $"{pair.Count}"]));

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
                ["opset"] = opset,
                ["nodes"] = nodes,
                ["weights"] = network.ParameterCount,
                ["float_types"] = new JsonArray([.. types.Select(type => (JsonNode)type.ToString())]),
                ["batch"] = batch,
                ["seconds"] = seconds is { } time ? Terminal.Number(time, 6) : null,
                ["images_per_second"] = seconds is { } median ? Terminal.Number(batch / median, 2) : null,
                ["operators"] = new JsonObject(operators.Select(pair => KeyValuePair.Create(pair.Operator, (JsonNode?)pair.Count))),
            });
        }

        return CommandLine.Done;
    }

    /// <summary>Runs a network on zeros, where the file says how many. The median time, but for the first run if there are others.</summary>
    static double? RunOnZeros(Terminal terminal, OnnxNetwork network, int batch, int repeat)
    {
        if (network.OpenInputs is { Count: > 0 } open)
        {
            terminal.WriteLine($"built, and not run: the file leaves open how large is what goes in: {string.Join("; ", open)}");
            return null;
        }

        // Of a graph that is written for so many images at once it is so many.
        if (network.Images?.Batch is { } own) batch = own;
        var times = new List<double>();
        IReadOnlyList<Shape> results = [];
        for (var i = 0; i < repeat; i++)
        {
            var clock = Stopwatch.StartNew();
            results = network.RunOnZeros(batch);
            times.Add(clock.Elapsed.TotalSeconds);
        }

        // The first run also makes room and compiles.
        var median = times.Skip(repeat > 1 ? 1 : 0).Order().ElementAt((repeat - 1) / 2);
        terminal.WriteLine($"{Fed(network, batch)} gives {string.Join(" and ", results)} in {1000 * median:F1} ms, {batch / median:F1} images/s, {(repeat > 1 ? $"the median of {repeat - 1} runs" : "the first time")}, on {network.Device}");
        return median;
    }

    /// <summary>What went in; images in this library's order.</summary>
    static string Fed(OnnxNetwork network, int batch) => string.Join(" and ", network.Inputs.Select(input =>
    {
        long[] extents = [.. input.Shape!.Select(extent => extent ?? batch)];
        return $"[{string.Join(", ", network.Images is { IsChannelsLast: false } ? [extents[0], extents[2], extents[3], extents[1]] : extents)}]";
    }));
}
