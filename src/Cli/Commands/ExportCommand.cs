using System.CommandLine;
using CnnSharp.Formats.Onnx;
using CnnSharp.Layers;
using CnnSharp.Models;
using CnnSharp.Training;

namespace CnnSharp.Cli.Commands;

/// <summary><c>export</c>: a network, trained or not, as an ONNX file.</summary>
internal static class ExportCommand
{
    public static Command Create(Terminal terminal)
    {
        var output = new Option<string>("--out") { Description = "the file to write, .onnx", HelpName = "FILE", Required = true };
        var checkpoint = Options.Text("--checkpoint", "FILE", "what 'train' wrote");
        var model = Options.Model("the checkpoint's");
        var weights = Options.Text("--weights", "FILE", "weights for --model, as 'eval' takes them; without, the weights are the initial ones");
        var shortcut = Options.Shortcut();
        var classes = Options.Whole("--classes", "for --model: how many classes; by default as many as the model was made for", minimum: 1, maximum: 1_000_000);
        var fold = new Option<bool>("--fold-batch-norm") { Description = "fold batch normalisations into the convolutions before them" };
        var withCase = new Option<bool>("--case") { Description = "also write test_data_set_0 beside the file: a random input and this network's output, as ONNX backend cases have them. Without --checkpoint or --weights, weights and statistics are random too, for initial ones hide mistakes" };
        var json = Options.Json();
        var command = new Command("export", "Writes a network as an ONNX file (opset 17, inference form).") { output, checkpoint, model, weights, shortcut, classes, fold, withCase, json };
        command.SetAction(parsed =>
        {
            var (file, name, trained) = (parsed.GetValue(checkpoint), parsed.GetValue(model), parsed.GetValue(weights));
            if ((file is null) == (name is null)) throw new UsageException("expected either --checkpoint FILE or --model NAME.");
            if (file is not null && trained is not null) throw new UsageException("--weights: the checkpoint has its own.");
            var (network, input) = file is not null
                ? FromCheckpoint(ModelWeights.Existing("--checkpoint", file))
                : FromZoo(name!, trained, new() { Classes = parsed.GetValue(classes), Shortcut = Options.ParseShortcut(parsed.GetValue(shortcut)), Device = Device.Cpu });
            var path = parsed.GetValue(output)!;
            if (parsed.GetValue(withCase) && file is null && trained is null) Randomize(network);
            var graph = network.ToOnnx(input, new() { FoldBatchNorm = parsed.GetValue(fold) });
            graph.Save(path);
            if (parsed.GetValue(withCase)) OnnxCases.Save(Path.GetDirectoryName(Path.GetFullPath(path))!, network, input);
            return Report(terminal, path, graph, parsed.GetValue(json));
        });
        return command;
    }

    static int Report(Terminal terminal, string path, OnnxModel graph, bool json)
    {
        var bytes = new FileInfo(path).Length;
        terminal.WriteLine($"{path}: opset {graph.Opset}, {graph.NodeCount} nodes, {graph.WeightCount:N0} weights and constants, {bytes:N0} bytes");
        foreach (var input in graph.Inputs) terminal.WriteLine($"input  {input}");
        foreach (var result in graph.Outputs) terminal.WriteLine($"output {result}");
        if (json) terminal.WriteJson(new() { ["file"] = path, ["opset"] = graph.Opset, ["nodes"] = graph.NodeCount, ["weights"] = graph.WeightCount, ["bytes"] = bytes });
        return CommandLine.Done;
    }

    static (Layer Network, Shape Input) FromCheckpoint(string file)
    {
        var info = Checkpoint.ReadInfo(file);
        Shape input = new([.. info.Model.Input]);
        var network = Zoo.Build(info.Model.Name, new() { Input = input, Classes = info.Model.Classes, Shortcut = Options.ParseShortcut(info.Model.Options.GetValueOrDefault("shortcut")), Device = Device.Cpu });
        Checkpoint.Load(file, network);
        return (network, input);
    }

    static (Layer Network, Shape Input) FromZoo(string name, string? weights, ModelOptions options)
    {
        var network = Zoo.Build(name, options);
        if (weights is not null) ModelWeights.Load(ModelWeights.Existing("--weights", weights), network, name);
        return (network, Zoo.Find(name).Input);
    }

    /// <summary>Weights in proportion to their fan in, statistics and scales around what a trained network has.</summary>
    static void Randomize(Layer network)
    {
        var generator = new Generator(1);
        foreach (var (name, tensor) in network.NamedTensors())
        {
            var values = new float[tensor.Count];
            if (tensor.Shape.Rank > 1) generator.FillNormal(values, 0, Math.Sqrt(2.0 / Math.Max(1, tensor.Count / tensor.Shape[^1])));
            else if (name.EndsWith("weight", StringComparison.Ordinal) || name.EndsWith("ariance", StringComparison.Ordinal)) generator.FillUniform(values, 0.5, 1.5);
            else generator.FillNormal(values, 0, 0.1);
            tensor.Write<float>(values);
        }
    }
}
