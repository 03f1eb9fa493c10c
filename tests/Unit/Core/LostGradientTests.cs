using CnnSharp.Kernels;
using CnnSharp.Layers;
using CnnSharp.Training;
using Xunit;
using static CnnSharp.Functional;

namespace CnnSharp.Tests;

/// <summary>No gradient is lost without a word: where PyTorch raises, so does Backward, and else the values are PyTorch's.</summary>
[Collection(DeviceTests.Name)]
public sealed class LostGradientTests
{
    static Device Device => Devices.Open("reference");

    // ---- A graph that was given back ------------------------------------------------------------------------------

    [Fact]
    public void TwoLossesOnOneTrunkAreRefusedBeforeAnythingIsComputed()
    {
        using var x = Parameter(1, 2);
        using var w = Parameter(3, 4);
        var before = Devices.UsedBytes(Device);
        Run();
        Assert.InRange(Devices.UsedBytes(Device), 0, before);

        void Run()
        {
            var h = x * w;
            h.Name = "h";
            using var a = Sum(h * h);
            using var b = Sum(h * 2f);
            a.Backward();
            var e = Assert.Throws<InvalidOperationException>(() => b.Backward());
            Assert.Equal(
                "Backward: the graph of tensor 'h' [2] was given back by an earlier Backward, so that no gradient could flow to what it was computed from. "
                + "Call Backward(retainGraph: true) on every loss but the last, or Backward once on the sum of the losses; Detach() the tensor if no gradient is to flow through it.",
                e.Message);

            // d(sum of h^2)/dw = 2 x^2 w, of the first loss alone.
            Assert.Equal([6f, 32], Gradient(w));
            x.ClearGradient();
            w.ClearGradient();
        }
    }

    [Theory]
    [MemberData(nameof(Devices.All), MemberType = typeof(Devices))]
    public void TwoLossesOnOneTrunkWithARetainedGraphAreThoseOfTheirSum(string name)
    {
        var device = Devices.Open(name);
        var trunk = new Conv2d(3, 4, 3, padding: 1, device: device);
        Linear first = new(64, 3, device: device), second = new(64, 3, device: device);
        using var x = Tensor.Full([2, 4, 4, 3], 1, device);
        using var labels = Tensor.From(new[] { 2, 0 }, device);
        Tensor[] parameters = [.. trunk.Parameters, .. first.Parameters, .. second.Parameters];

        var (a, b) = Losses();
        (a + b).Backward();
        var expected = Gradients();

        (a, b) = Losses();
        a.Backward(retainGraph: true);
        b.Backward();
        AssertClose(expected, Gradients());

        // With one shared, kept tensor the same holds, and without retainGraph the same exception comes.
        (a, b) = Losses(shared: true);
        a.Backward(retainGraph: true);
        b.Backward();
        AssertClose(expected, Gradients());
        (a, b) = Losses(shared: true);
        a.Backward();
        Assert.Contains("was given back by an earlier Backward", Assert.Throws<InvalidOperationException>(() => b.Backward()).Message, StringComparison.Ordinal);

        (Tensor A, Tensor B) Losses(bool shared = false)
        {
            foreach (var parameter in parameters) parameter.ClearGradient();
            var h = shared ? trunk.Forward(x).Flatten().Keep() : trunk.Forward(x);
            return (Loss.CrossEntropy(first.Forward(Flat(h)), labels), Loss.CrossEntropy(second.Forward(Flat(h)), labels));
        }

        static Tensor Flat(Tensor h) => h.Shape.Rank == 2 ? h : h.Flatten();

        float[][] Gradients() => [.. parameters.Select(Gradient)];
    }

