using CnnSharp.Formats;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>Files of torch.save (made by make_torch_files.py), sound, refused and broken.</summary>
public sealed class TorchFileTests
{
    static string Case(string name) => Path.Combine(AppContext.BaseDirectory, "Formats", "Cases", name);

    [Fact]
    public void EveryTensorOfAStateDictionaryIsRead()
    {
        var tensors = TorchFile.Read(Case("state.pt")).ToDictionary(t => t.Name);
        Assert.Equal(["conv.weight", "transposed", "row", "half", "bfloat", "double", "count", "flags", "empty", "parameter"], tensors.Keys);
        Check("conv.weight", TensorType.F32, [2, 3], 0, 1, 2, 3, 4, 5);
        Check("transposed", TensorType.F32, [3, 2], 0, 3, 1, 4, 2, 5);
        Check("row", TensorType.F32, [3], 3, 4, 5);
        Check("half", TensorType.F16, [2, 3], 0, 1, 2, 3, 4, 5);
        Check("bfloat", TensorType.BF16, [2, 3], 0, 1, 2, 3, 4, 5);
        Check("double", TensorType.F64, [2, 3], 0, 1, 2, 3, 4, 5);
        Check("count", TensorType.I64, [], 7);
        Check("empty", TensorType.F32, [0, 3]);
        Check("parameter", TensorType.F32, [2, 3], 0, 2, 4, 6, 8, 10);
        Assert.Equal([1, 0], tensors["flags"].AsInt64());

        void Check(string name, TensorType type, long[] shape, params float[] values)
        {
            Assert.Equal(type, tensors[name].Type);
            Assert.Equal(shape, tensors[name].Shape);
            Assert.Equal(values, tensors[name].AsFloat32());
        }
    }

    [Fact]
    public void ACheckpointsStateDictionaryIsFound()
    {
        var tensors = TorchFile.Read(Case("checkpoint.pth")).ToDictionary(t => t.Name);
        Assert.Equal(["0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var", "1.num_batches_tracked"], tensors.Keys);
        Assert.Equal([1, 2], tensors["0.weight"].AsFloat32());
        Assert.Equal([1L], tensors["1.num_batches_tracked"].AsInt64());
    }

    [Theory]
    [InlineData("module.pt", "'torch.nn.modules.activation.ReLU', which is neither a tensor nor a container")]
    [InlineData("evil.pt", "'posix.system', which is neither a tensor nor a container")]
    [InlineData("legacy.pt", "files older than PyTorch 1.6 are not read")]
    public void WhatIsNoTensorIsRefusedByName(string name, string message)
    {
        var e = Assert.Throws<DataFormatException>(() => TorchFile.Read(Case(name)));
        Assert.Contains(message, e.Message, StringComparison.Ordinal);
        Assert.Contains(name, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void DamagedFilesAreRefusedOrReadAndNothingElse()
    {
        using var folder = new TemporaryFolder();
        foreach (var name in (string[])["state.pt", "checkpoint.pth"])
        {
            var refused = Damage.Survive(File.ReadAllBytes(Case(name)), copies: 1_500, allowed: 512 * 1024, bytes => TorchFile.Read(folder.Write("damaged.pt", bytes)));
            Assert.InRange(refused, 0.3, 1);
        }
    }
}
