using CnnSharp.Kernels;
using CnnSharp.Kernels.Cpu;
using CnnSharp.Layers;
using Xunit;

namespace CnnSharp.Tests;

public sealed class LayerTests
{
    static readonly Device Device = Device.Reference;

    static Tensor Counting(Shape shape) => Tensor.From([.. Enumerable.Range(0, (int)shape.Count).Select(i => (float)i)], shape, Device);

    [Fact]
    public void AConvolutionSumsItsWindowsByHand()
    {
        var layer = new Conv2d(1, 2, 2, device: Device);
        layer.Weight.CopyFrom<float>([1, 0, 0, 1, 0, -1, 2, 0]);
        layer.Bias!.CopyFrom<float>([10, 20]);

        // Input 0 1 2 / 3 4 5 / 6 7 8; channel 0: x00 + 2 x11, channel 1: x01 - x10.
        var y = layer.Forward(Counting(new(1, 3, 3, 1)));
        Assert.Equal(new Shape(1, 2, 2, 2), y.Shape);
        Assert.Equal([18f, 18, 21, 18, 27, 18, 30, 18], y.ToArray());
    }

    [Fact]
    public void ALinearLayerIsItsMatrixAndBias()
    {
        var layer = new Linear(2, 2, device: Device);
        layer.Weight.CopyFrom<float>([1, 2, 3, 4]);
        layer.Bias!.CopyFrom<float>([0.5f, -20]);
        Assert.Equal([7.5f, -10], layer.Forward(Tensor.From([1f, 2], new(1, 2), Device)).ToArray());
    }

    [Fact]
    public void BatchNormalizationLearnsItsRunningStatisticsAndUsesThemInInference()
    {
        var layer = new BatchNorm2d(1, new() { Epsilon = 0 }, Device);
        var x = Tensor.From([1f, 3], new(2, 1, 1, 1), Device);
        Assert.Equal([-1f, 1], layer.Forward(x).ToArray());

        // Batch mean 2, unbiased variance 2, momentum 0.1.
        Assert.Equal(0.2f, layer.RunningMean.ToArray()[0], 1e-6f);
        Assert.Equal(1.1f, layer.RunningVariance.ToArray()[0], 1e-6f);
        layer.Eval();
        Assert.Equal((3 - 0.2) / Math.Sqrt(1.1), layer.Forward(x).ToArray()[1], 1e-5);
    }

    [Fact]
    public void ASequenceFusesActivationsWithoutChangingValuesGradientsOrNames()
    {
        var convolution = new Conv2d(2, 3, 3, padding: 1, device: Device);
        var norm = new BatchNorm2d(3, device: Device);
        var linear = new Linear(12, 4, device: Device);
        var fused = new Sequential(convolution, new Relu(), norm, new Relu(), new Flatten(), linear, new Relu());
        Layer[] apart = [convolution, new Relu(), norm, new Relu(), new Flatten(), linear, new Relu()];
        var x = Tensor.From([.. Enumerable.Range(0, 24).Select(i => MathF.Sin(i))], new(3, 2, 2, 2), Device);

        var (one, oneGradients) = Go(fused.Forward);
        var (two, twoGradients) = Go(x => apart.Aggregate(x, (x, layer) => layer.Forward(x)));
        Assert.Equal(two, one);
        Assert.Equal(twoGradients, oneGradients);
        Assert.Equal(["0.weight", "0.bias", "2.weight", "2.bias", "2.runningMean", "2.runningVariance", "5.weight", "5.bias"], fused.StateDict().Select(t => t.Name));

        (float[] Values, float[][] Gradients) Go(Func<Tensor, Tensor> forward)
        {
            foreach (var parameter in fused.Parameters) parameter.ClearGradient();
            var y = forward(x);
            var values = y.ToArray();
            y.Backward(Tensor.From([.. Enumerable.Range(0, 12).Select(i => MathF.Cos(i))], y.Shape, Device));
            return (values, [.. fused.Parameters.Select(p => p.Gradient!.ToArray())]);
        }
    }

    [Fact]
    public void DropoutRepeatsUnderItsKeyAndRestsInInference()
    {
        var model = new Sequential(new Dropout(), new Dropout(0.25f));
        var x = Tensor.Full(new(1, 1000), 1, Device);
        model.ManualSeed(7, 3);
        var (first, second) = (model.Forward(x).ToArray(), model.Forward(x).ToArray());
        Assert.NotEqual(first, second);
        model.ManualSeed(7, 3);
        Assert.Equal(first, model.Forward(x).ToArray());
        model.ManualSeed(7, 4);
        Assert.Equal(second, model.Forward(x).ToArray());

        // Kept with probability 0.5 x 0.75; standard deviation sqrt(p (1 - p) / 1000) = 0.0153.
        Assert.InRange(first.Count(v => v != 0) / 1000.0, 0.375 - 0.062, 0.375 + 0.062);
        Assert.All(first, v => Assert.True(v == 0 || Math.Abs(v - (1 / 0.375)) < 1e-6));
        model.Eval();
        Assert.Same(x, model.Forward(x));
    }

