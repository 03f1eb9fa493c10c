using ILGPU;

namespace CnnSharp.Kernels.Gpu;

/// <summary>TensorFloat-32 on tensor cores.</summary>
readonly struct TensorCoreTf32 : IMma
{
    public int WordDepth => 1;

    public bool ReadsWords => false;

    public Word4 Load(ArrayView<float> tile, bool alongDepth, bool isRight, int warp, int block, int step, int rows) => default;

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

    public bool ReadsWords => false;

    public Word4 Load(ArrayView<float> tile, bool alongDepth, bool isRight, int warp, int block, int step, int rows) => default;

    public uint Word(float low, float high) => CudaInstructions.PackBf16(low, high);

    public ArrayView<float> Scratch(int warps) => default;

    public Float4 Multiply(Float4 c, Word4 a, uint b0, uint b1, ArrayView<float> scratch) => CudaInstructions.MultiplyBf16(c.X, c.Y, c.Z, c.W, a.X, a.Y, a.Z, a.W, b0, b1);
}

/// <summary>bfloat16 on tensor cores, from memory that holds pairs of it.</summary>
readonly struct TensorCoreBf16Pairs : IMma
{
    public int WordDepth => 1;

    public bool ReadsWords => true;

    public uint Word(float low, float high) => Interop.FloatAsInt(low);

    public Word4 Load(ArrayView<float> tile, bool alongDepth, bool isRight, int warp, int block, int step, int rows)
    {
        // Each eight lanes name the quads of one of the four matrices: X to W.
        var quads = Float4.Of(tile);
        var (near, second, third) = (Group.IdxX & 7, (Group.IdxX >> 3) & 1, (Group.IdxX >> 4) & 1);
        var (lower, deeper) = isRight ? (third, second) : (second, third);
        if (!alongDepth) return CudaInstructions.LoadTurned(ref quads[SharedTile.AcrossWords((4 * warp) + (2 * block) + lower, (8 * deeper) + near, rows / 8) + (16 * step * rows / 8)]);

        // Rows 16 apart change places alike.
        return CudaInstructions.LoadMatrices(ref quads[SharedTile.AlongWords((32 * warp) + (8 * lower) + near, (2 * step) + deeper) + (64 * block)]);
    }

    public ArrayView<float> Scratch(int warps) => default;

    public Float4 Multiply(Float4 c, Word4 a, uint b0, uint b1, ArrayView<float> scratch) => CudaInstructions.MultiplyBf16(c.X, c.Y, c.Z, c.W, a.X, a.Y, a.Z, a.W, b0, b1);
}
