using ILGPU;

namespace CnnSharp.Kernels.Gpu;

/// <summary>TensorFloat-32 on tensor cores.</summary>
readonly struct TensorCoreTf32 : IMma
{
    public int WordDepth => 1;

    /// <summary>To the nearest, halves away from zero: the tensor cores read the upper 19 bits. (The instruction for it takes seven on Hopper.)</summary>
    public uint Word(float low, float high)
    {
        // No NaN, which the addition could turn into a number, is at least minus infinity.
        return Interop.FloatAsInt(low) + (low >= float.NegativeInfinity ? 0x1000u : 0u);
    }

    public ArrayView<float> Scratch(int warps) => default;

    public Float4 Multiply(Float4 c, Word4 a, uint b0, uint b1, ArrayView<float> scratch) => CudaInstructions.MultiplyTf32(c.X, c.Y, c.Z, c.W, a.X, a.Y, a.Z, a.W, b0, b1);
}

/// <summary>bfloat16 on tensor cores.</summary>
readonly struct TensorCoreBf16 : IMma
{
    public int WordDepth => 2;

    public uint Word(float low, float high) => CudaInstructions.PackBf16(low, high);

    public ArrayView<float> Scratch(int warps) => default;

    public Float4 Multiply(Float4 c, Word4 a, uint b0, uint b1, ArrayView<float> scratch) => CudaInstructions.MultiplyBf16(c.X, c.Y, c.Z, c.W, a.X, a.Y, a.Z, a.W, b0, b1);
}