    [Fact]
    public void WithoutRecordingAModelLeavesOnlyItsResult()
    {
        var device = new Device(new CpuEngine(1));
        var model = new Sequential(new Conv2d(3, 8, 3, device: device), new BatchNorm2d(8, device: device), new Relu(), new MaxPool2d(2), new Flatten(), new Linear(8 * 9, 5, device: device));
        var x = Tensor.Full(new(4, 8, 8, 3), 1, device);
        var pool = device.Engine.Pool;
        var before = pool.UsedBytes;
        using (Tape.NoGrad())
        {
            var y = model.Forward(x);
            Assert.Equal(before + BufferPool.ClassOf(y.Count * sizeof(float)), pool.UsedBytes);
        }

        Assert.Equal(before, pool.UsedBytes);
    }

    /// <summary>Tensors in arrays, lists and dictionaries are parameters if they want a gradient, also while they are frozen; results that are kept there are not.</summary>
    [Fact]
    public void ParametersAreFoundInListsAndDictionaries()
    {
        var layer = new Scales();
        Assert.Equal(["array.0", "array.1", "list.0", "a"], layer.StateDict().Select(t => t.Name));
        Assert.Equal(4, layer.Parameters.Count);
        var x = Tensor.From(new float[] { 1, 2 }, [2], Device.Cpu);
        using (var y = layer.Forward(x)) Functional.Sum(y).Backward();
        Assert.All(layer.Parameters, parameter => Assert.NotNull(parameter.Gradient));
        Assert.Equal(4, layer.StateDict().Count());

        layer.Freeze("array.*");
        Assert.Equal(2, layer.Parameters.Count);
        Assert.Equal(4, layer.StateDict().Count());
    }

    sealed class Scales : Layer
    {
        readonly Tensor[] array = [One(), One()];
        readonly List<Tensor> list = [One()];
        readonly Dictionary<int, Tensor> other = [];
        readonly SortedList<string, Tensor> byKey = new() { ["a"] = One() };
        readonly List<Tensor> results = [];

        protected override Tensor Compute(Tensor x)
        {
            var y = x * array[0] * array[1] * list[0] * byKey["a"];
            results.Add(y);
            other[0] = y;
            return y;
        }

        static Tensor One() => Initializers.Ones.Parameter([2], fanIn: 1, fanOut: 1, Device.Cpu);
    }

    /// <summary>Wherever a layer keeps its sub-layers, none of their weights is left untrained and unsaved.</summary>
    [Fact]
    public void SubLayersAreFoundInListsAndDictionaries()
    {
        var model = new Keeper();
        Assert.Equal(["byName.left.bias", "byName.left.weight", "byName.right.0.bias", "byName.right.0.weight", "table.0.1.bias", "table.0.1.weight", "table.1.0.bias", "table.1.0.weight"], model.StateDict().Select(t => t.Name).Order(StringComparer.Ordinal));
        using var x = Tensor.Ones([1, 2], Device);
        using var loss = Functional.Sum(model.Forward(x));
        loss.Backward();
        Assert.All(model.Parameters, parameter => Assert.NotNull(parameter.Gradient));
        foreach (var parameter in model.Parameters) parameter.ClearGradient();
    }

    sealed class Keeper : Layer
    {
        readonly Dictionary<string, Layer> byName = new() { ["left"] = Part(), ["right"] = new Sequential(Part()) };
        readonly List<Layer?[]> table = [[null, Part()], [Part()]];
        readonly int[] numbers = [1, 2];
        readonly object[] others = ["text", new List<string> { "more" }];

        protected override Tensor Compute(Tensor x) => table[1][0]!.Forward(table[0][1]!.Forward(byName["right"].Forward(byName["left"].Forward(x)))) * (numbers.Length + others.Length);

        static Linear Part() => new(2, 2, device: Device);
    }

    [Fact]
    public void TheSummaryCountsShapesWeightsAndArithmetic()
    {
        var model = new Sequential(new Conv2d(4, 8, 3, groups: 2, device: Device), new Relu(), new ConvTranspose2d(8, 4, 2, stride: 2, groups: 2, bias: false, device: Device), new Flatten(), new Linear(64, 10, device: Device));
        model[1].Eval();
        var summary = Summary.Of(model, new(4, 4, 4));
        Assert.Equal(
            [
                new("0", "Conv2d", new(1, 2, 2, 8), (9 * 2 * 8) + 8, 2 * 2 * 8 * 9 * 2, 32),
                new("1", "Relu", new(1, 2, 2, 8), 0, 0, 32),
                new("2", "ConvTranspose2d", new(1, 4, 4, 4), 4 * 4 * 4, 2 * 2 * 8 * 4 * 2, 64),
                new("3", "Flatten", new(1, 64), 0, 0, 0),
                new LayerSummary("4", "Linear", new(1, 10), 650, 640, 10),
            ],
            summary.Layers);
        Assert.Equal(model.ParameterCount, summary.Weights);
        Assert.True(model.IsTraining && model[0].IsTraining && !model[1].IsTraining);
    }

    [Fact]
    public void NumbersThatDoNotFitAreRefusedAtTheDoor()
    {
        Assert.Equal("Conv2d: 2 groups do not divide 3 channels in and 4 out.", Assert.Throws<ShapeException>(() => new Conv2d(3, 4, 3, groups: 2, device: Device)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => new Dropout(1));
        Assert.Throws<ShapeException>(() => new Linear(0, 1, device: Device));
    }
}
