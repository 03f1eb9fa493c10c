using Microsoft.Win32.SafeHandles;

namespace CnnSharp.Formats;

/// <summary>Reads at a position, whole or not at all.</summary>
static class RandomAccessFile
{
    /// <summary>Fills <paramref name="target"/> from <paramref name="position"/>.</summary>
    /// <exception cref="DataFormatException">The file ends before that.</exception>
    public static void ReadExactly(SafeFileHandle handle, Span<byte> target, long position, string file, string what)
    {
        var done = 0;
        while (done < target.Length)
        {
            var read = RandomAccess.Read(handle, target[done..], position + done);
            if (read == 0) throw new DataFormatException(file, what, $"{target.Length:N0} bytes", $"{done:N0} before the end of the file", position);
            done += read;
        }
    }
}