    /// <summary>
    /// The values that PyTorch 2.6 gives in double precision: conv2d(x, w, padding=1) in channels-last order as h, retained,
    /// cross_entropy(h @ a) + cross_entropy(h @ b) of labels 2, 0; element k of a tensor is (k m % 101 - 50) / 100, with
    /// m = 17 (x), 37 (w), 29 (a), 43 (b).
    /// </summary>
    [Theory]
    [MemberData(nameof(Devices.All), MemberType = typeof(Devices))]
    public void TwoLossesOnOneTrunkAreThoseOfPyTorch(string name)
    {
        var device = Devices.Open(name);
        using var x = Fill(17, [2, 4, 4, 3]);
        using var w = Fill(37, [3, 3, 3, 4]);
        using var a = Fill(29, [64, 3]);
        using var b = Fill(43, [64, 3]);
        (w.RequiresGrad, a.RequiresGrad, b.RequiresGrad) = (true, true, true);
        using var labels = Tensor.From(new[] { 2, 0 }, device);
        using var h = Conv2d(x, w, options: new() { Padding = 1 }).Flatten();
        h.RequiresGrad = true;
        using var first = CrossEntropy(MatMul(h, a), labels);
        using var second = CrossEntropy(MatMul(h, b), labels);
        Assert.Equal(1.168097738496084, first.Item(), 1e-5);
        Assert.Equal(1.0611585630603348, second.Item(), 1e-5);
        first.Backward(retainGraph: true);
        Assert.Equal(1.1506851991704674, Norm(w), 1e-5);
        Assert.Equal(1.631303102880192, Norm(h), 1e-5);
        second.Backward();
        Assert.Equal(1.2611416990078632, Norm(w), 1e-5);
        Assert.Equal(1.6742238745971554, Norm(h), 1e-5);

        Tensor Fill(int m, Shape shape) => Tensor.From(Enumerable.Range(0, (int)shape.Count).Select(k => ((k * m % 101) - 50) / 100f).ToArray(), shape, device);

        static double Norm(Tensor tensor) => Math.Sqrt(Gradient(tensor).Sum(value => (double)value * value));
    }

    /// <summary>What is recorded on a kept tensor after its graph was given back misses the trunk as well.</summary>
    [Fact]
    public void AKeptTensorWhoseGraphIsGoneIsNoBeginning()
    {
        using var w = Parameter(3, 4);
        using var head = Parameter(5, 6);
        using var h = (w * 2f).Keep();
        h.Name = "h";
        Sum(h * head).Backward();
        Assert.Equal([10f, 12], Gradient(w));

        using var later = Sum(h * head);
        Assert.Contains("the graph of tensor 'h' [2] was given back", Assert.Throws<InvalidOperationException>(() => later.Backward()).Message, StringComparison.Ordinal);

        // Nor is what is made of it alone, and its elements are whole.
        using var alone = Sum(h * 3f);
        Assert.Equal(42, alone.Item());
        Assert.Contains("was given back", Assert.Throws<InvalidOperationException>(() => alone.Backward()).Message, StringComparison.Ordinal);
        using var joined = Sum(alone + head);
        Assert.Contains("was given back", Assert.Throws<InvalidOperationException>(() => joined.Backward()).Message, StringComparison.Ordinal);

        // As a constant it serves.
        head.ClearGradient();
        Sum(h.Detach() * head).Backward();
        Assert.Equal([6f, 8], Gradient(head));
        Assert.Equal([10f, 12], Gradient(w));
    }

    /// <summary>A part of a graph that a refused pass has reached can still be walked from elsewhere.</summary>
    [Fact]
    public void ARefusedPassLeavesTheRestOfTheGraphAlone()
    {
        using var w = Parameter(3);
        using var v = Parameter(5);
        var h = w * 2f;
        var g = v * 3f;
        using var a = Sum(h);
        using var both = Sum(g * h);
        using var c = Sum(g * g);
        a.Backward();
        Assert.Throws<InvalidOperationException>(() => both.Backward());
        c.Backward();
        Assert.Equal([90f], Gradient(v));
    }

    [Fact]
    public void ARetainedGraphAddsTheSameAgain()
    {
        using var x = Parameter(1, 2);
        using var loss = Sum(Relu(x * x) * Sigmoid(x * 0f));
        loss.Backward(retainGraph: true);
        Assert.Equal([1f, 2], Gradient(x));
        loss.Backward(retainGraph: true);
        loss.Backward();
        Assert.Equal([3f, 6], Gradient(x));
        Assert.Throws<InvalidOperationException>(() => loss.Backward());
    }

    [Fact]
    public void ACustomOperationKeepsWhatItNeedsForASecondPass()
    {
        using var x = Parameter(0);
        Tensor? s = null;
        using var loss = Sum(Custom("Sigmoid", [x], () => s = Sigmoid(x).Keep(), dy => [dy * s! * (1 - s!)]));
        loss.Backward(retainGraph: true);
        Assert.False(s!.IsFreed);
        loss.Backward();
        Assert.True(s.IsFreed);
        Assert.Equal([0.5f], Gradient(x));
    }

