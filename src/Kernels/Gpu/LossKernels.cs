using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;
using static CnnSharp.Kernels.Gpu.ElementwiseKernels;

namespace CnnSharp.Kernels.Gpu;

/// <summary>Element-wise losses, each beside its derivative by the prediction.</summary>
sealed partial class LossKernels(GpuKernels kernels) : GpuKernelFamily(kernels), ILossKernels
{
    readonly Action<Index1D, float, ArrayView<float>, ArrayView<float>, ArrayView<float>>?[] loss = new Action<Index1D, float, ArrayView<float>, ArrayView<float>, ArrayView<float>>?[Enum.GetValues<LossOp>().Length];
    readonly Action<Index1D, float, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>>?[] lossBackward = new Action<Index1D, float, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>>?[Enum.GetValues<LossOp>().Length];

    /// <summary>A loss of a prediction and a target (there is no parameter), and its derivative by the prediction times dloss.</summary>
    internal interface ILoss : IMap2, IMap3;

    void ILossKernels.Forward(LossOp op, DeviceBuffer x, DeviceBuffer target, DeviceBuffer losses)
    {
        if (losses.Length == 0) return;
        (loss[(int)op] ??= CompileLoss(op))(Quads(losses.Length), 0, ReadFloats(x), ReadFloats(target), Floats(losses));
    }

    void ILossKernels.Backward(LossOp op, DeviceBuffer x, DeviceBuffer target, DeviceBuffer dlosses, DeviceBuffer dx)
    {
        if (dx.Length == 0) return;
        (lossBackward[(int)op] ??= CompileLossBackward(op))(Quads(dx.Length), 0, ReadFloats(x), ReadFloats(target), ReadFloats(dlosses), Floats(dx));
    }

    Action<Index1D, float, ArrayView<float>, ArrayView<float>, ArrayView<float>> CompileLoss(LossOp op) => op switch
    {
        LossOp.MeanSquared => CompileMap2<MeanSquared>(),
        LossOp.L1 => CompileMap2<L1>(),
        LossOp.SmoothL1 => CompileMap2<SmoothL1>(),
        LossOp.BinaryCrossEntropyWithLogits => CompileMap2<BinaryCrossEntropy>(),
        _ => throw new ArgumentOutOfRangeException(nameof(op), op, "unknown loss"),
    };

    Action<Index1D, float, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>> CompileLossBackward(LossOp op) => op switch
    {
        LossOp.MeanSquared => CompileMap3<MeanSquared>(),
        LossOp.L1 => CompileMap3<L1>(),
        LossOp.SmoothL1 => CompileMap3<SmoothL1>(),
        LossOp.BinaryCrossEntropyWithLogits => CompileMap3<BinaryCrossEntropy>(),
        _ => throw new ArgumentOutOfRangeException(nameof(op), op, "unknown loss"),
    };

    internal readonly struct MeanSquared : ILoss
    {
        public static float Apply(float x, float target, float a) => (x - target) * (x - target);

        public static float Apply(float x, float target, float dloss, float a) => 2 * (x - target) * dloss;
    }

    internal readonly struct L1 : ILoss
    {
        public static float Apply(float x, float target, float a) => XMath.Abs(x - target);

        public static float Apply(float x, float target, float dloss, float a) => x > target ? dloss : x < target ? -dloss : 0;
    }

    internal readonly struct SmoothL1 : ILoss
    {
        public static float Apply(float x, float target, float a)
        {
            var d = XMath.Abs(x - target);
            return d < 1 ? 0.5f * d * d : d - 0.5f;
        }

        public static float Apply(float x, float target, float dloss, float a)
        {
            var d = x - target;
            return dloss * (d > 1 ? 1 : d < -1 ? -1 : d);
        }
    }

    internal readonly struct BinaryCrossEntropy : ILoss
    {
        public static float Apply(float x, float target, float a) => ((1 - target) * x) + Rectify(-x) + LogOnePlus(XMath.Exp(-XMath.Abs(x)));

        public static float Apply(float x, float target, float dloss, float a) => (Logistic(x) - target) * dloss;
    }
}
