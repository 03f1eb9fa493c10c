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
    /// What reading a file may take beside its own bytes: those once more, what an object takes for each thing in it that has
    /// bytes of its own (a node, a name, a tensor: an object and its place in a table or two), and what an error takes.
    /// </summary>
    static long Allowed(byte[] file) => 20_000 + file.Length + (150 * Things(file, 0));

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
        void Add(string name, params long[] values) => graph.Message(5, OnnxTensor.Create(name, [values.Length], values).Write);
        Add("sizes", 3, 5);
        Add("times", 2, 1);
        Add("wide", 2, 6, 5);
        Add("pads", 0, 1, 1, 2);
        Add("start", 2);
        Add("at", 1, 0);
        Add("axis", 1);
        graph.Message(1, Node("Resize", ["x", "", "", "sizes"], "a", OnnxAttribute.Of("mode", "cubic"), OnnxAttribute.Of("antialias", 1)).Write);
        graph.Message(1, Node("Tile", ["a", "times"], "b").Write);
        graph.Message(1, Node("Expand", ["b", "wide"], "c").Write);
        graph.Message(1, Node("Gather", ["c", "at"], "d", OnnxAttribute.Of("axis", 2)).Write);
        graph.Message(1, Node("Einsum", ["d", "d"], "e", OnnxAttribute.Of("equation", "bij,bkj->ik")).Write);
        graph.Message(1, Node("Pad", ["e", "pads"], "f", OnnxAttribute.Of("mode", "reflect")).Write);
        graph.Message(1, Node("CenterCropPad", ["f", "sizes"], "g").Write);
        graph.Message(1, Node("Trilu", ["g", "start"], "h").Write);
        graph.Message(1, new OnnxNode { Operator = "TopK", Inputs = ["h", "start"], Outputs = ["i", "places"] }.Write);
        graph.Message(1, Node("CumSum", ["i", "axis"], "y").Write);
        Inputs(graph);
    }, opset: 18);

    /// <summary>The attribute of a constant that is the function's own.</summary>
    static OnnxNode Constant(string output, string attribute, string reference)
        => new() { Operator = "Constant", Inputs = [], Outputs = [output], Attributes = [new() { Name = attribute, Type = OnnxAttributeType.Float, Reference = reference }] };

    static Action<ProtoWriter> Function(string name, string[] inputs, string[] outputs, OnnxAttribute[] defaults, params OnnxNode[] nodes) => function =>
    {
        function.Text(1, name);
        foreach (var input in inputs) function.Text(4, input);
        foreach (var output in outputs) function.Text(5, output);
        foreach (var node in nodes) function.Message(7, message => Write(message, node));
        function.Message(9, set => set.Integer(2, 18));
        function.Text(10, "own");
        foreach (var attribute in defaults) function.Message(11, attribute.Write);

        // The writer of nodes writes no references: files of this library have none.
        static void Write(ProtoWriter message, OnnxNode node)
        {
            foreach (var input in node.Inputs) message.Text(1, input);
            foreach (var output in node.Outputs) message.Text(2, output);
            message.Text(4, node.Operator);
            message.Text(7, node.Domain);
            foreach (var attribute in node.Attributes)
            {
                message.Message(5, written =>
                {
                    if (attribute.Reference.Length == 0) attribute.Write(written);
                    else
                    {
                        written.Text(1, attribute.Name);
                        written.Integer(20, (int)attribute.Type);
                        written.Text(21, attribute.Reference);
                    }
                });
            }
        }
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
        graph.Message(5, OnnxTensor.Create("two", [], [2L]).Write);
        graph.Message(5, OnnxTensor.Create("at", [], [condition ? 0L : 1L]).Write);
        graph.Message(1, Node("Shape", "x", "s").Write);
        graph.Message(1, Node("Gather", ["s", "at"], "rows").Write);
        graph.Message(1, Node("Equal", ["rows", "two"], "c").Write);
        graph.Message(1, message => WriteIf(message, "c", "y", Node("Neg", "x", "r"), Node("Mul", ["x", "x"], "r")));
        Inputs(graph);
    });

    [Fact]
    public void AnIfWhoseConditionIsFedInIsNamed()
    {
        var e = Assert.Throws<UnsupportedOperatorException>(() => Run(Bytes(graph =>
        {
            graph.Message(1, message => WriteIf(message, "x", "y", Node("Neg", "x", "r"), Node("Relu", "x", "r")));
            Inputs(graph);
        })));
        Assert.Equal("net.onnx: node 'y' (If) of ai.onnx 17: its condition does not follow from constants.", e.Message);
    }

    /// <summary>An If in the branch of an If, and so on: refused, not followed without end.</summary>
    [Fact]
    public void BranchesThatAreTooDeepAreRefused()
    {
        Action<ProtoWriter> inner = message => Node("Neg", "x", "r0").Write(message);
        for (var i = 1; i <= 70; i++)
        {
            var (within, level) = (inner, i);
            inner = message => WriteIf(message, "t", $"r{level}", within, within, $"r{level - 1}");
        }

        var e = Assert.Throws<DataFormatException>(() => Run(Bytes(graph =>
        {
            graph.Message(5, OnnxTensor.Create("t", [], [1L]).Write);
            graph.Message(1, inner);
            graph.Message(1, Node("Relu", "r70", "y").Write);
            Inputs(graph);
        })));
        Assert.Contains("functions and branches are more than 64 deep", e.Message, StringComparison.Ordinal);
    }

    static void WriteIf(ProtoWriter node, string condition, string output, OnnxNode then, OnnxNode otherwise) => WriteIf(node, condition, output, then.Write, otherwise.Write, "r");

    static void WriteIf(ProtoWriter node, string condition, string output, Action<ProtoWriter> then, Action<ProtoWriter> otherwise, string result)
    {
        node.Text(1, condition);
        node.Text(2, output);
        node.Text(4, "If");

        // Of deep ones the other branch would double the file at each level: it is left out.
        var deep = ReferenceEquals(then, otherwise);
        foreach (var (name, body) in new[] { ("then_branch", then), ("else_branch", otherwise) }.Take(deep ? 1 : 2))
        {
            node.Message(5, attribute =>
            {
                attribute.Text(1, name);
                attribute.Integer(20, (int)OnnxAttributeType.Graph);
                attribute.Message(6, graph =>
                {
                    graph.Message(1, body);
                    graph.Message(12, new OnnxValueInfo(result, OnnxType.Float, null).Write);
                });
            });
        }
    }

    static void Inputs(ProtoWriter graph)
    {
        graph.Message(11, new OnnxValueInfo("x", OnnxType.Float, [2, 3]).Write);
        graph.Message(12, new OnnxValueInfo("y", OnnxType.Float, null).Write);
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
            graph.Message(5, OnnxTensor.Create("n", [sizes.Length], sizes).Write);
            graph.Message(1, Node(type, inputs, "y").Write);
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
            graph.Message(5, OnnxTensor.Create("i", [1, 1], [index]).Write);
            graph.Message(5, OnnxTensor.Create("u", type == "ScatterND" ? [1, 3] : [1, 1], new float[type == "ScatterND" ? 3 : 1]).Write);
            graph.Message(1, Node(type, type.StartsWith("Scatter", StringComparison.Ordinal) ? ["x", "i", "u"] : ["x", "i"], "y").Write);
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

    static Action<ProtoWriter> Graph(params OnnxNode[] nodes) => graph =>
    {
        foreach (var node in nodes) graph.Message(1, node.Write);
        graph.Message(11, new OnnxValueInfo("x", OnnxType.Float, [2, 3]).Write);
        graph.Message(12, new OnnxValueInfo("y", OnnxType.Float, null).Write);
    };

    static byte[] Bytes(Action<ProtoWriter> graph, int opset = 17, (string Domain, int Version) other = default, params Action<ProtoWriter>[] functions)
    {
        var writer = new ProtoWriter();
        writer.Integer(1, 8);
        writer.Message(8, set => set.Integer(2, opset));
        if (other.Domain is not null)
        {
            writer.Message(8, set =>
            {
                set.Text(1, other.Domain);
                set.Integer(2, other.Version);
            });
        }

        writer.Message(7, graph);
        foreach (var function in functions) writer.Message(25, function);
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
