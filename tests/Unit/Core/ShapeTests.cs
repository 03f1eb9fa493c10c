using CnnSharp.Kernels;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace CnnSharp.Tests;

public sealed class ShapeTests
{
    [Fact]
    public void AScalarHasOneElement()
    {
        Assert.Equal(0, default(Shape).Rank);
        Assert.Equal(1, default(Shape).Count);
        Assert.Equal("[]", default(Shape).ToString());
        Assert.Equal(new Shape(), default);
    }

    [Fact]
    public void ExtentsAreReadAndReplaced()
    {
        var shape = new Shape(128, 32, 32, 3);
        Assert.Equal("[128, 32, 32, 3]", shape.ToString());
        Assert.Equal(3, shape[^1]);
        Assert.Equal(393_216, shape.Count);
        Assert.Equal(new Shape(128, 32, 32, 16), shape.With(^1, 16));
        Assert.Equal(new Shape(128, 32, 32, 3), shape);
        Assert.Equal(0, new Shape(4, 0, 3).Count);
    }

    [Fact]
    public void ANegativeExtentIsRefused()
        => Assert.Equal("Shape: extents must not be negative: [2, -1].", Assert.Throws<ShapeException>(() => new Shape(2, -1)).Message);

    [Fact]
    public void ACountBeyond64BitsIsRefused()
        => Assert.Throws<ShapeException>(() => new Shape(int.MaxValue, int.MaxValue, int.MaxValue).Count);

    [Fact]
    public void EqualityIsByValueAndCountsAreProducts() => Prop.ForAll(Gen.Choose(0, 6).SelectMany(rank => Gen.Choose(0, 9).ArrayOf(rank)).ToArbitrary(), extents =>
    {
        var (a, b) = (new Shape(extents), new Shape([.. extents]));
        return a == b && a.GetHashCode() == b.GetHashCode() && a.Equals((object)b)
            && a.Count == extents.Aggregate(1L, (count, extent) => count * extent)
            && a.ToArray().SequenceEqual(extents)
            && a != new Shape([.. extents, 2]);
    }).QuickCheckThrowOnFailure();
}
