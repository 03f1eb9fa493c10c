using CnnSharp.Data;
using CnnSharp.Layers;
using CnnSharp.Training;

namespace CnnSharp.Cli.Train;

/// <summary>From what was said to what is trained: the steps that <c>train</c>, <c>check</c> and <c>tune</c> share.</summary>
internal static class TrainingSetup
{
    /// <summary>What was said, where it makes sense together, and what the weights to start from say of themselves.</summary>
    public static TrainSettings Start(TrainSettings said, bool resume)
    {
        if (said.ClipNorm is not null && said.ClipValue is not null) throw new UsageException("--clip-norm and --clip-value: only one of them can be had.");
        if (said.MinDelta is not null && said.EarlyStopping is null) throw new UsageException("--min-delta: it is for --early-stopping N.");
        if (said.Weights is null && (said.Rename ?? said.WeightsKey ?? said.WeightsLayout) is not null) throw new UsageException($"{(said.Rename is not null ? "--rename" : said.WeightsKey is not null ? "--weights-key" : "--layout")}: it is for --weights FILE.");
        if (said is { Momentum: > 0, Optimizer: not (null or "sgd" or "rmsprop") }) throw new UsageException($"--momentum {said.Momentum}: it is for --optimizer sgd and rmsprop, not {said.Optimizer}.");
        foreach (var rate in said.LrScale ?? []) TrainSettings.ParseRate(rate);
        if (said.Average is { } average) TrainSettings.ParseAverage(average);
        if (said.Weights is not { } weights || resume) return said;

        if (ModelWeights.IsOnnx(weights)) throw new UsageException("--weights: an ONNX file is a network of its own; 'cnnsharp import' runs it, but train needs the weights of a --model.");
        if (said.Rename is { } rules) ModelWeights.Existing("--rename", rules);
        if (!Checkpoint.IsCheckpoint(ModelWeights.Existing("--weights", weights))) return said;
        var trained = Checkpoint.ReadInfo(weights).Model;
        if (said.Model is { } model && model != trained.Name) throw new UsageException($"--model {model}: '{weights}' is of the model '{trained.Name}'.");
        return said with { Model = trained.Name, Size = said.Size ?? (said.Dataset == ImageFolder.Name ? trained.Input[0] : null), Shortcut = said.Shortcut ?? trained.Options.GetValueOrDefault("shortcut") };
    }

    /// <summary>Reads the weights to start from into a model.</summary>
    /// <returns>What was done, in words.</returns>
    public static string LoadWeights(Layer model, TrainSettings settings, ImageDataset train)
    {
        var (difference, head) = StartingWeights.Load(model, settings.Weights!, ImportedWeights.Of(settings, new(train.Height, train.Width, train.Channels)), train.ClassNames, (count, where) => settings.BuildModel(train, count, where));
        return $"starts from {settings.Weights}{(difference is null ? "" : $", which is for {difference}")}{(head.Count == 0 ? "" : $", so the head is initialized: {string.Join(", ", head)}")}";
    }

    /// <summary>The data set that was said, else the best that is present.</summary>
    public static DatasetSplits Load(Terminal terminal, TrainSettings said)
    {
        if (said.Dataset is { } name) return Folders.Find(terminal, name, said);
        var data = DataSets.Best(said.Data, out var notice);
        if (notice is not null) terminal.WriteLine(notice);
        return data;
    }

    /// <summary>Settings with where the images were found and the size to which they were brought, so that whoever reads them finds the same ones.</summary>
    public static TrainSettings Located(TrainSettings settings, DatasetSplits data) => settings with
    {
        Size = settings.Dataset == ImageFolder.Name ? data.Train.Height : null,
        Data = Directory.Exists(data.Source) ? Path.GetFullPath(data.Source) : null,
        Labels = settings.Labels is { } file ? Path.GetFullPath(file) : null,
    };

    /// <summary>What is trained on, what is measured on after each epoch, and what that is called.</summary>
    public static (ImageDataset Train, ImageDataset? Held, string Measured) Split(DatasetSplits data, int validation)
    {
        if (data.Train.Count == 0) throw new UsageException($"--data: {data.Source} has only test images of {data.Name}; there are none to train on.");
        if (validation >= data.Train.Count) throw new UsageException($"--val-split {validation:N0}: {data.Name} has {data.Train.Count:N0} training images; some must be left to train on.");
        if (validation == 0 && data.Validation is { } given) return (data.Train, given, "validation");
        if (validation == 0) return (data.Train, data.Test, data.Test is null ? "training" : "test");
        var (train, held) = data.Split(validation);
        return (train, held, "validation");
    }

    /// <summary>The network of complete settings, with the weights that it starts from, and what is to stay as it is frozen.</summary>
    public static Layer Build(TrainSettings settings, ImageDataset train, Device device)
    {
        var model = settings.BuildModel(train, device);
        if (settings.Weights is not null) LoadWeights(model, settings, train);
        if (settings.Freeze is { } patterns) model.Freeze(patterns);
        return model;
    }

    /// <summary>How it is trained, outside of any folder.</summary>
    public static TrainingOptions Options(TrainSettings settings, ImageDataset train) => settings.ToOptions(train, new(null, Overwrite: false, Resume: false, "")) with { OutputFolder = null, NumberedFolder = false };
}
