using CnnSharp.Formats.Onnx;
using CnnSharp.Kernels;
using CnnSharp.Layers;
using Google.Protobuf;
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
    public void MutatedFilesAreReadOrRefused()
    {
        byte[][] sound = [Small(), WithFunctions(), WithBranches(true), WithBigNumbers()];
        foreach (var bytes in sound) Run(bytes);
        Mutate(sound);
    }

    [Fact]
    public void MutatedBackendCasesAreReadOrRefused()
    {
        var files = OnnxCasesTests.Models();
        Assert.SkipWhen(files.Count == 0, "There are no backend cases: install Debian's package libonnx-testdata.");
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
    /// What reading a file may take: its runs of bytes twice (in the pieces that they are read in, and whole), what objects take
    /// for each thing in it that has bytes of its own (a node, a name, a tensor: a message, an object and its place in a table
    /// or two), and what a buffer and an error take.
    /// </summary>
    static long Allowed(byte[] file) => 40_000 + (2 * file.Length) + (250 * Things(file, 0));

    /// <summary>The messages and names that a reader of models looks at, counted apart from it.</summary>
    static long Things(ReadOnlySpan<byte> message, int kind)
    {
        // Kind of message, field, and the kind that the field's message is: the model's graph; its nodes, tensors and values; ...
        ReadOnlySpan<(int Kind, int Field, int Inner)> messages = [(0, 7, 1), (1, 1, 2), (1, 5, 3), (1, 11, 4), (1, 12, 4), (2, 5, 5), (5, 5, 3), (4, 2, 6), (6, 1, 7), (7, 2, 8), (8, 1, 9), (0, 25, 10), (10, 7, 2), (10, 11, 5), (5, 6, 99), (3, 13, 9)];
        var things = 0L;
        while (TryVarint(ref message, out var tag))
        {
            switch (tag & 7)
            {
                case 0 when TryVarint(ref message, out _):
                case 3 or 4 or 6 or 7: // Where a group begins and ends, and what is not defined: passed over.
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

    [Theory]
    [InlineData("raw data", 2)]
    [InlineData("a field that is not known", 0)]
    [InlineData("floats", 4)]
    [InlineData("integers", 32)]
    public void WhatIsLargeInAFileTakesWhatItsNumbersTake(string what, int copies)
    {
        var megabyte = new byte[1 << 20];
        var bytes = Bytes(graph =>
        {
            if (what == "raw data") graph.Initializer.Add(new TensorProto { Dims = { megabyte.Length }, DataType = (int)OnnxType.UInt8, Name = "w", RawData = ByteString.CopyFrom(megabyte) });
            else if (what == "floats") graph.Node.Add(new NodeProto { Output = { "b" }, OpType = "Relu", Attribute = { new AttributeProto { Name = "list", Floats = { new float[megabyte.Length / 5] } } } });
            else if (what == "integers") graph.Node.Add(new NodeProto { Output = { "b" }, OpType = "Relu", Attribute = { new AttributeProto { Name = "list", Ints = { new long[megabyte.Length / 2] } } } });
            else graph.Node.Add(new NodeProto { Output = { "b" }, OpType = "Relu", Attribute = { UnknownAttribute(megabyte) } });
            PassOn(graph);
        });
        Assert.InRange(bytes.Length, 1_000_000, 1_200_000);
        _ = OnnxModel.Read(bytes, File);
        var before = GC.GetAllocatedBytesForCurrentThread();
        _ = OnnxModel.Read(bytes, File);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 40_000 + ((long)copies * bytes.Length));
    }

    /// <summary>The field of strings, which the schema here leaves out.</summary>
    static AttributeProto UnknownAttribute(byte[] content)
    {
        using var stream = new MemoryStream();
        using (var output = new CodedOutputStream(stream, leaveOpen: true))
        {
            output.WriteTag(1, WireFormat.WireType.LengthDelimited);
            output.WriteString("list");
            output.WriteTag(9, WireFormat.WireType.LengthDelimited);
            output.WriteBytes(ByteString.CopyFrom(content));
        }

        return AttributeProto.Parser.ParseFrom(stream.ToArray());
    }

    /// <summary>An input that is the output.</summary>
    static void PassOn(GraphProto graph)
    {
        graph.Input.Add(new ValueInfoProto { Name = "x" });
        graph.Output.Add(new ValueInfoProto { Name = "x" });
    }

    /// <summary>The most objects that bytes can ask for: nodes without names.</summary>
    [Fact]
    public void AMillionBytesOfTheSmallestNodesTakeWhatTheirObjectsTake()
    {
        var bytes = Bytes(graph =>
        {
            for (var i = 0; i < 200_000; i++) graph.Node.Add(new NodeProto { OpType = "A" });
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
        var bytes = Bytes(graph => graph.Initializer.Add(new TensorProto { Dims = { 1L << 30, 1L << 30 }, DataType = (int)OnnxType.Float, Name = "w", RawData = ByteString.CopyFrom(new byte[16]) }));
        var e = Assert.Throws<DataFormatException>(() => OnnxModel.Read(bytes, File));
        Assert.Contains("initializer 0: tensor 'w': expected 1,152,921,504,606,846,976 elements of Float for [1073741824, 1073741824], the file has 4", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ALengthThatLiesIsRefused()
    {
        var e = Assert.Throws<DataFormatException>(() => OnnxModel.Read([0x3a, 0xff, 0xff, 0xff, 0xff, 0x07, 0x00], File));
        Assert.StartsWith("net.onnx: holds no sound protocol buffer: While parsing a protocol message, the input ended unexpectedly", e.Message, StringComparison.Ordinal);
        Assert.Equal(6, e.Offset);
    }

    /// <summary>The text of an attribute, whose field has bytes, and a name, whose field has text.</summary>
    [Fact]
    public void TextThatIsNotUtf8IsRefused()
    {
        var node = new NodeProto { Name = "ab", Input = { "x" }, Output = { "y" }, OpType = "Relu", Attribute = { new AttributeProto { Name = "mode", Type = (int)OnnxAttributeType.String, S = ByteString.CopyFrom(0xc3, 0x28) } } };
        var bytes = Bytes(graph =>
        {
            graph.Node.Add(node);
            Inputs(graph);
        });
        Assert.Equal("net.onnx: node 0: attribute 'mode': its text is not sound UTF-8.", Assert.Throws<DataFormatException>(() => OnnxModel.Read(bytes, File)).Message);
        node.Attribute.Clear();
        bytes = Bytes(graph =>
        {
            graph.Node.Add(node);
            Inputs(graph);
        });
        bytes[bytes.AsSpan().IndexOf("ab"u8)] = 0xff;
        Assert.Contains("UTF-8", Assert.Throws<DataFormatException>(() => OnnxModel.Read(bytes, File)).Message, StringComparison.Ordinal);
    }

    /// <summary>What a download or a clone leaves in a model's place is named for what it is, not for the bytes that do not parse.</summary>
    [Theory]
    [InlineData("<!DOCTYPE html><html></html>", "is a web page (HTML or XML), not weights")]
    [InlineData("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "is a pointer of Git LFS, not the weights themselves: fetch them with 'git lfs pull'")]
    [InlineData("{\"error\": 404}", "is JSON text, not weights")]
    [InlineData("", "is empty: fetch it again")]
    public void AFileOfAnotherKindIsNamed(string text, string expected)
    {
        var e = Assert.Throws<DataFormatException>(() => OnnxModel.Read(System.Text.Encoding.ASCII.GetBytes(text), File));
        Assert.StartsWith($"net.onnx: {expected}", e.Message, StringComparison.Ordinal);
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

    /// <summary>x Sigmoid(x) in either order is one step, whatever the version; not where the sigmoid is read elsewhere, is given out, or is another's.</summary>
    [Theory]
    [InlineData(true, "x", "s")]
    [InlineData(true, "s", "x")]
    [InlineData(false, "s", "s")]
    [InlineData(false, "x", "r")]
    public void AProductWithTheSigmoidIsSilu(bool merged, string left, string right)
    {
        Values(merged, Node("Relu", "x", "r"), Node("Sigmoid", right == "r" ? "r" : "x", "s"), Node("Relu", "x", "between"), right == "r" ? Node("Mul", [left, "s"], "y") : Node("Mul", [left, right], "y"));
        Values(false, Node("Sigmoid", "x", "s"), Node("Mul", ["x", "s"], "t"), Node("Add", ["s", "t"], "y"));
        Values(false, Node("Relu", "x", "r"), Node("Sigmoid", "x", "y"), Node("Mul", ["x", "y"], "t"));

        static void Values(bool merged, params OnnxNode[] nodes)
        {
            var network = new OnnxNetwork(OnnxModel.Read(Bytes(Graph(nodes)), File), Device.Cpu);
            var names = new List<string>();
            float[] x = [-3, -0.5f, 0, 0.25f, 2, 7];
            using var _ = Tape.NoGrad();
            Tape.Observer = operation => names.Add(operation.Operation.Name);
            try
            {
                var y = network.Run([Value.Of(Tensor.From(x, new(2, 3), Device.Cpu))])[0].Host();
                for (var i = 0; i < x.Length; i++) Assert.Equal(Expected(nodes, x[i]), y.Real(i), 1e-6 * Math.Max(1, Math.Abs(x[i])));
            }
            finally
            {
                Tape.Observer = null;
            }

            Assert.Equal(merged, names.Contains("Silu"));
            Assert.Equal(!merged, names.Contains("Sigmoid"));
        }

        static double Expected(OnnxNode[] nodes, double x)
        {
            var values = new Dictionary<string, double> { ["x"] = x };
            foreach (var node in nodes)
            {
                var a = values[node.Inputs[0]];
                values[node.Outputs[0]] = node.Operator switch
                {
                    "Relu" => Math.Max(a, 0),
                    "Sigmoid" => 1 / (1 + Math.Exp(-a)),
                    "Mul" => a * values[node.Inputs[1]],
                    _ => a + values[node.Inputs[1]],
                };
            }

            return values["y"];
        }
    }

    [Fact]
    public void AnUnknownOperatorIsNamed()
    {
        var e = Assert.Throws<UnsupportedOperatorException>(() => Run(Bytes(Graph(Node("Levitate", "x", "y")))));
        Assert.Equal("net.onnx: node 'y' (Levitate) of ai.onnx 17: this operator is not computed.", e.Message);
        Assert.Equal("Levitate", e.Operator);
    }

    [Fact]
    public void AllUnsupportedOperatorsAreNamedAtOnce()
    {
        OnnxNode[] nodes = [Node("Levitate", "x", "a"), new() { Operator = "Fly", Domain = "com.example", Name = "wings", Inputs = ["a"], Outputs = ["b"] }, Node("Loop", ["b"], "c"), .. Enumerable.Range(0, 5).Select(i => Node("Levitate", "c", i == 0 ? "y" : $"d{i}"))];
        var e = Assert.Throws<UnsupportedOperatorException>(() => Run(Bytes(graph => Graph(nodes)(graph), opset: 22, ("com.example", 3))));
        Assert.Equal(
            """
            net.onnx: 8 nodes are not computed here:
              Levitate of ai.onnx 22: this operator is not computed: node 'a' (Levitate), node 'y' (Levitate), node 'd1' (Levitate) and 3 more
              Fly of com.example 3: neither a standard operator nor a function that the file brings along: node 'wings' (Fly)
              Loop of ai.onnx 22: this operator is not computed: node 'c' (Loop)
            """.ReplaceLineEndings("\n"),
            e.Message);
        Assert.Equal(["Levitate", "Fly", "Loop"], e.Operators);
    }

    [Theory]
    [InlineData(22)]
    [InlineData(27)]
    [InlineData(99)]
    public void AFileOfANewerOpsetIsReadByItsOperators(int opset)
    {
        var network = new OnnxNetwork(OnnxModel.Read(Bytes(Graph(Node("Relu", "x", "y")), opset), File), Device.Cpu);
        using var scope = Tape.NoGrad();
        Assert.Equal([0, 2, 0, 4, 0, 6], network.Run([Value.Of(Tensor.From(new float[] { -1, 2, -3, 4, -5, 6 }, new(2, 3), Device.Cpu))])[0].Host().Reals!);
    }

    [Fact]
    public void AnUnknownAttributeIsNamed()
    {
        var e = Assert.Throws<UnsupportedOperatorException>(() => Run(Bytes(Graph(Node("Relu", "x", "y", OnnxAttribute.Of("color", 3))))));
        Assert.Equal("net.onnx: node 'y' (Relu) of ai.onnx 17: its attribute 'color' is not known.", e.Message);
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
            graph.Initializer.Add(size.ToMessage());
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

    /// <summary>(x + x) twice over, by a function within a function; the inner one takes its factor as an attribute.</summary>
    [Fact]
    public void FunctionsOfTheFileAreInlined()
    {
        var network = new OnnxNetwork(OnnxModel.Read(WithFunctions(), File), Device.Cpu);
        using var scope = Tape.NoGrad();
        Assert.Equal([10, 20, 30, 40, 50, 60], network.Run([Value.Of(Tensor.From(new float[] { 1, 2, 3, 4, 5, 6 }, new(2, 3), Device.Cpu))])[0].Host().Reals!);
    }

    static byte[] WithFunctions() => Bytes(
        Graph(new OnnxNode { Operator = "Twice", Domain = "own", Inputs = ["x"], Outputs = ["y"], Name = "t" }),
        18,
        ("own", 1),
        Function("Twice", ["a"], ["b"], [], new() { Operator = "Scaled", Domain = "own", Inputs = ["a"], Outputs = ["m"], Attributes = [OnnxAttribute.Of("by", 2f)] }, new() { Operator = "Scaled", Domain = "own", Inputs = ["m"], Outputs = ["b"] }),
        Function("Scaled", ["v"], ["w"], [OnnxAttribute.Of("by", 5f)], Constant("k", "value_float", "by"), Node("Mul", ["v", "k"], "w")));

    /// <summary>Operators that make of a few numbers as much as the numbers say.</summary>
    static byte[] WithBigNumbers() => Bytes(graph =>
    {
        void Add(string name, params long[] values) => graph.Initializer.Add(OnnxTensor.Create(name, [values.Length], values).ToMessage());
        Add("sizes", 3, 5);
        Add("times", 2, 1);
        Add("wide", 2, 6, 5);
        Add("pads", 0, 1, 1, 2);
        Add("start", 2);
        Add("at", 1, 0);
        Add("axis", 1);
        graph.Node.Add(Node("Resize", ["x", "", "", "sizes"], "a", OnnxAttribute.Of("mode", "cubic"), OnnxAttribute.Of("antialias", 1)).ToMessage());
        graph.Node.Add(Node("Tile", ["a", "times"], "b").ToMessage());
        graph.Node.Add(Node("Expand", ["b", "wide"], "c").ToMessage());
        graph.Node.Add(Node("Gather", ["c", "at"], "d", OnnxAttribute.Of("axis", 2)).ToMessage());
        graph.Node.Add(Node("Einsum", ["d", "d"], "e", OnnxAttribute.Of("equation", "bij,bkj->ik")).ToMessage());
        graph.Node.Add(Node("Pad", ["e", "pads"], "f", OnnxAttribute.Of("mode", "reflect")).ToMessage());
        graph.Node.Add(Node("CenterCropPad", ["f", "sizes"], "g").ToMessage());
        graph.Node.Add(Node("Trilu", ["g", "start"], "h").ToMessage());
        graph.Node.Add(new OnnxNode { Operator = "TopK", Inputs = ["h", "start"], Outputs = ["i", "places"] }.ToMessage());
        graph.Node.Add(Node("CumSum", ["i", "axis"], "y").ToMessage());
        Inputs(graph);
    }, opset: 18);

    /// <summary>The attribute of a constant that is the function's own.</summary>
    static OnnxNode Constant(string output, string attribute, string reference)
        => new() { Operator = "Constant", Inputs = [], Outputs = [output], Attributes = [new() { Name = attribute, Type = OnnxAttributeType.Float, Reference = reference }] };

    static FunctionProto Function(string name, string[] inputs, string[] outputs, OnnxAttribute[] defaults, params OnnxNode[] nodes) => new()
    {
        Name = name,
        Input = { inputs },
        Output = { outputs },
        Node = { nodes.Select(node => node.ToMessage()) },
        OpsetImport = { new OperatorSetIdProto { Version = 18 } },
        Domain = "own",
        AttributeProto = { defaults.Select(attribute => attribute.ToMessage()) },
    };

    [Fact]
    public void AFunctionThatCallsItselfIsRefused()
    {
        var call = new OnnxNode { Operator = "F", Domain = "own", Inputs = ["x"], Outputs = ["y"], Name = "f" };
        var e = Assert.Throws<DataFormatException>(() => Run(Bytes(Graph(call), 18, ("own", 1), Function("F", ["x"], ["y"], [], new OnnxNode { Operator = "G", Domain = "own", Inputs = ["x"], Outputs = ["y"] }), Function("G", ["x"], ["y"], [], call))));
        Assert.Contains("the function 'F' calls itself", e.Message, StringComparison.Ordinal);
    }

    /// <summary>Each function calls the next twice: 2^40 nodes.</summary>
    [Fact]
    public void FunctionsThatStandForTooManyNodesAreRefused()
    {
        OnnxNode Call(int i, string input, string output) => new() { Operator = $"F{i}", Domain = "own", Inputs = [input], Outputs = [output] };
        var functions = Enumerable.Range(0, 40).Select(i => Function($"F{i}", ["a"], ["c"], [], i == 39 ? [Node("Relu", "a", "c")] : [Call(i + 1, "a", "b"), Call(i + 1, "b", "c")])).ToArray();
        var e = Assert.Throws<DataFormatException>(() => Run(Bytes(Graph(Call(0, "x", "y")), 18, ("own", 1), functions)));
        Assert.Contains("its functions stand for more than 65,536 nodes", e.Message, StringComparison.Ordinal);
    }

    /// <summary>The condition is that of the extents: of a constant true, of one computed from the input's shape, and of one that is fed in.</summary>
    [Theory]
    [InlineData(true, -2)]
    [InlineData(false, 4)]
    public void AnIfWithAConstantConditionIsItsBranch(bool condition, float expected)
    {
        var network = new OnnxNetwork(OnnxModel.Read(WithBranches(condition), File), Device.Cpu);
        using var scope = Tape.NoGrad();
        Assert.Equal(expected, network.Run([Value.Of(Tensor.Full(new(2, 3), 2, Device.Cpu))])[0].Host().Reals![0]);
    }

    static byte[] WithBranches(bool condition) => Bytes(graph =>
    {
        graph.Initializer.Add(OnnxTensor.Create("two", [], [2L]).ToMessage());
        graph.Initializer.Add(OnnxTensor.Create("at", [], [condition ? 0L : 1L]).ToMessage());
        graph.Node.Add(Node("Shape", "x", "s").ToMessage());
        graph.Node.Add(Node("Gather", ["s", "at"], "rows").ToMessage());
        graph.Node.Add(Node("Equal", ["rows", "two"], "c").ToMessage());
        graph.Node.Add(If("c", "y", Node("Neg", "x", "r"), Node("Mul", ["x", "x"], "r")));
        Inputs(graph);
    });

    [Fact]
    public void AnIfWhoseConditionIsFedInIsNamed()
    {
        var e = Assert.Throws<UnsupportedOperatorException>(() => Run(Bytes(graph =>
        {
            graph.Node.Add(If("x", "y", Node("Neg", "x", "r"), Node("Relu", "x", "r")));
            Inputs(graph);
        })));
        Assert.Equal("net.onnx: node 'y' (If) of ai.onnx 17: its condition does not follow from constants.", e.Message);
    }

    /// <summary>An If in the branch of an If, and so on: refused, not followed without end.</summary>
    [Theory]
    [InlineData(70, "functions and branches are more than 64 deep")]
    [InlineData(100, "too many levels of nesting")]
    [InlineData(1_000, "too many levels of nesting")]
    public void BranchesThatAreTooDeepAreRefused(int levels, string expected)
    {
        var inner = Node("Neg", "x", "r0").ToMessage();
        for (var i = 1; i <= levels; i++) inner = If("t", $"r{i}", ("then_branch", $"r{i - 1}", inner));
        var e = Assert.Throws<DataFormatException>(() => Run(Bytes(graph =>
        {
            graph.Initializer.Add(OnnxTensor.Create("t", [], [1L]).ToMessage());
            graph.Node.Add(inner);
            graph.Node.Add(Node("Relu", $"r{levels}", "y").ToMessage());
            Inputs(graph);
        })));
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
    }

    static NodeProto If(string condition, string output, OnnxNode then, OnnxNode otherwise) => If(condition, output, ("then_branch", "r", then.ToMessage()), ("else_branch", "r", otherwise.ToMessage()));

    static NodeProto If(string condition, string output, params (string Name, string Result, NodeProto Body)[] branches)
    {
        var node = new NodeProto { Input = { condition }, Output = { output }, OpType = "If" };
        foreach (var (name, result, body) in branches)
        {
            var graph = new GraphProto { Node = { body }, Output = { new OnnxValueInfo(result, OnnxType.Float, null).ToMessage() } };
            node.Attribute.Add(new AttributeProto { Name = name, Type = (int)OnnxAttributeType.Graph, G = graph });
        }

        return node;
    }

    static void Inputs(GraphProto graph)
    {
        graph.Input.Add(new OnnxValueInfo("x", OnnxType.Float, [2, 3]).ToMessage());
        graph.Output.Add(new OnnxValueInfo("y", OnnxType.Float, null).ToMessage());
    }

    /// <summary>What asks for more than there is: each refused with the node's name, before anything is allocated.</summary>
    [Theory]
    [InlineData("Expand", "1048576,1048576,2,3")]
    [InlineData("Tile", "1048576,1048576")]
    [InlineData("ConstantOfShape", "1048576,1048576")]
    [InlineData("Resize", "1048576,1048576")]
    [InlineData("CenterCropPad", "1048576,1048576")]
    [InlineData("Reshape", "7,-1,-1")]
    public void HugeResultsAreRefused(string type, string extents)
    {
        long[] sizes = [.. extents.Split(',').Select(long.Parse)];
        string[] inputs = type switch { "ConstantOfShape" => ["n"], "Resize" => ["x", "", "", "n"], _ => ["x", "n"] };
        var before = GC.GetAllocatedBytesForCurrentThread();
        var e = Assert.Throws<DataFormatException>(() => Run(Bytes(graph =>
        {
            graph.Initializer.Add(OnnxTensor.Create("n", [sizes.Length], sizes).ToMessage());
            graph.Node.Add(Node(type, inputs, "y").ToMessage());
            Inputs(graph);
        })));
        Assert.Contains($"node 'y' ({type}): ", e.Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 << 20);
    }

    [Theory]
    [InlineData("GatherND", 9)]
    [InlineData("GatherElements", 9)]
    [InlineData("ScatterND", 9)]
    [InlineData("ScatterElements", -9)]
    [InlineData("Gather", 9)]
    public void IndicesOutOfRangeAreRefused(string type, long index)
    {
        var e = Assert.Throws<DataFormatException>(() => Run(Bytes(graph =>
        {
            graph.Initializer.Add(OnnxTensor.Create("i", [1, 1], [index]).ToMessage());
            graph.Initializer.Add(OnnxTensor.Create("u", type == "ScatterND" ? [1, 3] : [1, 1], new float[type == "ScatterND" ? 3 : 1]).ToMessage());
            graph.Node.Add(Node(type, type.StartsWith("Scatter", StringComparison.Ordinal) ? ["x", "i", "u"] : ["x", "i"], "y").ToMessage());
            Inputs(graph);
        })));
        Assert.Equal($"net.onnx: node 'y' ({type}): the index {index} is not among 2 places.", e.Message);
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

    static Action<GraphProto> Graph(params OnnxNode[] nodes) => graph =>
    {
        foreach (var node in nodes) graph.Node.Add(node.ToMessage());
        graph.Input.Add(new OnnxValueInfo("x", OnnxType.Float, [2, 3]).ToMessage());
        graph.Output.Add(new OnnxValueInfo("y", OnnxType.Float, null).ToMessage());
    };

    static byte[] Bytes(Action<GraphProto> graph, int opset = 17, (string Domain, int Version) other = default, params FunctionProto[] functions)
    {
        var model = new ModelProto { IrVersion = 8, Graph = new(), OpsetImport = { new OperatorSetIdProto { Version = opset } }, Functions = { functions } };
        if (other.Domain is not null) model.OpsetImport.Add(new OperatorSetIdProto { Domain = other.Domain, Version = other.Version });
        graph(model.Graph);
        return model.ToByteArray();
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
