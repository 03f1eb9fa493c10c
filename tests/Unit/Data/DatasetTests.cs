using CnnSharp.Data;
using CnnSharp.Kernels;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>Data sets of arrays, tensors and lists, what is made of them, and their batches.</summary>
public sealed class DatasetTests
{
    static readonly Device Device = CnnSharp.Device.Reference;

    /// <summary>Sample i is (10 i, 10 i + 1), its target -i.</summary>
    static IDataset Numbers(int count) => Dataset.From([.. Enumerable.Range(0, 2 * count).Select(i => (10f * (i / 2)) + (i % 2))], new(2), [.. Enumerable.Range(0, count).Select(i => -(float)i)]);

    static int[] Indices(IDataset set) => [.. Batches(set, set.Count).SelectMany(batch => batch.Targets[0]).Select(value => (int)-value)];

    /// <summary>The values of the batches of an epoch.</summary>
    static List<(float[][] Inputs, float[][] Targets)> Batches(IDataset set, int batchSize, ulong seed = 0, bool shuffle = false, int epoch = 0, int threads = 1, Sampler? sampler = null, bool dropLast = false)
        => [.. new DataLoader(set, batchSize, Device, seed, shuffle, dropLast, threads, sampler).Epoch(epoch).Select(batch => (Values(batch.Inputs), Values(batch.Targets)))];

    static float[][] Values(IReadOnlyList<Tensor> tensors) => [.. tensors.Select(t => t.DType == DType.Int32 ? Array.ConvertAll(t.ToArray<int>(), i => (float)i) : t.ToArray())];

    [Fact]
    public void Batches_hold_the_samples_in_order()
    {
        var batches = Batches(Numbers(5), 2);
        Assert.Equal([[0, 1, 10, 11], [20, 21, 30, 31], [40, 41]], batches.Select(b => b.Inputs[0]));
        Assert.Equal([[0, -1], [-2, -3], [-4]], batches.Select(b => b.Targets[0]));
        Assert.Equal(2, Batches(Numbers(5), 2, dropLast: true).Count);
        var batch = new DataLoader(Numbers(5), 2, Device, shuffle: false).First();
        Assert.Equal((new Shape(2, 2), new Shape(2, 1), "input", "target"), (batch.Images.Shape, batch.Labels.Shape, batch.Images.Name, batch.Labels.Name));
    }

    /// <summary>Each sample once an epoch, in an order that seed and epoch decide, and threads do not.</summary>
    [Fact]
    public void Shuffled_epochs_depend_on_seed_and_epoch_alone()
    {
        var one = Order(1, 0, 1);
        Assert.Equal(one, Order(1, 0, 5));
        Assert.NotEqual(one, Order(2, 0, 1));
        Assert.NotEqual(one, Order(1, 1, 1));
        Assert.Equal(Enumerable.Range(0, 100).Select(i => -(float)i).Order(), one.Order());

        static float[] Order(ulong seed, int epoch, int threads) => [.. Batches(Numbers(100), 7, seed, shuffle: true, epoch, threads).SelectMany(b => b.Targets[0])];
    }

    /// <summary>Random changes are a sample's own, and those of its place in the epoch.</summary>
    [Fact]
    public void Transforms_draw_the_same_numbers_on_any_thread()
    {
        var noisy = Numbers(64).Map(sample => sample.Input()[0] += (float)sample.Random.Uniform()).Map(sample => sample.Input()[1] = (float)sample.Random.Uniform());
        var one = Batches(noisy, 5, seed: 3);
        foreach (var threads in new[] { 2, 5 }) Assert.Equal(one.SelectMany(b => b.Inputs[0]), Batches(noisy, 5, seed: 3, threads: threads).SelectMany(b => b.Inputs[0]));
        Assert.NotEqual(one.SelectMany(b => b.Inputs[0]), Batches(noisy, 5, seed: 3, epoch: 1).SelectMany(b => b.Inputs[0]));
        Assert.NotEqual(one.SelectMany(b => b.Inputs[0]), Batches(noisy, 5, seed: 4).SelectMany(b => b.Inputs[0]));
        Assert.Equal(128, one.SelectMany(b => b.Inputs[0]).Distinct().Count());
    }

