using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using CnnSharp.Cli.Report;
using CnnSharp.Data;

namespace CnnSharp.Cli;

/// <summary>An image that was taken for another class than its own.</summary>
/// <param name="Name">Its file, or its number in the set.</param>
/// <param name="Class">What it is.</param>
/// <param name="Predicted">What it was taken for.</param>
/// <param name="Probability">Of that, 0 to 1.</param>
/// <param name="Image">Reads it.</param>
internal sealed record WrongImage(string Name, string Class, string Predicted, double Probability, Func<DecodedImage> Image);

/// <summary>The images that a network got wrong, those first that it is surest of: on the terminal, as JSON, and as a page.</summary>
internal sealed class MistakeReport
{
    /// <summary>As many are kept, and named in JSON.</summary>
    public const int Most = 10_000;

    const int MostListed = 20;
    const int DefaultShown = 200;

    readonly Terminal terminal;
    readonly bool isListed;
    readonly string? sheet;
    readonly int mostShown;

    MistakeReport(Terminal terminal, bool isListed, string? sheet, int mostShown) => (this.terminal, this.isListed, this.sheet, this.mostShown) = (terminal, isListed, sheet, mostShown);

    /// <summary>Says and writes what was asked for.</summary>
    /// <param name="of">What was measured, for the page's title.</param>
    /// <param name="count">How many images were looked at.</param>
    /// <param name="wrong">How many of them are wrong.</param>
    /// <param name="mistakes">Those, the surest first, or the first <see cref="Most"/>.</param>
    /// <returns>The same for JSON.</returns>
    public JsonArray Write(string of, long count, long wrong, IReadOnlyList<WrongImage> mistakes)
    {
        if (isListed) List(count, wrong, mistakes);
        if (sheet is not null) WriteSheet(of, count, wrong, mistakes);
        return [.. mistakes.Select(mistake => new JsonObject { ["image"] = mistake.Name, ["class"] = mistake.Class, ["predicted"] = mistake.Predicted, ["probability"] = Terminal.Number(mistake.Probability) })];
    }

    void List(long count, long wrong, IReadOnlyList<WrongImage> mistakes)
    {
        terminal.WriteLine();
        terminal.WriteLine($"{wrong:N0} of {count:N0} images taken for another class{(wrong == 0 ? "" : ", the surest first")}");
        if (wrong == 0) return;
        terminal.WriteTable(["image", "is", "taken for", ">probability"], mistakes.Take(MostListed).Select(mistake => (IReadOnlyList<string>)[mistake.Name, mistake.Class, mistake.Predicted, Terminal.Percent(mistake.Probability, 1)]));
        if (wrong > MostListed) terminal.WriteLine($"and {wrong - MostListed:N0} more: --sheet FILE.html shows them, --json names them");
    }

    void WriteSheet(string of, long count, long wrong, IReadOnlyList<WrongImage> mistakes)
    {
        var page = new HtmlPage($"Misclassified: {of}");
        page.Heading(1, of);
        page.Paragraph(string.Create(CultureInfo.InvariantCulture, $"{wrong:N0} of {count:N0} images taken for another class ({Terminal.Percent(1 - ((double)wrong / count))} right). {(wrong > mostShown ? $"The {mostShown:N0} that the network is surest of" : "All of them, the surest first")}: what an image is, what it was taken for, and how probable the network holds that."), isMuted: true);
        page.Images(mistakes.Take(mostShown).Select(mistake => (mistake.Image(), $"{mistake.Class} → {mistake.Predicted}, {Terminal.Percent(mistake.Probability, 1)} ({mistake.Name})", false)));
        page.Save(sheet!);
        terminal.WriteLine($"misclassified images: {sheet}");
    }

    /// <summary>The options that ask for it.</summary>
    internal sealed class Asked
    {
        readonly Option<bool> list = new("--misclassified") { Description = $"name the images that are taken for another class, those first that the network is surest of: {MostListed} on the terminal, {Most:N0} with --json" };
        readonly Option<string?> sheet = Options.Text("--sheet", "FILE.html", "write a page of the misclassified images, alone in one file");
        readonly Option<int?> shown = Options.Whole("--sheet-images", $"of --sheet, how many images at most; default {DefaultShown}", minimum: 1, maximum: Most);

        /// <summary>Adds the options to a command.</summary>
        public void AddTo(Command command)
        {
            command.Options.Add(list);
            command.Options.Add(sheet);
            command.Options.Add(shown);
        }

        /// <summary>What was asked for; null: nothing.</summary>
        /// <param name="terminal">Where it is said.</param>
        /// <param name="parsed">The command line.</param>
        /// <param name="read">Files that are read, and must not be replaced.</param>
        /// <exception cref="UsageException">The file cannot be written, or its images are counted without one.</exception>
        public MistakeReport? Of(Terminal terminal, ParseResult parsed, params string?[] read)
        {
            var (isListed, most) = (parsed.GetValue(list), parsed.GetValue(shown));
            var file = Outputs.Check(terminal, "--sheet", parsed.GetValue(sheet), read);
            if (most is not null && file is null) throw new UsageException("--sheet-images: it is for --sheet FILE.html.");
            return isListed || file is not null ? new(terminal, isListed, file, most ?? DefaultShown) : null;
        }
    }
}
