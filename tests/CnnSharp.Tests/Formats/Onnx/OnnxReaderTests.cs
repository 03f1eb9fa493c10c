using CnnSharp.Formats.Onnx;
using CnnSharp.Kernels;
using CnnSharp.Layers;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>Files that are not sound: each gets an error that names the file, the place and the reason.</summary>
public class OnnxReaderTests
{
    const string File = "net.onnx";

    [Fact]
    public void EveryCutOffFileIsRefused()
    {
        var bytes = Small();
        for (var length = 0; length < bytes.Length - 6; length++)
        {
            var e = Record.Exception(() => Run(bytes[..length]));
            Assert.True(e is DataFormatException, $"cut at {length}: {e}");
            Assert.StartsWith(File, e.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void MutatedFilesAreReadOrRefused() => Mutate([Small()]);

    [SkippableFact]
    public void MutatedBackendCasesAreReadOrRefused()
    {
        var files = OnnxCasesTests.Models();
        Skip.If(files.Count == 0, "There are no backend cases: install Debian's package libonnx-testdata.");
        Mutate([.. files.Select(System.IO.File.ReadAllBytes).Where(bytes => bytes.Length < 10_000)]);
    }

    /// <summary>A few thousand files, always the same.</summary>
    static void Mutate(byte[][] originals)
    {
        var count = Damage.Copies(4_000);
        var random = new Random(11);
        for (var i = 0; i < count; i++)
        {
            var bytes = (byte[])originals[random.Next(originals.Length)].Clone();
            for (var changes = random.Next(1, 4); changes > 0; changes--) bytes[random.Next(bytes.Length)] = (byte)(random.Next(3) == 0 ? 0xff : random.Next(256));
            var before = GC.GetAllocatedBytesForCurrentThread();
            var e = Record.Exception(() => OnnxModel.Read(bytes, File));
            var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(allocated < Allowed(bytes), $"file {i}: {allocated:N0} bytes for {bytes.Length:N0}");
            e ??= Record.Exception(() => Run(bytes));
            Assert.True(e is null or DataFormatException or UnsupportedOperatorException or ShapeException or NotSupportedException, $"file {i}: {e}");
        }
    }

    /// <summary>
    /// What reading a file may take beside its own bytes: those once more, what an object takes for each thing in it that has
    /// bytes of its own (a node, a name, a tensor: an object and its place in a table or two), and what an error takes.
    /// </summary>
    static long Allowed(byte[] file) => 20_000 + file.Length + (150 * Things(file, 0));

    /// <summary>The messages and names that a reader of models looks at, counted apart from it.</summary>
    static long Things(ReadOnlySpan<byte> message, int kind)
    {
        // Kind of message, field, and the kind that the field's message is: the model's graph; its nodes, tensors and values; ...
        ReadOnlySpan<(int Kind, int Field, int Inner)> messages = [(0, 7, 1), (1, 1, 2), (1, 5, 3), (1, 11, 4), (1, 12, 4), (2, 5, 5), (5, 5, 3), (4, 2, 6), (6, 1, 7), (7, 2, 8), (8, 1, 9)];
        var things = 0L;
        while (TryVarint(ref message, out var tag))
        {
            switch (tag & 7)
            {
                case 0 when TryVarint(ref message, out _):
                    break;
                case 1 when message.Length >= 8:
                    message = message[8..];
                    break;
                case 5 when message.Length >= 4:
                    message = message[4..];
                    break;
                case 2 when TryVarint(ref message, out var length) && length <= (ulong)message.Length:
                    things++;
                    foreach (var (outer, field, inner) in messages)
                        if (outer == kind && (ulong)field == tag >> 3) things += Things(message[..(int)length], inner);
                    message = message[(int)length..];
                    break;
                default:
                    return things;
            }
        }

        return things;
    }

    static bool TryVarint(ref ReadOnlySpan<byte> bytes, out ulong value)
    {
        value = 0;
        for (var i = 0; i < Math.Min(10, bytes.Length); i++)
        {
            value |= (ulong)(bytes[i] & 0x7f) << (7 * i);
            if (bytes[i] >= 0x80) continue;
            bytes = bytes[(i + 1)..];
            return true;
        }

        return false;
    }

    [Fact]
    public void WhatIsLargeInAFileIsNotCopiedButForLists()
    {
        var megabyte = new byte[1 << 20];
        Takes(graph => graph.Message(5, tensor =>
        {
            tensor.Integers(1, [megabyte.Length]);
            tensor.Integer(2, (int)OnnxType.UInt8);
            tensor.Text(8, "w");
            tensor.Bytes(9, megabyte);
        }), 0);
        Takes(graph => graph.Bytes(99, megabyte), 0);
        Takes(Listed(7), 1);
        Takes(Listed(8), 1);

        Action<ProtoWriter> Listed(int field) => graph => graph.Message(1, node =>
        {
            node.Text(2, "b");
            node.Text(4, "Relu");
            node.Message(5, attribute =>
            {
                attribute.Text(1, "list");
                attribute.Bytes(field, megabyte);
            });
        });

        static void Takes(Action<ProtoWriter> graph, int copies)
        {
            var bytes = Bytes(message =>
            {
                graph(message);
                PassOn(message);
            });
            _ = OnnxModel.Read(bytes, File);
            var before = GC.GetAllocatedBytesForCurrentThread();
            _ = OnnxModel.Read(bytes, File);
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 20_000 + ((long)copies * bytes.Length));
        }
    }

    /// <summary>An input that is the output.</summary>
    static void PassOn(ProtoWriter graph)
    {
        graph.Message(11, input => input.Text(1, "x"));
        graph.Message(12, output => output.Text(1, "x"));
    }

    /// <summary>The most objects that bytes can ask for: nodes without names.</summary>
    [Fact]
    public void AMillionBytesOfTheSmallestNodesTakeWhatTheirObjectsTake()
    {
        var bytes = Bytes(graph =>
        {
            for (var i = 0; i < 200_000; i++) graph.Message(1, message => message.Text(4, "A"));
            PassOn(graph);
        });
        var before = GC.GetAllocatedBytesForCurrentThread();
        var model = OnnxModel.Read(bytes, File);
        Assert.Equal(200_000, model.NodeCount);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, Allowed(bytes));
    }

    [Fact]
    public void ATensorThatClaimsMoreThanTheFileHoldsIsRefused()
    {
        var bytes = Bytes(graph => graph.Message(5, tensor =>
        {
            tensor.Integers(1, [1L << 30, 1L << 30]);
            tensor.Integer(2, (int)OnnxType.Float);
            tensor.Text(8, "w");
            tensor.Bytes(9, new byte[16]);
        }));
        var e = Assert.Throws<DataFormatException>(() => OnnxModel.Read(bytes, File));
        Assert.Contains("initializer 0: tensor 'w': expected 1,152,921,504,606,846,976 elements of Float for [1073741824, 1073741824], the file has 4", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ALengthThatLiesIsRefused()
    {
        var e = Assert.Throws<DataFormatException>(() => OnnxModel.Read([0x3a, 0xff, 0xff, 0xff, 0xff, 0x07, 0x00], File));
        Assert.Equal("net.onnx: the model: field 7 claims 2,147,483,647 bytes, 1 follow (at byte 6).", e.Message);
    }

    [Fact]
    public void ACycleIsRefused()
        => Refused([Node("Relu", "b", "a"), Node("Relu", "a", "b"), Node("Add", "x", "y")], "it stands on a cycle", "(Relu)");

    [Fact]
    public void AnUnknownInputIsRefused()
        => Refused([Node("Relu", "nowhere", "y")], "node 'y' (Relu): its input 'nowhere' is made by no node and is no input of the graph");

    [Fact]
    public void AResultThatExistsAlreadyIsRefused()
        => Refused([Node("Relu", "x", "y"), Node("Tanh", "x", "y")], "node 'y' (Tanh): its result 'y' exists already");

    [Fact]
    public void NodesOutOfOrderAreSorted()
    {
        var model = OnnxModel.Read(Bytes(Graph(Node("Relu", "a", "y"), Node("Neg", "x", "a"))), File);
        Assert.Equal(["Neg", "Relu"], model.Nodes.Select(node => node.Operator));
    }

    [Fact]
    public void AnUnknownOperatorIsNamed()
    {
        var e = Assert.Throws<UnsupportedOperatorException>(() => Run(Bytes(Graph(Node("Levitate", "x", "y")))));
        Assert.Equal("net.onnx: node 'y' (Levitate): this operator is not computed.", e.Message);
        Assert.Equal("Levitate", e.Operator);
    }

    [Fact]
    public void AnUnknownAttributeIsNamed()
    {
        var e = Assert.Throws<UnsupportedOperatorException>(() => Run(Bytes(Graph(Node("Relu", "x", "y", OnnxAttribute.Of("colour", 3))))));
        Assert.Equal("net.onnx: node 'y' (Relu): its attribute 'colour' is not known.", e.Message);
    }

    [Fact]
    public void AnAttributeOfAnotherTypeIsRefused()
        => Refused([Node("LeakyRelu", "x", "y", OnnxAttribute.Of("alpha", "steep"))], "node 'y' (LeakyRelu): attribute 'alpha' is String, expected Float");

    [Fact]
    public void AResultOutOfAllProportionIsRefusedBeforeItIsMade()
    {
        var size = OnnxTensor.Create("size", [3], [1L << 20, 1L << 20, 1L << 20]);
        var nodes = new[] { Node("ConstantOfShape", "size", "big"), Node("Add", ["x", "big"], "y") };
        var e = Assert.Throws<DataFormatException>(() => Run(Bytes(graph =>
        {
            graph.Message(5, size.Write);
            Graph(nodes)(graph);
        })));
        Assert.Contains("node 'big' (ConstantOfShape): its result would be [1048576, 1048576, 1048576], more than", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnInputThatDoesNotFitNamesNodeAndFile()
    {
        var network = new OnnxNetwork(OnnxModel.Read(Small(), File), Device.Cpu);
        var e = Assert.Throws<ShapeException>(() => network.Forward(Tensor.Zeros(new(1, 6, 6, 5), Device.Cpu)));
        Assert.Contains("the input has 5 channels, the weights expect 2", e.Message, StringComparison.Ordinal);
        Assert.Contains("(Conv) of the exported graph".Replace("the exported graph", File, StringComparison.Ordinal), e.Message, StringComparison.Ordinal);
    }

    static void Refused(OnnxNode[] nodes, params string[] parts)
    {
        var e = Assert.Throws<DataFormatException>(() => Run(Bytes(Graph(nodes))));
        Assert.StartsWith(File, e.Message, StringComparison.Ordinal);
        Assert.All(parts, part => Assert.Contains(part, e.Message, StringComparison.Ordinal));
    }

    static OnnxNode Node(string type, string input, string output, params OnnxAttribute[] attributes) => Node(type, [input], output, attributes);

    static OnnxNode Node(string type, string[] inputs, string output, params OnnxAttribute[] attributes)
        => new() { Operator = type, Inputs = inputs, Outputs = [output], Attributes = attributes };

    static Action<ProtoWriter> Graph(params OnnxNode[] nodes) => graph =>
    {
        foreach (var node in nodes) graph.Message(1, node.Write);
        graph.Message(11, new OnnxValueInfo("x", OnnxType.Float, [2, 3]).Write);
        graph.Message(12, new OnnxValueInfo("y", OnnxType.Float, null).Write);
    };

    static byte[] Bytes(Action<ProtoWriter> graph)
    {
        var writer = new ProtoWriter();
        writer.Integer(1, 8);
        writer.Message(8, set => set.Integer(2, 17));
        writer.Message(7, graph);
        using var stream = new MemoryStream();
        writer.WriteTo(stream);
        return stream.ToArray();
    }

    /// <summary>A little network of the operators that a file's numbers reach deepest into.</summary>
    static byte[] Small()
    {
        using var folder = new TemporaryFolder();
        var model = new Sequential(
            new Conv2d(2, 3, 3, padding: 1, device: Device.Cpu),
            new BatchNorm2d(3, device: Device.Cpu),
            new Relu(),
            new MaxPool2d(2),
            new Pad2d(1),
            new ConvTranspose2d(3, 2, 2, stride: 2, device: Device.Cpu),
            new UpsampleNearest2d(2),
            new Lambda(x => Functional.Concat([Functional.Slice(x, 1, 2, 4), Functional.Slice(x, 1, 4, 4)])),
            new Maxout(2),
            new Flatten(),
            new Linear(160, 2, device: Device.Cpu));
        model.SaveOnnx(folder.File(File), new(6, 6, 2));
        return System.IO.File.ReadAllBytes(folder.File(File));
    }

    static void Run(byte[] bytes)
    {
        var network = new OnnxNetwork(OnnxModel.Read(bytes, File), Device.Cpu);
        using (Tape.NoGrad())
        {
            // Of a graph that does not say what goes in, or wants much, it is enough that it can be built.
            if (network.Inputs.Any(input => input.Shape is null || input.Type.SizeOf() == 0 || input.Shape.Any(extent => extent is < 0 or > 64) || input.Shape.Aggregate(1L, (product, extent) => product * (extent ?? 1)) > 100_000)) return;
            network.Run([.. network.Inputs.Select(Zeros)]);
        }

        static Value Zeros(OnnxValueInfo input)
        {
            Shape shape = input.Shape!.Select(extent => (int)(extent ?? 1)).ToArray();
            if (input.Type == OnnxType.Float) return Value.Of(Tensor.Zeros(shape, Device.Cpu));
            return Value.Of(input.Type.IsReal() ? new HostArray(input.Type, shape, new double[shape.Count]) : new(input.Type, shape, new long[shape.Count]));
        }
    }
}
