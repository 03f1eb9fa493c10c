using CnnSharp.Training;
using Xunit;

namespace CnnSharp.Tests;

public sealed class ConfusionMatrixTests
{
    [Fact]
    public void SharesAreThoseOfTheCounts()
    {
        var matrix = new ConfusionMatrix(3);
        foreach (var (actual, predicted) in new[] { (0, 0), (0, 0), (0, 1), (1, 1), (1, 2), (1, 2), (1, 0) }) matrix.Add(actual, predicted);
        Assert.Equal((7, 2, 1, 2, 0), (matrix.Count, matrix[0, 0], matrix[0, 1], matrix[1, 2], matrix[2, 2]));
        Assert.Equal(3 / 7.0, matrix.Accuracy);
        Assert.Equal([2 / 3.0, 1 / 4.0, 0], Enumerable.Range(0, 3).Select(matrix.Recall));
        Assert.Equal([2 / 3.0, 1 / 2.0, 0], Enumerable.Range(0, 3).Select(matrix.Precision));
        Assert.Throws<ArgumentOutOfRangeException>(() => matrix.Add(0, 3));
        Assert.Equal(7, matrix.Count);
    }

    [Fact]
    public void ItIsWrittenAsATable()
    {
        var matrix = new ConfusionMatrix(2);
        foreach (var (actual, predicted) in new[] { (0, 0), (0, 0), (0, 1), (1, 1) }) matrix.Add(actual, predicted);
        Assert.Equal("is \\ taken for  0  1  recall  precision\n0               2  1   66.7%     100.0%\n1               0  1  100.0%      50.0%\naccuracy 75.0% of 4", matrix.ToString());
        Assert.Equal("is \\ taken for  cat  horse  recall  precision\ncat               2      1   66.7%     100.0%\nhorse             0      1  100.0%      50.0%\naccuracy 75.0% of 4", matrix.ToString(["cat", "horse"]));
        Assert.Throws<ArgumentException>(() => matrix.ToString(["cat"]));
        Assert.Equal(23, new ConfusionMatrix(21).ToString().Split('\n').Length);
        Assert.DoesNotContain("  0  ", new ConfusionMatrix(21).ToString().Split('\n')[0], StringComparison.Ordinal);
    }

    [Fact]
    public void AHundredThousandClassesTakeWhatTheirImagesTake()
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        var matrix = new ConfusionMatrix(100_000);
        matrix.Add(99_999, 99_998);
        matrix.Add(99_999, 99_999);
        Assert.Equal((0.5, 0.5), (matrix.Recall(99_999), matrix.Accuracy));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 1, 4 << 20);
    }
}
