using CnnSharp.Kernels;
using Xunit;

namespace CnnSharp.Tests;

public sealed class PhiloxTests
{
    /// <summary>The known answers that Random123 ships for philox4x32-10 (kat_vectors).</summary>
    [Theory]
    [InlineData(0UL, 0UL, 0UL, 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u)]
    [InlineData(ulong.MaxValue, ulong.MaxValue, ulong.MaxValue, 0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu)]
    [InlineData(0x299f31d0_a4093822UL, 0x03707344_13198a2eUL, 0x85a308d3_243f6a88UL, 0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u)]
    public void KnownAnswers(ulong seed, ulong stream, ulong block, uint x0, uint x1, uint x2, uint x3)
        => Assert.Equal((x0, x1, x2, x3), Philox.Block(seed, stream, block));

    [Fact]
    public void NumbersAreTheLanesOfTheirBlock()
    {
        var (x0, x1, x2, x3) = Philox.Block(7, 9, 5);
        Assert.Equal([x0, x1, x2, x3], Enumerable.Range(20, 4).Select(i => Philox.At(7, 9, (ulong)i)));
    }

    [Fact]
    public void StreamsOfStepsAndLayersDiffer()
    {
        var streams = new HashSet<ulong>();
        for (ulong step = 0; step < 100; step++)
        {
            for (uint layer = 0; layer < 100; layer++) Assert.True(streams.Add(Philox.Stream(step, layer)));
        }
    }
}
