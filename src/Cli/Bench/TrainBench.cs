using System.Diagnostics;
using CnnSharp.Layers;
using CnnSharp.Models;
using CnnSharp.Training;

namespace CnnSharp.Cli.Bench;

/// <summary>How fast a model trains.</summary>
/// <param name="ImagesPerSecond">The batch by the time of a step.</param>
/// <param name="StepSeconds">A step of the median stretch.</param>
/// <param name="DeviceBytes">Memory that the engine's pool took: weights, gradients, activations, and what lies ready for reuse.</param>
/// <param name="Loss">The last step's: a number, if the arithmetic was.</param>
internal sealed record TrainSpeed(double ImagesPerSecond, double StepSeconds, long DeviceBytes, double Loss);

/// <summary>
/// Times training steps on made-up images that are on the device already: forward, loss, backward and SGD with Nesterov
/// momentum and weight decay. The loss is the cross-entropy, a pixel's where the model labels pixels; of a model without
/// classes the squared error against its input. What the peers' scripts under <c>bench/peers</c> do.
/// </summary>
internal static class TrainBench
{
    /// <summary>Until the JIT has replaced its first, quick code, and the pool has all its buffers.</summary>
    static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(1.5);

    /// <summary>
    /// The steps are timed in as many stretches, of which the median counts. The device is waited for at the end of each and
    /// not after each step, since a training does not: the host prepares the next steps meanwhile.
    /// </summary>
    const int Stretches = 10;

    /// <summary>Trains for some steps.</summary>
    /// <param name="entry">The model; residual networks with option B shortcuts.</param>
    /// <param name="batch">Images a step.</param>
    /// <param name="steps">Steps that are timed, after those of the warm-up.</param>
    /// <param name="seed">Of weights and images.</param>
    /// <param name="device">Where.</param>
    public static TrainSpeed Measure(ModelEntry entry, int batch, int steps, ulong seed, Device device)
    {
        Generator.Default = new(seed);
        var model = entry.Build(entry.Input, entry.Classes, new() { Shortcut = Shortcut.B, Device = device });
        var optimizer = new Sgd(model.Parameters, learningRate: 0.01f, momentum: 0.9f, nesterov: true, weightDecay: 5e-4f);
        var (images, labels) = MakeUp(entry, batch, new(seed, stream: 1), device);

        var clock = Stopwatch.StartNew();
        for (var i = 0; i < 3 || clock.Elapsed < WarmUp; i++)
        {
            Step();
            device.Engine.Synchronize();
        }

        var seconds = new double[Math.Min(steps, Stretches)];
        var loss = images;
        for (var stretch = 0; stretch < seconds.Length; stretch++)
        {
            var length = ((stretch + 1) * steps / seconds.Length) - (stretch * steps / seconds.Length);
            clock.Restart();
            for (var i = 0; i < length; i++) loss = Step();
            device.Engine.Synchronize();
            seconds[stretch] = clock.Elapsed.TotalSeconds / length;
        }

        var median = Statistics.Median(seconds);
        return new(batch / median, median, device.Engine.Pool.AllocatedBytes, loss.Item());

        Tensor Step()
        {
            var result = model.Forward(images);
            var loss = labels is null ? Loss.MeanSquaredError(result, images) : Loss.OfHeads(model, Loss.CrossEntropy(result, labels), labels);
            loss.Backward();
            optimizer.Step();
            return loss;
        }
    }

    /// <summary>Images, and labels for whatever the model's result has classes of; null if it has none.</summary>
    static (Tensor Images, Tensor? Labels) MakeUp(ModelEntry entry, int batch, Generator generator, Device device)
    {
        var shape = new Shape([batch, .. entry.Input.AsSpan()]);
        var pixels = new float[shape.Count];
        generator.FillNormal(pixels, 0, 1);
        var images = Tensor.From(pixels, shape, device);
        if (entry.Classes == 0) return (images, null);
        var result = entry.Build(entry.Input, entry.Classes, new() { Device = Device.Shapes }).Forward(Tensor.Zeros(shape, Device.Shapes)).Shape;
        var labels = new int[result.CountBefore(result.Rank - 1)];
        for (var i = 0; i < labels.Length; i++) labels[i] = (int)(generator.NextUInt32() % (uint)entry.Classes);
        return (images, Tensor.From(labels, new(result.AsSpan()[..^1]), device));
    }
}
