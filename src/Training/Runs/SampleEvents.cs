using System.Globalization;
using System.Text;
using CnnSharp.Data;
using CnnSharp.Formats.TensorBoard;
using CnnSharp.Kernels;
using CnnSharp.Layers;

namespace CnnSharp.Training;

/// <summary>
/// The first validation samples for TensorBoard: their images once, and after each epoch what the model makes of them, as a table of texts, or as images where results are images.
/// </summary>
sealed class SampleEvents
{
    /// <summary>How many samples.</summary>
    const int Most = 16;

    /// <summary>How many numbers of a target or a result are written.</summary>
    const int MostNumbers = 8;

    readonly IDataset set;
    readonly TrainingTask task;
    readonly DataLoader loader;

    public SampleEvents(IDataset validation, TrainingTask task, Device device, Normalization? normalization)
    {
        var count = Math.Min(Most, validation.Count);
        set = validation is ImageDataset images ? images.Take(count) : validation.Subset([.. Enumerable.Range(0, count)]);
        loader = Trainer.LoaderOf(set, count, device, new() { Shuffle = false, Normalization = normalization });
        this.task = task;
    }

    /// <summary>What is to be added after an epoch.</summary>
    /// <param name="model">In whatever mode; it is put back.</param>
    /// <param name="isFirst">Whether nothing of it was written before: then with the samples' own images.</param>
    public IEnumerable<EventSummary.Types.Value> Of(Layer model, bool isFirst)
    {
        foreach (var (batch, output) in Trainer.Infer(model, task, loader, CancellationToken.None))
        {
            var values = new List<EventSummary.Types.Value>();
            if (isFirst) values.AddRange(Images(batch));
            if (IsOfImages(output.Shape)) values.AddRange(Enumerable.Range(0, batch.Count).Select(i => Image($"samples/{i:D2}/result", FromNumbers(output, i))));
            else values.Add(EventFile.Text("samples/predictions", Table(batch, output)));
            return values;
        }

        return [];
    }

    IEnumerable<EventSummary.Types.Value> Images(Batch batch)
    {
        for (var i = 0; i < batch.Count; i++)
        {
            if (set is ImageDataset images) yield return Image($"samples/{i:D2}", new(images.Pixels(i).ToArray(), images.Height, images.Width, images.Channels));
            else if (IsOfImages(batch.Inputs[0].Shape)) yield return Image($"samples/{i:D2}", FromNumbers(batch.Inputs[0], i));
        }
    }

    static bool IsOfImages(Shape shape) => shape.Rank == 4 && shape[3] is 1 or 3;

    /// <summary>One of a batch's images, its least number black and its largest white.</summary>
    static DecodedImage FromNumbers(Tensor batch, int index)
    {
        var length = (int)(batch.Count / batch.Shape[0]);
        var numbers = batch.ToArray().AsSpan(index * length, length);
        var (least, most) = (float.PositiveInfinity, float.NegativeInfinity);
        foreach (var number in numbers) (least, most) = (Math.Min(least, number), Math.Max(most, number));
        var pixels = new byte[length];
        for (var i = 0; i < length; i++) pixels[i] = (byte)Math.Round(255 * (numbers[i] - least) / Math.Max(most - least, float.Epsilon));
        return new(pixels, batch.Shape[1], batch.Shape[2], batch.Shape[3]);
    }

    static EventSummary.Types.Value Image(string tag, DecodedImage image)
    {
        using var png = new MemoryStream();
        ImageFile.WritePng(png, image);
        return EventFile.Image(tag, png.GetBuffer().AsSpan(0, (int)png.Length), image.Height, image.Width, image.Channels);
    }

    /// <summary>A row a sample: what it is, and what the model says; of classes the most probable, with its probability.</summary>
    string Table(Batch batch, Tensor output)
    {
        var text = new StringBuilder("| sample | target | prediction |\n|---|---|---|\n");
        var isOfClasses = batch.Targets is [{ DType: DType.Int32, Shape.Rank: 1 }, ..] && output.Shape.Rank == 2;
        var targets = batch.Targets.Count == 0 ? null : batch.Labels.DType == DType.Int32 ? [.. batch.Labels.ToArray<int>().Select(label => (float)label)] : batch.Labels.ToArray();
        using var shares = isOfClasses ? Functional.Softmax(output) : null;
        var results = (shares ?? output).ToArray();
        for (var i = 0; i < batch.Count; i++)
        {
            var result = Row(results, i);
            var target = targets is null ? [] : Row(targets, i);
            var prediction = isOfClasses ? Likeliest(result) : Numbers(result);
            text.Append(CultureInfo.InvariantCulture, $"| {i:D2} | {(isOfClasses ? Name((int)target[0]) : Numbers(target))} | {prediction} |\n");
        }

        return text.ToString();

        Span<float> Row(float[] all, int index) => all.AsSpan(index * (all.Length / batch.Count), all.Length / batch.Count);

        string Likeliest(Span<float> row)
        {
            var best = 0;
            for (var c = 1; c < row.Length; c++)
                if (row[c] > row[best]) best = c;
            return string.Create(CultureInfo.InvariantCulture, $"{Name(best)} ({100 * row[best]:F1}%)");
        }

        // A bar would end the cell.
        string Name(int label) => set is ImageDataset images && (uint)label < (uint)images.Classes ? images.ClassNames[label].Replace("|", "\\|", StringComparison.Ordinal) : label.ToString(CultureInfo.InvariantCulture);
    }

    static string Numbers(Span<float> values) => string.Join(", ", values[..Math.Min(MostNumbers, values.Length)].ToArray().Select(value => value.ToString("G4", CultureInfo.InvariantCulture))) + (values.Length > MostNumbers ? ", ..." : "");
}
