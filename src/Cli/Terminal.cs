using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Spectre.Console;

namespace CnnSharp.Cli;

/// <summary>Where a command writes: tables and progress for people, plain lines when redirected, one JSON object for scripts.</summary>
internal sealed class Terminal
{
    static readonly JsonSerializerOptions OneLine = new() { WriteIndented = false };

    readonly TextWriter output;
    readonly TextWriter error;
    readonly bool isErrorInteractive;

    /// <summary>The stream of what people read: <see cref="output"/>, or <see cref="error"/> where a program reads the output.</summary>
    TextWriter prose;

    /// <summary>The length of the progress line that stands on the screen.</summary>
    int shown;

    /// <summary>Creates a terminal.</summary>
    /// <param name="output">For results.</param>
    /// <param name="error">For what went wrong.</param>
    /// <param name="interactive">Whether a person is looking at the output: colors, live progress.</param>
    /// <param name="errorInteractive">Whether a person is looking at the error stream.</param>
    public Terminal(TextWriter output, TextWriter error, bool interactive, bool errorInteractive = false)
    {
        (this.output, this.error, IsInteractive, isErrorInteractive) = (output, error, interactive, errorInteractive);
        prose = output;
    }

    /// <summary>Whether a person is looking.</summary>
    public bool IsInteractive { get; private set; }

    /// <summary>Results as text, for System.CommandLine's help.</summary>
    public TextWriter Output => output;

    /// <summary>From now on only <see cref="WriteJson"/>, or a file's bytes, go to the output; what is for people goes to the error stream.</summary>
    public void ReserveOutput() => (prose, IsInteractive) = (error, isErrorInteractive);

    /// <summary>Writes a line.</summary>
    public void WriteLine(string line = "")
    {
        ClearProgress();
        prose.WriteLine(line);
    }

    /// <summary>Writes a line that is not a result.</summary>
    public void WriteError(string line)
    {
        ClearProgress();
        error.WriteLine(line);
    }

    /// <summary>
    /// Shows a person what is going on, on one line that the next output overwrites. Of the parts, as many as fit the
    /// screen's width; none: the line is cleared.
    /// </summary>
    public void ShowProgress(params ReadOnlySpan<string> parts)
    {
        if (!IsInteractive) return;

        // A character in the last column would make some terminals begin a new line.
        var text = Fit(parts, Columns - 1);
        prose.Write($"\r{text.PadRight(shown)}");
        prose.Flush();
        shown = text.Length;
    }

    /// <summary>The screen's columns; 80 where there is none.</summary>
    public static int Columns
    {
        get
        {
            try
            {
                return Console.WindowWidth is > 0 and var width ? width : 80;
            }
            catch (Exception e) when (e is IOException or PlatformNotSupportedException)
            {
                return 80;
            }
        }
    }

    /// <summary>The first parts, as many as fit, with two spaces between; the first is cut if it alone does not.</summary>
    internal static string Fit(ReadOnlySpan<string> parts, int width)
    {
        var text = parts.Length == 0 ? "" : parts[0].Length <= width ? parts[0] : parts[0][..Math.Max(0, width)];
        for (var i = 1; i < parts.Length && text.Length + 2 + parts[i].Length <= width; i++) text = $"{text}  {parts[i]}";
        return text;
    }

    /// <summary>Writes a table; numbers stand at the right.</summary>
    /// <param name="columns">The headings; one that begins with '>' is of numbers.</param>
    /// <param name="rows">The cells.</param>
    public void WriteTable(IReadOnlyList<string> columns, IEnumerable<IReadOnlyList<string>> rows)
    {
        var table = new Table().Border(IsInteractive ? TableBorder.Rounded : TableBorder.None);
        foreach (var column in columns)
        {
            var isNumber = column.StartsWith('>');
            var cell = new TableColumn(Markup.Escape(column.TrimStart('>'))).NoWrap();
            table.AddColumn(isNumber ? cell.RightAligned() : cell);
        }

        foreach (var row in rows) table.AddRow(row.Select(Markup.Escape).ToArray());
        ClearProgress();
        var console = AnsiConsole.Create(new()
        {
            Out = new AnsiConsoleOutput(prose),
            Ansi = IsInteractive ? AnsiSupport.Detect : AnsiSupport.No,
            Interactive = IsInteractive ? InteractionSupport.Detect : InteractionSupport.No,
        });
        if (!IsInteractive) console.Profile.Width = 200;
        console.Write(table);
    }

    /// <summary>Writes an object on a line of its own: all that a command under <c>--json</c> writes to the output.</summary>
    public void WriteJson(JsonObject value)
    {
        ClearProgress();
        output.WriteLine(value.ToJsonString(OneLine));
        output.Flush();
    }

    /// <summary>A share as <c>87.95%</c>.</summary>
    public static string Percent(double share, int digits = 2) => $"{(100 * share).ToString($"F{digits}", CultureInfo.InvariantCulture)}%";

    /// <summary>A number for JSON, which has no infinities and no NaN: those become null.</summary>
    public static JsonNode? Number(double value, int digits = 6) => double.IsFinite(value) ? Math.Round(value, digits) : null;

    /// <summary>A word of a command line as the system's shell reads it: quoted where it must be.</summary>
    public static string Quote(string word)
    {
        if (word.Length > 0 && word.All(c => char.IsAsciiLetterOrDigit(c) || "_-./:=,+@%".Contains(c, StringComparison.Ordinal) || (c == '\\' && OperatingSystem.IsWindows()))) return word;
        return OperatingSystem.IsWindows() ? $"\"{word.Replace("\"", "\\\"", StringComparison.Ordinal)}\"" : $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'";
    }

    void ClearProgress()
    {
        if (shown == 0) return;
        prose.Write($"\r{new string(' ', shown)}\r");
        shown = 0;
    }
}
