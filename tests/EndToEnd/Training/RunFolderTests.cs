using CnnSharp.Data;
using CnnSharp.Kernels.Cpu;
using CnnSharp.Layers;
using CnnSharp.Training;
using Xunit;
using static CnnSharp.Tests.Training.SmallTraining;

namespace CnnSharp.Tests.Training;

/// <summary>A run is a folder: one training at a time writes there, none over another, and only the same training goes on in it.</summary>
public sealed class RunFolderTests : IDisposable
{
    readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_training_that_stands_there_is_replaced_only_where_that_is_asked_for()
    {
        var options = Options() with { Epochs = 1, OutputFolder = folder.File("run") };
        Fit(Cpu(), options);
        var before = FilesIn(folder.File("run"));
        var error = Assert.Throws<ArgumentException>(() => Fit(Cpu(), options with { Seed = 2 }));
        Assert.Contains($"'{folder.File("run")}' holds a training already (checkpoint.safetensors)", error.Message, StringComparison.Ordinal);
        Assert.Contains("Overwrite", error.Message, StringComparison.Ordinal);
        AssertSame(before, FilesIn(folder.File("run")));

        Fit(Cpu(), options with { Seed = 2, Overwrite = true });
        Assert.Equal(2UL, Checkpoint.ReadInfo(Last(folder.File("run"))).Seed);
        Assert.Throws<ArgumentException>(() => Fit(Cpu(), options with { Resume = true, Overwrite = true }));
    }

    [Fact]
    public void Each_training_gets_the_next_number()
    {
        var options = Options() with { Epochs = 1, OutputFolder = folder.File("runs"), NumberedFolder = true };
        Directory.CreateDirectory(folder.File("runs/7"));
        Directory.CreateDirectory(folder.File("runs/other"));
        var histories = new History[4];
        Parallel.For(0, 4, i => histories[i] = Fit(Cpu(), options with { Seed = (ulong)i }));
        Assert.Equal(["8", "9", "10", "11"], histories.Select(h => Path.GetFileName(h.Folder)!).OrderBy(int.Parse));
        for (var i = 0; i < 4; i++) Assert.Equal((ulong)i, Checkpoint.ReadInfo(Last(histories[i].Folder!)).Seed);
        Assert.Empty(Directory.GetFiles(folder.File("runs"), "run.lock*", SearchOption.AllDirectories));
    }

    [Fact]
    public void A_second_training_is_told_whose_lock_it_is()
    {
        var options = Options() with { Epochs = 1, OutputFolder = folder.File("run") };
        var refused = new List<RunLockedException>();
        Fit(Cpu(), options, new Begins(path =>
        {
            // Neither a new one, nor one that would go on or replace it.
            foreach (var second in new[] { options, options with { Resume = true }, options with { Overwrite = true } }) refused.Add(Assert.Throws<RunLockedException>(() => Fit(Cpu(), second)));
            Assert.Throws<RunLockedException>(() => Checkpoint.ThrowIfInUse(path!));
        }));
        Assert.Equal(3, refused.Count);
        Assert.All(refused, error => Assert.Equal((Environment.ProcessId, Environment.MachineName, folder.File("run")), (error.ProcessId, error.Host, error.Folder)));
        Assert.Matches($"by the lock of process {Environment.ProcessId} on {Environment.MachineName} since 20[0-9-]+ [0-9:]+Z", refused[0].Message);
        Assert.Equal(1, Checkpoint.ReadInfo(Last(folder.File("run"))).Epoch);
        Checkpoint.ThrowIfInUse(folder.File("run"));
    }

    [Fact]
    public void What_a_killed_process_left_locks_nothing()
    {
        var path = Directory.CreateDirectory(folder.File("run")).FullName;
        File.WriteAllText(Path.Combine(path, "run.lock"), "");
        File.WriteAllText(Path.Combine(path, "run.lock.json"), "{\"process\":1,\"host\":\"elsewhere\",\"since\":\"2026\"}");
        Fit(Cpu(), Options() with { Epochs = 1, OutputFolder = path });
        Assert.Empty(Directory.GetFiles(path, "run.lock*"));
    }

