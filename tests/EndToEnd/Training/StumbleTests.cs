using CnnSharp.Data;
using CnnSharp.Kernels;
using CnnSharp.Kernels.Cpu;
using CnnSharp.Layers;
using CnnSharp.Training;
using Xunit;
using static CnnSharp.Tests.Training.SmallTraining;

namespace CnnSharp.Tests.Training;

/// <summary>What a newcomer does wrong, and used to go on without a word or to end in words of the system.</summary>
public class StumbleTests
{
    static Device Cpu => new(new CpuEngine(1));

    static TrainingOptions Small => Options() with { Epochs = 1, Augmentation = null };

    /// <summary>Another schedule, sampler, weight decay or augmentation is gone on with, and said by name; more epochs are nothing to tell.</summary>
    [Fact]
    public void Resuming_with_other_options_is_said()
    {
        using var folder = new TemporaryFolder();
        var options = Options() with { Epochs = 1, OutputFolder = folder.Path };
        Fit(Cpu, options);
        Assert.Empty(Warnings(options with { Epochs = 2, EarlyStopping = new(), Monitor = Metric.Loss }));
        var said = Assert.Single(Warnings(options with
        {
            Epochs = 3,
            Optimizer = new SgdOptions { LearningRate = 0.05f, Momentum = 0.9f, WeightDecay = 2e-4f, L1 = 1e-5 },
            Schedule = Schedule.Constant(),
            Sampler = Sampler.Sequential,
            Augmentation = Augment.Flip(),
            LabelSmoothing = 0.1,
        }));
        Assert.Equal(
            $"'{Last(folder.Path)}' is resumed with other options than it was trained with (optimizer.weight_decay: 0.0002, before 0.0001; optimizer.l1: 1E-05, before none; schedule: constant, before onecycle; "
            + "augmentation: flip 0.5, before pad 1 and crop, flip 0.5; label_smoothing: 0.1, before none; sampler: sequential, before none): it ends at other weights than either would alone. Give it the earlier ones to go on as if it had not stopped.",
            said);

        List<string> Warnings(TrainingOptions resumed)
        {
            var warned = new Warned();
            Fit(Cpu, resumed with { Resume = true }, warned);
            return warned.Messages;
        }
    }

    /// <summary>Files of before an option was kept say nothing of it: that was what it is by default.</summary>
    [Fact]
    public void What_an_older_checkpoint_does_not_say_was_the_default()
    {
        Assert.Empty(OptionsComparison.Differences("""{"epochs":2,"drop_last":false,"average":null,"optimizer":{"name":"sgd","l1":0},"augmentation":"none"}""", """{"epochs":3,"optimizer":{"name":"sgd"}}"""));
        Assert.Empty(OptionsComparison.Differences("""{"drop_last":true}""", "{}"));
        Assert.Equal(["drop_last: true, before none"], OptionsComparison.Differences("""{"drop_last":true}""", """{"epochs":3}"""));
        Assert.Equal(["optimizer: adam, before sgd"], OptionsComparison.Differences("""{"optimizer":{"name":"adam","learning_rate":1}}""", """{"optimizer":{"name":"sgd","learning_rate":1}}"""));
    }

    [Fact]
    public void A_sample_of_validation_that_cannot_be_read_is_said_to_be_one()
    {
        var task = TrainingTask.Regression();
        Assert.Equal("samples: sample 7 of validation (batch 1) could not be read: a transform (Map) failed: no such line.", Assert.Throws<DataFormatException>(() => Trainer.Fit(Regressor(), Numbers(48), task, Broken(), Small)).Message);
        Assert.Equal("samples: sample 7 (batch 1) could not be read: a transform (Map) failed: no such line.", Assert.Throws<DataFormatException>(() => Trainer.Evaluate(Regressor(), Broken(), task)).Message);
        Assert.Equal("samples: sample 7 (batch 4) could not be read: a transform (Map) failed: no such line.", Assert.Throws<DataFormatException>(() => Trainer.Predict(Regressor(), Broken(), batchSize: 2)).Message);

        static IDataset Broken()
        {
            return Numbers(24).Map(sample =>
            {
                if (sample.Random.Position >> 24 == 7) throw new ArithmeticException("no such line");
            });
        }
    }

    [Fact]
    public void An_output_folder_that_cannot_be_made_is_named_with_what_to_do()
    {
        using var folder = new TemporaryFolder();
        var file = folder.File("taken");
        File.WriteAllText(file, "mine");
        foreach (var isNumbered in new[] { false, true })
        {
            Assert.Equal($"The output folder '{file}' cannot be made: that is a file. Name another folder (TrainingOptions.OutputFolder), or move the file away.", Refused(Small with { OutputFolder = file, NumberedFolder = isNumbered }));
            Assert.StartsWith($"The output folder '{Path.Combine(file, "run")}' cannot be made: '{file}' is a file.", Refused(Small with { OutputFolder = Path.Combine(file, "run"), NumberedFolder = isNumbered }), StringComparison.Ordinal);
        }

        Assert.Equal("mine", File.ReadAllText(file));
        if (!OperatingSystem.IsLinux()) return;

        // Not even the superuser makes a folder there.
        var message = Refused(Small with { OutputFolder = "/proc/run" });
        Assert.StartsWith("The output folder '/proc/run' cannot be made: ", message, StringComparison.Ordinal);
        Assert.EndsWith("Name another folder (TrainingOptions.OutputFolder), or see to its permissions.", message, StringComparison.Ordinal);

        static string Refused(TrainingOptions options) => Assert.ThrowsAny<IOException>(() => Fit(Cpu, options)).Message;
    }

