using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using CnnSharp.Cli.Bench;
using CnnSharp.Models;

namespace CnnSharp.Cli.Commands;

/// <summary><c>bench</c>: kernels against the machine's limits; <c>bench train</c>, <c>bench infer</c>, <c>bench growth</c>: images/s of a model.</summary>
internal static class BenchCommand
{
    public static Command Create(Terminal terminal)
    {
        var device = Options.Device();
        var threads = Options.Threads();
        var filter = Options.Text("--filter", "TEXT", "only kernels whose name holds this, for instance 'conv' or '64@8x8'");
        var batch = Options.Batch("what keeps the device busy");
        var rounds = Options.Whole("--rounds", "rounds a kernel is timed for; default 9", minimum: 1, maximum: 1000);
        var algorithms = new Option<string?>("--algorithms") { HelpName = "MODEL", Arity = ArgumentArity.ZeroOrOne, Description = "in place of the kernels, the convolutions of a model (default resnet20): every algorithm that the CPU engine could take, and what it takes; --batch is 16 by default" };
        var json = Options.Json();
        var command = new Command("bench", "Times each kernel and states its fraction of this machine's peak: FLOP/s, or memory bandwidth.")
        {
            device, threads, filter, batch, rounds, algorithms, json, BenchModelCommand.Train(terminal), BenchModelCommand.Infer(terminal), BenchModelCommand.Growth(terminal),
        };
        command.SetAction(parsed =>
        {
            var on = Options.Open(parsed.GetValue(device)!, parsed.GetValue(threads));
            if (parsed.GetResult(algorithms) is not null)
                return AlgorithmReport.Run(terminal, Zoo.Find(parsed.GetValue(algorithms) ?? "resnet20"), parsed.GetValue(batch) ?? 16, on, parsed.GetValue(rounds) ?? 9, parsed.GetValue(json));
            return Run(terminal, on, parsed.GetValue(filter) ?? "", parsed.GetValue(batch), parsed.GetValue(rounds) ?? 9, parsed.GetValue(json));
        });
        return command;
    }

    static int Run(Terminal terminal, Device device, string filter, int? batch, int rounds, bool json)
    {
        var engine = device.Engine;
        var peak = engine.Peak ?? throw new UsageException($"--device {device}: this engine is for checking others by; its kernels have no limit worth a comparison.");
        var peakFlops = peak.FmaPeak(TimeSpan.FromMilliseconds(100));
        terminal.WriteLine($"{engine.Description}; peak FLOP/s {Giga(peakFlops)} GFLOP/s. Medians of {rounds} rounds, the peak measured before and after each.");

        var results = new List<KernelResult>();
        foreach (var kernel in KernelCase.All(engine, batch ?? peak.Batch, name => name.Contains(filter, StringComparison.OrdinalIgnoreCase)))
        {
            terminal.ShowProgress(kernel.Name);
            results.Add(KernelBench.Measure(engine, peak, kernel, rounds));
        }

        terminal.ShowProgress("");
        if (results.Count == 0) throw new UsageException($"--filter '{filter}': no kernel's name holds that; try 'conv', 'norm', 'relu', 'pool' or 'sgd'.");
        terminal.WriteTable(
            ["kernel", "size", "pass", ">speed", "unit", ">peak", ">fraction"],
            results.Select(r => (IReadOnlyList<string>)[r.Case.Kernel, r.Case.Size, r.Case.Pass, Giga(r.Speed), r.Case.Limit == Limit.Arithmetic ? "GFLOP/s" : "GB/s", Giga(r.Peak), $"{Terminal.Percent(r.Share, 0)}"]));
        terminal.WriteLine("Convolutions: operations of the direct method. Where Winograd's runs, which needs fewer, the share can pass 100%.");
        if (json)
        {
            terminal.WriteJson(new()
            {
                ["device"] = device.Name,
                ["engine"] = engine.Description,
                ["fma_ceiling_gflops"] = Terminal.Number(peakFlops / 1e9, 4),
                ["kernels"] = new JsonArray([.. results.Select(Json)]),
            });
        }

        return CommandLine.Done;
    }

    /// <summary>In units of 1e9: whole numbers, or as many digits as a slow device needs.</summary>
    static string Giga(double perSecond) => (perSecond / 1e9).ToString(perSecond >= 10e9 ? "F0" : "0.0##", CultureInfo.InvariantCulture);

    static JsonObject Json(KernelResult r)
    {
        var unit = r.Case.Limit == Limit.Arithmetic ? "gflops" : "gigabytes_per_second";
        return new()
        {
            ["kernel"] = r.Case.Kernel,
            ["size"] = r.Case.Size,
            ["pass"] = r.Case.Pass,
            [unit] = Terminal.Number(r.Speed / 1e9, 4),
            [$"ceiling_{unit}"] = Terminal.Number(r.Peak / 1e9, 4),
            ["share"] = Terminal.Number(r.Share, 3),
        };
    }
}
