using System.Globalization;
using CnnSharp.Cli.Commands;
using CnnSharp.Training;

namespace CnnSharp.Cli.Report;

/// <summary>The page about some trainings: their curves overlaid, the settings in which they differ, and of each what its network takes for what.</summary>
internal static class RunReport
{
    /// <summary>Classes up to which a confusion matrix is shown whole; of more, the pairs that are confused most.</summary>
    const int MostClasses = 25;

    const int MostPairs = 20;

    const int ImagesShown = 24;

    /// <summary>Figures that have a chart of their own, or none, and so stand in no other.</summary>
    static readonly string[] Others = ["epoch", "step", "learning_rate", "seconds", "images_per_second", "peak_memory_mib"];

    /// <summary>Makes the page.</summary>
    /// <param name="runs">The trainings, in the order in which they have their colors.</param>
    /// <param name="answers">Of each: what its network says of the images it was measured on, or why that is not known.</param>
    public static HtmlPage Create(IReadOnlyList<RunFigures> runs, IReadOnlyList<(RunAnswers? Answers, string? Reason)> answers)
    {
        var title = runs.Count == 1 ? runs[0].Name : $"{runs.Count} trainings";
        var page = new HtmlPage($"{title}: report");
        page.Heading(1, title);
        if (runs.Count == 1) page.Paragraph(Describe(runs[0]), isMuted: true);
        Overview(page, runs);
        page.Heading(2, "Curves");
        if (runs.Any(run => run.Run.Epochs.Count > 0)) page.Charts(Curves(runs));
        else page.Paragraph("No epoch has finished.");
        Settings(page, runs);
        for (var i = 0; i < runs.Count; i++)
        {
            page.Heading(2, runs.Count == 1 ? "Predictions" : $"Predictions of {runs[i].Name}");
            if (answers[i].Answers is { } known) Predictions(page, known);
            else page.Paragraph($"None: {answers[i].Reason}", isMuted: true);
            if (runs[i].Run.Checkpoint is { } checkpoint && FirstFilters.Of(checkpoint) is { } filters) Filters(page, filters);
        }

        page.Heading(2, "Time and memory");
        page.Charts([.. Chart(runs, "images_per_second", "images/s") is { } speed ? new[] { speed } : [], .. Chart(runs, "peak_memory_mib", "MiB of memory at most so far") is { } memory ? new[] { memory } : []]);
        Starts(page, runs);
        return page;
    }

    static string Describe(RunFigures run) => run.Run.Info is not { } info ? "Its checkpoint cannot be read." : $"{info.Model.Name} on {info.Dataset}{(info.Images is { } images ? $", {images:N0} training images" : "")}, {(info.Task is { } task ? $"task {task}, " : "")}seed {info.Seed}; {run.State} after {run.Run.Epochs.Count} of {run.Epochs} epochs, {info.Step:N0} steps.";

    static void Overview(HtmlPage page, IReadOnlyList<RunFigures> runs) => page.Table(
        ["run", "model", ">epochs", "measured by", ">best", ">at epoch", ">last", ">loss", ">time", ">images/s", ">peak MiB"],
        runs.Select(run => ((IReadOnlyList<string>)
        [
            run.Name,
            run.Run.Info?.Model.Name ?? "?",
            $"{run.Run.Epochs.Count}{(run.Epochs is { } all ? $"/{all}" : "")}{(run.Run.IsRunning ? ", running" : "")}",
            run.MonitorFigure.Replace('_', ' '),
            run.Show(run.Best),
            run.Best is { } best ? $"{run.Run.Curve(run.MonitorFigure).First(point => point.Value == best).Epoch:F0}" : "",
            run.Show(run.Last),
            run.Loss is { } loss ? $"{loss:F4}" : "",
            RunsCommand.Time(run.Seconds),
            run.ImagesPerSecond is { } speed ? $"{speed:N0}" : "",
            run.PeakMemory is { } memory ? $"{memory:N0}" : "",
        ], false)));

