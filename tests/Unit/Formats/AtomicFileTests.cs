using System.Runtime.InteropServices;
using CnnSharp.Formats;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>What is no regular file is written to, never replaced by one.</summary>
public sealed partial class AtomicFileTests : IDisposable
{
    static readonly byte[] Bytes = [1, 2, 3];

    readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_symbolic_link_stays_and_its_target_is_written()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs a right on Windows");
        Directory.CreateDirectory(folder.File("there"));
        File.WriteAllText(folder.File("there/target"), "old");
        File.CreateSymbolicLink(folder.File("link"), "there/target");
        File.CreateSymbolicLink(folder.File("link2"), "link");
        Write(folder.File("link2"));
        Assert.Equal("link", new FileInfo(folder.File("link2")).LinkTarget);
        Assert.Equal("there/target", new FileInfo(folder.File("link")).LinkTarget);
        Assert.Equal(Bytes, File.ReadAllBytes(folder.File("there/target")));

        // One that leads nowhere yet makes the file; one that leads to itself is told.
        File.CreateSymbolicLink(folder.File("new"), "there/new");
        Write(folder.File("new"));
        Assert.Equal(Bytes, File.ReadAllBytes(folder.File("there/new")));
        Assert.NotNull(new FileInfo(folder.File("new")).LinkTarget);
        File.CreateSymbolicLink(folder.File("circle"), "circle");
        Assert.Contains("leads in a circle", Assert.Throws<IOException>(() => Write(folder.File("circle"))).Message, StringComparison.Ordinal);
        Assert.Equal(["circle", "link", "link2", "new"], Directory.GetFiles(folder.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_pipe_is_written_to()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs mkfifo");
        Assert.Equal(0, MakeFifo(folder.File("pipe"), OwnersAlone));
        File.CreateSymbolicLink(folder.File("link"), "pipe");
        foreach (var name in new[] { "pipe", "link" })
        {
            var read = Task.Run(() => File.ReadAllBytesAsync(folder.File("pipe")));
            Write(folder.File(name));
            Assert.Equal(Bytes, await read);
        }

        Assert.Equal(["link", "pipe"], Directory.GetFiles(folder.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_device_is_written_to()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs Linux's devices");
        Write("/dev/null");
        Assert.Empty(File.ReadAllBytes("/dev/null"));
        Assert.Contains("No space left on device", Assert.Throws<IOException>(() => Write("/dev/full")).Message, StringComparison.Ordinal);
        Write("/dev/stdout");
        Assert.True(AtomicFile.IsStandardOutput("/dev/stdout"));
        Assert.True(AtomicFile.IsStandardOutput("/proc/self/fd/1"));
        Assert.False(AtomicFile.IsStandardOutput("/dev/null"));
    }

    [Fact]
    public void A_node_made_elsewhere_is_a_device_too()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs Linux's devices");
        Assert.SkipUnless(MakeNode(folder.File("null"), CharacterDevice | OwnersAlone, NullDevice) == 0, "needs the right to make device nodes");
        try
        {
            Write(folder.File("null"));
        }
        catch (UnauthorizedAccessException)
        {
            // A file system may be mounted without devices.
        }

        Assert.Equal(0, new FileInfo(folder.File("null")).Length);
        Assert.Equal(["null"], Directory.GetFiles(folder.Path).Select(Path.GetFileName));
    }

    [Fact]
    public void A_folder_is_refused_and_a_message_names_the_file_that_was_asked_for()
    {
        Directory.CreateDirectory(folder.File("inner"));
        Assert.Contains("is a folder, not a file", Assert.Throws<ArgumentException>(() => Write(folder.File("inner"))).Message, StringComparison.Ordinal);
        var error = Assert.Throws<IOException>(() => AtomicFile.Write(folder.File("asked"), stream => throw new IOException($"No room : '{((FileStream)stream).Name}'")));
        Assert.Equal($"No room : '{folder.File("asked")}'", error.Message);
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    static void Write(string path) => AtomicFile.Write(path, stream => stream.Write(Bytes));

    // libc's: rw-------, S_IFCHR, and makedev(1, 3).
    const uint OwnersAlone = 0x180, CharacterDevice = 0x2000;
    const ulong NullDevice = 0x103;

    [LibraryImport("libc", EntryPoint = "mkfifo", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MakeFifo(string path, uint mode);

    [LibraryImport("libc", EntryPoint = "mknod", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MakeNode(string path, uint mode, ulong device);
}
