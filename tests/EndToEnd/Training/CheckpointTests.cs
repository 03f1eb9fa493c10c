using System.Diagnostics;
using System.Text.Json;
using CnnSharp.Formats.TensorBoard;
using CnnSharp.Kernels.Cpu;
using CnnSharp.Training;
using Xunit;
using static CnnSharp.Tests.Training.SmallTraining;

namespace CnnSharp.Tests.Training;

/// <summary>Whatever happens to the files, a whole checkpoint is there to go on from, and the training ends at the same bytes.</summary>
public sealed class CheckpointTests : IDisposable
{
    readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_training_can_be_resumed_from_its_first_step_on()
    {
        var (straight, resumed) = (folder.File("straight"), folder.File("resumed"));
        Fit(Cpu(), Options() with { OutputFolder = straight });

        Assert.Throws<OperationCanceledException>(() => Fit(Cpu(), Options() with { OutputFolder = resumed, ReportEvery = 1 }, new Fails(atStep: 1)));
        Assert.Equal(0, Checkpoint.ReadInfo(Last(resumed)).Step);
        Fit(Cpu(), Options() with { OutputFolder = resumed, Resume = true });
        AssertSameFiles(straight, resumed);
    }

    [Fact]
    public void Checkpoints_within_an_epoch_change_nothing_and_are_gone_on_from()
    {
        var (straight, often) = (folder.File("straight"), folder.File("often"));
        Fit(Cpu(), Options() with { OutputFolder = straight });
        Assert.Throws<OperationCanceledException>(() => Fit(Cpu(), Options() with { OutputFolder = often, CheckpointEvery = 5, ReportEvery = 1 }, new Fails(atStep: 18)));
        Assert.Equal((15L, 1, 2), (Checkpoint.ReadInfo(Last(often)).Step, Checkpoint.ReadInfo(Last(often)).Epoch, Checkpoint.ReadInfo(Last(often)).Batch));
        Assert.Equal(13, Checkpoint.ReadInfo(Path.Combine(often, Checkpoint.PreviousFile)).Step);

        var observer = new Watcher();
        Fit(Cpu(), Options() with { OutputFolder = often, CheckpointEvery = 5, Resume = true }, observer);
        Assert.Equal((1, 15), observer.Started);
        AssertSameFiles(straight, often);
    }

    /// <summary>The last checkpoint is cut at fifty places, drawn from a seed: the one before it is gone on from, and the training says so.</summary>
    [Fact]
    public void A_checkpoint_that_was_cut_short_is_told_and_the_one_before_it_resumed()
    {
        var (straight, cut) = (folder.File("straight"), folder.File("cut"));
        Fit(Cpu(), Options() with { OutputFolder = straight });
        var (last, previous) = (File.ReadAllBytes(Last(straight)), File.ReadAllBytes(Previous(straight)));
        var random = new Random(50);
        for (var i = 0; i < 50; i++)
        {
            Directory.CreateDirectory(cut);
            File.WriteAllBytes(Last(cut), last[..random.Next(last.Length)]);
            File.WriteAllBytes(Previous(cut), previous);
            File.Copy(Best(straight), Best(cut), overwrite: true);
            AssertResumesFromThePreviousOne(straight, cut, epoch: 1);
        }
    }

    [Fact]
    public void A_flipped_bit_is_damage_wherever_it_is()
    {
        var (straight, flipped) = (folder.File("straight"), folder.File("flipped"));
        Fit(Cpu(), Options() with { OutputFolder = straight });
        var last = File.ReadAllBytes(Last(straight));
        var random = new Random(7);
        Directory.CreateDirectory(flipped);
        for (var i = 0; i < 50;)
        {
            var damaged = (byte[])last.Clone();
            damaged[random.Next(damaged.Length)] ^= (byte)(1 << random.Next(8));
            if (IsPadding(last, damaged)) continue;
            i++;
            File.WriteAllBytes(Last(flipped), damaged);
            Assert.Throws<DataFormatException>(() => Checkpoint.Load(Last(flipped), Model(Cpu())));
        }
    }

