using CnnSharp.Data;
using CnnSharp.Kernels;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>What is done to a batch on the device, with a set's pixels there and with a batch's sent: on every device, against formulas.</summary>
[Collection(DeviceTests.Name)]
public sealed class AugmentTests
{
    const int Height = 5, Width = 4, Channels = 3, Length = Height * Width * Channels;

    public static TheoryData<string> AllDevices => Devices.All;

    /// <summary>Images of bytes that tell image, row, column and channel; normalized they are the bytes.</summary>
    static ImageDataset Set(int count)
    {
        var pixels = new byte[count * Length];
        for (var at = 0; at < pixels.Length; at++) pixels[at] = Pixel(at / Length, at / (Width * Channels) % Height, at / Channels % Width, at % Channels);
        return new("set", pixels, [.. Enumerable.Range(0, count)], Height, Width, Channels, [.. Enumerable.Range(0, count).Select(i => $"{i}")], new([0, 0, 0], [1 / 255f, 1 / 255f, 1 / 255f]));
    }

    static byte Pixel(int image, int row, int column, int channel) => (byte)((image * 60) + (row * 12) + (column * 3) + channel + 1);

    static float At(float[] images, int n, int row, int column, int channel) => images[(((((n * Height) + row) * Width) + column) * Channels) + channel];

    /// <summary>Each image is a window of itself mirrored at its edges, and every window there is occurs.</summary>
    [Theory]
    [MemberData(nameof(AllDevices))]
    public void AReflectedCropIsAWindowOfTheMirroredImage(string deviceName)
    {
        var device = Devices.Open(deviceName);
        const int padding = 3;
        var seen = new HashSet<(int, int, bool)>();
        foreach (var resident in new[] { true, false })
        {
            var loader = new DataLoader(Set(4), 4, device, Augment.PadAndCrop(padding, ImagePadding.Reflect).Then(Augment.Flip()), seed: 5, resident: resident);
            for (var epoch = 0; epoch < 60; epoch++)
            {
                using var batch = loader.Epoch(epoch).Single();
                var (images, labels) = (batch.Images.ToArray(), batch.Labels.ToArray<int>());
                for (var n = 0; n < labels.Length; n++) Assert.True(Find(images, n, labels[n]), $"image {labels[n]} is no window of itself");
            }
        }

        // Columns have a period of 6, forwards and backwards alike.
        Assert.InRange(seen.Count, 36, 7 * 6);

        bool Find(float[] images, int n, int image)
        {
            for (var top = -padding; top <= padding; top++)
                for (var left = -padding; left <= padding; left++)
                    foreach (var flip in new[] { false, true })
                    {
                        if (!Matches(images, n, image, top, left, flip)) continue;
                        seen.Add((top, left, flip));
                        return true;
                    }

            return false;
        }

        static bool Matches(float[] images, int n, int image, int top, int left, bool flip)
        {
            for (var i = 0; i < Height; i++)
                for (var j = 0; j < Width; j++)
                    for (var c = 0; c < Channels; c++)
                    {
                        var (row, column) = (Mirrored(top + i, Height), Mirrored(left + (flip ? Width - 1 - j : j), Width));
                        if (MathF.Abs(At(images, n, i, j, c) - Pixel(image, row, column, c)) > 1e-2f) return false;
                    }

            return true;
        }

        // 3 2 1 | 0 1 2 3 | 2 1 0: the period of a mirrored image, written another way than the kernels do.
        static int Mirrored(int at, int extent)
        {
            var period = 2 * (extent - 1);
            at = ((at % period) + period) % period;
            return Math.Min(at, period - at);
        }
    }

