using CnnSharp.Data;
using CnnSharp.Layers;
using CnnSharp.Training;

/// <summary>Pairs: an embedding in which clothes of one kind are near each other.</summary>
static class Siamese
{
    public static History Train(DatasetSplits clothes, TrainingOptions options)
    {
        var embedding = new Sequential(
            new Conv2d(1, 16, 5, padding: 2), new Relu(), new MaxPool2d(2),
            new Conv2d(16, 32, 5, padding: 2), new Relu(), new MaxPool2d(2),
            new Flatten(), new Linear(7 * 7 * 32, 16));
        var (train, test) = (clothes.Train, clothes.Test!);
        return Trainer.Fit(embedding, train.Pairs(train.Labels.ToArray(), 20_000), TrainingTask.Pairs(), test.Pairs(test.Labels.ToArray(), 2_000), options);
    }
}
