using System.Security.Cryptography;
using System.Text;

namespace CnnSharp.Formats;

/// <summary>A checksum over all that a file of tensors says, wherever it stands in the file, among its metadata.</summary>
static class ContentChecksum
{
    /// <summary>The key under which it stands.</summary>
    public const string Key = "checksum";

    /// <summary>Of everything but itself.</summary>
    public static string Of(IEnumerable<KeyValuePair<string, string>> metadata, IEnumerable<SafeTensor> tensors)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (key, value) in metadata.Where(pair => pair.Key != Key).OrderBy(pair => pair.Key, StringComparer.Ordinal)) Add($"{key}={value}\n");
        foreach (var tensor in tensors.OrderBy(t => t.Name, StringComparer.Ordinal))
        {
            Add($"{tensor.Name} {tensor.Type.Tag()} {SafeTensor.Text(tensor.Shape)}\n");
            hash.AppendData(tensor.ReadBytes());
        }

        return $"sha256:{Convert.ToHexStringLower(hash.GetHashAndReset())}";

        void Add(string text) => hash.AppendData(Encoding.UTF8.GetBytes(text));
    }

    /// <summary>Reads everything, and compares it with the checksum, if there is one.</summary>
    /// <exception cref="DataFormatException">The contents are not those that were written.</exception>
    public static void Verify(string path, SafeTensors file)
    {
        if (!file.Metadata.TryGetValue(Key, out var expected)) return;
        var actual = Of(file.Metadata, file.Tensors);
        if (actual != expected) throw new DataFormatException(path, "is damaged; the checksum of its contents", expected, actual);
    }
}
