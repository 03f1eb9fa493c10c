using System.Globalization;
using CnnSharp.Data;
using CnnSharp.Formats;
using CnnSharp.Formats.Onnx;
using CnnSharp.Layers;
using CnnSharp.Training;
using Xunit;

namespace CnnSharp.Tests.Cli;

/// <summary>Models of a program's own: their files make the network again without its class, in a program and in the tool.</summary>
public sealed class OwnModelTests : CliTest
{
    static readonly Device Device = Device.Cpu;

    /// <summary>A layer of a program's own, with most of what a graph has to say: groups, a slope, statistics, weights that are read in two orders.</summary>
    sealed class OwnNet : Layer
    {
        readonly Conv2d first;
        readonly BatchNorm2d norm;
        readonly Conv2d grouped;
        readonly ConvTranspose2d up;
        readonly PRelu slopes;
        readonly Linear head;
        readonly Tensor shift;
        readonly double scale;

        public OwnNet(int classes, double scale = 1)
        {
            this.scale = scale;
            first = new(1, 8, 3, padding: 1, device: Device);
            norm = new(8, device: Device);
            grouped = new(8, 8, 3, stride: 2, padding: 1, groups: 2, device: Device);
            up = new(8, 4, 2, stride: 2, groups: 2, device: Device);
            slopes = new(4, device: Device);
            head = new(4, classes, device: Device);
            shift = Tensor.Full(new(4), 0.25f, Device);
        }

        protected override Tensor Compute(Tensor x)
        {
            var y = Functional.Relu(norm.Forward(first.Forward(x)));
            y = slopes.Forward(up.Forward(grouped.Forward(y))) + shift;
            return head.Forward(Functional.Flatten(Functional.GlobalAvgPool2d(y))) * (float)scale;
        }
    }

    sealed class BranchingNet : Layer
    {
        readonly Linear head = new(28 * 28, 10, device: Device);

        protected override Tensor Compute(Tensor x) => x.ToArray()[0] > 2 ? head.Forward(Functional.Flatten(x)) : head.Forward(Functional.Flatten(x)) * 2;
    }

    sealed class StandardizedNet : Layer
    {
        readonly Tensor weight = Ones();

        static Tensor Ones()
        {
            var ones = Tensor.Full(new(28 * 28, 10), 0.01f, Device);
            ones.RequiresGrad = true;
            return ones;
        }

        protected override Tensor Compute(Tensor x) => Functional.Linear(Functional.Flatten(x), Functional.Square(weight));
    }

    static T Seeded<T>(Func<T> build)
    {
        Generator.Default = new(3);
        return build();
    }

    History Train(Layer model, string folder, int epochs = 2, WeightAverage? average = null) => Trainer.Fit(model, Mnist.Load(WriteBars()), new TrainingOptions { Epochs = epochs, BatchSize = 64, OutputFolder = At(folder), Optimizer = new AdamOptions { LearningRate = 0.01 }, Seed = 1, Progress = Progress.None, Average = average });

    static float[] Logits(Layer model, ImageDataset set) => Trainer.Predict(model, set).Outputs.ToArray();

