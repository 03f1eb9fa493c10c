using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using CnnSharp.Cli.Report;
using CnnSharp.Cli.Train;
using CnnSharp.Formats;
using CnnSharp.Training;

namespace CnnSharp.Cli.Commands;

/// <summary><c>check</c>: is what <c>train</c> would train sound, and which learning rate suits it?</summary>
internal static class CheckCommand
{
    public static Command Create(Terminal terminal)
    {
        var training = new TrainOptions();
        var machine = new MachineOptions();
        var skip = Options.Texts("--skip", "CHECK", $"leave one out, of {string.Join(", ", Names.Select(name => name.Replace(' ', '-')))}; may be repeated");
        var low = Options.Real("--from", "the first rate of the range test; default 1e-6", minimum: 0, above: true);
        var high = Options.Real("--to", "its last rate, unless the loss explodes before; default 10", minimum: 0, above: true);
        var steps = Options.Whole("--steps", "of the range test; default 140", minimum: 10, maximum: 100_000);
        var output = Options.Text("--out", "DIR", "the folder of the range test's chart and table, range-test.svg and .csv; default runs/check-DATASET-MODEL");
        var json = Options.Json();
        var command = new Command("check", "Checks a network before it is trained, with the options that train is to have: first loss, regularization, gradients, a few images by heart; and finds a learning rate by a range test.");
        training.AddTo(command);
        machine.AddTo(command);
        foreach (var option in (Option[])[skip, low, high, steps, output, json]) command.Options.Add(option);
        command.SetAction(parsed =>
        {
            var ranges = new RangeTestOptions();
            ranges = ranges with { Low = parsed.GetValue(low) ?? ranges.Low, High = parsed.GetValue(high) ?? ranges.High, Steps = parsed.GetValue(steps) ?? ranges.Steps };
            return Run(terminal, training.Read(parsed), Skipped(parsed.GetValue(skip) ?? []), ranges, parsed.GetValue(output), machine.Open(parsed), machine.Text(parsed), parsed.GetValue(json));
        });
        return command;
    }

    const string RangeTest = "range test";

    static IEnumerable<string> Names => [.. ModelCheck.Names, RangeTest];

    static HashSet<string> Skipped(string[] texts)
    {
        foreach (var text in texts)
        {
            if (!Names.Contains(text.Replace('-', ' '))) throw new UsageException($"--skip: {Nearest.Unknown("check", text, [.. Names.Select(name => name.Replace(' ', '-'))])}");
        }

        return [.. texts.Select(text => text.Replace('-', ' '))];
    }

    static int Run(Terminal terminal, TrainSettings said, HashSet<string> skip, RangeTestOptions range, string? output, Device device, string machine, bool json)
    {
        if (range.High <= range.Low) throw new UsageException($"--from {range.Low:G4} --to {range.High:G4}: the last rate must be above the first.");
        if (output is not null) Outputs.CheckFolder("--out", output);
        said = TrainingSetup.Start(said, resume: false);
        var data = TrainingSetup.Load(terminal, said);
        var settings = Recipes.Complete(said, data);
        var (train, _, _) = TrainingSetup.Split(data, settings.ValSplit!.Value);
        var model = TrainingSetup.Build(settings, train, device);
        var options = TrainingSetup.Options(settings, train);

        // Weights that were trained before do better than guessing.
        if (settings.Weights is not null) skip.Add(ModelCheck.Names[0]);
        output ??= Path.Combine("runs", $"check-{settings.Dataset}-{settings.Model}");
        terminal.WriteLine($"{settings.Model} ({model.ParameterCount:N0} weights) on {train}, from {data.Source}; batch {settings.Batch}, {settings.Optimizer} {settings.Lr:G4}, weight decay {settings.WeightDecay:G4}; {device}, seed {settings.Seed}");

        var results = new List<CheckResult>();
        foreach (var result in ModelCheck.Run(model, train, options, new() { Skip = [.. ModelCheck.Names.Where(skip.Contains)] }))
        {
            results.Add(result);
            terminal.WriteLine($"{Mark(result.Outcome)}  {result.Name,-14}  {result.Detail}");
        }

        var test = skip.Contains(RangeTest) ? null : LearningRateRangeTest.Run(model, train, options, range);
        if (test is not null)
        {
            terminal.WriteLine($"{Mark(test.Suggestion is null ? CheckOutcome.Failed : CheckOutcome.Passed)}  {RangeTest,-14}  {Describe(test)}");
            var chart = Write(output, test, settings);
            terminal.WriteLine($"{"",-6}  {"",-14}  chart: {chart}");
            if (test.Suggestion is { } rate) terminal.WriteLine($"To train with it: cnnsharp train{(said with { Dataset = settings.Dataset, Model = settings.Model, Lr = double.Parse(Rate(rate), CultureInfo.InvariantCulture) }).ToArguments()}{machine}");
        }

        var failed = results.Count(result => result.Outcome == CheckOutcome.Failed) + (test is { Suggestion: null } ? 1 : 0);
        if (json) terminal.WriteJson(Json(results, test, settings, output));
        return failed == 0 ? CommandLine.Done : CommandLine.Failed;
    }

