using System.Buffers.Binary;
using System.Text;

namespace CnnSharp.Data;

/// <summary>
/// The pickles of CIFAR's Python version: a dictionary of an array <c>data</c>, uint8 [images, 3072], and lists of labels. Of
/// Python's objects there are None, True, False, whole numbers, bytes, text, tuples, lists, dictionaries and NumPy's
/// arrays, as protocols 2 to 5 write them; anything else is an error that names it. Nothing is executed. (PickleReader of
/// CnnSharp.Formats keeps no bytes, and this assembly stands beneath it.)
/// </summary>
sealed class CifarPickle(string path, byte[] pickle)
{
    // A batch has 10,000 labels and 10,000 names of files; a training file of CIFAR-100 five times as many of each, and labels of two kinds.
    const int MostObjects = 1_000_000;

    static readonly object Mark = new();
    static readonly string[] Functions = ["numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct", "numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer", "numpy.ndarray", "numpy.dtype", "_codecs.encode"];

    readonly List<object?> stack = [];
    readonly Dictionary<long, object?> memo = [];
    int position;
    int objects;

    /// <summary>Reads a file.</summary>
    /// <param name="path">What messages call it.</param>
    /// <param name="pickle">Its contents.</param>
    /// <param name="count">How many images it must hold.</param>
    /// <param name="key">The name of its list of labels.</param>
    /// <returns>The images' planes, [count, 3072], and the labels.</returns>
    /// <exception cref="DataFormatException">It is no such pickle.</exception>
    public static (ReadOnlyMemory<byte> Planes, long[] Labels) Read(string path, byte[] pickle, int count, string key)
    {
        if (new CifarPickle(path, pickle).Read() is not Dictionary<string, object?> entries) throw new DataFormatException(path, "the pickle", "a dictionary", "another object");
        if (entries.GetValueOrDefault("data") is not NumpyArray { Type: "u1", IsFortran: false, Shape: [var images, CifarFile.ImageLength] } data || data.Data.Length != images * CifarFile.ImageLength)
            throw new DataFormatException(path, "the entry 'data' of the pickle", $"an array of uint8 [images, {CifarFile.ImageLength}]", "another object");
        if (images != count) throw new DataFormatException(path, "the number of images", $"{count:N0}", $"{images:N0}");
        if (entries.GetValueOrDefault(key) is not List<object?> labels || labels.Count != count || !labels.TrueForAll(label => label is long))
            throw new DataFormatException(path, $"the entry '{key}' of the pickle", $"a list of {count:N0} whole numbers", "another object");
        return (data.Data, [.. labels.Select(label => (long)label!)]);
    }

    object? Read()
    {
        while (true)
        {
            if (++objects > MostObjects) throw At($"the pickle has more than {MostObjects:N0} objects");
            var opcode = Take(1)[0];
            switch (opcode)
            {
                case 0x80: // PROTO
                    Take(1);
                    break;
                case 0x95: // FRAME
                    Take(8);
                    break;
                case (byte)'.': return Pop();
                case (byte)'N': stack.Add(null); break;
                case 0x88: stack.Add(true); break;
                case 0x89: stack.Add(false); break;
                case (byte)'K': stack.Add((long)Take(1)[0]); break;
                case (byte)'M': stack.Add((long)BinaryPrimitives.ReadUInt16LittleEndian(Take(2))); break;
                case (byte)'J': stack.Add((long)BinaryPrimitives.ReadInt32LittleEndian(Take(4))); break;
                case (byte)'U' or (byte)'C' or 0x8c: stack.Add(Bytes(Take(1)[0])); break;
                case (byte)'T' or (byte)'B' or (byte)'X': stack.Add(Bytes(BinaryPrimitives.ReadUInt32LittleEndian(Take(4)))); break;
                case 0x8d or 0x8e or 0x96: stack.Add(Bytes(BinaryPrimitives.ReadUInt64LittleEndian(Take(8)))); break;
                case (byte)'(': stack.Add(Mark); break;
                case (byte)')': stack.Add(Array.Empty<object?>()); break;
                case 0x85: stack.Add(PopLast(1)); break;
                case 0x86: stack.Add(PopLast(2)); break;
                case 0x87: stack.Add(PopLast(3)); break;
                case (byte)'t': stack.Add(PopToMark()); break;
                case (byte)']': stack.Add(new List<object?>()); break;
                case (byte)'a': Top<List<object?>>("a list", PopLast(1), (list, items) => list.Add(items[0])); break;
                case (byte)'e': Top<List<object?>>("a list", PopToMark(), (list, items) => list.AddRange(items)); break;
                case (byte)'}': stack.Add(new Dictionary<string, object?>(StringComparer.Ordinal)); break;
                case (byte)'s': SetItems(PopLast(2)); break;
                case (byte)'u': SetItems(PopToMark()); break;
                case (byte)'q': memo[Take(1)[0]] = Peek(); break;
                case (byte)'r': memo[BinaryPrimitives.ReadUInt32LittleEndian(Take(4))] = Peek(); break;
                case 0x94: memo[memo.Count] = Peek(); break;
                case (byte)'h': stack.Add(Remembered(Take(1)[0])); break;
                case (byte)'j': stack.Add(Remembered(BinaryPrimitives.ReadUInt32LittleEndian(Take(4)))); break;
                case (byte)'c': stack.Add(Global($"{Line()}.{Line()}")); break;
                case 0x93: // STACK_GLOBAL
                    var names = PopLast(2);
                    stack.Add(Global($"{Text(names[0])}.{Text(names[1])}"));
                    break;
                case (byte)'R': // REDUCE
                    var call = PopLast(2);
                    stack.Add(Call(call[0], call[1] as object?[] ?? throw At("a function is called without a tuple of arguments")));
                    break;
                case (byte)'b': // BUILD
                    Build(Pop());
                    break;
                default:
                    throw At($"the pickle's opcode 0x{opcode:x2} is none that CIFAR needs; it is not read");
            }
        }
    }

