using CnnSharp;
using CnnSharp.Data;
using CnnSharp.Formats;
using CnnSharp.Formats.Onnx;
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

    internal static void OwnData(float[] inputs, float[] targets, int[] labels, string[] names, SampleReader<string> Read)
    {
        var arrays = Dataset.From(inputs, [28, 28, 1], targets, [1]);                // float[] and float[], sample after sample
        var classes = Dataset.From(inputs, [28, 28, 1], labels);                     // int[]: a class a sample
        var (train, held) = classes.Map(Noisy).Split(share: 0.1, seed: 1, labels);   // stratified by the labels
        var folds = arrays.Folds(5);                                                 // for cross-validation
        var flowers = ImageFolder.FromCsv("labels.csv", "images", new() { Image = "file", Label = "species" });
        var angles = Dataset.FromCsv("angles.csv", "images", ["angle"]);             // numbers: a target [1] an image
        var files = Dataset.From(names, [new("image", [28, 28, 1])], [Field.Integers("class", [])], Read);

        static void Noisy(Sample sample)
        {
            foreach (ref var value in sample.Input()) value += (float)sample.Random.Normal(0, 0.1);
        }

        _ = (train, held, folds, files, flowers, angles);
    }

    internal static string WithoutItsClass(Layer model, string[] names)
    {
        model.Save("own.safetensors", new ModelInfo { Input = [28, 28, 1], ClassNames = names, Mean = [0.29f], Std = [0.35f] });
        var network = OnnxNetwork.Load("own.safetensors");   // or a checkpoint, or an ONNX file
        var first = network.Info.ClassNames[0];              // what the file says: classes, normalization, input
        return first;
    }

    internal static (TaskEvaluation Figures, Predictions Predictions) Figures(Layer model, IDataset test)
    {
        var figures = Trainer.Evaluate(model, test, TrainingTask.Regression());   // figures.Loss, figures.Metrics["r2"]
        var predictions = Trainer.Predict(model, test);                           // predictions.Outputs [samples, ...]; Classes() and Names() of logits
        return (figures, predictions);
    }

    internal static void Again()
    {
        Generator.Default = new(1);
        var model = new Sequential(new Linear(64, 32), new Relu(), new Linear(32, 1));
        var options = new TrainingOptions
        {
            Seed = 1,
            OutputFolder = "runs/waves",
            Resume = Checkpoint.ExistsIn("runs/waves"),                    // goes on where it stopped; else it begins
            Average = WeightAverage.Exponential(0.999),                    // also Stochastic (SWA) and Lookahead
            EarlyStopping = new() { Patience = 3 },
            Monitor = Metric.MeanAbsoluteError(),                          // what is best, by its name
        };
        Trainer.Fit(model, new Waves(), TrainingTask.Regression(), options: options);
    }

    sealed class Waves : IDataset
    {
        public string Name => "waves";
        public int Count => 1000;
        public IReadOnlyList<Field> Inputs { get; } = [new("wave", [64])];
        public IReadOnlyList<Field> Targets { get; } = [new("frequency", [1])];

        public void Read(int index, Sample sample)
        {
            var wave = sample.Input();
            for (var i = 0; i < wave.Length; i++) wave[i] = MathF.Sin(i * index * 1e-3f);
            sample.Target()[0] = index * 1e-3f;
        }
    }

    internal static void Tuned(Layer model, ImageDataset train, ImageDataset validation, IDataset samples, TrainingOptions options)
    {
        foreach (var check in ModelCheck.Run(model, train, options)) Console.WriteLine($"{check.Outcome} {check.Name}: {check.Detail}");
        var test = LearningRateRangeTest.Run(model, train, options);              // test.Suggestion, test.Points; the model stays as it was
        var result = HyperparameterSearch.Run(train, validation, new SearchOptions
        {
            Space = [Dimension.LogUniform("lr", 1e-3, 1), Dimension.Integer("width", 8, 64), Dimension.Choice("optimizer", "sgd", "adam")],
            OutputFolder = "runs/search",
            Trials = 27,
            Halving = new(),                                                      // 1, 3, 9, ... epochs; default: each to its end
            Stages = 1,                                                           // 2: half of the trials about the best of the others
            Resume = true,                                                        // goes on if it was cut off; else it begins
            Seed = 1,
        }, trial => (
            new Sequential(new Flatten(), new Linear(784, trial.Integer("width")), new Relu(), new Linear(trial.Integer("width"), 10)),
            new TrainingOptions
            {
                Epochs = 9,
                Optimizer = trial.Text("optimizer") == "adam" ? new AdamOptions { LearningRate = trial.Real("lr") / 10 } : new SgdOptions { LearningRate = trial.Real("lr"), Momentum = 0.9 },
            }));
        Console.WriteLine($"{result.Best!.Trial}: {result.Best.Last!.Value}");    // result.Trials: all, the best first
        var found = HyperparameterSearch.Run(samples, TrainingTask.Regression(), validation: null, new SearchOptions
        {
            Space = [Dimension.LogUniform("lr", 1e-4, 1e-1), Dimension.LogUniform("decay", 1e-6, 1e-2)],
            OutputFolder = "runs/folds",
            Objective = Metric.R2(),
            Folds = 5,
        }, trial => (new Linear(10, 1), new TrainingOptions { Optimizer = new AdamWOptions { LearningRate = trial.Real("lr"), WeightDecay = trial.Real("decay") } }));
        _ = (test, found);
    }

    internal static void Angles(Layer model, float[] images, float[] angles)
    {
        var (train, held) = Dataset.From(images, [28, 28, 1], angles).Split(0.1);
        Trainer.Fit(model, train, TrainingTask.Regression(), held, new TrainingOptions { Epochs = 5 });
    }

    /// <summary>Every line of C# in README.md and in the guides stands in a file beside this one or in a sample.</summary>
    [Theory]
    [InlineData("README.md", 30)]
    [InlineData("docs/tasks.md", 25)]
    [InlineData("docs/images.md", 30)]
    [InlineData("docs/layers.md", 20)]
    [InlineData("docs/deploy.md", 5)]
    [InlineData("docs/tuning.md", 25)]
    public static void AllOfThemAreHere(string document, int least)
    {
        var root = Repository.Root;
        Assert.SkipWhen(root is null, "the suite does not run in its repository");
        string[] folders = [Path.Combine(root!, "tests", "EndToEnd", "Samples"), Path.Combine(root!, "samples", "Tasks")];
        var here = folders.SelectMany(folder => Directory.GetFiles(folder, "*.cs")).SelectMany(File.ReadAllLines).Select(line => line.Trim()).ToHashSet();
        var lines = 0;
        var inside = false;
        foreach (var line in File.ReadAllLines(Path.Combine(root!, document)))
        {
            if (inside && line != "```")
            {
                lines++;
                Assert.Contains(line.Trim(), here);
            }

            inside = line == "```csharp" || (inside && line != "```");
        }

        Assert.InRange(lines, least, 1000);
    }
}
