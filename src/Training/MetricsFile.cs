using System.Text;
using System.Text.Json;

namespace CnnSharp.Training;

/// <summary>One JSON object a line and epoch, with the times that checkpoints leave out.</summary>
static class MetricsFile
{
    public const string Name = "metrics.jsonl";

    /// <summary>Drops the lines of epochs that are about to be trained again: all of them in a fresh run. Makes the file if there is none.</summary>
    public static void KeepUpTo(string path, int epochs)
    {
        var kept = File.Exists(path) ? File.ReadLines(path).Where(line => EpochOf(line) <= epochs).ToList() : [];
        Formats.AtomicFile.Write(path, stream =>
        {
            foreach (var line in kept) stream.Write(Encoding.UTF8.GetBytes(line + "\n"));
        });
    }

    public static void Append(string path, EpochResult result, long step)
    {
        using var file = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read);
        using (var json = new Utf8JsonWriter(file))
        {
            json.WriteStartObject();
            json.WriteNumber("epoch", result.Epoch);
            json.WriteNumber("step", step);
            json.WriteNumber("learning_rate", result.LearningRate);
            json.WriteNumber("train_loss", result.TrainLoss);
            if (result.TrainAccuracy is { } trained) json.WriteNumber("train_accuracy", trained);
            Write("train", result.TrainMetrics);
            if (result.ValidationLoss is { } loss) json.WriteNumber("validation_loss", loss);
            if (result.ValidationAccuracy is { } accuracy) json.WriteNumber("validation_accuracy", accuracy);
            if (result.ValidationTop5Accuracy is { } top5) json.WriteNumber("validation_top5_accuracy", top5);
            Write("validation", result.ValidationMetrics);
            json.WriteNumber("seconds", result.Seconds);
            json.WriteNumber("images_per_second", result.ImagesPerSecond);
            json.WriteEndObject();

            // Accuracy has a place of its own.
            void Write(string part, IReadOnlyDictionary<string, double>? metrics)
            {
                foreach (var (name, value) in metrics ?? new Dictionary<string, double>())
                {
                    if (name != Metric.Accuracy.Name) json.WriteNumber($"{part}_{name}", value);
                }
            }
        }

        file.WriteByte((byte)'\n');
        file.Flush(flushToDisk: true);
    }

    /// <summary>The epoch of a line; a line that was cut short belongs to none that is kept.</summary>
    static int EpochOf(string line)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            return json.RootElement.ValueKind == JsonValueKind.Object && json.RootElement.TryGetProperty("epoch", out var epoch) && epoch.TryGetInt32(out var value) ? value : int.MaxValue;
        }
        catch (JsonException)
        {
            return int.MaxValue;
        }
    }
}
