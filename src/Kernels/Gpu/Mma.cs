using ILGPU;
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

/// <summary>
/// One matrix multiply-add of a warp and a precision: PTX's <c>mma.sync</c> m16n8k8 for TensorFloat-32, m16n8k16 for
/// bfloat16, summed in float32. Factors are held in words of 32 bits, one value of the depth or two; in words both shapes are
/// m16n8 with a depth of eight, and lane (g, t) = (lane / 4, lane mod 4) of the warp holds the same places of both:
/// of the left factor a0 (row g, word t), a1 (g + 8, t), a2 (g, t + 4), a3 (g + 8, t + 4); of the right one
/// b0 (word t, column g), b1 (t + 4, g); of the result c0 (row g, column 2t), c1 (g, 2t + 1), c2 (g + 8, 2t), c3 (g + 8, 2t + 1).
/// </summary>
interface IMma
{
    /// <summary>Values of the depth in a word: 1 or 2. A constant of the type.</summary>
    int WordDepth { get; }

    /// <summary>Rounds values to the factors' precision; the second is that of the higher depth, for words of two.</summary>
    uint Word(float low, float high);

    /// <summary>Whether the factors lie in memory as words already (<see cref="ProductKernels.RoundToPairs"/>): pairs of neighbors there. A constant of the type.</summary>
    bool ReadsWords { get; }

    /// <summary>
    /// A lane's words of one step (0 or 1) of a tile of words and 16 of its rows, the <paramref name="block"/>-th from row 32 <paramref name="warp"/> on: row g
    /// at word t (X) and row g + 8 (Y), the same at t + 4 (Z, W); of the right factor Y and Z are exchanged. Where pairs lie across the rows they
    /// are turned. All lanes of a warp call it together.
    /// </summary>
    Word4 Load(ArrayView<float> tile, bool alongDepth, bool isRight, int warp, int block, int step, int rows);

    /// <summary>Shared memory that <see cref="Multiply"/> needs: none on tensor cores.</summary>
    ArrayView<float> Scratch(int warps);

    /// <summary>A lane's c0 to c3 of c + a b; all threads of the group call it together.</summary>
    Float4 Multiply(Float4 c, Word4 a, uint b0, uint b1, ArrayView<float> scratch);
}

/// <summary>Four words side by side, read and written by one 128-bit access.</summary>
readonly struct Word4(uint x, uint y, uint z, uint w)
{
    public readonly uint X = x, Y = y, Z = z, W = w;

    /// <summary>As <see cref="Float4.Of"/>.</summary>
    public static ArrayView<Word4> Of(ArrayView<uint> view) => view.AsAligned(16).Cast<Word4>();
}

/// <summary>A lane's words of a warp's four blocks of columns: b0 and b1 of the first step, and, if there are two, of the second.</summary>
readonly struct MmaRight(Word4 b0, Word4 b1, Word4 b2, Word4 b3)
{
    public readonly Word4 B0 = b0, B1 = b1, B2 = b2, B3 = b3;
}

/// <summary>A lane's c0 to c3 of one block of rows and four of columns.</summary>
struct MmaRow
{
    public Float4 C0, C1, C2, C3;
}

/// <summary>A lane's share of a warp's 64 x 32 results.</summary>
struct MmaSums
{
    public MmaRow R0, R1, R2, R3;
}

/// <summary>How warps of 64 x 32 results share a tile. Both numbers are constants of the type and powers of two.</summary>
interface IWarpTile
{
    /// <summary>Warps along the rows.</summary>
    int Rows { get; }

    /// <summary>Warps along the columns.</summary>
    int Columns { get; }

    /// <summary>As <see cref="ITile.GroupsPerMultiprocessor"/>.</summary>
    int GroupsPerMultiprocessor { get; }
}

/// <summary>128 x 128 results, 256 threads: large products.</summary>
readonly struct WarpTile128x128 : IWarpTile
{
    public int Rows => 2;
    public int Columns => 4;
    public int GroupsPerMultiprocessor => 2;
}

/// <summary>128 x 64 results, 128 threads.</summary>
readonly struct WarpTile128x64 : IWarpTile
{
    public int Rows => 2;
    public int Columns => 2;
    public int GroupsPerMultiprocessor => 4;
}

/// <summary>128 x 32 results, 64 threads: up to 32 columns.</summary>
readonly struct WarpTile128x32 : IWarpTile
{
    public int Rows => 2;
    public int Columns => 1;
    public int GroupsPerMultiprocessor => 7;
}

/// <summary>64 x 64 results, 64 threads: products with too few tiles to fill the device otherwise.</summary>
readonly struct WarpTile64x64 : IWarpTile
{
    public int Rows => 1;
    public int Columns => 2;
    public int GroupsPerMultiprocessor => 8;
}
