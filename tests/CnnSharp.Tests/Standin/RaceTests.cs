using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using Xunit;

namespace CnnSharp.Tests.Standin;

/// <summary>Shared memory: what it holds, what it refuses, and races.</summary>
public sealed class RaceTests : StandinTest
{
    [Fact]
    public void AReadOfWhatAnotherThreadWroteIsARace()
        => AssertRace(ReadsTheLeft, "RaceTests.ReadsTheLeft, group (0, 0, 0) of (2, 1, 1), thread (1, 0, 0) of (16, 1, 1): a race: shared memory at byte 0", "(thread 0 used it before)");

    [Fact]
    public void AWriteAfterAnotherThreadReadIsARace()
        => AssertRace(WritesTheLeft, "RaceTests.WritesTheLeft, group (0, 0, 0)", "a race");

    [Fact]
    public void TheLastWriteIsFoundWhenTheGroupEnds()
        => AssertRace(ReadsTheRight, "RaceTests.ReadsTheRight, group (0, 0, 0)", "(found when the group had ended)");

    [Fact]
    public void AWriteByTwoThreadsIsARace()
        => AssertRace(AllWriteOne, "RaceTests.AllWriteOne, group (0, 0, 0)", "thread (1, 0, 0)");

    [Fact]
    public void AMissingBarrierBetweenRoundsIsFoundInTheNext()
        => AssertRace(ForgetsTheSecondBarrier, "RaceTests.ForgetsTheSecondBarrier, group (0, 0, 0)", "a race");

    [Fact]
    public void SharedReadsOwnWritesAndAtomicsAreNoRaces()
    {
        using var result = Accelerator.Allocate1D<int>(32);
        Accelerator.LoadStreamKernel<ArrayView<int>>(Correct)((2, 16), result.View);
        // 8 rounds of: the sum of 0..15 plus round times 16.
        Assert.Equal(Enumerable.Repeat(8 * 120 + 28 * 16 + 16, 32), Values(result));
    }

    [Fact]
    public void WidthsMix()
    {
        using var result = Accelerator.Allocate1D<float>(16);
        Accelerator.LoadStreamKernel<ArrayView<float>>(Transposed)((1, 16), result.View);
        Assert.Equal(Enumerable.Range(0, 16).Select(i => (float)(i * 4 + i * 4 + 3)), Values(result));
    }

    [Fact]
    public void MemoryStartsAsNotANumber()
    {
        using var shared = Accelerator.Allocate1D<float>(32);
        using var local = Accelerator.Allocate1D<float>(32);
        Accelerator.LoadStreamKernel<ArrayView<float>, ArrayView<float>>(ReadsBeforeWriting)((32, 1), shared.View, local.View);
        Assert.All(Values(shared), value => Assert.True(float.IsNaN(value)));
        Assert.All(Values(local), value => Assert.True(float.IsNaN(value)));
    }

    [Fact]
    public void NoMoreSharedMemoryThanADeviceHas()
        => AssertRace(TakesTooMuch, "RaceTests.TakesTooMuch", "49168 bytes of shared memory are more than the 49152 that a group may have");

    [Fact]
    public void ThreadsTakeTheSameMemory()
        => AssertRace(TakesDifferently, "RaceTests.TakesDifferently", "allocation 0 of shared memory is 8 bytes, but 4 for another thread");

    [Fact]
    public void GroupsNeedALaunchInGroups()
    {
        using var data = Accelerator.Allocate1D<int>(4);
        var kernel = Accelerator.LoadAutoGroupedStreamKernel<Index1D, ArrayView<int>>(AutoGrouped);
        var error = Assert.Throws<KernelException>(() => kernel(4, data.View));
        Assert.Equal("RaceTests.AutoGrouped, index (0): groups, barriers and shared memory need a kernel loaded with LoadStreamKernel or LoadKernel.", error.Message);
        Assert.Throws<InvalidOperationException>(() => Group.Barrier());
    }

