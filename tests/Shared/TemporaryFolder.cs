using System.IO.Compression;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>A folder of its own for a test, removed at the end.</summary>
sealed class TemporaryFolder : IDisposable
{
    public TemporaryFolder() => Path = Directory.CreateTempSubdirectory("cnnsharp-test-").FullName;

    public string Path { get; }

    public string File(string name) => System.IO.Path.Combine(Path, name);

    public string Write(string name, byte[] bytes)
    {
        System.IO.File.WriteAllBytes(File(name), bytes);
        return File(name);
    }

    public string WriteZipped(string name, byte[] bytes) => Write(name, Zip(bytes));

    public static byte[] Zip(byte[] bytes)
    {
        var target = new MemoryStream();
        using (var gzip = new GZipStream(target, CompressionLevel.Fastest)) gzip.Write(bytes);
        return target.ToArray();
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}

/// <summary>Random damage to files: every reader must refuse it or read something, never crash or allocate without bound.</summary>
static class Damage
{
    /// <summary>How many damaged files a test reads: a few thousand, or as many as <c>CNNSHARP_FUZZ</c> says, for a long run.</summary>
    public static int Copies(int usual) => int.TryParse(Environment.GetEnvironmentVariable("CNNSHARP_FUZZ"), out var wanted) ? wanted : usual;

    /// <summary>A copy with a few bytes changed, or a piece cut out, doubled or appended.</summary>
    public static byte[] To(byte[] sound, Random random)
    {
        var bytes = sound.ToList();
        for (var change = random.Next(1, 4); change > 0; change--)
        {
            var at = random.Next(bytes.Count + 1);
            var length = random.Next(Math.Min(16, bytes.Count - at) + 1);
            switch (random.Next(5))
            {
                case 0 or 1 when at < bytes.Count:
                    bytes[at] = (byte)(random.Next(2) == 0 ? random.Next(256) : bytes[at] ^ (1 << random.Next(8)));
                    break;
                case 2:
                    bytes.RemoveRange(at, length);
                    break;
                case 3:
                    bytes.InsertRange(at, bytes.GetRange(at, length));
                    break;
                default:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
            }
        }

        return [.. bytes];
    }

    /// <summary>Reads thousands of damaged copies: only <see cref="DataFormatException"/> may come out, and memory stays near the file's size.</summary>
    /// <param name="sound">A file that reads.</param>
    /// <param name="copies">How many damaged copies are tried, unless <see cref="Copies"/> says otherwise.</param>
    /// <param name="allowed">Bytes a read may allocate.</param>
    /// <param name="read">Reads the bytes.</param>
    /// <returns>The share of the copies that were refused.</returns>
    public static double Survive(byte[] sound, int copies, long allowed, Action<byte[]> read) => Survive([sound], copies, _ => allowed, read);

    /// <inheritdoc cref="Survive(byte[], int, long, Action{byte[]})"/>
    /// <param name="sound">Files that read, damaged in turn.</param>
    /// <param name="copies">How many damaged copies are tried in all, unless <see cref="Copies"/> says otherwise.</param>
    /// <param name="allowed">Bytes a read may allocate, of the file's length.</param>
    /// <param name="read">Reads the bytes.</param>
    public static double Survive(IReadOnlyList<byte[]> sound, int copies, Func<int, long> allowed, Action<byte[]> read)
    {
        // Milliseconds; a read takes a thousandth of one, but the machine may be busy.
        const int longest = 10_000;
        var random = new Random(1);
        var refused = 0;
        copies = Copies(copies);

        // The first reads and the first errors of a process allocate what .NET sets up once: they come before the count.
        const int unmeasured = 50;
        for (var copy = -unmeasured; copy < copies; copy++)
        {
            var bytes = To(sound[(copy + unmeasured) % sound.Count], random);
            var (before, start) = (GC.GetAllocatedBytesForCurrentThread(), Environment.TickCount64);
            try
            {
                read(bytes);
            }
            catch (DataFormatException)
            {
                if (copy >= 0) refused++;
            }

            if (copy < 0) continue;
            var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(allocated <= allowed(bytes.Length), $"copy {copy}: reading {bytes.Length} bytes allocated {allocated}");
            Assert.True(Environment.TickCount64 - start < longest, $"copy {copy}: reading {bytes.Length} bytes took {Environment.TickCount64 - start} ms");
        }

        return (double)refused / copies;
    }
}
