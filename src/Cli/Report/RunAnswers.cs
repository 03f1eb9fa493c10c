using CnnSharp.Cli.Commands;
using CnnSharp.Cli.Train;
using CnnSharp.Data;
using CnnSharp.Kernels;
using CnnSharp.Training;

namespace CnnSharp.Cli.Report;

/// <summary>What a network takes an image for.</summary>
/// <param name="Index">Which image of the set.</param>
/// <param name="Actual">Its class.</param>
/// <param name="Predicted">The class that is the most probable, the first of equals.</param>
/// <param name="Probability">Of the predicted class.</param>
/// <param name="ActualProbability">Of the image's own class.</param>
internal readonly record struct Answer(int Index, int Actual, int Predicted, float Probability, float ActualProbability)
{
    /// <summary>Whether it is right.</summary>
    public bool IsRight => Actual == Predicted;
}

/// <summary>A training's network, asked about the images that it was measured on.</summary>
/// <param name="Set">The images.</param>
/// <param name="All">An answer an image, in the set's order.</param>
/// <param name="Confusion">Which classes were taken for which.</param>
internal sealed record RunAnswers(ImageDataset Set, IReadOnlyList<Answer> All, ConfusionMatrix Confusion)
{
    /// <summary>Asks the network of a training's best checkpoint.</summary>
    /// <param name="terminal">Where images that are left out are named.</param>
    /// <param name="run">The training.</param>
    /// <param name="data">Where its images are; null: where the training found them.</param>
    /// <param name="device">Where it is computed.</param>
    /// <param name="reason">Why there are none.</param>
    /// <returns>Null if there are none: the data or the network's class is not here.</returns>
    public static RunAnswers? Of(Terminal terminal, RunRecord run, string? data, Device device, out string? reason)
    {
        reason = null;
        if (run.Info is not { } info || run.Checkpoint is not { } file)
        {
            reason = "there is no checkpoint that can be read.";
            return null;
        }

        try
        {
            return Ask(terminal, file, info, TrainSettings.Read(run.Folder), data, device);
        }
        catch (Exception e) when (e is UsageException or ArgumentException or IOException or NotSupportedException or UnauthorizedAccessException or ShapeException)
        {
            reason = e.Message;
            return null;
        }
    }

    static RunAnswers Ask(Terminal terminal, string file, CheckpointInfo info, TrainSettings? settings, string? data, Device device)
    {
        var found = EvalCommand.FindSet(terminal, info.Dataset, new() { Data = data }, settings, info, onnx: null, anyClasses: false);
        var set = EvalCommand.WithTrainedClasses(EvalCommand.Images(found, split: null, settings?.ValSplit ?? 0), file, info.ClassNames, anyClasses: false).With(info.Normalization);
        var outputs = Trainer.Predict(EvalCommand.FromCheckpoint(file, info, set, device), set).Outputs;
        using var shares = Functional.Softmax(outputs);
        var values = shares.ToArray();
        var answers = new Answer[set.Count];
        var confusion = new ConfusionMatrix(set.Classes);
        for (var i = 0; i < answers.Length; i++)
        {
            var row = values.AsSpan(i * set.Classes, set.Classes);
            var (actual, predicted) = (set.Labels[i], 0);
            for (var c = 1; c < row.Length; c++)
                if (row[c] > row[predicted]) predicted = c;
            answers[i] = new(i, actual, predicted, row[predicted], row[actual]);
            confusion.Add(actual, predicted);
        }

        return new(set, answers, confusion);
    }

    /// <summary>An image of the set as it is shown.</summary>
    public DecodedImage Image(Answer answer) => new(Set.Pixels(answer.Index).ToArray(), Set.Height, Set.Width, Set.Channels);
}
