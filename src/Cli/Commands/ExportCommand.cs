using System.CommandLine;
using CnnSharp.Cli.Train;
using CnnSharp.Formats;
using CnnSharp.Formats.Onnx;
using CnnSharp.Layers;
using CnnSharp.Models;
using CnnSharp.Training;

namespace CnnSharp.Cli.Commands;

/// <summary><c>export</c>: a network, trained or not, as an ONNX file, or its weights for PyTorch.</summary>
internal static class ExportCommand
{
    const string Onnx = "onnx", PyTorch = "pytorch", PyTorchSafeTensors = "pytorch-safetensors";

    public static Command Create(Terminal terminal)
    {
        var output = new Option<string>("--out") { Description = "the file to write: .onnx, or .pt, .pth or .safetensors for PyTorch", HelpName = "FILE", Required = true };
        var format = Options.Choice("--format", "format", "what is written (default by the file's name): the network as ONNX, or its weights alone, under PyTorch's names and in its layouts, as torch.save or safetensors have them", [Onnx, PyTorch, PyTorchSafeTensors]);
        var checkpoint = Options.Text("--checkpoint", "FILE", "what 'train' wrote");
        var model = Options.Model("the checkpoint's");
        var weights = Options.Text("--weights", "FILE", "weights for --model, as 'eval' takes them; without, the weights are the initial ones");
        var imported = new ImportedWeights();
        var shortcut = Options.Shortcut();
        var classes = Options.Whole("--classes", "for --model: how many classes; by default as many as --weights have, or else the model was made for", minimum: 1, maximum: 1_000_000);
        var fold = new Option<bool>("--fold-batch-norm") { Description = "fold batch normalizations into the convolutions before them" };
        var withCase = new Option<bool>("--case") { Description = "also write test_data_set_0 beside the file: a random input and this network's output, as ONNX backend cases have them. Without --checkpoint or --weights, weights and statistics are random too, for initial ones hide mistakes" };
        var json = Options.Json();
        var command = new Command("export", "Writes a network as an ONNX file (opset 17, inference form), or its weights as PyTorch's load_state_dict takes them.") { output, format, checkpoint, model, weights, shortcut, classes, fold, withCase, json };
        imported.AddTo(command);
        command.SetAction(parsed =>
        {
            var (file, name, trained) = (parsed.GetValue(checkpoint), parsed.GetValue(model), parsed.GetValue(weights));
            if (file is not null && trained is not null) throw new UsageException("--weights: the checkpoint has its own.");

            // What a file of weights says of itself, as model.Save writes it.
            var saved = trained is null ? new() : ModelWeights.InfoOf(ModelWeights.Existing("--weights", trained));
            if ((file is null) == ((name ?? saved.Name) is null && !saved.HasGraph)) throw new UsageException("expected either --checkpoint FILE or --model NAME.");
            var path = Outputs.Check(terminal, "--out", parsed.GetValue(output), file, trained)!;
            var written = parsed.GetValue(format) ?? FormatOf(path);
            if (written != Onnx && parsed.GetValue(fold)) throw new UsageException("--fold-batch-norm: it is for --format onnx; PyTorch's network has its batch normalizations.");
            if (written != Onnx && parsed.GetValue(withCase)) throw new UsageException("--case: it is for --format onnx.");
            var isByGraph = name is null && TrainedModel.IsByGraph(saved);
            var options = imported.Of(parsed, trained, isByGraph);
            var (network, input) = file is not null
                ? FromCheckpoint(ModelWeights.Existing("--checkpoint", file))
                : isByGraph ? (OnnxNetwork.Load(trained!, Device.Cpu), new([.. saved.Input]))
                : FromZoo(name ?? saved.Name!, trained, options, new()
                {
                    Input = saved.Input.Count == 3 ? new([.. saved.Input]) : null,
                    Classes = parsed.GetValue(classes) ?? saved.Classes,
                    Shortcut = Options.ParseShortcut(parsed.GetValue(shortcut) ?? saved.Options.GetValueOrDefault("shortcut")),
                    Device = Device.Cpu,
                });
            if (written != Onnx) return SaveForPyTorch(terminal, network, input, path, written, parsed.GetValue(json));
            if (parsed.GetValue(withCase) && file is null && trained is null) Randomize(network);
            var graph = network.ToOnnx(input, new() { FoldBatchNorm = parsed.GetValue(fold), Info = InfoOf(file is null ? saved : ModelInfo.Read(file), input) });
            graph.Save(path);
            if (parsed.GetValue(withCase)) OnnxCases.Save(Path.GetDirectoryName(Path.GetFullPath(path))!, network, input);
            return Report(terminal, path, graph, parsed.GetValue(json));
        });
        return command;
    }

