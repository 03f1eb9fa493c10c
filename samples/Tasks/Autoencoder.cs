using CnnSharp;
using CnnSharp.Data;
using CnnSharp.Layers;
using CnnSharp.Training;

/// <summary>Images from themselves, through 32 numbers: the target is the input, so the set's labels are not looked at.</summary>
static class Autoencoder
{
    public static History Train(DatasetSplits clothes, TrainingOptions options)
    {
        var model = new Sequential(
            new Flatten(), new Linear(784, 256), new Relu(), new Linear(256, 32),
            new Linear(32, 256), new Relu(), new Linear(256, 784));
        var pixels = Normalization.None(1);
        return Trainer.Fit(model, clothes.Train.With(pixels), Reconstruction, clothes.Test!.With(pixels), options);
    }

    static TrainingTask Reconstruction => new("reconstruction")
    {
        Loss = (output, batch) => Loss.MeanSquaredError(output, Functional.Flatten(batch.Images)),
        Metrics = [Metric.Mean("absolute_error", (output, batch) => Loss.L1(output, Functional.Flatten(batch.Images)))],
    };
}
