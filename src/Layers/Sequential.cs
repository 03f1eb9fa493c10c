using System.Collections;
using CnnSharp.Kernels;

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
        for (var i = 0; i < layers.Length; i++)
        {
            // A rectifier behind a layer that can apply it while it writes its result costs no pass of its own.
            // Whoever observes the layers is shown each of them.
            if (Observer is null && layers[i] is IFusesActivation layer && i + 1 < layers.Length && layers[i + 1] is Relu)
            {
                x = EndForward(mark, layer.Forward(x, Activation.Relu));
                i++;
            }
            else
            {
                x = EndForward(mark, layers[i].Forward(x));
            }
        }

        return x;
    }

    /// <inheritdoc/>
    public IEnumerator<Layer> GetEnumerator() => ((IEnumerable<Layer>)layers).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => layers.GetEnumerator();
}
