using CnnSharp.Kernels;

namespace CnnSharp.Data;

/// <summary>One tensor of every sample of a set.</summary>
/// <param name="Name">What it is called in messages: <c>image</c>, <c>angle</c>.</param>
/// <param name="Shape">Of one sample; batches have a first axis before it. [] is one number.</param>
/// <param name="Type">Float32 (on a device of another float type: that one) or Int32.</param>
public readonly record struct Field(string Name, Shape Shape, DType Type = DType.Float32)
{
    /// <summary>A field of whole numbers (Int32): classes, of a sample [] or of its pixels [H, W].</summary>
    public static Field Integers(string name, Shape shape) => new(name, shape, DType.Int32);
}

/// <summary>
/// Samples to train on or to measure by: each some inputs and some targets, of the same shapes in every sample.
/// <see cref="Dataset"/> makes one of arrays, tensors or a list; one of your own implements this.
/// </summary>
/// <example>
/// <code>
/// sealed class Waves : IDataset
/// {
///     public string Name => "waves";
///     public int Count => 1000;
///     public IReadOnlyList&lt;Field&gt; Inputs { get; } = [new("wave", [64, 1, 1])];
///     public IReadOnlyList&lt;Field&gt; Targets { get; } = [new("frequency", [1])];
///
///     public void Read(int index, Sample sample)
///     {
///         var wave = sample.Input();
///         for (var i = 0; i &lt; wave.Length; i++) wave[i] = MathF.Sin(i * index * 1e-3f);
///         sample.Target()[0] = index * 1e-3f;
///     }
/// }
/// </code>
/// </example>
public interface IDataset
{
    /// <summary>What it is called in messages, and in checkpoints.</summary>
    string Name { get; }

    /// <summary>The number of samples.</summary>
    int Count { get; }

    /// <summary>What a model is given, at least one; the same at every call.</summary>
    IReadOnlyList<Field> Inputs { get; }

    /// <summary>What its results are compared with; none where that is the input itself. The same at every call.</summary>
    IReadOnlyList<Field> Targets { get; }

    /// <summary>Writes a sample. Several threads call it at once, for different samples; one index gives one sample, but for what it draws from <see cref="Sample.Random"/>.</summary>
    /// <param name="index">Which, from 0.</param>
    /// <param name="sample">Where to: zeros.</param>
    void Read(int index, Sample sample);
}

/// <summary>Where a data set writes one sample: spans of a batch's memory.</summary>
public readonly ref struct Sample
{
    readonly SampleBuffer buffer;
    readonly int row;

    internal Sample(SampleBuffer buffer, int row, Generator random)
    {
        (this.buffer, this.row) = (buffer, row);
        Random = random;
    }

    /// <summary>Random numbers of this sample at this place of this epoch under the training's seed: the same for any number of threads, and after a resume.</summary>
    public Generator Random { get; }

    /// <summary>A float32 input's numbers, row by row.</summary>
    /// <param name="index">Which of <see cref="IDataset.Inputs"/>; default the first.</param>
    public Span<float> Input(int index = 0) => buffer.Row<float>(buffer.Inputs, index, row);

    /// <summary>A float32 target's numbers, row by row.</summary>
    /// <param name="index">Which of <see cref="IDataset.Targets"/>; default the first.</param>
    public Span<float> Target(int index = 0) => buffer.Row<float>(buffer.Targets, index, row);

    /// <summary>An Int32 input's numbers.</summary>
    /// <param name="index">Which of <see cref="IDataset.Inputs"/>; default the first.</param>
    public Span<int> IntegerInput(int index = 0) => buffer.Row<int>(buffer.Inputs, index, row);

    /// <summary>An Int32 target's numbers, such as a class.</summary>
    /// <param name="index">Which of <see cref="IDataset.Targets"/>; default the first.</param>
    public Span<int> IntegerTarget(int index = 0) => buffer.Row<int>(buffer.Targets, index, row);

    /// <summary>Writes all of an input.</summary>
    /// <exception cref="ShapeException">There are not as many values as the field has.</exception>
    public void SetInput(ReadOnlySpan<float> values, int index = 0) => buffer.Set(buffer.Inputs, index, row, values);

    /// <summary>Writes all of a target.</summary>
    /// <exception cref="ShapeException">There are not as many values as the field has.</exception>
    public void SetTarget(ReadOnlySpan<float> values, int index = 0) => buffer.Set(buffer.Targets, index, row, values);

    /// <summary>Writes all of an Int32 target.</summary>
    /// <exception cref="ShapeException">There are not as many values as the field has.</exception>
    public void SetIntegerTarget(ReadOnlySpan<int> values, int index = 0) => buffer.Set(buffer.Targets, index, row, values);
}
