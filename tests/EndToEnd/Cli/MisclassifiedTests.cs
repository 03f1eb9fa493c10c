using System.Text.RegularExpressions;
using CnnSharp.Data;
using CnnSharp.Training;
using Xunit;

namespace CnnSharp.Tests.Cli;

/// <summary>What eval and predict say of the images that a network gets wrong.</summary>
public sealed partial class MisclassifiedTests : CliTest
{
    [GeneratedRegex("<img src=\"data:image/png;base64,([^\"]+)\" alt=\"([^\"]*)\"")]
    private static partial Regex Images();

    /// <summary>Folders of images, some of them in a class folder that is not theirs.</summary>
    string WriteMislabeled()
    {
        var names = new[] { "dark & dim", "light" };
        for (var c = 0; c < 2; c++)
        {
            Directory.CreateDirectory(At("images", names[c]));

            // Of twelve in each folder the last two are of the other class.
            for (var i = 0; i < 12; i++) ImageFile.WritePng(At("images", names[c], $"{(i < 10 ? "right" : "wrong")}-{i}.png"), Flat((i < 10) == (c == 0) ? 20 : 230, i));
        }

        return At("images");
    }

    static DecodedImage Flat(int level, int number)
    {
        var pixels = new byte[8 * 8 * 3];
        Array.Fill(pixels, (byte)(level + number));
        return new(pixels, 8, 8, 3);
    }

    /// <summary>A network that is trained on them finds the right class, so the four in the wrong folder are its mistakes.</summary>
    [Fact]
    public void EvalAndPredictNameTheImagesInAWrongFolder()
    {
        var folder = WriteMislabeled();
        Run("train", "--dataset", "folder", "--data", folder, "--size", "8", "--model", "linear", "--epochs", "40", "--batch", "8", "--lr", "0.05", "--augment", "none", "--val-split", "0", "--out", At("run"), "--device", "cpu").IsDone();
        var checkpoint = At("run", "checkpoint.safetensors");
        string[] wrong = [.. new[] { "dark & dim", "light" }.SelectMany(name => new[] { 10, 11 }.Select(i => At("images", name, $"wrong-{i}.png")))];

        var evaluated = Run("eval", "--checkpoint", checkpoint, "--split", "train", "--misclassified", "--sheet", At("sheet.html"), "--json").IsDone();
        var mistakes = evaluated.Json.GetProperty("misclassified").EnumerateArray().ToList();
        Assert.Equal(wrong, mistakes.Select(m => m.GetProperty("image").GetString()).Order(StringComparer.Ordinal));
        Assert.All(mistakes, m => Assert.Equal(m.GetProperty("class").GetString() == "light" ? "dark & dim" : "light", m.GetProperty("predicted").GetString()));
        var probabilities = mistakes.Select(m => m.GetProperty("probability").GetDouble()).ToList();
        Assert.Equal(probabilities.OrderDescending(), probabilities);
        Assert.All(probabilities, p => Assert.InRange(p, 0.5, 1));
        Assert.Contains("4 of 24 images taken for another class, the surest first", evaluated.Prose, StringComparison.Ordinal);
        Assert.Contains("wrong-11.png", evaluated.Prose, StringComparison.Ordinal);

        // Every image is on the page, and is that of the file that its caption names.
        var page = File.ReadAllText(At("sheet.html"));
        var images = Images().Matches(page);
        Assert.Equal(4, images.Count);
        Assert.Contains("dark &amp; dim → light", page, StringComparison.Ordinal);
        Assert.DoesNotContain("dark & dim", page, StringComparison.Ordinal);
        foreach (Match image in images)
        {
            var file = Assert.Single(wrong, name => System.Net.WebUtility.HtmlDecode(image.Groups[2].Value).Contains(name, StringComparison.Ordinal));
            Assert.Equal(ImageFile.Read(file).Pixels.ToArray(), ImageFile.Decode(Convert.FromBase64String(image.Groups[1].Value), "page").Pixels.ToArray());
        }

        Run("eval", "--checkpoint", checkpoint, "--split", "train", "--sheet", At("one.html"), "--sheet-images", "1").IsDone();
        Assert.Single(Images().Matches(File.ReadAllText(At("one.html"))));

        // predict knows the class by the folder; an image beside the folders has none.
        File.Copy(wrong[0], At("images", "alone.png"));
        var predicted = Run("predict", "--checkpoint", checkpoint, folder, "--misclassified", "--json").IsDone();
        Assert.Equal(mistakes.Select(m => m.ToString()).Order(StringComparer.Ordinal), predicted.Json.GetProperty("misclassified").EnumerateArray().Select(m => m.ToString()).Order(StringComparer.Ordinal));
        Assert.Contains("4 of 24 images taken", predicted.Prose, StringComparison.Ordinal);
        Run("predict", "--checkpoint", checkpoint, At("images", "alone.png"), "--misclassified").IsRefused("no image is in a folder that is named like a class of the network (dark & dim, light)");
        Run("eval", "--checkpoint", checkpoint, "--split", "train", "--sheet-images", "3").IsRefused("--sheet-images: it is for --sheet");
        Run("eval", "--checkpoint", checkpoint, "--split", "train", "--sheet", checkpoint).IsRefused("which would be replaced");
        Assert.Equal(System.Text.Json.JsonValueKind.Null, Run("eval", "--checkpoint", checkpoint, "--split", "train", "--json").IsDone().Json.GetProperty("misclassified").ValueKind);
    }

    /// <summary>The library keeps as many as asked, the surest; of a set without files they go by their index.</summary>
    [Fact]
    public void TheSurestMistakesAreKept()
    {
        var model = new Layers.Lambda(x => Functional.Reshape(x, new(x.Shape[0], 3)));
        var pixels = new byte[] { 0, 255, 0, 255, 128, 0, 200, 255, 0, 255, 255, 0, 0, 0, 255 };
        var set = new ImageDataset("rows", pixels, [1, 1, 2, 1, 0], 1, 1, 3, ["a", "b", "c"]);
        var identity = new Layers.Sequential(new Layers.Linear(3, 3, device: Device.Cpu), model);
        identity.StateDict().First(t => t.Tensor.Shape.Rank == 2).Tensor.CopyFrom<float>([4, 0, 0, 0, 4, 0, 0, 0, 4]);
        identity.StateDict().First(t => t.Tensor.Shape.Rank == 1).Tensor.CopyFrom<float>([0, 0, 0]);

        var all = Trainer.Evaluate(Flat(identity), set, new() { Mistakes = 100, BatchSize = 2 }).Mistakes;
        Assert.Equal([(4, 0, 2), (1, 1, 0), (2, 2, 1), (3, 1, 0)], all.Select(m => (m.Index, m.Label, m.Predicted)));
        Assert.Equal(1 / (1 + (2 * Math.Exp(-4))), all[0].Probability, 1e-6);
        Assert.Equal(all.Take(2), Trainer.Evaluate(Flat(identity), set, new() { Mistakes = 2 }).Mistakes);
        Assert.Empty(Trainer.Evaluate(Flat(identity), set).Mistakes);
        Assert.Throws<ArgumentOutOfRangeException>(() => Trainer.Evaluate(Flat(identity), set, new() { Mistakes = -1 }));

        static Layers.Layer Flat(Layers.Layer inner) => new Layers.Sequential(new Layers.Lambda(x => Functional.Reshape(x, new(x.Shape[0], 3))), inner);
    }
}