    /// <summary>What the file says of classes and images; a normalization of other channels than the input's is none of images.</summary>
    static ModelInfo InfoOf(ModelInfo info, Shape input)
    {
        info = info with { Input = input.ToArray() };
        return input.Rank == 3 && info.Mean.Count == input[2] ? info : info with { Mean = [], Std = [] };
    }

    static string FormatOf(string path) => Path.GetExtension(path).ToLowerInvariant() switch
    {
        ".pt" or ".pth" => PyTorch,
        ".safetensors" => PyTorchSafeTensors,
        _ => Onnx,
    };

    static int SaveForPyTorch(Terminal terminal, Layer network, Shape input, string path, string format, bool json)
    {
        var tensors = TorchWeights.ToStateDict(network, new() { Input = input });
        if (format == PyTorch) TorchFile.Save(path, tensors);
        else SafeTensors.Save(path, tensors, new Dictionary<string, string> { ["format"] = "pt" });
        var bytes = new FileInfo(path).Length;
        terminal.WriteLine($"{path}: {tensors.Count} tensors, {network.ParameterCount:N0} weights, {bytes:N0} bytes; model.load_state_dict({(format == PyTorch ? "torch.load(path, weights_only=True)" : "safetensors.torch.load_file(path)")}) takes it");
        if (json) terminal.WriteJson(new() { ["file"] = path, ["format"] = format, ["tensors"] = tensors.Count, ["weights"] = network.ParameterCount, ["bytes"] = bytes });
        return CommandLine.Done;
    }

    static int Report(Terminal terminal, string path, OnnxModel graph, bool json)
    {
        var bytes = File.Exists(path) ? new FileInfo(path).Length : 0;
        terminal.WriteLine($"{path}: opset {graph.Opset}, {graph.NodeCount} nodes, {graph.WeightCount:N0} weights and constants, {bytes:N0} bytes");
        foreach (var input in graph.Inputs) terminal.WriteLine($"input  {input}");
        foreach (var result in graph.Outputs) terminal.WriteLine($"output {result}");
        if (json) terminal.WriteJson(new() { ["file"] = path, ["opset"] = graph.Opset, ["nodes"] = graph.NodeCount, ["weights"] = graph.WeightCount, ["bytes"] = bytes });
        return CommandLine.Done;
    }

    static (Layer Network, Shape Input) FromCheckpoint(string file)
    {
        var info = Checkpoint.ReadInfo(file);
        return (TrainedModel.Load(file, info, Device.Cpu), new([.. info.Model.Input]));
    }

    static (Layer Network, Shape Input) FromZoo(string name, string? weights, WeightsOptions options, ModelOptions model)
    {
        var entry = Zoo.Find(name);
        if (weights is null) return (Zoo.Build(name, model), entry.Input);
        var input = model.Input ?? entry.Input;
        options = options with { ModelName = name, Input = input };
        var classes = model.Classes ?? StartingWeights.ClassesOf(weights, options, entry.Classes, (count, where) => Zoo.Build(name, model with { Classes = count, Device = where }));
        var network = Zoo.Build(name, model with { Classes = classes });
        ModelWeights.Load(weights, network, options);
        return (network, input);
    }

    /// <summary>Weights in proportion to their fan in, statistics and scales around what a trained network has.</summary>
    static void Randomize(Layer network)
    {
        var generator = new Generator(1);
        foreach (var (name, tensor) in network.StateDict())
        {
            var values = new float[tensor.Count];
            if (tensor.Shape.Rank > 1) generator.FillNormal(values, 0, Math.Sqrt(2.0 / Math.Max(1, tensor.Count / tensor.Shape[^1])));
            else if (name.EndsWith("weight", StringComparison.Ordinal) || name.EndsWith("ariance", StringComparison.Ordinal)) generator.FillUniform(values, 0.5, 1.5);
            else generator.FillNormal(values, 0, 0.1);
            tensor.CopyFrom<float>(values);
        }
    }
}