    // ---- What has changed since -----------------------------------------------------------------------------------

    /// <summary>The first layer's gradient is computed from the second one's weights: PyTorch raises too.</summary>
    [Theory]
    [MemberData(nameof(Devices.All), MemberType = typeof(Devices))]
    public void WeightsThatWereSteppedBetweenForwardAndBackwardAreNamed(string name)
    {
        var device = Devices.Open(name);
        var model = new Sequential(new Conv2d(1, 2, 3, device: device), new Relu(), new Conv2d(2, 1, 1, device: device));
        var optimizer = new Sgd(model.Parameters, learningRate: 0.1f);
        using var x = Tensor.Full([1, 4, 4, 1], 1, device);
        var early = Sum(Square(model.Forward(x)));
        Sum(Square(model.Forward(x))).Backward();
        optimizer.Step();
        var e = Assert.Throws<InvalidOperationException>(() => early.Backward());
        Assert.Contains("Backward: tensor '2.weight' [1, 1, 2, 1], which the gradient of Conv2d is computed from, was changed (by a step of an optimizer, Write, a kernel) after Conv2d had read it", e.Message, StringComparison.Ordinal);
        Assert.All(model.Parameters, parameter => Assert.Null(parameter.Gradient));

        // Then all is as if it had not been asked for.
        Sum(Square(model.Forward(x))).Backward();
        Assert.All(model.Parameters, parameter => Assert.NotNull(parameter.Gradient));
    }

    /// <summary>No gradient is computed from a bias, a constant's addend or what only its shape counts of.</summary>
    [Fact]
    public void WhatNoGradientIsComputedFromMayChange()
    {
        using var w = Parameter(3, 4);
        using var b = Parameter(1, 1);
        using var x = Tensor.From([1f, 2], [1, 2], Device);
        using var layer = Tensor.From([1f, 2, 3, 4], [2, 2], Device);
        layer.RequiresGrad = true;
        using var loss = Sum(w + b) + Sum(Linear(x, layer, b)) + Sum(w * 2f);
        b.CopyFrom<float>([7, 8]);
        w.CopyFrom<float>([7, 8]);
        loss.Backward();
        Assert.Equal([3f, 3], Gradient(w));
        Assert.Equal([2f, 2], Gradient(b));
        Assert.Equal([1f, 1, 2, 2], Gradient(layer));
    }

    [Fact]
    public void RunningStatisticsThatMovedBetweenAreNamed()
    {
        var norm = new BatchNorm2d(2, device: Device);
        using var x = Parameter(1, 2, 3, 5);
        using var early = Sum(Square(norm.Eval().Forward(x.Reshape(2, 2))));
        norm.Train().Forward(x.Reshape(2, 2));
        Assert.Contains("tensor 'runningMean' [2], which the gradient of BatchNorm is computed from, was changed", Assert.Throws<InvalidOperationException>(() => early.Backward()).Message, StringComparison.Ordinal);

        // In training they are written only: as in PyTorch a batch norm may be used twice in one graph.
        norm.Train();
        (Sum(Square(norm.Forward(x.Reshape(2, 2)))) + Sum(Square(norm.Forward(x.Reshape(2, 2))))).Backward();
        Assert.NotNull(x.Gradient);
    }

    [Fact]
    public void LabelsTargetsAndResultsThatChangedAreNamed()
    {
        using var x = Parameter(1, 2, 3, 4);
        using var labels = Tensor.From(new[] { 0, 1 }, [2], Device);
        labels.Name = "labels";
        using var crossEntropy = CrossEntropy(x.Reshape(2, 2), labels);
        labels.CopyFrom<int>([1, 0]);
        Assert.Contains("tensor 'labels' [2], which the gradient of CrossEntropy", Assert.Throws<InvalidOperationException>(() => crossEntropy.Backward()).Message, StringComparison.Ordinal);

        using var y = Sigmoid(x).Keep();
        using var loss = Sum(y);
        Device.Kernels.Memory.Fill(y.Data, 0.5);
        Assert.Contains("its result 'Sigmoid' [4], which the gradient of Sigmoid", Assert.Throws<InvalidOperationException>(() => loss.Backward()).Message, StringComparison.Ordinal);
    }

    // ---- Gradients of results, and of targets ---------------------------------------------------------------------

