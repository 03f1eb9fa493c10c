using CnnSharp.Kernels;
using CnnSharp.Kernels.Reference;
using CnnSharp.Layers;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>Within a layer an operation waits for what it may be fused with; nobody sees another value than without.</summary>
public sealed class FusionTests
{
    static readonly Device Device = new(new ReferenceEngine<float>());

    readonly Conv2d conv = new(2, 3, 3, padding: 1, device: Device);
    readonly BatchNorm2d norm = new(3, device: Device);
    readonly Tensor x = Wave(2, [2, 4, 4, 2]);
    readonly Tensor shortcut = Wave(5, [2, 4, 4, 3]);

    /// <summary>The tape's own name of a result says by what it was computed.</summary>
    [Fact]
    public void ChainsBecomeOneOperation()
    {
        var linear = new Linear(2, 3, device: Device);
        Assert.Equal("Conv2d", NameOf(x => Functional.Relu(conv.Forward(x))));
        Assert.Equal("Linear", NameOf(x => Functional.Relu(linear.Forward(x))));
        Assert.Equal("BatchNorm", NameOf(x => Functional.Relu(norm.Forward(conv.Forward(x)) + shortcut)));
        Assert.Equal("BatchNorm", NameOf(x => shortcut + norm.Forward(conv.Forward(x))));
        Assert.Equal("Silu", NameOf(x => Functional.Sigmoid(x) * x));
        Assert.Equal("Silu", NameOf(x => conv.Forward(x) is var y ? y * Functional.Sigmoid(y) : null!));
        Assert.Equal("Multiply", NameOf(x => Functional.Sigmoid(x) * (x + 1)));
        Assert.Equal("Multiply", NameOf(x => Functional.Sigmoid(x) is var y ? y * y : null!));
        norm.Eval();
        Assert.Equal("BatchNorm", NameOf(x => Functional.Relu(norm.Forward(conv.Forward(x)))));
        using (Tape.NoGrad())
        {
            Assert.Equal("FusedConv2d", NameOf(x => norm.Forward(conv.Forward(x))));
            Assert.Equal("FusedConv2d", NameOf(x => Functional.Silu(conv.Forward(x))));
            Assert.Equal("FusedConv2d", NameOf(x => Functional.Silu(norm.Forward(conv.Forward(x)))));
            Assert.Equal("FusedConv2d", NameOf(x => shortcut + conv.Forward(x)));
            Assert.Equal("FusedConv2d", NameOf(x => Functional.Clamp(conv.Forward(x) + shortcut, 0, 6)));
            Assert.Equal("Add", NameOf(x => conv.Forward(x) + shortcut + shortcut));
            Assert.Equal("BatchNorm", NameOf(x => norm.Forward(conv.Forward(x) + shortcut)));
            Assert.Equal("Gelu", NameOf(x => Functional.Gelu(conv.Forward(x))));
            Assert.Equal("FusedConv2d", NameOf(x => Functional.Clamp(conv.Forward(x), 0, 6)));
            Assert.Equal("FusedConv2d", NameOf(x => Functional.Relu(norm.Forward(conv.Forward(x)))));
            Assert.Equal("FusedConv2d", NameOf(x => Functional.Relu(shortcut + norm.Forward(conv.Forward(x)))));
        }

        // Another shape is added by repetition, and a sum with itself has no other addend.
        Assert.Equal("Add", NameOf(x => norm.Forward(conv.Forward(x)) + Tensor.Full([3], 1, Device)));
        Assert.Equal("Add", NameOf(x => norm.Forward(conv.Forward(x)) is var y ? y + y : null!));

        string NameOf(Func<Tensor, Tensor> function) => new Function(function).Forward(x).Name!;
    }