    static string Mark(CheckOutcome outcome) => outcome switch { CheckOutcome.Passed => "ok    ", CheckOutcome.Failed => "FAILED", _ => "-     " };

    static string Rate(double rate) => rate.ToString("G2", CultureInfo.InvariantCulture);

    static string Describe(RangeTestResult test)
    {
        var ended = test.IsExploded ? string.Create(CultureInfo.InvariantCulture, $", it explodes at {(test.Points.Count == 0 ? 0 : test.Points[^1].LearningRate):G2}") : test.Points.Count == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $", and has not exploded at {test.Points[^1].LearningRate:G2}");
        return test.Suggestion is { } rate
            ? $"a learning rate of about {Rate(rate)}: there the loss falls most steeply; it is least at {Rate(test.Lowest!.Value)}{ended}"
            : $"the loss falls at no rate{ended}: try other rates (--from, --to), more steps (--steps), or look at the checks above";
    }

    /// <summary>The chart and the table of a range test.</summary>
    static string Write(string folder, RangeTestResult test, TrainSettings settings)
    {
        var path = Path.Combine(folder, "range-test.svg");
        var (low, high) = test.Points.Count == 0 ? (0, 1) : (test.Points.Min(p => p.SmoothedLoss), test.Points.Max(p => p.SmoothedLoss));
        var curves = new List<Curve>
        {
            new("loss of a step", [.. test.Points.Select(p => (p.LearningRate, Math.Min(p.Loss, high)))], Color: 7, IsPoints: true),
            new("smoothed", [.. test.Points.Select(p => (p.LearningRate, p.SmoothedLoss))]),
        };
        if (test.Suggestion is { } rate) curves.Add(new("suggested", [(rate, low), (rate, high)], Color: 1, IsDashed: true));
        AtomicFile.WriteText(path, new Chart($"Learning-rate range test: {settings.Model} on {settings.Dataset}, {settings.Optimizer}, batch {settings.Batch}{(test.Suggestion is { } best ? $": {Rate(best)}" : "")}", "learning rate", "loss", curves) { IsLogX = true }.ToDocument());
        var table = new StringBuilder("learning_rate,loss,smoothed_loss\n");
        foreach (var point in test.Points) table.Append(CultureInfo.InvariantCulture, $"{point.LearningRate:R},{point.Loss:R},{point.SmoothedLoss:R}\n");
        AtomicFile.WriteText(Path.ChangeExtension(path, ".csv"), table.ToString());
        return path;
    }

    static JsonObject Json(List<CheckResult> results, RangeTestResult? test, TrainSettings settings, string output) => new()
    {
        ["model"] = settings.Model,
        ["dataset"] = settings.Dataset,
        ["checks"] = new JsonArray([.. results.Select(result => new JsonObject
        {
            ["name"] = result.Name,
            ["outcome"] = result.Outcome switch { CheckOutcome.Passed => "passed", CheckOutcome.Failed => "failed", _ => "skipped" },
            ["detail"] = result.Detail,
            ["figures"] = new JsonObject(result.Figures.Select(figure => new KeyValuePair<string, JsonNode?>(figure.Key, Terminal.Number(figure.Value, 9)))),
        })]),
        ["learning_rate"] = settings.Lr,
        ["range_test"] = test is null ? null : new JsonObject
        {
            ["suggestion"] = test.Suggestion is { } rate ? Terminal.Number(rate, 9) : null,
            ["lowest"] = test.Lowest is { } lowest ? Terminal.Number(lowest, 9) : null,
            ["exploded"] = test.IsExploded,
            ["steps"] = test.Points.Count,
            ["chart"] = Path.Combine(output, "range-test.svg"),
        },
    };
}
