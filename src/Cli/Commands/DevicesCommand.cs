using System.CommandLine;
using System.Text.Json.Nodes;

namespace CnnSharp.Cli.Commands;

/// <summary><c>devices</c>: the engines found, and why others were not.</summary>
internal static class DevicesCommand
{
    public static Command Create(Terminal terminal)
    {
        var json = Options.Json();
        var all = new Option<bool>("--all") { Description = "look for OpenCL devices even where none is taken by itself (other than a GPU's, or beside CUDA), which loads their drivers" };
        var command = new Command("devices", "Lists where networks can be computed, and why elsewhere they cannot.") { all, json };
        command.SetAction(parsed =>
        {
            var choice = Device.Choose();
            var reports = Device.List(parsed.GetValue(all));
            var best = Default();
            terminal.WriteTable(["device", "present", "what"], reports.Select(r => (IReadOnlyList<string>)[r.Name, r.Device is null ? "no" : r.Name == best ? "yes, the default" : "yes", r.Detail]));
            terminal.WriteLine($"auto is {choice.Device}{(choice.PassedOver.Count == 0 ? "" : ", since")}");
            foreach (var reason in choice.PassedOver) terminal.WriteLine($"  {reason}");
            if (Options.DeviceVariable is { } named) terminal.WriteLine($"${Device.Variable} is '{named}', which is taken where no --device is given");
            if (parsed.GetValue(json))
            {
                terminal.WriteJson(new()
                {
                    ["devices"] = new JsonArray([.. reports.Select(r => new JsonObject { ["name"] = r.Name, ["present"] = r.Device is not null, ["detail"] = r.Detail })]),
                    ["default"] = best,
                    ["auto"] = choice.Device.Name,
                    ["passed_over"] = new JsonArray([.. choice.PassedOver.Select(reason => JsonValue.Create(reason))]),
                });
            }

            return CommandLine.Done;
        });
        return command;
    }

    /// <summary>The name of the device that is taken where none is given; null where the variable's cannot be.</summary>
    static string? Default()
    {
        try
        {
            return Device.Best().Name;
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            return null;
        }
    }
}
