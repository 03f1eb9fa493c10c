namespace CnnSharp.Verification;

/// <summary>How a case ended.</summary>
public enum CaseOutcome
{
    /// <summary>Everything that the case states was found, within the tolerance.</summary>
    Passed,

    /// <summary>Something differs, or the case cannot be read or run.</summary>
    Failed,

    /// <summary>Its operation is unknown here.</summary>
    Skipped,
}

/// <summary>One case's result.</summary>
/// <param name="Name">The file's name without its ending, or the operation's.</param>
/// <param name="Outcome">How it ended.</param>
/// <param name="Detail">What differs and where, why it could not be run, or which operation is unknown; empty where it passed.</param>
public sealed record CaseResult(string Name, CaseOutcome Outcome, string Detail);

/// <summary>Replays reference cases on a device, or the operation registry.</summary>
/// <example>
/// <code>
/// foreach (var result in Verifier.Run("golden", Device.Cpu))
///     if (result.Outcome != CaseOutcome.Passed) Console.WriteLine($"{result.Name}: {result.Detail}");
/// </code>
/// </example>
public static class Verifier
{
    /// <summary>Replays every <c>*.safetensors</c> file of a folder, in the order of their names; each when its result is asked for.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="device">Where.</param>
    /// <param name="filter">Which, by the name without its ending; default all.</param>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    public static IEnumerable<CaseResult> Run(string folder, Device device, Func<string, bool>? filter = null)
    {
        if (!Directory.Exists(folder)) throw new DirectoryNotFoundException($"There is no folder '{folder}'.");
        return Directory.GetFiles(folder, "*.safetensors").Where(path => filter?.Invoke(Path.GetFileNameWithoutExtension(path)) ?? true).Order(StringComparer.Ordinal).Select(path => RunCase(path, device));
    }

    /// <summary>Compares every row of the <see cref="OperationRegistry"/> with the reference engine in double precision; each when its result is asked for.</summary>
    /// <param name="device">Where.</param>
    /// <param name="filter">Which, by name; default all.</param>
    public static IEnumerable<CaseResult> RunRegistry(Device device, Func<string, bool>? filter = null)
        => OperationRegistry.Rows.Where(row => filter?.Invoke(row.Name) ?? true).Select(row => RunRow(row, device));

    static CaseResult RunRow(OperationRow row, Device device)
    {
        try
        {
            var difference = OperationCase.Check(row, device);
            return new(row.Name, difference is null ? CaseOutcome.Passed : CaseOutcome.Failed, difference ?? "");
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // A kernel that a device refuses is this row's result; the next may be accepted.
            return new(row.Name, CaseOutcome.Failed, Explain(e));
        }
    }

    /// <summary>Replays one case.</summary>
    public static CaseResult RunCase(string path, Device device)
    {
        var name = Path.GetFileNameWithoutExtension(path);
        string[] unread = [];
        try
        {
            using var file = new CaseFile(path);
            string? difference;
            try
            {
                switch (file.Operation)
                {
                    case "optimizer":
                        difference = OptimizerCase.Check(file, device);
                        break;
                    case "network":
                        difference = NetworkCase.Check(file, device);
                        break;
                    case var operation when OperationRegistry.Find(operation) is { } row:
                        difference = ReferenceCase.Check(file, row, device);
                        break;
                    default:
                        return new(name, CaseOutcome.Skipped, $"unknown operation '{file.Operation}'");
                }
            }
            finally
            {
                unread = [.. file.Attributes.Unread];
            }

            return difference is null ? new(name, CaseOutcome.Passed, "") : Failed(difference);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // A case is a user's file: whatever is wrong with it is this case's result, and the next one is run.
            return Failed(Explain(e));
        }
        catch (OutOfMemoryException)
        {
            return Failed("out of memory: the case describes tensors that this machine cannot hold");
        }

        // An attribute that nothing reads is no failure of its own, but often the reason for one.
        CaseResult Failed(string detail) => new(name, CaseOutcome.Failed, unread.Length == 0 ? detail : $"{detail} (not read: {string.Join(", ", unread)})");
    }

    /// <summary>A message that was written for users stands alone.</summary>
    static string Explain(Exception e)
        => e is DataFormatException or FormatException or ArgumentException or NotSupportedException && !Kernels.EngineFault.Is(e) ? e.Message : $"{e.GetType().Name}: {e.Message}";
}
