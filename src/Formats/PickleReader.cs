using System.Buffers.Binary;
using System.Text;

namespace CnnSharp.Formats;

/// <summary>A tensor that a pickle describes: a view of a storage, which is an entry of the archive.</summary>
sealed record PickleTensor(PickleStorage Storage, long Offset, long[] Shape, long[] Strides);

/// <summary>A storage that a pickle refers to: the entry's name, the type and number of its elements.</summary>
sealed record PickleStorage(string Key, TensorType Type, long Length);

/// <summary>A dictionary of a pickle, in the order in which it was filled.</summary>
sealed class PickleDictionary
{
    public List<(object? Key, object? Value)> Items { get; } = [];
}

/// <summary>
/// Reads a Python pickle (protocols 2 to 5) as far as PyTorch's state dictionaries need it. Of Python's objects there are
/// None, True, False, whole numbers, floats, text, tuples, lists, dictionaries, ordered dictionaries and tensors; a call of
/// anything else, or an opcode beyond these, is an error that names it. Nothing is executed.
/// </summary>
sealed class PickleReader(string path, byte[] pickle)
{
    static readonly object Mark = new();

    /// <summary>The only names that may be called, and the storages' types.</summary>
    static readonly Dictionary<string, Callable> Callables = new()
    {
        ["collections.OrderedDict"] = Callable.OrderedDictionary,
        ["torch._utils._rebuild_tensor_v2"] = Callable.RebuildTensor,
        ["torch._utils._rebuild_parameter"] = Callable.RebuildParameter,
        ["torch.Size"] = Callable.Size,
    };

    static readonly Dictionary<string, TensorType> StorageTypes = new()
    {
        ["torch.FloatStorage"] = TensorType.F32,
        ["torch.DoubleStorage"] = TensorType.F64,
        ["torch.HalfStorage"] = TensorType.F16,
        ["torch.BFloat16Storage"] = TensorType.BF16,
        ["torch.LongStorage"] = TensorType.I64,
        ["torch.IntStorage"] = TensorType.I32,
        ["torch.ShortStorage"] = TensorType.I16,
        ["torch.CharStorage"] = TensorType.I8,
        ["torch.ByteStorage"] = TensorType.U8,
        ["torch.BoolStorage"] = TensorType.Bool,
    };

    readonly List<object?> stack = [];
    readonly Dictionary<long, object?> memo = [];
    int position;

    enum Callable
    {
        OrderedDictionary,
        RebuildTensor,
        RebuildParameter,
        Size,
    }

