using CnnSharp.Data;
using CnnSharp.Layers;

namespace CnnSharp.Training;

/// <summary>The task of a training that names none: the classes of images, mixed ones and auxiliary heads included.</summary>
static class ImageClassification
{
    public static TrainingTask Task(ImageDataset train, TrainingOptions options) => new("image classification")
    {
        IsImageClassification = true,
        Forward = (model, batch) => Trainer.Forward(model, batch, train),
        Loss = (logits, batch) => Loss.MixedCrossEntropy(logits, batch.Labels, batch.OtherLabels, batch.Share, options.LabelSmoothing),
        Metrics = [Metric.Accuracy],
        Train = step =>
        {
            var (logits, batch) = (step.Forward(), step.Batch);
            using var loss = Loss.MixedCrossEntropy(logits, batch.Labels, batch.OtherLabels, batch.Share, options.LabelSmoothing);
            step.Measure(loss, logits);
            using var total = Loss.OfHeads(step.Model, loss, batch.Labels, options.LabelSmoothing, batch.OtherLabels, batch.Share);
            step.Minimize(total);
        },
    };
}