    [Fact]
    public void A_step_that_trains_nothing_is_refused()
    {
        var forgetful = new TrainingTask("forgetful")
        {
            Train = step =>
            {
                var output = step.Forward();
                using var loss = Loss.MeanSquaredError(output, step.Batch.Labels);
                step.Measure(loss, output);
            },
        };
        Assert.Equal("Task 'forgetful': its Train has minimized nothing in 2 steps, so nothing was trained: call step.Minimize(loss) in it.", Assert.Throws<InvalidOperationException>(() => Trainer.Fit(Regressor(), Numbers(48), forgetful, options: Small)).Message);

        var crossed = new TrainingTask("crossed")
        {
            Optimizers = [new("first", "0.*"), new("second", "2.*")],
            Train = step => step.Minimize(Functional.Mean(((Sequential)step.Model).Forward(step.Batch.Inputs[0], ..1)), "second"),
        };
        Assert.Equal("Task 'crossed': what 'second' is to minimize depends on none of the optimizer's parameters, so its step would move nothing. Compute it from what '2.*' has made, or name another optimizer.", Assert.Throws<InvalidOperationException>(() => Trainer.Fit(Regressor(), Numbers(48), crossed, options: Small)).Message);

        // One that minimizes in some of its steps is not.
        var patient = new TrainingTask("patient")
        {
            Train = step =>
            {
                var output = step.Forward();
                using var loss = Loss.MeanSquaredError(output, step.Batch.Labels);
                step.Measure(loss, output);
                if (step.Number % 2 == 1) step.Minimize(loss);
            },
        };
        Assert.Single(Trainer.Fit(Regressor(), Numbers(48), patient, options: Small).Epochs);
    }

    [Theory]
    [InlineData(-1f)]
    [InlineData(1.5f)]
    [InlineData(float.NaN)]
    public void A_target_of_several_labels_that_is_no_share_is_named(float value)
    {
        var targets = new float[48 * 2];
        targets[(30 * 2) + 1] = value;
        targets[3] = 0.5f;
        var set = Dataset.From(new float[48 * 3], new(3), targets, new(2));
        var model = new Sequential(new Linear(3, 2, device: Cpu));
        var message = Assert.Throws<DataFormatException>(() => Trainer.Fit(model, set, TrainingTask.MultiLabel(), options: Small)).Message;
        Assert.StartsWith("samples: sample 30 (epoch 1, batch ", message, StringComparison.Ordinal);
        Assert.EndsWith($"has a target that the task does not know: expected numbers from 0 to 1, the field 'target' has {value} at place 1.", message, StringComparison.Ordinal);
        Assert.Contains("sample 30 of validation (batch 2)", Assert.Throws<DataFormatException>(() => Trainer.Fit(model, set.Subset([.. Enumerable.Range(0, 24)]), TrainingTask.MultiLabel(), set, Small)).Message, StringComparison.Ordinal);
        Assert.Contains("sample 30 (batch 1)", Assert.Throws<DataFormatException>(() => Trainer.Evaluate(model, set, TrainingTask.MultiLabel())).Message, StringComparison.Ordinal);
    }

    /// <summary>A model without parameters is measured and asked where the device is the best there is.</summary>
    [Fact]
    public void A_model_without_parameters_is_measured()
    {
        var numbers = Numbers(24);
        var figures = Trainer.Evaluate(new First(), numbers, TrainingTask.Regression());
        Assert.Equal(0, figures.Loss, 1e-9);
        Assert.Equal(new Shape(24, 1), Trainer.Predict(new First(), numbers).Outputs.Shape);
        var images = Images(12);
        Assert.Equal(12, Trainer.Evaluate(new Corner(), images).Count);
        Assert.Contains("First has no parameters", Assert.Throws<ArgumentException>(() => Trainer.Fit(new First(), numbers, TrainingTask.Regression(), options: Small)).Message, StringComparison.Ordinal);
    }

    /// <summary>Three numbers, of which the first is the target.</summary>
    static IDataset Numbers(int count)
    {
        var inputs = new float[count * 3];
        new Generator(5).FillNormal(inputs, 0, 1);
        return Dataset.From(inputs, new(3), [.. Enumerable.Range(0, count).Select(i => inputs[3 * i])]);
    }

    static Sequential Regressor()
    {
        var device = Cpu;
        return new(new Linear(3, 4, device: device), new Tanh(), new Linear(4, 1, device: device));
    }

    sealed class First : Layer
    {
        protected override Tensor Compute(Tensor x) => Functional.Slice(x, 1, 0, 1);
    }

    sealed class Corner : Layer
    {
        protected override Tensor Compute(Tensor x) => Functional.Slice(Functional.Flatten(x), 1, 0, Classes);
    }

    sealed class Warned : ITrainingObserver
    {
        public List<string> Messages { get; } = [];

        public void OnWarning(string message) => Messages.Add(message);
    }
}
