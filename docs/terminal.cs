// Draws docs/train.svg, the README's image of a terminal, from what tmux shows (a window of 112 columns holds the longest line):
//   tmux capture-pane -e -p | dotnet run docs/terminal.cs > docs/train.svg
// It has a background of its own, so it is readable on a light page and a dark one. The tool prints no colors: an escape is an error.
using System.Security;
using System.Text;

const int FontSize = 13, LineHeight = 19, Margin = 18;
const double Advance = 7.8;

var lines = Console.In.ReadToEnd().TrimEnd('\n', ' ', '$').Split('\n');
if (lines.Any(line => line.Contains('\e'))) throw new NotSupportedException("The capture has escape sequences, which are not drawn.");
var width = (int)(lines.Max(line => line.Length) * Advance) + (2 * Margin);
var height = (lines.Length * LineHeight) + (2 * Margin);
var svg = new StringBuilder($"""
    <svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" aria-label="A terminal: {SecurityElement.Escape(lines[0].TrimStart('$', ' '))}">
    <rect width="{width}" height="{height}" rx="8" fill="#1c2040" stroke="#4a60b0"/>
    <g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace" font-size="{FontSize}" fill="#dfe4f5" style="white-space: pre">

    """);
for (var i = 0; i < lines.Length; i++)
{
    var line = lines[i].TrimEnd();
    if (line.Length == 0) continue;

    // The length holds the columns together, whatever the font.
    var place = FormattableString.Invariant($"x=\"{Margin}\" y=\"{Margin + (i * LineHeight) + FontSize}\" textLength=\"{line.Length * Advance:0.#}\"");
    var isCommand = line.StartsWith("$ ", StringComparison.Ordinal);
    svg.Append($"<text {place} xml:space=\"preserve\" lengthAdjust=\"spacingAndGlyphs\"{(isCommand ? " fill=\"#ffb040\"" : "")}>{SecurityElement.Escape(line)}</text>\n");
}

Console.Write(svg.Append("</g>\n</svg>\n"));
