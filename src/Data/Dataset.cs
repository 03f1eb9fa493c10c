using CnnSharp.Kernels;

namespace CnnSharp.Data;

/// <summary>Writes a sample of an item of a list.</summary>
/// <typeparam name="T">What the list holds.</typeparam>
public delegate void SampleReader<in T>(T item, Sample sample);

/// <summary>Changes a sample that was read, for good or at random (<see cref="Sample.Random"/>).</summary>
public delegate void SampleTransform(Sample sample);

/// <summary>Makes data sets of what a program has, and others of those.</summary>
public static class Dataset
{
    /// <summary>A set of arrays, which are not copied and must not be written afterwards.</summary>
    /// <param name="inputs">Sample after sample.</param>
    /// <param name="inputShape">Of one sample: an image is [H, W, C].</param>
    /// <param name="targets">Sample after sample; none where the input itself is the target.</param>
    /// <param name="targetShape">Of one sample; default [1].</param>
    /// <param name="name">What it is called in messages; default <c>samples</c>.</param>
    /// <exception cref="ShapeException">The arrays do not hold whole samples, or not as many of both.</exception>
    public static IDataset From(float[] inputs, Shape inputShape, float[]? targets = null, Shape? targetShape = null, string name = "samples")
    {
        ArgumentNullException.ThrowIfNull(inputs);
        return new ArrayDataset(name, new("input", inputShape), inputs, targets is null ? null : new("target", targetShape ?? new(1)), targets);
    }

