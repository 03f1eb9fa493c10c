using CnnSharp.Kernels;
using CnnSharp.Kernels.Cpu;
using CnnSharp.Models;

namespace CnnSharp.Cli.Bench;

/// <summary>What one algorithm takes for a pass of a convolution.</summary>
/// <param name="Geometry">The convolution.</param>
/// <param name="Layers">How many layers of the model have it.</param>
/// <param name="Algorithm">The algorithm.</param>
/// <param name="IsChosen">Whether the engine takes it.</param>
/// <param name="Seconds">The median call.</param>
/// <param name="Share">Of the FMA peak, by the operations of the direct method.</param>
internal sealed record AlgorithmResult(ConvGeometry Geometry, int Layers, IConvolutionAlgorithm Algorithm, bool IsChosen, double Seconds, double Share);

/// <summary>Times every algorithm of the CPU engine that applies to the convolutions of a model.</summary>
internal static class AlgorithmBench
{
    /// <summary>The distinct convolutions of a model and how many layers have each, in the order of the model.</summary>
    /// <param name="entry">The model.</param>
    /// <param name="batch">Images.</param>
    public static IReadOnlyList<(ConvGeometry Geometry, int Layers)> Convolutions(ModelEntry entry, int batch)
    {
        var found = new List<ConvGeometry>();
        var device = Device.Shapes;
        var outer = Tape.Observer;
        Tape.Observer = operation =>
        {
            if (operation.Operation is Conv2dOperation convolution) found.Add(convolution.Geometry);
        };
        try
        {
            using var scope = Tape.NoGrad();
            Zoo.Build(entry.Name, new() { Device = device }).Forward(Tensor.Uninitialized([batch, .. entry.Input.AsSpan()], device));
        }
        finally
        {
            Tape.Observer = outer;
        }

        return [.. found.CountBy(geometry => geometry).Select(pair => (pair.Key, pair.Value))];
    }

    /// <summary>Times what applies to a convolution, pass by pass in the order of the engine's lists.</summary>
    /// <param name="engine">Where.</param>
    /// <param name="geometry">The convolution.</param>
    /// <param name="layers">How many layers have it.</param>
    /// <param name="rounds">At least 1.</param>
    public static IEnumerable<AlgorithmResult> Measure(CpuEngine engine, ConvGeometry geometry, int layers, int rounds)
    {
        var g = geometry;
        using var buffers = new Buffers(engine);
        var x = buffers.Random((long)g.N * g.H * g.W * g.C);
        var w = buffers.Random((long)g.KernelH * g.KernelW * g.GroupC * g.K);
        var y = buffers.Random((long)g.N * g.OutH * g.OutW * g.K);
        var call = new ConvolutionCall { Geometry = g, X = x, W = w, Y = y, Layout = WeightLayout.InOut(g) };
        foreach (var algorithm in engine.ConvolutionAlgorithms)
        {
            if (!algorithm.Applies(g)) continue;
            var kernel = new KernelCase("", "", "", Limit.Arithmetic, 2.0 * g.MultiplyAdds, () => algorithm.Run(call));
            var result = KernelBench.Measure(engine, engine.Peak, kernel, rounds);
            yield return new(g, layers, algorithm, engine.ChooseAlgorithm(algorithm.Pass, g) == algorithm, kernel.Work / result.Speed, result.Share);
        }
    }
}
