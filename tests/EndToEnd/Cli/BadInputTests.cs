using System.IO.Compression;
using System.Text;
using Xunit;

namespace CnnSharp.Tests.Cli;

/// <summary>Input that is not what it should be: a clear message, exit code 2, and nothing half-written.</summary>
public class BadInputTests : CliTest
{
    const long BatchBytes = 30_730_000;

    [Fact]
    public void AMissingFolder() => TrainCifar("nowhere").IsRefused("cifar10", "nowhere");

    [Fact]
    public void AMissingFile()
    {
        WriteCifar();
        File.Delete(At("cifar", "data_batch_3.bin"));
        TrainCifar("cifar").IsRefused("data_batch_3.bin");
    }

    [Theory]
    [InlineData(BatchBytes - 1)]
    [InlineData(BatchBytes + 1)]
    [InlineData(0)]
    public void ATruncatedOrOversizedBatch(long bytes)
    {
        WriteCifar();
        WriteZeros(At("cifar", "data_batch_1.bin"), bytes);
        TrainCifar("cifar").IsRefused("data_batch_1.bin", "30,730,000");
    }

    [Fact]
    public void ALabelOutsideTheClasses()
    {
        WriteCifar();
        using (var file = File.OpenWrite(At("cifar", "data_batch_1.bin")))
        {
            file.Position = 3073 * 7;
            file.WriteByte(10);
        }

        TrainCifar("cifar").IsRefused("data_batch_1.bin", "10");
    }

    [Fact]
    public void ACorruptGzip()
    {
        WriteCifar();
        File.Delete(At("cifar", "data_batch_1.bin"));
        File.WriteAllBytes(At("cifar", "data_batch_1.bin.gz"), [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xde, 0xad, 0xbe, 0xef]);
        TrainCifar("cifar").IsRefused("data_batch_1.bin.gz");
    }

    [Fact]
    public void AGzipThatEndsEarly()
    {
        WriteCifar();
        using (var packed = new MemoryStream())
        {
            using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true)) gzip.Write(new byte[100_000]);
            File.Delete(At("cifar", "data_batch_1.bin"));
            File.WriteAllBytes(At("cifar", "data_batch_1.bin.gz"), packed.ToArray()[..^20]);
        }

        TrainCifar("cifar").IsRefused("data_batch_1.bin.gz");
    }

    [Fact]
    public void ALabelFileOfAnotherLength()
    {
        WriteBars();
        File.Copy(At("bars", "t10k-labels-idx1-ubyte"), At("bars", "train-labels-idx1-ubyte"), overwrite: true);
        Run("train", "--dataset", "mnist", "--data", At("bars"), "--out", At("run")).IsRefused("512", "128");
        Assert.False(Directory.Exists(At("run")));
    }

    [Theory]
    [InlineData("{\"w\":{\"dtype\":\"F32\",\"shape\":[1000000],\"data_offsets\":[0,4000000]}}", 4)]
    [InlineData("{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4)]
    [InlineData("{\"w\":", 0)]
    [InlineData("not json", 0)]
    public void ASafetensorsHeaderThatLies(string header, int data) => EvaluateWeights([.. BitConverter.GetBytes((ulong)header.Length), .. Encoding.UTF8.GetBytes(header), .. new byte[data]]).IsRefused("weights.safetensors");

    [Fact]
    public void ASafetensorsHeaderLongerThanTheFile() => EvaluateWeights([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, (byte)'{']).IsRefused("weights.safetensors", "header");

    [Fact]
    public void WeightsOfAnotherModel()
    {
        WriteBars();
        Run("train", "--dataset", "mnist", "--data", At("bars"), "--epochs", "1", "--out", At("run")).IsDone();
        Run("eval", "--model", "resnet20", "--weights", At("run", "best.safetensors"), "--dataset", "mnist", "--data", At("bars")).IsRefused("best.safetensors", "resnet20", "missing");
        Run("eval", "--checkpoint", At("run", "best.safetensors"), "--dataset", "embedded", "--any-classes", "--mean", "0.1,0.2").IsRefused("--mean: 2 numbers", "1 channel");
    }

    [Fact]
    public void AFileThatIsNotThere()
    {
        Run("eval", "--checkpoint", At("none.safetensors")).IsRefused("none.safetensors");
        Run("eval", "--model", "lenet5", "--weights", At("none.safetensors"), "--dataset", "embedded").IsRefused("none.safetensors");
        Run("verify", At("none")).IsRefused("none");
        Run("verify", Folder).IsRefused("holds no case");
        Run("train", "--resume", "--out", Folder).IsRefused("no checkpoint to go on from");
    }

    [Fact]
    public void ImagesThatAModelCannotTake()
    {
        WriteBars(side: 8);
        Run("train", "--dataset", "mnist", "--data", At("bars"), "--out", At("run")).IsRefused("at least 16 x 16", "8 x 8");
        Assert.False(Directory.Exists(At("run")));
    }

    [Fact]
    public void MoreHeldOutImagesThanThereAre()
    {
        WriteBars();
        Run("train", "--dataset", "mnist", "--data", At("bars"), "--val-split", "512").IsRefused("--val-split 512", "512 training images");
    }

    [Fact]
    public void ADamagedSettingsFile()
    {
        WriteBars();
        Run("train", "--dataset", "mnist", "--data", At("bars"), "--epochs", "1", "--out", At("run")).IsDone();
        File.WriteAllText(At("run", "settings.json"), "{\"epochs\": \"three\"}");
        Run("train", "--resume", "--out", At("run")).IsRefused("settings.json");
    }

    CliResult TrainCifar(string folder)
    {
        var result = Run("train", "--dataset", "cifar10", "--data", At(folder), "--out", At("run"), "--epochs", "1");
        Assert.False(Directory.Exists(At("run")), "nothing may be written");
        return result;
    }

    CliResult EvaluateWeights(byte[] bytes)
    {
        File.WriteAllBytes(At("weights.safetensors"), bytes);
        var result = Run("eval", "--model", "lenet5", "--weights", At("weights.safetensors"), "--dataset", "embedded", "--dump-logits", At("logits.f32"));
        Assert.False(File.Exists(At("logits.f32")), "nothing may be written");
        return result;
    }

    /// <summary>Five files of black airplanes: holes, so that they cost no disk.</summary>
    void WriteCifar()
    {
        Directory.CreateDirectory(At("cifar"));
        for (var batch = 1; batch <= 5; batch++) WriteZeros(At("cifar", $"data_batch_{batch}.bin"), BatchBytes);
    }

    static void WriteZeros(string path, long bytes)
    {
        using var file = File.Create(path);
        file.SetLength(bytes);
    }
}
