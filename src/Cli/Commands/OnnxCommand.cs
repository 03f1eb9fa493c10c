using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using CnnSharp.Formats.Onnx;

namespace CnnSharp.Cli.Commands;

/// <summary><c>onnx test DIR</c>: runs ONNX's backend cases. The last line is "N passed, N failed, N skipped".</summary>
internal static class OnnxCommand
{
    public static Command Create(Terminal terminal)
    {
        var folder = new Argument<string>("DIR") { Description = "a folder of cases: folders with model.onnx and test_data_set_0, or one of them" };
        var device = Options.Device();
        var threads = Options.Threads();
        var json = Options.Json();
        var test = new Command("test", "Runs ONNX backend cases and compares their outputs.") { folder, device, threads, json };
        test.SetAction(parsed => Run(terminal, parsed.GetValue(folder)!, Options.Open(parsed.GetValue(device)!, parsed.GetValue(threads)), parsed.GetValue(json)));
        return new("onnx", "Checks the ONNX reader and its operators.") { test };
    }

    static int Run(Terminal terminal, string folder, Device device, bool json)
    {
        var clock = Stopwatch.StartNew();
        var results = new List<OnnxCaseResult>();
        foreach (var result in OnnxCases.Run(folder, device))
        {
            results.Add(result);
            terminal.ShowProgress(result.Name);
            if (result.Outcome == OnnxOutcome.Failed) terminal.WriteLine($"FAILED {result.Name}: {result.Detail}");
        }

        terminal.ShowProgress("");
        if (results.Count == 0) throw new UsageException($"'{folder}' holds no case: expected folders with a model.onnx.");
        var unsupported = results.Where(result => result.Outcome == OnnxOutcome.Unsupported).GroupBy(result => result.Operator).OrderByDescending(group => group.Count()).ThenBy(group => group.Key, StringComparer.Ordinal).ToList();
        foreach (var group in unsupported) terminal.WriteLine($"unsupported {group.Key} ({group.Count()}): {string.Join(", ", group.Select(result => result.Name))}");
        terminal.WriteLine($"{device} ({device.Engine.Description}), {clock.Elapsed.TotalSeconds:F1} s");

        int passed = Count(OnnxOutcome.Passed), failed = Count(OnnxOutcome.Failed), skipped = Count(OnnxOutcome.Unsupported);
        terminal.WriteLine($"{passed} passed, {failed} failed, {skipped} skipped");
        if (json)
        {
            terminal.WriteJson(new()
            {
                ["device"] = device.Name,
                ["passed"] = passed,
                ["failed"] = failed,
                ["skipped"] = skipped,
                ["seconds"] = Terminal.Number(clock.Elapsed.TotalSeconds, 3),
                ["unsupported"] = new JsonObject(unsupported.Select(group => KeyValuePair.Create(group.Key, (JsonNode?)group.Count()))),
                ["cases"] = new JsonArray([.. results.Where(r => r.Outcome != OnnxOutcome.Passed).Select(r => new JsonObject { ["name"] = r.Name, ["outcome"] = r.Outcome.ToString().ToLowerInvariant(), ["operator"] = r.Operator, ["detail"] = r.Detail })]),
            });
        }

        return failed == 0 ? CommandLine.Done : CommandLine.Failed;

        int Count(OnnxOutcome outcome) => results.Count(result => result.Outcome == outcome);
    }
}
