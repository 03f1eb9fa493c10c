using System.Globalization;
using CnnSharp.Data;
using Xunit;

namespace CnnSharp.Tests;

public sealed class ImageFolderTests : IDisposable
{
    static readonly Device Device = Device.Reference;

    readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    /// <summary>Writes images of many sizes in class folders: the class is the color, the image's number its blue.</summary>
    string WriteFolder(string name = "images", int perClass = 6, bool square = false, params string[] classes)
    {
        var root = folder.File(name);
        if (classes.Length == 0) classes = ["apple", "banana", "cherry"];
        for (var c = 0; c < classes.Length; c++)
        {
            Directory.CreateDirectory(Path.Combine(root, classes[c], "more"));
            for (var i = 0; i < perClass; i++)
            {
                ImageFile.WritePng(Path.Combine(root, classes[c], i % 2 == 0 ? "" : "more", $"{i}.png"), Numbered(c, i, square));
            }

            File.WriteAllText(Path.Combine(root, classes[c], "notes.txt"), "not an image");
        }

        return root;
    }

    static DecodedImage Numbered(int label, int number, bool square = false)
    {
        var (height, width) = square ? (16, 16) : (16 + (3 * number), Math.Max(4, 28 - (2 * number)));
        var pixels = new byte[height * width * 3];
        for (var p = 0; p < pixels.Length; p += 3) (pixels[p], pixels[p + 1], pixels[p + 2]) = ((byte)(60 * label), (byte)(p / 3 % width * 8), (byte)(10 * number));
        return new(pixels, height, width, 3);
    }

    static List<(float[] Images, int[] Labels)> Collect(IEnumerable<Batch> batches) => [.. batches.Select(batch => (batch.Images.ToArray(), batch.Labels.ToArray<int>()))];

    static readonly ImageFolderOptions Small = new() { Size = 16, Normalization = new([0, 0, 0], [1 / 255f, 1 / 255f, 1 / 255f]) };

    [Fact]
    public void FoldersAreClassesAndEveryImageIsThereOnce()
    {
        var set = ImageFolder.Load(WriteFolder(), Small).Train;
        Assert.Equal(["apple", "banana", "cherry"], set.ClassNames);
        Assert.Equal((18, 16, 16, 3), (set.Count, set.Height, set.Width, set.Channels));
        var seen = new HashSet<(int, byte)>();
        for (var i = 0; i < set.Count; i++)
        {
            Assert.Equal(60 * set.Labels[i], set.Pixels(i)[0]);
            seen.Add((set.Labels[i], set.Pixels(i)[2]));
        }

        Assert.Equal(18, seen.Count);

        // Mixed, so that the last ones are some of every class; and the same ones each time.
        Assert.NotEqual(set.Labels.ToArray().Order(), set.Labels.ToArray());
        Assert.Equal(set.Labels.ToArray(), ImageFolder.Load(folder.File("images"), Small).Train.Labels.ToArray());
        Assert.NotEqual(set.Labels.ToArray(), ImageFolder.Load(folder.File("images"), Small with { SplitSeed = 5 }).Train.Labels.ToArray());
    }

    [Fact]
    public void ImagesOfOneSizeBecomeAnOrdinarySet()
    {
        var set = ImageFolder.Load(WriteFolder(square: true), Small).Train;
        Assert.NotNull(set.AllPixels);
        Assert.Equal(18 * 16 * 16 * 3, set.AllPixels.Length);
        Assert.Null(ImageFolder.Load(folder.File("images"), Small with { MemoryBudget = 1_000 }).Train.AllPixels);
    }

