using CnnSharp.Data;
using CnnSharp.Training;
using Xunit;

namespace CnnSharp.Tests.Cli;

/// <summary><c>--labels</c>: a CSV file says the classes of a folder's images.</summary>
public sealed class LabelFileTests : CliTest
{
    /// <summary>The same images and classes by folders and by a file give the same training, to the byte but for what the files are called.</summary>
    [Fact]
    public void TrainAndEvalTakeTheClassesOfACsvFile()
    {
        Directory.CreateDirectory(At("flat"));
        var lines = new List<string> { "kind;file;part" };
        for (var i = 0; i < 24; i++)
        {
            var pixels = new byte[8 * 8 * 3];
            Array.Fill(pixels, (byte)((i % 2 == 0 ? 30 : 200) + i));
            ImageFile.WritePng(At("flat", $"{i:00}.png"), new(pixels, 8, 8, 3));
            lines.Add($"\"{(i % 2 == 0 ? "dark; dim" : "light")}\";{i:00};{(i < 16 ? "train" : "test")}");
        }

        File.WriteAllLines(At("labels.csv"), lines);
        string[] train = ["train", "--dataset", "folder", "--data", At("flat"), "--size", "8", "--model", "linear", "--epochs", "30", "--batch", "4", "--lr", "0.05", "--augment", "none", "--device", "cpu", "--seed", "2"];
        var trained = Run([.. train, "--labels", At("labels.csv"), "--label-columns", "file,kind,part", "--out", At("run"), "--json"]).IsDone();
        Assert.Contains("16 images [8, 8, 3], 2 classes", trained.Prose, StringComparison.Ordinal);
        var checkpoint = At("run", Checkpoint.LastFile);
        Assert.Equal(["dark; dim", "light"], Checkpoint.ReadInfo(checkpoint).ClassNames);

        // What was trained on is found again, without being said, by eval and by --resume.
        var evaluated = Run("eval", "--checkpoint", checkpoint, "--json").IsDone().Json;
        Assert.Equal((8, 1.0), (evaluated.GetProperty("images").GetInt32(), evaluated.GetProperty("accuracy").GetDouble()));
        Run("train", "--resume", "--out", At("run"), "--epochs", "31", "--device", "cpu").IsDone();

        // Other labels of the same images.
        File.WriteAllLines(At("swapped.csv"), ["file,kind", .. Enumerable.Range(0, 24).Select(i => $"{i:00}.png,{(i % 2 == 0 ? "light" : "dark; dim")}")]);
        Assert.Equal(0, Run("eval", "--checkpoint", checkpoint, "--data", At("flat"), "--labels", At("swapped.csv"), "--split", "train", "--json").IsDone().Json.GetProperty("accuracy").GetDouble());

        Run([.. train, "--labels", At("labels.csv")]).IsRefused("does not say which column has the class: its columns are 'kind', 'file', 'part'");
        Run([.. train, "--labels", At("none.csv")]).IsRefused("--labels: there is no file");
        Run([.. train, "--label-columns", "file"]).IsRefused("--label-columns file: expected IMAGE,CLASS");
        Run([.. train, "--label-columns", "file,kind"]).IsRefused("--label-columns: it is for --labels");
        Run("train", "--dataset", "embedded", "--labels", At("labels.csv")).IsRefused("--labels: it is for --dataset folder");
        File.AppendAllText(At("labels.csv"), "light;99;train\n");
        Run([.. train, "--labels", At("labels.csv"), "--label-columns", "file,kind,part"]).IsRefused("labels.csv: line 26, column 7: column 'file': there is no image '99' in ");
    }
}
