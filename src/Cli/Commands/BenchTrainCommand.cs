using System.CommandLine;
using System.Diagnostics;
using CnnSharp.Cli.Bench;
using CnnSharp.Models;

namespace CnnSharp.Cli.Commands;

/// <summary><c>bench train</c>: pictures a second of a whole training step.</summary>
internal static class BenchTrainCommand
{
    public static Command Create(Terminal terminal)
    {
        var model = Options.Model("resnet20");
        var batch = Options.Batch("128");
        var steps = Options.Whole("--steps", "steps that are timed; default 20", minimum: 1, maximum: 1_000_000);
        var device = Options.Device();
        var precision = Options.Precision();
        var threads = Options.Threads();
        var seed = Options.Seed();
        var json = Options.Json();
        var command = new Command("train", "Times training steps on made-up pictures: forward, loss, backward, SGD step.") { model, batch, steps, device, precision, threads, seed, json };
        command.SetAction(parsed => Run(
            terminal,
            Zoo.Find(parsed.GetValue(model) ?? "resnet20"),
            parsed.GetValue(batch) ?? 128,
            parsed.GetValue(steps) ?? 20,
            (ulong)(parsed.GetValue(seed) ?? 1),
            Options.Open(parsed.GetValue(device)!, parsed.GetValue(threads), parsed.GetValue(precision)),
            parsed.GetValue(json)));
        return command;
    }

    static int Run(Terminal terminal, ModelEntry model, int batch, int steps, ulong seed, Device device, bool json)
    {
        terminal.ShowProgress($"{model.Name}: training {steps} steps of {batch} pictures ...");
        var speed = TrainBench.Measure(model, batch, steps, seed, device);
        using var process = Process.GetCurrentProcess();
        const double MiB = 1024 * 1024;
        var peak = process.PeakWorkingSet64 / MiB;
        var onDevice = speed.DeviceBytes / MiB;
        terminal.WriteLine($"{model.Name}, batch {batch}, {device} ({device.Engine.Description}): {speed.ImagesPerSecond:N0} images/s, {speed.StepSeconds * 1e3:F1} ms a step (of {steps}), tensors {onDevice:N0} MiB, peak memory of the process {peak:N0} MiB");
        if (json)
        {
            terminal.WriteJson(new()
            {
                ["model"] = model.Name,
                ["batch"] = batch,
                ["steps"] = steps,
                ["device"] = device.Name,
                ["precision"] = Options.NameOf(device.Engine.Precision),
                ["images_per_second"] = Terminal.Number(speed.ImagesPerSecond, 1),
                ["step_seconds"] = Terminal.Number(speed.StepSeconds),
                ["loss"] = Terminal.Number(speed.Loss),
                ["device_mib"] = Terminal.Number(onDevice, 1),
                ["peak_rss_mib"] = Terminal.Number(peak, 1),
            });
        }

        return CommandLine.Done;
    }
}
