using System.Diagnostics;
using CnnSharp.Layers;

namespace CnnSharp.Cli.Bench;

/// <summary>How fast a model infers.</summary>
/// <param name="ImagesPerSecond">The batch by the time of a step.</param>
/// <param name="StepSeconds">The median step.</param>
/// <param name="ProcessorSeconds">Processor time of a step, all threads, the mean over the steps: what a busy machine changes least.</param>
/// <param name="DeviceBytes">Memory that the engine's pool took: weights, activations, and what lies ready for reuse.</param>
internal sealed record InferSpeed(double ImagesPerSecond, double StepSeconds, double ProcessorSeconds, long DeviceBytes);

/// <summary>
/// Times forward passes in inference form, without recording, on made-up images that are on the device already; the
/// device is waited for after each. What the peers' scripts under <c>bench/peers</c> do.
/// </summary>
internal static class InferBench
{
    /// <summary>Until the pool has all its buffers and the kernels are compiled.</summary>
    static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(1);

    /// <summary>Runs some forward passes.</summary>
    /// <param name="build">Makes the model, on the device.</param>
    /// <param name="input">An image's shape.</param>
    /// <param name="batch">Images a pass.</param>
    /// <param name="steps">Passes that are timed, after those of the warm-up.</param>
    /// <param name="seed">Of weights and images.</param>
    /// <param name="device">Where.</param>
    public static InferSpeed Measure(Func<Layer> build, Shape input, int batch, int steps, ulong seed, Device device)
    {
        Generator.Default = new(seed);
        var model = build().Eval();
        var shape = new Shape([batch, .. input.AsSpan()]);
        var pixels = new float[shape.Count];
        new Generator(seed, stream: 1).FillNormal(pixels, 0, 1);
        var images = Tensor.From(pixels, shape, device);

        var clock = Stopwatch.StartNew();
        for (var i = 0; i < 3 || clock.Elapsed < WarmUp; i++) Step();

        var seconds = new double[steps];
        var processor = Environment.CpuUsage.TotalTime;
        for (var i = 0; i < steps; i++)
        {
            clock.Restart();
            Step();
            seconds[i] = clock.Elapsed.TotalSeconds;
        }

        processor = Environment.CpuUsage.TotalTime - processor;
        var median = Statistics.Median(seconds);
        return new(batch / median, median, processor.TotalSeconds / steps, device.Engine.Pool.AllocatedBytes);

        void Step()
        {
            using var inference = Tape.NoGrad();
            model.Forward(images);
            device.Engine.Synchronize();
        }
    }
}
