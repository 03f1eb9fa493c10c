namespace CnnSharp.Data;

/// <summary>
/// Images of one size with a label each, immutable: pixels uint8 [Count, Height, Width, Channels]. Parts of a set
/// (<see cref="Slice"/>, <see cref="Take"/>, <see cref="Subset"/>, <see cref="Split(int)"/>, <see cref="Folds"/>) are views:
/// they share its pixels, in memory and on a device. A set of images of several sizes (<see cref="ImageFolder"/>) gives the
/// middle of each, or a random part where the augmentation says so.
/// </summary>
public sealed class ImageDataset : IDataset
{
    readonly int[] labels;
    readonly string[] classNames;
    readonly IImageSource? source;

    /// <summary>Of a view whose images do not follow each other, the place of each among all that share its memory, beside its label.</summary>
    readonly int[]? places;

    /// <summary>The file of each image that shares this set's memory; null: they come from none of their own.</summary>
    readonly string[]? files;

    /// <summary>Creates a set. The arrays are not copied and must not be written afterwards.</summary>
    /// <param name="name">What it is called in messages.</param>
    /// <param name="pixels">Pixels, [count, height, width, channels], 0 to 255; at most 2 GiB.</param>
    /// <param name="labels">The class of each image, from 0.</param>
    /// <param name="height">Rows of an image.</param>
    /// <param name="width">Columns of an image.</param>
    /// <param name="channels">1 for gray, 3 for red, green, blue.</param>
    /// <param name="classNames">The name of each class.</param>
    /// <param name="normalization">How to normalize its pixels; null leaves them from 0 to 1.</param>
    /// <exception cref="ArgumentException">The pixels do not fit the labels and the extents, or a label is outside the classes.</exception>
    public ImageDataset(string name, byte[] pixels, int[] labels, int height, int width, int channels, IReadOnlyList<string> classNames, Normalization? normalization = null)
        : this(name, labels, height, width, channels, classNames, normalization)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        ArgumentNullException.ThrowIfNull(labels);
        var expected = (Int128)labels.Length * height * width * channels;
        if (pixels.Length != expected) throw new ArgumentException($"'{name}': {labels.Length:N0} labels of images [{height}, {width}, {channels}] need {expected:N0} pixel bytes, got {pixels.Length:N0}.", nameof(pixels));
        AllPixels = pixels;
    }

    /// <summary>Creates a set of images that were read from files of their own.</summary>
    internal ImageDataset(string name, string[] files, byte[] pixels, int[] labels, int height, int width, int channels, IReadOnlyList<string> classNames)
        : this(name, pixels, labels, height, width, channels, classNames) => this.files = files;

    /// <summary>Creates a set of images that are cropped to [height, width] when they are asked for.</summary>
    internal ImageDataset(string name, string[] files, IImageSource source, int[] labels, int height, int width, int channels, IReadOnlyList<string> classNames)
        : this(name, labels, height, width, channels, classNames, normalization: null) => (this.files, this.source) = (files, source);

    ImageDataset(string name, int[] labels, int height, int width, int channels, IReadOnlyList<string> classNames, Normalization? normalization)
    {
        ArgumentNullException.ThrowIfNull(classNames);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(channels);
        Normalization = normalization ?? Normalization.None(channels);
        CheckChannels(name, Normalization, channels);
        var wrong = LabelOutside(labels, classNames.Count);
        if (wrong >= 0) throw new ArgumentException($"'{name}': the label of image {wrong} is {labels[wrong]}; there are {classNames.Count} classes, 0 to {classNames.Count - 1}.", nameof(labels));

        Name = name;
        this.labels = labels;
        this.classNames = [.. classNames];
        (Height, Width, Channels) = (height, width, channels);
        Count = labels.Length;
    }

    /// <summary>A view of images that follow each other.</summary>
    ImageDataset(ImageDataset whole, int start, int count, Normalization normalization, int[]? otherLabels = null, string[]? otherClasses = null)
        : this(whole, whole.places, start, count, otherLabels ?? whole.labels, otherClasses ?? whole.classNames, normalization)
    {
    }

    /// <summary>A view.</summary>
    ImageDataset(ImageDataset whole, int[]? places, int start, int count, int[] labels, string[] classNames, Normalization normalization)
    {
        CheckChannels(whole.Name, normalization, whole.Channels);
        Name = whole.Name;
        AllPixels = whole.AllPixels;
        (source, files) = (whole.source, whole.files);
        (this.places, this.labels, this.classNames) = (places, labels, classNames);
        (Height, Width, Channels) = (whole.Height, whole.Width, whole.Channels);
        Normalization = normalization;
        Start = start;
        Count = count;
    }

    /// <summary>What it is called in messages.</summary>
    public string Name { get; }

    /// <summary>The number of images.</summary>
    public int Count { get; }

    /// <summary>Rows of an image.</summary>
    public int Height { get; }

    /// <summary>Columns of an image.</summary>
    public int Width { get; }

    /// <summary>Channels of an image: 1 for gray, 3 for red, green, blue.</summary>
    public int Channels { get; }

    /// <summary>The name of each class.</summary>
    public IReadOnlyList<string> ClassNames => classNames;

    /// <summary>The number of classes.</summary>
    public int Classes => classNames.Length;

    /// <summary>How its pixels are normalized unless a loader is given another.</summary>
    public Normalization Normalization { get; }

    /// <summary>The class of each image.</summary>
    public ReadOnlySpan<int> Labels => labels.AsSpan(Start, Count);

    /// <summary>One: the image [Height, Width, Channels], normalized.</summary>
    IReadOnlyList<Field> IDataset.Inputs => [new("image", new(Height, Width, Channels))];

    /// <summary>One: the class.</summary>
    IReadOnlyList<Field> IDataset.Targets => [new("label", new(), Kernels.DType.Int32)];

    /// <summary>The pixels of every image that shares this set's memory: what a device can keep resident. Null for images of several sizes.</summary>
    internal byte[]? AllPixels { get; }

    /// <summary>Where the labels of this view begin, and its places; without places, its images.</summary>
    int Start { get; }

    /// <summary>The bytes of an image.</summary>
    internal int ImageLength => Height * Width * Channels;

    /// <summary>Which of <see cref="AllPixels"/>'s images one of this view is.</summary>
    internal int Place(int index) => places is null ? Start + index : places[Start + index];

    /// <summary>The file of an image that was read from one of its own (<see cref="ImageFolder"/>); of others null.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such image.</exception>
    public string? FileOf(int index)
    {
        ThrowIfNone(index);
        return files?[Place(index)];
    }

    /// <summary>The pixels of an image, [Height, Width, Channels]; of a larger one its middle.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such image.</exception>
    /// <exception cref="DataFormatException">The image is read from its file now, and cannot be.</exception>
    public ReadOnlySpan<byte> Pixels(int index) => Pixels(ref index);

    ReadOnlySpan<byte> Pixels(scoped ref int index)
    {
        var view = View(ref index);
        if ((view.Height, view.Width) == (Height, Width)) return view.Pixels;
        var pixels = new byte[ImageLength];
        Resampler.Resize(view, Region.Center(view.Height, view.Width, Height, Width), Channels, Height, Width, pixels);
        return pixels;
    }

    /// <summary>An image, normalized, and its class.</summary>
    void IDataset.Read(int index, Sample sample)
    {
        Read(ref index, sample.Input());
        sample.IntegerTarget()[0] = Labels[index];
    }

    /// <summary>An image, normalized.</summary>
    /// <param name="index">As in <see cref="View"/>.</param>
    /// <param name="numbers">Where to: [Height, Width, Channels].</param>
    internal void Read(scoped ref int index, Span<float> numbers)
    {
        var scaleOffset = Normalization.ScaleOffset();
        var pixels = Pixels(ref index);
        for (var at = 0; at < pixels.Length; at += Channels)
        {
            for (var c = 0; c < Channels; c++) numbers[at + c] = MathF.FusedMultiplyAdd(pixels[at + c], scaleOffset[c], scaleOffset[Channels + c]);
        }
    }

    /// <summary>An image at the size at which it is kept: [Height, Width, Channels] or larger.</summary>
    /// <param name="index">Which one; becomes the next one of this view that can be read, where it cannot and such images are left out.</param>
    internal ImageView View(scoped ref int index)
    {
        ThrowIfNone(index);
        if (source is null) return new(AllPixels.AsSpan(Place(index) * ImageLength, ImageLength), Height, Width);
        for (var tries = 0; tries < Count; tries++)
        {
            if (source.Load(Place(index)) is { } image) return ImageView.Of(image);
            index = (index + 1) % Count;
        }

        throw new DataFormatException(FileOf(index) ?? Name, $"none of the {Count:N0} images of the set can be read");
    }

    void ThrowIfNone(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
    }

    /// <summary>The images from <paramref name="start"/> on, <paramref name="count"/> of them, as a view.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The set does not have them all.</exception>
    public ImageDataset Slice(int start, int count)
    {
        if (start < 0 || count < 0 || count > Count - start) throw new ArgumentOutOfRangeException(nameof(count), $"'{Name}' has {Count:N0} images; {count:N0} from {start:N0} on are not all there.");
        return new(this, Start + start, count, Normalization);
    }

    /// <summary>The first <paramref name="count"/> images, as a view.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The set has fewer.</exception>
    public ImageDataset Take(int count) => Slice(0, count);

    /// <summary>Holds out the last <paramref name="validation"/> images: the others to train on, and those. Both are views.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is negative, or would leave nothing to train on.</exception>
    public (ImageDataset Train, ImageDataset Validation) Split(int validation)
    {
        if (validation < 0 || validation >= Count) throw new ArgumentOutOfRangeException(nameof(validation), $"'{Name}' has {Count:N0} images; holding out {validation:N0} leaves none to train on or makes no sense.");
        return (Take(Count - validation), Slice(Count - validation, validation));
    }

    /// <summary>Some of the images, in the order given, as a view; one may occur more than once.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such image.</exception>
    public ImageDataset Subset(IReadOnlyList<int> indices)
    {
        Partition.Check(this, indices);
        var (chosen, labelsOf) = (new int[indices.Count], new int[indices.Count]);
        for (var i = 0; i < chosen.Length; i++) (chosen[i], labelsOf[i]) = (Place(indices[i]), labels[Start + indices[i]]);
        return new(this, chosen, 0, chosen.Length, labelsOf, classNames, Normalization);
    }

    /// <summary>Holds some images out, chosen at random; both parts are views.</summary>
    /// <param name="share">The share that is held out, rounded, within (0, 1).</param>
    /// <param name="seed">Which ones; default 0.</param>
    /// <param name="stratified">Whether of each class the same share is held out, rounded; default yes.</param>
    /// <exception cref="ArgumentException">The share is out of its range or leaves a part empty.</exception>
    public (ImageDataset Train, ImageDataset Held) Split(double share, ulong seed = 0, bool stratified = true)
    {
        var (train, held) = Partition.Split(this, share, seed, stratified ? Labels.ToArray() : null);
        return (Subset(train), Subset(held));
    }

    /// <summary>For cross-validation: as many pairs of views, in which each image is held out once.</summary>
    /// <param name="folds">How many, at least 2 and at most the images.</param>
    /// <param name="seed">Which images come together; default 0.</param>
    /// <param name="stratified">Whether each fold has its share of each class; default yes.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number is out of its range.</exception>
    public IReadOnlyList<(ImageDataset Train, ImageDataset Held)> Folds(int folds, ulong seed = 0, bool stratified = true)
        => [.. Partition.Folds(this, folds, seed, stratified ? Labels.ToArray() : null).Select(fold => (Subset(fold.Train), Subset(fold.Held)))];

    /// <summary>The same images under another normalization, as a view.</summary>
    /// <exception cref="ArgumentException">It is of another number of channels.</exception>
    public ImageDataset With(Normalization normalization)
    {
        ArgumentNullException.ThrowIfNull(normalization);
        return new(this, Start, Count, normalization);
    }

    /// <summary>The same images with their classes in another order: each keeps its name, and has another label.</summary>
    /// <param name="order">The names in the wanted order, all of this set's among them.</param>
    /// <exception cref="ArgumentException">A class of this set is not among them.</exception>
    public ImageDataset WithClasses(IReadOnlyList<string> order)
    {
        ArgumentNullException.ThrowIfNull(order);
        var places = order.Select((name, label) => (name, label)).ToDictionary(p => p.name, p => p.label, StringComparer.Ordinal);
        if (classNames.FirstOrDefault(name => !places.ContainsKey(name)) is { } stranger) throw new ArgumentException($"'{Name}': there is no class '{stranger}' in the wanted order.", nameof(order));
        return new(this, Start, Count, Normalization, Array.ConvertAll(labels, label => places[classNames[label]]), [.. order]);
    }

    /// <summary>The first index whose label is not from 0 to <paramref name="classes"/> - 1; -1 if none.</summary>
    internal static int LabelOutside(ReadOnlySpan<int> labels, int classes)
    {
        for (var i = 0; i < labels.Length; i++)
            if ((uint)labels[i] >= (uint)classes) return i;
        return -1;
    }

    static void CheckChannels(string name, Normalization normalization, int channels)
    {
        if (normalization.Channels != channels) throw new ArgumentException($"'{name}': the normalization is of {normalization.Channels} channels, the images have {channels}.", nameof(normalization));
    }

    /// <summary>For people: <c>cifar10: 50,000 images [32, 32, 3], 10 classes</c>.</summary>
    public override string ToString() => $"{Name}: {Count:N0} images [{Height}, {Width}, {Channels}], {Classes} classes";
}
