namespace CnnSharp.Data;

/// <summary>Pairs of IDX files, gray images and their labels, under the names that MNIST gave them.</summary>
static class IdxImages
{
    /// <summary>How pairs of files are named, and the folders that other libraries put them into.</summary>
    /// <param name="train">What the names of the training pair begin with.</param>
    /// <param name="test">And of the test pair.</param>
    /// <param name="folders">Folders inside the one that is named.</param>
    public static DataLayout Layout(string train, string test, params string[] folders) => new([ImagesOf(train), ImagesOf(test)], folders, []);

    /// <summary>Reads the training pair and the test pair, of which one may be missing.</summary>
    /// <param name="place">The folder, or one of the files of images.</param>
    /// <param name="name">What the set is called.</param>
    /// <param name="layout">The files of images, of the training pair first.</param>
    /// <param name="classNames">The classes.</param>
    /// <param name="normalization">How; null: by mean and standard deviation of the images.</param>
    public static DatasetSplits Load(string place, string name, DataLayout layout, IReadOnlyList<string> classNames, Normalization? normalization)
    {
        var folder = DataSource.Require(place, layout).Path;
        var (train, test) = (Pair(layout.Names[0]), Pair(layout.Names[1]));
        normalization ??= Normalization.Measure((train ?? test)!);
        test = test?.With(normalization);
        return new(train?.With(normalization) ?? test!.Take(0), test, folder);

        ImageDataset? Pair(string images)
        {
            if (DataFile.Find(folder, images) is not { } imagesFile) return null;
            var labelsFile = DataFile.Require(folder, images.Replace("-images-idx3-", "-labels-idx1-", StringComparison.Ordinal));
            return Combine(name, Idx.Read(imagesFile), Idx.Read(labelsFile), imagesFile, labelsFile, classNames, normalization);
        }
    }

    /// <summary>Checks that images and labels belong together.</summary>
    public static ImageDataset Combine(string name, Idx images, Idx labels, string imagesFile, string labelsFile, IReadOnlyList<string> classNames, Normalization? normalization)
    {
        if (images.Shape.Length != 3) throw new DataFormatException(imagesFile, "the extents", "[images, rows, columns]", Idx.Text(images.Shape));
        if (labels.Shape.Length != 1) throw new DataFormatException(labelsFile, "the extents", "[images]", Idx.Text(labels.Shape));
        if (labels.Shape[0] != images.Shape[0]) throw new DataFormatException(labelsFile, "the number of labels", $"{images.Shape[0]:N0}, one an image", $"{labels.Shape[0]:N0}");
        if (images.Length == 0) throw new DataFormatException(imagesFile, "the extents", "at least one image of at least one pixel", Idx.Text(images.Shape));

        var classes = Array.ConvertAll(labels.Values<byte>(), l => (int)l);
        var wrong = ImageDataset.LabelOutside(classes, classNames.Count);
        if (wrong >= 0) throw new DataFormatException(labelsFile, $"the label of image {wrong:N0}", $"0 to {classNames.Count - 1}", $"{classes[wrong]}", 8 + wrong);
        return new(name, images.Values<byte>(), classes, images.Shape[1], images.Shape[2], channels: 1, classNames, normalization);
    }

    static string ImagesOf(string part) => $"{part}-images-idx3-ubyte";
}
