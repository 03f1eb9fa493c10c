using System.Collections;

namespace CnnSharp.Layers;

/// <summary>Layers one behind the other. Their names are "0", "1", ...</summary>
public sealed class Sequential : Layer, IReadOnlyList<Layer>
{
    [Inline]
    readonly Layer[] layers;

    /// <summary>Creates a chain.</summary>
    public Sequential(params IEnumerable<Layer> layers) => this.layers = [.. layers];

    /// <inheritdoc/>
    public int Count => layers.Length;

    /// <inheritdoc/>
    public Layer this[int index] => layers[index];

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x)
    {
        // Without recording, each layer's input is freed as soon as the next one has read it.
        var mark = BeginForward();
        foreach (var layer in layers) x = EndForward(mark, layer.Forward(x));
        return x;
    }

    /// <inheritdoc/>
    public IEnumerator<Layer> GetEnumerator() => ((IEnumerable<Layer>)layers).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => layers.GetEnumerator();
}
