using System.Runtime.CompilerServices;
using ILGPU;

namespace CnnSharp.Kernels.Gpu;

/// <summary>Where the elements of a lane's registers lie in the matrices of one multiplication, after the tables of the PTX ISA, "Matrix fragments for mma.m16n8k8" and "m16n8k16".</summary>
interface IFragments
{
    /// <summary>Of the factors: 8 or 16.</summary>
    int Depth { get; }

    /// <summary>Element i's depth in the left factor.</summary>
    int LeftDepth(int lane, int i);

    /// <summary>Element i's row in the left factor.</summary>
    int LeftRow(int lane, int i);

    /// <summary>Element i's depth in the right factor; its column is lane / 4.</summary>
    int RightDepth(int lane, int i);

    /// <summary>Element i of a register.</summary>
    float Value(uint word, int i);
}

/// <summary>The multiplication of TensorFloat-32 in plain arithmetic: lanes exchange their fragments through shared memory.</summary>
readonly struct ScalarTf32 : IMma, IFragments
{
    public int WordDepth => 1;

    public int Depth => 8;

    public bool ReadsWords => false;

    public Word4 Load(ArrayView<float> tile, bool alongDepth, bool isRight, int warp, int block, int step, int rows) => default;

    /// <summary>To the nearest, halves away from zero, as <c>cvt.rna.tf32.f32</c>.</summary>
    public uint Word(float low, float high)
    {
        var bits = Interop.FloatAsInt(low);
        return (bits & 0x7f800000) == 0x7f800000 ? bits : (bits + 0x1000) & ~0x1fffu;
    }

    public float Value(uint word, int i) => Interop.IntAsFloat(word);

    public int LeftRow(int lane, int i) => (lane >> 2) + (i is 0 or 2 ? 0 : 8);

    public int LeftDepth(int lane, int i) => (lane % 4) + (i < 2 ? 0 : 4);

    public int RightDepth(int lane, int i) => (lane % 4) + (4 * i);

    public ArrayView<float> Scratch(int warps) => SharedMemory.Allocate<float>(warps * ScalarMma.Scratch(Depth));

    public Float4 Multiply(Float4 c, Word4 a, uint b0, uint b1, ArrayView<float> scratch) => ScalarMma.Multiply<ScalarTf32>(c, a, b0, b1, scratch);
}

