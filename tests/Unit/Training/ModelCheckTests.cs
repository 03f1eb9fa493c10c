using CnnSharp.Data;
using CnnSharp.Kernels.Cpu;
using CnnSharp.Layers;
using CnnSharp.Training;
using Xunit;
using static CnnSharp.Tests.Training.SmallTraining;

namespace CnnSharp.Tests.Training;

/// <summary>A sound model passes, each kind of unsound one fails the check that is meant for it, and all are put back as they were.</summary>
public sealed class ModelCheckTests : IDisposable
{
    static readonly TrainingOptions Sgd = new() { BatchSize = 32, Optimizer = new SgdOptions { LearningRate = 0.1, Momentum = 0.9, WeightDecay = 1e-3 }, Augmentation = Augment.Flip(), Seed = 1 };

    readonly Device device = new(new CpuEngine(1));

    public void Dispose() => device.Dispose();

    [Fact]
    public void A_sound_model_passes_and_stays_as_it_was()
    {
        var model = Model(device);
        model.Modules().OfType<BatchNorm2d>().Single().Eval();
        var before = State(model);
        var results = ModelCheck.Run(model, Images(200), Sgd).ToList();
        Assert.Equal(ModelCheck.Names, results.Select(r => r.Name));
        Assert.All(results, r => Assert.True(r.Outcome == CheckOutcome.Passed, $"{r.Name}: {r.Detail}"));
        Assert.Equal(before, State(model));
        Assert.Same(device, model.Parameters[0].Device);
        Assert.All(model.Parameters, tensor => Assert.Null(tensor.Gradient));
        Assert.False(model.Modules().OfType<BatchNorm2d>().Single().IsTraining);
        Assert.True(model.IsTraining);

        // What the figures say is so: the loss of guessing, half the decay of the squared weights.
        var squares = model.Parameters.Sum(t => t.ToArray().Sum(w => (double)w * w));
        Assert.Equal(Math.Log(Classes), results[0].Figures["expected"], 12);
        Assert.Equal(5e-4 * squares, results[1].Figures["penalty"], 6);
        Assert.Equal(1, results[4].Figures["accuracy"]);
    }

