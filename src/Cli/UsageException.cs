namespace CnnSharp.Cli;

/// <summary>What the user asked for makes no sense: the message says what was expected. Exit code 2.</summary>
internal sealed class UsageException(string message) : Exception(message);

/// <summary>The work was done and came to nothing, such as a result that is not a number. Exit code 1.</summary>
internal sealed class FailedException(string message) : Exception(message);
