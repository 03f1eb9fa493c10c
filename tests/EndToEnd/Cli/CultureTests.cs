using System.Globalization;
using CnnSharp.Formats;
using CnnSharp.Formats.TensorBoard;
using CnnSharp.Layers;
using CnnSharp.Tests.Training;
using CnnSharp.Training;
using Xunit;

namespace CnnSharp.Tests.Cli;

/// <summary>What is written for other programs, and for this one's next run, says numbers in one way whatever the culture is.</summary>
public sealed class CultureTests : CliTest
{
    [Theory]
    [MemberData(nameof(ForeignCulture.Names), MemberType = typeof(ForeignCulture))]
    public void FilesOfATrainingAreThoseOfAnyOther(string culture)
    {
        var expected = Files(At("invariant"));
        string[] actual;
        using (ForeignCulture.Of(culture))
        {
            actual = Files(At("foreign"));
            Assert.Equal(2, Checkpoint.ReadInfo(SmallTraining.Last(At("foreign"))).History.Count);
        }

        Assert.Equal(expected, actual);
        foreach (var file in expected)
        {
            // Times differ from run to run: without them the lines are equal.
            byte[] one = File.ReadAllBytes(At("invariant", file)), other = File.ReadAllBytes(At("foreign", file));
            if (file == RunStart.FileName) continue;
            if (file.EndsWith(".jsonl", StringComparison.Ordinal) || file.EndsWith(".json", StringComparison.Ordinal)) Assert.Equal(WithoutTimes(one), WithoutTimes(other));
            else if (file.EndsWith(".csv", StringComparison.Ordinal)) Assert.Equal(TableWithoutTimes(one), TableWithoutTimes(other));
            else if (file == EventFile.Name) Assert.Equal(EventsWithoutTimes(At("invariant", file)), EventsWithoutTimes(At("foreign", file)));
            else Assert.True(one.AsSpan().SequenceEqual(other), file);
        }

        // The last three columns.
        static string[] TableWithoutTimes(byte[] table) => [.. System.Text.Encoding.UTF8.GetString(table).Split('\n').Select(line => string.Join(',', line.Split(',').SkipLast(3)))];

        static List<Event> EventsWithoutTimes(string path)
        {
            var events = EventFile.Read(path);
            foreach (var e in events)
            {
                e.WallTime = 0;
                foreach (var value in e.Summary?.Value.Where(v => SmallTraining.IsMeasured(v.Tag)) ?? []) value.SimpleValue = 0;
            }

            return events;
        }

        string[] Files(string folder)
        {
            SmallTraining.Fit(Device.Cpu, SmallTraining.Options() with { OutputFolder = folder, Schedule = Schedule.Cosine(), Optimizer = new SgdOptions { LearningRate = 0.0125f, Momentum = 0.9f, WeightDecay = 5e-4f } });
            var model = SmallTraining.Model(Device.Cpu);
            model.Save(Path.Combine(folder, "model.safetensors"), new Dictionary<string, string> { ["note"] = "I" });
            TorchWeights.Save(model, Path.Combine(folder, "model.pth"));
            TorchWeights.Save(model, Path.Combine(folder, "torch.safetensors"));
            return [.. Directory.GetFiles(folder).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)];
        }
    }

    [Theory]
    [MemberData(nameof(ForeignCulture.Names), MemberType = typeof(ForeignCulture))]
    public void TheToolReadsAndWritesNumbersInOneWay(string culture)
    {
        var bars = WriteBars(64, 16);
        var expected = Train("invariant");
        string[] actual;
        using (var foreign = ForeignCulture.Of(culture))
        {
            actual = Train("foreign");
            Assert.NotEqual("-0.5", (-0.5).ToString(CultureInfo.CurrentCulture));
            Run("train", "--dataset", "mnist", "--data", bars, "--model", "linear", "--lr", "0,05", "--out", At("comma")).IsRefused("0,05");
        }

        Assert.Equal(expected, actual);
        Assert.Equal(File.ReadAllText(At("invariant", "settings.json")).Replace("invariant", "foreign", StringComparison.Ordinal), File.ReadAllText(At("foreign", "settings.json")));

        string[] Train(string name)
        {
            var trained = Run("train", "--dataset", "mnist", "--data", bars, "--model", "linear", "--epochs", "1", "--lr", "0.05", "--momentum", "0.75", "--weight-decay", "1e-3", "--batch", "16", "--device", "cpu", "--seed", "3", "--out", At(name), "--json").IsDone();
            var evaluated = Run("eval", "--checkpoint", At(name, "checkpoint.safetensors"), "--data", bars, "--json").IsDone();
            return [WithoutTimes(trained.Json.ToString().Replace(name, "run", StringComparison.Ordinal)), WithoutTimes(evaluated.Json.ToString().Replace(name, "run", StringComparison.Ordinal))];
        }
    }

    static string WithoutTimes(byte[] text) => WithoutTimes(System.Text.Encoding.UTF8.GetString(text));

    static string WithoutTimes(string text)
        => System.Text.RegularExpressions.Regex.Replace(text, "\"[a-z_A-Z]*(seconds|per_second|PerSecond|Seconds|time|images|memory)[a-z_A-Z]*\":\\s*[-0-9.eE+]+", "");
}
