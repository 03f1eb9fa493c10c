using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace CnnSharp.Formats;

/// <summary>A tensor that a pickle describes: a view of a storage.</summary>
sealed record PickleTensor(PickleStorage Storage, TensorType Type, long Offset, long[] Shape, long[] Strides);

/// <summary>A tensor of a kind that is not read; what it is, for messages: <c>a sparse tensor</c>.</summary>
sealed record PickleUnreadable(string Kind);

/// <summary>A storage that a pickle refers to: its name in the file, its elements' type and how many it has.</summary>
/// <param name="Key">The entry of the archive, or the name in the list at the end of a legacy file.</param>
/// <param name="Type">What its elements are.</param>
/// <param name="Length">How many the whole storage has.</param>
/// <param name="Start">The element at which this view of it begins: legacy files have views.</param>
/// <param name="ViewLength">The elements that this view has.</param>
sealed record PickleStorage(string Key, PickleStorageType Type, long Length, long Start, long ViewLength);

/// <summary>The elements of a storage.</summary>
/// <param name="Name">As Python calls it.</param>
/// <param name="Type">What they are read as; null for types that are not read.</param>
/// <param name="ElementSize">Bytes each takes.</param>
sealed record PickleStorageType(string Name, TensorType? Type, int ElementSize);

/// <summary>A dictionary of a pickle, in the order in which it was filled.</summary>
sealed class PickleDictionary
{
    public List<(object? Key, object? Value)> Items { get; } = [];

    /// <summary>The value of a key that is text; null if there is none.</summary>
    public object? this[string key] => Items.FindLast(item => item.Key is string text && text == key).Value;
}

/// <summary>An object of any other type: nothing of it is created, only what its pickle would have put into it is kept.</summary>
sealed class PickleObject(string type)
{
    /// <summary>What Python calls it, with its module.</summary>
    public string Type { get; } = type;

    /// <summary>Its attributes, where the pickle has them as a dictionary.</summary>
    public PickleDictionary? Attributes { get; set; }

    /// <summary>Its items, of a set (as keys) or a type derived from a dictionary.</summary>
    public PickleDictionary Items { get; } = new();
}

/// <summary>
/// Reads a Python pickle (all protocols) as far as PyTorch's files need it. Tensors, containers, numbers and text are built;
/// any other class or function that the pickle names becomes a <see cref="PickleObject"/>, whatever it is called with.
/// Nothing is imported, called or executed.
/// </summary>
/// <param name="path">The file, for messages.</param>
/// <param name="pickle">Its bytes.</param>
/// <param name="start">Where in them the pickle begins; default 0.</param>
/// <param name="part">What messages call the pickle; default the archive's <c>data.pkl</c>.</param>
sealed class PickleReader(string path, byte[] pickle, int start = 0, string part = "data.pkl")
{
    static readonly object Mark = new();

