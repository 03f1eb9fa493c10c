using System.Collections.Concurrent;

namespace CnnSharp.Data;

/// <summary>The images of a part of a folder: kept in memory when decoded and resized, if they fit, else read from their files each time.</summary>
sealed class FolderImages(string[] files, int[] labels, ImageFolderOptions options) : IImageSource
{
    readonly ConcurrentDictionary<int, bool> left = new();
    string[] files = files;
    int[] labels = labels;
    DecodedImage[]? kept;

    /// <summary>Makes a set of them, after a look at every file's header, and takes what it keeps in memory off the budget.</summary>
    public ImageDataset ToSet(IReadOnlyList<string> classes, ref long budget)
    {
        var sizes = new ImageSize[files.Length];
        sizes = Pick(sizes, Each(index => sizes[index] = ImageFolder.ResizedSize(ImageFile.Identify(files[index]), options)));
        var bytes = sizes.Sum(size => size.Pixels) * options.Channels;
        var side = options.Size;
        if (bytes > budget) return new(ImageFolder.Name, files, this, labels, side, side, options.Channels, classes);

        budget -= bytes;
        if (Array.TrueForAll(sizes, size => size == new ImageSize(side, side)) && bytes <= Array.MaxLength)
        {
            // One size: pixels that a device can hold, like those of any other set.
            var image = side * side * options.Channels;
            var pixels = new byte[bytes];
            var sound = Each(index => ImageFolder.ReadImage(files[index], options).Pixels.CopyTo(pixels, (long)index * image));
            if (sound.Length < sizes.Length)
            {
                for (var i = 0; i < sound.Length; i++) Array.Copy(pixels, (long)sound[i] * image, pixels, (long)i * image, image);
                Array.Resize(ref pixels, sound.Length * image);
            }

            return new(ImageFolder.Name, files, pixels, labels, side, side, options.Channels, classes);
        }

        var decoded = new DecodedImage[files.Length];
        kept = Pick(decoded, Each(index => decoded[index] = ImageFolder.ReadResized(files[index], options)));
        return new(ImageFolder.Name, files, this, labels, side, side, options.Channels, classes);
    }

    public DecodedImage? Load(int index)
    {
        if (kept is not null) return kept[index];
        if (left.ContainsKey(index)) return null;
        try
        {
            return ImageFolder.ReadResized(files[index], options);
        }
        catch (Exception e) when (IsFault(e))
        {
            if (options.OnCorrupt is null) throw Named(e, files[index]);
            if (left.TryAdd(index, true)) options.OnCorrupt(Named(e, files[index]));
            return null;
        }
    }

    /// <summary>Does something with every file, on all processors; files in which it fails are left out, if they are to be.</summary>
    /// <returns>The places, as they were, of those that are still there.</returns>
    int[] Each(Action<int> work)
    {
        var failures = new DataFormatException?[files.Length];
        Parallel.For(0, files.Length, index =>
        {
            try
            {
                work(index);
            }
            catch (Exception e) when (IsFault(e))
            {
                failures[index] = Named(e, files[index]);
            }
        });

        foreach (var failure in failures)
        {
            if (failure is null) continue;
            if (options.OnCorrupt is null) throw failure;
            options.OnCorrupt(failure);
        }

        int[] sound = [.. Enumerable.Range(0, files.Length).Where(index => failures[index] is null)];
        if (sound.Length == 0) throw new DataFormatException(files[0], $"none of the {files.Length:N0} images of the set can be read");
        (files, labels) = (Pick(files, sound), Pick(labels, sound));
        return sound;
    }

    static T[] Pick<T>(T[] items, int[] places) => places.Length == items.Length ? items : [.. places.Select(place => items[place])];

    static bool IsFault(Exception e) => e is IOException or UnauthorizedAccessException;

    static DataFormatException Named(Exception e, string file) => e as DataFormatException ?? new(file, $"cannot be opened: {e.Message.TrimEnd('.')}", inner: e);
}
