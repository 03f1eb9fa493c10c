using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using CnnSharp.Formats;

namespace CnnSharp.Training;

/// <summary>
/// What a search keeps in its folder. Nothing in these files differs between two equal searches: no time, no host. Whenever the process ends, what trials came to before is there.
/// </summary>
sealed class SearchFolder : IDisposable
{
    const string AskedFile = "search.json";
    const string TrialsFile = "trials.jsonl";
    const string TableFile = "trials.csv";
    const string BestFile = "best.json";

    static readonly JsonWriterOptions Indented = new() { Indented = true };

    readonly string path;
    readonly RunLock taken;
    readonly Metric objective;
    readonly string asked;
    readonly IReadOnlyList<Dimension> space;
    readonly bool isReplaced;

    SearchFolder(SearchOptions options, Metric objective, string asked, RunLock taken)
    {
        (path, space, this.objective, this.asked, this.taken) = (options.OutputFolder, options.Space, objective, asked, taken);
        isReplaced = options.Overwrite;
    }

    /// <summary>What a search that is resumed had found, by the trials' numbers.</summary>
    public IReadOnlyDictionary<int, TrialResult> Recorded { get; private set; } = new Dictionary<int, TrialResult>();

    /// <summary>Takes the folder that the options name. Nothing is written yet.</summary>
    /// <exception cref="RunLockedException">Another search has it.</exception>
    /// <exception cref="ArgumentException">It holds a search, or a training, which is neither to be resumed nor to be replaced.</exception>
    /// <exception cref="DataFormatException">The search to resume was asked for something else.</exception>
    public static SearchFolder Take(SearchOptions options, Metric objective, SearchSubject subject)
    {
        var path = options.OutputFolder;
        if (OutputFolder.FileIn(path) is { } training) throw new ArgumentException($"'{path}' holds a training ({training}); expected a folder for a search alone.");
        var before = Path.Combine(path, AskedFile);
        if (!options.Resume && !options.Overwrite && File.Exists(before)) throw new ArgumentException($"'{path}' holds a search already ({AskedFile}). Resume it, choose another folder, or say that it is to be replaced: {nameof(SearchOptions)}.{nameof(SearchOptions.Resume)}, {nameof(SearchOptions.Overwrite)}.");

        // Without a word of what was searched for, nobody knows whose trials they are.
        if (!options.Overwrite && !File.Exists(before) && TrialsIn(path).FirstOrDefault() is { } stray) throw new ArgumentException($"'{path}' holds a trial ({Path.GetFileName(stray)}), but not what was searched for ({AskedFile}). Choose another folder, or say that it is to be replaced: {nameof(SearchOptions)}.{nameof(SearchOptions.Overwrite)}.");
        var folder = new SearchFolder(options, objective, Describe(options, objective, subject), RunLock.Take(path));
        try
        {
            if (options.Resume && File.Exists(before)) folder.ReadBack(before, options);
        }
        catch
        {
            folder.Dispose();
            throw;
        }

        return folder;
    }