    [Fact]
    public void A_wrong_backward_function_is_found_and_the_parameter_named()
    {
        // Softmax's own gradient of a sum is 0, so a check whose upstream gradient is all ones would pass it.
        var result = Only("gradient check", new Sequential(new Flatten(), Linear(128, Classes), new Wrong()));
        Assert.Equal(CheckOutcome.Failed, result.Outcome);
        Assert.Contains("2 of 2 parameters have another gradient", result.Detail, StringComparison.Ordinal);
        Assert.Contains("1.weight", result.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void What_no_gradient_reaches_is_named()
    {
        var model = new Partial(Linear(128, 6), Linear(128, 6), Linear(6, Classes));
        var result = Only("gradients", model);
        Assert.Equal(CheckOutcome.Failed, result.Outcome);
        Assert.Contains("no gradient reaches unused.weight, unused.bias: they are not used", result.Detail, StringComparison.Ordinal);
        Assert.Equal(2, result.Figures["without_gradient"]);

        // A ReLU that is below 0 everywhere stops it, one that is in half of its units costs these.
        model.Used.Bias!.CopyFrom<float>([-1e6f, -1e6f, -1e6f, 0.5f, 0.5f, 0.5f]);
        Assert.Contains("3 of 6 units of used.weight, 3 of 6 units of used.bias", Only("gradients", model).Detail, StringComparison.Ordinal);
        model.Used.Bias!.CopyFrom<float>([-1e6f, -1e6f, -1e6f, -1e6f, -1e6f, -1e6f]);
        var dead = Only("gradients", model);
        Assert.Contains("the gradient is exactly 0 of used.weight, used.bias, last.weight", dead.Detail, StringComparison.Ordinal);
        Assert.Equal(3, dead.Figures["zero_gradient"]);
    }

    [Fact]
    public void A_first_loss_far_from_guessing_fails()
    {
        var model = new Sequential(new Flatten(), Linear(128, Classes));
        Assert.Equal(CheckOutcome.Passed, Only("initial loss", model).Outcome);
        var weight = model.Parameters.First(t => t.Shape.Rank == 2);
        weight.CopyFrom<float>([.. weight.ToArray().Select(w => 40 * w)]);
        var result = Only("initial loss", model);
        Assert.Equal(CheckOutcome.Failed, result.Outcome);
        Assert.Contains("sure of the wrong classes", result.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void A_weight_decay_that_outweighs_the_loss_or_falls_on_nothing_fails()
    {
        var model = new Sequential(new Flatten(), Linear(128, Classes));
        Assert.Contains("outweighs", Only("regularization", model, Sgd with { Optimizer = new SgdOptions { WeightDecay = 10 } }).Detail, StringComparison.Ordinal);
        Assert.Equal(CheckOutcome.Skipped, Only("regularization", model, Sgd with { Optimizer = new SgdOptions() }).Outcome);
        var none = Only("regularization", model, Sgd with { LearningRates = [new("*", 1, WeightDecay: 0)] });
        Assert.Equal(CheckOutcome.Failed, none.Outcome);
        Assert.Contains("falls on no weight", none.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_that_sees_nothing_learns_nothing_by_heart()
    {
        var result = Only("overfit", new Sequential(new Flatten(), new Blind(), Linear(128, Classes)));
        Assert.Equal(CheckOutcome.Failed, result.Outcome);
        Assert.Contains("learn a few samples by heart", result.Detail, StringComparison.Ordinal);
    }

    /// <summary>A rate at which the model flies apart is no reason to fail: a lower one is tried.</summary>
    [Fact]
    public void Overfitting_is_tried_at_lower_rates_too()
    {
        var result = Only("overfit", Model(device), Sgd with { Optimizer = new SgdOptions { LearningRate = 10, Momentum = 0.9 } });
        Assert.True(result.Outcome == CheckOutcome.Passed, result.Detail);
        Assert.Contains("(not at 10)", result.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Any_task_is_checked()
    {
        var random = new Random(5);
        var set = Dataset.From([.. Enumerable.Range(0, 640).Select(_ => (float)random.NextDouble())], [10], [.. Enumerable.Range(0, 64).Select(i => (float)i / 64)], [1]);
        var model = new Sequential(Linear(10, 32), new Relu(), Linear(32, 1));
        var results = ModelCheck.Run(model, set, TrainingTask.Regression(), Sgd with { Augmentation = null, Optimizer = new AdamOptions { LearningRate = 0.01 } }, new() { OverfitSamples = 8 }).ToList();
        Assert.Equal([CheckOutcome.Passed, CheckOutcome.Skipped, CheckOutcome.Passed, CheckOutcome.Passed, CheckOutcome.Passed], results.Select(r => r.Outcome));

        // A task with a step of its own alone has no loss to compare gradients with.
        var own = new TrainingTask("own") { Train = step => step.Minimize(Functional.MeanSquaredError(step.Forward(), step.Batch.Labels)) };
        Assert.Equal(CheckOutcome.Skipped, ModelCheck.Run(model, set, own, Sgd with { Augmentation = null }, new() { Skip = [.. ModelCheck.Names.Where(name => name != "gradient check")] }).Single().Outcome);
        Assert.Contains("Did you mean 'overfit'?", Assert.Throws<ArgumentException>(() => ModelCheck.Run(model, set, own, checks: new() { Skip = ["overfitt"] })).Message, StringComparison.Ordinal);
    }

    // ---- range test ------------------------------------------------------------------------------------------------

    [Fact]
    public void A_range_test_finds_a_rate_that_trains_and_leaves_the_model_as_it_was()
    {
        var (model, images) = (Model(device), Images(300));
        var before = State(model);
        var test = LearningRateRangeTest.Run(model, images, Sgd, new() { Low = 1e-5, High = 1e4, Steps = 120 });
        Assert.Equal(before, State(model));
        Assert.True(test.IsExploded);
        Assert.True(test.Points.Count < 120);
        for (var i = 1; i < test.Points.Count; i++) Assert.Equal(Math.Pow(1e9, 1 / 119.0), test.Points[i].LearningRate / test.Points[i - 1].LearningRate, 6);
        Assert.InRange(test.Suggestion!.Value, 1e-4, test.Lowest!.Value);

        // The same again, and that rate learns what a thousandth of it does not.
        Assert.Equal(test.Points, LearningRateRangeTest.Run(model, images, Sgd, new() { Low = 1e-5, High = 1e4, Steps = 120 }).Points);
        Assert.True(LossAt(test.Suggestion.Value) < 0.5 * LossAt(test.Suggestion.Value / 1000));

        double LossAt(double rate) => Trainer.Fit(Model(device), images, options: Sgd with { Epochs = 3, Optimizer = new SgdOptions { LearningRate = rate, Momentum = 0.9 } }).Last.TrainLoss;
    }

    [Fact]
    public void Any_task_is_tested()
    {
        var random = new Random(5);
        var set = Dataset.From([.. Enumerable.Range(0, 640).Select(_ => (float)random.NextDouble())], [10], [.. Enumerable.Range(0, 64).Select(i => (float)i / 64)], [1]);
        var model = new Sequential(Linear(10, 32), new Relu(), Linear(32, 1));
        var before = State(model);
        var test = LearningRateRangeTest.Run(model, set, TrainingTask.Regression(), new() { BatchSize = 16, Optimizer = new SgdOptions() });
        Assert.Equal(before, State(model));
        Assert.InRange(test.Suggestion!.Value, 1e-4, 1);
    }

    /// <summary>On a curve whose steepest place is known: 2.3 - 2 / (1 + 10^((m - log lr) / w)), then rising.</summary>
    [Theory]
    [InlineData(-3)]
    [InlineData(-2)]
    [InlineData(-1.5)]
    public void The_steepest_fall_is_found_among_noise(double middle)
    {
        var random = new Random(2);
        var steps = Enumerable.Range(0, 140).Select(i => -6 + (i * 0.05)).Select(x => (Math.Pow(10, x), 2.3 - (2 / (1 + Math.Exp((middle - x) / 0.2))) + Math.Exp(4 * (x - 0.7)) + (0.02 * (random.NextDouble() - 0.5)))).ToList();
        var result = LearningRateRangeTest.Judge(steps, isExploded: true);
        Assert.Equal(middle, Math.Log10(result.Suggestion!.Value), 0.15);
        Assert.True(result.Lowest > result.Suggestion);

        // One that only rises has none, nor has one of a few steps.
        Assert.Null(LearningRateRangeTest.Judge([.. steps.Select((step, i) => (step.Item1, 2.3 + (0.01 * i)))], isExploded: false).Suggestion);
        Assert.Null(LearningRateRangeTest.Judge([.. steps.Take(2)], isExploded: true).Suggestion);
    }

    static List<float[]> State(Layer model) => [.. model.StateDict().Select(t => t.Tensor.ToArray())];

    CheckResult Only(string name, Layer model, TrainingOptions? options = null, ModelCheckOptions? checks = null)
        => ModelCheck.Run(model, Images(200), options ?? Sgd, (checks ?? new()) with { Skip = [.. ModelCheck.Names.Where(other => other != name)] }).Single();

    /// <summary>With weights from a generator of its own: the default one is shared with other tests.</summary>
    Linear Linear(int inputs, int outputs)
    {
        var layer = new Linear(inputs, outputs, device: device);
        var values = new float[inputs * outputs];
        new Generator((ulong)(inputs + outputs)).FillNormal(values, 0, Math.Sqrt(1.0 / inputs));
        layer.Weight.CopyFrom<float>(values);
        layer.Bias!.CopyFrom<float>(new float[outputs]);
        return layer;
    }

    /// <summary>Softmax with a gradient that forgets that the outputs depend on each other.</summary>
    sealed class Wrong : Layer
    {
        protected override Tensor Compute(Tensor x)
        {
            Tensor? y = null;
            return Functional.Custom("softmax", [x], () => y = Functional.Softmax(x).Keep(), dy => [dy * y! * (1 - y!)]);
        }
    }

    sealed class Blind : Layer
    {
        protected override Tensor Compute(Tensor x) => x * 0.0;
    }

    sealed class Partial(Linear used, Linear unused, Linear last) : Layer
    {
        public Linear Used => used;

        public Linear Unused => unused;

        protected override Tensor Compute(Tensor x) => last.Forward(Functional.Relu(used.Forward(Functional.Flatten(x))));
    }
}
