namespace CnnSharp.Training;

/// <summary>Another training writes into the output folder: two would mix their checkpoints.</summary>
public sealed class RunLockedException : IOException
{
    internal RunLockedException(string folder, int? processId, string host, string since, Exception inner)
        : base($"'{folder}': another training is writing there, by the lock of process {(processId is { } id ? $"{id}" : "(unknown)")} on {host} since {since}. Wait until it has ended, or choose another folder.", inner)
    {
        Folder = folder;
        ProcessId = processId;
        Host = host;
    }

    /// <summary>The folder.</summary>
    public string Folder { get; }

    /// <summary>The process that has it; null if it has not said so yet.</summary>
    public int? ProcessId { get; }

    /// <summary>The computer on which that runs.</summary>
    public string Host { get; }
}
