using CnnSharp.Formats;
using CnnSharp.Kernels.Cpu;
using CnnSharp.Training;
using Xunit;
using static CnnSharp.Tests.Training.SmallTraining;

namespace CnnSharp.Tests.Training;

/// <summary>Checkpoints beside the last: of the best epochs, and of the ends of a schedule's cycles.</summary>
public class KeptCheckpointsTests
{
    // The epochs' order by loss is none of time at this rate.
    static TrainingOptions Wild() => Options() with { Epochs = 7, Optimizer = new SgdOptions { LearningRate = 1.2f, Momentum = 0.5f }, Schedule = Schedule.Constant(), KeepBest = 3, Monitor = Metric.Loss, Average = WeightAverage.Exponential(0.5) };

    static TrainingOptions Cycles() => Options() with { Epochs = 3, Schedule = Schedule.CosineRestarts(0.5, factor: 2), Snapshots = true };

    static Device Cpu => new(new CpuEngine(1));

    [Fact]
    public void The_best_epochs_are_kept_under_their_names()
    {
        using var folder = new TemporaryFolder();
        var weights = new Dictionary<int, float[]>();
        var history = Fit(Cpu, Wild() with { OutputFolder = folder.Path }, new Watcher { Epoch = (model, epoch) => weights[epoch] = Values(model) });
        int[] best = [.. history.Epochs.OrderBy(epoch => epoch.Loss).Take(3).Select(epoch => epoch.Epoch)];
        Assert.NotEqual(best.Order(), best);
        Assert.NotEqual([7, 6, 5], best);
        Assert.Equal([.. best[1..].Order().Select(epoch => $"best.epoch-{epoch}.safetensors"), "best.safetensors", "checkpoint.previous.safetensors", "checkpoint.safetensors"], Files(folder.Path).Keys);
        foreach (var (file, epoch) in best[1..].Select(epoch => ($"best.epoch-{epoch}.safetensors", epoch)).Prepend(("best.safetensors", best[0])))
        {
            var model = Model(Cpu, seed: 9);
            Assert.Equal(epoch, Checkpoint.Load(folder.File(file), model).Epoch);
            Assert.Equal(weights[epoch], Values(model));
        }
    }

    [Fact]
    public void A_snapshot_is_kept_at_the_end_of_each_cycle()
    {
        using var folder = new TemporaryFolder();
        var weights = new Dictionary<long, float[]>();
        var control = new Watcher { Step = (model, step) => weights[step] = Values(model) };
        Fit(Cpu, Cycles() with { OutputFolder = folder.Path, ReportEvery = 1 }, control);

        // 13 steps an epoch: cycles of 6 (half of them, to the even one), 12 and 24, of which 39 steps have two; the next one would end at 42.
        Assert.Equal([folder.File("snapshot-1.safetensors"), folder.File("snapshot-2.safetensors")], Checkpoint.SnapshotsIn(folder.Path));
        foreach (var (file, step) in new[] { ("snapshot-1.safetensors", 6), ("snapshot-2.safetensors", 18) })
        {
            var model = Model(Cpu, seed: 9);
            Assert.Equal(step, Checkpoint.Load(folder.File(file), model).Step);
            Assert.Equal(weights[step], Values(model));
        }

        // At the end of an epoch, after a warm-up too, and of the training.
        Fit(Cpu, Options() with { Epochs = 3, Schedule = Schedule.Warmup(1).Then(Schedule.Cyclic(0.1, up: 5 / 13.0, down: 8 / 13.0)), Snapshots = true, OutputFolder = folder.File("cyclic") });
        Assert.Equal([26, 39], Checkpoint.SnapshotsIn(folder.File("cyclic")).Select(file => Checkpoint.ReadInfo(file).Step));
    }

    public static TheoryData<string> Kinds => ["best", "cycles"];

    /// <summary>Ended right after any of the files that it writes, as if killed there, and resumed: the same files, byte by byte.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void Ended_after_any_file_and_resumed_ends_at_the_same_files(string kind)
    {
        var options = kind == "best" ? Wild() : Cycles();
        using var folder = new TemporaryFolder();
        var written = 0;
        Fit(Cpu, options with { OutputFolder = folder.File("straight") }, new Watcher { Checkpoint = () => written++ });
        var expected = Files(folder.File("straight"));
        for (var last = 1; last < written; last++)
        {
            var (path, count) = (folder.File($"{last}"), 0);
            Assert.Throws<InvalidOperationException>(() => Fit(Cpu, options with { OutputFolder = path }, new Watcher { Checkpoint = () => { if (++count == last) throw new InvalidOperationException("killed"); } }));
            Fit(Cpu, options with { OutputFolder = path, Resume = true });
            var actual = Files(path);

            // One that was set aside before the end is of an epoch that is among the best all the same.
            Assert.Equal(expected.Keys, actual.Keys);
            foreach (var (name, bytes) in expected.Where(file => file.Key != Checkpoint.PreviousFile)) Assert.True(bytes.AsSpan().SequenceEqual(actual[name]), $"{name} differs after file {last}");
        }
    }

    [Fact]
    public void A_new_training_leaves_none_of_the_old_ones()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("snapshot-one.safetensors"), "somebody else's");
        Fit(Cpu, Wild() with { OutputFolder = folder.Path });
        Fit(Cpu, Cycles() with { OutputFolder = folder.Path, Overwrite = true });
        Fit(Cpu, Options() with { Epochs = 1, OutputFolder = folder.Path, Overwrite = true });
        Assert.Equal(["best.safetensors", "checkpoint.previous.safetensors", "checkpoint.safetensors", "snapshot-one.safetensors"], Files(folder.Path).Keys);
    }

    [Fact]
    public void What_cannot_be_kept_is_refused()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains("KeepBest must be at least 1", Assert.Throws<ArgumentOutOfRangeException>(() => Fit(Cpu, Options() with { KeepBest = 0 })).Message, StringComparison.Ordinal);
        Assert.Contains("KeepBest needs an OutputFolder", Assert.Throws<ArgumentException>(() => Fit(Cpu, Options() with { KeepBest = 2 })).Message, StringComparison.Ordinal);
        Assert.Contains("Snapshots needs an OutputFolder", Assert.Throws<ArgumentException>(() => Fit(Cpu, Cycles())).Message, StringComparison.Ordinal);
        Assert.Contains("Snapshots needs a schedule with cycles, CosineRestarts or Cyclic; got OneCycleSchedule", Assert.Throws<ArgumentException>(() => Fit(Cpu, Options() with { Snapshots = true, OutputFolder = folder.Path })).Message, StringComparison.Ordinal);
    }

    static SortedDictionary<string, byte[]> Files(string folder)
        => new(Directory.GetFiles(folder, "*.safetensors").ToDictionary(file => Path.GetFileName(file)!, File.ReadAllBytes), StringComparer.Ordinal);

    static float[] Values(Layers.Layer model) => [.. model.StateDict().SelectMany(t => t.Tensor.ToArray())];

    sealed class Watcher : ITrainingObserver
    {
        Layers.Layer? model;

        public Action<Layers.Layer, int>? Epoch { get; init; }

        public Action<Layers.Layer, long>? Step { get; init; }

        public Action? Checkpoint { get; init; }

        public void OnStart(TrainingControl training) => model = training.Model;

        public void OnEpoch(EpochResult epoch) => Epoch?.Invoke(model!, epoch.Epoch);

        public void OnProgress(in TrainingProgress progress) => Step?.Invoke(model!, progress.Step);

        public void OnCheckpoint(string path) => Checkpoint?.Invoke();
    }
}
