using CnnSharp.Data;
using CnnSharp.Layers;
using CnnSharp.Training;
using Xunit;

namespace CnnSharp.Tests.Training;

/// <summary>What a training shows on a terminal, and where the output is none.</summary>
public sealed class ProgressDisplayTests
{
    static readonly TrainingProgress Midway = new(3, 10, 130, 391, 912, 0.5, 0.43214, 0.8525, 0.0912, 1234.5);

    [Theory]
    [InlineData(30, "epoch 3/10  130/391  loss 0.43")]
    [InlineData(59, "epoch 3/10  130/391  loss 0.4321  accuracy 85.2%  0:01:23 le")]
    [InlineData(79, "epoch 3/10  [====         ]  130/391  loss 0.4321  accuracy 85.2%  0:01:23 left")]
    [InlineData(159, "epoch 3/10  [=========                   ]  130/391  loss 0.4321  accuracy 85.2%  0:01:23 left  1,234 images/s  rate 0.0912")]
    public void Lines_fit(int width, string expected)
    {
        var line = ProgressDisplay.Line(Midway, TimeSpan.FromSeconds(83), width);
        Assert.Equal(expected[..Math.Min(expected.Length, width)], line);
        Assert.InRange(line.Length, 1, width);
    }

    [Fact]
    public void A_task_without_accuracy_shows_none()
        => Assert.DoesNotContain("accuracy", ProgressDisplay.Line(Midway with { Accuracy = null }, TimeSpan.Zero, 159), StringComparison.Ordinal);

    /// <summary>The bar is written over, and gone before a line is.</summary>
    [Fact]
    public void The_bar_is_written_over()
    {
        using var output = new StringWriter();
        Fit(new ProgressDisplay(output, () => 80));
        var pieces = output.ToString().Split('\r');
        Assert.All(pieces.Where(piece => piece.Length > 0 && !piece.Contains('\n')), piece => Assert.InRange(piece.Length, 1, 79));
        Assert.Contains(pieces, piece => piece.StartsWith("epoch 1/2  [", StringComparison.Ordinal));
        Assert.Equal(2, pieces.Count(piece => piece.StartsWith("epoch ", StringComparison.Ordinal) && piece.EndsWith(" images/s\n", StringComparison.Ordinal)));

        // What stays on the screen: each line as if it had been written alone.
        Assert.Matches(@"^epoch 1/2: loss \S+, mean_absolute_error \S+, r2 \S+  \d+\.\d s, \S+ images/s\nepoch 2/2: .*\n\s*$", Screen(output.ToString()));
    }

    [Fact]
    public void Without_a_terminal_there_are_lines_alone()
    {
        using var output = new StringWriter();
        Fit(new ProgressDisplay(output, columns: null));
        Assert.DoesNotContain('\r', output.ToString());
        Assert.Equal(2, output.ToString().Count(c => c == '\n'));
    }

    /// <summary>Tests run without a terminal, so by default nothing is shown.</summary>
    [Fact]
    public void Asked_for_or_on_a_terminal()
    {
        Assert.NotNull(ProgressDisplay.Of(Progress.Bar, isObserved: true));
        Assert.NotNull(ProgressDisplay.Of(Progress.Lines, isObserved: true));
        Assert.Null(ProgressDisplay.Of(Progress.None, isObserved: false));
        if (Console.IsOutputRedirected) Assert.Null(ProgressDisplay.Of(Progress.Auto, isObserved: false));
        Assert.Null(ProgressDisplay.Of(Progress.Auto, isObserved: true));
    }

    static void Fit(ProgressDisplay display)
    {
        var values = new float[40];
        new Generator(1).FillNormal(values, 0, 1);
        var model = new Sequential(new Linear(1, 1, device: Device.Reference));
        var history = Trainer.Fit(model, Dataset.From(values, new(1), values), TrainingTask.Regression(), options: new() { Epochs = 2, BatchSize = 8, ReportEvery = 2, Optimizer = new SgdOptions { LearningRate = 0.01 } }, observer: display);
        display.End(history);
    }

    /// <summary>What a terminal shows after carriage returns.</summary>
    static string Screen(string written)
    {
        var lines = new List<string>();
        foreach (var line in written.Split('\n'))
        {
            var shown = "";
            foreach (var piece in line.Split('\r')) shown = piece.Length >= shown.Length ? piece : piece + shown[piece.Length..];
            lines.Add(shown);
        }

        return string.Join('\n', lines);
    }
}
