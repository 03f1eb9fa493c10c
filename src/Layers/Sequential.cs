using System.Collections;
using System.Runtime.CompilerServices;
using CnnSharp.Kernels;

namespace CnnSharp.Layers;

/// <summary>Layers one after the other. Their names are "0", "1", ..., or given.</summary>
public sealed class Sequential : Layer, IReadOnlyList<Layer>
{
    [Inline]
    readonly (string Name, Layer Layer)[] layers;

    /// <summary>Creates a chain. One that is given another chain has it as its layer "0".</summary>
    [OverloadResolutionPriority(1)]
    public Sequential(params Layer[] layers)
        : this((IEnumerable<Layer>)layers)
    {
    }

    /// <summary>Creates a chain of the layers of a list.</summary>
    public Sequential(IEnumerable<Layer> layers) => this.layers = [.. layers.Select((layer, i) => ($"{i}", layer))];

    /// <summary>Creates a chain of named layers.</summary>
    public Sequential(params (string Name, Layer Layer)[] layers)
        : this((IEnumerable<(string Name, Layer Layer)>)layers)
    {
    }

    /// <summary>Creates a chain of the named layers of a list.</summary>
    public Sequential(IEnumerable<(string Name, Layer Layer)> layers) => this.layers = [.. layers];

    /// <inheritdoc/>
    public int Count => layers.Length;

    /// <inheritdoc/>
    public Layer this[int index] => layers[index].Layer;

    /// <summary>Runs some of the layers, for a model that reads what lies between them.</summary>
    /// <param name="x">What the first of them expects.</param>
    /// <param name="part">Which.</param>
    /// <exception cref="ArgumentOutOfRangeException">There are no such layers.</exception>
    public Tensor Forward(Tensor x, Range part)
    {
        var (start, count) = part.GetOffsetAndLength(layers.Length);
        return Run(x, x => Compute(x, start, start + count));
    }

    /// <summary>Into how many parts it is cut, each of which keeps in training its input and its result alone: <see cref="Checkpointing.CheckpointSegments"/>.</summary>
    public int CheckpointedSegments { get; internal set; }

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x)
    {
        if (CheckpointedSegments == 0 || !MayRecompute(x)) return Compute(x, 0, layers.Length);
        for (var i = 0; i < CheckpointedSegments; i++)
        {
            var (start, end) = (layers.Length * i / CheckpointedSegments, layers.Length * (i + 1) / CheckpointedSegments);
            x = RunCheckpointed(x, x => Compute(x, start, end));
        }

        return x;
    }

    Tensor Compute(Tensor x, int start, int end)
    {
        // Without recording, each layer's input is freed as soon as the next one has read it.
        var mark = BeginForward();
        for (var i = start; i < end; i++) x = EndForward(mark, layers[i].Layer.Forward(x));
        return x;
    }

    /// <inheritdoc/>
    public IEnumerator<Layer> GetEnumerator() => layers.Select(l => l.Layer).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
