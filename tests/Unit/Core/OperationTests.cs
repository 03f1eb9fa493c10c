using CnnSharp.Formats.Onnx;
using CnnSharp.Kernels;
using CnnSharp.Layers;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>An operation of a program's own: a record derived from <see cref="Operation"/>.</summary>
public sealed class OperationTests
{
    [Fact]
    public void ItHasAResultAndAGradient()
    {
        using var x = Tensor.From(new float[] { 1, -2, 3 }, [3], Device.Cpu);
        x.RequiresGrad = true;
        using var y = new ScaleGradient(0.5f).Apply(x);
        Assert.Equal([1f, -2, 3], y.ToArray());
        Assert.Equal("ScaleGradient", y.Name);
        using var total = Functional.Sum(Functional.Square(y));
        total.Backward();
        Assert.Equal([1f, -2, 3], x.Gradient!.ToArray());
    }

    [Fact]
    public void WhereThereAreNoElementsItHasAShape()
    {
        var x = Tensor.Uninitialized([65536, 65536, 4], Device.Shapes);
        Assert.Equal(new Shape(65536, 65536, 4), new ScaleGradient(0.5f).Apply(x).Shape);
        Assert.Contains("Infer gives the shape", Assert.Throws<InvalidOperationException>(() => x.Device.Kernels.Memory.Copy(x.Data, x.Data)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WhatItSavesIsGivenBack()
    {
        using var engine = new Kernels.Cpu.CpuEngine(1);
        var device = new Device(engine);
        var x = Tensor.From(new float[] { 1, -2, 3 }, [3], device);
        x.RequiresGrad = true;
        var used = engine.Pool.UsedBytes;
        for (var i = 0; i < 3; i++)
        {
            using var y = new Faulty(IsFaulty: i == 1).TryApply(x);
            y?.Backward();
            x.ClearGradient();
            y?.Dispose();
            Assert.Equal(used, engine.Pool.UsedBytes);
        }

        x.Dispose();
    }

    [Fact]
    public void WithoutAFirstInputItIsRefused()
    {
        Assert.StartsWith("ScaleGradient: expected a first input, on whose device it is computed, got no inputs.", Assert.Throws<ArgumentException>(() => new ScaleGradient(1).Apply()).Message, StringComparison.Ordinal);
        Assert.Contains("got null", Assert.Throws<ArgumentException>(() => new ScaleGradient(1).Apply([null])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AFifthSavedBufferIsRefusedAndTheOthersAreGivenBack()
    {
        using var engine = new Kernels.Cpu.CpuEngine(1);
        using var x = Tensor.From(new float[] { 1, -2, 3 }, [3], new Device(engine));
        x.RequiresGrad = true;
        var used = engine.Pool.UsedBytes;
        using (new SavesZeros(4).Apply(x)) Assert.True(engine.Pool.UsedBytes > used);
        used = engine.Pool.UsedBytes;
        Assert.Contains("at most 4", Assert.Throws<InvalidOperationException>(() => new SavesZeros(5).Apply(x)).Message, StringComparison.Ordinal);
        Assert.Equal(used, engine.Pool.UsedBytes);
    }

    [Fact]
    public void ExportSaysThatItHasNoForm()
    {
        var model = new Sequential(new Linear(3, 2), new Scaled());
        var e = Assert.Throws<NotSupportedException>(() => model.ToOnnx([3]));
        Assert.Contains("ScaleGradient", e.Message, StringComparison.Ordinal);
        Assert.Contains("it has no form in ONNX", e.Message, StringComparison.Ordinal);
    }

    sealed class Scaled : Layer
    {
        protected override Tensor Compute(Tensor x) => new ScaleGradient(0.5f).Apply(x);
    }

    /// <summary>y = x, dx = Factor dy.</summary>
    sealed record ScaleGradient(float Factor) : Operation
    {
        public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => inputs[0]!.Shape;

        public override void Forward(ForwardContext c) => c.Kernels.Memory.Copy(c.Data(0), c.Output.Data);

        public override void Backward(BackwardContext c) => c.Kernels.Elementwise.Unary(UnaryOp.MultiplyScalar, Factor, c.OutputGradient, c.Gradients.For(c[0]));
    }

    /// <summary>The sum of x, which saves a buffer and may fail after it.</summary>
    sealed record Faulty(bool IsFaulty) : Operation
    {
        public Tensor? TryApply(Tensor x)
        {
            try
            {
                return Apply(x);
            }
            catch (InvalidOperationException)
            {
                return null;
            }
        }

        public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => default;

        public override void Forward(ForwardContext c)
        {
            var saved = c.Save(DType.Float32, 1);
            c.Kernels.Reductions.Sum(new(1, c[0].Count, 1), 1, c.Data(0), saved);
            if (IsFaulty) throw new InvalidOperationException("on purpose");
            c.Kernels.Memory.Copy(saved, c.Output.Data);
        }

        public override void Backward(BackwardContext c) => c.Kernels.Reductions.Expand(new(1, c[0].Count, 1), 1, c.OutputGradient, c.Gradients.For(c[0]));
    }

    /// <summary>y = x, and so many buffers that nobody reads.</summary>
    sealed record SavesZeros(int Count) : Operation
    {
        public override Shape Infer(ReadOnlySpan<Tensor?> inputs) => inputs[0]!.Shape;

        public override void Forward(ForwardContext c)
        {
            for (var i = 0; i < Count; i++) c.Kernels.Memory.Fill(c.Save(DType.Float32, 3), 0);
            c.Kernels.Memory.Copy(c.Data(0), c.Output.Data);
        }

        public override void Backward(BackwardContext c) => c.Gradients.Pass(c[0], c.OutputGradient);
    }
}
