using System.CommandLine;
using System.Text.Json.Nodes;
using CnnSharp.Cli.Report;

namespace CnnSharp.Cli.Commands;

/// <summary><c>report</c>: one HTML file about some trainings.</summary>
internal static class ReportCommand
{
    /// <summary>The page's name unless said: in the folder of the one training, or, of several, in the folder where the command runs.</summary>
    const string FileName = "report.html";

    public static Command Create(Terminal terminal)
    {
        var folders = new Argument<string[]>("RUNS") { Description = "folders of trainings, and folders in which they are", Arity = ArgumentArity.OneOrMore };
        var output = Options.Text("--out", "FILE", $"the file to write; default {FileName} in the training's folder, of several trainings here");
        var data = Options.Text("--data", "DIR", "where their images are; default where the training found them");
        var figuresOnly = new Option<bool>("--figures-only") { Description = "leave predictions out: the networks are not run, and the images not looked for" };
        var device = Options.Device();
        var threads = Options.Threads();
        var json = Options.Json();
        var command = new Command("report", "Writes one HTML file about trainings: curves overlaid, settings that differ, confusion matrix, best and worst predictions, filters, time and memory.") { folders, output, data, figuresOnly, device, threads, json };
        command.SetAction(parsed =>
        {
            var runs = RunsCommand.Find(parsed.GetValue(folders)!);
            var file = Outputs.Check(terminal, "--out", parsed.GetValue(output) ?? (runs.Count == 1 ? Path.Combine(runs[0].Run.Folder, FileName) : FileName))!;
            var where = parsed.GetValue(figuresOnly) ? null : Options.Open(parsed.GetValue(device)!, parsed.GetValue(threads));
            var answers = new List<(RunAnswers? Answers, string? Reason)>();
            foreach (var run in runs)
            {
                string? reason = "they were not asked for (--figures-only).";
                var known = where is null ? null : RunAnswers.Of(terminal, run.Run, parsed.GetValue(data), where, out reason);
                if (known is null && where is not null) terminal.WriteLine($"{run.Name}: no predictions: {reason}");
                answers.Add((known, reason));
            }

            RunReport.Create(runs, answers).Save(file);
            terminal.WriteLine($"{file}: {string.Join(", ", runs.Select(run => run.Name))}");
            if (parsed.GetValue(json)) terminal.WriteJson(new() { ["file"] = file, ["runs"] = new JsonArray([.. runs.Select(run => (JsonNode)run.Run.Folder)]), ["predictions"] = answers.Count(answer => answer.Answers is not null) });
            return CommandLine.Done;
        });
        return command;
    }
}
