using CnnSharp.Data;
using CnnSharp.Layers;
using CnnSharp.Training;

/// <summary>Multi-label: which kinds of clothes lie side by side, three images in one.</summary>
static class SeveralLabels
{
    public static History Train(DatasetSplits clothes, TrainingOptions options)
    {
        var model = new Sequential(
            new Conv2d(1, 16, 5, padding: 2), new Relu(), new MaxPool2d(2),
            new Conv2d(16, 32, 5, padding: 2), new Relu(), new MaxPool2d(2),
            new Flatten(), new Linear(7 * 21 * 32, 128), new Relu(), new Linear(128, 10));
        return Trainer.Fit(model, Rows(clothes.Train), TrainingTask.MultiLabel(), Rows(clothes.Test!), options);
    }

    static IDataset Rows(ImageDataset images) => Dataset.From(
        Enumerable.Range(0, images.Count), [new("row", [28, 84, 1])], [new("kinds", [10])], (index, sample) =>
        {
            for (var place = 0; place < 3; place++)
            {
                var chosen = place == 0 ? index : (int)sample.Random.Uniform(0, images.Count);
                var pixels = images.Pixels(chosen);
                for (var i = 0; i < pixels.Length; i++) sample.Input()[(i / 28 * 84) + (place * 28) + (i % 28)] = pixels[i] / 255f;
                sample.Target()[images.Labels[chosen]] = 1;
            }
        });
}
