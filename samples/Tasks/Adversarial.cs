using CnnSharp;
using CnnSharp.Data;
using CnnSharp.Layers;
using CnnSharp.Training;

/// <summary>Two optimizers: a generator of images against a discriminator, a layer with both inside.</summary>
sealed class Adversarial : Layer
{
    readonly Sequential generator = new(new Linear(32, 128), new LeakyRelu(0.2), new Linear(128, 256), new LeakyRelu(0.2), new Linear(256, 784));
    readonly Sequential discriminator = new(new Linear(784, 256), new LeakyRelu(0.2), new Linear(256, 64), new LeakyRelu(0.2), new Linear(64, 1));

    public static History Train(DatasetSplits clothes, TrainingOptions options)
    {
        var adam = new AdamOptions { LearningRate = 2e-4, Beta1 = 0.5 };
        var task = new TrainingTask("adversarial")
        {
            Optimizers = [new("generator", "generator.*", adam), new("discriminator", "discriminator.*", adam)],
            Train = Step,
        };
        return Trainer.Fit(new Adversarial(), clothes.Train, task, options: options with { Schedule = Schedule.Constant() });
    }

    static void Step(TrainingStep step)
    {
        var (model, real) = ((Adversarial)step.Model, Functional.Flatten(step.Batch.Images));
        var noise = new float[step.Batch.Count * 32];
        new Generator(seed: 7, stream: (ulong)step.Number).FillNormal(noise, 0, 1);
        var made = model.Forward(Tensor.From(noise, [step.Batch.Count, 32], real.Device));
        var (ones, zeros) = (Tensor.Ones([step.Batch.Count, 1], real.Device), Tensor.Zeros([step.Batch.Count, 1], real.Device));
        step.Minimize(Loss.BinaryCrossEntropyWithLogits(model.discriminator.Forward(real), ones) + Loss.BinaryCrossEntropyWithLogits(model.discriminator.Forward(made.Detach()), zeros), "discriminator");
        step.Minimize(Loss.BinaryCrossEntropyWithLogits(model.discriminator.Forward(made), ones), "generator");
    }

    protected override Tensor Compute(Tensor noise) => generator.Forward(noise);
}