    [Fact]
    public void Tensors_of_System_Numerics_become_samples()
    {
        var inputs = System.Numerics.Tensors.Tensor.Create(new[] { 1f, 2, 3, 4, 5, 6 }, [3, 2]);
        var numbers = Dataset.From(inputs, System.Numerics.Tensors.Tensor.Create(new[] { .5f, .25f, .125f }, [3, 1]));
        Assert.Equal((3, new Shape(2), new Shape(1)), (numbers.Count, numbers.Inputs[0].Shape, numbers.Targets[0].Shape));
        Assert.Equal([[1, 2, 3, 4, 5, 6]], Batches(numbers, 3).Select(b => b.Inputs[0]));
        Assert.Equal([[.5f, .25f, .125f]], Batches(numbers, 3).Select(b => b.Targets[0]));
        var classes = Dataset.From(inputs, System.Numerics.Tensors.Tensor.Create(new[] { 2, 0, 1 }, [3]));
        Assert.Equal((DType.Int32, new Shape()), (classes.Targets[0].Type, classes.Targets[0].Shape));
        Assert.Equal([[2, 0, 1]], Batches(classes, 3).Select(b => b.Targets[0]));
        Assert.Throws<ShapeException>(() => Dataset.From(inputs, System.Numerics.Tensors.Tensor.Create(new[] { 2, 0 }, [2])));
    }

    /// <summary>What fails says which sample of which set, and at what.</summary>
    [Fact]
    public void Errors_name_the_sample_and_the_stage()
    {
        var broken = Dataset.From(Enumerable.Range(0, 10), [new("x", [1])], [], (i, sample) => sample.Input()[0] = i == 7 ? throw new InvalidOperationException("no seven") : i, "ten");
        var error = Assert.Throws<DataFormatException>(() => Batches(broken.Subset([1, 3, 7]), 2));
        Assert.Equal("ten: sample 2 (epoch 1, batch 2) could not be read: it is sample 7 of the set that this is a part of: no seven.", error.Message);
        error = Assert.Throws<DataFormatException>(() => Batches(Numbers(3).Map(_ => throw new InvalidOperationException("too dark")), 2));
        Assert.Equal("samples: sample 0 (epoch 1, batch 1) could not be read: a transform (Map) failed: too dark.", error.Message);
    }

    /// <summary>A set that says something else of itself than when the loader was made is refused before it gives a wrong batch.</summary>
    [Theory]
    [InlineData("count", "samples: it has changed since the loader was made: has no longer 4 samples but 3 (epoch 1, batch 2).")]
    [InlineData("shape", "its inputs are no longer x [2] Float32 but x [3] Float32 (epoch 1, batch 2)")]
    [InlineData("type", "its inputs are no longer x [2] Float32 but x [2] Int32 (epoch 1, batch 2)")]
    [InlineData("target", "its targets are no longer none but y [1] Float32 (epoch 1, batch 2)")]
    public void Sets_that_change_are_refused(string what, string problem)
    {
        var error = Assert.Throws<DataFormatException>(() => Batches(new Changing(what), 2));
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
    }

    sealed class Changing(string what) : IDataset
    {
        bool hasChanged;

        public string Name => "samples";

        public int Count => hasChanged && what == "count" ? 3 : 4;

        public IReadOnlyList<Field> Inputs => [new("x", new(hasChanged && what == "shape" ? 3 : 2), hasChanged && what == "type" ? DType.Int32 : DType.Float32)];

        public IReadOnlyList<Field> Targets => hasChanged && what == "target" ? [new("y", new(1))] : [];

        public void Read(int index, Sample sample) => hasChanged = index == 1;
    }

    [Fact]
    public void Tensors_lists_and_integers_become_samples()
    {
        var tensors = Dataset.From(Tensor.From(new float[] { 1, 2, 3, 4 }, new(2, 2), Device), Tensor.From(new[] { 5, 6 }, new(2), Device));
        Assert.Equal([5, 6], Batches(tensors, 2)[0].Targets[0]);
        Assert.Equal((new Shape(), DType.Int32), (tensors.Targets[0].Shape, tensors.Targets[0].Type));
        Assert.Empty(Dataset.From(Tensor.Zeros(new(2, 2), Device)).Targets);

        var masks = Dataset.From(new float[8], new(2, 2, 1), [1, 2, 3, 4, 5, 6, 7, 8], new(2, 2));
        Assert.Equal(new(2, 2, 2), new DataLoader(masks, 2, Device, shuffle: false).First().Labels.Shape);

        var words = Dataset.From(["a", "bcd"], [new("length", new(1)), new("first", new(), DType.Int32)], [new("last", new(1))], (word, sample) =>
        {
            sample.Input()[0] = word.Length;
            sample.IntegerInput(1)[0] = word[0];
            sample.SetTarget([word[^1]]);
        });
        var (inputs, targets) = Batches(words, 2)[0];
        Assert.Equal([[1, 3], ['a', 'b']], inputs);
        Assert.Equal([['a', 'd']], targets);
    }