    /// <summary>eval, predict, export and OnnxNetwork take the checkpoint of a training whose layer they do not know, and compute what the program does.</summary>
    [Fact]
    public void ACheckpointOfAnOwnModelNeedsNoClass()
    {
        var model = Seeded(() => new OwnNet(10));
        Train(model, "own", average: WeightAverage.Exponential(0.9));
        var test = Mnist.Load(At("bars")).Test!;
        var expected = Logits(model, test);
        foreach (var name in new[] { Checkpoint.LastFile, Checkpoint.BestFile })
        {
            var loaded = new OwnNet(10);
            Checkpoint.Load(At("own", name), loaded);
            expected = Logits(loaded, test);
            var network = OnnxNetwork.Load(At("own", name), Device);
            Assert.Equal(expected, Logits(network, test), (a, b) => MathF.Abs(a - b) <= 1e-5f * Math.Max(1, MathF.Abs(a)));
            Assert.Equal(("OwnNet", 10, true), (network.Info.Name, network.Info.ClassNames.Count, network.Info.HasGraph));
            Assert.Equal(test.Normalization.Mean.ToArray(), network.Info.Mean);
        }

        var last = At("own", Checkpoint.LastFile);
        var own = new OwnNet(10);
        Checkpoint.Load(last, own);
        var accuracy = Trainer.Evaluate(own, test).Accuracy;
        string[] data = ["--dataset", "mnist", "--data", At("bars"), "--device", "cpu"];
        Assert.Equal(accuracy, Run(["eval", "--checkpoint", last, .. data, "--json"]).IsDone().Json.GetProperty("accuracy").GetDouble(), 1e-6);

        // The export says classes, normalization and size itself, so nothing else is asked for.
        Run("export", "--checkpoint", last, "--out", At("own.onnx")).IsDone();
        var exported = OnnxModel.Load(At("own.onnx"));
        Assert.Equal(["cnnsharp.class_names", "cnnsharp.mean", "cnnsharp.model", "cnnsharp.std"], exported.Metadata.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], exported.Info.ClassNames);
        Assert.Equal([28, 28, 1], exported.Info.Input);
        var evaluated = Run(["eval", "--weights", At("own.onnx"), .. data, "--json"]).IsDone();
        Assert.Equal(accuracy, evaluated.Json.GetProperty("accuracy").GetDouble(), 1e-6);
        Assert.Contains("own.onnx' says: 10 class names; mean 0.", evaluated.Prose, StringComparison.Ordinal);
        Assert.Equal(accuracy, Run(["eval", "--weights", last, .. data, "--json"]).IsDone().Json.GetProperty("accuracy").GetDouble(), 1e-6);

        ImageFile.WritePng(At("seven.png"), new(test.Pixels(7).ToArray(), 28, 28, 1));
        string[] answers = [.. new[] { new[] { "--checkpoint", last }, ["--weights", last], ["--weights", At("own.onnx")] }.Select(from => Run(["predict", At("seven.png"), .. from, "--device", "cpu", "--top", "3"]).IsDone().Output.Split('\n')[^2])];
        Assert.All(answers, answer => Assert.Equal(answers[0], answer));
        Assert.Contains("seven.png: ", answers[0], StringComparison.Ordinal);