    /// <summary>Each is refused with what differs, and leaves every file as it was; the right one goes on afterwards.</summary>
    [Fact]
    public void Only_the_same_training_goes_on_and_a_refused_one_writes_nothing()
    {
        var options = Options() with { Epochs = 1, OutputFolder = folder.File("run") };
        var images = Images(48);
        Trainer.Fit(Model(Cpu()), images, null, options);
        var before = FilesIn(folder.File("run"));
        options = options with { Epochs = 2, Resume = true };

        Refused("the batch size: expected 12, got 24", images, options with { BatchSize = 12 });
        Refused("the model: expected other, got Sequential", images, options with { Model = new() { Name = "other", Classes = 4, Input = [8, 8, 2] } });
        Refused("only the model has 'second'; only the data has 'zweite'", With(images, ["first", "zweite", "third", "fourth"]), options);
        Refused("the same 4 in another order; label 0 is 'first' of the model and 'second' of the data", With(images, ["second", "first", "third", "fourth"]), options);
        Refused("the number of training images: expected 47, got 48", images.Take(47), options);
        Refused("the labels of the training images: expected sha256:", With(images, [.. images.ClassNames], [.. images.Labels.ToArray().Select(label => (label + 1) % 4)]), options);
        Refused("the mean of the normalization: expected [0.25, 0.5], got [0.5, 0.5]", images.With(new([0.25f, 0.5f], [0.25f, 0.25f])), options);

        Assert.Equal(2, Trainer.Fit(Model(Cpu()), images, null, options).Epochs.Count);

        void Refused(string message, ImageDataset set, TrainingOptions with)
        {
            var error = Assert.Throws<DataFormatException>(() => Trainer.Fit(Model(Cpu()), set, null, with, new Begins(_ => Assert.Fail("nothing may be written"))));
            Assert.Contains(message, error.Message, StringComparison.Ordinal);
            AssertSame(before, FilesIn(folder.File("run")));
        }
    }

    /// <summary>As files of before the lock and the images' number were kept: they are gone on from.</summary>
    [Fact]
    public void A_checkpoint_without_the_number_of_images_is_resumed()
    {
        var path = folder.File("run");
        var (device, images) = (Cpu(), Images(48));
        var model = Model(device);
        Trainer.Fit(model, images, null, Options() with { Epochs = 1, OutputFolder = path });
        Checkpoint.Save(Last(path), model, Checkpoint.ReadInfo(Last(path)) with { Images = null, Labels = null }, Options().Optimizer.Create(ParameterGroup.Of(model, [])));
        Assert.Equal(2, Trainer.Fit(Model(Cpu()), images, null, Options() with { OutputFolder = path, Resume = true }).Epochs.Count);
    }

    /// <summary>25 images in batches of 24 leave one, of which a batch norm behind a linear layer has no statistics.</summary>
    [Fact]
    public void A_single_last_image_is_left_out_with_a_warning_where_a_batch_norm_cannot_take_it()
    {
        var watcher = new Begins(null);
        var history = Trainer.Fit(Normalized(), Images(25), null, Options() with { OutputFolder = folder.File("run") }, watcher);
        Assert.Equal(2, history.Epochs.Count);
        Assert.Equal(2, Checkpoint.ReadInfo(Last(folder.File("run"))).Step);
        Assert.Contains("'2' (BatchNorm2d) has one value a channel", Assert.Single(watcher.Warnings), StringComparison.Ordinal);

        // Resumed, it leaves one out again; without the batch norm, or with two left, none is.
        Assert.Equal(3, Trainer.Fit(Normalized(), Images(25), null, Options() with { Epochs = 3, OutputFolder = folder.File("run"), Resume = true }).Epochs.Count);
        watcher.Warnings.Clear();
        Trainer.Fit(Model(Cpu()), Images(25), null, Options() with { Epochs = 1, OutputFolder = folder.File("plain") }, watcher);
        Assert.Equal(2, Checkpoint.ReadInfo(Last(folder.File("plain"))).Step);
        Trainer.Fit(Normalized(), Images(26), null, Options() with { Epochs = 1 }, watcher);
        Trainer.Fit(Normalized(), Images(25), null, Options() with { Epochs = 1, DropLast = true }, watcher);
        Assert.Empty(watcher.Warnings);

        var error = Assert.Throws<ArgumentException>(() => Trainer.Fit(Normalized(), Images(25), null, Options() with { BatchSize = 1, OutputFolder = folder.File("none") }));
        Assert.Contains("needs batches of at least 2 images; 'stripes' has 25, the batch size is 1", error.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder.File("none")));