    /// <summary>Outside layers an operation is computed as it is called.</summary>
    [Fact]
    public void OutsideLayersNothingWaits()
    {
        var y = Functional.Conv2d(x, conv.Weight, conv.Bias, conv.Options);
        Assert.Null(y.Deferred);
        Assert.Equal("Relu", Functional.Relu(y).Name);
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, false)]
    [InlineData(false, true)]
    public void ValuesGradientsAndStatisticsAreThoseOfEachOperationAlone(bool training, bool without)
    {
        norm.Train(training);
        var inner = new Sequential(new Function(x => Functional.Exp(x) + x), conv);
        Func<Tensor, Tensor>[] chains =
        [
            x => Functional.Relu(conv.Forward(x)),
            x => norm.Forward(conv.Forward(x)),
            x => norm.Forward(conv.Forward(x)) + shortcut,
            x => Functional.Relu(norm.Forward(conv.Forward(x)) + shortcut),
            x => Functional.Relu(shortcut + Functional.Relu(norm.Forward(conv.Forward(x)))),
            x => conv.Forward(x) is var y ? y * Functional.Sigmoid(y) : null!,
            x => Functional.Silu(conv.Forward(x)),
            x => Functional.Silu(norm.Forward(conv.Forward(x)) + shortcut),
            x => shortcut + conv.Forward(x),
            x => norm.Forward(conv.Forward(x) + shortcut),
            x => Functional.Clamp(norm.Forward(conv.Forward(x)) + shortcut, 0, 0.3),
            x => Functional.Relu(conv.Forward(x) + shortcut),
            x => Functional.Silu(conv.Forward(x) is var y ? y : null!) * y,
            x => Functional.Clamp(conv.Forward(x), 0, 0.3),
            x => Functional.Clamp(conv.Forward(x), -0.2, 0.3),
            x => Functional.Clamp(conv.Forward(x) is var y ? y : null!, 0, 0.3) * y,
            x => conv.Forward(x) is var y && Functional.Sigmoid(y) is var s ? s * y + s : null!,
            x => inner.Forward(x) is var y && Functional.Sigmoid(y) is var s ? Functional.Sigmoid(s * y) * s : null!,

            // What was fused is read again, before and after; by a sum, a product and a view.
            x => Functional.Relu(conv.Forward(x) is var y ? y : null!) * y,
            x => Functional.Relu(norm.Forward(conv.Forward(x)) is var y ? y : null!) + y,
            x => norm.Forward(conv.Forward(x) is var y ? y : null!) + y,
            x => (norm.Forward(conv.Forward(x)) is var y ? Functional.Relu(y + shortcut) : null!) * Functional.Reshape(y, y.Shape),
            x => norm.Forward(conv.Forward(x)) is var y && Functional.Relu(y) is not null ? y : null!,

            // What it is computed from was made in a layer that is left by then.
            x => Functional.Relu(inner.Forward(x) is var y ? y : null!) * y,
            x => Functional.Relu(norm.Forward(inner.Forward(x)) is var y ? y : null!) * y,
            x => Functional.Relu(new Sequential(inner, norm).Forward(x) is var y ? y : null!) + y,
            x => norm.Forward(new Sequential(inner).Forward(x) is var y ? y : null!) + y,
            x => inner.Forward(x) is var y && norm.Forward(y) is var z && Functional.Relu(z) is var u ? u * y * z : null!,
            x => inner.Forward(x) is var y && norm.Forward(y) is var z && Functional.Relu(z) is var u ? u * z * y : null!,
        ];
        foreach (var chain in chains)
        {
            var fused = Go(new Function(chain).Forward);
            var alone = Go(chain);
            Assert.Equal(alone.Values, fused.Values, Close);
            Assert.Equal(alone.Statistics, fused.Statistics);
            Assert.Equal(alone.Gradients.Length, fused.Gradients.Length);
            for (var i = 0; i < alone.Gradients.Length; i++) Assert.Equal(alone.Gradients[i], fused.Gradients[i], Close);
        }

        (float[] Values, float[] Statistics, float[][] Gradients) Go(Func<Tensor, Tensor> forward)
        {
            norm.RunningMean.CopyFrom<float>([0.1f, -0.2f, 0.3f]);
            norm.RunningVariance.CopyFrom<float>([1.5f, 0.7f, 0.9f]);
            Tensor[] parameters = [conv.Weight, conv.Bias!, norm.Weight, norm.Bias];
            foreach (var parameter in parameters) parameter.ClearGradient();
            using var scope = without ? Tape.NoGrad() : null;
            var y = forward(x);
            var values = y.ToArray();
            if (!without) y.Backward(Wave(7, y.Shape));
            return (values, [.. norm.RunningMean.ToArray(), .. norm.RunningVariance.ToArray()], [.. parameters.Select(p => p.Gradient?.ToArray() ?? [])]);
        }
    }

    /// <summary>Statistics move once a call, also where nobody reads the result, and where it is disposed of.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AResultThatIsNotReadHasMovedTheStatistics(bool without)
    {
        Action<Tensor>[] uses = [y => { }, y => y.Dispose(), y => Functional.Relu(y), y => Functional.Relu(y).Dispose(), y => y.ToArray()];
        foreach (var use in uses)
        {
            norm.RunningMean.CopyFrom<float>([0, 0, 0]);
            using var scope = without ? Tape.NoGrad() : null;
            new Function(x =>
            {
                use(norm.Forward(shortcut));
                return Functional.Exp(x);
            }).Forward(x);
            var mean = shortcut.ToArray().Where((_, i) => i % 3 == 0).Average();
            Assert.Equal(0.1 * mean, norm.RunningMean.ToArray()[0], 1e-6);
        }
    }

    /// <summary>Whoever writes a tensor while an operation waits that reads it finds it read.</summary>
    [Fact]
    public void AnInputThatIsWrittenNextIsReadBefore()
    {
        var input = Wave(2, x.Shape);
        var expected = Functional.Conv2d(input, conv.Weight, conv.Bias, conv.Options).ToArray().Select(v => Math.Max(v, 0));
        var y = new Function(x =>
        {
            var y = conv.Forward(x);
            x.CopyFrom(new float[x.Count]);
            return Functional.Relu(y);
        }).Forward(input);
        Assert.Equal(expected, y.ToArray());
    }

    /// <summary>Whoever disposes of a tensor while an operation waits that reads it finds it read.</summary>
    [Fact]
    public void AnInputThatIsDisposedOfNextIsReadBefore()
    {
        var y = new Function(x =>
        {
            using var twice = x * 2;
            return conv.Forward(twice);
        }).Forward(x);
        Assert.Equal(Functional.Conv2d(x * 2, conv.Weight, conv.Bias, conv.Options).ToArray(), y.ToArray());
    }

    /// <summary>What was fused into another operation is computed when it is read, unless that would give something else by now.</summary>
    [Fact]
    public void AResultThatIsReadAfterItsInputsHaveChangedIsAnError()
    {
        var kept = new List<Tensor>();
        var layer = new Function(x =>
        {
            kept.Add(conv.Forward(x));
            return Functional.Relu(kept[^1]);
        });
        layer.Forward(x);
        Assert.Equal(Functional.Conv2d(x, conv.Weight, conv.Bias, conv.Options).ToArray(), kept[0].ToArray());
        layer.Forward(x);
        conv.Bias!.CopyFrom<float>([1, 2, 3]);
        layer.Forward(Wave(2, x.Shape) is var other ? other : null!);
        other.Dispose();
        Assert.Contains("was freed before 'Conv2d' [2, 4, 4, 3] was read", Assert.Throws<InvalidOperationException>(() => kept[2].ToArray()).Message, StringComparison.Ordinal);
        Assert.Contains("was changed before 'Conv2d' [2, 4, 4, 3] was read", Assert.Throws<InvalidOperationException>(() => kept[1].ToArray()).Message, StringComparison.Ordinal);
    }

    /// <summary>What a layer that fails leaves behind is nobody's.</summary>
    [Fact]
    public void ALayerThatFailsLeavesNothing()
    {
        var before = Device.Engine.Pool.UsedBytes;
        var failing = new Function(x => throw new InvalidDataException($"after {conv.Forward(x).Shape}"));
        Assert.Throws<InvalidDataException>(() => failing.Forward(x));
        Assert.InRange(Device.Engine.Pool.UsedBytes, 0, before);

        // One that goes on after the failure of another has what it had.
        var y = new Function(x =>
        {
            var y = conv.Forward(x);
            Assert.Throws<InvalidDataException>(() => failing.Forward(x));
            return Functional.Relu(y);
        }).Forward(x);
        Assert.Equal(Functional.Conv2d(x, conv.Weight, conv.Bias, conv.Options).ToArray().Select(v => Math.Max(v, 0)), y.ToArray());
    }

    static bool Close(float a, float b) => Math.Abs(a - b) <= 1e-5 * (1 + Math.Abs(a));

    static Tensor Wave(int step, Shape shape) => Tensor.From([.. Enumerable.Range(0, (int)shape.Count).Select(i => MathF.Sin((i * step) + 1))], shape, Device);

    sealed class Function(Func<Tensor, Tensor> function) : Layer
    {
        protected override Tensor Compute(Tensor x) => function(x);
    }
}
