using System.Buffers.Binary;
using System.Globalization;
using CnnSharp.Kernels;
using Microsoft.Win32.SafeHandles;

namespace CnnSharp.Formats.Onnx;

/// <summary>
/// The file that a model is read from, and what its tensors keep in other files beside it
/// (https://github.com/onnx/onnx/blob/main/docs/ExternalData.md).
/// </summary>
/// <param name="path">The model's file.</param>
/// <param name="weights">What a tensor may refer to by name, where the graph is kept in a file of weights: needed while the model is read, not when its tensors are.</param>
internal sealed class OnnxSource(string path, SafeTensors? weights = null)
{
    /// <summary>Of a tensor that refers to one of <c>weights</c>, the key of its name.</summary>
    public const string TensorKey = "tensor";

    /// <summary>The key of its <see cref="Arrangement"/>.</summary>
    public const string ArrangementKey = "arrangement";

    /// <summary>How often over the tensors of a model may ask for a file's bytes: weights that are shared are asked for again.</summary>
    const int MostShares = 4;

    /// <summary>How many symbolic links are followed on the way to a file.</summary>
    const int MostLinks = 40;

    readonly Dictionary<string, (long Length, long Claimed)> files = new(StringComparer.Ordinal);

    /// <summary>The model's file, for messages.</summary>
    public string Path => path;

    /// <summary>Where a tensor's bytes are: looked up, checked, and not read yet.</summary>
    /// <param name="entries">Keys and values as the file has them.</param>
    /// <param name="tensor">The tensor, for messages.</param>
    /// <param name="type">The type of its elements.</param>
    /// <param name="shape">Its extents.</param>
    /// <param name="needed">How many bytes its elements take.</param>
    /// <param name="error">Makes an error of a problem, stated as a clause.</param>
    public ExternalBytes Find(IReadOnlyList<StringStringEntryProto> entries, string tensor, OnnxType type, int[] shape, long needed, Func<string, DataFormatException> error)
    {
        if (weights is not null && Entry(TensorKey) is { } name) return FindWeight(weights, name, Entry(ArrangementKey) ?? "", tensor, type, shape, needed, error);
        if (Entry("location") is not { Length: > 0 } location) throw error($"{tensor} keeps its elements in another file but names none");
        var offset = Number("offset") ?? 0;
        var file = Resolve(location, tensor, error);
        if (!files.TryGetValue(file, out var known))
        {
            // Of what is no regular file (a pipe, a device) the length is 0, so that none is ever opened.
            var info = new FileInfo(file);
            if (!info.Exists) throw error($"{tensor} keeps its elements in '{OnnxModel.Cut(location)}', and beside the model there is no such file: expected '{file}'");
            known = (info.Length, 0);
        }

        var length = Number("length") ?? needed;
        if (length != needed) throw error($"{tensor}: expected {needed:N0} bytes in '{OnnxModel.Cut(location)}', its entry says {length:N0}");
        if (offset > known.Length || needed > known.Length - offset) throw error($"{tensor}: expected {needed:N0} bytes from byte {offset:N0} on of '{OnnxModel.Cut(location)}', the file has {known.Length:N0}");
        if (needed > (known.Length * MostShares) - known.Claimed) throw error($"{tensor}: with it the tensors ask for more than {MostShares} times the {known.Length:N0} bytes of '{OnnxModel.Cut(location)}'");
        files[file] = known with { Claimed = known.Claimed + needed };
        return new FileBytes(file, offset, needed);

        string? Entry(string key) => entries.FirstOrDefault(entry => entry.Key == key)?.Value;

        long? Number(string key) => Entry(key) is not { } text ? null
            : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number
            : throw error($"{tensor}: '{key}' of its external data is '{OnnxModel.Cut(text)}', expected a number of bytes");
    }

    StoredWeight FindWeight(SafeTensors file, string name, string arrangement, string tensor, OnnxType type, int[] shape, long needed, Func<string, DataFormatException> error)
    {
        if (!file.TryGet(name, out var stored)) throw error($"{tensor} is made of '{OnnxModel.Cut(name)}', which the file does not hold");
        if (type != OnnxType.Float || stored.Type is not (TensorType.F32 or TensorType.F64 or TensorType.F16 or TensorType.BF16)) throw error($"{tensor} is made of '{OnnxModel.Cut(name)}': expected floats, got {type} of {stored.Type.Tag()}");
        if (Arrangement.Parse(arrangement, shape, stored.Length) is not { } parsed) throw error($"{tensor} is made of '{OnnxModel.Cut(name)}' {SafeTensor.Text(stored.Shape)} as '{OnnxModel.Cut(arrangement)}', which does not give {new Shape(shape)}");
        var known = files.GetValueOrDefault("");
        if (known.Length == 0) known = (file.Tensors.Sum(each => each.Length) * sizeof(float), 0);
        if (needed > (known.Length * MostShares) - known.Claimed) throw error($"{tensor}: with it the tensors ask for more than {MostShares} times the file's own");
        files[""] = known with { Claimed = known.Claimed + needed };
        return new(path, stored, parsed, needed);
    }

