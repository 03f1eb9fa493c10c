using System.Buffers.Binary;
using System.Text;

namespace CnnSharp.Formats;

/// <summary>What a file of weights is.</summary>
enum WeightFileKind
{
    /// <summary>A .safetensors file.</summary>
    SafeTensors,

    /// <summary>torch.save since PyTorch 1.6: a zip archive.</summary>
    TorchZip,

    /// <summary>torch.save before, or with _use_new_zipfile_serialization=False: pickles, then the storages.</summary>
    TorchLegacy,
}

/// <summary>Tells by its first bytes what a file is, so that a message can say so.</summary>
static class WeightFile
{
    /// <summary>How many bytes of a file are looked at: as far as the signature of a tar archive.</summary>
    public const int Looked = 512;

    /// <summary>torch.save's first pickle: protocol 2, a whole number of ten bytes, 0x1950a86a20f9469cfc6c.</summary>
    static ReadOnlySpan<byte> LegacyMagic => [0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

    /// <summary>How other files begin, and what to do with them.</summary>
    static readonly (byte[] Signature, string What)[] Signatures =
    [
        ([0x1f, 0x8b], "is compressed (gzip): unpack it first"),
        ([(byte)'B', (byte)'Z', (byte)'h'], "is compressed (bzip2): unpack it first"),
        ([0xfd, (byte)'7', (byte)'z', (byte)'X', (byte)'Z'], "is compressed (xz): unpack it first"),
        ([0x28, 0xb5, 0x2f, 0xfd], "is compressed (zstd): unpack it first"),
        ([(byte)'7', (byte)'z', 0xbc, 0xaf], "is a 7z archive: unpack it first"),
        ([(byte)'R', (byte)'a', (byte)'r', (byte)'!'], "is a rar archive: unpack it first"),
        ([0x89, (byte)'H', (byte)'D', (byte)'F'], "is an HDF5 file (Keras), not PyTorch's: save its weights as .safetensors"),
        ([(byte)'G', (byte)'G', (byte)'U', (byte)'F'], "is a GGUF file: save its weights as .safetensors"),
        ([0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'], "is a NumPy array: save the weights as .safetensors"),
    ];

    /// <summary>What the file is.</summary>
    /// <exception cref="DataFormatException">It is none that holds weights; the message says what it is, where that is known.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static WeightFileKind KindOf(string path)
    {
        var start = Start(path);
        if (IsZip(start)) return WeightFileKind.TorchZip;
        if (IsLegacy(start)) return WeightFileKind.TorchLegacy;

        // A header's length may begin like any of the signatures below; the brace after it does not.
        if (IsSafeTensors(start)) return WeightFileKind.SafeTensors;

        // Whatever is not known by its signature: the reader says what is wrong with it.
        return Explain(start) is { } problem ? throw new DataFormatException(path, problem) : WeightFileKind.SafeTensors;
    }

    /// <summary>Whether a file begins like a .safetensors file, which an ONNX model does not: its first field is a small number.</summary>
    public static bool IsSafeTensors(string path) => IsSafeTensors(Start(path));

    static bool IsSafeTensors(ReadOnlySpan<byte> start) => start.Length > sizeof(ulong) && start[sizeof(ulong)] == (byte)'{' && BinaryPrimitives.ReadUInt64LittleEndian(start) <= SafeTensors.MaxHeaderLength;

    /// <summary>As a clause what a file is that is no .safetensors file, and what to do; null where its first bytes do not tell.</summary>
    public static string? Explain(ReadOnlySpan<byte> start)
    {
        if (start.IsEmpty) return "is empty: fetch it again";
        if (IsTorch(start)) return "is a file of torch.save, not a .safetensors file";
        if (start.StartsWith("version https://git-lfs"u8)) return "is a pointer of Git LFS, not the weights themselves: fetch them with 'git lfs pull'";

        ReadOnlySpan<byte> byteOrderMark = [0xef, 0xbb, 0xbf];
        var text = start.StartsWith(byteOrderMark) ? start[3..] : start;
        text = text.TrimStart(" \t\r\n"u8);
        if (text.StartsWith("<"u8)) return "is a web page (HTML or XML), not weights: the download gave a page in their place; take the address of the file itself";
        if (text.StartsWith("{"u8)) return "is JSON text, not weights: an index of several files or a server's message; fetch the files of weights themselves";
        foreach (var (signature, what) in Signatures)
        {
            if (start.StartsWith(signature)) return what;
        }

        if (start.Length >= 262 && start[257..262].SequenceEqual("ustar"u8)) return "is a tar archive: unpack it first; if PyTorch before 0.1.10 wrote it, load it there and save it again with torch.save";
        if (start is [0x80, >= 2 and <= 5, ..]) return "is a Python pickle, but not one of torch.save: load it in Python and save its state_dict() with torch.save";
        return null;
    }

    /// <summary>As <see cref="Explain"/>, of a file that is no ONNX model.</summary>
    /// <param name="stream">The file, which is read again from its beginning.</param>
    public static string? ExplainOnnx(Stream stream)
    {
        stream.Position = 0;
        var start = Start(stream);
        return IsTorch(start) ? "is a file of torch.save, not an ONNX model: write one with torch.onnx.export" : Explain(start);
    }

    /// <summary>Whether a file that begins so is one of torch.save, or another zip archive.</summary>
    public static bool IsTorch(ReadOnlySpan<byte> start) => IsZip(start) || IsLegacy(start);

    /// <summary>The first bytes of a file.</summary>
    static byte[] Start(string path)
    {
        using var stream = File.OpenRead(path);
        return Start(stream);
    }

    static byte[] Start(Stream stream)
    {
        var start = new byte[Looked];
        return start[..stream.ReadAtLeast(start, Looked, throwOnEndOfStream: false)];
    }

    static bool IsZip(ReadOnlySpan<byte> start) => start.StartsWith("PK\x03\x04"u8) || start.StartsWith("PK\x05\x06"u8);

    static bool IsLegacy(ReadOnlySpan<byte> start)
        => start.Length >= LegacyMagic.Length && start[0] == 0x80 && start[2..LegacyMagic.Length].SequenceEqual(LegacyMagic[2..]);
}