        // An ONNX file that is read and written again says the same.
        exported.Save(At("again.onnx"));
        Assert.Equal(exported.Metadata, OnnxModel.Load(At("again.onnx")).Metadata);
    }

    /// <summary>Two equal trainings give equal bytes, graph included; a model that changed since the start has the graph that it has now.</summary>
    [Fact]
    public void TheGraphIsThatOfTheEndOfTheEpochAndTheSameAgain()
    {
        Train(Seeded(() => new OwnNet(10)), "first", epochs: 1);
        Train(Seeded(() => new OwnNet(10)), "second", epochs: 1);
        Assert.Equal(File.ReadAllBytes(At("first", Checkpoint.LastFile)), File.ReadAllBytes(At("second", Checkpoint.LastFile)));

        var model = Seeded(() => new OwnNet(10, scale: 3));
        model.Save(At("own.safetensors"), new ModelInfo { Name = "own", Input = [28, 28, 1], ClassNames = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"], Mean = [0.5f], Std = [0.25f] });
        var test = Mnist.Load(At("bars")).Test!.With(new([0.5f], [0.25f]));
        var network = OnnxNetwork.Load(At("own.safetensors"), Device);
        Assert.Equal(Logits(model, test), Logits(network, test), (a, b) => MathF.Abs(a - b) <= 1e-5f * Math.Max(1, MathF.Abs(a)));
        Assert.Equal(["a", "j"], [network.Info.ClassNames[0], network.Info.ClassNames[9]]);
        Run("eval", "--weights", At("own.safetensors"), "--dataset", "mnist", "--data", At("bars"), "--any-classes").IsDone();
        Run("export", "--weights", At("own.safetensors"), "--out", At("own.onnx")).IsDone();
        Run("eval", "--weights", At("own.safetensors"), "--dataset", "mnist", "--data", At("bars"), "--layout", "pytorch").IsRefused("--layout: it is for --weights FILE of a --model");
        Assert.Equal(network.Info.ClassNames, OnnxModel.Load(At("own.onnx")).Info.ClassNames);

        // It trains on, as any imported graph does.
        Assert.True(network.Parameters.Count >= model.Parameters.Count);
    }

    /// <summary>What cannot be followed is trained and saved all the same, and the reason is said where the graph is asked for.</summary>
    [Theory]
    [InlineData("branching")]
    [InlineData("standardized")]
    [InlineData("off")]
    public void AModelThatCannotBeFollowedIsSavedWithTheReason(string kind)
    {
        Layer model = Seeded<Layer>(() => kind switch { "branching" => new BranchingNet(), "standardized" => new StandardizedNet(), _ => new OwnNet(10) });
        Trainer.Fit(model, Mnist.Load(WriteBars(64, 32)), new TrainingOptions { Epochs = 1, BatchSize = 32, OutputFolder = At("own"), Progress = Progress.None, KeepGraph = kind != "off" });
        var last = At("own", Checkpoint.LastFile);
        var reason = kind switch { "branching" => "no graph of their network (", "standardized" => "computed from weights", _ => "a graph is kept by a training" };
        Run("eval", "--checkpoint", last, "--dataset", "mnist", "--data", At("bars")).IsRefused("is a model of a program's own", reason);
        Run("predict", "--checkpoint", last, At("bars")).IsRefused();
        Assert.Contains(reason, Assert.Throws<DataFormatException>(() => OnnxNetwork.Load(last)).Message, StringComparison.Ordinal);
        Assert.Equal(1, Checkpoint.Load(last, model).Epoch);
    }

    /// <summary>A regression is no classifier, whatever its results look like.</summary>
    [Fact]
    public void OtherTasksAreNotTakenForClassification()
    {
        var set = Mnist.Load(WriteBars(64, 32)).Train;
        var targets = Dataset.From(new float[64 * 4], [2, 2, 1], new float[64]);
        Trainer.Fit(new Sequential(new Flatten(), new Linear(4, 1, device: Device)), targets, TrainingTask.Regression(), options: new() { Epochs = 1, OutputFolder = At("own"), Progress = Progress.None });
        ImageFile.WritePng(At("one.png"), new(set.Pixels(0).ToArray(), 28, 28, 1));
        Run("predict", "--checkpoint", At("own", Checkpoint.LastFile), At("one.png")).IsRefused("was trained at the task 'regression', so its results are no classes");
        Run("eval", "--checkpoint", At("own", Checkpoint.LastFile), "--dataset", "mnist", "--data", At("bars")).IsRefused("was trained at the task 'regression'");
        Assert.Equal(2, OnnxNetwork.Load(At("own", Checkpoint.LastFile), Device).Parameters.Count);
    }

    /// <summary>A graph whose references do not fit the file's tensors, or that asks for more than it holds, is refused.</summary>
    [Fact]
    public void ADamagedGraphIsRefused()
    {
        Seeded(() => new OwnNet(10)).Save(At("own.safetensors"), new ModelInfo { Input = [28, 28, 1] });
        using var file = SafeTensors.Open(At("own.safetensors"));
        var tensors = file.Tensors.ToList();
        var graph = file.Metadata["graph"];
        Refused(tensors, "AAAA", "");
        Refused(tensors, "not base64", "no graph");
        Refused([.. tensors.Where(t => t.Name != "head.weight")], graph, "made of 'head.weight', which the file does not hold");
        Refused([.. tensors.Select(t => t.Name == "head.weight" ? SafeTensor.Create<float>(t.Name, [3], new float[3]) : t)], graph, "does not give [4, 10]");
        Refused([.. tensors.Select(t => t.Name == "head.weight" ? SafeTensor.Create<long>(t.Name, [4, 10], new long[40]) : t)], graph, "expected floats");

        void Refused(List<SafeTensor> others, string text, string problem)
        {
            SafeTensors.Save(At("bad.safetensors"), others, new Dictionary<string, string> { ["graph"] = text });
            Assert.Contains(problem, Assert.Throws<DataFormatException>(() => OnnxNetwork.Load(At("bad.safetensors"), Device)).Message, StringComparison.Ordinal);
        }
    }

    /// <summary>What other exporters say in metadata is taken where it is documented and fits, said, and else noted.</summary>
    [Theory]
    [InlineData("names", "{0: 'cat', 1: \"dog's\", 2: 'a\\'b'}", "cat|dog's|a'b", "")]
    [InlineData("names", "['cat', 'dog', 'owl',]", "cat|dog|owl", "")]
    [InlineData("names", "{\"0\": \"cat\", \"1\": \"dog\", \"2\": \"\\u00e9\"}", "cat|dog|é", "")]
    [InlineData("names", "{0: 'cat', 2: 'dog', 3: 'owl'}", "", "names is no list")]
    [InlineData("names", "{0: 'cat', 1: 'dog'}", "", "names has 2 names; the output is of 3 classes")]
    [InlineData("names", "{0: 'cat', 1: __import__('os')}", "", "names is no list")]
    [InlineData("Image.ColorSpaceGamma", "Linear", "", "given as sRGB")]
    [InlineData("Image.BitmapPixelFormat", "Rgba8", "", "without alpha")]
    [InlineData("image.nominalpixelrange", "Something", "", "none of the standard's")]
    [InlineData("labels", "cat,dog,owl", "", "")]
    public void MetadataOfOthersAreTakenOrNoted(string key, string value, string names, string note)
    {
        var model = new Sequential(new Flatten(), new Linear(12, 3, device: Device)).ToOnnx([2, 2, 3]);
        WithMetadata(model, new() { [key] = value }).Save(At("other.onnx"));
        var info = OnnxModel.Load(At("other.onnx")).Info;
        Assert.Equal(names, string.Join('|', info.ClassNames));
        if (note.Length == 0) Assert.Empty(info.Notes);
        else Assert.Contains(note, Assert.Single(info.Notes), StringComparison.Ordinal);
        Assert.Equal(names.Length == 0 ? [] : [key], info.Keys);
    }

    /// <summary>Range and order of the channels as ONNX's standard has them: an image gives what the network gives by hand.</summary>
    [Theory]
    [InlineData("NominalRange_0_255", 255f, 0f)]
    [InlineData("Normalized_0_1", 1f, 0f)]
    [InlineData("Normalized_1_1", 2f, -1f)]
    [InlineData("NominalRange_16_235", 219f, 16f)]
    public void PixelsAreGivenAsTheFileSays(string range, float scale, float shift)
    {
        var model = Seeded(() => new Sequential(new Conv2d(3, 3, 1, device: Device), new Flatten(), new Linear(12, 3, device: Device)));
        WithMetadata(model.ToOnnx([2, 2, 3]), new() { ["Image.NominalPixelRange"] = range, ["Image.BitmapPixelFormat"] = "Bgr8", ["names"] = "['x', 'y', 'z']" }).Save(At("other.onnx"));
        byte[] pixels = [255, 0, 10, 3, 200, 100, 50, 60, 70, 0, 1, 2];
        ImageFile.WritePng(At("image.png"), new(pixels, 2, 2, 3));
        var given = Enumerable.Range(0, 12).Select(i => (pixels[(i / 3 * 3) + 2 - (i % 3)] / 255f * scale) + shift).ToArray();
        float[] expected;
        using (Tape.NoGrad()) expected = Functional.Softmax(model.Eval().Forward(Tensor.From(given, new(1, 2, 2, 3), Device))).ToArray();

        var result = Run("predict", "--weights", At("other.onnx"), At("image.png"), "--device", "cpu", "--json").IsDone();
        var top = result.Json.GetProperty("predictions")[0].GetProperty("top").EnumerateArray().ToDictionary(t => t.GetProperty("class").GetString()!, t => t.GetProperty("probability").GetDouble());
        for (var i = 0; i < 3; i++) Assert.Equal(expected[i], top[$"{"xyz"[i]}"], 1e-4);
        Assert.Contains("blue before green and red", result.Prose, StringComparison.Ordinal);
        Assert.Contains("Image.NominalPixelRange", result.Prose, StringComparison.Ordinal);
    }

    static OnnxModel WithMetadata(OnnxModel model, Dictionary<string, string> metadata) => new() { Path = model.Path, Opset = model.Opset, Nodes = model.Nodes, Initializers = model.Initializers, Inputs = model.Inputs, Outputs = model.Outputs, Metadata = metadata };
}
