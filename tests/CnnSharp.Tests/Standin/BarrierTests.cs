using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using Xunit;

namespace CnnSharp.Tests.Standin;

/// <summary>Groups, barriers and shared memory.</summary>
public sealed class BarrierTests : StandinTest
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 1)]
    [InlineData(16, 1)]
    [InlineData(16, 50)]
    public void ASumOverAGroupPassesThroughSharedMemory(int group, int groups)
    {
        using var input = Buffer([.. Enumerable.Range(0, group * groups)]);
        using var sums = Accelerator.Allocate1D<int>(groups);
        var kernel = Accelerator.LoadStreamKernel<ArrayView<int>, ArrayView<int>>(SumOfGroup);
        for (int repetition = 0; repetition < 3; repetition++)
        {
            sums.MemSetToZero();
            kernel((groups, group), input.View, sums.View);
            Assert.Equal(Enumerable.Range(0, groups).Select(g => Enumerable.Range(g * group, group).Sum()), Values(sums));
        }
    }

    [Fact]
    public void ABarrierThatSomeThreadsNeverReachIsAnError()
    {
        using var data = Buffer(0);
        var kernel = Accelerator.LoadStreamKernel<ArrayView<int>>(HalfWaits);
        for (int repetition = 0; repetition < 3; repetition++)
        {
            var error = Assert.Throws<KernelException>(() => kernel((2, 8), data.View));
            Assert.Contains("BarrierTests.HalfWaits, group (0, 0, 0) of (2, 1, 1)", error.Message, StringComparison.Ordinal);
            Assert.Contains("barrier of HalfWaits", error.Message, StringComparison.Ordinal);
        }
    }

    static void SumOfGroup(ArrayView<int> input, ArrayView<int> sums)
    {
        ArrayView<int> shared = SharedMemory.Allocate<int>(16);
        shared[Group.IdxX] = input[Grid.GlobalIndex.X];
        Group.Barrier();
        for (int stride = 8; stride > 0; stride /= 2)
        {
            if (Group.IdxX < stride && Group.IdxX + stride < Group.DimX)
                shared[Group.IdxX] += shared[Group.IdxX + stride];
            Group.Barrier();
        }

        if (Group.IdxX == 0)
            sums[Grid.IdxX] = shared[0];
    }

    static void HalfWaits(ArrayView<int> data)
    {
        if (Group.IdxX < 4)
            Group.Barrier();
    }
}