    /// <summary>The folder of a trial's training.</summary>
    public string Of(Trial trial, int? fold)
    {
        var folder = Path.Combine(path, new TrialResult(trial, TrialStatus.Unfinished, []).Folder);
        return fold is null ? folder : Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"fold{fold}"));
    }

    /// <summary>Makes the folder ready: what an earlier search left is removed, where it is replaced.</summary>
    public void Begin()
    {
        AtomicFile.DeleteLeftovers(path);
        if (isReplaced)
        {
            foreach (var file in new[] { AskedFile, TrialsFile, TableFile, BestFile }) File.Delete(Path.Combine(path, file));
            foreach (var trial in TrialsIn(path)) Directory.Delete(trial, recursive: true);
        }

        Write(AskedFile, asked);
    }

    /// <summary>Writes what trials came to. Of those that a resumed search has yet to come to, what is recorded stays.</summary>
    public void Write(IEnumerable<TrialResult> results, IReadOnlyDictionary<int, TrialResult> recorded)
    {
        var lines = new SortedDictionary<int, TrialResult>(recorded.ToDictionary());
        foreach (var result in results)
        {
            if (!lines.TryGetValue(result.Trial.Number, out var before) || result.Measures.Count >= before.Measures.Count) lines[result.Trial.Number] = result;
        }

        Write(TrialsFile, string.Concat(lines.Values.Select(result => $"{Json(result).ToJsonString()}\n")));
        Write(TableFile, Table(lines.Values));
    }

    /// <summary>Writes the best trial; none where none was trained to its end.</summary>
    public void WriteBest(SearchResult result)
    {
        if (result.Best is { } best) Write(BestFile, Text(Json(best)));
    }

    /// <summary>Throws if a trial is not the one that is recorded under its number.</summary>
    public void ThrowIfUnlike(Trial trial, Trial recorded)
    {
        if (!trial.Values.SequenceEqual(recorded.Values)) throw new DataFormatException(Path.Combine(path, TrialsFile), $"cannot be resumed; trial {trial.Number}", trial.ToString(), recorded.ToString());
    }

    public void Dispose() => taken.Dispose();

    /// <summary>The folders of trials.</summary>
    static IEnumerable<string> TrialsIn(string path)
        => !Directory.Exists(path) ? [] : Directory.GetDirectories(path, "trial-*").Where(folder => Path.GetFileName(folder)["trial-".Length..] is { Length: >= 3 } number && number.All(char.IsAsciiDigit));

    /// <summary>All that decides which trials there are and what they come to, as far as the search knows it.</summary>
    static string Describe(SearchOptions options, Metric objective, SearchSubject subject) => Text(new()
    {
        ["space"] = new JsonArray([.. options.Space.Select(dimension => JsonValue.Create(dimension.ToString()))]),
        ["method"] = options.Method == SearchMethod.Grid ? "grid" : "random",
        ["trials"] = options.Method == SearchMethod.Grid ? null : options.Trials,
        ["stages"] = options.Stages,
        ["halving"] = options.Halving is { } halving ? new JsonObject { ["first_epochs"] = halving.FirstEpochs, ["factor"] = halving.Factor } : null,
        ["folds"] = options.Folds,
        ["seed"] = options.Seed,
        ["objective"] = objective.Name,
        ["dataset"] = subject.Train.Name,
        ["samples"] = subject.Train.Count,
        ["validation"] = subject.Validation?.Count,
    });

    /// <summary>Goes on from what is there, if it is of the same search; of a random one in one stage more trials may be asked for than before.</summary>
    void ReadBack(string before, SearchOptions options)
    {
        var (then, now) = (Parse(before, File.ReadAllText(before)), JsonNode.Parse(asked)!.AsObject());
        foreach (var (name, value) in now)
        {
            var old = then[name];
            if (JsonNode.DeepEquals(old, value)) continue;
            if (name == "trials" && options is { Stages: 1, Halving: null } && old is not null && value is not null && value.GetValue<int>() >= old.GetValue<int>()) continue;
            throw new DataFormatException(before, $"cannot be resumed; {name}", value?.ToJsonString() ?? "none", old?.ToJsonString() ?? "none");
        }

        var file = Path.Combine(path, TrialsFile);
        if (!File.Exists(file)) return;
        Recorded = File.ReadLines(file).Select(line => Read(file, Parse(file, line))).ToDictionary(result => result.Trial.Number);
    }

    static JsonObject Parse(string file, string text)
    {
        try
        {
            return JsonNode.Parse(text) as JsonObject ?? throw new DataFormatException(file, "holds no JSON object where a search wrote one");
        }
        catch (JsonException e)
        {
            throw new DataFormatException(file, $"is not what a search wrote: {e.Message.TrimEnd('.')}", inner: e);
        }
    }

    JsonObject Json(TrialResult result) => new()
    {
        ["trial"] = result.Trial.Number,
        ["stage"] = result.Trial.Stage,
        ["values"] = new JsonObject(result.Trial.Values.Select(pair => new KeyValuePair<string, JsonNode?>(pair.Key, pair.Value))),
        ["status"] = NameOf(result.Status),
        ["epochs"] = result.Last?.Epochs,
        [objective.Name] = result.Last?.Value,
        ["std"] = result.Last?.Std,
        ["measures"] = new JsonArray([.. result.Measures.Select(measure => new JsonObject
        {
            ["epochs"] = measure.Epochs,
            ["value"] = measure.Value,
            ["folds"] = new JsonArray([.. measure.Folds.Select(fold => JsonValue.Create(fold))]),
        })]),
        ["failure"] = result.Failure,
        ["folder"] = result.Folder,
    };

    static TrialResult Read(string file, JsonObject line)
    {
        try
        {
            var values = line["values"]!.AsObject().Select(pair => new KeyValuePair<string, string>(pair.Key, pair.Value!.GetValue<string>())).ToList();
            var measures = line["measures"]!.AsArray().Select(measure => new TrialMeasure(measure!["epochs"]!.GetValue<int>(), measure["value"]!.GetValue<double>(), [.. measure["folds"]!.AsArray().Select(fold => fold!.GetValue<double>())])).ToList();
            var status = line["status"]!.GetValue<string>();
            return new(new(line["trial"]!.GetValue<int>(), line["stage"]!.GetValue<int>(), values), Enum.GetValues<TrialStatus>().First(known => NameOf(known) == status), measures, line["failure"]?.GetValue<string>());
        }
        catch (Exception e) when (e is NullReferenceException or InvalidOperationException or FormatException)
        {
            throw new DataFormatException(file, "a line is not what a search wrote", inner: e);
        }
    }

    /// <summary>A line a trial, a column a dimension.</summary>
    string Table(IEnumerable<TrialResult> results)
    {
        var table = new StringBuilder().AppendJoin(',', ["trial", "stage", .. space.Select(dimension => Cell(dimension.Name)), "status", "epochs", objective.Name, "std", "failure"]).Append('\n');
        foreach (var result in results)
        {
            table.AppendJoin(',', [
                result.Trial.Number.ToString(CultureInfo.InvariantCulture),
                result.Trial.Stage.ToString(CultureInfo.InvariantCulture),
                .. result.Trial.Values.Select(pair => Cell(pair.Value)),
                NameOf(result.Status),
                result.Last?.Epochs.ToString(CultureInfo.InvariantCulture) ?? "",
                result.Last is { } last ? Dimension.Write(last.Value) : "",
                result.Last?.Std is { } std ? Dimension.Write(std) : "",
                Cell(result.Failure ?? "")]).Append('\n');
        }

        return table.ToString();
    }

    /// <summary>A text in a table: in quotes where it has one of the table's own characters.</summary>
    static string Cell(string text) => text.AsSpan().IndexOfAny(',', '"', '\n') < 0 ? text : $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    static string NameOf(TrialStatus status) => status switch { TrialStatus.Completed => "completed", TrialStatus.Dropped => "dropped", TrialStatus.Failed => "failed", _ => "unfinished" };

    static string Text(JsonObject value)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, Indented)) value.WriteTo(writer);
        return $"{Encoding.UTF8.GetString(stream.ToArray())}\n";
    }

    void Write(string name, string text) => AtomicFile.WriteText(Path.Combine(path, name), text);
}
