using System.CommandLine;
using System.Text.Json.Nodes;

namespace CnnSharp.Cli.Commands;

/// <summary><c>devices</c>: the engines found, and why others were not.</summary>
internal static class DevicesCommand
{
    public static Command Create(Terminal terminal)
    {
        var json = Options.Json();
        var command = new Command("devices", "Lists where networks can be computed, and why elsewhere they cannot.") { json };
        command.SetAction(parsed =>
        {
            var reports = Device.List();
            var best = Device.Best().Name;
            terminal.WriteTable(["device", "present", "what"], reports.Select(r => (IReadOnlyList<string>)[r.Name, r.Device is null ? "no" : r.Name == best ? "yes, the default" : "yes", r.Detail]));
            if (parsed.GetValue(json))
            {
                terminal.WriteJson(new()
                {
                    ["devices"] = new JsonArray([.. reports.Select(r => new JsonObject { ["name"] = r.Name, ["present"] = r.Device is not null, ["detail"] = r.Detail })]),
                    ["default"] = best,
                });
            }

            return CommandLine.Done;
        });
        return command;
    }
}
