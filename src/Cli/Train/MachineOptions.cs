using System.CommandLine;

namespace CnnSharp.Cli.Train;

/// <summary>Options of where it is computed: no setting of a training, which goes on anywhere.</summary>
internal sealed class MachineOptions
{
    readonly Option<string> device = Options.Device();
    readonly Option<string?> precision = Options.Precision();
    readonly Option<int?> threads = Options.Threads();

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[device, precision, threads]) command.Options.Add(option);
    }

    /// <summary>Opens the device that was asked for.</summary>
    public Device Open(ParseResult parsed) => Options.Open(parsed.GetValue(device)!, parsed.GetValue(threads), parsed.GetValue(precision));

    /// <summary>The options as they were given, for commands that are printed.</summary>
    public string Text(ParseResult parsed)
    {
        var (name, exact, count) = (parsed.GetValue(device)!, parsed.GetValue(precision), parsed.GetValue(threads));
        return $"{(name == "auto" ? "" : $" --device {Terminal.Quote(name)}")}{(exact is null ? "" : $" --precision {exact}")}{(count is null ? "" : $" --threads {count}")}";
    }
}
