using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using CnnSharp.Tests.Training;
using CnnSharp.Training;
using Xunit;

namespace CnnSharp.Tests.Cli;

/// <summary>
/// Trainings in a process of their own, which is ended from outside: resumed, they end at the same bytes as one that was
/// left alone. $CNNSHARP_KILLS says how often (default 3); the moments are drawn anew each time.
/// </summary>
public sealed class KilledTrainingTests : CliTest
{
    /// <summary>Everything that has a state: an optimizer with two moments, a schedule that waits for losses, early stopping, dropout, augmentation.</summary>
    string[] Settings =>
    [
        "--dataset", "mnist", "--data", WriteBars(), "--val-split", "112", "--model", "mnist-cnn", "--batch", "64", "--epochs", "3", "--optimizer", "adam", "--schedule", "plateau:patience=0,factor=0.5",
        "--early-stopping", "3", "--augment", "crop", "--clip-norm", "1", "--checkpoint-every", "1", "--threads", "1", "--device", "cpu",
    ];

    [Fact]
    public void KilledAtAnyMomentAndResumedItEndsAtTheSameBytes()
    {
        var asked = Environment.GetEnvironmentVariable("CNNSHARP_KILLS");
        var kills = int.Parse(asked ?? "3", CultureInfo.InvariantCulture);
        var (whole, firstCheckpoint, duration) = RunWhole();
        var seed = Random.Shared.Next();
        var random = new Random(seed);
        var (killed, writing, between) = (0, 0, 0);
        for (var attempt = 0; killed < kills; attempt++)
        {
            Assert.True(attempt < 4 * kills, $"only {killed} of {attempt} trainings could be killed before their end");
            var folder = At($"killed{attempt}");
            using (var process = Start("train", [.. Settings, "--out", folder]))
            {
                WaitForCheckpoint(process, folder);
                var wait = random.NextDouble() * (duration - firstCheckpoint);
                if (process.WaitForExit(wait)) continue;
                process.Kill();
                process.WaitForExit();
            }

            killed++;
            if (Directory.GetFiles(folder, ".*.tmp").Length > 0) writing++;
            if (!File.Exists(Path.Combine(folder, Checkpoint.LastFile))) between++;
            using (var process = Start("train", "--resume", "--out", folder, "--threads", "1", "--device", "cpu")) Assert.Equal(0, Finish(process).ExitCode);
            foreach (var file in new[] { Checkpoint.LastFile, Checkpoint.PreviousFile, Checkpoint.BestFile })
                Assert.True(File.ReadAllBytes(Path.Combine(whole, file)).AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(folder, file))), $"{file} differs, moments from seed {seed}, attempt {attempt}");
            Assert.Equal(Metrics(whole), Metrics(folder));
            Assert.Empty(Directory.GetFiles(folder, ".*"));
            Directory.Delete(folder, recursive: true);
        }

        if (asked is not null) Console.WriteLine($"{killed} of {killed} killed trainings ended at the same bytes; killed while a checkpoint was written: {writing}, between its renames: {between}");
    }

    [Fact]
    public void InterruptedItSavesAndSaysHowToGoOn()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs signals");
        Assert.SkipWhen(IsInterruptIgnored(), "the tests run in the background of a shell, which has their processes ignore Ctrl-C");
        var (whole, _, _) = RunWhole();
        var folder = "";
        for (var attempt = 0; ; attempt++)
        {
            folder = At($"interrupted{attempt}");
            using var process = Start("train", [.. Settings, "--out", folder, "--json"]);
            WaitForCheckpoint(process, folder);
            using (var kill = Process.Start("kill", ["-INT", $"{process.Id}"])) kill.WaitForExit();
            var (exitCode, output) = Finish(process);

            // On a busy machine the training can end before the signal comes.
            if (exitCode == 0 && attempt < 4) continue;
            Assert.Equal(1, exitCode);
            Assert.Contains($"stopped; the checkpoint is {Path.Combine(folder, Checkpoint.LastFile)}. To go on: cnnsharp train --resume --out {folder} --device cpu --threads 1", process.StandardError.ReadToEnd(), StringComparison.Ordinal);
            Assert.True(JsonDocument.Parse(output).RootElement.GetProperty("canceled").GetBoolean());
            break;
        }

        using (var process = Start("train", "--resume", "--out", folder, "--threads", "1", "--device", "cpu")) Assert.Equal(0, Finish(process).ExitCode);
        Assert.Equal(File.ReadAllBytes(Path.Combine(whole, Checkpoint.LastFile)), File.ReadAllBytes(Path.Combine(folder, Checkpoint.LastFile)));
    }

    /// <summary>Whether SIGINT is ignored, as in what a script starts with <c>&amp;</c>: the processes that are started here inherit that.</summary>
    static bool IsInterruptIgnored()
    {
        const string Status = "/proc/self/status", Field = "SigIgn:";
        const int Interrupt = 2;
        return File.Exists(Status)
            && File.ReadLines(Status).FirstOrDefault(line => line.StartsWith(Field, StringComparison.Ordinal)) is { } line
            && ((ulong.Parse(line[Field.Length..].Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture) >> (Interrupt - 1)) & 1) == 1;
    }

    /// <summary>A training that is left alone, and its seconds to the first checkpoint and to the end.</summary>
    (string Folder, TimeSpan FirstCheckpoint, TimeSpan Duration) RunWhole()
    {
        var folder = At("whole");
        var start = Stopwatch.GetTimestamp();
        using var process = Start("train", [.. Settings, "--out", folder]);
        WaitForCheckpoint(process, folder);
        var first = Stopwatch.GetElapsedTime(start);
        Assert.Equal(0, Finish(process).ExitCode);
        return (folder, first, Stopwatch.GetElapsedTime(start));
    }

    static void WaitForCheckpoint(Process process, string folder)
    {
        while (!File.Exists(Path.Combine(folder, Checkpoint.LastFile))) Assert.False(process.WaitForExit(TimeSpan.FromMilliseconds(2)), "the training ended before its first checkpoint");
    }

    /// <summary>The figures of each epoch, without times.</summary>
    static string[] Metrics(string folder)
        => [.. File.ReadLines(Path.Combine(folder, "metrics.jsonl")).Select(line => string.Join(' ', JsonDocument.Parse(line).RootElement.EnumerateObject().Where(p => !SmallTraining.IsMeasured(p.Name)).Select(p => p.ToString())))];

    /// <summary>The tool, as a process.</summary>
    static Process Start(string command, params string[] arguments)
    {
        var runsOnDotnet = Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet";
        var tool = Path.Combine(AppContext.BaseDirectory, runsOnDotnet ? "cnnsharp.dll" : OperatingSystem.IsWindows() ? "cnnsharp.exe" : "cnnsharp");
        return Process.Start(new ProcessStartInfo(runsOnDotnet ? Environment.ProcessPath! : tool, runsOnDotnet ? [tool, command, .. arguments] : [command, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
    }

    static (int ExitCode, string Output) Finish(Process process)
    {
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output);
    }
}
