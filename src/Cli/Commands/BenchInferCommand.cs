using System.CommandLine;
using System.Diagnostics;
using CnnSharp.Cli.Bench;
using CnnSharp.Models;

namespace CnnSharp.Cli.Commands;

/// <summary><c>bench infer</c>: pictures a second of a forward pass.</summary>
internal static class BenchInferCommand
{
    public static Command Create(Terminal terminal)
    {
        var model = Options.Model("resnet50");
        var batch = Options.Batch("1");
        var steps = Options.Whole("--steps", "passes that are timed; default 20", minimum: 1, maximum: 1_000_000);
        var device = Options.Device();
        var precision = Options.Precision();
        var threads = Options.Threads();
        var seed = Options.Seed();
        var json = Options.Json();
        var command = new Command("infer", "Times forward passes on made-up pictures: inference form, nothing recorded.") { model, batch, steps, device, precision, threads, seed, json };
        command.SetAction(parsed => Run(
            terminal,
            Zoo.Find(parsed.GetValue(model) ?? "resnet50"),
            parsed.GetValue(batch) ?? 1,
            parsed.GetValue(steps) ?? 20,
            (ulong)(parsed.GetValue(seed) ?? 1),
            Options.Open(parsed.GetValue(device)!, parsed.GetValue(threads), parsed.GetValue(precision)),
            parsed.GetValue(json)));
        return command;
    }

    static int Run(Terminal terminal, ModelEntry model, int batch, int steps, ulong seed, Device device, bool json)
    {
        terminal.ShowProgress($"{model.Name}: inferring {steps} batches of {batch} pictures ...");
        var speed = InferBench.Measure(model, batch, steps, seed, device);
        using var process = Process.GetCurrentProcess();
        const double MiB = 1024 * 1024;
        var peak = process.PeakWorkingSet64 / MiB;
        var onDevice = speed.DeviceBytes / MiB;
        terminal.WriteLine($"{model.Name}, batch {batch}, {device} ({device.Engine.Description}): {speed.ImagesPerSecond:N1} images/s, {speed.StepSeconds * 1e3:F1} ms a pass (of {steps}; {speed.ProcessorSeconds * 1e3:F1} ms of processor time), tensors {onDevice:N0} MiB, peak memory of the process {peak:N0} MiB");
        if (json)
        {
            terminal.WriteJson(new()
            {
                ["model"] = model.Name,
                ["batch"] = batch,
                ["steps"] = steps,
                ["device"] = device.Name,
                ["precision"] = Options.NameOf(device.Engine.Precision),
                ["images_per_second"] = Terminal.Number(speed.ImagesPerSecond, 2),
                ["step_seconds"] = Terminal.Number(speed.StepSeconds),
                ["processor_seconds"] = Terminal.Number(speed.ProcessorSeconds),
                ["device_mib"] = Terminal.Number(onDevice, 1),
                ["peak_rss_mib"] = Terminal.Number(peak, 1),
            });
        }

        return CommandLine.Done;
    }
}
