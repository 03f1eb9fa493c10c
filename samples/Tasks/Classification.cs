using CnnSharp.Data;
using CnnSharp.Models;
using CnnSharp.Training;

/// <summary>A class an image, every class as often as any other.</summary>
static class Classification
{
    public static History Train(DatasetSplits clothes, TrainingOptions options)
        => Trainer.Fit(LeNet5.Create(28, 1, 10), clothes.Train, TrainingTask.Classification(labelSmoothing: 0.05), clothes.Test, options with { Sampler = Sampler.Balanced(clothes.Train.Labels) });
}
