using System.Globalization;
using CnnSharp.Kernels;

namespace CnnSharp.Layers;

/// <summary>A layer's part in a model.</summary>
/// <param name="Path">Where it stands, e.g. <c>layer1.0.conv1</c>.</param>
/// <param name="Kind">The name of its class.</param>
/// <param name="Output">The shape of its result for one input.</param>
/// <param name="Weights">The elements of its own parameters.</param>
/// <param name="MultiplyAdds">For one input.</param>
/// <param name="Activations">The elements of its result for one input; 0 if they are its input's own.</param>
public sealed record LayerSummary(string Path, string Kind, Shape Output, long Weights, long MultiplyAdds, long Activations);

/// <summary>A model layer by layer: shapes, weights, arithmetic and memory, for one input.</summary>
/// <param name="Layers">The layers without sub-layers, in the order in which they are called.</param>
/// <param name="Weights">All parameters' elements.</param>
/// <param name="MultiplyAdds">Of a forward pass of one input.</param>
/// <param name="Activations">The elements of all layers' results for one input: what training keeps, roughly.</param>
public sealed record Summary(IReadOnlyList<LayerSummary> Layers, long Weights, long MultiplyAdds, long Activations)
{
    /// <summary>Runs the model once, without training it, on a batch of one and watches its layers.</summary>
    /// <param name="model">Any.</param>
    /// <param name="input">The shape of one input without the batch axis, e.g. [32, 32, 3].</param>
    /// <param name="device">Where the model is; default: where its parameters are.</param>
    /// <exception cref="ShapeException">The model does not take such inputs.</exception>
    public static Summary Of(Layer model, Shape input, Device? device = null)
    {
        device ??= model.StateDict().Select(t => t.Tensor.Device).FirstOrDefault() ?? Device.Best();
        var rows = new List<LayerSummary>();
        var seen = new HashSet<Layer>(ReferenceEqualityComparer.Instance);
        var training = model.Modules().Where(l => l.IsTraining).ToArray();
        var outer = Layer.Observer;
        Layer.Observer = (layer, x, y) =>
        {
            if (layer.Children().Any()) return;

            // A layer that is called twice computes twice but has its weights once.
            var weights = seen.Add(layer) ? layer.ParameterCount : 0;
            rows.Add(new(layer.Path, layer.GetType().Name, y.Shape, weights, layer.MultiplyAdds(x.Shape, y.Shape), y.Data == x.Data ? 0 : y.Count));
        };
        try
        {
            model.Eval();
            using (Tape.NoGrad()) model.Forward(Tensor.Zeros(new([1, .. input.AsSpan()]), device));
        }
        finally
        {
            Layer.Observer = outer;
            foreach (var layer in training) layer.SetTraining();
        }

        return new(rows, model.ParameterCount, rows.Sum(r => r.MultiplyAdds), rows.Sum(r => r.Activations));
    }

    /// <summary>A table of text.</summary>
    public override string ToString()
    {
        string[] header = ["layer", "kind", "output", "weights", "multiply-adds", "activations"];
        var lines = Layers.Select(l => (string[])[l.Path, l.Kind, l.Output.ToString(), Text(l.Weights), Text(l.MultiplyAdds), Text(l.Activations)])
            .Prepend(header)
            .Append(["total", "", "", Text(Weights), Text(MultiplyAdds), Text(Activations)])
            .ToArray();
        var widths = header.Select((_, i) => lines.Max(l => l[i].Length)).ToArray();
        return string.Join('\n', lines.Select(l => string.Join("  ", l.Select((cell, i) => i < 3 ? cell.PadRight(widths[i]) : cell.PadLeft(widths[i])))));

        static string Text(long number) => number.ToString("N0", CultureInfo.InvariantCulture);
    }
}
