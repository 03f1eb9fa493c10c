using CnnSharp;
using CnnSharp.Data;
using CnnSharp.Layers;
using CnnSharp.Models;
using CnnSharp.Training;

namespace CnnSharp.Tests.Packaging;

/// <summary>
/// What a new program does with the library. Compiled twice: into the tests, and, from a copy of this file, into a project
/// that has nothing but the packages.
/// </summary>
internal static class FirstSteps
{
    /// <summary>The losses of the first 20 steps of LeNet-5 on the images that the library carries.</summary>
    public static IReadOnlyList<double> Losses()
    {
        Generator.Default = new(seed: 1);
        var model = LeNet5.Create(size: 28, channels: 1, device: Device.Cpu);
        var optimizer = new Adam(model.Parameters, learningRate: 3e-3f);
        var losses = new List<double>();
        foreach (var (images, labels) in new DataLoader(EmbeddedFashionMnist.Load().Train, batchSize: 64, Device.Cpu, seed: 1))
        {
            using var loss = Loss.CrossEntropy(model.Forward(images), labels);
            losses.Add(loss.Item());
            if (losses.Count == 20) break;
            loss.Backward();
            optimizer.Step();
        }

        return losses;
    }
}
