using System.Text;

namespace CnnSharp.Generators;

/// <summary>C# text, line by line, indented by blocks.</summary>
sealed class SourceWriter
{
    readonly StringBuilder text = new();
    int depth;

    /// <summary>One line; an empty one has no indentation.</summary>
    public void Line(string line = "") => text.Append(line.Length == 0 ? "" : new string(' ', 4 * depth)).Append(line).Append('\n');

    /// <summary>A line, then what <paramref name="body"/> writes, in braces.</summary>
    public void Block(string head, Action body)
    {
        if (head.Length > 0) Line(head);
        Line("{");
        depth++;
        body();
        depth--;
        Line("}");
    }

    public override string ToString() => text.ToString();
}
