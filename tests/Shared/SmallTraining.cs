using CnnSharp.Data;
using CnnSharp.Layers;
using CnnSharp.Training;
using Xunit;

namespace CnnSharp.Tests.Training;

/// <summary>A training that takes a tenth of a second: a small net, small images.</summary>
static class SmallTraining
{
    public const int Classes = 4;

    /// <summary>Whether a figure of <c>metrics.jsonl</c> is of time or memory: two equal trainings differ in it.</summary>
    public static bool IsMeasured(string figure) => figure is "seconds" or "images_per_second" or "peak_memory_mib";

    /// <summary>Two epochs with everything that has a state: momentum, a schedule, augmentation.</summary>
    public static TrainingOptions Options() => new()
    {
        Epochs = 2,
        BatchSize = 24,
        Optimizer = new SgdOptions { LearningRate = 0.05f, Momentum = 0.9f, WeightDecay = 1e-4f },
        Schedule = Schedule.OneCycle(peak: 0.1),
        Augmentation = Augment.PadAndCrop(1).Then(Augment.Flip()),
        Seed = 1,
    };

    /// <summary>300 images, in 13 batches of 24, the last of 12.</summary>
    public static History Fit(Device device, TrainingOptions options, ITrainingObserver? observer = null, CancellationToken cancellation = default)
    {
        var (train, validation) = Images(340).Split(40);
        return Trainer.Fit(Model(device), train, validation, options, observer, cancellation);
    }

    /// <summary>Its weights come from a generator of its own: the default one is shared with the tests that run beside these.</summary>
    public static Sequential Model(Device device, ulong seed = 3)
    {
        var model = new Sequential(
            new Conv2d(2, 8, 3, padding: 1, bias: false, device: device),
            new BatchNorm2d(8, device: device),
            new Relu(),
            new MaxPool2d(2),
            new Conv2d(8, 12, 3, padding: 1, device: device),
            new Relu(),
            new Flatten(),
            new Dropout(0.2f),
            new Linear(4 * 4 * 12, Classes, device: device));
        var generator = new Generator(seed);
        foreach (var (name, tensor) in model.StateDict())
        {
            var values = new float[tensor.Count];
            if (tensor.Shape.Rank > 1) generator.FillNormal(values, 0, Math.Sqrt(2.0 * tensor.Shape[^1] / tensor.Count));
            else if (!name.EndsWith("bias", StringComparison.Ordinal)) continue;
            tensor.CopyFrom<float>(values);
        }

        return model;
    }

    /// <summary>Noise with two brighter rows that tell the class, which a flip leaves as it is.</summary>
    public static ImageDataset Images(int count)
    {
        var random = new Random(11);
        var pixels = new byte[count * 8 * 8 * 2];
        var labels = new int[count];
        random.NextBytes(pixels);
        for (var i = 0; i < count; i++)
        {
            labels[i] = random.Next(Classes);
            for (var row = labels[i] * 2; row < (labels[i] * 2) + 2; row++)
            {
                for (var j = 0; j < 16; j++) pixels[(((i * 8) + row) * 16) + j] = (byte)(200 + random.Next(56));
            }
        }

        return new("stripes", pixels, labels, 8, 8, 2, ["first", "second", "third", "fourth"], new Normalization([0.5f, 0.5f], [0.25f, 0.25f]));
    }

    /// <summary>The last checkpoint in a folder.</summary>
    public static string Last(string folder) => Path.Combine(folder, Checkpoint.LastFile);

    /// <summary>The last and the best checkpoint of two folders are the same, byte by byte.</summary>
    public static void AssertSameFiles(string expected, string actual)
    {
        foreach (var name in new[] { Checkpoint.LastFile, Checkpoint.BestFile })
            Assert.True(File.ReadAllBytes(Path.Combine(expected, name)).AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(actual, name))), $"{name} differs");
    }
}