    [Fact]
    public void A_checkpoint_that_vanished_between_two_renames_is_replaced_by_the_one_before_it()
    {
        var (straight, renamed) = (folder.File("straight"), folder.File("renamed"));
        Fit(Cpu(), Options() with { OutputFolder = straight });
        Directory.CreateDirectory(renamed);
        File.Copy(Previous(straight), Previous(renamed));
        File.Copy(Best(straight), Best(renamed));
        File.WriteAllBytes(Path.Combine(renamed, $".{Checkpoint.LastFile}.{Guid.NewGuid():N}.tmp"), [1, 2, 3]);
        File.WriteAllText(Path.Combine(renamed, ".mine.tmp"), "a user's own file");
        AssertResumesFromThePreviousOne(straight, renamed, epoch: 1);
        Assert.Equal([".mine.tmp", Checkpoint.BestFile, Checkpoint.PreviousFile, Checkpoint.LastFile, RunStart.FileName, EventFile.Name, "metrics.csv", "metrics.jsonl"], Directory.GetFiles(renamed).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    /// <summary>The good one stays where it is until a new one is written: a damaged file never takes its place.</summary>
    [Fact]
    public void The_checkpoint_that_was_resumed_stays_until_there_is_another()
    {
        var path = folder.File("run");
        Fit(Cpu(), Options() with { OutputFolder = path });
        var previous = File.ReadAllBytes(Previous(path));
        File.WriteAllBytes(Last(path), [0]);
        Assert.Throws<OperationCanceledException>(() => Fit(Cpu(), Options() with { OutputFolder = path, Resume = true, CheckpointEvery = 5, ReportEvery = 1 }, new Fails(atStep: 16)));
        Assert.Equal(previous, File.ReadAllBytes(Previous(path)));
        Assert.Equal(15, Checkpoint.ReadInfo(Last(path)).Step);
    }

    [Fact]
    public void Two_damaged_checkpoints_are_both_named()
    {
        var path = folder.File("run");
        Fit(Cpu(), Options() with { OutputFolder = path });
        File.WriteAllBytes(Last(path), [0]);
        File.WriteAllBytes(Previous(path), [0]);
        var error = Assert.Throws<DataFormatException>(() => Fit(Cpu(), Options() with { OutputFolder = path, Resume = true }));
        Assert.StartsWith($"{Last(path)}: cannot be resumed, and neither can the checkpoint before it.", error.Message, StringComparison.Ordinal);
        Assert.Contains($"{Previous(path)}: the file: expected at least 8 bytes, got 1.", error.Message, StringComparison.Ordinal);

        File.Delete(Previous(path));
        error = Assert.Throws<DataFormatException>(() => Fit(Cpu(), Options() with { OutputFolder = path, Resume = true }));
        Assert.StartsWith($"{Last(path)}: cannot be resumed, and there is no checkpoint before it. {Last(path)}: the file: expected at least 8 bytes, got 1.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_new_training_leaves_nothing_of_the_old_one_to_fall_back_to()
    {
        var path = folder.File("run");
        Fit(Cpu(), Options() with { OutputFolder = path });
        Assert.Throws<OperationCanceledException>(() => Fit(Cpu(), Options() with { OutputFolder = path, Overwrite = true, Seed = 2, ReportEvery = 1 }, new Fails(atStep: 1)));
        Assert.Equal([Checkpoint.LastFile, RunStart.FileName, EventFile.Name, "metrics.csv", "metrics.jsonl"], Directory.GetFiles(path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal((0L, 2UL), (Checkpoint.ReadInfo(Last(path)).Step, Checkpoint.ReadInfo(Last(path)).Seed));
    }

    /// <summary>A line of an epoch whose checkpoint was never written, and one that was cut short, are not doubled by the epoch that is trained again.</summary>
    [Fact]
    public void Metrics_have_each_epoch_once()
    {
        var path = folder.File("run");
        var metrics = Path.Combine(path, "metrics.jsonl");
        Fit(Cpu(), Options() with { OutputFolder = path, Epochs = 1 });
        File.AppendAllText(metrics, "{\"epoch\":2,\"step\":26}\n{\"epoch\":3,\"st");
        Fit(Cpu(), Options() with { OutputFolder = path, Resume = true });
        Assert.Equal([(1, 13), (2, 26)], File.ReadLines(metrics).Select(line => JsonDocument.Parse(line).RootElement).Select(e => (e.GetProperty("epoch").GetInt32(), e.GetProperty("step").GetInt32())));
    }

    /// <summary>A file system that fills up after the first epoch: its checkpoint is as it was, and the training ends as ever once there is room.</summary>
    [Fact]
    public void A_full_disk_leaves_the_checkpoint_as_it_was()
    {
        var straight = folder.File("straight");
        Fit(Cpu(), Options() with { OutputFolder = straight });
        var bytes = Directory.GetFiles(straight).Sum(file => new FileInfo(file).Length + 4096);
        using var disk = new Disk(folder.File("disk"), 2 * bytes);
        var run = Path.Combine(disk.Path, "run");
        var error = Assert.Throws<IOException>(() => Fit(Cpu(), Options() with { OutputFolder = run, CheckpointEvery = 5 }, new Watcher(afterEpoch: disk.Fill)));
        Assert.Contains("of epoch 1, step 15 cannot be written: No space left on device", error.Message, StringComparison.Ordinal);
        Assert.Contains($"The last whole one, '{Last(run)}', is untouched", error.Message, StringComparison.Ordinal);
        Assert.Equal(13, Checkpoint.Load(Last(run), Model(Cpu())).Step);
        Assert.Empty(Directory.GetFiles(run, ".*"));

        disk.Free();
        Fit(Cpu(), Options() with { OutputFolder = run, Resume = true });
        AssertSameFiles(straight, run);
    }

    [Fact]
    public void A_read_only_folder_is_told_before_the_first_step_or_leaves_the_checkpoint_as_it_was()
    {
        var straight = folder.File("straight");
        Fit(Cpu(), Options() with { OutputFolder = straight });
        using var disk = new Disk(folder.File("disk"), 1 << 20);
        var run = Path.Combine(disk.Path, "run");
        var error = Assert.Throws<IOException>(() => Fit(Cpu(), Options() with { OutputFolder = run, CheckpointEvery = 5 }, new Watcher(afterEpoch: disk.MakeReadOnly)));
        Assert.Contains("read-only", error.Message, StringComparison.OrdinalIgnoreCase);

        var observer = new Watcher();
        Assert.ThrowsAny<IOException>(() => Fit(Cpu(), Options() with { OutputFolder = run, Seed = 3, ReportEvery = 1 }, observer));
        Assert.Equal(0, observer.Steps);

        disk.MakeWritable();
        Assert.Equal(13, Checkpoint.Load(Last(run), Model(Cpu())).Step);
        Fit(Cpu(), Options() with { OutputFolder = run, Resume = true });
        AssertSameFiles(straight, run);
    }

    [Fact]
    public void An_output_folder_that_is_a_file_is_told_before_the_first_step()
    {
        var path = folder.Write("file", [1]);
        var observer = new Watcher();
        var error = Assert.ThrowsAny<IOException>(() => Fit(Cpu(), Options() with { OutputFolder = path, ReportEvery = 1 }, observer));
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        Assert.Equal(0, observer.Steps);
    }

    static Device Cpu() => new(new CpuEngine(1));

    static string Previous(string folder) => Path.Combine(folder, Checkpoint.PreviousFile);

    static string Best(string folder) => Path.Combine(folder, Checkpoint.BestFile);

    static void AssertResumesFromThePreviousOne(string straight, string damaged, int epoch)
    {
        var observer = new Watcher();
        Fit(Cpu(), Options() with { OutputFolder = damaged, Resume = true }, observer);
        Assert.StartsWith(Last(damaged), observer.Damage!.Message, StringComparison.Ordinal);
        Assert.Equal(Previous(damaged), observer.Resumed);
        Assert.Equal(epoch, observer.Started.Epochs);
        AssertSameFiles(straight, damaged);
        Assert.Equal(File.ReadAllBytes(Previous(straight)), File.ReadAllBytes(Previous(damaged)));
    }

    /// <summary>White space that became other white space says nothing else.</summary>
    static bool IsPadding(byte[] one, byte[] other)
    {
        var at = one.AsSpan().CommonPrefixLength(other);
        return char.IsWhiteSpace((char)one[at]) && char.IsWhiteSpace((char)other[at]);
    }

    /// <summary>Ends the training as a crash would, but for the process.</summary>
    sealed class Fails(long atStep) : ITrainingObserver
    {
        public void OnProgress(in TrainingProgress progress)
        {
            if (progress.Step == atStep) throw new OperationCanceledException();
        }
    }

    sealed class Watcher(Action? afterEpoch = null) : ITrainingObserver
    {
        public (int Epochs, long Step) Started { get; private set; }

        public DataFormatException? Damage { get; private set; }

        public string? Resumed { get; private set; }

        public int Steps { get; private set; }

        public void OnStart(TrainingControl training) => Started = (training.Epoch, training.Step);

        public void OnDamagedCheckpoint(DataFormatException damage, string resumed) => (Damage, Resumed) = (damage, resumed);

        public void OnProgress(in TrainingProgress progress) => Steps++;

        public void OnCheckpoint(string path)
        {
            if (Path.GetFileName(path) == Checkpoint.LastFile && Checkpoint.ReadInfo(path).Epoch == 1) afterEpoch?.Invoke();
        }
    }

    /// <summary>A file system of its own and of a size, in memory.</summary>
    sealed class Disk : IDisposable
    {
        public Disk(string path, long bytes)
        {
            Path = path;
            Directory.CreateDirectory(path);
            Assert.SkipUnless(OperatingSystem.IsLinux(), "needs Linux's tmpfs");
            Assert.SkipUnless(Mount("-t", "tmpfs", "-o", $"size={bytes}", "tmpfs", path), "needs the right to mount a file system");
        }

        public string Path { get; }

        string Filler => System.IO.Path.Combine(Path, "filler");

        public void Fill()
        {
            using var file = File.Create(Filler);
            try
            {
                while (true)
                {
                    file.Write(new byte[4096]);
                    file.Flush();
                }
            }
            catch (IOException)
            {
                // Full is what it is to be.
            }
        }

        public void Free() => File.Delete(Filler);

        /// <summary>By another one over it: while a training holds its lock, the system does not let this one become read-only.</summary>
        public void MakeReadOnly() => Assert.True(Mount("-t", "tmpfs", "-o", "ro", "tmpfs", Path));

        public void MakeWritable() => Dispose();

        public void Dispose()
        {
            using var unmount = Process.Start("umount", [Path]);
            unmount.WaitForExit();
        }

        static bool Mount(params string[] arguments)
        {
            using var mount = Process.Start(new ProcessStartInfo("mount", arguments) { RedirectStandardError = true })!;
            mount.WaitForExit();
            return mount.ExitCode == 0;
        }
    }
}
