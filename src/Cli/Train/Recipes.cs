using CnnSharp.Data;
using CnnSharp.Layers;
using CnnSharp.Models;

namespace CnnSharp.Cli.Train;

/// <summary>Settings that give a good result for those that a user does not state.</summary>
internal static class Recipes
{
    /// <summary>Steps below which a network has seen too little to be judged.</summary>
    public const int FewSteps = 100;

    /// <summary>Optimizer steps, at a batch of 64, that LeNet-5 needs to settle on small images.</summary>
    const int LeNetSteps = 1_500;

    /// <summary>Steps that a training of few images gets, by smaller batches and more epochs.</summary>
    const int SmallSetSteps = 300;

    const int SmallestBatch = 16;

    const int MostEpochs = 50;

    /// <summary>
    /// Images that a network with batch normalization is shown in a training, each once an epoch: few images are gone through more often. 1,000 of CIFAR-10, on 4,500 others: 10 epochs 32%, 48 epochs 54%, 100 epochs 59%.
    /// </summary>
    const int ImagesSeen = 150_000;

    /// <summary>Of so many training images, how many are held out to measure by: a tenth, of few a fifth, at most 5,000.</summary>
    public static int HeldOut(int images) => Math.Min(5_000, images / (images < 1_000 ? 5 : 10));

    /// <summary>Fills a user's settings for a data set.</summary>
    public static TrainSettings Complete(TrainSettings said, DatasetSplits data)
    {
        var train = data.Train;
        var isColor = train.Channels == 3;
        var settings = said.Or(new() { Model = isColor ? "resnet20" : "lenet5", Dataset = data.Name, Shortcut = "a", Optimizer = "sgd", Seed = 1, LabelSmoothing = 0 });
        var isNormalized = Zoo.Build(settings.Model!, new() { Device = Device.Shapes }).Modules().Any(layer => layer is BatchNorm2d);

        // Without images to measure by, some training images are held out, so that the accuracy means something; likewise
        // where what is measured decides how the training goes on, which is nothing for test images.
        var decides = said.EarlyStopping is not null || (said.Schedule is { } schedule && ScheduleText.NameOf(schedule) == ScheduleText.Plateau);
        var holdsOut = data.Validation is null && (data.Test is null || decides);
        settings = settings.Or(new() { ValSplit = holdsOut ? HeldOut(train.Count) : 0 });
        var images = Math.Max(1, train.Count - settings.ValSplit!.Value);

        // A small set in large batches has a handful of steps an epoch, of which nothing is learnt.
        var standardBatch = isNormalized ? 128 : 64;
        var fitting = standardBatch;
        while (fitting > SmallestBatch && images / fitting * (isNormalized ? 10 : 20) < SmallSetSteps) fitting /= 2;
        settings = settings.Or(new() { Batch = fitting });
        var stepsPerEpoch = Math.Max(1, images / settings.Batch!.Value);
        var epochs = isNormalized ? Math.Clamp(ImagesSeen / images, 10, 100) : Math.Clamp(LeNetSteps / Math.Max(1, train.Count / settings.Batch.Value), 5, 20);

        // Linear scaling (Goyal et al. 2017): the rates below are for the standard batch, and too high for a smaller one. What the weights lose a step, the rate times the decay, stays.
        var scale = isNormalized && settings.Optimizer == "sgd" ? Math.Min(1f, (float)settings.Batch.Value / standardBatch) : 1f;
        return settings.Or(new()
        {
            Epochs = Math.Max(epochs, Math.Min(MostEpochs, SmallSetSteps / stepsPerEpoch)),
            Augment = isColor ? "crop,flip" : "none",
            Schedule = "one-cycle",
            Lr = scale * settings.Optimizer switch
            {
                "adam" or "adamw" or "nadam" or "adamax" => 2e-3,
                "adadelta" => 1,
                "lion" => 3e-4,
                "lars" => 3,
                "rmsprop" => 1e-3,
                "adagrad" => 2e-2,
                _ when settings.Model!.StartsWith("resnet", StringComparison.Ordinal) => 0.2,
                _ when isNormalized => 0.1,
                _ when settings.Model == "lenet5" => 0.05,

                // Where nothing keeps activations and distances within bounds: at 0.05 LeNet-5 of 1998 learns 82% of MNIST, at this rate 98%.
                _ => 0.01,
            },
            Momentum = settings.Optimizer == "sgd" ? 0.9 : 0,
            WeightDecay = settings.Optimizer switch { "sgd" => 5e-4 / scale, "lars" => 5e-4, "adamw" => 1e-2, _ => 0 },
        });
    }
}