    string Global(string name) => Functions.Contains(name) ? name : throw At($"the pickle asks for '{(name.Length <= 80 ? name : name[..80])}', which is no array; it is not loaded");

    object Call(object? function, object?[] arguments) => function switch
    {
        string name when name.EndsWith("_reconstruct", StringComparison.Ordinal) => new NumpyArray(),
        string name when name.EndsWith("_frombuffer", StringComparison.Ordinal) && arguments is [ReadOnlyMemory<byte> data, NumpyType type, object?[] shape, ReadOnlyMemory<byte> order] =>
            new NumpyArray { Data = data, Type = type.Name, Shape = Shape(shape), IsFortran = Text(order) != "C" },
        "numpy.dtype" when arguments is [ReadOnlyMemory<byte> type, ..] => new NumpyType(Text(type).TrimStart('|', '<', '>', '=')),

        // Bytes as Python 3 writes them for Python 2: each is a character.
        "_codecs.encode" when arguments is [ReadOnlyMemory<byte> text, ReadOnlyMemory<byte> encoding] && Text(encoding) is "latin1" => (ReadOnlyMemory<byte>)Encoding.Latin1.GetBytes(Encoding.UTF8.GetString(text.Span)),
        _ => throw At("the pickle calls a function as CIFAR's do not"),
    };

    /// <summary>(version, shape, type, whether the first extent varies fastest, bytes) of an array; of a type nothing that matters to bytes.</summary>
    void Build(object? state)
    {
        if (Peek() is NumpyType) return;
        if (Peek() is not NumpyArray array || state is not object?[] { Length: 5 } parts || parts[1] is not object?[] shape || parts[2] is not NumpyType type || parts[3] is not bool isFortran || parts[4] is not ReadOnlyMemory<byte> data)
            throw At("the pickle builds an object as CIFAR's do not");
        (array.Shape, array.Type, array.IsFortran, array.Data) = (Shape(shape), type.Name, isFortran, data);
    }

    static long[] Shape(object?[] extents) => Array.ConvertAll(extents, extent => extent as long? ?? -1);

    void SetItems(object?[] pairs) => Top<Dictionary<string, object?>>("a dictionary", pairs, (entries, items) =>
    {
        for (var i = 0; i + 1 < items.Length; i += 2) entries[Text(items[i])] = items[i + 1];
    });

    void Top<T>(string what, object?[] items, Action<T, object?[]> use)
    {
        if (Peek() is not T container) throw At($"the pickle fills {what} that is none");
        use(container, items);
    }

    string Text(object? value) => value is ReadOnlyMemory<byte> { Length: <= 256 } bytes ? Encoding.UTF8.GetString(bytes.Span) : throw At("the pickle has a name that is no text");

    object? Remembered(long key) => memo.TryGetValue(key, out var value) ? value : throw At($"the pickle refers to object {key}, which it has not remembered");

    object? Peek() => stack.Count > 0 ? stack[^1] : throw At("the pickle takes an object from an empty stack");

    object? Pop()
    {
        var value = Peek();
        stack.RemoveAt(stack.Count - 1);
        return value;
    }

    object?[] PopLast(int count)
    {
        if (stack.Count < count) throw At("the pickle takes an object from an empty stack");
        object?[] values = [.. stack[^count..]];
        stack.RemoveRange(stack.Count - count, count);
        return values;
    }

    object?[] PopToMark()
    {
        var mark = stack.LastIndexOf(Mark);
        if (mark < 0) throw At("the pickle ends a group that it has not begun");
        var values = PopLast(stack.Count - mark - 1);
        Pop();
        return values;
    }

    ReadOnlyMemory<byte> Bytes(ulong length)
    {
        if (length > (ulong)(pickle.Length - position)) throw At($"the pickle ends within {length:N0} bytes");
        position += (int)length;
        return pickle.AsMemory(position - (int)length, (int)length);
    }

    string Line()
    {
        var end = Array.IndexOf(pickle, (byte)'\n', position);
        if (end < 0 || end - position > 256) throw At("a name does not end");
        var line = Encoding.UTF8.GetString(pickle, position, end - position);
        position = end + 1;
        return line;
    }

    ReadOnlySpan<byte> Take(int count)
    {
        if (count > pickle.Length - position) throw At("the pickle ends too early");
        position += count;
        return pickle.AsSpan(position - count, count);
    }

    DataFormatException At(string problem) => new(path, problem, position);

    sealed record NumpyType(string Name);

    sealed class NumpyArray
    {
        public long[] Shape { get; set; } = [];

        public string Type { get; set; } = "";

        public bool IsFortran { get; set; }

        public ReadOnlyMemory<byte> Data { get; set; }
    }
}