    /// <summary>The file at a location, which must not lead out of the model's folder, by symbolic links either.</summary>
    string Resolve(string location, string tensor, Func<string, DataFormatException> error)
    {
        var folder = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path))!;
        if (System.IO.Path.IsPathRooted(location) || location.Contains('\0', StringComparison.Ordinal) || location is [_, ':', ..]) throw Outside();
        var left = new Queue<string>(location.Split('/', '\\'));
        var reached = folder;
        var links = 0;
        while (left.TryDequeue(out var part))
        {
            if (part is "" or ".") continue;
            if (part == "..") throw Outside();
            reached = System.IO.Path.Combine(reached, part);
            if (new FileInfo(reached).LinkTarget is not { } target) continue;

            // What a link within the folder points to is walked to from the folder again.
            var inside = System.IO.Path.GetRelativePath(folder, System.IO.Path.GetFullPath(target, System.IO.Path.GetDirectoryName(reached)!));
            if (++links > MostLinks || System.IO.Path.IsPathRooted(inside) || inside.Split(System.IO.Path.DirectorySeparatorChar)[0] == "..") throw Outside();
            left = new([.. inside.Split(System.IO.Path.DirectorySeparatorChar), .. left]);
            reached = folder;
        }

        return reached;

        DataFormatException Outside() => error($"{tensor} keeps its elements in '{OnnxModel.Cut(location)}', which leads out of the model's folder: expected a relative path to a file in it, without '..' and without links out of it");
    }
}

/// <summary>A message of a model, for errors about it.</summary>
/// <param name="Source">The model's file.</param>
/// <param name="What">What it is.</param>
/// <param name="Number">Which of several; -1 if there is one.</param>
internal readonly record struct OnnxPlace(OnnxSource Source, string What, int Number = -1)
{
    /// <summary>An error about the message.</summary>
    // Put together here: a file may have a million messages.
    public DataFormatException Error(string problem) => new(Source.Path, $"{(Number < 0 ? What : $"{What} {Number}")}: {problem}");
}

/// <summary>A tensor's elements in another place than the message.</summary>
/// <param name="Length">Their bytes.</param>
internal abstract record ExternalBytes(long Length)
{
    /// <summary>Reads all of them.</summary>
    /// <exception cref="DataFormatException">The file has become shorter.</exception>
    public abstract void Read(Span<byte> target);
}

/// <summary>A stretch of another file that holds a tensor's elements.</summary>
/// <param name="File">The file.</param>
/// <param name="Offset">Where the stretch begins.</param>
/// <param name="Length">Its bytes.</param>
internal sealed record FileBytes(string File, long Offset, long Length) : ExternalBytes(Length)
{
    /// <inheritdoc/>
    public override void Read(Span<byte> target)
    {
        if (target.Length == 0) return;
        using SafeFileHandle handle = System.IO.File.OpenHandle(File);
        RandomAccessFile.ReadExactly(handle, target, Offset, File, "a tensor's elements");
    }
}

/// <summary>A tensor of a file of weights, as floats in the order of a graph.</summary>
/// <param name="File">The file.</param>
/// <param name="Tensor">Where in it.</param>
/// <param name="Arrangement">The graph's order.</param>
/// <param name="Length">Bytes of the floats.</param>
internal sealed record StoredWeight(string File, SafeTensor Tensor, Arrangement Arrangement, long Length) : ExternalBytes(Length)
{
    /// <inheritdoc/>
    public override void Read(Span<byte> target)
    {
        using SafeFileHandle handle = System.IO.File.OpenHandle(File, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
        var values = Arrangement.Apply(Tensor.Within(handle).AsFloat32());
        for (var i = 0; i < values.Length; i++) BinaryPrimitives.WriteSingleLittleEndian(target[(i * sizeof(float))..], values[i]);
    }
}
