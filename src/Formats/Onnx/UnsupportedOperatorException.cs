namespace CnnSharp.Formats.Onnx;

/// <summary>A graph asks for an operator, or a form of one, that is not computed here.</summary>
public sealed class UnsupportedOperatorException : NotSupportedException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="file">The file.</param>
    /// <param name="node">The node.</param>
    /// <param name="operatorName">Its operator.</param>
    /// <param name="reason">What about it is not computed, as a clause.</param>
    public UnsupportedOperatorException(string file, string node, string operatorName, string reason)
        : base($"{file}: {node}: {reason}.")
    {
        Operator = operatorName;
        Reason = reason;
    }

    /// <summary>The operator, e.g. <c>Loop</c>.</summary>
    public string Operator { get; }

    /// <summary>What about it is not computed.</summary>
    public string Reason { get; }
}