    /// <summary>Within one rectangle a pixel is the partner's, else the image's own, and the share is what the areas say.</summary>
    [Theory]
    [MemberData(nameof(AllDevices))]
    public void CutMixPastesARectangleAndSharesByArea(string deviceName)
    {
        var device = Devices.Open(deviceName);
        var set = Set(4);
        var boxes = new HashSet<(int, int, int, int)>();
        foreach (var resident in new[] { true, false })
        {
            var loader = new DataLoader(set, 4, device, Augment.CutMix(), seed: 2, shuffle: false, resident: resident);
            var used = 0L;
            for (var epoch = 0; epoch < 30; epoch++)
            {
                // What an epoch took has been given back by the next.
                if (epoch == 1) used = device.Engine.Pool.UsedBytes;
                if (epoch > 1) Assert.Equal(used, device.Engine.Pool.UsedBytes);
                using var batch = loader.Epoch(epoch).Single();
                var images = batch.Images.ToArray();
                Assert.Equal([0, 1, 2, 3], batch.Labels.ToArray<int>());
                if (batch.OtherLabels is null)
                {
                    Assert.Equal(1, batch.Share);
                    continue;
                }

                Assert.Equal([3, 2, 1, 0], batch.OtherLabels.ToArray<int>());
                var pasted = Enumerable.Range(0, Height * Width).Where(p => MathF.Abs(At(images, 0, p / Width, p % Width, 0) - Pixel(3, p / Width, p % Width, 0)) < 1e-2f).ToList();
                var (top, bottom, left, right) = (pasted.Min(p => p / Width), pasted.Max(p => p / Width), pasted.Min(p => p % Width), pasted.Max(p => p % Width));
                boxes.Add((top, left, bottom, right));
                Assert.Equal((bottom - top + 1) * (right - left + 1), pasted.Count);
                Assert.Equal(1 - (pasted.Count / (float)(Height * Width)), batch.Share, 1e-6f);
                for (var n = 0; n < 4; n++)
                    for (var p = 0; p < Height * Width; p++)
                        for (var c = 0; c < Channels; c++)
                            Assert.Equal(Pixel(pasted.Contains(p) ? 3 - n : n, p / Width, p % Width, c), At(images, n, p / Width, p % Width, c), 1e-2f);
            }
        }

        Assert.True(boxes.Count > 8, $"only {boxes.Count} rectangles");
    }

    /// <summary>An image is mirrored in every other epoch, about half of them in the first; which, the seed decides and no order of the epoch.</summary>
    [Fact]
    public void AlternatingFlipMirrorsEachImageEveryOtherEpoch()
    {
        var device = Devices.Open("reference");
        var pixels = new byte[64 * 2];
        for (var i = 0; i < 64; i++) pixels[2 * i] = 255;
        var set = new ImageDataset("edges", pixels, [.. Enumerable.Range(0, 64)], 1, 2, 1, [.. Enumerable.Range(0, 64).Select(i => $"{i}")]);
        var first = Flips(0, seed: 4);
        Assert.InRange(first.Count(flipped => flipped), 20, 44);
        Assert.Equal(first.Select(flipped => !flipped), Flips(1, seed: 4));
        Assert.Equal(first, Flips(2, seed: 4));
        Assert.Equal(first, Flips(2, seed: 4, batchSize: 7, resident: false));
        Assert.NotEqual(first, Flips(0, seed: 5));

        bool[] Flips(int epoch, ulong seed, int batchSize = 16, bool resident = true)
        {
            var flips = new bool[64];
            foreach (var batch in new DataLoader(set, batchSize, device, Augment.AlternatingFlip(), seed, resident: resident).Epoch(epoch))
            {
                var images = batch.Images.ToArray();
                foreach (var (n, label) in batch.Labels.ToArray<int>().Index()) flips[label] = images[2 * n] == 0;
            }

            return flips;
        }
    }

    [Fact]
    public void WhatCannotBeIsRefused()
    {
        var device = Devices.Open("reference");
        Assert.Contains("4 pixels around images of 5 x 4 cannot be reflected", Assert.Throws<ArgumentException>(() => new DataLoader(Set(4), 4, device, Augment.PadAndCrop(4, ImagePadding.Reflect))).Message, StringComparison.Ordinal);
        Assert.Contains("expected one of Mixup and CutMix", Assert.Throws<ArgumentException>(() => Augment.Mixup().Then(Augment.CutMix())).Message, StringComparison.Ordinal);
        Assert.Contains("expected one of Flip and AlternatingFlip", Assert.Throws<ArgumentException>(() => Augment.AlternatingFlip().Then(Augment.Flip())).Message, StringComparison.Ordinal);
        Assert.Contains("expected a magnitude from 0 to 30", Assert.Throws<ArgumentOutOfRangeException>(() => Augment.RandAugment(2, 31)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => Augment.RandAugment(9));
        Assert.Throws<ArgumentOutOfRangeException>(() => Augment.CutMix(double.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => Augment.PadAndCrop(1, (ImagePadding)2));
        Assert.Equal("randaugment 3 12, pad 2 by reflection and crop, alternating flip, cutmix 1", Augment.CutMix().Then(Augment.RandAugment(3, 12)).Then(Augment.PadAndCrop(2, ImagePadding.Reflect)).Then(Augment.AlternatingFlip()).ToString());
    }
}
