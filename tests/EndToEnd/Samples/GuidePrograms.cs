using CnnSharp.Data;
using CnnSharp.Formats;
using CnnSharp.Formats.Onnx;
using CnnSharp.Kernels;
using CnnSharp.Layers;
using CnnSharp.Models;
using CnnSharp.Tests.Cli;
using CnnSharp.Training;
using Xunit;

namespace CnnSharp.Tests.Samples;

/// <summary>The programs of the guides, word for word, run on small data: what stands there compiles, and does what it says.</summary>
public sealed class GuidePrograms : CliTest
{
    [Fact]
    public void OwnImages() => InFolder(() =>
    {
        File.Copy(Path.Combine(WriteShapes("flowers", 20, 72), "circle", "0.png"), "rose.jpg");
        var data = ImageFolder.Load("flowers", new() { Size = 64, SplitSeed = 1 });
        var (train, validation) = data.Split(validation: data.Train.Count / 5);
        Generator.Default = new(1);
        var model = ResNet.Cifar(depth: 20, classes: train.Classes);

        var history = Trainer.Fit(model, train, validation, new TrainingOptions
        {
            Epochs = Epochs,
            BatchSize = 16,
            Optimizer = new AdamWOptions { LearningRate = 2e-3 },
            Schedule = Schedule.OneCycle(peak: 2e-3),
            Augmentation = Augment.RandomResizedCrop(smallest: 0.3).Then(Augment.Flip()).Then(Augment.ColorJitter()),
            OutputFolder = "runs/flowers",
            NumberedFolder = true,
        });
        Console.WriteLine($"{history.Best!.Accuracy:P1} of {validation.Count} images in epoch {history.Best.Epoch}");

        model.Save("flowers.safetensors", new ModelInfo
        {
            Name = "resnet20",
            Input = [64, 64, 3],
            ClassNames = train.ClassNames,
            Mean = train.Normalization.Mean.ToArray(),
            Std = train.Normalization.Std.ToArray(),
        });

        using var scope = Tape.NoGrad();
        using var image = ImageFolder.ReadImage("rose.jpg", new() { Size = 64 }).ToTensor(train.Normalization);
        var shares = Functional.Softmax(model.Eval().Forward(image)).ToArray();
        var best = Array.IndexOf(shares, shares.Max());
        Console.WriteLine($"{train.ClassNames[best]}: {shares[best]:P1}");

        Assert.True(File.Exists("runs/flowers/1/best.safetensors"));
        var predicted = Run("predict", "--checkpoint", "flowers.safetensors", "rose.jpg", "--json").IsDone().Json.GetProperty("predictions")[0].GetProperty("top")[0];
        Assert.Equal(train.ClassNames[best], predicted.GetProperty("class").GetString());
        Assert.Equal(shares[best], predicted.GetProperty("probability").GetSingle(), 1e-4);
    });

    [Fact]
    public void FineTuning() => InFolder(() =>
    {
        ResNet.Cifar(depth: 20).Save("cifar10.safetensors");
        var data = ImageFolder.Load(WriteShapes("flowers", 10, 32), new() { Size = 32 });
        var (train, validation) = data.Split(validation: 6);
        var model = ResNet.Cifar(depth: 20);
        PretrainedWeights.Load(model, "cifar10.safetensors");         // or what torchvision's torch.save wrote: resnet18.pth
        model.Replace("fc", new Linear(64, train.Classes));           // a head for the new classes
        model.Freeze("conv1.*", "bn1.*", "layer1.*");                 // these stay as they are
        var before = model.StateDict().ToDictionary(t => t.Name, t => t.Tensor.ToArray());
        Trainer.Fit(model, train, validation, new TrainingOptions
        {
            Epochs = Epochs,
            BatchSize = 8,
            LearningRates = [new("layer*", 0.1)],                     // these at a tenth of the rate, the head at all of it
        });
        foreach (var (name, tensor) in model.StateDict().Where(t => !t.Name.Contains("running", StringComparison.Ordinal)))
        {
            var isFrozen = name.StartsWith("conv1.", StringComparison.Ordinal) || name.StartsWith("bn1.", StringComparison.Ordinal) || name.StartsWith("layer1.", StringComparison.Ordinal);
            Assert.Equal(isFrozen, before[name].AsSpan().SequenceEqual(tensor.ToArray()));
        }
    });

