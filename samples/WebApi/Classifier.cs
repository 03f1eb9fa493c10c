using CnnSharp;
using CnnSharp.Data;
using CnnSharp.Layers;
using CnnSharp.Models;
using CnnSharp.Training;

namespace WebApi;

/// <summary>A trained network and what its images must look like. Any number of threads may call it.</summary>
public sealed class Classifier
{
    readonly Layer model;
    readonly Normalization normalization;
    readonly ImageFolderOptions reading;
    readonly Lock gate = new();

    Classifier(Layer model, Normalization normalization, int size, IReadOnlyList<string> classes)
    {
        this.model = model.Eval();
        this.normalization = normalization;
        reading = new() { Size = size, Channels = normalization.Channels };
        Classes = classes;
    }

    /// <summary>What it can tell apart.</summary>
    public IReadOnlyList<string> Classes { get; }

    /// <summary>A network that is trained now, on the built-in images of clothes: nothing is needed, and it takes seconds.</summary>
    public static Classifier OfClothes()
    {
        var data = EmbeddedFashionMnist.Load();
        var model = LeNet5.Create(data.Train.Height, data.Train.Channels, data.Train.Classes);
        Trainer.Fit(model, data.Train, data.Test, new() { Epochs = 12, Optimizer = new AdamOptions { LearningRate = 2e-3 }, Augmentation = Augment.Flip(), Seed = 1 });
        return new(model, data.Train.Normalization, data.Train.Height, data.Train.ClassNames);
    }

    /// <summary>What <c>cnnsharp train</c> wrote: the file says which network it is, and how its images were normalized.</summary>
    /// <exception cref="DataFormatException">The file is no checkpoint of a network that takes square images.</exception>
    public static Classifier FromCheckpoint(string path)
    {
        var info = Checkpoint.ReadInfo(path);
        if (info.Model.Input is not [var height, var width, 1 or 3] || height != width) throw new DataFormatException(path, "the network's images", "square ones of 1 or 3 channels", $"[{string.Join(", ", info.Model.Input)}]");
        var shortcut = Enum.Parse<Shortcut>(info.Model.Options.GetValueOrDefault("shortcut", "A"), ignoreCase: true);
        var model = Zoo.Build(info.Model.Name, new() { Input = [.. info.Model.Input], Classes = info.Model.Classes, Shortcut = shortcut });
        Checkpoint.Load(path, model);
        return new(model, info.Normalization, height, info.ClassNames.Count > 0 ? info.ClassNames : [.. Enumerable.Range(0, info.Model.Classes).Select(label => $"{label}")]);
    }

    /// <summary>The likeliest classes of an image of any size, the likeliest first.</summary>
    public Prediction[] Classify(DecodedImage image, int top = 5) => ClassifyFitted(ImageFolder.Fit(image, reading), top);

    /// <summary>The same of an image's file, which may claim so many pixels.</summary>
    /// <exception cref="DataFormatException">It cannot be read, or claims more.</exception>
    public Prediction[] Classify(byte[] file, string name, long maxPixels) => ClassifyFitted(ImageFolder.ReadImage(file, name, reading with { MaxPixels = maxPixels }), top: 5);

    Prediction[] ClassifyFitted(DecodedImage fitted, int top)
    {
        float[] probabilities;

        // One image keeps every core busy, so a second one at the same time would only wait further inside. That nothing is
        // recorded holds for a thread: between the scope's beginning and end there may be no await.
        lock (gate)
        {
            using var scope = Tape.NoGrad();
            using var image = fitted.ToTensor(normalization);
            probabilities = Functional.Softmax(model.Forward(image)).ToArray();
        }

        return [.. probabilities.Select((probability, label) => new Prediction(Classes[label], probability)).OrderByDescending(p => p.Probability).Take(top)];
    }
}

/// <summary>A class and how likely it is.</summary>
/// <param name="Class">Its name.</param>
/// <param name="Probability">0 to 1.</param>
public sealed record Prediction(string Class, float Probability);
