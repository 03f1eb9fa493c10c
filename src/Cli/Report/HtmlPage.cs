using System.Net;
using System.Text;
using CnnSharp.Data;
using CnnSharp.Formats;

namespace CnnSharp.Cli.Report;

/// <summary>One HTML file with all that it shows in it: no script, no file beside it, light or dark as its reader prefers, for a phone and a desk.</summary>
/// <param name="title">Of the page.</param>
internal sealed class HtmlPage(string title)
{
    /// <summary>Rows and columns of an image among others, at most: hundreds of large ones would make the page slow to open.</summary>
    const int MostPixels = 128;

    const string Style = """
        :root { color-scheme: light dark; --soft: #f4f6f9; --muted: #5b6474; --accent: #0072b2; --bad: #b3261e; }
        @media (prefers-color-scheme: dark) { :root { --soft: #1b212d; --muted: #9aa4b5; --accent: #56b4e9; --bad: #ff8a80; } }
        * { box-sizing: border-box; }
        body { margin: 0 auto; max-width: 76rem; padding: 1rem clamp(0.75rem, 3vw, 2rem) 3rem; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
        h1 { font-size: 1.5rem; margin: 0.5rem 0 0.25rem; overflow-wrap: anywhere; }
        h2 { font-size: 1.15rem; margin: 2.25rem 0 0.75rem; padding-top: 0.75rem; border-top: 1px solid var(--line); }
        h3 { font-size: 1rem; margin: 1.25rem 0 0.5rem; }
        p { margin: 0.5rem 0; max-width: 60rem; }
        .muted, figcaption, summary { color: var(--muted); }
        .wide { overflow-x: auto; }
        table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
        th, td { padding: 0.25rem 0.6rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
        th { font-weight: 600; color: var(--muted); white-space: nowrap; }
        .number { text-align: right; white-space: nowrap; }
        tr.differs td { background: color-mix(in srgb, var(--accent) 14%, transparent); }
        .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 25rem), 1fr)); gap: 1rem; }
        .charts > * { margin: 0; padding: 0.5rem; border: 1px solid var(--line); border-radius: 8px; min-width: 0; }
        svg { width: 100%; height: auto; display: block; }
        figcaption.legend { display: flex; flex-wrap: wrap; gap: 0.2rem 1rem; padding: 0.25rem 0.5rem; color: var(--ink); }
        .legend i { display: inline-block; width: 1.5rem; margin-right: 0.4rem; vertical-align: middle; }
        .images { display: grid; grid-template-columns: repeat(auto-fill, minmax(7.5rem, 1fr)); gap: 0.75rem; }
        .images figure { margin: 0; }
        .images img { width: 100%; border-radius: 4px; background: var(--soft); }
        img.pixels { image-rendering: pixelated; }
        figcaption { font-size: 0.8rem; line-height: 1.3; overflow-wrap: anywhere; }
        .wrong { color: var(--bad); }
        table.confusion { font-size: 0.8rem; }
        table.confusion td { text-align: right; border: 1px solid var(--line); padding: 0.2rem 0.4rem; }
        summary { cursor: pointer; margin: 0.5rem 0; }
        code { font-family: ui-monospace, monospace; font-size: 0.9em; overflow-wrap: anywhere; }
        """;

    readonly StringBuilder body = new();
    int chartsMade;

    /// <summary>Text as HTML shows it.</summary>
    public static string Escape(string text) => WebUtility.HtmlEncode(text);

    /// <summary>An image as an address that holds it (PNG).</summary>
    public static string Address(DecodedImage image)
    {
        using var stream = new MemoryStream();
        ImageFile.WritePng(stream, image);
        return $"data:image/png;base64,{Convert.ToBase64String(stream.GetBuffer(), 0, (int)stream.Length)}";
    }

    /// <summary>A heading; that of level 1 is the page's title.</summary>
    public void Heading(int level, string text) => Html($"<h{level}>{Escape(text)}</h{level}>");

    /// <summary>A paragraph.</summary>
    public void Paragraph(string text, bool isMuted = false) => Html($"<p{(isMuted ? " class=\"muted\"" : "")}>{Escape(text)}</p>");

    /// <summary>A table. A heading that begins with '&gt;' is of numbers, which stand at the right.</summary>
    /// <param name="columns">The headings.</param>
    /// <param name="rows">The cells, and whether the row is brought out.</param>
    public void Table(IReadOnlyList<string> columns, IEnumerable<(IReadOnlyList<string> Cells, bool IsBroughtOut)> rows)
    {
        body.Append("<div class=\"wide\"><table><thead><tr>");
        foreach (var column in columns) body.Append($"<th{Class(column)}>{Escape(column.TrimStart('>'))}</th>");
        body.Append("</tr></thead><tbody>");
        foreach (var (cells, isBroughtOut) in rows)
        {
            body.Append(isBroughtOut ? "<tr class=\"differs\">" : "<tr>");
            for (var i = 0; i < cells.Count; i++) body.Append($"<td{Class(columns[i])}>{Escape(cells[i])}</td>");
            body.Append("</tr>");
        }

        body.Append("</tbody></table></div>\n");

        static string Class(string column) => column.StartsWith('>') ? " class=\"number\"" : "";
    }

    /// <summary>Charts beside each other, as many as there is room for.</summary>
    public void Charts(IEnumerable<Chart> charts)
    {
        Html("<div class=\"charts\">");
        foreach (var chart in charts) Html($"<figure>{chart.ToSvg($"c{++chartsMade}")}{chart.Legend()}</figure>");
        Html("</div>");
    }

    /// <summary>Images with a line below each; small ones are shown pixel by pixel, large ones made smaller.</summary>
    public void Images(IEnumerable<(DecodedImage Image, string Caption, bool IsWrong)> images)
    {
        Html("<div class=\"images\">");
        foreach (var (image, caption, isWrong) in images)
            Html($"<figure><img src=\"{Address(Small(image))}\" alt=\"{Escape(caption)}\"{(image.Width < MostPixels ? " class=\"pixels\"" : "")}><figcaption{(isWrong ? " class=\"wrong\"" : "")}>{Escape(caption)}</figcaption></figure>");
        Html("</div>");
    }

    static DecodedImage Small(DecodedImage image)
        => Math.Max(image.Height, image.Width) <= MostPixels ? image : ImageFolder.Fit(image, new() { Size = MostPixels, Channels = image.Channels == 1 ? 1 : 3 });

    /// <summary>What is shown on demand.</summary>
    public void Details(string summary, Action content)
    {
        Html($"<details><summary>{Escape(summary)}</summary>");
        content();
        Html("</details>");
    }

    /// <summary>HTML as it stands.</summary>
    public void Html(string html) => body.Append(html).Append('\n');

    /// <summary>The whole file.</summary>
    public override string ToString() => $"""
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="generator" content="CnnSharp">
        <title>{Escape(title)}</title>
        <style>
        {Chart.Style}
        {Style}
        </style>
        </head>
        <body>
        {body}
        </body>
        </html>

        """;

    /// <summary>Writes the file.</summary>
    public void Save(string path) => AtomicFile.WriteText(path, ToString());
}
