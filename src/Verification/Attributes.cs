using System.Text.Json;
using CnnSharp.Kernels;

namespace CnnSharp.Verification;

/// <summary>
/// The attributes of a case: a JSON object in PyTorch's words, with PyTorch's defaults for what is missing. Sizes are a
/// number or [h, w]. Remembers what was read, so that a failure can name what was not.
/// </summary>
public sealed class Attributes
{
    /// <summary>The maximum size an attribute may state: a case is small, and a damaged one must not take the machine's memory.</summary>
    const int Largest = 4096;

    /// <summary>PyTorch's longer names of the same things.</summary>
    static readonly Dictionary<string, string> ShortNames = new(StringComparer.Ordinal)
    {
        ["kernel_size"] = "kernel",
        ["output_size"] = "output",
        ["scale_factor"] = "scale",
        ["axis"] = "dim",
        ["dims"] = "dim",
    };

    readonly Dictionary<string, JsonElement> values = new(StringComparer.Ordinal);
    readonly HashSet<string> read = new(StringComparer.Ordinal);

    /// <summary>Reads a JSON object.</summary>
    /// <exception cref="FormatException">The text is not a JSON object.</exception>
    public Attributes(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            if (document.RootElement.ValueKind != JsonValueKind.Object) throw new FormatException($"attributes: expected a JSON object, got {document.RootElement.ValueKind}.");
            foreach (var property in document.RootElement.EnumerateObject())
            {
                if (property.Value.ValueKind == JsonValueKind.Null) continue;
                values[ShortNames.GetValueOrDefault(property.Name, property.Name)] = property.Value.Clone();
            }
        }
        catch (JsonException e)
        {
            throw new FormatException($"attributes: not sound JSON: {e.Message}", e);
        }
    }

    /// <summary>The names that nothing has asked for.</summary>
    public IEnumerable<string> Unread => values.Keys.Where(name => !read.Contains(name));

    /// <summary>Whether a value is given.</summary>
    public bool Has(string name) => Find(name) is not null;

    /// <summary>A whole number.</summary>
    /// <exception cref="FormatException">It is something else, or out of bounds.</exception>
    public int Integer(string name, int missing) => Find(name) is { } value ? Integer(name, value) : missing;

    /// <summary>A number.</summary>
    /// <exception cref="FormatException">It is something else.</exception>
    public double Number(string name, double missing)
        => Find(name) is not { } value ? missing
        : value.ValueKind == JsonValueKind.Number ? value.GetDouble()
        : throw Unexpected(name, "a number", value);

    /// <summary>A number as the engines' options hold it.</summary>
    /// <exception cref="FormatException">It is something else.</exception>
    public float Single(string name, double missing) => (float)Number(name, missing);

    /// <summary>Two numbers.</summary>
    /// <exception cref="FormatException">It is something else.</exception>
    public (float First, float Second) Pair(string name, (double First, double Second) missing)
    {
        if (Find(name) is not { } value) return ((float)missing.First, (float)missing.Second);
        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() != 2 || value.EnumerateArray().Any(item => item.ValueKind != JsonValueKind.Number)) throw Unexpected(name, "two numbers", value);
        return ((float)value[0].GetDouble(), (float)value[1].GetDouble());
    }

    /// <summary>True or false.</summary>
    /// <exception cref="FormatException">It is something else.</exception>
    public bool Flag(string name, bool missing)
        => Find(name) is not { } value ? missing
        : value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean()
        : throw Unexpected(name, "true or false", value);

    /// <summary>A text.</summary>
    /// <exception cref="FormatException">It is something else.</exception>
    public string Text(string name, string missing)
        => Find(name) is not { } value ? missing
        : value.ValueKind == JsonValueKind.String ? value.GetString()!
        : throw Unexpected(name, "a text", value);

    /// <summary>Whole numbers: one, or a list of them.</summary>
    /// <exception cref="FormatException">It is something else, or missing without a default.</exception>
    public int[] Integers(string name, int[]? missing = null)
        => Find(name) is not { } value ? missing ?? throw new FormatException($"attribute '{name}' is missing.")
        : value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray().Select(item => Integer(name, item))]
        : [Integer(name, value)];

    /// <summary>A height and a width: one number for both, or [h, w].</summary>
    /// <exception cref="FormatException">It is something else, or missing without a default.</exception>
    public Size2d Size(string name, Size2d? missing = null)
    {
        if (!Has(name) && missing is { } given) return given;
        return Integers(name) switch
        {
            [var both] => both,
            [var h, var w] => (h, w),
            _ => throw Unexpected(name, "a number or [h, w]", Find(name)!.Value),
        };
    }

    /// <summary>Rows and columns added: a number, [h, w], or [top, bottom, left, right]; default 0.</summary>
    /// <exception cref="FormatException">It is something else.</exception>
    public Padding2d Padding(string name = "padding") => Integers(name, [0]) switch
    {
        [var all] => all,
        [var h, var w] => (h, w),
        [var top, var bottom, var left, var right] => new(top, bottom, left, right),
        _ => throw Unexpected(name, "a number, [h, w] or [top, bottom, left, right]", Find(name)!.Value),
    };

    /// <summary>As <see cref="Padding"/>, or PyTorch's "valid" (none) and "same" (as many outputs as inputs, the odd row or column after).</summary>
    /// <param name="kernel">Rows and columns of the kernel.</param>
    /// <param name="dilation">Rows and columns between them.</param>
    public Padding2d PaddingFor(Size2d kernel, Size2d dilation)
    {
        if (Find("padding") is not { ValueKind: JsonValueKind.String } value) return Padding();
        if (value.GetString() == "valid") return 0;
        if (value.GetString() != "same") throw Unexpected("padding", "\"same\", \"valid\" or numbers", value);
        int rows = (kernel.H - 1) * dilation.H, columns = (kernel.W - 1) * dilation.W;
        return new(rows / 2, rows - (rows / 2), columns / 2, columns - (columns / 2));
    }

    /// <summary>How the losses of a batch become one; default the mean.</summary>
    /// <exception cref="FormatException">It is none of "mean", "sum", "none".</exception>
    public Reduction Reduction() => Text("reduction", "mean") switch
    {
        "mean" => CnnSharp.Reduction.Mean,
        "sum" => CnnSharp.Reduction.Sum,
        "none" => CnnSharp.Reduction.None,
        _ => throw Unexpected("reduction", "\"mean\", \"sum\" or \"none\"", Find("reduction")!.Value),
    };

    /// <summary>What is fused into an operation; default nothing.</summary>
    /// <exception cref="FormatException">It is neither "none" nor "relu".</exception>
    public Activation Activation() => Text("activation", "none") switch
    {
        "none" => Kernels.Activation.None,
        "relu" => Kernels.Activation.Relu,
        _ => throw Unexpected("activation", "\"none\" or \"relu\"", Find("activation")!.Value),
    };

    /// <summary>Refuses a value that the engines have no operation for.</summary>
    /// <exception cref="NotSupportedException">The condition does not hold.</exception>
    public static void Require(bool condition, string what)
    {
        if (!condition) throw new NotSupportedException($"not supported: {what}.");
    }

    JsonElement? Find(string name)
    {
        read.Add(name);
        return values.TryGetValue(name, out var value) ? value : null;
    }

    static int Integer(string name, JsonElement value)
        => value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && Math.Abs((long)number) <= Largest ? number
        : throw Unexpected(name, $"whole numbers within ±{Largest}", value);

    static FormatException Unexpected(string name, string expected, JsonElement value)
    {
        var text = value.GetRawText();
        return new($"attribute '{name}': expected {expected}, got {(text.Length <= 80 ? text : $"{text[..80]}...")}.");
    }
}
