using System.Text.RegularExpressions;
using System.Xml.Linq;
using CnnSharp.Data;
using Xunit;

namespace CnnSharp.Tests.Cli;

/// <summary>Trainings listed, and shown on a page: the figures that training and measuring them gave.</summary>
public sealed class ReportTests : CliTest
{
    [Fact]
    public void RunsAreListedWithWhatTheyDifferIn()
    {
        var slow = Train("slow", "--lr", "0.001");
        var fast = Train("fast", "--lr", "0.05", "--epochs", "3");
        var listed = Run("runs", At("runs"), "--json").IsDone();
        Assert.Equal(["fast", "slow"], listed.Json.GetProperty("runs").EnumerateArray().Select(run => Path.GetFileName(run.GetProperty("folder").GetString())));
        foreach (var (name, json, lr, epochs) in new[] { ("fast", fast, "0.05", 3), ("slow", slow, "0.001", 2) })
        {
            var run = listed.Json.GetProperty("runs").EnumerateArray().Single(r => Path.GetFileName(r.GetProperty("folder").GetString()) == name);
            Assert.Equal(json.GetProperty("best_accuracy").GetDouble(), run.GetProperty("best").GetDouble(), 1e-6);
            Assert.Equal(json.GetProperty("loss").GetDouble(), run.GetProperty("loss").GetDouble(), 1e-6);
            Assert.Equal(("lenet5", "finished", epochs, "validation_accuracy"), (run.GetProperty("model").GetString(), run.GetProperty("state").GetString(), run.GetProperty("epochs").GetInt32(), run.GetProperty("monitor").GetString()));
            Assert.Equal(lr, run.GetProperty("settings").GetProperty("lr").GetString());
            Assert.Equal(["epochs", "lr"], run.GetProperty("settings").EnumerateObject().Select(setting => setting.Name));
            Assert.Contains(CnnSharp.Cli.Terminal.Percent(json.GetProperty("best_accuracy").GetDouble()), listed.Prose, StringComparison.Ordinal);
        }

        Assert.Equal("fast", Path.GetFileName(Run("runs", At("runs"), "--sort", "best", "--json").IsDone().Json.GetProperty("runs")[0].GetProperty("folder").GetString()));
        Assert.Equal("slow", Path.GetFileName(Run("runs", At("runs"), "--sort", "started", "--json").IsDone().Json.GetProperty("runs")[0].GetProperty("folder").GetString()));
        Assert.Matches(@"lr\s+0.05\s+0.001", Run("runs", At("runs"), "--settings").IsDone().Output);
    }

    [Fact]
    public void ThePageShowsWhatEvaluationFinds()
    {
        var bars = WriteBars(test: 60);
        Train("one", "--epochs", "1", "--lr", "0.02");
        var evaluated = Run("eval", "--checkpoint", At("runs", "one", "best.safetensors"), "--json").IsDone().Json;
        Run("report", At("runs", "one")).IsDone();
        var page = File.ReadAllText(At("runs", "one", "report.html"));

        // Nothing is fetched: whatever is named is in the file.
        Assert.DoesNotContain("<script", page, StringComparison.Ordinal);
        Assert.DoesNotMatch("(src|href)=\"(?!data:image/png;base64,)", page);
        Assert.All(Svg(page), svg => Assert.DoesNotContain("rgb(1,", svg.ToString(), StringComparison.Ordinal));
        Assert.Equal(["loss", "accuracy", "top5 accuracy", "learning rate", "images/s", "MiB of memory at most so far"], Svg(page).Select(svg => svg.Attribute("aria-label")!.Value));
        var ids = Svg(page).SelectMany(svg => svg.Descendants().Attributes("id")).Select(id => id.Value).ToList();
        Assert.Equal(ids.Distinct().Count(), ids.Count);

        // The confusion matrix, row by row.
        var rows = Regex.Matches(page[page.IndexOf("<table class=\"confusion\">", StringComparison.Ordinal)..], "<tr><th>(\\d)</th>(.*?)</tr>").Take(10).Select(row => Regex.Matches(row.Groups[2].Value, "<td[^>]*>(\\d*)</td>").Select(cell => cell.Groups[1].Value.Length == 0 ? 0 : int.Parse(cell.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture)).ToArray()).ToArray();
        Assert.Equal(evaluated.GetProperty("confusion").EnumerateArray().Select(row => row.EnumerateArray().Select(cell => cell.GetInt32()).ToArray()), rows);
        Assert.Contains($"{CnnSharp.Cli.Terminal.Percent(evaluated.GetProperty("accuracy").GetDouble())} right", page, StringComparison.Ordinal);

        // Images of the set, each with its own class.
        var set = DataSets.Find("mnist", bars).Test!;
        var shown = Regex.Matches(page, "<img src=\"data:image/png;base64,([^\"]+)\" alt=\"(\\d)[^\"]*\"").ToList();
        Assert.NotEmpty(shown);
        foreach (var image in shown)
        {
            File.WriteAllBytes(At("one.png"), Convert.FromBase64String(image.Groups[1].Value));
            var pixels = ImageFile.Read(At("one.png")).Pixels;
            var index = Enumerable.Range(0, set.Count).Single(i => set.Pixels(i).SequenceEqual(pixels));
            Assert.Equal(image.Groups[2].Value, set.ClassNames[set.Labels[index]]);
        }
    }

