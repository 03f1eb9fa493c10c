using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using OxyPlot;
using OxyPlot.Axes;
using OxyPlot.Legends;
using OxyPlot.Series;

namespace CnnSharp.Cli.Report;

/// <summary>A line of a chart, or its points alone.</summary>
/// <param name="Name">What the legend calls it; null: nothing.</param>
/// <param name="Points">From left to right; a number that is not finite leaves a gap.</param>
/// <param name="Color">Which of <see cref="Chart.Colors"/> it has, by its place; beyond the last they begin again.</param>
/// <param name="IsDashed">Whether the line is dashed.</param>
/// <param name="IsPoints">Whether points are marked and not joined.</param>
internal sealed record Curve(string? Name, IReadOnlyList<(double X, double Y)> Points, int Color = 0, bool IsDashed = false, bool IsPoints = false);

/// <summary>A chart of curves as SVG (OxyPlot), whose colors are the page's: they follow its light or dark style.</summary>
/// <param name="Title">Above it.</param>
/// <param name="X">What the horizontal axis has.</param>
/// <param name="Y">What the vertical axis has.</param>
/// <param name="Curves">What is drawn.</param>
internal sealed partial record Chart(string Title, string X, string Y, params IReadOnlyList<Curve> Curves)
{
    /// <summary>Of the curves, in a light style and in a dark one: Okabe and Ito (2008), which the color-blind tell apart, brought to a contrast of 3 and more with the page.</summary>
    static readonly (string Light, string Dark)[] Palette = [("#0072b2", "#56b4e9"), ("#d55e00", "#ff8c42"), ("#00805e", "#2fc79a"), ("#b0588c", "#e59cc8"), ("#8a6d00", "#e6c229"), ("#5a4fcf", "#a79bff"), ("#7a4a1e", "#c9976b"), ("#4d5766", "#aab4c3")];

    /// <summary>After a name in a legend, which OxyPlot cuts off where a font is wider than the one it reckons with.</summary>
    const string Room = "\u00a0\u00a0\u00a0";

    // What stands for the page's colors while the chart is drawn: no curve is as dark as that.
    static readonly OxyColor Ink = OxyColor.FromRgb(1, 0, 0), Grid = OxyColor.FromRgb(1, 0, 1);

    /// <summary>An axis of this has whole numbers alone.</summary>
    public const string Epoch = "epoch";

    /// <summary>Whether the horizontal axis is logarithmic; then only what is above 0 is drawn.</summary>
    public bool IsLogX { get; init; }

    /// <summary>Whether the vertical axis is logarithmic.</summary>
    public bool IsLogY { get; init; }

    /// <summary>Whether the vertical axis is of shares, shown as percent.</summary>
    public bool IsShareY { get; init; }

    /// <summary>How many colors there are.</summary>
    public static int Colors => Palette.Length;

    /// <summary>The colors as variables of a style sheet, and what a chart's text has.</summary>
    public static string Style { get; } = $$"""
        :root { {{Variables("#1b2333", "#e1e5ec", light: true)}} }
        @media (prefers-color-scheme: dark) { :root { {{Variables("#e4e8f0", "#343c4d", light: false)}} } }
        """;

    /// <summary>As an element of a page that has <see cref="Style"/>; its legend is <see cref="Legend"/>.</summary>
    /// <param name="id">Unlike that of any other chart on the page.</param>
    /// <param name="width">In units of which a letter is 12 high; the page scales it to its room.</param>
    /// <param name="height">Likewise.</param>
    public string ToSvg(string id, int width = 480, int height = 280) => Draw(id, width, height, style: "", hasLegend: false);

    /// <summary>As a file of its own, light or dark as whoever looks at it prefers.</summary>
    public string ToDocument(int width = 720, int height = 420) => Draw("chart", width, height, $"<style>{Style} svg {{ background: var(--page); }}</style>", hasLegend: Curves.Count > 1);

    /// <summary>What the curves are called, as HTML; empty of one alone.</summary>
    public string Legend()
    {
        if (Curves.Count < 2) return "";
        var names = Curves.Where(curve => curve.Name is not null).Select(curve => $"<span><i style=\"border-top: 2px {(curve.IsDashed ? "dashed" : curve.IsPoints ? "dotted" : "solid")} var(--curve{curve.Color % Palette.Length})\"></i>{HtmlPage.Escape(curve.Name!)}</span>");
        return $"<figcaption class=\"legend\">{string.Concat(names)}</figcaption>";
    }

