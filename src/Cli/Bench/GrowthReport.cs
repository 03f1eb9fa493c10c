using System.Text.Json.Nodes;
using CnnSharp.Layers;
using CnnSharp.Models;

namespace CnnSharp.Cli.Bench;

/// <summary>
/// <c>bench growth</c>: whether the arithmetic keeps its speed as the work of a training step grows, in images, channels and pixels. Where it
/// falls, something is done too often or does not fit a cache.
/// </summary>
internal static class GrowthReport
{
    /// <summary>Of a training step by the multiply-adds of a forward pass: an addition and a multiplication, three times.</summary>
    const int Operations = 6;

    static readonly Series[] All =
    [
        new("batch", "resnet20, images", [1, 2, 4, 8, 16, 32, 64, 128, 256, 512], n => (Zoo.Find("resnet20"), n)),
        new("width", "wide resnet 16, batch 64, times the channels", [1, 2, 4], n => (new($"wrn16-{n}", new(32, 32, 3), 10, "", (_, classes, options) => PreActivationResNet.Wide(16, n, dropout: 0, classes, options.Device)), 64)),
        new("image", "resnet18, batch 16, rows and columns", [32, 64, 128, 224, 448], n => (Zoo.Find("resnet18") with { Input = new(n, n, 3) }, 16)),
    ];

    /// <summary>What the series are called.</summary>
    public static IEnumerable<string> Names => All.Select(series => series.Name);

    public static int Run(Terminal terminal, string? only, int most, int steps, Device device, bool json)
    {
        var results = new List<Result>();
        foreach (var series in All.Where(series => only is null || series.Name == only))
        {
            foreach (var n in series.Numbers.Where(n => n <= most))
            {
                var (model, batch) = series.Work(n);
                terminal.ShowProgress($"{series.Words} {n}");
                var adds = Summary.Of(model.Build(model.Input, model.Classes, new() { Shortcut = Shortcut.B, Device = Device.Shapes }), model.Input, Device.Shapes).MultiplyAdds;
                var speed = TrainBench.Measure(model, batch, steps, 1, device);
                results.Add(new(series, n, speed.ImagesPerSecond, speed.ImagesPerSecond * adds * Operations));
            }
        }

        terminal.ShowProgress("");
        if (results.Count == 0) throw new UsageException($"--most {most}: no work is so small; the series begin at {string.Join(", ", All.Select(series => $"{series.Name} {series.Numbers[0]}"))}.");
        terminal.WriteLine($"Training steps on {device} ({device.Engine.Description}); operations of the direct method, of all layers.");
        terminal.WriteTable(
            ["series", ">n", ">images/s", ">GFLOP/s", ">of its best"],
            results.Select(r => (IReadOnlyList<string>)[r.Series.Words, $"{r.Number}", r.ImagesPerSecond.ToString("N0", null), (r.Flops / 1e9).ToString("N0", null), Terminal.Percent(r.Flops / BestOf(r.Series), 0)]));
        if (json)
        {
            terminal.WriteJson(new()
            {
                ["device"] = device.Name,
                ["engine"] = device.Engine.Description,
                ["growth"] = new JsonArray([.. results.Select(r => new JsonObject
                {
                    ["series"] = r.Series.Name,
                    ["n"] = r.Number,
                    ["images_per_second"] = Terminal.Number(r.ImagesPerSecond),
                    ["gflops"] = Terminal.Number(r.Flops / 1e9),
                })]),
            });
        }

        return CommandLine.Done;

        double BestOf(Series series) => results.Where(r => r.Series == series).Max(r => r.Flops);
    }

    /// <summary>Work that grows.</summary>
    /// <param name="Name">What it is asked for by.</param>
    /// <param name="Words">What grows.</param>
    /// <param name="Numbers">How far.</param>
    /// <param name="Work">The model and the batch for one of them.</param>
    sealed record Series(string Name, string Words, int[] Numbers, Func<int, (ModelEntry Model, int Batch)> Work);

    sealed record Result(Series Series, int Number, double ImagesPerSecond, double Flops);
}
