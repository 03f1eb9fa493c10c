using CnnSharp.Training;
using Xunit;
using static CnnSharp.Tests.Training.SmallTraining;

namespace CnnSharp.Tests.Training;

/// <summary>A training's folder, read again: the figures that its history has, where it ran, and nothing lost where a file is damaged.</summary>
public sealed class RunRecordTests : IDisposable
{
    readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Figures_are_those_of_the_history()
    {
        var path = folder.File("run");
        var history = Fit(Device.Cpu, Options() with { OutputFolder = path });
        var run = RunRecord.Read(path);
        Assert.Equal(history.Epochs.Select(e => ((double)e.Epoch, e.TrainLoss)), run.Curve("train_loss"));
        Assert.Equal(history.Epochs.Select(e => e.ValidationAccuracy!.Value), run.Curve("validation_accuracy").Select(point => point.Value));
        Assert.Equal(history.Epochs.Max(e => e.ValidationAccuracy), run.Best("validation_accuracy"));
        Assert.Equal(history.Epochs.Min(e => e.ValidationLoss), run.Best("validation_loss"));
        Assert.Equal(history.Epochs.Max(e => e.TrainLoss), run.Best("train_loss", isLowerBetter: false));
        Assert.Null(run.Best("nothing"));
        Assert.All(run.Curve("peak_memory_mib"), point => Assert.InRange(point.Value, 10, 1e6));
        Assert.Equal((2, 26L, false), (run.Info!.Epoch, run.Info.Step, run.IsRunning));
        Assert.Equal(Path.Combine(path, Checkpoint.BestFile), run.Checkpoint);
    }

    [Fact]
    public void Each_start_says_when_and_where()
    {
        var path = folder.File("run");
        var before = DateTime.UtcNow;
        var isRunning = false;
        Fit(Device.Cpu, Options() with { Epochs = 1, OutputFolder = path }, new Begins(() => isRunning = RunRecord.Read(path).IsRunning));
        Fit(Device.Cpu, Options() with { OutputFolder = path, Resume = true });
        Assert.True(isRunning);
        var starts = RunRecord.Read(path).Starts;
        Assert.Equal([0L, 13L], starts.Select(start => start.Step));
        Assert.All(starts, start =>
        {
            Assert.InRange(start.Started, before, DateTime.UtcNow);
            Assert.StartsWith("cpu (", start.Device, StringComparison.Ordinal);
            Assert.StartsWith(".NET ", start.Runtime, StringComparison.Ordinal);
            Assert.Equal(Environment.GetCommandLineArgs(), start.Command);
        });

        // Begun anew, its file is too.
        Fit(Device.Cpu, Options() with { Epochs = 1, OutputFolder = path, Overwrite = true });
        Assert.Equal([0L], RunRecord.Read(path).Starts.Select(start => start.Step));
    }

    [Fact]
    public void Damaged_files_cost_what_they_held_alone()
    {
        var path = folder.File("run");
        Fit(Device.Cpu, Options() with { OutputFolder = path });
        File.AppendAllText(Path.Combine(path, "metrics.jsonl"), "{\"epoch\":3,\"train_l");
        File.AppendAllText(Path.Combine(path, RunStart.FileName), "{\"started\":");
        File.WriteAllBytes(Last(path), [1, 2, 3]);
        var run = RunRecord.Read(path);
        Assert.Equal((2, 1, 1), (run.Epochs.Count, run.Starts.Count, run.Info!.Epoch));
        File.Delete(Path.Combine(path, "metrics.jsonl"));
        File.Delete(Path.Combine(path, Checkpoint.PreviousFile));
        File.Delete(Path.Combine(path, Checkpoint.BestFile));
        run = RunRecord.Read(path);
        Assert.Equal((0, (CheckpointInfo?)null), (run.Epochs.Count, run.Info));

        Assert.Contains("holds no training", Assert.Throws<DataFormatException>(() => RunRecord.Read(folder.Path)).Message, StringComparison.Ordinal);
        Assert.Throws<DirectoryNotFoundException>(() => RunRecord.Read(folder.File("none")));
    }

    [Fact]
    public void Trainings_are_found_at_any_depth_in_the_order_of_their_numbers()
    {
        foreach (var name in new[] { "runs/b/10", "runs/b/2", "runs/a/1" }) Fit(Device.Cpu, Options() with { Epochs = 1, OutputFolder = folder.File(name) });
        Directory.CreateDirectory(folder.File("runs/c"));
        Assert.Equal(["runs/a/1", "runs/b/2", "runs/b/10"], RunRecord.Find(folder.File("runs")).Select(run => Path.GetRelativePath(folder.Path, run.Folder).Replace('\\', '/')));
        Assert.Equal([folder.File("runs/a/1")], RunRecord.Find(folder.File("runs/a/1")).Select(run => run.Folder));
        Assert.Empty(RunRecord.Find(folder.File("none")));
    }

    /// <summary>A reference of its own file, one that is packed, a detached head, a worktree; no repository, no commit yet.</summary>
    [Fact]
    public void The_commit_is_that_of_the_repository_around_a_folder()
    {
        var (one, two, three) = (new string('a', 40), new string('b', 40), new string('c', 40));
        Write("repo/.git/HEAD", "ref: refs/heads/main\n");
        Directory.CreateDirectory(folder.File("repo/deep/er"));
        Assert.Null(GitCommit.Of(folder.File("repo/deep/er")));
        Write("repo/.git/packed-refs", $"# pack-refs with: peeled\n{two} refs/heads/other\n{one} refs/heads/main\n");
        Assert.Equal(one, GitCommit.Of(folder.File("repo/deep/er")));
        Write("repo/.git/refs/heads/main", $"{three}\n");
        Assert.Equal(three, GitCommit.Of(folder.File("repo")));
        Write("repo/.git/worktrees/w/HEAD", "ref: refs/heads/other\n");
        Write("repo/.git/worktrees/w/commondir", "../..\n");
        Write("w/.git", $"gitdir: {folder.File("repo/.git/worktrees/w")}\n");
        Assert.Equal(two, GitCommit.Of(folder.File("w")));
        Write("repo/.git/HEAD", $"{two}\n");
        Assert.Equal(two, GitCommit.Of(folder.File("repo")));
        Write("repo/.git/HEAD", "something else\n");
        Assert.Null(GitCommit.Of(folder.File("repo")));

        void Write(string name, string text)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(folder.File(name))!);
            File.WriteAllText(folder.File(name), text);
        }
    }

    sealed class Begins(Action act) : ITrainingObserver
    {
        public void OnStart(TrainingControl training) => act();
    }
}
