using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using CnnSharp.Verification;

namespace CnnSharp.Cli.Commands;

/// <summary>
/// <c>verify DIR</c>: replays reference cases on a device. <c>verify</c>: compares every operation with the reference engine in
/// double precision. The last line is "N passed, N failed, N skipped".
/// </summary>
internal static class VerifyCommand
{
    public static Command Create(Terminal terminal)
    {
        var folder = new Argument<string?>("DIR") { Description = "a folder of .safetensors files, one a case; without it every operation is compared with the engine 'reference-f64'", Arity = ArgumentArity.ZeroOrOne };
        var device = Options.Device();
        var precision = Options.Precision();
        var threads = Options.Threads();
        var filter = new Option<string[]>("--filter") { HelpName = "TEXT", Description = "only cases or operations whose name holds this, for instance 'conv2d'; may be given several times" };
        var algorithm = Options.Algorithm();
        var verbose = new Option<bool>("--verbose") { Description = "a line for each as it ends, with its seconds" };
        var json = Options.Json();
        var command = new Command("verify", "Compares results and gradients on a device with those of reference cases, or of the reference engine in double precision.") { folder, device, precision, threads, algorithm, filter, verbose, json };
        command.SetAction(parsed => Run(terminal, parsed.GetValue(folder), Options.Open(parsed.GetValue(device)!, parsed.GetValue(threads), parsed.GetValue(precision), parsed.GetValue(algorithm)), parsed.GetValue(filter) ?? [], parsed.GetValue(verbose), parsed.GetValue(json)));
        return command;
    }

    static int Run(Terminal terminal, string? folder, Device device, string[] filter, bool verbose, bool json)
    {
        var clock = Stopwatch.StartNew();
        var results = new List<CaseResult>();
        var ended = TimeSpan.Zero;
        foreach (var result in folder is null ? Verifier.RunRegistry(device, IsMeant) : Verifier.Run(folder, device, IsMeant))
        {
            results.Add(result);
            terminal.ShowProgress(result.Name);
            var outcome = result.Outcome == CaseOutcome.Failed ? "FAILED" : $"{result.Outcome}".ToLowerInvariant();
            var detail = result.Detail.Length == 0 ? "" : $": {result.Detail}";
            if (verbose) terminal.WriteLine($"{outcome} {result.Name} {(clock.Elapsed - ended).TotalSeconds:F1} s{detail}");
            else if (result.Outcome != CaseOutcome.Passed) terminal.WriteLine($"{outcome} {result.Name}{detail}");
            ended = clock.Elapsed;
        }

        terminal.ShowProgress("");
        if (results.Count == 0 && filter.Length > 0) throw new UsageException($"--filter {string.Join(" --filter ", filter)}: no name holds that; without it --verbose lists them.");
        if (results.Count == 0) throw new UsageException($"'{folder}' holds no case: expected .safetensors files.");
        var counts = Count(CaseOutcome.Passed, CaseOutcome.Failed, CaseOutcome.Skipped);
        var line = $"{counts[0]} passed, {counts[1]} failed, {counts[2]} skipped";
        if (json)
        {
            terminal.WriteLine(line);
            terminal.WriteJson(new()
            {
                ["device"] = device.Name,
                ["precision"] = Options.NameOf(device.Engine.Precision),
                ["passed"] = counts[0],
                ["failed"] = counts[1],
                ["skipped"] = counts[2],
                ["seconds"] = Terminal.Number(clock.Elapsed.TotalSeconds, 3),
                ["cases"] = new JsonArray([.. results.Where(r => r.Outcome != CaseOutcome.Passed).Select(r => new JsonObject { ["name"] = r.Name, ["outcome"] = r.Outcome.ToString().ToLowerInvariant(), ["detail"] = r.Detail })]),
            });
        }
        else
        {
            terminal.WriteLine($"{device} ({device.Engine.Description}), {clock.Elapsed.TotalSeconds:F1} s");
            terminal.WriteLine(line);
        }

        return counts[1] == 0 ? CommandLine.Done : CommandLine.Failed;

        bool IsMeant(string name) => filter.Length == 0 || filter.Any(text => name.Contains(text, StringComparison.OrdinalIgnoreCase));

        int[] Count(params CaseOutcome[] outcomes) => Array.ConvertAll(outcomes, outcome => results.Count(r => r.Outcome == outcome));
    }
}
