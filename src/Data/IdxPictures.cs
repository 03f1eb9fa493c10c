namespace CnnSharp.Data;

/// <summary>Pairs of IDX files, grey pictures and their labels, under the names that MNIST gave them.</summary>
static class IdxPictures
{
    const string Train = "train";
    const string Test = "t10k";

    /// <summary>Whether a folder holds the training pictures.</summary>
    public static bool AreIn(string folder) => DataFile.Find(folder, PicturesOf(Train)) is not null;

    /// <summary>Reads the training pair, and the test pair if its pictures are there.</summary>
    public static DataSet Load(string folder, string name, IReadOnlyList<string> classNames, Normalization normalization)
    {
        PictureSet Pair(string part) => Combine(
            name,
            Idx.Read(DataFile.Require(folder, PicturesOf(part))),
            Idx.Read(DataFile.Require(folder, LabelsOf(part))),
            Path.Combine(folder, PicturesOf(part)),
            Path.Combine(folder, LabelsOf(part)),
            classNames,
            normalization);

        return new(Pair(Train), DataFile.Find(folder, PicturesOf(Test)) is null ? null : Pair(Test), folder);
    }

    /// <summary>Checks that pictures and labels belong together.</summary>
    public static PictureSet Combine(string name, Idx pictures, Idx labels, string picturesFile, string labelsFile, IReadOnlyList<string> classNames, Normalization normalization)
    {
        if (pictures.Shape.Length != 3) throw new DataFormatException(picturesFile, "the extents", "[pictures, rows, columns]", Idx.Text(pictures.Shape));
        if (labels.Shape.Length != 1) throw new DataFormatException(labelsFile, "the extents", "[pictures]", Idx.Text(labels.Shape));
        if (labels.Shape[0] != pictures.Shape[0]) throw new DataFormatException(labelsFile, "the number of labels", $"{pictures.Shape[0]:N0}, one a picture", $"{labels.Shape[0]:N0}");
        if (pictures.Length == 0) throw new DataFormatException(picturesFile, "the extents", "at least one picture of at least one pixel", Idx.Text(pictures.Shape));

        var classes = Array.ConvertAll(labels.Values<byte>(), l => (int)l);
        var wrong = PictureSet.LabelOutside(classes, classNames.Count);
        if (wrong >= 0) throw new DataFormatException(labelsFile, $"the label of picture {wrong:N0}", $"0 to {classNames.Count - 1}", $"{classes[wrong]}", 8 + wrong);
        return new(name, pictures.Values<byte>(), classes, pictures.Shape[1], pictures.Shape[2], channels: 1, classNames, normalization);
    }

    static string PicturesOf(string part) => $"{part}-images-idx3-ubyte";

    static string LabelsOf(string part) => $"{part}-labels-idx1-ubyte";
}