    [Fact]
    public void SeveralRunsAreOverlaid()
    {
        Train("a", "--lr", "0.01");
        Train("b", "--lr", "0.02", "--epochs", "3");
        InFolder(() => Run("report", At("runs"), "--figures-only").IsDone());
        var page = File.ReadAllText(At("report.html"));
        var accuracy = Svg(page).Single(svg => svg.Attribute("aria-label")!.Value == "accuracy");

        // A curve a training and part, of as many points as it has epochs.
        var lines = accuracy.Descendants().Where(e => e.Name.LocalName == "polyline" && e.Attribute("style")!.Value.Contains("--curve", StringComparison.Ordinal)).Select(e => e.Attribute("points")!.Value.Trim().Split(' ').Length);
        Assert.Equal([2, 2, 3, 3], lines);
        Assert.Contains("<tr class=\"differs\"><td>lr</td><td>0.01</td><td>0.02</td></tr>", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<img", page[..page.IndexOf("first layer", StringComparison.Ordinal)], StringComparison.Ordinal);
    }

    /// <summary>What cannot be shown is said; the rest is shown.</summary>
    [Fact]
    public void WithoutItsImagesAPageSaysWhy()
    {
        Train("one");
        Directory.Move(At("bars"), At("elsewhere"));
        Assert.Contains("no predictions: ", Run("report", At("runs", "one")).IsDone().Output, StringComparison.Ordinal);
        Assert.Contains("first layer", File.ReadAllText(At("runs", "one", "report.html")), StringComparison.Ordinal);
        Assert.DoesNotContain("no predictions", Run("report", At("runs", "one"), "--data", At("elsewhere")).IsDone().Output, StringComparison.Ordinal);
        Run("report", At("elsewhere")).IsRefused("holds no training");
        Run("runs", At("none")).IsRefused("there is no folder");
        Run("report", At("runs", "one"), "--out", At("runs")).IsRefused("that is a folder");
    }

    static List<XElement> Svg(string page) => [.. Regex.Matches(page, "<svg.*?</svg>", RegexOptions.Singleline).Select(match => XElement.Parse(match.Value))];

    System.Text.Json.JsonElement Train(string name, params string[] options)
    {
        if (!Directory.Exists(At("bars"))) WriteBars();
        string[] defaults = options.Contains("--epochs") ? [] : ["--epochs", "2"];
        return Run(["train", "--dataset", "mnist", "--data", At("bars"), "--model", "lenet5", "--batch", "64", "--out", At("runs", name), "--json", .. defaults, .. options]).IsDone().Json;
    }
}
