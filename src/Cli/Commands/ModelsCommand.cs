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
        var classes = Options.Whole("--classes", "how many classes; by default as many as the model was made for", minimum: 1, maximum: 1_000_000);
        var shortcut = Options.Shortcut();
        var json = Options.Json();
        var command = new Command("models", "Lists the models: weights, multiply-adds and memory for one image.") { name, classes, shortcut, json };
        command.SetAction(parsed =>
        {
            // Nothing is computed: the models are built for their shapes alone.
            var options = new ModelOptions { Classes = parsed.GetValue(classes), Shortcut = Options.ParseShortcut(parsed.GetValue(shortcut)), Device = Device.Shapes };
            return parsed.GetValue(name) is { } one ? Show(terminal, Zoo.Find(one), options, parsed.GetValue(json)) : List(terminal, options, parsed.GetValue(json));
        });
        return command;
    }

    static int List(Terminal terminal, ModelOptions options, bool json)
    {
        var models = Zoo.Entries.Select(entry => (Entry: entry, Summary: Summarize(entry, options))).ToList();
        terminal.WriteTable(
            ["model", "image", ">classes", ">weights", ">multiply-adds", ">memory to train", "paper"],
            models.Select(m => (IReadOnlyList<string>)[m.Entry.Name, string.Join('x', m.Entry.Input.ToArray()), $"{Classes(m.Entry, options)}", $"{m.Summary.Weights:N0}", $"{m.Summary.MultiplyAdds:N0}", $"{Mebibytes(m.Summary):F1} MiB", Citation(m.Entry.Paper)]));
        terminal.WriteLine();
        terminal.WriteLine("knn-l1, knn-l2: the nearest of the training images (Cover and Hart 1967), without weights: 'eval --model knn-l2 --neighbors 5'");
        if (json) terminal.WriteJson(new() { ["models"] = new JsonArray([.. models.Select(m => Json(m.Entry, m.Summary, options))]) });
        return CommandLine.Done;
    }

    static int Show(Terminal terminal, ModelEntry entry, ModelOptions options, bool json)
    {
        var summary = Summarize(entry, options);
        terminal.WriteLine($"{entry.Name}: {entry.Paper}");
        terminal.WriteLine($"for images {entry.Input}{(Classes(entry, options) is > 0 and var classes ? $", {classes} classes" : "")}; results for one image");
        terminal.WriteLine();
        terminal.WriteTable(
            ["layer", "kind", "result", ">weights", ">multiply-adds", ">memory"],
            summary.Layers.Select(l => (IReadOnlyList<string>)[l.Path, l.Kind, l.Output.ToString(), $"{l.Weights:N0}", $"{l.MultiplyAdds:N0}", Kibibytes(l.Activations)])
                .Append(["total", "", "", $"{summary.Weights:N0}", $"{summary.MultiplyAdds:N0}", Kibibytes(summary.Activations)]));
        if (json) terminal.WriteJson(Json(entry, summary, options));
        return CommandLine.Done;
    }

    /// <summary>Authors and year, without the title.</summary>
    static string Citation(string paper)
    {
        var title = paper.IndexOf(", ", paper.AsSpan().IndexOfAnyInRange('0', '9') is > 0 and var year ? year : 0, StringComparison.Ordinal);
        return title < 0 ? paper : paper[..title];
    }

    static Summary Summarize(ModelEntry entry, ModelOptions options) => Summary.Of(Zoo.Build(entry.Name, options), entry.Input, Device.Shapes);

    static int Classes(ModelEntry entry, ModelOptions options) => entry.Classes == 0 ? 0 : options.Classes ?? entry.Classes;

    static string Kibibytes(long elements) => $"{elements * sizeof(float) / 1024.0:N1} KiB";

    /// <summary>Weights, their gradients and momentum, and the results that the backward pass reads.</summary>
    static double Mebibytes(Summary summary) => ((3 * summary.Weights) + summary.Activations) * sizeof(float) / (1024.0 * 1024);

    static JsonObject Json(ModelEntry entry, Summary summary, ModelOptions options) => new()
    {
        ["model"] = entry.Name,
        ["input"] = new JsonArray([.. entry.Input.ToArray().Select(extent => (JsonNode)extent)]),
        ["classes"] = Classes(entry, options),
        ["parameters"] = summary.Weights,
        ["multiply_adds"] = summary.MultiplyAdds,
        ["activation_mib_per_image"] = Terminal.Number(summary.Activations * sizeof(float) / (1024.0 * 1024), 3),
        ["training_mib_per_image"] = Terminal.Number(Mebibytes(summary), 3),
        ["layers"] = summary.Layers.Count,
    };
}
