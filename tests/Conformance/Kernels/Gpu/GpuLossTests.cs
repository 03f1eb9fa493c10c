using CnnSharp.Kernels;
using FsCheck.Fluent;
using Xunit;
using static CnnSharp.Tests.GpuRun;

namespace CnnSharp.Tests;

/// <summary>Softmax and losses of the GPU engine against the plain kernels: rows of one thread each (up to 32 classes) and of a group each.</summary>
[Collection(DeviceTests.Name)]
public sealed class GpuLossTests
{
    // Few rows where a group has each: barriers are slow on ILGPU's CPU accelerator.
    static readonly FsCheck.Gen<(int Rows, int Classes)> Shapes = Gen.Elements((1, 1), (17, 2), (33, 10), (16, 32), (1, 33), (2, 70));

    [Fact]
    public void Softmax() => Check(
        12,
        from shape in Shapes
        from log in Gen.Elements(true, false)
        select (shape.Rows, shape.Classes, log),
        (drawn, random) =>
        {
            var (rows, classes, log) = drawn;
            var size = rows * classes;
            Array[] buffers = [Real(random, size, -30, 90), new float[size], Real(random, size), new float[size]];
            Near(2e-6, ForwardAndBackward, buffers);
            Assert.Equal(On(Gpu, ForwardAndBackward, buffers), On(Gpu, ForwardAndBackward, buffers));

            void ForwardAndBackward(IKernels k, DeviceBuffer[] b)
            {
                k.Losses.SoftmaxForward(rows, classes, log, b[0], b[1]);
                k.Losses.SoftmaxBackward(rows, classes, log, b[1], b[2], b[3]);
            }
        });

    [Fact]
    public void CrossEntropy() => Check(
        12,
        from shape in Shapes
        from smoothing in Gen.Elements(0f, 0.1f)
        select (shape.Rows, shape.Classes, smoothing),
        (drawn, random) =>
        {
            var (rows, classes, smoothing) = drawn;
            Near(
                2e-6,
                (k, b) =>
                {
                    k.Losses.CrossEntropyForward(new(rows, classes), smoothing, b[0], b[1], null, b[2], b[3]);
                    k.Losses.CrossEntropyBackward(new(rows, classes), smoothing, b[0], b[1], null, b[3], b[4], b[5]);
                },
                Real(random, rows * classes, -30, 30), Labels(random, rows, classes), new float[rows], new float[rows], Real(random, rows), new float[rows * classes]);
        });

    [Fact]
    public void MulticlassHingeIsExact() => Check(
        12,
        Shapes,
        (shape, random) =>
        {
            var (rows, classes) = shape;
            Same(
                (k, b) =>
                {
                    k.Losses.MulticlassHingeForward(new(rows, classes), 1, b[0], b[1], null, b[2]);
                    k.Losses.MulticlassHingeBackward(new(rows, classes), 1, b[0], b[1], null, b[3], b[4]);
                },
                Whole(random, rows * classes), Labels(random, rows, classes), new float[rows], Whole(random, rows), new float[rows * classes]);
        });

    [Fact]
    public void ElementwiseLosses() => Check(
        24,
        from op in Gen.Elements(Enum.GetValues<LossOp>())
        from length in Gen.Elements(1, 3, 4, 6, 41)
        select (op, length),
        (drawn, random) =>
        {
            var (op, length) = drawn;
            Near(
                1e-6,
                (k, b) =>
                {
                    k.Losses.Forward(op, b[0], b[1], b[2]);
                    k.Losses.Backward(op, b[0], b[1], b[3], b[4]);
                },
                Real(random, length, -3, 3), Real(random, length, 0, 1), new float[length], Real(random, length), new float[length]);
        });
}