    /// <summary>The functions whose results are tensors or containers.</summary>
    static readonly Dictionary<string, Callable> Callables = new()
    {
        ["collections.OrderedDict"] = Callable.Dictionary,
        ["collections.defaultdict"] = Callable.DefaultDictionary,
        ["collections.Counter"] = Callable.Dictionary,
        ["__builtin__.dict"] = Callable.Dictionary,
        ["builtins.dict"] = Callable.Dictionary,
        ["torch._utils._rebuild_tensor"] = Callable.RebuildTensor,
        ["torch._utils._rebuild_tensor_v2"] = Callable.RebuildTensor,
        ["torch._utils._rebuild_tensor_v3"] = Callable.RebuildTypedTensor,
        ["torch._utils._rebuild_parameter"] = Callable.RebuildParameter,
        ["torch._utils._rebuild_parameter_with_state"] = Callable.RebuildParameter,
        ["torch._tensor._rebuild_from_type"] = Callable.RebuildFromType,
        ["torch._tensor._rebuild_from_type_v2"] = Callable.RebuildFromType,
        ["torch.tensor._rebuild_from_type"] = Callable.RebuildFromType,
        ["torch._utils._rebuild_sparse_tensor"] = Callable.Sparse,
        ["torch._utils._rebuild_sparse_csr_tensor"] = Callable.Sparse,
        ["torch._utils._rebuild_qtensor"] = Callable.Quantized,
        ["torch._utils._rebuild_meta_tensor_no_storage"] = Callable.Meta,
        ["torch._utils._rebuild_nested_tensor"] = Callable.Nested,
        ["torch._utils._rebuild_device_tensor_from_numpy"] = Callable.OtherTensor,
        ["torch._utils._rebuild_device_tensor_from_cpu_tensor"] = Callable.OtherTensor,
        ["torch._utils._rebuild_wrapper_subclass"] = Callable.OtherTensor,
        ["torch._utils._rebuild_xla_tensor"] = Callable.OtherTensor,
        ["torch.storage._load_from_bytes"] = Callable.OtherTensor,
        ["torch.Size"] = Callable.Size,
        ["__builtin__.set"] = Callable.Set,
        ["builtins.set"] = Callable.Set,
    };

    static readonly Dictionary<string, PickleStorageType> StorageTypes = new (string Name, TensorType? Type, int Size)[]
    {
        ("FloatStorage", TensorType.F32, 4), ("DoubleStorage", TensorType.F64, 8), ("HalfStorage", TensorType.F16, 2), ("BFloat16Storage", TensorType.BF16, 2),
        ("LongStorage", TensorType.I64, 8), ("IntStorage", TensorType.I32, 4), ("ShortStorage", TensorType.I16, 2), ("CharStorage", TensorType.I8, 1),
        ("ByteStorage", TensorType.U8, 1), ("BoolStorage", TensorType.Bool, 1), ("UntypedStorage", TensorType.U8, 1), ("_UntypedStorage", TensorType.U8, 1),
        ("ComplexFloatStorage", null, 8), ("ComplexDoubleStorage", null, 16),
        ("QInt8Storage", null, 1), ("QUInt8Storage", null, 1), ("QInt32Storage", null, 4), ("QUInt4x2Storage", null, 1), ("QUInt2x4Storage", null, 1),
    }.SelectMany(t => new[] { "torch.", "torch.cuda.", "torch.storage." }, (t, module) => new PickleStorageType(module + t.Name, t.Type, t.Size)).ToDictionary(t => t.Name);

    /// <summary>Element types that a tensor names beside a storage without one.</summary>
    static readonly Dictionary<string, TensorType> TensorTypesByName = new()
    {
        ["torch.float32"] = TensorType.F32,
        ["torch.float64"] = TensorType.F64,
        ["torch.float16"] = TensorType.F16,
        ["torch.bfloat16"] = TensorType.BF16,
        ["torch.int64"] = TensorType.I64,
        ["torch.int32"] = TensorType.I32,
        ["torch.int16"] = TensorType.I16,
        ["torch.int8"] = TensorType.I8,
        ["torch.uint64"] = TensorType.U64,
        ["torch.uint32"] = TensorType.U32,
        ["torch.uint16"] = TensorType.U16,
        ["torch.uint8"] = TensorType.U8,
        ["torch.bool"] = TensorType.Bool,
    };

    readonly List<object?> stack = [];
    readonly Dictionary<long, object?> memo = [];
    int position = start;

    enum Callable
    {
        Dictionary,
        DefaultDictionary,
        RebuildTensor,
        RebuildTypedTensor,
        RebuildParameter,
        RebuildFromType,
        Sparse,
        Quantized,
        Meta,
        Nested,
        OtherTensor,
        Set,
        Size,
    }

    /// <summary>Filled, where it is given, with the bytes that an element of each storage takes, by its name.</summary>
    public Dictionary<string, int>? ElementSizes { get; init; }

    /// <summary>Where the pickle ended.</summary>
    public int Position => position;

