using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using Xunit;

namespace CnnSharp.Tests.Standin;

/// <summary>Launches on ranges, arguments, views and what goes wrong with them.</summary>
public sealed class KernelTests : StandinTest
{
    [Theory]
    [InlineData(1)]
    [InlineData(1023)]
    [InlineData(300_001)]
    public void AnElementwiseKernelVisitsEveryIndexOnce(int length)
    {
        using var counts = Accelerator.Allocate1D<int>(length);
        counts.MemSetToZero();
        var kernel = Accelerator.LoadAutoGroupedStreamKernel<Index1D, ArrayView<int>>(CountVisits);
        kernel(length, counts.View);
        kernel(length, counts.View);
        Assert.All(Values(counts), count => Assert.Equal(2, count));
    }

    [Fact]
    public void RangesOfTwoAndThreeDimensions()
    {
        using var plane = Accelerator.Allocate1D<int>(70 * 33);
        Accelerator.LoadAutoGroupedStreamKernel<Index2D, int, ArrayView<int>>(Plane)(new Index2D(70, 33), 70, plane.View);
        Assert.Equal(Enumerable.Range(0, 70 * 33).Select(i => i % 70 * 1000 + i / 70), Values(plane));
        using var space = Accelerator.Allocate1D<int>(7 * 11 * 40);
        Accelerator.LoadAutoGroupedStreamKernel<Index3D, Index3D, ArrayView<int>>(Space)((7, 11, 40), (7, 11, 40), space.View);
        Assert.Equal(Enumerable.Range(0, 7 * 11 * 40).Select(i => i % 7 * 10_000 + i / 7 % 11 * 100 + i / 77), Values(space));
    }

    [Fact]
    public void GenericKernelsAndViewsInsideStructs()
    {
        using var x = Buffer(1f, 2f, 3f);
        using var y = Accelerator.Allocate1D<float>(3);
        var pair = new Pair { X = x.View, Y = y.View, Scale = 10 };
        Accelerator.LoadAutoGroupedStreamKernel<Index1D, Pair>(Map<Square>)(3, pair);
        Assert.Equal([10f, 40f, 90f], Values(y));
        Accelerator.LoadAutoGroupedStreamKernel<Index1D, Pair>(Map<Half>)(3, pair);
        Assert.Equal([5f, 10f, 15f], Values(y));
    }

    [Fact]
    public void FourteenArguments()
    {
        using var y = Accelerator.Allocate1D<int>(3);
        Accelerator.LoadAutoGroupedStreamKernel<Index1D, ArrayView<int>, int, int, int, int, int, int, int, int, int, int, int, int, int>(Fourteen)(3, y.View, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13);
        Assert.Equal([819, 820, 821], Values(y));
        Accelerator.LoadKernel<ArrayView<int>, int, int, int, int, int, int, int, int, int, int, int, int, int>(FourteenGrouped)(Accelerator.DefaultStream, (1, 3), y.View, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13);
        Assert.Equal([820, 821, 822], Values(y));
    }