    /// <summary>What a sample does not write is 0, not what another batch left there.</summary>
    [Fact]
    public void What_is_not_written_is_zero()
    {
        var set = Dataset.From(Enumerable.Range(0, 40), [new("x", new(2))], [], (i, sample) => sample.Input()[i % 2] = 1);
        foreach (var (inputs, _) in Batches(set, 3)) Assert.All(inputs[0].Chunk(2), pair => Assert.Equal(1, pair.Sum()));
    }

    [Fact]
    public void Subsets_splits_and_folds_part_the_samples()
    {
        Assert.Equal([3, 3, 0], Indices(Numbers(5).Subset([3, 3, 0])));
        Assert.Equal([0, 3], Indices(Numbers(5).Subset([3, 3, 0]).Subset([2, 0])));

        var (train, held) = Numbers(40).Split(0.25, seed: 1);
        Assert.Equal((30, 10), (train.Count, held.Count));
        Assert.Equal(Enumerable.Range(0, 40), Indices(train).Concat(Indices(held)).Order());
        Assert.Equal(Indices(held), Indices(Numbers(40).Split(0.25, seed: 1).Held));
        Assert.NotEqual(Indices(held), Indices(Numbers(40).Split(0.25, seed: 2).Held));

        int[] labels = [.. Enumerable.Range(0, 40).Select(i => i < 8 ? 0 : 1)];
        var stratified = Indices(Numbers(40).Split(0.25, seed: 1, labels).Held);
        Assert.Equal((2, 8), (stratified.Count(i => labels[i] == 0), stratified.Count(i => labels[i] == 1)));

        var folds = Numbers(11).Folds(3);
        Assert.Equal([4, 4, 3], folds.Select(fold => fold.Held.Count));
        Assert.Equal(Enumerable.Range(0, 11), folds.SelectMany(fold => Indices(fold.Held)).Order());
        Assert.All(folds, fold => Assert.Empty(Indices(fold.Train).Intersect(Indices(fold.Held))));
    }

    [Fact]
    public void Pairs_are_half_of_one_class()
    {
        int[] labels = [.. Enumerable.Range(0, 30).Select(i => i % 3)];
        var pairs = Numbers(30).Pairs(labels, 200, seed: 4);
        var (inputs, targets) = Batches(pairs, 200)[0];
        for (var i = 0; i < 200; i++)
        {
            var (first, second) = ((int)inputs[0][2 * i] / 10, (int)inputs[1][2 * i] / 10);
            Assert.NotEqual(first, second);
            Assert.Equal(targets[0][i] == 1, labels[first] == labels[second]);
        }

        Assert.Equal(100, targets[0].Sum());
        Assert.True(Enumerable.Range(0, 200).Select(i => inputs[0][2 * i]).Distinct().Count() > 25);
    }

    /// <summary>Drawn as often as their weights say, within four standard errors; never what has none.</summary>
    [Fact]
    public void Samplers_draw_by_weight()
    {
        var order = Sampler.Weighted([0, 1, 3, 0, 0, 4, 0], 8000).Order(7, seed: 1, epoch: 0);
        var counts = order.GroupBy(i => i).ToDictionary(group => group.Key, group => group.Count());
        Assert.Equal([1, 2, 5], counts.Keys.Order());
        Assert.InRange(counts[1], 1000 - 118, 1000 + 118);
        Assert.InRange(counts[2], 3000 - 173, 3000 + 173);
        Assert.Equal(order, Sampler.Weighted([0, 1, 3, 0, 0, 4, 0], 8000).Order(7, 1, 0));
        Assert.NotEqual(order, Sampler.Weighted([0, 1, 3, 0, 0, 4, 0], 8000).Order(7, 1, 1));

        int[] labels = [.. Enumerable.Range(0, 100).Select(i => i < 90 ? 0 : 1)];
        Assert.InRange(Sampler.Balanced(labels, 4000).Order(100, 2, 0).Count(i => labels[i] == 1), 2000 - 127, 2000 + 127);
        Assert.Equal(3, Batches(Numbers(100), 4, sampler: Sampler.Balanced(labels, 12)).Count);
        Assert.Equal([0, 1, 2], Sampler.Sequential.Order(3, 0, 0));
    }

