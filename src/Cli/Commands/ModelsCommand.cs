using System.CommandLine;
using System.Text.Json.Nodes;
using CnnSharp.Layers;
using CnnSharp.Models;

namespace CnnSharp.Cli.Commands;

/// <summary><c>models</c>: what the zoo has; <c>models NAME</c>: one of them layer by layer.</summary>
internal static class ModelsCommand
{
    public static Command Create(Terminal terminal)
    {
        var name = new Argument<string?>("NAME") { Description = "a model, to see layer by layer", Arity = ArgumentArity.ZeroOrOne };
        var shortcut = Options.Shortcut();
        var json = Options.Json();
        var command = new Command("models", "Lists the models: weights, multiply-adds and memory for one picture.") { name, shortcut, json };
        command.SetAction(parsed =>
        {
            var kind = Options.ParseShortcut(parsed.GetValue(shortcut));
            return parsed.GetValue(name) is { } one ? Show(terminal, Zoo.Find(one), kind, parsed.GetValue(json)) : List(terminal, kind, parsed.GetValue(json));
        });
        return command;
    }

    static int List(Terminal terminal, Shortcut shortcut, bool json)
    {
        var models = Zoo.Entries.Select(entry => (Entry: entry, Summary: Summarize(entry, shortcut))).ToList();
        terminal.WriteTable(
            ["model", "picture", ">weights", ">multiply-adds", ">memory to train", "paper"],
            models.Select(m => (IReadOnlyList<string>)[m.Entry.Name, m.Entry.Input.ToString(), $"{m.Summary.Weights:N0}", $"{m.Summary.MultiplyAdds:N0}", $"{Mebibytes(m.Summary):F1} MiB", m.Entry.Paper]));
        if (json) terminal.WriteJson(new() { ["models"] = new JsonArray([.. models.Select(m => Json(m.Entry, m.Summary))]) });
        return CommandLine.Done;
    }

    static int Show(Terminal terminal, ModelEntry entry, Shortcut shortcut, bool json)
    {
        var summary = Summarize(entry, shortcut);
        terminal.WriteLine($"{entry.Name}: {entry.Paper}");
        terminal.WriteLine($"for pictures {entry.Input}, 10 classes; results for one picture");
        terminal.WriteLine();
        terminal.WriteTable(
            ["layer", "kind", "result", ">weights", ">multiply-adds"],
            summary.Layers.Select(l => (IReadOnlyList<string>)[l.Path, l.Kind, l.Output.ToString(), $"{l.Weights:N0}", $"{l.MultiplyAdds:N0}"])
                .Append(["total", "", "", $"{summary.Weights:N0}", $"{summary.MultiplyAdds:N0}"]));
        if (json) terminal.WriteJson(Json(entry, summary));
        return CommandLine.Done;
    }

    static Summary Summarize(ModelEntry entry, Shortcut shortcut) => Summary.Of(Zoo.Build(entry.Name, new() { Shortcut = shortcut }), entry.Input);

    /// <summary>Weights, their gradients and momentum, and the results that the backward pass reads.</summary>
    static double Mebibytes(Summary summary) => ((3 * summary.Weights) + summary.Activations) * sizeof(float) / (1024.0 * 1024);

    static JsonObject Json(ModelEntry entry, Summary summary) => new()
    {
        ["model"] = entry.Name,
        ["parameters"] = summary.Weights,
        ["multiply_adds"] = summary.MultiplyAdds,
        ["training_mib_per_picture"] = Terminal.Number(Mebibytes(summary), 3),
        ["layers"] = summary.Layers.Count,
    };
}