    string Draw(string id, int width, int height, string style, bool hasLegend)
    {
        var plot = new PlotModel { Title = Title, TitleFontSize = 13, TitleFontWeight = FontWeights.Bold, TextColor = Ink, PlotAreaBorderColor = Grid, DefaultFont = "system-ui, sans-serif", Culture = CultureInfo.InvariantCulture, IsLegendVisible = hasLegend };
        plot.Legends.Add(new Legend { LegendPlacement = LegendPlacement.Outside, LegendPosition = LegendPosition.BottomCenter, LegendOrientation = LegendOrientation.Horizontal, LegendTextColor = Ink, LegendFontSize = 11, LegendMaxWidth = width - 40, LegendSymbolLength = 22 });
        plot.Axes.Add(Axis(AxisPosition.Bottom, X, IsLogX, null));
        plot.Axes.Add(Axis(AxisPosition.Left, Y, IsLogY, IsShareY ? "0.##%" : null));
        foreach (var curve in Curves) plot.Series.Add(SeriesOf(curve, hasLegend));
        var svg = new OxyPlot.SvgExporter { Width = width, Height = height, IsDocument = false }.ExportToString(plot);

        // The element alone, as wide as its room is; its colors are the page's, its names its own.
        var element = svg[svg.IndexOf("<svg", StringComparison.Ordinal)..];
        element = $"<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{HtmlPage.Escape(Title)}\" xmlns=\"http://www.w3.org/2000/svg\">{style}{element[(element.IndexOf('>', StringComparison.Ordinal) + 1)..]}";
        element = element.Replace("clipPath", $"{id}-clip", StringComparison.Ordinal).Replace($"<{id}-clip", "<clipPath", StringComparison.Ordinal).Replace($"</{id}-clip", "</clipPath", StringComparison.Ordinal);
        return Placeholder().Replace(element, match => match.Groups[1].Value switch
        {
            "0,0" => "var(--ink)",
            "0,1" => "var(--line)",
            var rest => $"var(--curve{int.Parse(rest.AsSpan(2), CultureInfo.InvariantCulture) % Palette.Length})",
        });
    }

    static Axis Axis(AxisPosition position, string title, bool isLog, string? format)
    {
        Axis axis = isLog ? new LogarithmicAxis() : new LinearAxis { MaximumPadding = 0.03, MinimumPadding = 0.03 };
        axis.Position = position;
        axis.Title = title;
        axis.StringFormat = format;
        axis.FontSize = 12;
        axis.TitleFontSize = 12;
        axis.AxisTitleDistance = 8;
        if (title == Epoch) axis.MinimumMajorStep = 1;
        axis.MajorGridlineStyle = LineStyle.Solid;
        axis.MajorGridlineColor = Grid;
        axis.TicklineColor = Grid;
        axis.AxislineColor = Grid;
        axis.MinorTickSize = 0;
        axis.MajorTickSize = 4;
        return axis;
    }

    LineSeries SeriesOf(Curve curve, bool hasLegend)
    {
        // The red of 1 marks a placeholder, the green what is meant by it, the blue which one.
        var color = OxyColor.FromRgb(1, 1, (byte)(curve.Color % Palette.Length));
        var series = new LineSeries { Title = hasLegend && curve.Name is not null ? curve.Name + Room : null, Color = color, StrokeThickness = 1.8, LineStyle = curve.IsPoints ? LineStyle.None : curve.IsDashed ? LineStyle.Dash : LineStyle.Solid };
        if (curve.IsPoints || curve.Points.Count == 1) (series.MarkerType, series.MarkerSize, series.MarkerFill, series.MarkerStroke) = (MarkerType.Circle, 3, color, color);
        foreach (var (x, y) in curve.Points)
        {
            var isDrawn = double.IsFinite(x) && double.IsFinite(y) && (x > 0 || !IsLogX) && (y > 0 || !IsLogY);
            series.Points.Add(isDrawn ? new(x, y) : DataPoint.Undefined);
        }

        return series;
    }

    static string Variables(string ink, string line, bool light)
    {
        var text = new StringBuilder($"--ink: {ink}; --line: {line}; --page: {(light ? "#ffffff" : "#12161f")};");
        for (var i = 0; i < Palette.Length; i++) text.Append(CultureInfo.InvariantCulture, $" --curve{i}: {(light ? Palette[i].Light : Palette[i].Dark)};");
        return text.ToString();
    }

    [GeneratedRegex(@"rgb\(1,([01],\d+)\)")]
    private static partial Regex Placeholder();
}