    [Fact]
    public void OwnLayers()
    {
        var model = new Sequential(new Conv2d(1, 8, 3, padding: 1), new Block(8), new GlobalAvgPool2d(), new Flatten(), new Linear(8, 10));
        Assert.Equal(["0.weight", "0.bias", "1.scale", "1.first.weight", "1.second.weight", "1.norm.weight", "1.norm.bias", "1.norm.runningMean", "1.norm.runningVariance", "4.weight", "4.bias"], model.StateDict().Select(t => t.Name));
        var (train, validation) = EmbeddedFashionMnist.Load().Train.Take(300).Split(validation: 100);
        var history = Trainer.Fit(model, train, validation, new() { Epochs = Epochs });
        Assert.True(history.Last.TrainLoss < 3);
    }

    /// <summary>x + scale * norm(second(relu(first(x)))): a field that is a layer is a part, one that is a tensor a parameter.</summary>
    sealed class Block(int channels) : Layer
    {
        readonly Tensor scale = Initializers.Ones.Parameter([1], fanIn: 1, fanOut: 1);
        readonly Conv2d first = new(channels, channels, 3, padding: 1, bias: false);
        readonly Conv2d second = new(channels, channels, 3, padding: 1, bias: false);
        readonly BatchNorm2d norm = new(channels);

        protected override Tensor Compute(Tensor x) => x + (scale * norm.Forward(second.Forward(Functional.Relu(first.Forward(x)))));
    }

    [Fact]
    public void OwnOperations()
    {
        // y = clip(x, -1, 1), and a gradient that passes all the same (a straight-through estimator).
        static Tensor ClipThrough(Tensor x) => Functional.Custom("ClipThrough", [x], () => Functional.Clamp(x, -1, 1), dy => [dy]);

        var x = Tensor.From([-3f, 0.5f, 2f], [3]);
        x.RequiresGrad = true;
        var y = ClipThrough(x);
        Assert.Equal([-1f, 0.5f, 1f], y.ToArray());
        Functional.Sum(y * y).Backward();
        Assert.Equal([-2f, 1f, 2f], x.Gradient!.ToArray());
    }

    [Fact]
    public void OwnLosses()
    {
        var (train, held) = EmbeddedFashionMnist.Load().Train.Take(300).Split(validation: 100);
        var model = new Sequential(new Flatten(), new Linear(784, 10));
        var task = new TrainingTask("focal")
        {
            Loss = (logits, batch) => Focal(logits, batch.Labels),
            Metrics = [Metric.Accuracy],
        };
        var history = Trainer.Fit(model, train, task, held, new TrainingOptions { Epochs = Epochs });
        Assert.True(history.Epochs.All(epoch => epoch.TrainLoss > 0 && epoch.Accuracy > 0));

        // (1 - p)^2 times the cross-entropy -log p, p the probability of the right class (Lin et al. 2017).
        static Tensor Focal(Tensor logits, Tensor labels)
        {
            var entropy = Loss.CrossEntropy(logits, labels, reduction: Reduction.None);
            return Functional.Mean(Functional.Square(1 - Functional.Exp(-entropy)) * entropy);
        }
    }

    [Fact]
    public void OwnTransforms()
    {
        var train = EmbeddedFashionMnist.Load().Train.Take(64);
        var darker = train.Map(static sample =>
        {
            var factor = (float)sample.Random.Uniform(0.5, 1);
            foreach (ref var value in sample.Input()) value *= factor;
        });
        Trainer.Fit(new Sequential(new Flatten(), new Linear(784, 10)), darker, TrainingTask.Classification(), options: new() { Epochs = 1 });
    }

    [Fact]
    public void Deployment() => InFolder(() =>
    {
        var model = ResNet.Cifar(depth: 20, classes: 10);
        model.SaveOnnx("resnet20.onnx", input: [32, 32, 3], new() { FoldBatchNorm = true });
        TorchWeights.Save(model, "resnet20.pth", new() { Input = new(32, 32, 3) });
        model.Save("resnet20.safetensors");

        var again = OnnxNetwork.Load("resnet20.onnx");
        again.Eval();
        using (Tape.NoGrad())
        {
            using var images = Tensor.Ones([2, 32, 32, 3]);
            var expected = model.Eval().Forward(images).ToArray();
            Assert.All(again.Forward(images).ToArray().Zip(expected), pair => Assert.Equal(pair.Second, pair.First, 1e-4));
        }
    });

    [Fact]
    public void Devices()
    {
        var model = ResNet.Cifar(depth: 20, classes: 10);
        var device = Device.Best();                     // cuda:0 where there is one, else opencl:0, else cpu; or Device.Parse("cuda:1")
        model.To(device);
        if (device.Name.StartsWith("cuda", StringComparison.Ordinal)) device.Engine.Precision = Precision.BFloat16;
        Assert.Equal(device, model.Parameters[0].Device);
    }

    const int Epochs = 1;
}
