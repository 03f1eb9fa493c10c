using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using CnnSharp.Cli.Report;
using CnnSharp.Cli.Train;
using CnnSharp.Data;
using CnnSharp.Formats;
using CnnSharp.Training;

namespace CnnSharp.Cli.Commands;

/// <summary><c>tune</c>: searches for the settings of <c>train</c>, by images that are held out of the training set.</summary>
internal static class TuneCommand
{
    /// <summary>Trials that the terminal's table shows; <c>trials.csv</c> has all.</summary>
    const int Shown = 20;

    const string Halving = "halving";

    const string Grid = "grid";

    public static Command Create(Terminal terminal)
    {
        var training = new TrainOptions();
        var machine = new MachineOptions();
        var range = Options.Texts("--range", "NAME=LOW..HIGH", $"vary a number: {SearchRange.RangeForm}; may be repeated. Default, if nothing is varied: lr about its default, and weight-decay");
        var choice = Options.Texts("--choice", "NAME=A,B", $"vary a setting: {SearchRange.ChoiceForm}; may be repeated. There are {SearchRange.Tunable}");
        var search = Options.Choice("--search", "search", "which settings are tried: at random (the default), every combination, or at random with the worse two thirds of the trials ended after 1, 3, 9, ... epochs", ["random", Grid, Halving]);
        var trials = Options.Whole("--trials", "how many; default 20. A grid has as many as its points", minimum: 1, maximum: 100_000);
        var stages = Options.Whole("--stages", "searches one after the other, each about the best so far in a third of every range; default 1", minimum: 1, maximum: 100);
        var folds = Options.Whole("--folds", "cross-validate: each trial is trained so many times, each time another part of the training images is held out", minimum: 2, maximum: 1000);
        var output = Options.Text("--out", "DIR", "the folder of the search: a folder a trial, trials.jsonl, trials.csv, best.json, charts; default runs/tune-DATASET-MODEL");
        var overwrite = new Option<bool>("--overwrite") { Description = "replace the search that stands in --out" };
        var resume = new Option<bool>("--resume") { Description = "go on with the search in --out, with its settings where none are given" };
        var json = Options.Json();
        var command = new Command("tune", "Searches for settings of train: learning rate, weight decay, ... . What is not varied is as train has it. Images held out of the training set decide, never test images.");
        training.AddTo(command);
        machine.AddTo(command);
        foreach (var option in (Option[])[range, choice, search, trials, stages, folds, output, overwrite, resume, json]) command.Options.Add(option);
        command.SetAction(parsed => Run(
            terminal,
            new()
            {
                Training = training.Read(parsed),
                Range = parsed.GetValue(range) is { Length: > 0 } ranges ? ranges : null,
                Choice = parsed.GetValue(choice) is { Length: > 0 } choices ? choices : null,
                Search = parsed.GetValue(search),
                Trials = parsed.GetValue(trials),
                Stages = parsed.GetValue(stages),
                Folds = parsed.GetValue(folds),
            },
            new(parsed.GetValue(output), parsed.GetValue(overwrite), parsed.GetValue(resume), machine.Text(parsed)),
            machine.Open(parsed),
            parsed.GetValue(json)));
        return command;
    }