    /// <summary>PyTorch's retain_grad.</summary>
    [Theory]
    [MemberData(nameof(Devices.All), MemberType = typeof(Devices))]
    public void AKeptResultHasItsGradientToo(string name)
    {
        var device = Devices.Open(name);
        var before = Devices.UsedBytes(device);
        using (var x = Tensor.From([1f, -2, 3], [3], device))
        {
            x.RequiresGrad = true;
            using var h = (x * 2f).Keep();
            h.RequiresGrad = true;
            using var loss = Sum(Square(Relu(h)));
            loss.Backward(retainGraph: true);
            Assert.Equal([4f, 0, 12], Gradient(h));
            Assert.Equal([8f, 0, 24], Gradient(x));
            loss.Backward();
            Assert.Equal([8f, 0, 24], Gradient(h));
            Assert.Equal([16f, 0, 48], Gradient(x));
        }

        Assert.InRange(Devices.UsedBytes(device), 0, before);
    }

    [Fact]
    public void AResultThatIsToHaveItsGradientNeedsNoKeep()
    {
        using var x = Parameter(1, -2);
        using var h = x * 2f;
        h.RequiresGrad = true;
        Sum(Square(h)).Backward();
        Assert.Equal([4f, -8], Gradient(h));
        Assert.Equal([2f, -4], h.ToArray());
    }

    [Fact]
    public void TheRootsGradientIsTheUpstreamOne()
    {
        using var x = Parameter(1, 2);
        using var y = x * 3f;
        y.RequiresGrad = true;
        using var dy = Tensor.From([5f, 7], [2], Device);
        y.Backward(dy);
        Assert.Equal([5f, 7], Gradient(y));
        Assert.Equal([15f, 21], Gradient(x));
    }

    /// <summary>Two parameters never share a gradient's memory, which an optimizer may change.</summary>
    [Fact]
    public void EachGradientIsItsOwn()
    {
        using var a = Parameter(1, 2);
        using var b = Parameter(3, 4);
        using var dy = Tensor.From([5f, 7], [2], Device);
        (a + b).Backward(dy);
        Device.Kernels.Memory.Fill(a.Gradient!.Data, 0);
        Assert.Equal([5f, 7], Gradient(b));
        Assert.Equal([5f, 7], dy.ToArray());
    }

    /// <summary>A student and a teacher that learn from each other: the target has a gradient as in PyTorch.</summary>
    [Fact]
    public void ATargetHasItsGradient()
    {
        using var x = Parameter(1, -2);
        using var target = Parameter(0.25f, 0.5f);
        MeanSquaredError(x, target, Reduction.Sum).Backward();
        Assert.Equal([1.5f, -5], Gradient(x));
        Assert.Equal([-1.5f, 5], Gradient(target));
        target.ClearGradient();

        // d/dt of log(1 + exp(x)) - t x is -x.
        BinaryCrossEntropyWithLogits(x, target, Reduction.Sum).Backward();
        Assert.Equal([-1f, 2], Gradient(target));
    }

    [Fact]
    public void WholeNumbersHaveNoGradient()
    {
        using var labels = Tensor.From(new[] { 0, 1 }, [2], Device);
        Assert.Equal("Tensor.RequiresGrad: [2] holds Int32; only floating-point tensors have gradients.", Assert.Throws<InvalidOperationException>(() => labels.RequiresGrad = true).Message);
    }

    /// <summary>An operation that works in place would lose what led to its input.</summary>
    [Fact]
    public void AResultIsOneOperationsOwn()
    {
        using var x = Parameter(1, 2);
        using var y = x * 2f;
        Assert.Equal(
            "Tape.Record: Twice gave 'MultiplyScalar' [2], which is the result of another operation already; its history would be lost. Give a new tensor.",
            Assert.Throws<InvalidOperationException>(() => Tape.Record("Twice", y, [x], (dy, gradients) => gradients.Pass(x, dy))).Message);
        Assert.Contains("which is one of its inputs", Assert.Throws<InvalidOperationException>(() => Tape.Record("InPlace", x, [x], (dy, gradients) => gradients.Pass(x, dy))).Message, StringComparison.Ordinal);
        Sum(y).Backward();
        Assert.Equal([2f, 2], Gradient(x));
    }

    // ---- Passes that end early, and several at once ---------------------------------------------------------------