    /// <summary>An image set read sample by sample is what its byte path gives.</summary>
    [Fact]
    public void Images_are_samples_too()
    {
        var random = new Random(1);
        var pixels = new byte[10 * 4 * 4 * 3];
        random.NextBytes(pixels);
        var images = new ImageDataset("noise", pixels, [.. Enumerable.Range(0, 10).Select(i => i % 2)], 4, 4, 3, ["a", "b"], new Normalization([0.4f, 0.5f, 0.6f], [0.2f, 0.3f, 0.4f]));
        var bytes = new DataLoader(images, 4, Device, seed: 1).Select(batch => (batch.Images.ToArray(), batch.Labels.ToArray<int>())).ToList();
        var samples = new DataLoader((IDataset)images, 4, Device, seed: 1).Select(batch => (batch.Images.ToArray(), batch.Labels.ToArray<int>())).ToList();
        Assert.Equal(bytes.Count, samples.Count);
        foreach (var (expected, actual) in bytes.Zip(samples))
        {
            Assert.Equal(expected.Item2, actual.Item2);
            Assert.All(expected.Item1.Zip(actual.Item1), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
        }
    }

    [Fact]
    public void What_does_not_fit_is_named()
    {
        Assert.Contains("7 values are no whole number of inputs [2]", Assert.Throws<ShapeException>(() => Dataset.From(new float[7], new(2))).Message, StringComparison.Ordinal);
        Assert.Contains("there are 3 inputs [2] and 2 targets [1]", Assert.Throws<ShapeException>(() => Dataset.From(new float[6], new(2), new float[2])).Message, StringComparison.Ordinal);
        Assert.Contains("the inputs are a scalar", Assert.Throws<ShapeException>(() => Dataset.From(Tensor.Zeros(new(), Device))).Message, StringComparison.Ordinal);
        Assert.Contains("'samples' has 5 samples", Assert.Throws<ArgumentOutOfRangeException>(() => Numbers(5).Subset([5])).Message, StringComparison.Ordinal);
        Assert.Contains("leaves one part empty", Assert.Throws<ArgumentException>(() => Numbers(5).Split(0.01)).Message, StringComparison.Ordinal);
        Assert.Contains("expected 2 to 5, its samples", Assert.Throws<ArgumentOutOfRangeException>(() => Numbers(5).Folds(6)).Message, StringComparison.Ordinal);
        Assert.Contains("the weight of sample 1 is -1", Assert.Throws<ArgumentException>(() => Sampler.Weighted([1, -1])).Message, StringComparison.Ordinal);
        Assert.Contains("all weights are 0", Assert.Throws<ArgumentException>(() => Sampler.Weighted([0, 0])).Message, StringComparison.Ordinal);
        Assert.Contains("2 weights for 5 samples", Assert.Throws<ArgumentException>(() => Batches(Numbers(5), 2, sampler: Sampler.Weighted([1, 1]))).Message, StringComparison.Ordinal);
        Assert.Contains("there are no samples to draw from", Assert.Throws<ArgumentException>(() => Sampler.Balanced([])).Message, StringComparison.Ordinal);
        Assert.Contains("gives sample 5; there are 5, from 0", Assert.Throws<InvalidOperationException>(() => Batches(Numbers(5), 2, sampler: new Wrong([0, 1, 5], 3))).Message, StringComparison.Ordinal);
        Assert.Contains("gives 3 samples; its CountOf says 4", Assert.Throws<InvalidOperationException>(() => Batches(Numbers(5), 2, sampler: new Wrong([0, 1, 2], 4))).Message, StringComparison.Ordinal);
        Assert.Contains("expected Float32 or Int32", Assert.Throws<ArgumentException>(() => Batches(Dataset.From([1], [new("x", new(1), DType.UInt8)], [], (_, _) => { }), 1)).Message, StringComparison.Ordinal);
        Assert.Contains("the field 'x' holds Float32, not Int32", Assert.Throws<DataFormatException>(() => Batches(Dataset.From([1], [new("x", new(1))], [], (_, sample) => sample.IntegerInput()[0] = 1), 1)).Message, StringComparison.Ordinal);
        Assert.Contains("has 0 targets", Assert.Throws<DataFormatException>(() => Batches(Dataset.From([1], [new("x", new(1))], [], (_, sample) => sample.Target()[0] = 1), 1)).Message, StringComparison.Ordinal);
        Assert.Contains("has no targets", Assert.Throws<InvalidOperationException>(() => new DataLoader(Dataset.From(new float[2], new(2)), 1, Device).First().Labels).Message, StringComparison.Ordinal);
        Assert.Contains("expected at least two classes", Assert.Throws<ArgumentException>(() => Numbers(3).Pairs([1, 1, 1], 4)).Message, StringComparison.Ordinal);
    }

    sealed class Wrong(int[] order, int count) : Sampler
    {
        public override int CountOf(int samples) => count;

        public override int[] Order(int samples, ulong seed, int epoch) => order;
    }
}
