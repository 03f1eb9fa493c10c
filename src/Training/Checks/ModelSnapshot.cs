using CnnSharp.Formats;
using CnnSharp.Layers;

namespace CnnSharp.Training;

/// <summary>A model's weights, statistics and modes as they are now, to be brought back after it was tried out.</summary>
sealed class ModelSnapshot
{
    readonly Layer model;
    readonly List<(Tensor Tensor, SafeTensor Values)> tensors;
    readonly List<(Layer Layer, bool IsTraining)> modes;

    public ModelSnapshot(Layer model)
    {
        this.model = model;
        tensors = [.. model.StateDict().Select(t => (t.Tensor, ModelFile.ToSafeTensor(t.Name, t.Tensor)))];
        modes = [.. model.Modules().Select(layer => (layer, layer.IsTraining))];
    }

    /// <summary>Brings them back, bit for bit, and drops what gradients there are.</summary>
    public void Restore()
    {
        foreach (var tensor in model.Parameters) tensor.ClearGradient();
        foreach (var (tensor, values) in tensors) tensor.CopyFrom<double>(values.AsFloat64());

        // From the outside to the inside: what lies within follows and is then set itself.
        foreach (var (layer, isTraining) in modes) layer.Train(isTraining);
    }
}