    [Fact]
    public void AnIndexOutsideAViewNamesKernelIndexAndThread()
    {
        using var data = Accelerator.Allocate1D<float>(100);
        var elementwise = Accelerator.LoadAutoGroupedStreamKernel<Index1D, ArrayView<float>>(WritesOnePast);
        Assert.Equal("KernelTests.WritesOnePast, index (99): index 100 is outside a view of 100 Single.", Assert.Throws<KernelException>(() => elementwise(100, data.View)).Message);
        var grouped = Accelerator.LoadStreamKernel<ArrayView<float>>(ReadsBefore);
        Assert.Equal("KernelTests.ReadsBefore, group (1, 0, 0) of (2, 1, 1), thread (3, 0, 0) of (8, 1, 1): index -1 is outside a view of 100 Single.", Assert.Throws<KernelException>(() => grouped((2, 8), data.View)).Message);
        var generic = Accelerator.LoadAutoGroupedStreamKernel<Index1D, Pair>(Map<Square>);
        Assert.StartsWith("KernelTests.Map<Square>, index (2): ", Assert.Throws<KernelException>(() => generic(3, new Pair { X = data.View, Y = data.View.BaseView.SubView(0, 2) })).Message, StringComparison.Ordinal);
        var shared = Accelerator.LoadStreamKernel<ArrayView<float>>(SharedOutside);
        Assert.Contains("index 4 is outside a view of 4 Single", Assert.Throws<KernelException>(() => shared((1, 1), data.View)).Message, StringComparison.Ordinal);
        var subview = Accelerator.LoadStreamKernel<ArrayView<float>>(SubViewOutside);
        Assert.Contains("a sub-view of 6 elements at 95 does not fit a view of 100 Single", Assert.Throws<KernelException>(() => subview((1, 1), data.View)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AFailureOnAnyThreadReachesTheLaunch()
    {
        const int Length = 3_000_000;
        using var data = Accelerator.Allocate1D<int>(Length);
        data.MemSetToZero();
        var kernel = Accelerator.LoadAutoGroupedStreamKernel<Index1D, int, ArrayView<int>>(DividesByZero);
        for (var at = 1; at < Length; at += 500_000)
        {
            var error = Assert.Throws<KernelException>(() => kernel(Length, at, data.View));
            Assert.IsType<DivideByZeroException>(error.InnerException);
            Assert.Equal($"KernelTests.DividesByZero, index ({at}): Attempted to divide by zero.", error.Message);
        }

        kernel(Length, -1, data.View);
    }

    [Fact]
    public void Misalignment()
    {
        using var data = Accelerator.Allocate1D<float>(16);
        var view = data.View.BaseView;
        Assert.Equal(3, view.SubView(4).AsAligned(16).Cast<Quad>().Length);
        Assert.Contains("aligned to 16 bytes is not", Assert.Throws<KernelException>(() => view.SubView(1).AsAligned(16)).Message, StringComparison.Ordinal);
        Assert.Contains("cast to Quad", Assert.Throws<KernelException>(() => view.SubView(2).Cast<Quad>()).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => view.AsAligned(12));
    }

    [Fact]
    public void WhatILGPURefusesIsRefused()
    {
        var captured = new int[] { 1 };
        Assert.Contains("captures values", Assert.Throws<NotSupportedException>(() => Accelerator.LoadAutoGroupedStreamKernel<Index1D, ArrayView<int>>((i, view) => view[i] = captured[0])).Message, StringComparison.Ordinal);
        Assert.Contains("not on LongIndex1D", Assert.Throws<NotSupportedException>(() => Accelerator.LoadAutoGroupedStreamKernel<LongIndex1D, ArrayView<int>>(Long)).Message, StringComparison.Ordinal);
        Assert.Contains("a parameter 'hidden' whose type", Assert.Throws<NotSupportedException>(() => Accelerator.LoadAutoGroupedStreamKernel<Index1D, Hidden>(TakesHidden)).Message, StringComparison.Ordinal);
        using var data = Accelerator.Allocate1D<int>(1);
        var kernel = Accelerator.LoadAutoGroupedStreamKernel<Index1D, ArrayView<int>>(CountVisits);
        Assert.Contains("an extent of (0)", Assert.Throws<ArgumentOutOfRangeException>(() => kernel(0, data.View)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AtomicsCountAcrossAllGroups()
    {
        using var integers = Buffer(0, 0, 0, 0, 0);
        using var unsigned = Buffer(0u, 0u, uint.MaxValue, 0u);
        using var longs = Buffer(0L, 0L, 0L, 0L);
        Accelerator.LoadStreamKernel<ArrayView<int>, ArrayView<uint>, ArrayView<long>>(CountAtomically)((5000, 16), integers.View, unsigned.View, longs.View);
        const int N = 80_000;
        Assert.Equal([N, N - 1, 1 - N, 7, 9], Values(integers));
        Assert.Equal([N, N - 1, 0u, 8u], Values(unsigned));
        Assert.Equal([(long)N * (N - 1) / 2, N - 1, 1 - N, 5L], Values(longs));
    }

    [Fact]
    public void CopiesAndFills()
    {
        using var a = Accelerator.Allocate1D<int>(8);
        using var b = Accelerator.Allocate1D<int>(8);
        var (stream, x, y) = (Accelerator.DefaultStream, a.View.BaseView, b.View.BaseView);
        int[] source = [1, 2, 3, 4, 5, 6, 7, 8];
        var back = new int[8];
        x.CopyFromCPU(stream, (ReadOnlySpan<int>)source);
        y.MemSetToZero(stream);
        x.SubView(2, 3).CopyTo(stream, y.SubView(4, 3));
        y.SubView(0, 2).CopyFrom(stream, x.SubView(6));
        y.CopyToCPU(stream, back.AsSpan());
        Assert.Equal([7, 8, 0, 0, 3, 4, 5, 0], back);
        y.SubView(5).CopyFromCPU(stream, ref source[1], 2);
        y.SubView(4, 3).CopyToCPU(stream, ref back[0], 3);
        Assert.Equal([3, 2, 3], back[..3]);
        using var locked = Accelerator.AllocatePageLocked1D<int>(8);
        Assert.Equal(new int[8], locked.Span.ToArray());
        x.CopyToPageLockedAsync(stream, locked);
        stream.Synchronize();
        locked.Span[0] = -1;
        y.CopyFromPageLockedAsync(stream, locked);
        Assert.Equal([-1, 2, 3, 4, 5, 6, 7, 8], y.GetAsArray());
        Assert.Throws<ArgumentOutOfRangeException>(() => x.SubView(1).CopyFromCPU(source.AsSpan()[..8]));
        Assert.Throws<ArgumentOutOfRangeException>(() => x.CopyTo(stream, y.SubView(1)));
    }

    [Fact]
    public void WhatIsDisposedIsNotUsed()
    {
        var data = Accelerator.Allocate1D<int>(8);
        var kernel = Accelerator.LoadAutoGroupedStreamKernel<Index1D, ArrayView<int>>(CountVisits);
        var view = data.View;
        data.Dispose();
        Assert.Throws<ObjectDisposedException>(() => data.View);
        Accelerator.Dispose();
        Assert.Throws<ObjectDisposedException>(() => kernel(8, view));
        Assert.Throws<ObjectDisposedException>(() => Accelerator.Allocate1D<int>(8));
    }

    [Fact]
    public void MathematicsIsThatOfTheHost()
    {
        using var y = Accelerator.Allocate1D<float>(12);
        Accelerator.LoadAutoGroupedStreamKernel<Index1D, float, ArrayView<float>>(Mathematics)(1, 0.75f, y.View);
        const float X = 0.75f;
        float[] expected = [MathF.Exp(X), MathF.Log(X), MathF.Sqrt(X), 1 / MathF.Sqrt(X), MathF.Tanh(X), MathF.Pow(X, 3), MathF.Sin(X) + MathF.Cos(X), 0, 1, X, 0.75f, 5];
        Assert.Equal(expected, Values(y));
    }

    [Fact]
    public void LaunchesAllocateNothing()
    {
        using var counts = Accelerator.Allocate1D<int>(64);
        var elementwise = Accelerator.LoadAutoGroupedStreamKernel<Index1D, ArrayView<int>>(CountVisits);
        var grouped = Accelerator.LoadStreamKernel<ArrayView<int>>(Waits);
        for (var i = 0; i < 3; i++)
        {
            elementwise(64, counts.View);
            grouped((4, 16), counts.View);
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
        {
            elementwise(64, counts.View);
            grouped((4, 16), counts.View);
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100 * 64);
    }

    static void CountVisits(Index1D i, ArrayView<int> counts) => counts[i]++;

    static void Waits(ArrayView<int> counts)
    {
        Group.Barrier();
        counts[Grid.GlobalIndex.X]++;
    }

    static void Plane(Index2D i, int width, ArrayView<int> y) => y[i.Y * width + i.X] = i.X * 1000 + i.Y;

    static void Space(Index3D i, Index3D extent, ArrayView<int> y) => y[(i.Z * extent.Y + i.Y) * extent.X + i.X] = i.X * 10_000 + i.Y * 100 + i.Z;

    static void Map<TFunction>(Index1D i, Pair pair)
        where TFunction : struct, IFunction
        => pair.Y[i] = pair.Scale * default(TFunction).Apply(pair.X[i]);

    static void Fourteen(Index1D i, ArrayView<int> y, int a, int b, int c, int d, int e, int f, int g, int h, int j, int k, int l, int m, int n)
        => y[i] = i + a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * j + 10 * k + 11 * l + 12 * m + 13 * n;

    static void FourteenGrouped(ArrayView<int> y, int a, int b, int c, int d, int e, int f, int g, int h, int j, int k, int l, int m, int n)
        => Fourteen(Grid.GlobalIndex.X, y, a, b, c, d, e, f, g, h, j, k, l, m, n);

    static void WritesOnePast(Index1D i, ArrayView<float> data) => data[i + 1] = 1;

    static void ReadsBefore(ArrayView<float> data) => data[0] = data[Grid.IdxX == 1 && Group.IdxX == 3 ? -1 : 0];

    static void SharedOutside(ArrayView<float> data) => SharedMemory.Allocate<float>(4)[4] = 1;

    static void SubViewOutside(ArrayView<float> data) => data.SubView(95, 6);

    static void DividesByZero(Index1D i, int at, ArrayView<int> data) => data[i] = 1 / (i - at);

    static void Long(LongIndex1D i, ArrayView<int> data) => data[i] = 1;

    static void TakesHidden(Index1D i, Hidden hidden) => hidden = default;

    static void CountAtomically(ArrayView<int> integers, ArrayView<uint> unsigned, ArrayView<long> longs)
    {
        var i = Grid.GlobalIndex.X;
        Atomic.Add(ref integers[0], 1);
        Atomic.Max(ref integers[1], i);
        Atomic.Min(ref integers[2], -i);
        Atomic.CompareExchange(ref integers[3], 0, 7);
        Atomic.Exchange(ref integers[4], 9);
        Atomic.Add(ref unsigned[0], 1u);
        Atomic.Max(ref unsigned[1], (uint)i);
        Atomic.Min(ref unsigned[2], (uint)i);
        Atomic.CompareExchange(ref unsigned[3], 0u, 8u);
        Atomic.Add(ref longs[0], i);
        Atomic.Max(ref longs[1], i);
        Atomic.Min(ref longs[2], -i);
        Atomic.CompareExchange(ref longs[3], 0L, 5L);
    }

    static void Mathematics(Index1D i, float x, ArrayView<float> y)
    {
        y[0] = XMath.Exp(x);
        y[1] = XMath.Log(x);
        y[2] = XMath.Sqrt(x);
        y[3] = XMath.Rsqrt(x);
        y[4] = XMath.Tanh(x);
        y[5] = XMath.Pow(x, 3);
        y[6] = XMath.Sin(x) + XMath.Cos(x);
        y[7] = XMath.Floor(x);
        y[8] = XMath.Ceiling(x);
        y[9] = XMath.Abs(-x);
        y[10] = Interop.IntAsFloat(Interop.FloatAsInt(XMath.Min(XMath.Max(x, -1), 1)));
        y[11] = IntrinsicMath.Clamp(9, 1, IntrinsicMath.Min(5, 6));
    }

    struct Hidden;
}

/// <summary>A function of one number.</summary>
public interface IFunction
{
    /// <summary>Its value.</summary>
    float Apply(float x);
}

/// <summary>The square.</summary>
public struct Square : IFunction
{
    /// <inheritdoc/>
    public readonly float Apply(float x) => x * x;
}

/// <summary>The half.</summary>
public struct Half : IFunction
{
    /// <inheritdoc/>
    public readonly float Apply(float x) => x / 2;
}

/// <summary>An argument with views in it.</summary>
public struct Pair
{
    /// <summary>What is read and written.</summary>
    public ArrayView<float> X, Y;

    /// <summary>A factor.</summary>
    public float Scale;
}
