using CnnSharp.Data;
using CnnSharp.Layers;
using CnnSharp.Training;

/// <summary>A class a pixel: clothes somewhere on a noisy ground, class 10.</summary>
static class Segmentation
{
    public static History Train(DatasetSplits clothes, TrainingOptions options)
    {
        var model = new Sequential(
            new Conv2d(1, 16, 3, padding: 1), new BatchNorm2d(16), new Relu(), new MaxPool2d(2),
            new Conv2d(16, 32, 3, padding: 1), new BatchNorm2d(32), new Relu(), new MaxPool2d(2),
            new Conv2d(32, 64, 5, padding: 2), new BatchNorm2d(64), new Relu(),
            new Conv2d(64, 64, 5, padding: 2), new BatchNorm2d(64), new Relu(),
            new ConvTranspose2d(64, 11, 4, stride: 4));
        return Trainer.Fit(model, Placed(clothes.Train), TrainingTask.Segmentation(11), Placed(clothes.Test!), options);
    }

    static IDataset Placed(ImageDataset images) => Dataset.From(
        Enumerable.Range(0, images.Count), [new("image", [40, 40, 1])], [Field.Integers("classes", [40, 40])], (index, sample) =>
        {
            sample.Random.FillUniform(sample.Input(), 0, 0.3);
            sample.IntegerTarget().Fill(10);
            var (top, left) = ((int)sample.Random.Uniform(0, 13), (int)sample.Random.Uniform(0, 13));
            var pixels = images.Pixels(index);
            for (var i = 0; i < pixels.Length; i++)
            {
                if (pixels[i] < 40) continue;
                var at = ((top + (i / 28)) * 40) + left + (i % 28);
                sample.Input()[at] = pixels[i] / 255f;
                sample.IntegerTarget()[at] = images.Labels[index];
            }
        });
}
