using CnnSharp.Data;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>One image as a tensor. Apart from what files are tested for, as devices' pools are looked at by one test at a time.</summary>
[Collection(DeviceTests.Name)]
public sealed class ImageTensorTests
{
    /// <summary>What a network is shown of one image is what it was shown in training, to the bit.</summary>
    [Theory]
    [MemberData(nameof(Devices.All), MemberType = typeof(Devices))]
    public void AnImageBecomesTheTensorOfALoadersBatch(string name)
    {
        var device = Devices.Open(name);
        var pixels = new byte[5 * 4 * 3];
        new Random(3).NextBytes(pixels);
        var normalization = new Normalization([.5f, .4f, .3f], [.2f, .3f, .25f]);
        var set = new ImageDataset("one", pixels, [0], 5, 4, 3, ["a"], normalization);
        using var tensor = new DecodedImage(pixels, 5, 4, 3).ToTensor(normalization, device);
        Assert.Equal(new Shape(1, 5, 4, 3), tensor.Shape);
        Assert.Equal(((pixels[7] / 255f) - .4f) / .3f, tensor.ToArray()[7], 1e-5f);
        foreach (var batch in new DataLoader(set, 1, device, shuffle: false)) Assert.Equal(batch.Images.ToArray(), tensor.ToArray());

        using var plain = new DecodedImage([0, 51, 255], 1, 3, 1).ToTensor(device: device);
        foreach (var (expected, actual) in new[] { 0, .2f, 1 }.Zip(plain.ToArray())) Assert.Equal(expected, actual, 1e-6f);
        var e = Assert.Throws<ArgumentException>(() => new DecodedImage([1, 2, 3, 4], 1, 1, 4).ToTensor(normalization, device));
        Assert.StartsWith("ToTensor: the normalization is of 3 channels, the image [1, 1, 4] has 4; Flatten(3) gives it those.", e.Message, StringComparison.Ordinal);
    }
}