    void AssertRace(Action<ArrayView<int>> action, params string[] parts)
    {
        using var data = Accelerator.Allocate1D<int>(32);
        var kernel = Accelerator.LoadStreamKernel(action);
        var error = Assert.Throws<KernelException>(() => kernel((2, 16), data.View));
        Assert.All(parts, part => Assert.Contains(part, error.Message, StringComparison.Ordinal));
    }

    static void ReadsTheLeft(ArrayView<int> data)
    {
        var shared = SharedMemory.Allocate<int>(16);
        shared[Group.IdxX] = Group.IdxX;
        if (Group.IdxX > 0) data[Group.IdxX] = shared[Group.IdxX - 1];
    }

    static void WritesTheLeft(ArrayView<int> data)
    {
        var shared = SharedMemory.Allocate<int>(16);
        shared[Group.IdxX] = Group.IdxX;
        Group.Barrier();
        data[Group.IdxX] = shared[Group.IdxX];
        if (Group.IdxX > 0) shared[Group.IdxX - 1] = -2;
        Group.Barrier();
        data[Group.IdxX] = shared[Group.IdxX];
    }

    static void ReadsTheRight(ArrayView<int> data)
    {
        var shared = SharedMemory.Allocate<int>(17);
        shared[Group.IdxX] = Group.IdxX;
        data[Group.IdxX] = shared[Group.IdxX + 1];
    }

    static void AllWriteOne(ArrayView<int> data)
    {
        var shared = SharedMemory.Allocate<int>(1);
        shared[0] = Group.IdxX;
    }

    static void ForgetsTheSecondBarrier(ArrayView<int> data)
    {
        var shared = SharedMemory.Allocate<int>(16);
        var sum = 0;
        for (var round = 0; round < 4; round++)
        {
            shared[Group.IdxX] = Group.IdxX + round;
            Group.Barrier();
            for (var i = 0; i < 16; i++) sum += shared[i];
        }

        data[Grid.GlobalIndex.X] = sum;
    }

    static void Correct(ArrayView<int> result)
    {
        var shared = SharedMemory.Allocate<int>(16);
        var count = SharedMemory.Allocate<int>(1);
        if (Group.IdxX == 0) count[0] = 0;
        var sum = 0;
        for (var round = 0; round < 8; round++)
        {
            shared[Group.IdxX] = Group.IdxX;
            shared[Group.IdxX] += round;
            Group.Barrier();
            for (var i = 0; i < 16; i++) sum += shared[i];
            Group.Barrier();
        }

        Atomic.Add(ref count[0], 1);
        Group.Barrier();
        result[Grid.GlobalIndex.X] = sum + count[0];
    }

    static void Transposed(ArrayView<float> result)
    {
        var shared = SharedMemory.Allocate<float>(64);
        for (var i = 0; i < 4; i++) shared[i * 16 + Group.IdxX] = i * 16 + Group.IdxX;
        Group.Barrier();
        var quad = shared.AsAligned(16).Cast<Quad>()[Group.IdxX];
        result[Group.IdxX] = quad.X + quad.W;
    }

    static void ReadsBeforeWriting(ArrayView<float> sharedValues, ArrayView<float> localValues)
    {
        var shared = SharedMemory.Allocate<float>(4);
        var local = LocalMemory.Allocate<float>(4);
        sharedValues[Grid.IdxX] = shared[3];
        localValues[Grid.IdxX] = local[3];
        shared[3] = local[3] = 1;
    }

    static void TakesTooMuch(ArrayView<int> data)
    {
        SharedMemory.Allocate<int>(4);
        SharedMemory.Allocate<int>(12 * 1024);
    }

    static void TakesDifferently(ArrayView<int> data) => SharedMemory.Allocate<int>(Group.IdxX == 0 ? 1 : 2);

    static void AutoGrouped(Index1D i, ArrayView<int> data)
    {
        Group.Barrier();
        data[i] = 1;
    }
}

/// <summary>Four floats that are read at once.</summary>
public struct Quad
{
    /// <summary>The first and, after two, the last.</summary>
    public float X, Y, Z, W;
}
