using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using Xunit;

namespace CnnSharp.Tests.Standin;

/// <summary>Groups and barriers.</summary>
public sealed class BarrierTests : StandinTest
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 1)]
    [InlineData(16, 1)]
    [InlineData(16, 300)]
    public void ASumOverAGroupPassesThroughSharedMemory(int group, int groups)
    {
        using var input = Buffer([.. Enumerable.Range(0, group * groups)]);
        using var sums = Accelerator.Allocate1D<int>(groups);
        var kernel = Accelerator.LoadStreamKernel<ArrayView<int>, ArrayView<int>>(SumOfGroup);
        for (var repetition = 0; repetition < 3; repetition++)
        {
            sums.MemSetToZero();
            kernel((groups, group), input.View, sums.View);
            Assert.Equal(Enumerable.Range(0, groups).Select(g => Enumerable.Range(g * group, group).Sum()), Values(sums));
        }
    }

    [Fact]
    public void EveryThreadKnowsItsPlace()
    {
        var (grid, group) = (new Index3D(3, 2, 2), new Index3D(2, 4, 2));
        using var places = Accelerator.Allocate1D<int>((long)grid.Size * group.Size);
        Accelerator.LoadStreamKernel<ArrayView<int>>(Places)(new KernelConfig(grid, group), places.View);
        var values = Values(places);
        for (var z = 0; z < 4; z++)
        {
            for (var y = 0; y < 8; y++)
            {
                for (var x = 0; x < 6; x++)
                {
                    var linear = (z % 2 * 4 + y % 4) * 2 + x % 2;
                    Assert.Equal(linear * 1000 + x / 2 * 100 + y / 4 * 10 + z / 2, values[(z * 8 + y) * 6 + x]);
                }
            }
        }
    }

    [Fact]
    public void ABarrierThatSomeThreadsNeverReachIsAnErrorForThoseThatWait()
        => AssertFails(FirstHalfWaits, "BarrierTests.FirstHalfWaits, group (0, 0, 0) of (2, 1, 1), thread (4, 0, 0) of (8, 1, 1): has left the kernel while 4 of 8 threads wait for it at the barrier of FirstHalfWaits");

    [Fact]
    public void ABarrierAfterOthersHaveLeftIsAnError()
        => AssertFails(SecondHalfWaits, "BarrierTests.SecondHalfWaits, group (0, 0, 0) of (2, 1, 1), thread (4, 0, 0) of (8, 1, 1): waits at the barrier of SecondHalfWaits", "for 4 of 8 threads that have left the kernel");

    [Fact]
    public void DifferentNumbersOfBarriersAreAnError()
        => AssertFails(OneWaitsTwice, "BarrierTests.OneWaitsTwice, group (0, 0, 0)", "left the kernel");

    [Fact]
    public void DifferentBarriersAreAnError()
        => AssertFails(TwoBarriers, "BarrierTests.TwoBarriers, group (0, 0, 0)", "while 4 of 8 threads wait at that of TwoBarriers");

    [Fact]
    public void AFailureBetweenBarriersReleasesTheThreadsThatWait()
        => AssertFails(FailsBetweenBarriers, "BarrierTests.FailsBetweenBarriers, group (0, 0, 0)", "thread (5, 0, 0)");

    [Fact]
    public void TooLargeAGroupIsRefused()
    {
        using var data = Buffer(0);
        var kernel = Accelerator.LoadStreamKernel<ArrayView<int>>(FirstHalfWaits);
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => kernel((1, 17), data.View));
        Assert.Contains("BarrierTests.FirstHalfWaits was launched with groups of (17, 1, 1) threads; this accelerator allows 1 to 16", error.Message, StringComparison.Ordinal);
        Assert.Contains("a grid of (0, 1, 1)", Assert.Throws<ArgumentOutOfRangeException>(() => kernel((0, 1), data.View)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ALargerDeviceRunsLargerGroups()
    {
        using var context = Context.Create(static builder => builder.CPU(new CPUDevice(16, 16, 1)));
        using var accelerator = context.CreateCPUAccelerator(0);
        using var turns = accelerator.Allocate1D<int>(256);
        accelerator.LoadStreamKernel<ArrayView<int>>(Exchange)((1, 256), turns.View);
        Assert.Equal(Enumerable.Range(0, 256).Reverse(), Values(turns));
    }

    [Fact]
    public void ThreadsEndWithTheAccelerator()
    {
        var accelerator = CPUDevice.Default.CreateCPUAccelerator(Context);
        using (var turns = accelerator.Allocate1D<int>(16 * 500))
        {
            accelerator.LoadStreamKernel<ArrayView<int>>(Exchange)((500, 16), turns.View);
            Assert.InRange(accelerator.LiveThreads, 15, 16 * (Environment.ProcessorCount + 1));
        }

        accelerator.Dispose();
        Assert.Equal(0, accelerator.LiveThreads);
    }

    [Fact]
    public void AKernelWithoutBarriersNeedsNoThreads()
    {
        using var places = Accelerator.Allocate1D<int>(16);
        Accelerator.LoadStreamKernel<ArrayView<int>>(Places)((1, 16), places.View);
        Assert.Equal(0, Accelerator.LiveThreads);
    }

    void AssertFails(Action<ArrayView<int>> action, params string[] parts)
    {
        using var data = Buffer(1, 2, 3, 4, 5);
        var kernel = Accelerator.LoadStreamKernel(action);
        for (var repetition = 0; repetition < 3; repetition++)
        {
            var error = Assert.Throws<KernelException>(() => kernel((2, 8), data.View));
            Assert.All(parts, part => Assert.Contains(part, error.Message, StringComparison.Ordinal));
        }

        // The threads are all there for the next kernel.
        ASumOverAGroupPassesThroughSharedMemory(16, 2);
    }

    static void SumOfGroup(ArrayView<int> input, ArrayView<int> sums)
    {
        var shared = SharedMemory.Allocate<int>(16);
        shared[Group.IdxX] = input[Grid.GlobalIndex.X];
        Group.Barrier();
        for (var stride = 8; stride > 0; stride /= 2)
        {
            if (Group.IdxX < stride && Group.IdxX + stride < Group.DimX) shared[Group.IdxX] += shared[Group.IdxX + stride];
            Group.Barrier();
        }

        if (Group.IdxX == 0) sums[Grid.IdxX] = shared[0];
    }

    static void Places(ArrayView<int> places)
    {
        var place = Grid.GlobalIndex;
        places[(place.Z * Grid.DimY * Group.DimY + place.Y) * Grid.DimX * Group.DimX + place.X]
            = Group.LinearIndex * 1000 + Grid.IdxX * 100 + Grid.IdxY * 10 + Grid.IdxZ;
    }

    static void Exchange(ArrayView<int> turns)
    {
        var shared = SharedMemory.Allocate<int>(256);
        shared[Group.DimX - 1 - Group.IdxX] = Group.IdxX;
        Group.Barrier();
        turns[Grid.GlobalIndex.X] = shared[Group.IdxX];
    }

    static void FirstHalfWaits(ArrayView<int> data)
    {
        if (Group.IdxX < 4) Group.Barrier();
    }

    static void SecondHalfWaits(ArrayView<int> data)
    {
        if (Group.IdxX >= 4) Group.Barrier();
    }

    static void OneWaitsTwice(ArrayView<int> data)
    {
        for (var i = 0; i < (Group.IdxX == 5 ? 2 : 1); i++) Group.Barrier();
    }

    static void TwoBarriers(ArrayView<int> data)
    {
        if (Group.IdxX < 4)
        {
            Group.Barrier();
        }
        else
        {
            Group.Barrier();
        }
    }

    static void FailsBetweenBarriers(ArrayView<int> data)
    {
        Group.Barrier();
        if (Group.IdxX == 5) data[Group.IdxX] = 0;
        Group.Barrier();
    }
}
