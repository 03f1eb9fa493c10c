using System.CommandLine;
using System.Diagnostics;
using CnnSharp.Cli.Bench;
using CnnSharp.Models;

namespace CnnSharp.Cli.Commands;

/// <summary><c>bench train</c>, <c>bench infer</c> and <c>bench growth</c>: images/s of a whole training step, of a forward pass, of steps that grow.</summary>
internal static class BenchModelCommand
{
    public static Command Train(Terminal terminal) => Create(
        terminal,
        "train",
        "Times training steps on made-up images: forward, loss, backward, SGD step.",
        new("resnet20", 128, "step", "training {0} steps of {1} images", Digits: 0),
        (model, batch, steps, seed, device) =>
        {
            var speed = TrainBench.Measure(model, batch, steps, seed, device);
            return new(speed.ImagesPerSecond, speed.StepSeconds, speed.DeviceBytes, "", "loss", speed.Loss);
        });

    public static Command Infer(Terminal terminal) => Create(
        terminal,
        "infer",
        "Times forward passes on made-up images: inference form, nothing recorded.",
        new("resnet50", 1, "pass", "inferring {0} batches of {1} images", Digits: 1, TakesOnnx: true),
        (model, batch, steps, seed, device) =>
        {
            var speed = InferBench.Measure(() => model.Build(model.Input, model.Classes, new() { Device = device }), model.Input, batch, steps, seed, device);
            return new(speed.ImagesPerSecond, speed.StepSeconds, speed.DeviceBytes, $"; {speed.ProcessorSeconds * 1e3:F1} ms of processor time", "processor_seconds", speed.ProcessorSeconds);
        });

    public static Command Growth(Terminal terminal)
    {
        var series = new Option<string?>("--series") { HelpName = "NAME", Description = $"only one of: {string.Join(", ", GrowthReport.Names)}" };
        series.AcceptOnlyFromAmong([.. GrowthReport.Names]);
        var most = Options.Whole("--most", "where to stop: images, times the channels, rows and columns; default where the series end", minimum: 1, maximum: 1_000_000);
        var steps = Options.Whole("--steps", "steps that are timed; default 10", minimum: 1, maximum: 1_000_000);
        var device = Options.Device();
        var threads = Options.Threads();
        var json = Options.Json();
        var command = new Command("growth", "Times training steps as their work grows, in images, channels and pixels, and says what becomes of the FLOP/s.") { series, most, steps, device, threads, json };
        command.SetAction(parsed => GrowthReport.Run(
            terminal, parsed.GetValue(series), parsed.GetValue(most) ?? int.MaxValue, parsed.GetValue(steps) ?? 10,
            Options.Open(parsed.GetValue(device)!, parsed.GetValue(threads)), parsed.GetValue(json)));
        return command;
    }

    static Command Create(Terminal terminal, string name, string description, Form form, Measure measure)
    {
        var model = Options.Model(form.Model);
        var onnx = Options.Text("--onnx", "FILE", "in place of a model of the zoo, the network of an ONNX file: one input of images");
        var size = Options.Size("what the file says");
        var batch = Options.Batch($"{form.Batch}");
        var steps = Options.Whole("--steps", $"{(form.Step == "pass" ? "passes" : "steps")} that are timed; default 20", minimum: 1, maximum: 1_000_000);
        var device = Options.Device();
        var precision = Options.Precision();
        var threads = Options.Threads();
        var seed = Options.Seed();
        var json = Options.Json();
        var command = new Command(name, description) { model, batch, steps, device, precision, threads, seed, json };
        if (form.TakesOnnx)
        {
            command.Add(onnx);
            command.Add(size);
        }

        command.SetAction(parsed =>
        {
            var (images, count) = (parsed.GetValue(batch) ?? form.Batch, parsed.GetValue(steps) ?? 20);
            var on = Options.Open(parsed.GetValue(device)!, parsed.GetValue(threads), parsed.GetValue(precision));
            var file = form.TakesOnnx ? parsed.GetValue(onnx) : null;
            if (file is not null && parsed.GetResult(model) is { Implicit: false }) throw new UsageException("--model and --onnx: one of them.");
            var entry = file is null ? Zoo.Find(parsed.GetValue(model) ?? form.Model) : Imported(file, parsed.GetValue(size), images, on);
            terminal.ShowProgress($"{entry.Name}: {string.Format(null, form.Progress, count, images)} ...");
            Show(terminal, entry, images, count, on, form, measure(entry, images, count, (ulong)(parsed.GetValue(seed) ?? 1), on), parsed.GetValue(json));
            return CommandLine.Done;
        });
        return command;
    }

    /// <summary>The network of an ONNX file, as a model.</summary>
    static ModelEntry Imported(string file, int? size, int batch, Device device)
    {
        var network = OnnxClassifier.Load(file, size, device);
        if (network.Batch is { } own && own != batch) throw new UsageException($"--batch {batch}: '{file}' takes {own} image{(own == 1 ? "" : "s")} at once.");
        var side = network.Size ?? throw new UsageException($"'{file}' takes images of any size; --size N says which.");
        return new(Path.GetFileName(file), new(side, side, network.Channels), 0, "", (_, _, _) => network.Layer);
    }

    static void Show(Terminal terminal, ModelEntry model, int batch, int steps, Device device, Form form, Timing timing, bool json)
    {
        using var process = Process.GetCurrentProcess();
        const double MiB = 1024 * 1024;
        var peak = process.PeakWorkingSet64 / MiB;
        var onDevice = timing.DeviceBytes / MiB;
        terminal.WriteLine(
            $"{model.Name}, batch {batch}, {device} ({device.Engine.Description}): {timing.ImagesPerSecond.ToString($"N{form.Digits}", null)} images/s, "
            + $"{timing.StepSeconds * 1e3:F1} ms a {form.Step} (of {steps}{timing.Words}), tensors {onDevice:N0} MiB, peak memory of the process {peak:N0} MiB");
        if (!json) return;
        terminal.WriteJson(new()
        {
            ["model"] = model.Name,
            ["batch"] = batch,
            ["steps"] = steps,
            ["device"] = device.Name,
            ["precision"] = Options.NameOf(device.Engine.Precision),
            ["images_per_second"] = Terminal.Number(timing.ImagesPerSecond, form.Digits + 1),
            ["step_seconds"] = Terminal.Number(timing.StepSeconds),
            [timing.Key] = Terminal.Number(timing.Value),
            ["device_mib"] = Terminal.Number(onDevice, 1),
            ["peak_rss_mib"] = Terminal.Number(peak, 1),
        });
    }

    delegate Timing Measure(ModelEntry model, int batch, int steps, ulong seed, Device device);

    /// <summary>What the two differ in: defaults, and how they put it.</summary>
    sealed record Form(string Model, int Batch, string Step, string Progress, int Digits, bool TakesOnnx = false);

    /// <summary>What both find, and a figure that only one has.</summary>
    sealed record Timing(double ImagesPerSecond, double StepSeconds, long DeviceBytes, string Words, string Key, double Value);
}
