using CnnSharp.Data;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>Images of a folder whose classes, or numbers, a CSV file says.</summary>
public sealed class ImageCsvTests : IDisposable
{
    static readonly ImageFolderOptions Small = new() { Size = 4, Normalization = Normalization.None(3) };

    readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    /// <summary>Writes images of one color, 10 times their number.</summary>
    string WriteImages(int count = 6, int side = 4)
    {
        var root = Directory.CreateDirectory(folder.File("images")).FullName;
        for (var i = 0; i < count; i++)
        {
            var pixels = new byte[side * side * 3];
            Array.Fill(pixels, (byte)(10 * i));
            ImageFile.WritePng(Path.Combine(root, $"{i}.png"), new(pixels, side, side, 3));
        }

        return root;
    }

    string WriteCsv(string text)
    {
        File.WriteAllText(folder.File("labels.csv"), text);
        return folder.File("labels.csv");
    }

    /// <summary>Without a header the first image would be lost in silence.</summary>
    [Fact]
    public void A_first_line_that_names_an_image_is_no_header()
    {
        var csv = WriteCsv("0.png,dark\n1.png,dark\n5.png,bright\n");
        Assert.Contains("its first line is no header: '0.png' is an image in ", Assert.Throws<DataFormatException>(() => ImageFolder.FromCsv(csv, WriteImages(), null, Small)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ClassesAreThoseOfTheFile()
    {
        var root = WriteImages();
        var csv = WriteCsv("file,class\n0.png,dog\n1.png,cat\n\"2.png\",\"owl, barn\"\n3,dog\n5.png,cat\n");
        var set = ImageFolder.FromCsv(csv, root, options: Small).Train;
        Assert.Equal(["cat", "dog", "owl, barn"], set.ClassNames);
        Assert.Equal(["0:dog", "1:cat", "2:owl, barn", "3:dog", "5:cat"], Enumerable.Range(0, set.Count).Select(i => $"{set.Pixels(i)[0] / 10}:{set.ClassNames[set.Labels[i]]}").Order(StringComparer.Ordinal));
        Assert.All(Enumerable.Range(0, set.Count), i => Assert.Equal($"{set.Pixels(i)[0] / 10}.png", Path.GetFileName(set.FileOf(i))));

        // As fast as folders: the pixels are bytes in memory, which a device may keep.
        Assert.NotNull(set.AllPixels);
        Assert.Equal("folder", set.Name);
    }

    [Fact]
    public void ASplitColumnMakesTheParts()
    {
        var root = WriteImages();
        var csv = WriteCsv("part;image;note;kind\ntrain;0;x;a\ntest;1;x;b\nVAL;2;x;a\ntrain;3;x;b\n");
        var data = ImageFolder.FromCsv(csv, root, new() { Image = "image", Label = "kind", Split = "part" }, Small);
        Assert.Equal((2, 1, 1), (data.Train.Count, data.Test!.Count, data.Validation!.Count));
        Assert.Equal(("1.png", "b"), (Path.GetFileName(data.Test.FileOf(0)), data.Test.ClassNames[data.Test.Labels[0]]));
        Assert.Contains("does not say which column has the class: its columns are 'part', 'image', 'note', 'kind'", Assert.Throws<DataFormatException>(() => ImageFolder.FromCsv(csv, root, new() { Image = "image" }, Small)).Message, StringComparison.Ordinal);
        Assert.Contains("has no column 'what'; its columns are 'part'", Assert.Throws<DataFormatException>(() => ImageFolder.FromCsv(csv, root, new() { Image = "image", Label = "what" }, Small)).Message, StringComparison.Ordinal);

        // Images to test on alone, with the classes of a training.
        var test = ImageFolder.FromCsv(WriteCsv("image,kind,part\n1,b,test\n"), root, new() { Split = "part" }, Small with { Classes = ["b", "a"] });
        Assert.Equal((0, 1, 0), (test.Train.Count, test.Test!.Count, test.Test.Labels[0]));
    }

    [Theory]
    [InlineData("file,class\n0.png,a\n9.png,b\n", "line 3, column 1: column 'file': there is no image '9.png' in ")]
    [InlineData("file,class\n0.png,a\n1.png,\n", "line 3, column 7: column 'class': is empty; expected the class")]
    [InlineData("file,class\n0.png,a\n1.png,b\n0.png,b\n", "line 4, column 1: column 'file': '0.png' is named on line 2 already")]
    [InlineData("file,class\n0.png,a\n1.png,a\n", "has one class, 'a'")]
    [InlineData("file,class\n", "names no images")]
    [InlineData("file,class\n,a\n", "line 2, column 1: column 'file': is empty; expected the file of an image")]
    [InlineData("file,class,split\n0.png,a,x\n", "line 2, column 9: column 'split': expected train, val or test, got 'x'")]
    public void WhatIsWrongIsNamedWithItsPlace(string text, string problem)
    {
        var root = WriteImages();
        var columns = text.Contains("split", StringComparison.Ordinal) ? new CsvColumns { Split = "split" } : null;
        var error = Assert.Throws<DataFormatException>(() => ImageFolder.FromCsv(WriteCsv(text), root, columns, Small));
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void MissingImagesAreLeftOutWhereCorruptOnesAre()
    {
        var left = new List<string>();
        var root = WriteImages();
        File.WriteAllText(Path.Combine(root, "bad.png"), "no image");
        var csv = WriteCsv("file,class\n0.png,a\n9.png,b\n1.png,b\nbad.png,a\n");
        Assert.Equal(2, ImageFolder.FromCsv(csv, root, options: Small with { OnCorrupt = e => left.Add(e.Message) }).Train.Count);
        Assert.Equal(2, left.Count);
        Assert.Contains("wanted", Assert.Throws<DataFormatException>(() => ImageFolder.FromCsv(WriteCsv("file,class\n0.png,a\n1.png,c\n"), root, options: Small with { Classes = ["a", "b"] })).Message, StringComparison.Ordinal);
    }

    /// <summary>Numbers go with their images, in the order of the file, in memory or not, and where an image cannot be read.</summary>
    [Theory]
    [InlineData(4, 1L << 30)]
    [InlineData(9, 1L << 30)]
    [InlineData(9, 0L)]
    public void NumbersGoWithTheirImages(int side, long budget)
    {
        var root = WriteImages(side: side);
        File.WriteAllText(Path.Combine(root, "bad.png"), "no image");
        var csv = WriteCsv("file,angle,red,blue\n4.png,-1.5,0,1\nbad.png,7,7,7\n0.png,2e3,1,0\n2,.25,1,1\n");
        var options = Small with { MemoryBudget = budget, OnCorrupt = _ => { } };
        var set = Dataset.FromCsv(csv, root, ["blue", "angle"], options: options);
        Assert.Equal(("labels", 3, new Shape(4, 4, 3), new Shape(2)), (set.Name, set.Count, set.Inputs[0].Shape, set.Targets[0].Shape));
        foreach (var batch in new DataLoader(set, 3, Device.Reference, shuffle: false))
        {
            Assert.Equal([1, -1.5f, 0, 2000, 1, 0.25f], batch.Targets[0].ToArray());
            Assert.Equal([40f / 255, 0, 20f / 255], batch.Images.ToArray().Chunk(48).Select(image => image[17]), (a, b) => MathF.Abs(a - b) < 1e-6f);
        }

        Assert.Contains("line 2, column 7: column 'angle': expected a finite number (with a point for the fraction), got '1,5'", Assert.Throws<DataFormatException>(() => Dataset.FromCsv(WriteCsv("file;angle\n4.png;1,5\n"), root, ["angle"], options: Small)).Message, StringComparison.Ordinal);
        Assert.Contains("'angle'", Assert.Throws<DataFormatException>(() => Dataset.FromCsv(WriteCsv("file;angle\n4.png;NaN\n"), root, ["angle"], options: Small)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => Dataset.FromCsv(csv, root, []));
    }

    /// <summary>Where images are read when they are asked for, the targets of one that stands in for another are its own.</summary>
    [Fact]
    public void AnImageThatStandsInBringsItsTargets()
    {
        var root = WriteImages(count: 3, side: 6);
        var csv = WriteCsv("file,value\n0.png,0\n1.png,1\n2.png,2\n");
        var set = Dataset.FromCsv(csv, root, ["value"], options: Small with { MemoryBudget = 0, OnCorrupt = _ => { } });
        File.WriteAllText(Path.Combine(root, "1.png"), "damaged since");
        var batch = new DataLoader(set, 3, Device.Reference, shuffle: false).First();
        Assert.Equal([0, 2, 2], batch.Targets[0].ToArray());
    }
}
