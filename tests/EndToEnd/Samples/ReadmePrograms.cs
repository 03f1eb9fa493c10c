using CnnSharp;
using CnnSharp.Data;
using CnnSharp.Formats;
using CnnSharp.Layers;
using CnnSharp.Models;
using CnnSharp.Training;
using Xunit;

namespace CnnSharp.Tests.Samples;

/// <summary>The programs of README.md, word for word, so that what stands there compiles.</summary>
public static class ReadmePrograms
{
    internal static History FirstProgram()
    {
        var (train, validation) = Cifar10.Load("data/cifar10").Train.Split(validation: 5_000);
        var model = ResNet.Cifar(depth: 20, classes: 10);

        var history = Trainer.Fit(model, train, validation, new TrainingOptions
        {
            Epochs = 10,
            BatchSize = 128,
            Optimizer = new SgdOptions { Momentum = 0.9, Nesterov = true, WeightDecay = 5e-4 },
            Schedule = Schedule.OneCycle(peak: 0.2),
            Augmentation = Augment.PadAndCrop(4).Then(Augment.Flip()),
            Seed = 1,
        });
        return history;
    }

    internal static void FineTuning(ImageDataset train, ImageDataset validation)
    {
        var model = ResNet.ImageNet(18);
        PretrainedWeights.Load(model, "resnet18.pth");
        model.Replace("fc", new Linear(512, 5));
        model.Freeze("conv1.*", "bn1.*", "layer1.*");
        Trainer.Fit(model, train, validation, new() { LearningRates = [new("layer*", 0.1)] });
    }

    internal static void Loop(Layer model, ImageDataset train)
    {
        var optimizer = new Sgd(model.Parameters, learningRate: 0.1, momentum: 0.9);
        foreach (var (images, labels) in new DataLoader(train, batchSize: 128, seed: 1))
        {
            using var loss = Loss.CrossEntropy(model.Forward(images), labels);
            loss.Backward();      // gives the intermediate tensors back to the pool as it goes
            optimizer.Step();     // applies the gradients and clears them
        }
    }

    internal static float[] Classification(Layer model)
    {
        using var scope = Tape.NoGrad();
        using var image = ImageFolder.ReadImage("cat.png", new() { Size = 32 }).ToTensor(Cifar10.Normalization);
        float[] probabilities = Functional.Softmax(model.Eval().Forward(image)).ToArray();
        return probabilities;
    }

    internal static (float[,] Rows, System.Numerics.Tensors.Tensor<float> Same, Func<Tensor, Tensor> ReverseGradient) Tensors()
    {
        var x = Tensor.From(new float[,] { { 1, 2 }, { 3, 4 } });
        var rows = (float[,])x.ToNDArray<float>();
        System.Numerics.Tensors.Tensor<float> same = x.ToNumericsTensor();

        static Tensor ReverseGradient(Tensor x) => Functional.Custom("ReverseGradient", [x], () => x, dy => [-dy]);
        return (rows, same, ReverseGradient);
    }

    /// <summary>Every line of README.md's C# stands in this file.</summary>
    [Fact]
    public static void AllOfThemAreHere()
    {
        var root = Repository.Root;
        Assert.SkipWhen(root is null, "the suite does not run in its repository");
        var here = File.ReadAllLines(Path.Combine(root!, "tests", "EndToEnd", "Samples", "ReadmePrograms.cs")).Select(line => line.Trim()).ToHashSet();
        var lines = 0;
        var inside = false;
        foreach (var line in File.ReadAllLines(Path.Combine(root!, "README.md")))
        {
            if (inside && line != "```")
            {
                lines++;
                Assert.Contains(line.Trim(), here);
            }

            inside = line == "```csharp" || (inside && line != "```");
        }

        Assert.InRange(lines, 30, 1000);
    }
}
