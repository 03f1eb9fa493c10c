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

    /// <summary>Creates a terminal.</summary>
    /// <param name="output">For results.</param>
    /// <param name="error">For what went wrong.</param>
    /// <param name="interactive">Whether a person is looking: colours, live progress.</param>
    public Terminal(TextWriter output, TextWriter error, bool interactive)
    {
        this.output = output;
        this.error = error;
        IsInteractive = interactive;
        Console = AnsiConsole.Create(new()
        {
            Out = new AnsiConsoleOutput(output),
            Ansi = interactive ? AnsiSupport.Detect : AnsiSupport.No,
            Interactive = interactive ? InteractionSupport.Detect : InteractionSupport.No,
        });
        if (!interactive) Console.Profile.Width = 200;
    }

    /// <summary>Whether a person is looking.</summary>
    public bool IsInteractive { get; }

    /// <summary>The console that Spectre draws on.</summary>
    public IAnsiConsole Console { get; }

    /// <summary>Results as text, for System.CommandLine's help.</summary>
    public TextWriter Output => output;

    /// <summary>Writes a line.</summary>
    public void WriteLine(string line = "") => output.WriteLine(line);

    /// <summary>Writes a line that is not a result.</summary>
    public void WriteError(string line) => error.WriteLine(line);

    /// <summary>Shows a person what is going on, on a line that the next output overwrites; "" clears it.</summary>
    public void ShowProgress(string text)
    {
        if (IsInteractive) output.Write($"\r{text,-78}\r");
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
        Console.Write(table);
    }

    /// <summary>Writes an object on a line of its own: the last line of a command under <c>--json</c>.</summary>
    public void WriteJson(JsonObject value)
    {
        output.WriteLine(value.ToJsonString(OneLine));
        output.Flush();
    }

    /// <summary>A share as <c>87.95%</c>.</summary>
    public static string Percent(double share, int digits = 2) => $"{(100 * share).ToString($"F{digits}", CultureInfo.InvariantCulture)}%";

    /// <summary>A number for JSON, which has no infinities and no NaN: those become null.</summary>
    public static JsonNode? Number(double value, int digits = 6) => double.IsFinite(value) ? Math.Round(value, digits) : null;
}
