using CnnSharp.Kernels;
using CnnSharp.Layers;
using Xunit;
using static CnnSharp.Functional;

namespace CnnSharp.Tests;

/// <summary>Where recording is off, and that it is on again everywhere else.</summary>
[Collection(DeviceTests.Name)]
public sealed class NoGradTests
{
    static Device Device => Devices.Open("reference");

    [Fact]
    public void ScopesEndInAnyOrderAndMoreThanOnce()
    {
        foreach (var order in (int[][])[[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]])
        {
            using var x = Parameter(1, 2);
            var scopes = new[] { Tape.NoGrad(), Tape.NoGrad(), Tape.NoGrad() };
            var made = x * 2f;
            foreach (var i in order)
            {
                Assert.False(Tape.IsRecording);
                scopes[i].Dispose();
                scopes[i].Dispose();
            }

            Assert.True(Tape.IsRecording);
            Assert.True(made.IsFreed);
            Sum(x * 3f).Backward();
            Assert.Equal([3f, 3], Gradient(x));
        }
    }

    /// <summary>What an inner scope made is freed with it, the rest with the outer one.</summary>
    [Fact]
    public void EachScopeFreesItsOwn()
    {
        using var x = Parameter(1, 2);
        var outer = Tape.NoGrad();
        var first = x * 2f;
        var inner = Tape.NoGrad();
        var second = x * 3f;
        outer.Dispose();
        Assert.True(first.IsFreed);
        Assert.Equal([3f, 6], second.ToArray());
        Assert.False(Tape.IsRecording);
        inner.Dispose();
        Assert.Equal("Tensor 'MultiplyScalar' [2] was used after the NoGrad scope that it was made in had ended. Read it earlier, or call Keep() on it first.", Assert.Throws<FreedTensorException>(() => second.ToArray()).Message);
        Assert.True(Tape.IsRecording);
    }

    [Fact]
    public async Task AScopeGoesAcrossAnAwaitAndNoFurther()
    {
        using var x = Parameter(1, 2);
        var device = Device;
        var before = Devices.UsedBytes(device);
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(6, await Evaluate());
            Assert.True(Tape.IsRecording);
        }

        Assert.InRange(device.Engine.Pool.UsedBytes, 0, before);

        // No thread of the pool has stayed in a scope.
        var recording = await Task.WhenAll(Enumerable.Range(0, 64).Select(_ => Task.Run(async () =>
        {
            await Task.Yield();
            return Tape.IsRecording;
        })));
        Assert.All(recording, Assert.True);

        async Task<double> Evaluate()
        {
            using var scope = Tape.NoGrad();
            var y = x * 2f;
            await Task.Yield();
            Assert.False(Tape.IsRecording);
            await Task.Delay(1).ConfigureAwait(false);
            var sum = Sum(y);
            await Task.Yield();
            Assert.False(Tape.IsRecording);
            return sum.Item();
        }
    }

    [Fact]
    public void ParallelWorkWithinAScopeIsNotRecordedAndFreesOnlyItsOwn()
    {
        var device = Devices.Open("cpu Vector128");
        var model = new Sequential(new Linear(4, 8, device: device), new Relu(), new Sequential(new Linear(8, 8, device: device), new Relu()), new Linear(8, 3, device: device));
        using var x = Tensor.From([1f, -2, 3, 0.5f], [1, 4], device);
        float[] expected;
        using (Tape.NoGrad()) expected = model.Forward(x).ToArray();
        var before = Devices.UsedBytes(device);
        using (Tape.NoGrad())
        {
            Parallel.For(0, 200, i =>
            {
                Assert.False(Tape.IsRecording);
                using var inner = i % 3 == 0 ? Tape.NoGrad() : null;
                Assert.Equal(expected, model.Forward(x).ToArray());
            });
            Assert.Equal(expected, model.Forward(x).ToArray());
        }

        Assert.InRange(Devices.UsedBytes(device), 0, before);
        Assert.True(Tape.IsRecording);
    }

    /// <summary>A scope that has ended counts nowhere, in work that goes on either.</summary>
    [Fact]
    public async Task WorkThatOutlivesItsScopeIsRecordedAgain()
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<(bool, bool)> work;
        using (Tape.NoGrad())
        {
            work = Task.Run(async () =>
            {
                var within = Tape.IsRecording;
                await ended.Task;
                return (within, Tape.IsRecording);
            });
        }

        ended.SetResult();
        var (_, after) = await work;
        Assert.True(after);
        Assert.True(Tape.IsRecording);
    }

    [Fact]
    public void AnExceptionEndsAScope()
    {
        using var x = Parameter(1, 2);
        var device = Device;
        var before = Devices.UsedBytes(device);
        Assert.Throws<ShapeException>(() =>
        {
            using var scope = Tape.NoGrad();
            return (x * 2f).Reshape(3);
        });
        Assert.True(Tape.IsRecording);
        Assert.InRange(device.Engine.Pool.UsedBytes, 0, before);
    }

    /// <summary>The loop that an iterator feeds is in its scope, as in PyTorch, and out of it where the loop ends or is left.</summary>
    [Fact]
    public void AnIteratorsScopeEndsWithIt()
    {
        using var x = Parameter(1, 2);
        foreach (var sum in Sums())
        {
            Assert.Equal(6, sum);
            Assert.False(Tape.IsRecording);
        }

        Assert.True(Tape.IsRecording);
        foreach (var _ in Sums()) break;
        Assert.True(Tape.IsRecording);
        Assert.Equal(6, Sums().First());
        Assert.True(Tape.IsRecording);

        IEnumerable<double> Sums()
        {
            using var scope = Tape.NoGrad();
            for (var i = 0; i < 3; i++) yield return Sum(x * 2f).Item();
        }
    }

    [Fact]
    public void AnotherThreadMayEndAScope()
    {
        using var x = Parameter(1, 2);
        var scope = Tape.NoGrad();
        var made = x * 2f;
        var thread = new Thread(scope.Dispose);
        thread.Start();
        thread.Join();
        Assert.True(Tape.IsRecording);
        Assert.True(made.IsFreed);
    }

    static Tensor Parameter(params float[] values)
    {
        var tensor = Tensor.From(values, [values.Length], Device);
        tensor.RequiresGrad = true;
        return tensor;
    }

    static float[] Gradient(Tensor x)
    {
        using var gradient = x.Gradient!;
        return gradient.ToArray();
    }
}
