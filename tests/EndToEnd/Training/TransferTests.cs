using CnnSharp.Data;
using CnnSharp.Layers;
using CnnSharp.Models;
using CnnSharp.Training;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>A model that was trained for one thing learns another.</summary>
public sealed class TransferTests
{
    [Fact]
    public void AHeadIsReplacedWhereverItStands()
    {
        using var x = Tensor.Zeros(new(2, 32, 32, 3), Device.Cpu);
        var residual = ResNet.Cifar(8, device: Device.Cpu);
        Assert.Same(residual, residual.Replace("fc", new Linear(64, 4, device: Device.Cpu)));
        Assert.Equal(new(2, 4), residual.Forward(x).Shape);
        Assert.Equal("fc", residual.Modules().OfType<Linear>().Single().Path);

        var vgg = Vgg.ImageNet(VggConfiguration.A, classes: 10, device: Device.Cpu, hidden: 8);
        vgg.Replace("classifier.6", new Linear(8, 3, device: Device.Cpu));
        Assert.Equal(new(2, 3), vgg.Forward(x).Shape);
        Assert.Contains("classifier.6.weight", vgg.StateDict().Select(t => t.Name));

        Assert.StartsWith("Unknown layer 'fcc'. Did you mean 'fc'?", Assert.Throws<ArgumentException>(() => residual.Replace("fcc", new Relu())).Message, StringComparison.Ordinal);
        Assert.StartsWith("Layer 'fc' can only be replaced by a Linear, not by a Relu.", Assert.Throws<ArgumentException>(() => residual.Replace("fc", new Relu())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void FrozenParametersAreLeftAloneAndStillNamed()
    {
        var model = LeNet5.Create(device: Device.Cpu);
        var names = model.StateDict().Select(t => t.Name).ToArray();
        Assert.Equal(["0.weight", "0.bias", "3.weight", "3.bias"], model.Freeze("0.*", "3.*"));
        Assert.Empty(model.Freeze("0.weight"));
        Assert.Equal(names, model.StateDict().Select(t => t.Name));
        Assert.Equal(6, model.Parameters.Count);
        Assert.StartsWith("No parameter fits 'conv*'. There are '0.weight', '0.bias', '3.weight', '3.bias' and 6 more.", Assert.Throws<ArgumentException>(() => model.Freeze("conv*")).Message, StringComparison.Ordinal);

        var (before, head) = (model.StateDict().First().Tensor.ToArray(), model.Parameters[^2].ToArray());
        Train(model, new());
        Assert.Equal(before, model.StateDict().First().Tensor.ToArray());
        Assert.NotEqual(head, model.Parameters[^2].ToArray());
        Assert.Equal(["0.weight", "3.weight"], model.Unfreeze("*.weight"));
        Assert.Equal(["0.bias", "3.bias"], model.Unfreeze());
        Assert.Equal(10, model.Parameters.Count);
    }

    [Fact]
    public void RatesOfTheirOwnScaleTheStep()
    {
        // One plain step: what a parameter moves by is its rate times its gradient.
        var (one, two) = (Moved([]), Moved([new("0.*", 0.5f), new("*.bias", 0), new("3.*", 2)]));
        Near(one["0.weight"], two["0.weight"], 0.5f);
        Near(one["0.bias"], two["0.bias"], 0.5f);
        Near(one["3.weight"], two["3.weight"], 2);
        Near(one["11.weight"], two["11.weight"], 1);
        Assert.All(two["3.bias"], moved => Assert.Equal(0, moved));
        Assert.Throws<ArgumentException>(() => ParameterGroup.Of(LeNet5.Create(), new LearningRateRule("conv*", 1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => ParameterGroup.Of(LeNet5.Create(), new LearningRateRule("0.*", -1)));

        static void Near(float[] one, float[] two, float scale)
        {
            Assert.Contains(one, moved => moved != 0);
            for (var i = 0; i < one.Length; i++) Assert.Equal(scale * one[i], two[i], 1e-5f);
        }

        static Dictionary<string, float[]> Moved(IReadOnlyList<LearningRateRule> rates)
        {
            var model = LeNet5.Create(28, channels: 1, device: Device.Cpu);
            foreach (var (i, parameter) in model.Parameters.Index())
            {
                var values = new float[parameter.Count];
                new Generator((ulong)i).FillNormal(values, 0, 0.1);
                parameter.CopyFrom<float>(values);
            }

            var before = model.StateDict().ToDictionary(t => t.Name, t => t.Tensor.ToArray());
            Train(model, new() { LearningRates = rates });
            return model.StateDict().ToDictionary(t => t.Name, t => t.Tensor.ToArray().Zip(before[t.Name], (after, was) => after - was).ToArray());
        }
    }

    [Fact]
    public void RulesMakeGroupsOfRateAndDecay()
    {
        var model = LeNet5.Create(device: Device.Cpu);
        var groups = ParameterGroup.Of(model, new LearningRateRule("*.bias", 1, WeightDecay: 0), new LearningRateRule("0.*", 0.1f));
        Assert.Equal([(5, 1f, 0f), (1, 0.1f, null), (4, 1f, (float?)null)], groups.Select(g => (g.Parameters.Count, g.LearningRateScale, g.WeightDecay)));
        Assert.Contains("The weight decay of '*.bias' must be at least 0", Assert.Throws<ArgumentOutOfRangeException>(() => ParameterGroup.Of(model, new LearningRateRule("*.bias", 1, -1))).Message, StringComparison.Ordinal);
    }

    /// <summary>One step of plain gradient descent on 32 images.</summary>
    static void Train(Layer model, TrainingOptions options)
    {
        var set = EmbeddedFashionMnist.Load().Train.Take(32);
        if (model.StateDict().First().Tensor.Shape[2] == 3) set = Colored(set);
        Trainer.Fit(model, set, null, options with { Epochs = 1, BatchSize = 32, Optimizer = new SgdOptions { LearningRate = 0.1f }, Schedule = Schedule.Constant() });
    }

    static ImageDataset Colored(ImageDataset set)
    {
        var pixels = new byte[set.Count * 32 * 32 * 3];
        for (var i = 0; i < pixels.Length; i++) pixels[i] = (byte)((i * 7919L) >> 3);
        return new("colored", pixels, set.Labels.ToArray(), 32, 32, 3, set.ClassNames);
    }
}
