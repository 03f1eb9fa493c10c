namespace CnnSharp.Cli;

/// <summary>What the user asked for makes no sense: the message says what was expected. Exit code 2.</summary>
internal sealed class UsageException(string message) : Exception(message);
