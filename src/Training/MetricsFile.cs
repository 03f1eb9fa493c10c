using System.Text;
using System.Text.Json;

namespace CnnSharp.Training;

/// <summary>One JSON object a line and epoch, with the times that checkpoints leave out; and the same as a table, for spreadsheets.</summary>
static class MetricsFile
{
    public const string Name = "metrics.jsonl";

    /// <summary>What ends the table's name in place of <c>.jsonl</c>.</summary>
    const string TableSuffix = ".csv";

    /// <summary>Drops the lines of epochs that are about to be trained again: all of them in a fresh run. Makes the file if there is none.</summary>
    public static void KeepUpTo(string path, int epochs)
    {
        var kept = File.Exists(path) ? File.ReadLines(path).Where(line => EpochOf(line) <= epochs).ToList() : [];
        Formats.AtomicFile.Write(path, stream =>
        {
            foreach (var line in kept) stream.Write(Encoding.UTF8.GetBytes(line + "\n"));
        });
        WriteTable(path);
    }

    public static void Append(string path, EpochResult result, long step)
    {
        AppendLine(path, result, step);
        WriteTable(path);
    }

    static void AppendLine(string path, EpochResult result, long step)
    {
        using var file = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read);
        using (var json = new Utf8JsonWriter(file))
        {
            json.WriteStartObject();
            json.WriteNumber("epoch", result.Epoch);
            json.WriteNumber("step", step);
            foreach (var (name, value) in Figures(result)) json.WriteNumber(name, value);
            json.WriteEndObject();
        }

        file.WriteByte((byte)'\n');
        file.Flush(flushToDisk: true);
    }

    /// <summary>The figures of each line; what is no number, and a line that was cut short, is left out. None where there is no file.</summary>
    public static IReadOnlyList<IReadOnlyDictionary<string, double>> Read(string path)
    {
        var epochs = new List<IReadOnlyDictionary<string, double>>();
        foreach (var line in File.Exists(path) ? File.ReadLines(path) : [])
        {
            try
            {
                using var json = JsonDocument.Parse(line);
                if (json.RootElement.ValueKind == JsonValueKind.Object) epochs.Add(json.RootElement.EnumerateObject().Where(field => field.Value.ValueKind == JsonValueKind.Number).ToDictionary(field => field.Name, field => field.Value.GetDouble(), StringComparer.Ordinal));
            }
            catch (JsonException)
            {
                // Cut short as the process ended.
            }
        }

        return epochs;
    }

    /// <summary>All lines as a table: a column a name, empty where a line has none.</summary>
    static void WriteTable(string path)
    {
        var rows = File.ReadLines(path).Select(line => JsonDocument.Parse(line).RootElement.EnumerateObject().ToDictionary(field => field.Name, field => field.Value.GetRawText(), StringComparer.Ordinal)).ToList();
        var columns = rows.SelectMany(row => row.Keys).Distinct(StringComparer.Ordinal).ToList();
        var table = new StringBuilder().AppendJoin(',', columns).Append('\n');
        foreach (var row in rows) table.AppendJoin(',', columns.Select(column => row.GetValueOrDefault(column, ""))).Append('\n');
        Formats.AtomicFile.WriteText(Path.ChangeExtension(path, TableSuffix), table.ToString());
    }

    /// <summary>The figures of an epoch that there are, by name.</summary>
    public static IEnumerable<(string Name, double Value)> Figures(EpochResult result)
    {
        yield return ("learning_rate", result.LearningRate);
        yield return ("train_loss", result.TrainLoss);
        if (result.TrainAccuracy is { } trained) yield return ("train_accuracy", trained);
        foreach (var figure in Others("train", result.TrainMetrics)) yield return figure;
        if (result.ValidationLoss is { } loss) yield return ("validation_loss", loss);
        if (result.ValidationAccuracy is { } accuracy) yield return ("validation_accuracy", accuracy);
        if (result.ValidationTop5Accuracy is { } top5) yield return ("validation_top5_accuracy", top5);
        foreach (var figure in Others("validation", result.ValidationMetrics)) yield return figure;
        yield return ("seconds", result.Seconds);
        yield return ("images_per_second", result.ImagesPerSecond);
        yield return ("peak_memory_mib", result.PeakMemory / (double)(1 << 20));

        // Accuracy has a place of its own.
        static IEnumerable<(string, double)> Others(string part, IReadOnlyDictionary<string, double>? metrics)
            => (metrics ?? new Dictionary<string, double>()).Where(pair => pair.Key != Metric.Accuracy.Name).Select(pair => ($"{part}_{pair.Key}", pair.Value));
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