    /// <summary>The object that the pickle builds.</summary>
    /// <exception cref="DataFormatException">It is not sound, or builds something that is not understood.</exception>
    public object? Read()
    {
        while (true)
        {
            var at = position;
            var opcode = Byte();
            switch (opcode)
            {
                case 0x80: // PROTO
                    var protocol = Byte();
                    if (protocol is < 2 or > 5) throw At(at, "the protocol", "2 to 5", $"{protocol}");
                    break;
                case 0x95: // FRAME: how much follows, of use only to who reads in pieces
                    Take(8);
                    break;
                case (byte)'.': // STOP
                    var result = Pop(at);
                    if (stack.Count != 0) throw At(at, $"{stack.Count} objects are left over");
                    return result;
                case (byte)'N': stack.Add(null); break;
                case 0x88: stack.Add(true); break;
                case 0x89: stack.Add(false); break;
                case (byte)'K': stack.Add((long)Byte()); break;
                case (byte)'M': stack.Add((long)BinaryPrimitives.ReadUInt16LittleEndian(Take(2))); break;
                case (byte)'J': stack.Add((long)BinaryPrimitives.ReadInt32LittleEndian(Take(4))); break;
                case 0x8a: stack.Add(Long(at)); break;
                case (byte)'G': stack.Add(BinaryPrimitives.ReadDoubleBigEndian(Take(8))); break;
                case (byte)'X': stack.Add(Utf8(at, BinaryPrimitives.ReadUInt32LittleEndian(Take(4)))); break;
                case 0x8c: stack.Add(Utf8(at, Byte())); break;
                case 0x8d: stack.Add(Utf8(at, BinaryPrimitives.ReadUInt64LittleEndian(Take(8)))); break;
                case (byte)'(': stack.Add(Mark); break;
                case (byte)')': stack.Add(Array.Empty<object?>()); break;
                case 0x85: stack.Add(PopLast(at, 1)); break;
                case 0x86: stack.Add(PopLast(at, 2)); break;
                case 0x87: stack.Add(PopLast(at, 3)); break;
                case (byte)'t': stack.Add(PopToMark(at)); break;
                case (byte)']': stack.Add(new List<object?>()); break;
                case (byte)'a': Append(at, PopLast(at, 1)); break;
                case (byte)'e': Append(at, PopToMark(at)); break;
                case (byte)'}': stack.Add(new PickleDictionary()); break;
                case (byte)'s': SetItems(at, PopLast(at, 2)); break;
                case (byte)'u': SetItems(at, PopToMark(at)); break;
                case (byte)'q': memo[Byte()] = Top(at); break;
                case (byte)'r': memo[BinaryPrimitives.ReadUInt32LittleEndian(Take(4))] = Top(at); break;
                case 0x94: memo[memo.Count] = Top(at); break;
                case (byte)'h': stack.Add(Remembered(at, Byte())); break;
                case (byte)'j': stack.Add(Remembered(at, BinaryPrimitives.ReadUInt32LittleEndian(Take(4)))); break;
                case (byte)'c': stack.Add(Global(at, $"{Line(at)}.{Line(at)}")); break;
                case 0x93: // STACK_GLOBAL
                    var names = PopLast(at, 2);
                    stack.Add(Global(at, $"{Expect<string>(at, names[0], "a module's name")}.{Expect<string>(at, names[1], "a name")}"));
                    break;
                case (byte)'R': // REDUCE
                    var call = PopLast(at, 2);
                    stack.Add(Call(at, call[0], Expect<object?[]>(at, call[1], "a tuple of arguments")));
                    break;
                case (byte)'Q': stack.Add(Storage(at, Expect<object?[]>(at, Pop(at), "a tuple that names a storage"))); break;
                case (byte)'b': // BUILD: attributes of an ordered dictionary, of which PyTorch writes _metadata
                    Pop(at);
                    Expect<PickleDictionary>(at, Top(at), "an ordered dictionary");
                    break;
                default:
                    throw At(at, $"the pickle's opcode 0x{opcode:x2}{(opcode is > 32 and < 127 ? $" '{(char)opcode}'" : "")} is none that tensors need; it is not read");
            }
        }
    }

    /// <summary>What an object is, for messages.</summary>
    public static string Describe(object? value) => value switch
    {
        null => "None",
        string text => text.Length <= 40 ? $"'{text}'" : $"'{text[..40]}...'",
        long or double or bool => $"{value}",
        object?[] tuple => $"a tuple of {tuple.Length}",
        List<object?> list => $"a list of {list.Count}",
        PickleDictionary dictionary => $"a dictionary of {dictionary.Items.Count}",
        PickleTensor => "a tensor",
        PickleStorage or TensorType => "a storage",
        Callable callable => $"the function {callable}",
        _ => "a mark",
    };

    object Global(int at, string name)
        => StorageTypes.TryGetValue(name, out var type) ? type
        : Callables.TryGetValue(name, out var callable) ? callable
        : throw At(at, $"the pickle asks for '{(name.Length <= 80 ? name : name[..80])}', which is neither a tensor nor a container; it is not loaded");

    object? Call(int at, object? function, object?[] arguments)
    {
        switch (function)
        {
            case Callable.OrderedDictionary when arguments.Length == 0:
                return new PickleDictionary();
            case Callable.Size when arguments is [object?[] extents]:
                return extents;
            case Callable.RebuildParameter when arguments is [PickleTensor tensor, ..]:
                return tensor;
            case Callable.RebuildTensor when arguments is [PickleStorage storage, long offset, object?[] shape, object?[] strides, ..] && shape.Length == strides.Length:
                return new PickleTensor(storage, offset, Extents(at, shape), Extents(at, strides));
            default:
                throw At(at, $"a call of {Describe(function)} with ({string.Join(", ", arguments.Take(8).Select(Describe))})", "arguments as PyTorch writes them", "others");
        }
    }

    /// <summary>('storage', type, entry, location, elements).</summary>
    PickleStorage Storage(int at, object?[] name)
        => name is ["storage", TensorType type, string key, string, long length, ..] && length >= 0 && key.All(char.IsAsciiDigit)
            ? new(key, type, length)
            : throw At(at, "a reference to a storage", "('storage', type, number, location, elements)", $"({string.Join(", ", name.Take(8).Select(Describe))})");

    long[] Extents(int at, object?[] values) => Array.ConvertAll(values, value => value is long extent ? extent : throw At(at, "an extent", "a whole number", Describe(value)));

    void Append(int at, object?[] items) => Expect<List<object?>>(at, Top(at), "a list").AddRange(items);

    void SetItems(int at, object?[] pairs)
    {
        var dictionary = Expect<PickleDictionary>(at, Top(at), "a dictionary");
        if (pairs.Length % 2 != 0) throw At(at, $"a dictionary is given {pairs.Length} keys and values");
        for (var i = 0; i < pairs.Length; i += 2) dictionary.Items.Add((pairs[i], pairs[i + 1]));
    }

    object? Remembered(int at, long key) => memo.TryGetValue(key, out var value) ? value : throw At(at, $"the pickle refers to object {key}, which it has not remembered");

    T Expect<T>(int at, object? value, string what) => value is T expected ? expected : throw At(at, "the pickle's stack", what, Describe(value));

    object? Top(int at) => stack.Count > 0 ? stack[^1] : throw At(at, "the pickle takes an object from an empty stack");

    object? Pop(int at)
    {
        var value = Top(at);
        stack.RemoveAt(stack.Count - 1);
        return value;
    }

    object?[] PopLast(int at, int count)
    {
        if (stack.Count < count) throw At(at, "the pickle takes an object from an empty stack");
        var values = stack.GetRange(stack.Count - count, count).ToArray();
        if (values.Contains(Mark)) throw At(at, "the pickle takes a mark for an object");
        stack.RemoveRange(stack.Count - count, count);
        return values;
    }

    object?[] PopToMark(int at)
    {
        var mark = stack.LastIndexOf(Mark);
        if (mark < 0) throw At(at, "the pickle ends a group that it has not begun");
        var values = stack.GetRange(mark + 1, stack.Count - mark - 1).ToArray();
        stack.RemoveRange(mark, stack.Count - mark);
        return values;
    }

    long Long(int at)
    {
        var bytes = Take(Byte());
        if (bytes.Length > 8) throw At(at, "a whole number", "at most 8 bytes", $"{bytes.Length}");
        if (bytes.Length == 0) return 0;
        long value = (sbyte)bytes[^1];
        for (var i = bytes.Length - 2; i >= 0; i--) value = (value << 8) | bytes[i];
        return value;
    }

    string Utf8(int at, ulong length)
    {
        if (length > int.MaxValue) throw At(at, "a text's length", $"at most the {pickle.Length - position:N0} bytes that follow", $"{length:N0}");
        return Encoding.UTF8.GetString(Take((int)length));
    }

    string Line(int at)
    {
        var end = Array.IndexOf(pickle, (byte)'\n', position);
        if (end < 0) throw At(at, "a name does not end");
        var line = Encoding.UTF8.GetString(pickle, position, end - position);
        position = end + 1;
        return line;
    }

    byte Byte() => Take(1)[0];

    ReadOnlySpan<byte> Take(int count)
    {
        if (count > pickle.Length - position) throw At(position, "the pickle", $"{count:N0} more bytes", $"{pickle.Length - position:N0}");
        position += count;
        return pickle.AsSpan(position - count, count);
    }

    DataFormatException At(int at, string problem) => new(path, $"data.pkl, byte {at:N0}: {problem}");

    DataFormatException At(int at, string what, string expected, string actual) => new(path, $"data.pkl, byte {at:N0}, {what}", expected, actual);
}
