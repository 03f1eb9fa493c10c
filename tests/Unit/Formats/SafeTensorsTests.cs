using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using CnnSharp.Formats;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace CnnSharp.Tests;

public sealed class SafeTensorsTests : IDisposable
{
    readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void EveryTypeComesBackAsItWas()
    {
        SafeTensors.Save(
            folder.File("all"),
            [
                SafeTensor.Create<bool>("bool", [2], [true, false]),
                SafeTensor.Create<byte>("u8", [2], [0, 255]),
                SafeTensor.Create<sbyte>("i8", [2], [-128, 127]),
                SafeTensor.Create<short>("i16", [2], [short.MinValue, 3]),
                SafeTensor.Create<ushort>("u16", [1], [65535]),
                SafeTensor.Create<Half>("f16", [2], [(Half)1.5, (Half)(-65504)]),
                new("bf16", TensorType.BF16, [2], [0xC0, 0x3F, 0x80, 0xFF]),
                SafeTensor.Create<int>("i32", [1, 2], [int.MinValue, 7]),
                SafeTensor.Create<uint>("u32", [1], [uint.MaxValue]),
                SafeTensor.Create<float>("f32", [2, 1], [0.1f, float.Epsilon]),
                SafeTensor.Create<double>("f64", [], [Math.PI]),
                SafeTensor.Create<long>("i64", [1], [long.MinValue]),
                SafeTensor.Create<ulong>("u64", [1], [1UL << 62]),
                SafeTensor.Create<float>("empty", [0, 5], []),
            ],
            new Dictionary<string, string> { ["op"] = "conv2d", ["ü"] = "\"quoted\"\n" });

        using var file = SafeTensors.Open(folder.File("all"));
        Assert.Equal(14, file.Tensors.Count);
        Assert.Equal("conv2d", file.Metadata["op"]);
        Assert.Equal("\"quoted\"\n", file.Metadata["ü"]);
        Assert.Equal([1, 0], file["bool"].AsInt64());
        Assert.Equal([0f, 255f], file["u8"].AsFloat32());
        Assert.Equal([-128, 127], file["i8"].AsInt64());
        Assert.Equal([-32768, 3], file["i16"].AsInt64());
        Assert.Equal([65535], file["u16"].AsInt64());
        Assert.Equal([1.5f, -65504f], file["f16"].AsFloat32());
        Assert.Equal([1.5f, float.NegativeInfinity], file["bf16"].AsFloat32());
        Assert.Equal([int.MinValue, 7], file["i32"].AsInt64());
        Assert.Equal([uint.MaxValue], file["u32"].AsInt64());
        Assert.Equal([0.1f, float.Epsilon], file["f32"].AsFloat32());
        Assert.Equal([(double)0.1f, float.Epsilon], file["f32"].AsFloat64());
        Assert.Equal([Math.PI], file["f64"].AsFloat64());
        Assert.Equal([(float)Math.PI], file["f64"].AsFloat32());
        Assert.Equal([long.MinValue], file["i64"].AsInt64());
        Assert.Equal([(double)(1L << 62)], file["u64"].AsFloat64());
        Assert.Empty(file["empty"].AsFloat32());
        Assert.Equal([0L, 5L], file["empty"].Shape);
        Assert.Empty(file["f64"].Shape);
    }

