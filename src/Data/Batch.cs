namespace CnnSharp.Data;

/// <summary>
/// Some samples on a device. Belongs to its loader, which takes the memory back when it makes the
/// next batch, unless <see cref="Keep"/> was called. One at which an enumeration was left is not taken back.
/// </summary>
public sealed record Batch : IDisposable
{
    const string Freed = "its loader had moved on to the next batch. Read it earlier, or call Batch.Keep() before that: loader.Select(batch => batch.Keep()).";

    /// <summary>A batch of images with their labels.</summary>
    /// <param name="images">[N, H, W, C], the device's float type.</param>
    /// <param name="labels">[N], Int32, from 0.</param>
    public Batch(Tensor images, Tensor labels)
        : this([images], [labels])
    {
    }

    /// <summary>A batch of any samples.</summary>
    /// <param name="inputs">At least one, each [N, ...].</param>
    /// <param name="targets">Each [N, ...].</param>
    public Batch(IReadOnlyList<Tensor> inputs, IReadOnlyList<Tensor> targets)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(targets);
        if (inputs.Count == 0) throw new ArgumentException("Batch: expected at least one input.", nameof(inputs));
        (Inputs, Targets) = (inputs, targets);
    }

    /// <summary>What a model is given, in the order of <see cref="IDataset.Inputs"/>.</summary>
    public IReadOnlyList<Tensor> Inputs { get; }

    /// <summary>What its results are compared with, in the order of <see cref="IDataset.Targets"/>.</summary>
    public IReadOnlyList<Tensor> Targets { get; }

    /// <summary>The first input: of images [N, H, W, C], normalized.</summary>
    public Tensor Images => Inputs[0];

    /// <summary>The first target: of images with labels [N], Int32, from 0.</summary>
    /// <exception cref="InvalidOperationException">The data set has no targets.</exception>
    public Tensor Labels => Targets.Count > 0 ? Targets[0] : throw new InvalidOperationException("Batch: its data set has no targets.");

    /// <summary>The number of samples.</summary>
    public int Count => Inputs[0].Shape[0];

    /// <summary>Under <see cref="Augment.Mixup"/> and <see cref="Augment.CutMix"/>, the labels [N] of the images mixed in; else null.</summary>
    public Tensor? OtherLabels { get; init; }

    /// <summary>The share of the image whose class stands in <see cref="Labels"/>; the rest is of <see cref="OtherLabels"/>'. 1 where images are not mixed.</summary>
    public float Share { get; init; } = 1;

    /// <summary>Takes it apart: <c>foreach (var (images, labels) in loader)</c>.</summary>
    public void Deconstruct(out Tensor images, out Tensor labels) => (images, labels) = (Images, Labels);

    /// <summary>Keeps the batch when its loader moves on: <c>loader.Select(batch => batch.Keep()).ToList()</c>.</summary>
    /// <returns>This batch.</returns>
    /// <exception cref="FreedTensorException">The loader has moved on already.</exception>
    public Batch Keep()
    {
        foreach (var tensor in Tensors()) tensor.Keep();
        return this;
    }

    /// <summary>Some of its samples, copied: a batch of its own, which no loader takes back.</summary>
    /// <param name="start">The first, from 0.</param>
    /// <param name="count">How many.</param>
    /// <exception cref="ArgumentOutOfRangeException">The batch does not have them all.</exception>
    public Batch Slice(int start, int count)
    {
        if (start < 0 || count < 0 || count > Count - start) throw new ArgumentOutOfRangeException(nameof(count), $"Batch: it has {Count:N0} samples; {count:N0} from {start:N0} on are not all there.");
        return new(Part(Inputs), Part(Targets)) { OtherLabels = OtherLabels is null ? null : Part([OtherLabels])[0], Share = Share };

        Tensor[] Part(IReadOnlyList<Tensor> tensors) => [.. tensors.Select(tensor =>
        {
            var part = Tensor.Uninitialized(tensor.Shape.With(0, count), tensor.Device, tensor.DType);
            var row = tensor.Count / tensor.Shape[0];
            tensor.Device.Kernels.Memory.CopyRegion(Kernels.RegionGeometry.Run(checked((int)part.Count), start * row), tensor.Data, part.Data);
            part.Name = tensor.Name;
            return part;
        })];
    }

    /// <summary>Gives the memory back now.</summary>
    public void Dispose()
    {
        foreach (var tensor in Tensors()) tensor.Dispose();
    }

    /// <summary>Gives back what is not kept.</summary>
    internal void Free()
    {
        foreach (var tensor in Tensors())
        {
            if (!tensor.IsKept) tensor.Free(Freed);
        }
    }

    IEnumerable<Tensor> Tensors() => OtherLabels is null ? Inputs.Concat(Targets) : Inputs.Concat(Targets).Append(OtherLabels);
}
