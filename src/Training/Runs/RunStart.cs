using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace CnnSharp.Training;

/// <summary>Where and when a training was begun or resumed: a line of <see cref="FileName"/> in its folder. Nothing in it decides what comes out.</summary>
public sealed record RunStart
{
    /// <summary>The file in the output folder: one JSON object a line and start.</summary>
    public const string FileName = "environment.jsonl";

    /// <summary>When, in UTC.</summary>
    public required DateTime Started { get; init; }

    /// <summary>After how many steps: 0, or those of the checkpoint that it goes on from.</summary>
    public long Step { get; init; }

    /// <summary>The library's version.</summary>
    public string Version { get; init; } = "";

    /// <summary>.NET's version.</summary>
    public string Runtime { get; init; } = "";

    /// <summary>The operating system and the processor's architecture.</summary>
    public string System { get; init; } = "";

    /// <summary>The device's name, and how its engine describes itself.</summary>
    public string Device { get; init; } = "";

    /// <summary>The commit of git that the working folder stands at; null where it stands at none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Commit { get; init; }

    /// <summary>The program and its arguments.</summary>
    public IReadOnlyList<string> Command { get; init; } = [];

    /// <summary>As of now, in this process.</summary>
    internal static RunStart Now(Device device, long step) => new()
    {
        Started = DateTime.UtcNow,
        Step = step,
        Version = typeof(RunStart).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "",
        Runtime = RuntimeInformation.FrameworkDescription,
        System = $"{RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}",
        Device = $"{device} ({device.Engine.Description})",
        Commit = GitCommit.Of(Environment.CurrentDirectory),
        Command = Environment.GetCommandLineArgs(),
    };

    /// <summary>Adds the line to a folder's file; a training that begins anew begins the file anew.</summary>
    internal void AppendTo(string folder)
    {
        using var file = new FileStream(Path.Combine(folder, FileName), Step == 0 ? FileMode.Create : FileMode.Append, FileAccess.Write, FileShare.Read);
        JsonSerializer.Serialize(file, this, RunJson.Default.RunStart);
        file.WriteByte((byte)'\n');
    }

    /// <summary>The lines of a folder's file; those that are not whole are left out.</summary>
    internal static IReadOnlyList<RunStart> ReadFrom(string folder)
    {
        var path = Path.Combine(folder, FileName);
        var starts = new List<RunStart>();
        foreach (var line in File.Exists(path) ? File.ReadLines(path) : [])
        {
            try
            {
                if (JsonSerializer.Deserialize(line, RunJson.Default.RunStart) is { } start) starts.Add(start);
            }
            catch (JsonException)
            {
                // Cut short as the process ended.
            }
        }

        return starts;
    }
}

/// <summary>How the lines are written: made by the compiler, so that a trimmed program keeps what it needs.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(RunStart))]
sealed partial class RunJson : JsonSerializerContext;
