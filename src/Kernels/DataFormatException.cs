namespace CnnSharp;

/// <summary>A file that is not what it should be. The message says which file, what, expected, actual, and where.</summary>
public sealed class DataFormatException : IOException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="file">The file, as the caller named it.</param>
    /// <param name="problem">What is wrong, as a clause: <c>the header is empty</c>.</param>
    /// <param name="offset">The byte at which it is wrong, where known.</param>
    /// <param name="inner">What revealed it, if an exception did.</param>
    public DataFormatException(string file, string problem, long? offset = null, Exception? inner = null)
        : base(offset is { } at ? $"{file}: {problem} (at byte {at:N0})." : $"{file}: {problem}.", inner)
    {
        File = file;
        Problem = problem;
        Offset = offset;
    }

    /// <summary>Creates the exception for a value that differs from the one that had to be there.</summary>
    /// <param name="file">The file, as the caller named it.</param>
    /// <param name="what">What has the wrong value.</param>
    /// <param name="expected">What was expected, with its unit.</param>
    /// <param name="actual">What was there.</param>
    /// <param name="offset">The byte at which it is, where known.</param>
    public DataFormatException(string file, string what, string expected, string actual, long? offset = null)
        : this(file, $"{what}: expected {expected}, got {actual}", offset)
    {
        Expected = expected;
        Actual = actual;
    }

    /// <summary>The file.</summary>
    public string File { get; }

    /// <summary>What is wrong with it.</summary>
    public string Problem { get; }

    /// <summary>What was expected, where one value was.</summary>
    public string? Expected { get; }

    /// <summary>What was there instead.</summary>
    public string? Actual { get; }

    /// <summary>The byte at which it is wrong, where known.</summary>
    public long? Offset { get; }
}
