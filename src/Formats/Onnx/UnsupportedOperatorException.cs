namespace CnnSharp.Formats.Onnx;

/// <summary>A graph asks for an operator, or a form of one, that is not computed here; the message names all of them.</summary>
public sealed class UnsupportedOperatorException : NotSupportedException
{
    /// <summary>How many kinds of operators a message lists, and how many nodes of each.</summary>
    const int MostListed = 20, MostNodes = 3;

    readonly string place;
    readonly string kind;

    /// <summary>Creates the exception.</summary>
    /// <param name="file">The file.</param>
    /// <param name="node">The node.</param>
    /// <param name="operatorName">Its operator.</param>
    /// <param name="reason">What about it is not computed, as a clause.</param>
    /// <param name="domain">Where the operator is defined; by default the standard.</param>
    /// <param name="version">The version of the domain's operators that the file is written in; 0 where it does not say.</param>
    public UnsupportedOperatorException(string file, string node, string operatorName, string reason, string domain = "", long version = 0)
        : base($"{file}: {node} of {Domain(domain, version)}: {reason}.")
    {
        (Operator, Reason, Operators) = (operatorName, reason, [operatorName]);
        (place, kind) = (node, $"{OnnxModel.Cut(operatorName)} of {Domain(domain, version)}: {reason}");
    }

    UnsupportedOperatorException(string message, UnsupportedOperatorException first, IReadOnlyList<string> operators)
        : base(message) => (Operator, Reason, Operators, place, kind) = (first.Operator, first.Reason, operators, first.place, first.kind);

    /// <summary>The operator, e.g. <c>Loop</c>; the first of several.</summary>
    public string Operator { get; }

    /// <summary>What about it is not computed.</summary>
    public string Reason { get; }

    /// <summary>All operators that the graph asks for and that are not computed, each once.</summary>
    public IReadOnlyList<string> Operators { get; }

    /// <summary>One exception for all that a file asks for in vain.</summary>
    internal static UnsupportedOperatorException All(string file, IReadOnlyList<UnsupportedOperatorException> found)
    {
        if (found.Count == 1) return found[0];
        var kinds = found.GroupBy(e => e.kind).ToList();
        var lines = kinds.Take(MostListed).Select(kind =>
        {
            var places = kind.Select(e => e.place).Take(MostNodes).ToList();
            return $"\n  {kind.Key}: {string.Join(", ", places)}{(kind.Count() > places.Count ? $" and {kind.Count() - places.Count:N0} more" : "")}";
        });
        var rest = kinds.Count > MostListed ? $"\n  and {kinds.Count - MostListed:N0} more" : "";
        return new($"{file}: {found.Count:N0} nodes are not computed here:{string.Concat(lines)}{rest}", found[0], [.. found.Select(e => e.Operator).Distinct()]);
    }

    static string Domain(string domain, long version) => $"{(domain.Length == 0 ? "ai.onnx" : OnnxModel.Cut(domain))}{(version > 0 ? $" {version}" : "")}";
}