    /// <summary>Losses, each metric, the learning rate: of one training both parts in a chart, of several each in its color and training dashed.</summary>
    static IEnumerable<Chart> Curves(IReadOnlyList<RunFigures> runs)
    {
        var metrics = runs.SelectMany(run => run.Run.Figures).Except(Others).Select(figure => figure.Replace("train_", "", StringComparison.Ordinal).Replace("validation_", "", StringComparison.Ordinal)).Distinct(StringComparer.Ordinal);
        foreach (var metric in metrics)
        {
            var curves = new List<Curve>();
            for (var i = 0; i < runs.Count; i++)
            {
                if (runs[i].Run.Curve($"validation_{metric}") is { Count: > 0 } validation) curves.Add(new(runs.Count == 1 ? "validation" : runs[i].Name, validation, i));
                if (runs[i].Run.Curve($"train_{metric}") is { Count: > 0 } training) curves.Add(new(runs.Count == 1 ? "training" : $"{runs[i].Name}, training", training, runs.Count == 1 ? 1 : i, IsDashed: true));
            }

            yield return new(metric.Replace('_', ' '), Report.Chart.Epoch, "", curves) { IsShareY = RunFigures.IsShare(metric) };
        }

        if (Chart(runs, "learning_rate", "learning rate") is { } rate) yield return rate;
    }

    static Chart? Chart(IReadOnlyList<RunFigures> runs, string figure, string title)
    {
        List<Curve> curves = [.. runs.Select((run, i) => new Curve(run.Name, run.Run.Curve(figure), i)).Where(curve => curve.Points.Count > 0)];
        return curves.Count == 0 ? null : new(title, Report.Chart.Epoch, "", curves);
    }

    static void Settings(HtmlPage page, IReadOnlyList<RunFigures> runs)
    {
        var settings = RunSettings.Of([.. runs.Select(run => run.Run)]);
        if (settings.Count == 0) return;
        page.Heading(2, "Settings");
        var differing = settings.Where(setting => setting.Differs).ToList();
        if (runs.Count > 1 && differing.Count == 0) page.Paragraph("They differ in no setting.");
        else if (differing.Count > 0) Write(differing);
        page.Details(differing.Count > 0 ? "All settings" : $"All {settings.Count} settings", () => Write(settings));

        void Write(IEnumerable<RunSetting> shown) => page.Table(["setting", .. runs.Select(run => run.Name)], shown.Select(setting => ((IReadOnlyList<string>)[setting.Name, .. setting.Values], setting.Differs)));
    }

    static void Predictions(HtmlPage page, RunAnswers answers)
    {
        var (set, all, confusion) = answers;
        var mistakes = all.Where(answer => !answer.IsRight).ToList();
        page.Paragraph($"Of the best epoch's weights, on the {set.Count:N0} images of {set.Name} that the training was measured on: {Terminal.Percent(confusion.Accuracy)} right, {mistakes.Count:N0} wrong.");
        if (set.Classes <= MostClasses) Confusion(page, confusion, set.ClassNames);
        else MostConfused(page, mistakes, set.ClassNames);
        page.Heading(3, "Each class");
        page.Table(
            ["class", ">images", ">recall", ">precision", ">F1", "most often taken for"],
            Enumerable.Range(0, set.Classes).Select(c => ((IReadOnlyList<string>)[set.ClassNames[c], $"{Row(confusion, c):N0}", Terminal.Percent(confusion.Recall(c), 1), Terminal.Percent(confusion.Precision(c), 1), Terminal.Percent(F1(confusion, c), 1), TakenFor(confusion, c, set.ClassNames)], false)));
        if (mistakes.Count > 0)
        {
            page.Heading(3, "The worst: wrong, and the surest of it");
            page.Images(mistakes.OrderByDescending(answer => answer.Probability).Take(ImagesShown).Select(answer => (answers.Image(answer), $"{set.ClassNames[answer.Actual]}, taken for {set.ClassNames[answer.Predicted]} ({Terminal.Percent(answer.Probability, 0)})", true)));
        }

        page.Heading(3, "The best: right, and the surest of it");
        page.Images(all.Where(answer => answer.IsRight).OrderByDescending(answer => answer.Probability).Take(ImagesShown).Select(answer => (answers.Image(answer), $"{set.ClassNames[answer.Actual]} ({Terminal.Percent(answer.Probability, 1)})", false)));
    }