        static Sequential Normalized() => new(new Flatten(), new Linear(8 * 8 * 2, 6, device: D), new BatchNorm2d(6, device: D), new Relu(), new Linear(6, Classes, device: D));
    }

    /// <summary>Images that are read from files, which become unreadable after the first step: the steps made since are saved, and gone on from once they are back.</summary>
    [Fact]
    public void An_image_that_cannot_be_read_costs_no_step()
    {
        var data = folder.File("data");
        for (var i = 0; i < 80; i++)
        {
            Directory.CreateDirectory(Path.Combine(data, $"{i % 2}"));
            ImageFile.WritePng(Path.Combine(data, $"{i % 2}", $"{i}.png"), new([.. Enumerable.Range(0, 192).Select(p => (byte)((p * (i + 3)) + (100 * (i % 2))))], 8, 8, 3));
        }

        var set = ImageFolder.Load(data, new() { Size = 8, MemoryBudget = 0 }).Train;
        var options = Options() with { Epochs = 1, BatchSize = 4, ReportEvery = 1, Augmentation = null };
        Trainer.Fit(Flat(), set, null, options with { OutputFolder = folder.File("straight") });

        var steps = 0L;
        Assert.Throws<DataFormatException>(() => Trainer.Fit(Flat(), set, null, options with { OutputFolder = folder.File("run") }, new Steps(step =>
        {
            steps = step;
            if (step == 1) Directory.Move(Path.Combine(data, "1"), folder.File("away"));
        })));
        Assert.InRange(steps, 1, 19);
        Assert.Equal(steps, Checkpoint.ReadInfo(Last(folder.File("run"))).Step);
        Directory.Move(folder.File("away"), Path.Combine(data, "1"));
        Trainer.Fit(Flat(), set, null, options with { OutputFolder = folder.File("run"), Resume = true });
        AssertSameFiles(folder.File("straight"), folder.File("run"));

        static Sequential Flat()
        {
            var linear = new Linear(192, 2, device: D);
            linear.Weight.CopyFrom<float>(new float[384]);
            linear.Bias!.CopyFrom<float>(new float[2]);
            return new(new Flatten(), linear);
        }
    }

    [Fact]
    public void Weights_that_are_no_numbers_are_told_before_the_first_step()
    {
        var model = Model(Cpu());
        var (name, tensor) = model.StateDict().First();
        var values = tensor.ToArray();
        values[3] = float.NaN;
        tensor.CopyFrom<float>(values);
        var error = Assert.Throws<ArgumentException>(() => Trainer.Fit(model, Images(24), null, Options() with { OutputFolder = folder.File("run") }));
        Assert.Contains($"tensor '{name}' holds NaN or infinity before the first step", error.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder.File("run")));
    }

    [Fact]
    public void Classes_in_another_order_keep_their_names()
    {
        var images = Images(40);
        var reordered = images.WithClasses(["fourth", "none", "first", "second", "third"]);
        Assert.Equal(images.Labels.ToArray().Select(label => images.ClassNames[label]), reordered.Labels.ToArray().Select(label => reordered.ClassNames[label]));
        Assert.Equal(5, reordered.Classes);
        Assert.Contains("there is no class 'fourth'", Assert.Throws<ArgumentException>(() => images.WithClasses(["first", "second", "third"])).Message, StringComparison.Ordinal);
    }

    static readonly Device D = new(new CpuEngine(1));

    static Device Cpu() => D;

    static ImageDataset With(ImageDataset set, string[] names, int[]? labels = null)
        => new(set.Name, [.. Enumerable.Range(0, set.Count).SelectMany(i => set.Pixels(i).ToArray())], labels ?? set.Labels.ToArray(), 8, 8, 2, names, set.Normalization);

    static Dictionary<string, byte[]> FilesIn(string path) => Directory.GetFiles(path).ToDictionary(file => Path.GetFileName(file), File.ReadAllBytes);

    static void AssertSame(Dictionary<string, byte[]> expected, Dictionary<string, byte[]> actual)
    {
        Assert.Equal(expected.Keys.Order(StringComparer.Ordinal), actual.Keys.Order(StringComparer.Ordinal));
        foreach (var (name, bytes) in expected) Assert.True(bytes.AsSpan().SequenceEqual(actual[name]), $"{name} was changed");
    }

    sealed class Steps(Action<long> step) : ITrainingObserver
    {
        public void OnProgress(in TrainingProgress progress) => step(progress.Step);
    }

    sealed class Begins(Action<string?>? begin) : ITrainingObserver
    {
        public List<string> Warnings { get; } = [];

        public void OnBegin(string? folder) => begin?.Invoke(folder);

        public void OnWarning(string message) => Warnings.Add(message);
    }
}
