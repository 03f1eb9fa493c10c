using System.IO.Compression;

namespace CnnSharp.Data;

/// <summary>
/// The first 4,000 training and first 1,000 test images of Fashion-MNIST, carried inside this assembly, so that a
/// network can be trained where nothing can be fetched. MIT license, copyright 2017 Zalando SE: see Embedded/LICENSE.fashion-mnist.
/// </summary>
public static class EmbeddedFashionMnist
{
    const string Name = "embedded";

    // What the two files of images hold once decompressed is known; nothing can claim more.
    const long Limit = 16 + (4_000 * 28 * 28);

    /// <summary>Reads the set. It is named <c>embedded</c>, so that no figure is taken for one of the whole set.</summary>
    public static DatasetSplits Load() => new(Read("train"), Read("t10k"), "embedded in CnnSharp.Data");

    static ImageDataset Read(string part)
    {
        var (images, labels) = ($"{part}-images-idx3-ubyte.br", $"{part}-labels-idx1-ubyte.br");
        return IdxImages.Combine(Name, Open(images), Open(labels), images, labels, FashionMnist.ClassNames, FashionMnist.Normalization);
    }

    static Idx Open(string file)
    {
        var resource = typeof(EmbeddedFashionMnist).Assembly.GetManifestResourceStream(file)
            ?? throw new InvalidOperationException($"This build of CnnSharp.Data lacks its resource {file}.");
        using var stream = new BrotliStream(resource, CompressionMode.Decompress);
        return Idx.Read(stream, file, Limit);
    }
}
