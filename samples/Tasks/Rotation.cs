using CnnSharp.Data;
using CnnSharp.Layers;
using CnnSharp.Training;

/// <summary>Regression: by how much an image was turned, in radians.</summary>
static class Rotation
{
    public static History Train(DatasetSplits clothes, TrainingOptions options)
    {
        var model = new Sequential(
            new Conv2d(1, 16, 3, stride: 2, padding: 1), new Relu(),
            new Conv2d(16, 32, 3, stride: 2, padding: 1), new Relu(),
            new Flatten(), new Linear(7 * 7 * 32, 64), new Relu(), new Linear(64, 1));
        return Trainer.Fit(model, Turned(clothes.Train), TrainingTask.Regression(), Turned(clothes.Test!), options);
    }

    /// <summary>Each image turned anew whenever it is read.</summary>
    static IDataset Turned(ImageDataset images) => Dataset.From(
        Enumerable.Range(0, images.Count), [new("image", [28, 28, 1])], [new("angle", [1])], (index, sample) =>
        {
            var angle = sample.Random.Uniform(-0.8, 0.8);
            var (sin, cos) = Math.SinCos(angle);
            var (pixels, turned) = (images.Pixels(index).ToArray(), sample.Input().ToArray());
            for (var i = 0; i < turned.Length; i++)
            {
                var (y, x) = ((i / 28) - 13.5, (i % 28) - 13.5);
                var (row, column) = ((int)Math.Round((cos * y) - (sin * x) + 13.5), (int)Math.Round((sin * y) + (cos * x) + 13.5));
                if (row is >= 0 and < 28 && column is >= 0 and < 28) turned[i] = pixels[(row * 28) + column] / 255f;
            }

            sample.SetInput(turned);
            sample.Target()[0] = (float)angle;
        });
}
