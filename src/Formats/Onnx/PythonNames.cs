using System.Globalization;
using System.Text;

namespace CnnSharp.Formats.Onnx;

/// <summary>Class names as Python writes them: <c>{0: 'cat', 1: "dog's"}</c>, <c>['cat', "dog's"]</c>, or the same as JSON has it, <c>{"0": "cat"}</c>.</summary>
static class PythonNames
{
    /// <summary>The names in the order of their numbers; null where the text is no such list, or the numbers are not 0, 1, 2, ..., each once.</summary>
    public static string[]? Parse(string text)
    {
        var at = 0;
        var isDictionary = Take('{');
        if (!isDictionary && !Take('[')) return null;
        var close = isDictionary ? '}' : ']';
        var names = new SortedDictionary<int, string>();
        while (!Take(close))
        {
            if (names.Count > 0 && !Take(',')) return null;

            // After the last comma may stand none.
            if (Take(close)) return End();
            var number = isDictionary ? Number() : names.Count;
            if (number is not { } key || (isDictionary && !Take(':')) || Quoted() is not { } name || !names.TryAdd(key, name)) return null;
        }

        return End();

        string[]? End()
        {
            Skip();
            return at == text.Length && names.Count > 0 && names.Keys.Last() == names.Count - 1 ? [.. names.Values] : null;
        }

        void Skip()
        {
            while (at < text.Length && char.IsWhiteSpace(text[at])) at++;
        }

        bool Take(char wanted)
        {
            Skip();
            if (at >= text.Length || text[at] != wanted) return false;
            at++;
            return true;
        }

        int? Number()
        {
            Skip();
            if (at < text.Length && text[at] is '\'' or '"') return Quoted() is { } quoted ? Parsed(quoted) : null;
            var start = at;
            while (at < text.Length && char.IsAsciiDigit(text[at])) at++;
            return Parsed(text[start..at]);

            static int? Parsed(string digits) => int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
        }

        string? Quoted()
        {
            Skip();
            if (at >= text.Length || text[at] is not ('\'' or '"')) return null;
            var quote = text[at++];
            var value = new StringBuilder();
            while (at < text.Length)
            {
                var c = text[at++];
                if (c == quote) return value.ToString();
                if (c != '\\')
                {
                    value.Append(c);
                    continue;
                }

                if (at >= text.Length) return null;
                switch (text[at++])
                {
                    case '\\' or '\'' or '"' or '/':
                        value.Append(text[at - 1]);
                        break;
                    case 'n':
                        value.Append('\n');
                        break;
                    case 't':
                        value.Append('\t');
                        break;
                    case 'r':
                        value.Append('\r');
                        break;
                    case 'x' when Code(2) is { } code:
                        value.Append(code);
                        break;
                    case 'u' when Code(4) is { } code:
                        value.Append(code);
                        break;
                    default:
                        return null;
                }
            }

            return null;
        }

        char? Code(int digits)
        {
            if (at + digits > text.Length || !int.TryParse(text.AsSpan(at, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code)) return null;
            at += digits;
            return (char)code;
        }
    }
}