    /// <summary>As <see cref="From(float[], Shape, float[], Shape?, string)"/>, with classes or other whole numbers as targets.</summary>
    /// <param name="inputs">Sample after sample.</param>
    /// <param name="inputShape">Of one sample.</param>
    /// <param name="targets">Sample after sample.</param>
    /// <param name="targetShape">Of one sample; default [], one class. A class a pixel is [H, W].</param>
    /// <param name="name">What it is called in messages; default <c>samples</c>.</param>
    /// <exception cref="ShapeException">The arrays do not hold whole samples, or not as many of both.</exception>
    public static IDataset From(float[] inputs, Shape inputShape, int[] targets, Shape? targetShape = null, string name = "samples")
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(targets);
        return new ArrayDataset(name, new("input", inputShape), inputs, new("target", targetShape ?? new(), DType.Int32), targets);
    }

    /// <summary>A set of tensors [N, ...], copied to the host.</summary>
    /// <param name="inputs">N samples, of floating-point numbers.</param>
    /// <param name="targets">N targets, of floating-point or whole numbers; default null: the input itself is the target.</param>
    /// <param name="name">What it is called in messages; default <c>samples</c>.</param>
    /// <exception cref="ShapeException">A tensor has no axis of samples, or they differ in their number.</exception>
    public static IDataset From(Tensor inputs, Tensor? targets = null, string name = "samples")
    {
        ArgumentNullException.ThrowIfNull(inputs);
        return new ArrayDataset(name, FieldOf(inputs, "input"), ValuesOf(inputs), targets is null ? null : FieldOf(targets, "target"), targets is null ? null : ValuesOf(targets));

        Field FieldOf(Tensor tensor, string field)
            => tensor.Shape.Rank == 0 ? throw new ShapeException(name, $"the {field}s are a scalar; expected [N, ...], N samples.") : new(field, new(tensor.Shape.AsSpan()[1..]), tensor.DType == DType.Int32 ? DType.Int32 : DType.Float32);

        static Array ValuesOf(Tensor tensor) => tensor.DType == DType.Int32 ? tensor.ToArray<int>() : tensor.ToArray();
    }

    /// <summary>As <see cref="From(float[], Shape, float[], Shape?, string)"/>, of tensors [N, ...] of <c>System.Numerics.Tensors</c>, which are copied.</summary>
    /// <param name="inputs">N samples.</param>
    /// <param name="targets">N targets; default null: the input itself is the target.</param>
    /// <param name="name">What it is called in messages; default <c>samples</c>.</param>
    /// <exception cref="ShapeException">A tensor has no axis of samples, or they differ in their number.</exception>
    public static IDataset From(System.Numerics.Tensors.Tensor<float> inputs, System.Numerics.Tensors.Tensor<float>? targets = null, string name = "samples")
    {
        ArgumentNullException.ThrowIfNull(inputs);
        using var copied = Tensor.From(inputs, Device.Cpu);
        using var compared = targets is null ? null : Tensor.From(targets, Device.Cpu);
        return From(copied, compared, name);
    }

    /// <summary>As <see cref="From(float[], Shape, int[], Shape?, string)"/>, of tensors [N, ...] of <c>System.Numerics.Tensors</c>, which are copied.</summary>
    /// <inheritdoc cref="From(System.Numerics.Tensors.Tensor{float}, System.Numerics.Tensors.Tensor{float}, string)" path="/param"/>
    /// <exception cref="ShapeException">A tensor has no axis of samples, or they differ in their number.</exception>
    public static IDataset From(System.Numerics.Tensors.Tensor<float> inputs, System.Numerics.Tensors.Tensor<int> targets, string name = "samples")
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(targets);
        using var copied = Tensor.From(inputs, Device.Cpu);
        using var compared = Tensor.From(targets, Device.Cpu);
        return From(copied, compared, name);
    }

    /// <summary>Images of a folder with numbers each that a CSV file says, for regression and for several labels: one input <c>image</c> [Size, Size, Channels], normalized, one target [columns]. For classes by name, as fast as folders, see <see cref="ImageFolder.FromCsv"/>.</summary>
    /// <param name="csv">The file: a line an image, which names it and its numbers; in its order.</param>
    /// <param name="folder">The folder that the images are in.</param>
    /// <param name="targets">The columns of the numbers.</param>
    /// <param name="image">The column of the images' files, below the folder; an ending such as <c>.jpg</c> may be left out. Default null: the first.</param>
    /// <param name="options">How images are read; default: <see cref="ImageFolderOptions"/>'s own.</param>
    /// <exception cref="DataFormatException">The file is no such table, a column is missing, an image is not there, is named twice or cannot be read, or a field is no number: line and column are named.</exception>
    public static IDataset FromCsv(string csv, string folder, IReadOnlyList<string> targets, string? image = null, ImageFolderOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(csv);
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(targets);
        options ??= new();
        options.Validate();
        return ImageCsv.LoadTargets(csv, folder, targets, image, options);
    }

    /// <summary>A set of the items of a list, each read when it is asked for: files, rows of a table.</summary>
    /// <param name="items">What there is; enumerated once.</param>
    /// <param name="inputs">The inputs that <paramref name="read"/> writes.</param>
    /// <param name="targets">The targets that it writes.</param>
    /// <param name="read">Writes the sample of an item; called by several threads at once.</param>
    /// <param name="name">What it is called in messages; default <c>samples</c>.</param>
    public static IDataset From<T>(IEnumerable<T> items, IReadOnlyList<Field> inputs, IReadOnlyList<Field> targets, SampleReader<T> read, string name = "samples")
    {
        ArgumentNullException.ThrowIfNull(items);
        ArgumentNullException.ThrowIfNull(read);
        return new ItemDataset<T>(name, [.. items], [.. inputs], [.. targets], read);
    }

    /// <summary>The same samples, each changed after it is read: augmentation, noise, a normalization. Run by the loader's threads.</summary>
    /// <param name="set">The samples.</param>
    /// <param name="transform">Changes one in place.</param>
    public static IDataset Map(this IDataset set, SampleTransform transform)
    {
        ArgumentNullException.ThrowIfNull(set);
        ArgumentNullException.ThrowIfNull(transform);
        return new MappedDataset(set, transform);
    }

    /// <summary>Some of the samples, in the order given; one may occur more than once. Of images with labels (<see cref="ImageDataset"/>) it is a view of them, with all their speed.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such sample.</exception>
    public static IDataset Subset(this IDataset set, IReadOnlyList<int> indices)
    {
        ArgumentNullException.ThrowIfNull(set);
        if (set is ImageDataset images) return images.Subset(indices);
        Partition.Check(set, indices);
        return new SubsetDataset(set, [.. indices]);
    }

    /// <summary>Holds some samples out, chosen at random.</summary>
    /// <param name="set">All samples.</param>
    /// <param name="share">The share that is held out, rounded, within (0, 1).</param>
    /// <param name="seed">Which ones; default 0.</param>
    /// <param name="labels">A class a sample: of each the same share is held out, rounded; default null: classes do not count.</param>
    /// <exception cref="ArgumentException">The share is out of its range or leaves a part empty, or there are not as many labels as samples.</exception>
    public static (IDataset Train, IDataset Held) Split(this IDataset set, double share, ulong seed = 0, IReadOnlyList<int>? labels = null)
    {
        var (train, held) = Partition.Split(set, share, seed, labels);
        return (set.Subset(train), set.Subset(held));
    }

    /// <summary>For cross-validation: as many pairs, in which each sample is held out once.</summary>
    /// <param name="set">All samples.</param>
    /// <param name="folds">How many, at least 2 and at most the samples.</param>
    /// <param name="seed">Which samples come together; default 0.</param>
    /// <param name="labels">A class a sample: each fold has its share of each; default null: classes do not count.</param>
    /// <exception cref="ArgumentException">The number is out of its range, or there are not as many labels as samples.</exception>
    public static IReadOnlyList<(IDataset Train, IDataset Held)> Folds(this IDataset set, int folds, ulong seed = 0, IReadOnlyList<int>? labels = null)
        => [.. Partition.Folds(set, folds, seed, labels).Select(fold => (set.Subset(fold.Train), set.Subset(fold.Held)))];

    /// <summary>Pairs of samples for siamese networks: half of one class (target 1), half of two (target 0), chosen at random.</summary>
    /// <param name="set">Samples of one input.</param>
    /// <param name="labels">The class of each.</param>
    /// <param name="count">How many pairs.</param>
    /// <param name="seed">Which; default 0.</param>
    /// <exception cref="ArgumentException">There are not as many labels as samples, all are of one class, or no class has two.</exception>
    public static IDataset Pairs(this IDataset set, IReadOnlyList<int> labels, int count, ulong seed = 0)
    {
        ArgumentNullException.ThrowIfNull(set);
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        if (labels.Count != set.Count) throw new ArgumentException($"Pairs of '{set.Name}': {labels.Count:N0} labels for {set.Count:N0} samples.", nameof(labels));
        var classes = Enumerable.Range(0, set.Count).GroupBy(index => labels[index]).Select(group => group.ToArray()).ToArray();
        var several = classes.Where(members => members.Length > 1).ToArray();
        if (classes.Length < 2 || several.Length == 0) throw new ArgumentException($"Pairs of '{set.Name}': expected at least two classes, one of them with two samples or more.", nameof(labels));

        var random = new Generator(seed);
        var pairs = new (int First, int Second)[count];
        for (var i = 0; i < count; i++)
        {
            var (isSame, at) = (i % 2 == 0, Below(several.Length));
            if (isSame)
            {
                var members = several[at];
                var first = Below(members.Length);
                pairs[i] = (members[first], members[(first + 1 + Below(members.Length - 1)) % members.Length]);
            }
            else
            {
                at = Below(classes.Length);
                var other = classes[(at + 1 + Below(classes.Length - 1)) % classes.Length];
                pairs[i] = (classes[at][Below(classes[at].Length)], other[Below(other.Length)]);
            }
        }

        return new PairDataset(set, pairs);

        int Below(int count) => (int)((ulong)random.NextUInt32() * (ulong)count >> 32);
    }

    sealed class ArrayDataset : IDataset
    {
        readonly Array inputs;
        readonly Array? targets;

        public ArrayDataset(string name, Field input, Array inputs, Field? target, Array? targets)
        {
            (Name, this.inputs, this.targets) = (name, inputs, targets);
            Inputs = [input];
            Targets = target is { } field ? [field] : [];
            Count = CountOf(input, inputs);
            if (targets is not null && CountOf(target!.Value, targets) is var others && others != Count) throw new ShapeException(name, $"there are {Count:N0} inputs {input.Shape} and {others:N0} targets {target!.Value.Shape}; expected one of each a sample.");

            int CountOf(Field field, Array values)
            {
                var length = field.Shape.Count;
                if (length == 0 || values.Length % length != 0) throw new ShapeException(name, $"{values.Length:N0} values are no whole number of {field.Name}s {field.Shape}.");
                return checked((int)(values.Length / length));
            }
        }

        public string Name { get; }

        public int Count { get; }

        public IReadOnlyList<Field> Inputs { get; }

        public IReadOnlyList<Field> Targets { get; }

        public void Read(int index, Sample sample)
        {
            if (inputs is float[] floats) Row(floats, index, sample.Input().Length).CopyTo(sample.Input());
            else Row((int[])inputs, index, sample.IntegerInput().Length).CopyTo(sample.IntegerInput());
            if (targets is float[] numbers) Row(numbers, index, sample.Target().Length).CopyTo(sample.Target());
            else if (targets is int[] integers) Row(integers, index, sample.IntegerTarget().Length).CopyTo(sample.IntegerTarget());
        }

        static ReadOnlySpan<T> Row<T>(T[] values, int index, int length) => values.AsSpan(checked(index * length), length);
    }

    sealed class ItemDataset<T>(string name, T[] items, Field[] inputs, Field[] targets, SampleReader<T> read) : IDataset
    {
        public string Name => name;

        public int Count => items.Length;

        public IReadOnlyList<Field> Inputs => inputs;

        public IReadOnlyList<Field> Targets => targets;

        public void Read(int index, Sample sample) => read(items[index], sample);
    }

    sealed class MappedDataset(IDataset set, SampleTransform transform) : IDataset
    {
        public string Name => set.Name;

        public int Count => set.Count;

        public IReadOnlyList<Field> Inputs => set.Inputs;

        public IReadOnlyList<Field> Targets => set.Targets;

        public void Read(int index, Sample sample)
        {
            set.Read(index, sample);
            try
            {
                transform(sample);
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                throw new InvalidDataException($"a transform (Map) failed: {e.Message}", e);
            }
        }
    }

    sealed class SubsetDataset(IDataset set, int[] indices) : IDataset
    {
        public string Name => set.Name;

        public int Count => indices.Length;

        public IReadOnlyList<Field> Inputs => set.Inputs;

        public IReadOnlyList<Field> Targets => set.Targets;

        public void Read(int index, Sample sample)
        {
            try
            {
                set.Read(indices[index], sample);
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                throw new InvalidDataException($"it is sample {indices[index]:N0} of the set that this is a part of: {e.Message}", e);
            }
        }
    }

    /// <summary>Two samples of a set as the two inputs of one.</summary>
    sealed class PairDataset : IDataset
    {
        readonly IDataset set;
        readonly (int First, int Second)[] pairs;

        public PairDataset(IDataset set, (int First, int Second)[] pairs)
        {
            if (set.Inputs is not [{ Type: DType.Float32 } input]) throw new ArgumentException($"Pairs of '{set.Name}': expected one float32 input, it has {set.Inputs.Count} inputs.", nameof(set));
            (this.set, this.pairs) = (set, pairs);
            Inputs = [input with { Name = $"first {input.Name}" }, input with { Name = $"second {input.Name}" }];
        }

        public string Name => set.Name;

        public int Count => pairs.Length;

        public IReadOnlyList<Field> Inputs { get; }

        public IReadOnlyList<Field> Targets { get; } = [new("is same", new(1))];

        public void Read(int index, Sample sample)
        {
            // A sample of the set is read into memory of its own: its target has no place here.
            var one = new SampleBuffer(set.Name, set.Inputs, set.Targets, 1);
            var (first, second) = pairs[index];
            set.Read(first, new(one, 0, sample.Random));
            sample.SetInput(one.Row<float>(one.Inputs, 0, 0));
            one.Clear(0);
            set.Read(second, new(one, 0, sample.Random));
            sample.SetInput(one.Row<float>(one.Inputs, 0, 0), 1);
            sample.Target()[0] = index % 2 == 0 ? 1 : 0;
        }
    }
}