    [Fact]
    public void ValidationAndTestFoldersAreFound()
    {
        WriteFolder(Path.Combine("split", "train"));
        WriteFolder(Path.Combine("split", "val"), perClass: 2);
        WriteFolder(Path.Combine("split", "test"), perClass: 1, classes: ["banana", "cherry"]);
        var set = ImageFolder.Load(folder.File("split"), Small);
        Assert.Equal((18, 6, 2), (set.Train.Count, set.Validation!.Count, set.Test!.Count));
        Assert.Equal([1, 2], set.Test.Labels.ToArray());
        Assert.Equal(set.Train.ClassNames, set.Test.ClassNames);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void BatchesDoNotDependOnThreadsOrOnWhatIsKeptInMemory(bool square)
    {
        var root = WriteFolder(square: square);
        var everything = Augment.RandomResizedCrop(0.3).Then(Augment.Rotate(20)).Then(Augment.FlipUpDown()).Then(Augment.ColorJitter(hue: 0.1)).Then(Augment.Erase())
            .Then(Augment.PadAndCrop(2)).Then(Augment.Flip()).Then(Augment.Cutout(4)).Then(Augment.Mixup());
        var others = Augment.RandAugment(8).Then(Augment.PadAndCrop(2, Kernels.ImagePadding.Reflect)).Then(Augment.AlternatingFlip()).Then(Augment.CutMix());
        foreach (var augmentation in new[] { Augment.None, Augment.RandomCrop(), everything, others })
        {
            var (kept, read) = (ImageFolder.Load(root, Small).Train, ImageFolder.Load(root, Small with { MemoryBudget = 0 }).Train);
            var expected = Collect(new DataLoader(kept, 4, Device, augmentation, seed: 3, threads: 1).Epoch(2));
            foreach (var actual in new[] { Collect(new DataLoader(kept, 4, Device, augmentation, seed: 3, threads: 4).Epoch(2)), Collect(new DataLoader(read, 4, Device, augmentation, seed: 3, threads: 4).Epoch(2)) })
            {
                Assert.Equal(5, actual.Count);
                foreach (var (e, a) in expected.Zip(actual))
                {
                    Assert.Equal(e.Labels, a.Labels);
                    Assert.Equal(e.Images, a.Images);
                }
            }

            if (augmentation != Augment.None && !square) Assert.NotEqual(expected[0].Images, Collect(new DataLoader(kept, 4, Device, augmentation, seed: 4).Epoch(2))[0].Images);
        }
    }

    [Fact]
    public void WithoutAugmentationABatchIsTheMiddleOfEachImage()
    {
        var set = ImageFolder.Load(WriteFolder(), Small).Train;
        var (images, labels) = Collect(new DataLoader(set, 18, Device, shuffle: false))[0];
        Assert.Equal(set.Labels.ToArray(), labels);
        for (var i = 0; i < set.Count; i++)
        {
            var pixels = set.Pixels(i);
            for (var p = 0; p < pixels.Length; p++) Assert.Equal(pixels[p], images[(i * pixels.Length) + p], 1e-2f);
        }
    }

    [Fact]
    public void MixedImagesAreSharesOfTwoAndSoAreTheirLabels()
    {
        var set = ImageFolder.Load(WriteFolder(square: true), Small).Train;
        var plain = Collect(new DataLoader(set, 6, Device, seed: 8).Epoch(0));
        var shares = new HashSet<float>();
        var number = 0;
        foreach (var batch in new DataLoader(set, 6, Device, Augment.Mixup(1), seed: 8).Epoch(0))
        {
            var (images, labels) = plain[number++];
            Assert.InRange(batch.Share, 0.5f, 1f);
            shares.Add(batch.Share);
            Assert.Equal(labels, batch.Labels.ToArray<int>());
            Assert.Equal(labels.Reverse(), batch.OtherLabels!.ToArray<int>());
            var mixed = batch.Images.ToArray();
            var length = mixed.Length / 6;
            for (var i = 0; i < mixed.Length; i++)
            {
                var partner = ((5 - (i / length)) * length) + (i % length);
                Assert.Equal((batch.Share * images[i]) + ((1 - batch.Share) * images[partner]), mixed[i], 1e-2f);
            }
        }

        Assert.Equal(3, shares.Count);
    }

    [Fact]
    public void ResizingKeepsMeansAndEdgesWhereTheyAre()
    {
        // A step from 0 to 200 in the middle, at half the size and at twice.
        var pixels = Enumerable.Range(0, 8 * 8).Select(i => (byte)(i % 8 < 4 ? 0 : 200)).ToArray();
        foreach (var side in new[] { 4, 16 })
        {
            var target = new byte[side * side];
            Resampler.Resize(new(pixels, 8, 8), new(0, 0, 8, 8), 1, side, side, target);
            for (var y = 0; y < side; y++)
            {
                Assert.Equal(0, target[y * side]);
                Assert.Equal(200, target[(y * side) + side - 1]);
                for (var x = 0; x < side; x++) Assert.Equal(200, target[(y * side) + x] + target[(y * side) + side - 1 - x]);
            }
        }

        // Worked out by hand: from 4 to 2 pixels the triangle reaches 2 either way: weights 3 3 1 of 7 at the edge.
        var half = new byte[2];
        Resampler.Resize(new([7, 21, 70, 140], 1, 4), new(0, 0, 1, 4), 1, 1, 2, half);
        Assert.Equal([(byte)(((3 * 7) + (3 * 21) + 70 + 3.5) / 7), (byte)((21 + (3 * 70) + (3 * 140) + 3.5) / 7)], half);
    }

    [Fact]
    public void TransformsDoWhatTheySay()
    {
        var pixels = Enumerable.Range(0, 6 * 6 * 3).Select(i => (byte)(i * 2)).ToArray();
        Assert.Equal(pixels, Render(Augment.None));
        var over = Render(Augment.FlipUpDown(1));
        for (var y = 0; y < 6; y++) Assert.Equal(pixels[(y * 18)..((y + 1) * 18)], over[((5 - y) * 18)..((6 - y) * 18)]);

        // Gray stays gray under any hue and saturation; the mean stays near the same under contrast.
        var gray = Enumerable.Range(0, 36).SelectMany(i => Enumerable.Repeat((byte)(i * 6), 3)).ToArray();
        var colored = Render(Augment.ColorJitter(0, 0, 1, 0.5), gray);
        for (var i = 0; i < gray.Length; i++) Assert.InRange(colored[i], gray[i] - 1, gray[i] + 1);
        var erased = Render(Augment.Erase(1), Enumerable.Repeat((byte)200, 108).ToArray());
        Assert.Contains((byte)7, erased);
        Assert.All(erased, value => Assert.True(value is 200 or 7));

        // What a crop takes of one color is that color, wherever it is.
        Assert.All(Render(Augment.RandomResizedCrop(), Enumerable.Repeat((byte)90, 108).ToArray()), value => Assert.Equal(90, value));
        Assert.NotEqual(pixels, Render(Augment.RandomResizedCrop(0.2)));
        Assert.NotEqual(pixels, Render(Augment.Rotate(90)));

        byte[] Render(Augment augment, byte[]? source = null)
        {
            var target = new byte[108];
            augment.Render(new(source ?? pixels, 6, 6), 3, 6, 6, target, [7, 7, 7], seed: 1, stream: 2, position: 3);
            return target;
        }
    }

    [Fact]
    public void AlphaAndGrayAndPalettesBecomeWhatTheSetIs()
    {
        var root = WriteFolder(perClass: 1);
        File.WriteAllBytes(Path.Combine(root, "apple", "palette.png"), PngBuilder.Write(16, 16, 3, 2, interlaced: true, (_, _, _) => 2, [0, 0, 0, 0, 0, 0, 10, 20, 30, 0, 0, 0]));
        ImageFile.WritePng(Path.Combine(root, "banana", "clear.png"), new(new byte[16 * 16 * 2], 16, 16, 2));
        var set = ImageFolder.Load(root, Small with { Background = new(1, 2, 3) }).Train;
        Assert.Contains(Enumerable.Range(0, set.Count), i => set.Labels[i] == 0 && set.Pixels(i)[..3].SequenceEqual<byte>([10, 20, 30]));
        Assert.Contains(Enumerable.Range(0, set.Count), i => set.Labels[i] == 1 && set.Pixels(i)[..3].SequenceEqual<byte>([1, 2, 3]));
        Assert.Equal(1, ImageFolder.Load(root, new() { Size = 8, Channels = 1 }).Train.Channels);
    }

    [Theory]
    [InlineData(1L << 30)]
    [InlineData(0L)]
    public void ACorruptImageIsNamedAndFatalOrLeftOut(long budget)
    {
        var root = WriteFolder(square: true);
        var broken = Path.Combine(root, "banana", "2.png");
        var bytes = File.ReadAllBytes(broken);
        bytes[^20] ^= 255;
        File.WriteAllBytes(broken, bytes);
        var options = Small with { MemoryBudget = budget };
        var error = Assert.Throws<DataFormatException>(() => Collect(new DataLoader(ImageFolder.Load(root, options).Train, 4, Device)));
        Assert.Contains(broken, error.Message, StringComparison.Ordinal);

        var left = new List<string>();
        var set = ImageFolder.Load(root, options with { OnCorrupt = e => { lock (left) left.Add(e.File); } }).Train;
        var batches = Collect(new DataLoader(set, 4, Device)).Concat(Collect(new DataLoader(set, 4, Device))).ToList();
        Assert.Equal([broken], left);
        // Where images are read in each epoch, a codec may find it only then, and another image stands in.
        Assert.Contains(batches.Sum(b => b.Labels.Length), budget == 0 ? [34, 36] : new[] { 34 });
        foreach (var (images, labels) in batches)
            for (var n = 0; n < labels.Length; n++) Assert.Equal(60f * labels[n], images[n * images.Length / labels.Length], 1e-2f);
    }

    [Fact]
    public void FoldersThatMakeNoSetSayWhy()
    {
        Says("there is no such folder", folder.File("absent"));
        Says("has no folders: a folder of images has one a class", Directory.CreateDirectory(folder.File("bare")).FullName);
        Says("has one class, 'only'", WriteFolder("one", classes: "only"));
        var root = WriteFolder();
        Directory.CreateDirectory(Path.Combine(root, "damson"));
        Says("the class has no images (.png, .jpg,", root);
        File.WriteAllText(Path.Combine(root, "damson", "a.HEIC"), "");
        Says(".apng); it has 1 .heic.", root);
        Directory.Delete(Path.Combine(root, "damson"), recursive: true);
        Assert.Contains("only the data has 'cherry'", Assert.Throws<DataFormatException>(() => ImageFolder.Load(root, Small with { Classes = ["apple", "banana"] })).Message, StringComparison.Ordinal);
        Assert.Contains("Resize must be from Size, 16,", Assert.Throws<ArgumentOutOfRangeException>(() => ImageFolder.Load(root, Small with { Resize = 8 })).Message, StringComparison.Ordinal);
        foreach (var name in new[] { "rose.png", "readme.txt" }) File.WriteAllText(Path.Combine(folder.File("bare"), name), "");
        Says("has images but no folders, so nothing says what they are", folder.File("bare"));
        Says("has no folders", Directory.CreateDirectory(folder.File(Path.Combine("split", "train"))).Parent!.FullName);

        void Says(string text, string path) => Assert.Contains(text, Assert.Throws<DataFormatException>(() => ImageFolder.Load(path, Small)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Train", "Val", "Test")]
    [InlineData("Training", "VALIDATION", "Testing")]
    [InlineData("TRAIN", "Valid", "TEST")]
    [InlineData("train", "Eval", null)]
    [InlineData("training", null, "testing")]
    [InlineData("Train", "dev", "tEST")]
    [InlineData("train", "evaluation", null)]
    public void SplitsAreKnownByTheirNamesInAnyCase(string train, string? validation, string? test)
    {
        WriteFolder(Path.Combine("split", train));
        if (validation is not null) WriteFolder(Path.Combine("split", validation), perClass: 2);
        if (test is not null) WriteFolder(Path.Combine("split", test), perClass: 1);
        var set = ImageFolder.Load(folder.File("split"), Small);
        Assert.Equal(["apple", "banana", "cherry"], set.Train.ClassNames);
        Assert.Equal((18, validation is null ? null : 6, test is null ? null : 3), (set.Train.Count, set.Validation?.Count, set.Test?.Count));
    }

    [Fact]
    public void SplitsBesideClassesAreRefused()
    {
        WriteFolder("mixed", classes: ["apple", "banana"]);
        WriteFolder("mixed/Test", classes: ["apple", "banana"]);
        Refuses(folder.File("mixed"), "the folder 'Test' is named like a split and stands beside 2 others, such as 'apple'; put the class folders into 'train', or rename 'Test'");

        // Without labels too: it is no class 'Test'.
        Directory.CreateDirectory(folder.File("unlabeled"));
        WriteFolder("unlabeled", classes: ["apple", "banana"]);
        ImageFile.WritePng(Path.Combine(Directory.CreateDirectory(folder.File("unlabeled/test")).FullName, "a.png"), Numbered(0, 0));
        Refuses(folder.File("unlabeled"), "the folder 'test' is named like a split");

        WriteFolder("split/train");
        ImageFile.WritePng(Path.Combine(Directory.CreateDirectory(folder.File("split/test")).FullName, "a.png"), Numbered(0, 0));
        Refuses(folder.File("split"), $"{folder.File("split/test")}: has images but no folders, so nothing says what they are");

        WriteFolder("twice/val");
        WriteFolder("twice/Validation");
        WriteFolder("twice/train");
        Refuses(folder.File("twice"), "the folders 'Validation' and 'val' name the same split; keep one");
    }

    [Fact]
    public void ATestSplitAloneIsNotTrainedOn()
    {
        WriteFolder("split/Test", perClass: 2);
        var set = ImageFolder.Load(folder.File("split"), Small with { Classes = ["apple", "banana", "cherry", "damson"] });
        Assert.Equal((0, 6, null), (set.Train.Count, set.Test?.Count, set.Validation?.Count));
        Assert.Equal(4, set.Test!.Classes);
        Assert.Equal("folder", set.Name);
    }

    /// <summary>What is no image is counted by its ending, wherever it lies, and every usual ending is an image.</summary>
    [Fact]
    public void WhatIsIgnoredIsCounted()
    {
        var root = WriteFolder(classes: ["apple", "banana"]);
        var image = File.ReadAllBytes(Path.Combine(root, "apple", "0.png"));
        string[] images = ["a.jfif", "b.jpe", "c.JPEG", "d.TIF", "e.JPG", "f.WebP", "g.dib", "h.GIF", "i \u00E9\u4E2D.png"];
        foreach (var name in images) File.WriteAllBytes(Path.Combine(root, "apple", name), image);
        foreach (var name in new[] { "a.heic", "b.HEIC", "c.avif", "d.svg", ".hidden.png", "Thumbs.db", "LICENSE" }) File.WriteAllText(Path.Combine(root, "banana", "more", name), "");
        File.WriteAllBytes(Path.Combine(root, "loose.png"), image);
        Directory.CreateDirectory(Path.Combine(root, "__MACOSX", "apple"));
        var set = ImageFolder.Load(root, Small);
        Assert.Equal(12 + images.Length, set.Train.Count);
        Assert.Equal(
            [(".avif", 1), (".db", 1), (".heic", 2), (".png outside a class folder", 1), (".svg", 1), (".txt", 2), ("hidden", 1), ("without an ending", 1)],
            set.Ignored.Select(kind => (kind.Key, kind.Value)));
    }

    /// <summary>Order, classes and pixels are the same under a culture of other signs and separators.</summary>
    [Fact]
    public void TheCultureChangesNothing()
    {
        var root = WriteFolder(classes: ["Zebra", "apple", "\u00C4pfel", "I", "i\u0131"]);
        File.WriteAllText(Path.Combine(root, "I", "a.PPM"), "P3 1 1 100 1 50 100 ");
        var (expected, before) = (ImageFolder.Load(root, Small).Train, CultureInfo.CurrentCulture);
        Assert.Equal(["I", "Zebra", "apple", "i\u0131", "\u00C4pfel"], expected.ClassNames);
        var other = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        (other.NumberFormat.NegativeSign, other.NumberFormat.NumberDecimalSeparator, other.NumberFormat.NumberGroupSeparator) = ("\u2212", ",", ".");
        try
        {
            CultureInfo.CurrentCulture = other;
            var actual = ImageFolder.Load(root, Small).Train;
            Assert.Equal(expected.ClassNames, actual.ClassNames);
            Assert.Equal(expected.Labels.ToArray(), actual.Labels.ToArray());
            for (var i = 0; i < expected.Count; i++) Assert.Equal(expected.Pixels(i).ToArray(), actual.Pixels(i).ToArray());
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Fact]
    public void LinksToImagesAreReadAsWhatTheyLeadTo()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Links take a privilege there.");
        var root = WriteFolder(classes: ["apple", "banana"]);
        File.Move(Path.Combine(root, "apple", "0.png"), folder.File("elsewhere.png"));
        File.CreateSymbolicLink(Path.Combine(root, "apple", "0.png"), folder.File("elsewhere.png"));
        Assert.Equal(12, ImageFolder.Load(root, Small).Train.Count);
        File.Delete(folder.File("elsewhere.png"));
        Refuses(root, $"{Path.Combine(root, "apple", "0.png")}: cannot be opened");
        File.WriteAllBytes(folder.File("elsewhere.png"), []);
        Refuses(root, $"{Path.Combine(root, "apple", "0.png")}: the file is empty");
    }

    [Fact]
    public void AClassThatIsCalledTrainIsAClass()
    {
        var root = WriteFolder(classes: ["bus", "train"]);
        Directory.Delete(Path.Combine(root, "train", "more"), recursive: true);
        Assert.Equal(["bus", "train"], ImageFolder.Load(root, Small).Train.ClassNames);
    }

    [Fact]
    public void ClassesThatDifferInCaseOnlyAreRefused()
    {
        var root = WriteFolder();
        Directory.CreateDirectory(Path.Combine(root, "Banana"));
        Assert.SkipWhen(Directory.GetDirectories(root).Length == 3, "The file system does not tell such names apart.");
        Refuses(root, "the classes 'Banana' and 'banana' differ in case only");
        Refuses(root, "the classes 'Banana' and 'banana' differ in case only", Small with { Classes = ["Banana", "apple", "banana", "cherry"] });
    }

    [Theory]
    [InlineData("apple/round", "..", "leads back to")]
    [InlineData("apple/again", "more", "", 18)]
    [InlineData("apple/more/round", "../../apple", "leads back to")]
    [InlineData("apple/round", "round", "leads in a circle")]
    [InlineData("apple/nowhere", "../gone", "leads nowhere: there is no '../gone'")]
    [InlineData("damson", "elsewhere", "leads nowhere")]
    [InlineData("damson", "..", "leads back to")]
    [InlineData("damson", "../damsons/damson", "", 24)]
    public void LinksAreFollowedAndCirclesNamed(string link, string target, string error, int images = 0)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Links take a privilege there.");
        var root = WriteFolder();
        WriteFolder("damsons", classes: ["damson"]);
        Directory.CreateSymbolicLink(Path.Combine(root, link), target);
        if (error.Length > 0) Refuses(root, error);
        else Assert.Equal(images, ImageFolder.Load(root, Small).Train.Count);
    }

    /// <summary>Each into the other, by ways that only make sense from where a link really stands; and thirty pairs that double the ways down.</summary>
    [Fact]
    public void LinksThatCrossEndToo()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Links take a privilege there.");
        var root = WriteFolder();
        Directory.CreateSymbolicLink(Path.Combine(root, "apple", "other"), "../banana");
        Directory.CreateSymbolicLink(Path.Combine(root, "banana", "other"), "../apple");
        Refuses(root, "leads back to");
        Directory.Delete(Path.Combine(root, "apple", "other"));
        Directory.Delete(Path.Combine(root, "banana", "other"));

        var step = Path.Combine(root, "apple");
        for (var depth = 0; depth < 30; depth++)
        {
            Directory.CreateSymbolicLink(Path.Combine(step, "left"), "step");
            step = Directory.CreateDirectory(Path.Combine(step, "step")).FullName;
        }

        Assert.Equal(18, ImageFolder.Load(root, Small).Train.Count);
    }

    [Fact]
    public void AnImageThatIsDamagedWithinAnEpochIsNamedAndFatalOrStoodInFor()
    {
        var root = WriteFolder(perClass: 12);
        var (left, options) = (new List<string>(), Small with { MemoryBudget = 0 });
        var strict = new DataLoader(ImageFolder.Load(root, options).Train, 4, Device);
        var lenient = new DataLoader(ImageFolder.Load(root, options with { OnCorrupt = e => { lock (left) left.Add(e.File); } }).Train, 4, Device);
        var before = Collect(lenient.Epoch(0));
        Assert.Equal(9, Collect(strict.Epoch(0)).Count);

        // After the first epoch, one in the middle of the second: cut off, so that its header is sound.
        var broken = Path.Combine(root, "banana", "2.png");
        File.WriteAllBytes(broken, File.ReadAllBytes(broken)[..60]);
        var seen = 0;
        var error = Assert.Throws<DataFormatException>(() =>
        {
            foreach (var batch in strict.Epoch(1)) seen += batch.Count;
        });
        Assert.StartsWith($"{broken}: ", error.Message, StringComparison.Ordinal);
        Assert.InRange(seen, 0, 32);

        for (var epoch = 1; epoch < 3; epoch++)
        {
            var batches = Collect(lenient.Epoch(epoch));
            Assert.Equal(36, batches.Sum(batch => batch.Labels.Length));
            foreach (var (images, labels) in batches)
                for (var n = 0; n < labels.Length; n++) Assert.Equal(60f * labels[n], images[n * images.Length / labels.Length], 1e-2f);
        }

        Assert.Equal([broken], left);

        // The first epoch is the same to the bit once the image is whole again, as nothing of it was kept.
        File.Delete(broken);
        Assert.Throws<DataFormatException>(() => Collect(strict.Epoch(0)));
        ImageFile.WritePng(broken, Numbered(1, 2));
        Assert.Equal(before.Select(batch => batch.Images), Collect(strict.Epoch(0)).Select(batch => batch.Images));
    }

    void Refuses(string root, string error, ImageFolderOptions? options = null)
        => Assert.Contains(error, Assert.Throws<DataFormatException>(() => ImageFolder.Load(root, options ?? Small)).Message, StringComparison.Ordinal);
}
