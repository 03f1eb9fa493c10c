using System.Text.Json.Nodes;
using CnnSharp.Kernels;
using CnnSharp.Kernels.Cpu;
using CnnSharp.Models;

namespace CnnSharp.Cli.Bench;

/// <summary><c>bench --algorithms</c>: what the CPU engine takes for each convolution of a model, and what the alternatives would take.</summary>
internal static class AlgorithmReport
{
    static readonly Dictionary<ConvolutionPass, string> Passes = new()
    {
        [ConvolutionPass.Forward] = "forward",
        [ConvolutionPass.BackwardData] = "backward-data",
        [ConvolutionPass.BackwardWeights] = "backward-weights",
    };

    public static int Run(Terminal terminal, ModelEntry model, int batch, Device device, int rounds, bool json)
    {
        if (device.Engine is not CpuEngine engine) throw new UsageException($"--algorithms: it is for --device cpu, not '{device}'.");
        var results = new List<AlgorithmResult>();
        foreach (var (geometry, layers) in AlgorithmBench.Convolutions(model, batch))
        {
            terminal.ShowProgress(Words(geometry));
            results.AddRange(AlgorithmBench.Measure(engine, geometry, layers, rounds));
        }

        terminal.ShowProgress("");
        terminal.WriteLine($"The convolutions of {model.Name}, batch {batch}, on cpu ({engine.Description}). Medians of {rounds} rounds; * is what the engine takes.");
        terminal.WriteTable(
            ["convolution", ">layers", "pass", "algorithm", ">ms", ">of peak", ">workspace"],
            results.Select(r => (IReadOnlyList<string>)[Words(r.Geometry), $"{r.Layers}", Passes[r.Algorithm.Pass], r.Algorithm.Name + (r.IsChosen ? " *" : ""), (r.Seconds * 1e3).ToString("F3", null), Terminal.Percent(r.Share, 0), $"{Bytes(r, engine) / 1048576.0:F1} MiB"]));

        // An algorithm's worth: the next one that would be taken in its place.
        var all = results.Where(r => r.IsChosen).Sum(Seconds);
        terminal.WriteLine($"All convolutions, the three passes: {all * 1e3:F1} ms. Without one of them:");
        foreach (var name in results.Where(r => r.IsChosen && r.Algorithm.Name != "direct").Select(r => r.Algorithm.Name).Distinct())
        {
            // As the engine chooses: the first of the list that pays, at last the direct method.
            var without = results.Where(r => r.Algorithm.Name != name).GroupBy(r => (r.Geometry, r.Algorithm.Pass)).Sum(pass => Seconds(pass.First(r => r.Algorithm.Pays(r.Geometry))));
            terminal.WriteLine($"  {name}: {without * 1e3:F1} ms, {without / all:F2} times as long");
        }

        if (json)
        {
            terminal.WriteJson(new()
            {
                ["model"] = model.Name,
                ["batch"] = batch,
                ["engine"] = engine.Description,
                ["algorithms"] = new JsonArray([.. results.Select(r => new JsonObject
                {
                    ["convolution"] = Words(r.Geometry),
                    ["layers"] = r.Layers,
                    ["pass"] = Passes[r.Algorithm.Pass],
                    ["algorithm"] = r.Algorithm.Name,
                    ["chosen"] = r.IsChosen,
                    ["seconds"] = Terminal.Number(r.Seconds),
                    ["share"] = Terminal.Number(r.Share, 3),
                    ["workspace_bytes"] = Bytes(r, engine),
                })]),
            });
        }

        return CommandLine.Done;
    }

    static double Seconds(AlgorithmResult result) => result.Layers * result.Seconds;

    static long Bytes(AlgorithmResult result, CpuEngine engine)
    {
        var (shared, perThread) = result.Algorithm.Workspace(result.Geometry);
        return sizeof(float) * (shared + (perThread * engine.Threads));
    }

    static string Words(ConvGeometry g)
    {
        var stride = g.StrideH == 1 && g.StrideW == 1 ? "" : $" stride {new Size2d(g.StrideH, g.StrideW)}";
        var dilation = g.DilationH == 1 && g.DilationW == 1 ? "" : $" dilation {new Size2d(g.DilationH, g.DilationW)}";
        return $"{g.KernelH}x{g.KernelW} {g.C}->{g.K}{(g.Groups == 1 ? "" : $" in {g.Groups} groups")}@{g.H}x{g.W}{stride}{dilation}";
    }
}