    static int Run(Terminal terminal, TuneSettings said, Place place, Device device, bool json)
    {
        if (place is { Resume: true, Overwrite: true }) throw new UsageException("--resume and --overwrite: a search either goes on or is replaced.");
        if (place.Resume) said = said.Or(TuneSettings.Read(place.Output ?? throw new UsageException("--resume: say with --out which folder's search is to go on.")) ?? throw new UsageException($"--resume: there is no search to go on with in '{place.Output}' (no {TuneSettings.FileName})."));
        if (place.Output is not null) Outputs.CheckFolder("--out", place.Output);
        if (said is { Search: Grid, Trials: not null }) throw new UsageException("--trials: a grid has as many trials as its points; say those in --range, for instance lr=1e-3..1:6.");
        var common = TrainingSetup.Start(said.Training, resume: false);
        var space = SearchRange.Parse(said.Range ?? [], said.Choice ?? []);
        foreach (var dimension in space) CheckUnsaid(common, dimension.Name);
        var data = TrainingSetup.Load(terminal, common);
        common = HoldOut(common with { Dataset = data.Name }, data, said.Folds);
        var recipe = Recipes.Complete(common, data);
        if (space.Count == 0) space = SearchRange.Default(recipe);
        if (!space.Any(dimension => dimension.Name == "model")) common = common with { Model = recipe.Model };

        // All trials have the same images.
        var (train, held, _) = TrainingSetup.Split(data, recipe.ValSplit!.Value);
        var objective = recipe.Monitor == "loss" ? Metric.Loss : Metric.Accuracy;
        var options = new SearchOptions
        {
            Space = space,
            OutputFolder = place.Output ?? Path.Combine("runs", $"tune-{recipe.Dataset}-{recipe.Model}"),
            Method = said.Search == Grid ? SearchMethod.Grid : SearchMethod.Random,
            Halving = said.Search == Halving ? new() : null,
            Trials = said.Trials ?? 20,
            Stages = said.Stages ?? 1,
            Folds = said.Folds,
            Objective = objective,
            Seed = (ulong)recipe.Seed!.Value,
            Resume = place.Resume,
            Overwrite = place.Overwrite,
        };
        var folder = options.OutputFolder;
        terminal.WriteLine($"{(recipe.Model is { } model && common.Model is not null ? model : "networks")} on {train}, from {data.Source}; {(said.Folds is { } count ? $"{count} folds" : $"{held!.Count:N0} images held out")} decide, by {objective}; {device}, seed {recipe.Seed}");

        var view = new SearchView(terminal, objective, said.Write, WriteSettings);
        using var interruption = new Interruption();
        var found = HyperparameterSearch.Run(train, said.Folds is null ? held : null, options, trial =>
        {
            var settings = SettingsOf(trial, common, data);
            return (TrainingSetup.Build(settings, train, device), TrainingSetup.Options(settings, train));
        }, view, interruption.Token);

        if (found.IsCanceled)
        {
            terminal.WriteLine($"stopped. To go on: cnnsharp tune --resume --out {Terminal.Quote(folder)}{place.Machine}");
        }

        var command = found.Best is { } best ? $"cnnsharp train{Said(best.Trial).Or(common).ToArguments()}{place.Machine}" : null;
        Show(terminal, found);
        var charts = found.IsCanceled ? [] : WriteCharts(found);
        if (charts.Count > 0) terminal.WriteLine($"charts: {string.Join(", ", charts)}");
        if (!found.IsCanceled && command is not null)
        {
            terminal.WriteLine();
            terminal.WriteLine("To train with the best settings:");
            terminal.WriteLine($"  {command}");
        }

        if (json) terminal.WriteJson(Json(found, command, charts));
        if (!found.IsCanceled && found.Best is null) throw new FailedException($"every trial failed; see {Path.Combine(folder, "trials.csv")}. Try lower rates: --range lr=LOW..HIGH.");
        return found.IsCanceled ? CommandLine.Failed : CommandLine.Done;

        // So that eval finds a trial's images as it finds a training's. Its folder may have been tidied away before a resume.
        void WriteSettings(TrialResult result)
        {
            var trained = Path.Combine(folder, result.Folder);
            if (Directory.Exists(trained)) SettingsOf(result.Trial, common, data).Write(trained);
        }
    }

    static TrainSettings Said(Trial trial) => TrainOptions.Parse(trial.Values);

    /// <summary>The complete settings of a trial.</summary>
    static TrainSettings SettingsOf(Trial trial, TrainSettings common, DatasetSplits data)
        => TrainingSetup.Located(Recipes.Complete(TrainingSetup.Start(Said(trial).Or(common), resume: false), data), data);

    static void CheckUnsaid(TrainSettings common, string name)
    {
        var isSaid = System.Text.Json.JsonSerializer.SerializeToNode(common, SettingsJson.Default.TrainSettings)!.AsObject().ContainsKey(name.Replace('-', '_'));
        if (isSaid) throw new UsageException($"--{name}: it is varied by --range or --choice {name}=..., so it has no one value.");
    }

    /// <summary>Which images decide: those of the folder's own validation part, else training images that are held out. Test images do not.</summary>
    static TrainSettings HoldOut(TrainSettings common, DatasetSplits data, int? folds)
    {
        if (folds is not null)
        {
            if (common.ValSplit > 0) throw new UsageException($"--val-split {common.ValSplit} and --folds {folds}: either some images are held out, or each once; say one of them.");
            return common with { ValSplit = 0 };
        }

        if (common.ValSplit is null) return data.Validation is not null ? common with { ValSplit = 0 } : common with { ValSplit = Math.Max(1, Recipes.HeldOut(data.Train.Count)) };
        if (common.ValSplit == 0 && data.Validation is null) throw new UsageException($"--val-split 0: {data.Name} has no validation images of its own, and test images must not decide; hold some out (--val-split N), or cross-validate (--folds 5).");
        return common;
    }

