using System.CommandLine;
using System.Globalization;
using CnnSharp.Cli.Commands;
using CnnSharp.Kernels;
using CnnSharp.Training;

namespace CnnSharp.Cli;

/// <summary>The tool: parses, runs a command, and turns what goes wrong into a message and an exit code.</summary>
public static class CommandLine
{
    /// <summary>Done.</summary>
    public const int Done = 0;

    /// <summary>The work failed.</summary>
    public const int Failed = 1;

    /// <summary>Bad usage or bad input.</summary>
    public const int BadInput = 2;

    /// <summary>Runs the tool.</summary>
    /// <param name="args">What stands after <c>cnnsharp</c>.</param>
    /// <param name="output">For results.</param>
    /// <param name="error">For messages about what went wrong.</param>
    /// <returns>The exit code: 0 done, 1 failed, 2 bad usage or input.</returns>
    public static int Run(IReadOnlyList<string> args, TextWriter output, TextWriter error) => Run(args, new(output, error, interactive: false));

    internal static int Run(IReadOnlyList<string> args, Terminal terminal)
    {
        // Numbers are read and written in one way everywhere, whatever the culture of the program that calls.
        var culture = CultureInfo.CurrentCulture;
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        try
        {
            return RunInvariant(args, terminal);
        }
        finally
        {
            CultureInfo.CurrentCulture = culture;
        }
    }

    static int RunInvariant(IReadOnlyList<string> args, Terminal terminal)
    {
        var root = new RootCommand("Trains and runs convolutional networks.")
        {
            TrainCommand.Create(terminal),
            CheckCommand.Create(terminal),
            TuneCommand.Create(terminal),
            EvalCommand.Create(terminal),
            RunsCommand.Create(terminal),
            ReportCommand.Create(terminal),
            PredictCommand.Create(terminal),
            ImagesCommand.Create(terminal),
            VerifyCommand.Create(terminal),
            ExportCommand.Create(terminal),
            ImportCommand.Create(terminal),
            OnnxCommand.Create(terminal),
            BenchCommand.Create(terminal),
            ModelsCommand.Create(terminal),
            DevicesCommand.Create(terminal),
        };

        var parsed = root.Parse(args);
        var name = PathOf(parsed.CommandResult.Command, root);
        if (parsed.Errors.Count > 0)
        {
            terminal.WriteError($"{name}: {Explain(parsed)}");
            terminal.WriteError($"See '{name} --help'.");
            return BadInput;
        }

        // A program reads the output then: what is for people goes elsewhere.
        if (parsed.CommandResult.Command.Options.FirstOrDefault(option => option.Name == "--json") is Option<bool> json && parsed.GetValue(json)) terminal.ReserveOutput();
        return Guard(terminal, name, () => parsed.Invoke(new() { Output = terminal.Output, EnableDefaultExceptionHandler = false }));
    }

    /// <summary>Runs a command; an exception becomes one message on the error stream, and the exit code says whose fault it was.</summary>
    static int Guard(Terminal terminal, string name, Func<int> command)
    {
        try
        {
            return command();
        }
        catch (Exception e) when (e is UsageException or RunLockedException or ShapeException or DataFormatException or ArgumentException or NotSupportedException or FileNotFoundException or DirectoryNotFoundException && !EngineFault.Is(e))
        {
            terminal.WriteError($"{name}: {Message(e)}");
            return BadInput;
        }
        catch (Exception e) when (e is FailedException or TrainingDivergedException or IOException or UnauthorizedAccessException)
        {
            terminal.WriteError($"{name}: {Message(e)}");
            return Failed;
        }
        catch (Exception e)
        {
            // A fault of the tool's own. The stack is for those who mend it.
            terminal.WriteError($"{name}: {(Environment.GetEnvironmentVariable("CNNSHARP_STACK") is null ? $"{e.GetType().Name}: {e.Message} (CNNSHARP_STACK=1 shows where)" : e)}");
            return Failed;
        }
    }

    /// <summary>Without the parameter's name that .NET appends: it means nothing to a user.</summary>
    static string Message(Exception e)
    {
        var end = e is ArgumentException { ParamName: not null } ? e.Message.LastIndexOf(" (Parameter '", StringComparison.Ordinal) : -1;
        return end > 0 ? e.Message[..end] : e.Message;
    }

    static string Explain(ParseResult parsed)
    {
        var command = parsed.CommandResult.Command;
        if (parsed.UnmatchedTokens is [var token, ..])
        {
            if (token.StartsWith('-'))
            {
                var options = command.Options.Select(option => option.Name).ToList();
                var nearest = Nearest.Find(token.Split('=', ':')[0], options);
                return $"Unknown option '{token}'.{(nearest is null ? "" : $" Did you mean '{nearest}'?")}";
            }

            if (command.Subcommands.Count > 0) return Nearest.Unknown("command", token, [.. command.Subcommands.Select(sub => sub.Name)]);
            return $"Unexpected argument '{token}'.";
        }

        return string.Join(' ', parsed.Errors.Select(e => e.Message).Distinct());
    }

    static string PathOf(Command command, RootCommand root)
    {
        var path = "";
        for (Symbol? symbol = command; symbol is not null && symbol != root; symbol = symbol.Parents.FirstOrDefault()) path = $" {symbol.Name}{path}";
        return $"cnnsharp{path}";
    }
}
