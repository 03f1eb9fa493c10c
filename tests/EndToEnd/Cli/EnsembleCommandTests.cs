using System.Runtime.InteropServices;
using System.Text;
using Xunit;

namespace CnnSharp.Tests.Cli;

/// <summary>Snapshots of a training, and what <c>eval</c> and <c>predict</c> make of several checkpoints and several views.</summary>
public class EnsembleCommandTests : CliTest
{
    [Fact]
    public void SeveralCheckpointsAreAveraged()
    {
        var trained = Train("--epochs 3 --schedule cosine-restarts:epochs=1 --snapshots --keep-best 2");
        Assert.True(File.Exists(At("run", "best.safetensors")));
        Assert.Single(Directory.GetFiles(At("run"), "best.epoch-*.safetensors"));
        string[] snapshots = [.. Enumerable.Range(1, 3).Select(cycle => At("run", $"snapshot-{cycle}.safetensors"))];
        Assert.Equal(snapshots, Directory.GetFiles(At("run"), "snapshot-*").Order(StringComparer.Ordinal));
        Assert.Contains($"cnnsharp eval{string.Concat(snapshots.Select(snapshot => $" --checkpoint {snapshot}"))}", trained.Output, StringComparison.Ordinal);

        var each = snapshots.Select(snapshot => Logits("--checkpoint", snapshot)).ToArray();
        var together = Logits([.. snapshots.SelectMany(snapshot => new[] { "--checkpoint", snapshot })]);
        Assert.Equal(10 * 128, together.Length);
        for (var i = 0; i < together.Length; i++) Assert.Equal(each.Average(logits => Softmax(logits, i)), Math.Exp(together[i]), 1e-4);

        // The same of images by name.
        File.WriteAllBytes(At("bar.pgm"), [.. Encoding.ASCII.GetBytes("P5 28 28 255\n"), .. Enumerable.Range(0, 28 * 28).Select(i => (byte)(i / 28 is 5 ? 255 : 30))]);
        double[] Predicted(params string[] files) => [.. Run(["predict", At("bar.pgm"), "--top", "10", "--json", "--device", "cpu", .. files.SelectMany(file => new[] { "--checkpoint", file })]).IsDone().Json.GetProperty("predictions")[0].GetProperty("top").EnumerateArray().OrderBy(answer => answer.GetProperty("label").GetInt32()).Select(answer => answer.GetProperty("probability").GetDouble())];
        var alone = snapshots.Select(snapshot => Predicted(snapshot)).ToArray();
        Assert.All(Predicted(snapshots).Index(), answer => Assert.Equal(alone.Average(probabilities => probabilities[answer.Index]), answer.Item, 1e-4));
    }

    [Fact]
    public void SeveralViewsAreAveraged()
    {
        Train("--epochs 1");
        var file = At("run", "checkpoint.safetensors");
        var (plain, mirror, shifts) = (Logits("--checkpoint", file), Logits("--checkpoint", file, "--tta", "mirror"), Logits("--checkpoint", file, "--tta", "shifts"));
        Assert.NotEqual(plain, mirror);
        Assert.NotEqual(mirror, shifts);

        // A view of a bar is a bar: the answers are nearly the same.
        Assert.InRange(plain.Zip(mirror, (a, b) => Math.Abs(a - b)).Max(), 1e-6, 2);
        Eval("--checkpoint", file, "--tta", "flip").IsRefused("Unknown views 'flip'");
    }

    [Fact]
    public void CheckpointsThatDoNotFitAreRefused()
    {
        Train("--epochs 1");
        var file = At("run", "checkpoint.safetensors");
        Eval("--checkpoint", file, "--checkpoint", file).IsRefused("it is specified more than once");
        Eval("--checkpoint", file, "--checkpoint", At("none.safetensors")).IsRefused("--checkpoint: there is no file");
        Train("--epochs 1 --schedule constant --snapshots", "other", isDone: false).IsRefused("Snapshots needs a schedule with cycles");
        Directory.CreateDirectory(At("shades"));
        foreach (var name in new[] { "dark", "light" })
        {
            Directory.CreateDirectory(At("shades", name));
            for (var i = 0; i < 8; i++) File.WriteAllBytes(At("shades", name, $"{i}.pgm"), [.. Encoding.ASCII.GetBytes("P5 28 28 255\n"), .. Enumerable.Repeat((byte)(i + (name == "dark" ? 20 : 200)), 28 * 28)]);
        }

        Run("train", "--dataset", "folder", "--data", At("shades"), "--size", "28", "--channels", "1", "--model", "lenet5", "--epochs", "1", "--threads", "1", "--out", At("shaded")).IsDone();
        Eval("--checkpoint", file, "--checkpoint", At("shaded", "checkpoint.safetensors")).IsRefused("the number of classes is not that of", "expected 10, got 2");
    }

    CliResult Train(string options, string folder = "run", bool isDone = true)
    {
        WriteBars();
        var result = Run(["train", "--dataset", "mnist", "--data", At("bars"), "--out", At(folder), "--device", "cpu", "--threads", "1", .. options.Split(' ')]);
        return isDone ? result.IsDone() : result;
    }

    CliResult Eval(params string[] options) => Run(["eval", "--data", At("bars"), "--device", "cpu", .. options]);

    float[] Logits(params string[] options)
    {
        Eval([.. options, "--dump-logits", At("logits")]).IsDone();
        return MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(At("logits"))).ToArray();
    }

    static double Softmax(float[] logits, int at)
    {
        var row = logits.AsSpan(at / 10 * 10, 10).ToArray();
        return Math.Exp(logits[at] - row.Max()) / row.Sum(value => Math.Exp(value - row.Max()));
    }
}