    static void Show(Terminal terminal, SearchResult found)
    {
        if (found.Trials.Count == 0) return;
        terminal.WriteLine();
        var hasStd = found.Trials.Any(result => result.Last?.Std is not null);
        terminal.WriteTable(
            [">trial", .. found.Space.Select(dimension => $">{dimension.Name}"), $">{found.Objective}", .. hasStd ? [">± std"] : Array.Empty<string>(), ">epochs", ""],
            found.Trials.Take(Shown).Select(result => (IReadOnlyList<string>)[
                result.Trial.Number.ToString(CultureInfo.InvariantCulture),
                .. found.Space.Select(dimension => result.Trial.Text(dimension.Name)),
                result.Last is { } last ? SearchView.Value(found.Objective, last.Value) : "",
                .. hasStd ? [result.Last?.Std is { } std ? SearchView.Value(found.Objective, std) : ""] : Array.Empty<string>(),
                result.Last?.Epochs.ToString(CultureInfo.InvariantCulture) ?? "",
                result.Failure ?? (result.Status == TrialStatus.Completed ? "" : result.Status == TrialStatus.Dropped ? "ended early" : "unfinished")]));
        if (found.Trials.Count > Shown) terminal.WriteLine($"and {found.Trials.Count - Shown} more in {Path.Combine(found.Folder, "trials.csv")}");
    }

    /// <summary>A chart a dimension: what the trials came to, by its values.</summary>
    static List<string> WriteCharts(SearchResult found)
    {
        var files = new List<string>();
        foreach (var dimension in found.Space)
        {
            var isNumber = dimension.Choices.All(value => double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out _));
            var places = isNumber ? "" : $": {string.Join(", ", dimension.Choices.Select((value, i) => $"{i + 1} {value}"))}";
            var groups = new[] { ("trained to the end", TrialStatus.Completed, 0), ("ended early", TrialStatus.Dropped, 1) };
            Curve[] curves = [.. groups.Select(group => new Curve(group.Item1, [.. found.Trials.Where(result => result.Status == group.Item2).Select(result => (Place(result), result.Last!.Value))], group.Item3, IsPoints: true)).Where(curve => curve.Points.Count > 0)];
            if (curves.Length == 0) return [];
            var file = Path.Combine(found.Folder, $"{dimension.Name}.svg");
            var svg = new Chart($"{found.Objective} by {dimension.Name}", $"{dimension.Name}{places}", found.Objective.Name, curves) { IsLogX = dimension.IsLogarithmic, IsShareY = found.Objective == Metric.Accuracy }.ToDocument();
            AtomicFile.WriteText(file, svg);
            files.Add(file);

            double Place(TrialResult result) => isNumber ? result.Trial.Real(dimension.Name) : dimension.Choices.Index().First(choice => choice.Item == result.Trial.Text(dimension.Name)).Index + 1;
        }

        return files;
    }

    static JsonObject Json(SearchResult found, string? command, List<string> charts) => new()
    {
        ["objective"] = found.Objective.Name,
        ["best"] = found.Best is { } best ? Json(best) : null,
        ["command"] = command,
        ["trials"] = new JsonArray([.. found.Trials.Select(Json)]),
        ["completed"] = found.Trials.Count(result => result.Status == TrialStatus.Completed),
        ["ended_early"] = found.Trials.Count(result => result.Status == TrialStatus.Dropped),
        ["failed"] = found.Trials.Count(result => result.Status == TrialStatus.Failed),
        ["canceled"] = found.IsCanceled,
        ["folder"] = found.Folder,
        ["charts"] = new JsonArray([.. charts.Select(chart => JsonValue.Create(chart))]),
    };

    static JsonObject Json(TrialResult result) => new()
    {
        ["trial"] = result.Trial.Number,
        ["values"] = new JsonObject(result.Trial.Values.Select(pair => new KeyValuePair<string, JsonNode?>(pair.Key, pair.Value))),
        ["value"] = result.Last is { } last ? Terminal.Number(last.Value) : null,
        ["std"] = result.Last?.Std is { } std ? Terminal.Number(std) : null,
        ["epochs"] = result.Last?.Epochs,
        ["failure"] = result.Failure,
        ["folder"] = result.Folder,
    };
}