    /// <summary>The object that the pickle builds.</summary>
    /// <exception cref="DataFormatException">It is not sound.</exception>
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
                    if (protocol > 5) throw At(at, "the protocol", "at most 5", $"{protocol}");
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
                case (byte)'I': stack.Add(WrittenInteger(at)); break;
                case (byte)'L': stack.Add(WrittenInteger(at)); break;
                case (byte)'F': stack.Add(double.TryParse(Line(at), NumberStyles.Float, CultureInfo.InvariantCulture, out var written) ? written : throw At(at, "a number that is none")); break;
                case (byte)'K': stack.Add((long)Byte()); break;
                case (byte)'M': stack.Add((long)BinaryPrimitives.ReadUInt16LittleEndian(Take(2))); break;
                case (byte)'J': stack.Add((long)BinaryPrimitives.ReadInt32LittleEndian(Take(4))); break;
                case 0x8a: stack.Add(Long(Take(Byte()))); break;
                case 0x8b: stack.Add(Long(TakeLong(at, BinaryPrimitives.ReadUInt32LittleEndian(Take(4))))); break;
                case (byte)'G': stack.Add(BinaryPrimitives.ReadDoubleBigEndian(Take(8))); break;
                case (byte)'S': stack.Add(Line(at).Trim('\'', '"')); break;
                case (byte)'V': stack.Add(Line(at)); break;
                case (byte)'T': stack.Add(Utf8(at, BinaryPrimitives.ReadUInt32LittleEndian(Take(4)))); break;
                case (byte)'U': stack.Add(Utf8(at, Byte())); break;
                case (byte)'X': stack.Add(Utf8(at, BinaryPrimitives.ReadUInt32LittleEndian(Take(4)))); break;
                case 0x8c: stack.Add(Utf8(at, Byte())); break;
                case 0x8d: stack.Add(Utf8(at, BinaryPrimitives.ReadUInt64LittleEndian(Take(8)))); break;
                case (byte)'B': Skip(at, BinaryPrimitives.ReadUInt32LittleEndian(Take(4)), "bytes"); break;
                case (byte)'C': Skip(at, Byte(), "bytes"); break;
                case 0x8e: Skip(at, BinaryPrimitives.ReadUInt64LittleEndian(Take(8)), "bytes"); break;
                case 0x96: Skip(at, BinaryPrimitives.ReadUInt64LittleEndian(Take(8)), "bytearray"); break;
                case (byte)'(': stack.Add(Mark); break;
                case (byte)'0': Pop(at); break;
                case (byte)'1': PopToMark(at); break;
                case (byte)'2': stack.Add(Top(at)); break;
                case (byte)')': stack.Add(Array.Empty<object?>()); break;
                case 0x85: stack.Add(PopLast(at, 1)); break;
                case 0x86: stack.Add(PopLast(at, 2)); break;
                case 0x87: stack.Add(PopLast(at, 3)); break;
                case (byte)'t': stack.Add(PopToMark(at)); break;
                case (byte)']': stack.Add(new List<object?>()); break;
                case (byte)'l': stack.Add(new List<object?>(PopToMark(at))); break;
                case (byte)'a': Append(at, PopLast(at, 1)); break;
                case (byte)'e': Append(at, PopToMark(at)); break;
                case (byte)'}': stack.Add(new PickleDictionary()); break;
                case (byte)'d':
                    var pairs = PopToMark(at);
                    stack.Add(new PickleDictionary());
                    SetItems(at, pairs);
                    break;
                case (byte)'s': SetItems(at, PopLast(at, 2)); break;
                case (byte)'u': SetItems(at, PopToMark(at)); break;
                case 0x8f: stack.Add(new PickleObject("set")); break;
                case 0x90: // ADDITEMS
                    var added = PopToMark(at);
                    foreach (var item in added) Expect<PickleObject>(at, Top(at), "a set").Items.Items.Add((item, null));
                    break;
                case 0x91: // FROZENSET
                    PopToMark(at);
                    stack.Add(new PickleObject("frozenset"));
                    break;
                case (byte)'p': memo[WrittenKey(at)] = Top(at); break;
                case (byte)'q': memo[Byte()] = Top(at); break;
                case (byte)'r': memo[BinaryPrimitives.ReadUInt32LittleEndian(Take(4))] = Top(at); break;
                case 0x94: memo[memo.Count] = Top(at); break;
                case (byte)'g': stack.Add(Remembered(at, WrittenKey(at))); break;
                case (byte)'h': stack.Add(Remembered(at, Byte())); break;
                case (byte)'j': stack.Add(Remembered(at, BinaryPrimitives.ReadUInt32LittleEndian(Take(4)))); break;
                case (byte)'c': stack.Add(Global($"{Line(at)}.{Line(at)}")); break;
                case 0x93: // STACK_GLOBAL
                    var names = PopLast(at, 2);
                    stack.Add(Global($"{Expect<string>(at, names[0], "a module's name")}.{Expect<string>(at, names[1], "a name")}"));
                    break;
                case 0x82: stack.Add(new PickleObject($"extension {Byte()}")); break;
                case 0x83: stack.Add(new PickleObject($"extension {BinaryPrimitives.ReadUInt16LittleEndian(Take(2))}")); break;
                case 0x84: stack.Add(new PickleObject($"extension {BinaryPrimitives.ReadInt32LittleEndian(Take(4))}")); break;
                case (byte)'R' or 0x81: // REDUCE, NEWOBJ
                    var call = PopLast(at, 2);
                    stack.Add(Call(at, call[0], Expect<object?[]>(at, call[1], "a tuple of arguments")));
                    break;
                case 0x92: // NEWOBJ_EX
                    var named = PopLast(at, 3);
                    stack.Add(Call(at, named[0], Expect<object?[]>(at, named[1], "a tuple of arguments")));
                    break;
                case (byte)'i': // INST
                    var instance = Global($"{Line(at)}.{Line(at)}");
                    stack.Add(Call(at, instance, PopToMark(at)));
                    break;
                case (byte)'o': // OBJ
                    var parts = PopToMark(at);
                    if (parts.Length == 0) throw At(at, "the pickle creates an object of no class");
                    stack.Add(Call(at, parts[0], parts[1..]));
                    break;
                case (byte)'Q': stack.Add(Persistent(at, Pop(at))); break;
                case (byte)'P':
                    Line(at);
                    stack.Add(new PickleObject("a persistent object"));
                    break;
                case (byte)'b': // BUILD
                    Build(at, PopLast(at, 1)[0]);
                    break;
                default:
                    throw At(at, $"the pickle's opcode 0x{opcode:x2}{(opcode is > 32 and < 127 ? $" '{(char)opcode}'" : "")} is none that is known");
            }
        }
    }

    /// <summary>What an object is, for messages.</summary>
    public static string Describe(object? value) => value switch
    {
        null => "None",
        string text => text.Length <= 40 ? $"'{text}'" : $"'{text[..40]}...'",
        long or double or bool => string.Create(CultureInfo.InvariantCulture, $"{value}"),
        object?[] tuple => $"a tuple of {tuple.Length}",
        List<object?> list => $"a list of {list.Count}",
        PickleDictionary dictionary => $"a dictionary of {dictionary.Items.Count}",
        PickleTensor => "a tensor",
        PickleUnreadable other => other.Kind,
        PickleStorage or PickleStorageType => "a storage",
        PickleObject other => $"an object of type '{(other.Type.Length <= 80 ? other.Type : other.Type[..80])}'",
        Callable callable => $"the function {callable}",
        _ => "a mark",
    };

    static object Global(string name)
        => StorageTypes.TryGetValue(name, out var type) ? type
        : Callables.TryGetValue(name, out var callable) ? callable
        : new PickleObject(name);

    /// <summary>What a call gives: of tensors' and containers' functions their result, of all others an object that stands for it.</summary>
    object? Call(int at, object? function, object?[] arguments)
    {
        switch (function)
        {
            case Callable.Dictionary when arguments.Length == 0:
            case Callable.DefaultDictionary:
                return new PickleDictionary();
            case Callable.Dictionary when arguments is [PickleDictionary whole]:
                return whole;
            case Callable.Dictionary when arguments is [List<object?> pairs]:
                var dictionary = new PickleDictionary();
                foreach (var pair in pairs)
                {
                    if (pair is List<object?> and [var key, var value]) dictionary.Items.Add((key, value));
                    else if (pair is object?[] and [var first, var second]) dictionary.Items.Add((first, second));
                }

                return dictionary;
            case Callable.Size when arguments is [object?[] extents]:
                return extents;
            case Callable.RebuildParameter when arguments is [PickleTensor or PickleUnreadable, ..]:
                return arguments[0];
            case Callable.RebuildFromType when arguments is [var rebuild, _, object?[] inner, ..] && rebuild is Callable and not Callable.RebuildFromType:
                return Call(at, rebuild, inner);
            case Callable.RebuildTensor when arguments is [PickleStorage storage, long offset, object?[] shape, object?[] strides, ..] && shape.Length == strides.Length:
                return storage.Type.Type is { } element
                    ? new PickleTensor(storage, element, offset, Extents(at, shape), Extents(at, strides))
                    : new PickleUnreadable($"a tensor in a {storage.Type.Name}");
            case Callable.RebuildTypedTensor when arguments is [PickleStorage storage, long offset, object?[] shape, object?[] strides, _, _, PickleObject type, ..] && shape.Length == strides.Length:
                return TensorTypesByName.TryGetValue(type.Type, out var named)
                    ? new PickleTensor(storage, named, offset, Extents(at, shape), Extents(at, strides))
                    : new PickleUnreadable($"a tensor of {type.Type}");
            case Callable.Sparse:
                return new PickleUnreadable("a sparse tensor");
            case Callable.Quantized:
                return new PickleUnreadable("a quantized tensor");
            case Callable.Meta:
                return new PickleUnreadable("a tensor without elements, on the device 'meta'");
            case Callable.Nested:
                return new PickleUnreadable("a nested tensor");
            case Callable.OtherTensor:
                return new PickleUnreadable("a tensor outside the file's storages");
            case Callable.Set:
                var set = new PickleObject("set");
                foreach (var item in arguments is [List<object?> members] ? members : []) set.Items.Items.Add((item, null));
                return set;
            case PickleObject other:
                return new PickleObject(other.Type);
            default:
                throw At(at, $"a call of {Describe(function)} with ({string.Join(", ", arguments.Take(8).Select(Describe))})", "arguments as PyTorch writes them", "others");
        }
    }

    /// <summary>What the file keeps outside the pickle: ('storage', type, key, location, elements[, view]), and of legacy files ('module', class, source).</summary>
    object Persistent(int at, object? name)
    {
        if (name is not object?[] tuple) return new PickleObject("a persistent object");
        if (tuple is ["module", PickleObject type, ..]) return type;
        if (tuple is not ["storage", ..]) return new PickleObject("a persistent object");
        if (tuple is not ["storage", PickleStorageType element, string key, string, long length, ..] || length < 0 || key.Length == 0 || !key.All(char.IsAsciiDigit))
            throw At(at, "a reference to a storage", "('storage', type, number, location, elements)", $"({string.Join(", ", tuple.Take(8).Select(Describe))})");
        if (length > long.MaxValue / element.ElementSize) throw At(at, $"storage {key} of {length:N0} elements");
        if (ElementSizes is not null && !ElementSizes.TryAdd(key, element.ElementSize) && ElementSizes[key] != element.ElementSize) throw At(at, $"storage {key} has elements of two sizes");
        if (tuple.Length < 6 || tuple[5] is null) return new PickleStorage(key, element, length, 0, length);
        if (tuple[5] is not object?[] view || view is not [_, long begin, long count]) throw At(at, "a view of a storage", "(key, offset, elements)", Describe(tuple[5]));
        if (begin < 0 || count < 0 || begin > length - count) throw At(at, $"a view of storage {key}", $"elements within its {length:N0}", $"{count:N0} from {begin:N0} on");
        return new PickleStorage(key, element, length, begin, count);
    }

    long[] Extents(int at, object?[] values) => Array.ConvertAll(values, value => value is long extent ? extent : throw At(at, "an extent", "a whole number", Describe(value)));

    /// <summary>Attributes of an object. A container's own, PyTorch's <c>_metadata</c> say, are of no use here.</summary>
    void Build(int at, object? state)
    {
        switch (Top(at))
        {
            case PickleObject instance:
                // (attributes, slots) of a class with slots.
                if (state is object?[] and [PickleDictionary attributes, _]) instance.Attributes = attributes;
                else if (state is PickleDictionary dictionary) instance.Attributes = dictionary;
                break;
            case PickleDictionary or List<object?> or PickleTensor or PickleUnreadable or PickleStorage:
                break;
            default:
                throw At(at, "what attributes are given to", "an object", Describe(Top(at)));
        }
    }

    void Skip(int at, ulong length, string type)
    {
        TakeLong(at, length);
        stack.Add(new PickleObject(type));
    }

    void Append(int at, object?[] items)
    {
        // A type derived from a list has items that are not looked at.
        if (Top(at) is not PickleObject) Expect<List<object?>>(at, Top(at), "a list").AddRange(items);
    }

    void SetItems(int at, object?[] pairs)
    {
        var dictionary = Top(at) is PickleObject derived ? derived.Items : Expect<PickleDictionary>(at, Top(at), "a dictionary");
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

    /// <summary>A whole number; one that exceeds 64 bits is an object like any other.</summary>
    static object Long(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > 8) return new PickleObject("int");
        if (bytes.Length == 0) return 0L;
        long value = (sbyte)bytes[^1];
        for (var i = bytes.Length - 2; i >= 0; i--) value = (value << 8) | bytes[i];
        return value;
    }

    /// <summary>A number as text: <c>5</c>, <c>5L</c>, and <c>00</c> or <c>01</c> for a truth value.</summary>
    object WrittenInteger(int at)
    {
        var text = Line(at);
        return text switch
        {
            "00" => false,
            "01" => true,
            _ when long.TryParse(text.TrimEnd('L'), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) => value,
            _ => new PickleObject("int"),
        };
    }

    long WrittenKey(int at) => long.TryParse(Line(at), NumberStyles.None, CultureInfo.InvariantCulture, out var key) ? key : throw At(at, "the number of a remembered object is none");

    string Utf8(int at, ulong length) => Encoding.UTF8.GetString(TakeLong(at, length));

    string Line(int at)
    {
        var end = Array.IndexOf(pickle, (byte)'\n', position);
        if (end < 0) throw At(at, "a name does not end");
        var line = Encoding.UTF8.GetString(pickle, position, end - position);
        position = end + 1;
        return line;
    }

    byte Byte() => Take(1)[0];

    ReadOnlySpan<byte> TakeLong(int at, ulong length)
    {
        if (length > (ulong)(pickle.Length - position)) throw At(at, "a length", $"at most the {pickle.Length - position:N0} bytes that follow", $"{length:N0}");
        return Take((int)length);
    }

    ReadOnlySpan<byte> Take(int count)
    {
        if (count > pickle.Length - position) throw At(position, "the pickle", $"{count:N0} more bytes", $"{pickle.Length - position:N0}");
        position += count;
        return pickle.AsSpan(position - count, count);
    }

    DataFormatException At(int at, string problem) => new(path, $"{part}, byte {at:N0}: {problem}");

    DataFormatException At(int at, string what, string expected, string actual) => new(path, $"{part}, byte {at:N0}, {what}", expected, actual);
}
