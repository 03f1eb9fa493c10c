using System.Text;
using System.Text.Json;

namespace CnnSharp.Verification;

/// <summary>A module as PyTorch prints it: <c>Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1))</c>, or one with modules inside.</summary>
/// <param name="Kind">The class, e.g. <c>Conv2d</c>.</param>
/// <param name="Attributes">The arguments that have a name.</param>
/// <param name="Children">The modules inside, by name.</param>
public sealed record TorchModule(string Kind, Attributes Attributes, IReadOnlyList<(string Name, TorchModule Module)> Children)
{
    /// <summary>How deep modules may lie within one another.</summary>
    const int MaxDepth = 64;

    /// <summary>The child of a name.</summary>
    /// <exception cref="FormatException">There is none.</exception>
    public TorchModule this[string name] => Find(name) ?? throw new FormatException($"torch_repr: {Kind} has no '{name}'.");

    /// <summary>The child of a name, or null.</summary>
    public TorchModule? Find(string name) => Children.FirstOrDefault(child => child.Name == name).Module;

    /// <summary>Reads what PyTorch prints.</summary>
    /// <exception cref="FormatException">It is something else.</exception>
    public static TorchModule Parse(string text)
    {
        var reader = new Reader(text);
        var module = reader.Module(0);
        reader.End();
        return module;
    }

    sealed class Reader(string text)
    {
        int at;

        public TorchModule Module(int depth)
        {
            if (depth > MaxDepth) throw Unexpected($"at most {MaxDepth} levels");
            Space();
            var start = at;
            while (at < text.Length && (char.IsAsciiLetterOrDigit(text[at]) || text[at] is '_' or '.')) at++;
            if (at == start) throw Unexpected("a module's name");
            var kind = text[start..at];
            Expect('(');
            Space();
            var children = new List<(string, TorchModule)>();
            var arguments = "{}";

            // "(name): " begins a module inside; anything else is the arguments.
            if (Peek('('))
            {
                while (Peek('('))
                {
                    var close = text.IndexOf("):", at, StringComparison.Ordinal);
                    if (close < 0) throw Unexpected("'(name): '");
                    var name = text[(at + 1)..close];
                    at = close + 2;
                    children.Add((name, Module(depth + 1)));
                    Space();
                }
            }
            else
            {
                arguments = Arguments();
            }

            Expect(')');
            return new(kind, new(arguments), children);
        }

        public void End()
        {
            Space();
            if (at < text.Length) throw Unexpected("the end");
        }

        /// <summary>The named arguments as JSON: tuples are lists, and True, False and None are what they are there.</summary>
        string Arguments()
        {
            var start = at;
            for (var open = 0; at < text.Length && (open > 0 || text[at] != ')'); at++) open += text[at] is '(' ? 1 : text[at] is ')' ? -1 : 0;
            var json = new StringBuilder("{");
            foreach (var argument in Split(text[start..at]))
            {
                var equals = argument.IndexOf('=', StringComparison.Ordinal);
                if (equals < 0) continue;
                if (json.Length > 1) json.Append(',');
                json.Append(Quoted(argument[..equals].Trim())).Append(':').Append(Value(argument[(equals + 1)..].Trim()));
            }

            return json.Append('}').ToString();
        }

        static string Value(string value) => value switch
        {
            "True" => "true",
            "False" => "false",
            "None" => "null",
            ['\'', .. var inner, '\''] => Quoted(inner),
            ['(', .. var inner, ')'] => $"[{inner.TrimEnd(',')}]",
            _ => value,
        };

        static string Quoted(string text) => $"\"{JsonEncodedText.Encode(text)}\"";

        static IEnumerable<string> Split(string arguments)
        {
            var (start, open) = (0, 0);
            for (var i = 0; i < arguments.Length; i++)
            {
                open += arguments[i] is '(' ? 1 : arguments[i] is ')' ? -1 : 0;
                if (arguments[i] != ',' || open > 0) continue;
                yield return arguments[start..i];
                start = i + 1;
            }

            yield return arguments[start..];
        }

        bool Peek(char expected) => at < text.Length && text[at] == expected;

        void Expect(char expected)
        {
            if (!Peek(expected)) throw Unexpected($"'{expected}'");
            at++;
        }

        void Space()
        {
            while (at < text.Length && char.IsWhiteSpace(text[at])) at++;
        }

        FormatException Unexpected(string expected) => new($"torch_repr: expected {expected} at character {at}, got '{text.AsSpan(at, Math.Min(20, text.Length - at))}'.");
    }
}