/// <summary>The multiplication of bfloat16 in plain arithmetic: lanes exchange their fragments through shared memory.</summary>
readonly struct ScalarBf16 : IMma, IFragments
{
    public int WordDepth => 2;

    public int Depth => 16;

    public bool ReadsWords => false;

    public Word4 Load(ArrayView<float> tile, bool alongDepth, bool isRight, int warp, int block, int step, int rows) => default;

    public uint Word(float low, float high) => Round(low) | (Round(high) << 16);

    public float Value(uint word, int i) => Interop.IntAsFloat((i & 1) == 0 ? word << 16 : word & 0xffff0000);

    public int LeftRow(int lane, int i) => (lane >> 2) + (i is 0 or 1 or 4 or 5 ? 0 : 8);

    public int LeftDepth(int lane, int i) => (lane % 4 * 2) + (i & 1) + (i < 4 ? 0 : 8);

    public int RightDepth(int lane, int i) => (lane % 4 * 2) + (i & 1) + (i < 2 ? 0 : 8);

    public ArrayView<float> Scratch(int warps) => SharedMemory.Allocate<float>(warps * ScalarMma.Scratch(Depth));

    public Float4 Multiply(Float4 c, Word4 a, uint b0, uint b1, ArrayView<float> scratch) => ScalarMma.Multiply<ScalarBf16>(c, a, b0, b1, scratch);

    /// <summary>To the nearest, halves to even, as <c>cvt.rn.bf16x2.f32</c>; NaNs keep a bit.</summary>
    static uint Round(float value)
    {
        var bits = Interop.FloatAsInt(value);
        return (bits & 0x7fffffff) > 0x7f800000 ? (bits >> 16) | 0x40 : (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    }
}

/// <summary>The same from memory that holds pairs of bfloat16.</summary>
readonly struct ScalarBf16Pairs : IMma
{
    public int WordDepth => 1;

    public bool ReadsWords => true;

    public uint Word(float low, float high) => Interop.FloatAsInt(low);

    public Word4 Load(ArrayView<float> tile, bool alongDepth, bool isRight, int warp, int block, int step, int rows)
    {
        var octet = (4 * warp) + (2 * block);
        var (x, w) = (Word(tile, alongDepth, octet, step, 0, rows), Word(tile, alongDepth, octet + 1, step, 1, rows));
        var (lower, deeper) = (Word(tile, alongDepth, octet + 1, step, 0, rows), Word(tile, alongDepth, octet, step, 1, rows));
        return isRight ? new(x, deeper, lower, w) : new(x, lower, deeper, w);
    }

    /// <summary>The lane's word of one of the four matrices.</summary>
    static uint Word(ArrayView<float> tile, bool alongDepth, int octet, int step, int deeper, int rows)
    {
        var (g, t) = ((Group.IdxX >> 2) & 7, Group.IdxX & 3);
        if (alongDepth) return Interop.FloatAsInt(tile[(4 * SharedTile.AlongWords((8 * octet) + g, (2 * step) + deeper)) + t]);
        var depth = (16 * step) + (8 * deeper) + (2 * t);
        return Half(tile, octet, depth, rows / 8, g) | (Half(tile, octet, depth + 1, rows / 8, g) << 16);
    }

    static uint Half(ArrayView<float> tile, int octet, int depth, int quads, int row)
    {
        var word = Interop.FloatAsInt(tile[(4 * SharedTile.AcrossWords(octet, depth, quads)) + (row >> 1)]);
        return (row & 1) == 0 ? word & 0xffff : word >> 16;
    }

    public ArrayView<float> Scratch(int warps) => default(ScalarBf16).Scratch(warps);

    public Float4 Multiply(Float4 c, Word4 a, uint b0, uint b1, ArrayView<float> scratch) => ScalarMma.Multiply<ScalarBf16>(c, a, b0, b1, scratch);
}

/// <summary>
/// What the tensor cores do, for accelerators that have none: to test the kernels around them. It stays a function, as
/// a kernel with all its calls written out would compile for seconds.
/// </summary>
static class ScalarMma
{
    /// <summary>Floats of a warp's left matrix of 16 rows and right one of 8 columns.</summary>
    public static int Scratch(int depth) => (16 + 8) * depth;

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static Float4 Multiply<TFragments>(Float4 c, Word4 a, uint b0, uint b1, ArrayView<float> scratch)
        where TFragments : struct, IFragments
    {
        var fragments = default(TFragments);
        var depth = fragments.Depth;
        var lane = Group.IdxX & 31;
        var left = (Group.IdxX >> 5) * Scratch(depth);
        var right = left + (16 * depth);

        // A register holds one element or two.
        var perRegister = depth / 8;
        for (var i = 0; i < 4 * perRegister; i++)
        {
            var register = i / perRegister;
            var word = register < 2 ? (register == 0 ? a.X : a.Y) : (register == 2 ? a.Z : a.W);
            scratch[left + (fragments.LeftRow(lane, i) * depth) + fragments.LeftDepth(lane, i)] = fragments.Value(word, i);
        }

        for (var i = 0; i < 2 * perRegister; i++) scratch[right + ((lane >> 2) * depth) + fragments.RightDepth(lane, i)] = fragments.Value(i < perRegister ? b0 : b1, i);
        Group.Barrier();

        // c0 to c3: rows lane / 4 and eight further, columns 2 (lane mod 4) and the next.
        var (row, column) = (left + ((lane >> 2) * depth), right + (lane % 4 * 2 * depth));
        var (lowRow, nextColumn) = (row + (8 * depth), column + depth);
        var sums = c;
        for (var k = 0; k < depth; k++)
        {
            var (upper, lower, first, second) = (scratch[row + k], scratch[lowRow + k], scratch[column + k], scratch[nextColumn + k]);
            sums = new(sums.X + (upper * first), sums.Y + (upper * second), sums.Z + (lower * first), sums.W + (lower * second));
        }

        Group.Barrier();
        return sums;
    }
}