    [Fact]
    public void AnyFloatsComeBackToTheBit()
        => Prop.ForAll(ArbMap.Default.ArbFor<float[]>(), ArbMap.Default.ArbFor<NonEmptyString>(), (values, name) =>
        {
            var key = new string([.. name.Get.Where(c => !char.IsSurrogate(c))]);
            SafeTensors.Save(folder.File("any"), [SafeTensor.Create<float>(key, [values.Length], values)]);
            using var file = SafeTensors.Open(folder.File("any"));
            return MemoryMarshal.AsBytes<float>(values).SequenceEqual(MemoryMarshal.AsBytes<float>(file[key].AsFloat32()));
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void TheFileHasTheReferenceWritersOrderAndPadding()
    {
        SafeTensors.Save(
            folder.File("order"),
            [
                SafeTensor.Create<byte>("a", [1], [9]),
                SafeTensor.Create<float>("z", [1], [1]),
                SafeTensor.Create<float>("b", [1], [2]),
                SafeTensor.Create<long>("c", [1], [3]),
            ],
            new Dictionary<string, string> { ["k"] = "v" });

        var bytes = File.ReadAllBytes(folder.File("order"));
        var length = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        Assert.Equal(0, length % 8);
        Assert.Equal(
            """{"__metadata__":{"k":"v"},"c":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},"z":{"dtype":"F32","shape":[1],"data_offsets":[12,16]},"a":{"dtype":"U8","shape":[1],"data_offsets":[16,17]}}""",
            Encoding.UTF8.GetString(bytes, 8, length).TrimEnd(' '));
        Assert.Equal([3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0, 128, 63, 9], bytes[(8 + length)..]);
    }

    [Theory]
    [InlineData("""{"x":{"dtype":"F33","shape":[1],"data_offsets":[0,4]}}""", 4, "unknown type 'F33'")]
    [InlineData("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""", 4, "expected 8 bytes for F32 [2], got 4")]
    [InlineData("""{"x":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "tensor 'x' leaves a hole before it: expected data from 0, got 4")]
    [InlineData("""{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"y":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}""", 6, "tensor 'y' overlaps the one before it: expected data from 4, got 2")]
    [InlineData("""{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"y":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 4, "tensor 'y' overlaps the one before it")]
    [InlineData("""{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 5, "the data's length: expected 4 bytes, where the last tensor ends, got 5")]
    [InlineData("""{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 3, "data_offsets [0, 4]: the data end at 3")]
    [InlineData("""{"x":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}""", 4, "the end 0 precedes the begin 4")]
    [InlineData("""{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}""", 4, "expected 2 integers, got 3")]
    [InlineData("""{"x":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}""", 4, "expected integers from 0 to 2^63 - 1, got '-1'")]
    [InlineData("""{"x":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}""", 4, "got '1.0'")]
    [InlineData("""{"x":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4]}}""", 4, "exceeds 2^63 bytes")]
    [InlineData("""{"x":{"dtype":"F32","shape":[4611686018427387904,4,0],"data_offsets":[0,0]}}""", 0, "exceeds 2^63 bytes")]
    [InlineData("""{"x":{"dtype":"F32","shape":[1],"data_offsets":[9223372036854775803,9223372036854775807]}}""", 4, "the data end at 4")]
    [InlineData("""{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"x":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}""", 2, "two tensors are called 'x'")]
    [InlineData("""{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\u0078":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}""", 2, "two tensors are called 'x'")]
    [InlineData("""{"x":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", 1, "tensor 'x', dtype occurs twice")]
    [InlineData("""{"x":{"dtype":"U8","shape":[1]}}""", 0, "tensor 'x' lacks data_offsets")]
    [InlineData("""{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"more":1}}""", 1, "tensor 'x' has an unknown key 'more'")]
    [InlineData("""{"x":[]}""", 0, "tensor 'x': expected StartObject, got StartArray")]
    [InlineData("""{"__metadata__":{"a":1}}""", 0, "__metadata__ 'a': expected String, got Number")]
    [InlineData("""{"__metadata__":{"a":"1","a":"2"}}""", 0, "__metadata__ has 'a' twice")]
    [InlineData("""{"__metadata__":{},"__metadata__":{}}""", 0, "'__metadata__' occurs twice")]
    [InlineData("""{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}} x""", 1, "not sound JSON")]
    [InlineData("""{"x":""", 0, "not sound JSON")]
    [InlineData("""{"\ud800":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", 1, "not sound UTF-8")]
    [InlineData("""[]""", 0, "the header's first byte: expected '{', got 0x5b (at byte 8)")]
    [InlineData("", 0, "the header's first byte: expected '{', got none")]
    public void LiesAreRefused(string header, int dataLength, string message)
    {
        var bytes = new byte[8 + Encoding.UTF8.GetByteCount(header) + dataLength];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, (ulong)(bytes.Length - 8 - dataLength));
        Encoding.UTF8.GetBytes(header, bytes.AsSpan(8));
        var path = folder.Write("lie", bytes);

        var error = Assert.Throws<DataFormatException>(() => SafeTensors.Open(path));
        Assert.StartsWith(path, error.Message, StringComparison.Ordinal);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(100_000_001, "the header's length: expected at most 100,000,000 bytes, got 100,000,001 (at byte 0)")]
    [InlineData(99_999_999, "the header's length: expected at most the 2 bytes that follow, got 99,999,999 (at byte 0)")]
    [InlineData(-1, "got 18,446,744,073,709,551,615")]
    public void AHeaderLengthThatLiesIsRefusedBeforeAnythingIsAllocated(long claimed, string message)
    {
        var bytes = new byte[10];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, claimed);
        var path = folder.Write("length", bytes);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var error = Assert.Throws<DataFormatException>(() => SafeTensors.Open(path));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AShortFileIsRefused()
    {
        var error = Assert.Throws<DataFormatException>(() => SafeTensors.Open(folder.Write("short", [1, 2, 3])));
        Assert.Contains("the file: expected at least 8 bytes, got 3", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void DamagedFilesAreRefusedOrReadAndNothingElse()
    {
        SafeTensors.Save(folder.File("sound"), [SafeTensor.Create<float>("w", [2, 3], [1, 2, 3, 4, 5, 6]), SafeTensor.Create<long>("n", [1], [1])], new Dictionary<string, string> { ["op"] = "linear" });
        var sound = File.ReadAllBytes(folder.File("sound"));
        var refused = Damage.Survive(sound, copies: 4_000, allowed: 256 * 1024, bytes =>
        {
            using var file = SafeTensors.Open(folder.Write("damaged", bytes));
            foreach (var tensor in file.Tensors) _ = tensor.AsFloat64();
        });
        Assert.InRange(refused, 0.5, 1);
    }

    [Fact]
    public void AMissingTensorIsNamedWithThoseThatAreThere()
    {
        SafeTensors.Save(folder.File("names"), [SafeTensor.Create<byte>("a", [1], [1]), SafeTensor.Create<byte>("b", [1], [1])]);
        using var file = SafeTensors.Open(folder.File("names"));
        var error = Assert.Throws<DataFormatException>(() => file["c"]);
        Assert.EndsWith("has no tensor 'c'; it has 'a', 'b'.", error.Message, StringComparison.Ordinal);
        Assert.False(file.TryGet("c", out _));
    }

    [Fact]
    public void ValuesOfTheWrongKindAreRefused()
    {
        SafeTensors.Save(folder.File("kind"), [SafeTensor.Create<float>("x", [1], [1]), SafeTensor.Create<bool>("b", [1], [true]), SafeTensor.Create<ulong>("u", [1], [ulong.MaxValue])]);
        using var file = SafeTensors.Open(folder.File("kind"));
        Assert.Contains("tensor 'x': expected integers, got F32", Assert.Throws<DataFormatException>(() => file["x"].AsInt64()).Message, StringComparison.Ordinal);
        Assert.Contains("tensor 'b': expected numbers, got BOOL", Assert.Throws<DataFormatException>(() => file["b"].AsFloat32()).Message, StringComparison.Ordinal);
        Assert.Contains("got 18446744073709551615", Assert.Throws<DataFormatException>(() => file["u"].AsInt64()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TheWriterRefusesWhatNoFileCanHold()
    {
        var x = SafeTensor.Create<byte>("x", [1], [1]);
        Assert.Equal("Two tensors are called 'x'.", Assert.Throws<ArgumentException>(() => SafeTensors.Save(folder.File("w"), [x, x])).Message);
        Assert.Contains("__metadata__", Assert.Throws<ArgumentException>(() => SafeTensors.Save(folder.File("w"), [SafeTensor.Create<byte>("__metadata__", [1], [1])])).Message, StringComparison.Ordinal);
        Assert.Contains("F32 [3] takes 12 bytes, got 8", Assert.Throws<ArgumentException>(() => SafeTensor.Create<float>("x", [3], [1, 2])).Message, StringComparison.Ordinal);
        Assert.False(File.Exists(folder.File("w")));
    }

    /// <summary>What no reader could use is refused where it is written.</summary>
    [Theory]
    [InlineData(0.5f, 0f, "ModelInfo: means [0.5] and standard deviations [0]; expected finite numbers, the latter above 0.")]
    [InlineData(0.5f, float.NaN, "ModelInfo: means [0.5] and standard deviations [NaN]; expected finite numbers, the latter above 0.")]
    [InlineData(float.PositiveInfinity, 1f, "ModelInfo: means [Infinity] and standard deviations [1]; expected finite numbers, the latter above 0.")]
    public void ANormalizationThatDividesByZeroIsNotWritten(float mean, float std, string message)
    {
        var model = new Layers.Linear(1, 1, device: Device.Reference);
        Assert.Equal(message, Assert.Throws<ArgumentException>(() => model.Save(folder.File("w"), new ModelInfo { Mean = [mean], Std = [std] })).Message);
        Assert.False(File.Exists(folder.File("w")));
    }

    [Fact]
    public void AFileIsReplacedWholeOrNotAtAll()
    {
        var path = folder.Write("file", [1, 2, 3]);
        Assert.Throws<InvalidOperationException>(() => AtomicFile.Write(path, stream =>
        {
            stream.WriteByte(9);
            throw new InvalidOperationException("the disk is full");
        }));
        Assert.Equal([1, 2, 3], File.ReadAllBytes(path));
        Assert.Equal([path], Directory.GetFiles(folder.Path));

        AtomicFile.Write(path, stream => stream.WriteByte(9));
        Assert.Equal([9], File.ReadAllBytes(path));
        Assert.Equal([path], Directory.GetFiles(folder.Path));
    }
}