    /// <summary>Rows are what an image is, columns what it was taken for; the deeper the color, the larger the share of the row.</summary>
    static void Confusion(HtmlPage page, ConfusionMatrix confusion, IReadOnlyList<string> names)
    {
        page.Heading(3, "Confusion matrix");
        page.Paragraph("A row is what an image is, a column what it was taken for.", isMuted: true);
        page.Html("<div class=\"wide\"><table class=\"confusion\"><thead><tr><th></th>" + string.Concat(names.Select(name => $"<th>{HtmlPage.Escape(name)}</th>")) + "</tr></thead><tbody>");
        for (var actual = 0; actual < names.Count; actual++)
        {
            var total = Math.Max(1, Row(confusion, actual));
            page.Html($"<tr><th>{HtmlPage.Escape(names[actual])}</th>" + string.Concat(Enumerable.Range(0, names.Count).Select(predicted => Cell(actual, predicted, total))) + "</tr>");
        }

        page.Html("</tbody></table></div>");

        string Cell(int actual, int predicted, long total)
        {
            var count = confusion[actual, predicted];
            var depth = count == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $" style=\"background: color-mix(in srgb, var(--{(actual == predicted ? "accent" : "bad")}) {8 + (62.0 * count / total):F0}%, transparent)\"");
            return $"<td{depth}>{(count == 0 ? "" : count.ToString(CultureInfo.InvariantCulture))}</td>";
        }
    }

    static void MostConfused(HtmlPage page, List<Answer> mistakes, IReadOnlyList<string> names)
    {
        page.Heading(3, "Confused most often");
        page.Table(["is", "taken for", ">images"], mistakes.GroupBy(answer => (answer.Actual, answer.Predicted)).OrderByDescending(pair => pair.Count()).ThenBy(pair => pair.Key).Take(MostPairs).Select(pair => ((IReadOnlyList<string>)[names[pair.Key.Actual], names[pair.Key.Predicted], $"{pair.Count():N0}"], false)));
    }

    static void Filters(HtmlPage page, FirstFilters filters)
    {
        page.Heading(3, "The first layer's filters");
        page.Paragraph($"{filters.Tensor}: {filters.Shape[3]} filters of {filters.Shape[0]} x {filters.Shape[1]}{(filters.Shape[2] == 3 ? ", red, green and blue" : "")}; middle gray is 0.", isMuted: true);
        var width = Math.Min(100, filters.Image.Width);
        page.Html($"<img class=\"pixels\" style=\"width: min(100%, {width * 8}px)\" src=\"{HtmlPage.Address(filters.Image)}\" alt=\"{filters.Shape[3]} filters\">");
    }

    static void Starts(HtmlPage page, IReadOnlyList<RunFigures> runs)
    {
        var starts = runs.SelectMany(run => run.Run.Starts.Select(start => (run.Name, start))).ToList();
        if (starts.Count == 0) return;
        page.Heading(3, "Where it ran");
        page.Table(
            ["run", "started (UTC)", ">after steps", "device", "CnnSharp", ".NET", "system", "commit"],
            starts.Select(pair => ((IReadOnlyList<string>)[pair.Name, pair.start.Started.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture), $"{pair.start.Step:N0}", pair.start.Device, pair.start.Version, pair.start.Runtime, pair.start.System, pair.start.Commit is { } commit ? commit[..10] : ""], false)));
    }

    static long Row(ConfusionMatrix confusion, int actual) => Enumerable.Range(0, confusion.Classes).Sum(predicted => confusion[actual, predicted]);

    static double F1(ConfusionMatrix confusion, int c)
    {
        var (recall, precision) = (confusion.Recall(c), confusion.Precision(c));
        return recall > 0 && precision > 0 ? 2 * recall * precision / (recall + precision) : 0;
    }

    static string TakenFor(ConfusionMatrix confusion, int actual, IReadOnlyList<string> names)
    {
        var most = Enumerable.Range(0, confusion.Classes).Where(predicted => predicted != actual).MaxBy(predicted => confusion[actual, predicted]);
        return confusion.Classes > 1 && confusion[actual, most] > 0 ? $"{names[most]} ({confusion[actual, most]:N0})" : "";
    }
}
