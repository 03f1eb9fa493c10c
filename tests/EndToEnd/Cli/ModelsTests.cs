using CnnSharp.Models;
using Xunit;

namespace CnnSharp.Tests.Cli;

public sealed class ModelsTests : CliTest
{
    [Fact]
    public void EveryModelIsListedAndShownLayerByLayer()
    {
        var list = Run("models", "--json").IsDone();
        Assert.Equal(Zoo.Entries.Select(entry => entry.Name), list.Json.GetProperty("models").EnumerateArray().Select(m => m.GetProperty("model").GetString()));
        Assert.Contains("knn-l1, knn-l2", list.Prose, StringComparison.Ordinal);

        var vgg = Run("models", "vgg16", "--json").IsDone();
        Assert.Equal(138_357_544, vgg.Json.GetProperty("parameters").GetInt64());
        Assert.Equal(1000, vgg.Json.GetProperty("classes").GetInt32());
        Assert.Contains("features.28", vgg.Prose, StringComparison.Ordinal);
        Assert.Contains("12,544.0 KiB", vgg.Prose, StringComparison.Ordinal);
        Assert.Equal(138_357_544 - (990 * 4097), Run("models", "vgg16", "--classes", "10", "--json").IsDone().Json.GetProperty("parameters").GetInt64());
    }

    [Fact]
    public void NeighborsAreMeasuredWithoutTraining()
    {
        var result = Run("eval", "--model", "knn-l2", "--neighbors", "3", "--dataset", "embedded", "--split", "val", "--val-split", "100", "--json").IsDone();
        Assert.Equal(100, result.Json.GetProperty("images").GetInt32());
        Assert.InRange(result.Json.GetProperty("accuracy").GetDouble(), 0.7, 0.95);
        Run("eval", "--model", "knn-l1", "--weights", "x").IsRefused("--model knn-l1 or knn-l2");
        Run("eval", "--model", "resnet20", "--neighbors", "3", "--weights", "x").IsRefused("--neighbors");
    }
}
