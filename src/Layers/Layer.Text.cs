using System.Text;

namespace CnnSharp.Layers;

public abstract partial class Layer
{
    /// <summary>What stands in the layer's brackets in <see cref="ToString"/>: its extents and the settings that are not the usual ones. Default: nothing.</summary>
    protected virtual string Describe() => "";

    /// <summary>The layer and those below it, a line each, by the names that stand in their paths: <c>(conv1): Conv2d(3, 16, kernel 3, padding 1)</c>.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        Append(text, "");
        return text.ToString();
    }

    /// <summary>The parts that are there, with commas between.</summary>
    protected static string Settings(params ReadOnlySpan<string?> parts)
    {
        var text = "";
        foreach (var part in parts)
        {
            if (string.IsNullOrEmpty(part)) continue;
            text += text.Length == 0 ? part : $", {part}";
        }

        return text;
    }

    void Append(StringBuilder text, string indent)
    {
        text.Append(GetType().Name).Append('(').Append(Describe());
        var isParent = false;
        foreach (var (name, child) in Children())
        {
            isParent = true;
            text.Append('\n').Append(indent).Append("  (").Append(name).Append("): ");
            child.Append(text, indent + "  ");
        }

        if (isParent) text.Append('\n').Append(indent);
        text.Append(')');
    }
}