    [Fact]
    public void APassThatThrowsLeavesNoGradientAndNoMemory()
    {
        using var x = Parameter(1, 2);
        using var w = Parameter(3, 4);
        Sum(x * w).Backward();
        var before = Devices.UsedBytes(Device);
        var fails = true;
        for (var i = 0; i < 2; i++)
        {
            using var loss = Sum(Custom("Fails", [x], () => x * 1f, dy => fails ? throw new NotSupportedException("no gradient") : [dy]) * w);
            Assert.Throws<NotSupportedException>(() => loss.Backward());
            Assert.Equal([3f, 4], Gradient(x));
            Assert.Equal([1f, 2], Gradient(w));
            Assert.Contains("was given back", Assert.Throws<InvalidOperationException>(() => loss.Backward()).Message, StringComparison.Ordinal);
        }

        Assert.InRange(Devices.UsedBytes(Device), 0, before);

        // Where the graph is retained, the pass may be tried again.
        using var again = Sum(Custom("Fails", [x], () => x * 1f, dy => fails ? throw new NotSupportedException("no gradient") : [dy]) * w);
        Assert.Throws<NotSupportedException>(() => again.Backward(retainGraph: true));
        fails = false;
        again.Backward();
        Assert.Equal([6f, 8], Gradient(x));
        Assert.Equal([2f, 4], Gradient(w));
    }

    [Fact]
    public void PassesOfSeveralThreadsAddUp()
    {
        var device = Devices.Open("cpu Vector128");
        using var x = Tensor.Full([1000], 1, device);
        using var w = Tensor.Full([1000], 2, device);
        w.RequiresGrad = true;
        var trunk = (x * w).Keep();
        var losses = Enumerable.Range(1, 16).Select(i => Sum(trunk * (float)i) + Sum(w * (float)i)).ToArray();
        Parallel.ForEach(losses, loss => loss.Backward(retainGraph: true));
        Assert.All(Gradient(w), value => Assert.Equal(2 * 136f, value));

        // Without retaining, one of them has the trunk and the others say so.
        w.ClearGradient();
        var refused = 0;
        var heads = Enumerable.Range(0, 8).Select(_ => Sum(trunk * 1f)).ToArray();
        Parallel.ForEach(heads, loss =>
        {
            try
            {
                loss.Backward();
            }
            catch (InvalidOperationException e) when (e.Message.Contains("was given back", StringComparison.Ordinal))
            {
                Interlocked.Increment(ref refused);
            }
        });
        Assert.Equal(7, refused);
        Assert.All(Gradient(w), value => Assert.Equal(1f, value));
        trunk.Dispose();
    }

    /// <summary>Checkpointing: a backward function recomputes its part and walks back through it.</summary>
    [Fact]
    public void APassWithinAPassLeavesItsGradients()
    {
        using var x = Parameter(1, 2);
        using var w = Parameter(3, 4);
        var y = Tensor.Uninitialized(x.Shape, Device);
        using (Tape.NoGrad()) Device.Kernels.Memory.Copy((x * w).Data, y.Data);
        Tape.Record("Checkpoint", y, [x, w], (dy, gradients) =>
        {
            using var input = x.Detach();
            input.RequiresGrad = true;
            using var upstream = Tensor.From(new float[2], [2], Device);
            Device.Kernels.Memory.Copy(dy, upstream.Data);
            (input * w).Backward(upstream);
            Device.Kernels.Memory.Copy(input.Gradient!.Data, gradients.For(x));
        });
        (Sum(Square(y)) + Sum(w * 5f)).Backward();

        // d(x w)^2: 2 x w w by x, 2 x w x by w.
        Assert.Equal([18f, 64], Gradient(x));
        Assert.Equal([6f + 5, 32 + 5], Gradient(w));
    }

    [Fact]
    public void BackwardWithoutRecordingIsTheSame()
    {
        using var x = Parameter(1, 2);
        using var loss = Sum(Custom("Double", [Square(x)], () => Square(x) * 2f, dy => [dy * 2f]));
        using (Tape.NoGrad()) loss.Backward();
        Assert.Equal([4f, 8], Gradient(x));
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

    static void AssertClose(float[][] expected, float[][] actual)
    {
        for (var i = 0; i < expected.Length; i++)
        {
            for (var j = 0; j < expected[i].Length; j++) Assert.Equal(expected[i][j], actual[i][j], 1e-6f);
        }
    }
}
