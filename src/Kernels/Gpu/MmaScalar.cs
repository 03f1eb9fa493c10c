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

    public void Multiply(ref MmaSums sums, MmaLeft left, MmaRight right, ArrayView<float> scratch) => ScalarMma.Multiply<ScalarTf32>(ref sums, left, right, scratch);
}

/// <summary>The multiplication of bfloat16 in plain arithmetic: lanes exchange their fragments through shared memory.</summary>
readonly struct ScalarBf16 : IMma, IFragments
{
    public int WordDepth => 2;

    public int Depth => 16;

    public uint Word(float low, float high) => Round(low) | (Round(high) << 16);

    public float Value(uint word, int i) => Interop.IntAsFloat((i & 1) == 0 ? word << 16 : word & 0xffff0000);

    public int LeftRow(int lane, int i) => (lane >> 2) + (i is 0 or 1 or 4 or 5 ? 0 : 8);

    public int LeftDepth(int lane, int i) => (lane % 4 * 2) + (i & 1) + (i < 4 ? 0 : 8);

    public int RightDepth(int lane, int i) => (lane % 4 * 2) + (i & 1) + (i < 2 ? 0 : 8);

    public ArrayView<float> Scratch(int warps) => SharedMemory.Allocate<float>(warps * ScalarMma.Scratch(Depth));

    public void Multiply(ref MmaSums sums, MmaLeft left, MmaRight right, ArrayView<float> scratch) => ScalarMma.Multiply<ScalarBf16>(ref sums, left, right, scratch);

    /// <summary>To the nearest, halves to even, as <c>cvt.rn.bf16x2.f32</c>; NaNs keep a bit.</summary>
    static uint Round(float value)
    {
        var bits = Interop.FloatAsInt(value);
        return (bits & 0x7fffffff) > 0x7f800000 ? (bits >> 16) | 0x40 : (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    }
}

/// <summary>
/// What the tensor cores do, for accelerators that have none: to test the kernels around them. Functions stay functions, as
/// kernels of all of them written out would compile for seconds.
/// </summary>
static class ScalarMma
{
    /// <summary>Floats of a warp's four left matrices of 16 rows and four right ones of 8 columns.</summary>
    public static int Scratch(int depth) => (4 * 16 * depth) + (4 * 8 * depth);

    public static void Multiply<TFragments>(ref MmaSums sums, MmaLeft left, MmaRight right, ArrayView<float> scratch)
        where TFragments : struct, IFragments
    {
        var depth = default(TFragments).Depth;
        var lane = Group.IdxX & 31;
        var a = (Group.IdxX >> 5) * Scratch(depth);
        var b = a + (4 * 16 * depth);

        ScatterLeft<TFragments>(scratch, a, lane, left.Block0);
        ScatterLeft<TFragments>(scratch, a + (16 * depth), lane, left.Block1);
        ScatterLeft<TFragments>(scratch, a + (32 * depth), lane, left.Block2);
        ScatterLeft<TFragments>(scratch, a + (48 * depth), lane, left.Block3);
        ScatterRight<TFragments>(scratch, b, lane, right.B0.X, right.B1.X);
        ScatterRight<TFragments>(scratch, b + (8 * depth), lane, right.B0.Y, right.B1.Y);
        ScatterRight<TFragments>(scratch, b + (16 * depth), lane, right.B0.Z, right.B1.Z);
        ScatterRight<TFragments>(scratch, b + (24 * depth), lane, right.B0.W, right.B1.W);
        Group.Barrier();

        AddRow(ref sums.R0, scratch, a, b, lane, depth);
        AddRow(ref sums.R1, scratch, a + (16 * depth), b, lane, depth);
        AddRow(ref sums.R2, scratch, a + (32 * depth), b, lane, depth);
        AddRow(ref sums.R3, scratch, a + (48 * depth), b, lane, depth);
        Group.Barrier();
    }

    /// <summary>A lane's elements of a left matrix [16, depth].</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    static void ScatterLeft<TFragments>(ArrayView<float> scratch, int matrix, int lane, Word4 registers)
        where TFragments : struct, IFragments
    {
        var fragments = default(TFragments);
        var perRegister = fragments.Depth / 8;
        for (var i = 0; i < 4 * perRegister; i++)
        {
            var register = i / perRegister;
            var word = register < 2 ? (register == 0 ? registers.X : registers.Y) : (register == 2 ? registers.Z : registers.W);
            scratch[matrix + (fragments.LeftRow(lane, i) * fragments.Depth) + fragments.LeftDepth(lane, i)] = fragments.Value(word, i);
        }
    }

    /// <summary>A lane's elements of a right matrix, [8, depth].</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    static void ScatterRight<TFragments>(ArrayView<float> scratch, int matrix, int lane, uint b0, uint b1)
        where TFragments : struct, IFragments
    {
        var fragments = default(TFragments);
        var perRegister = fragments.Depth / 8;
        for (var i = 0; i < 2 * perRegister; i++)
            scratch[matrix + ((lane >> 2) * fragments.Depth) + fragments.RightDepth(lane, i)] = fragments.Value(i < perRegister ? b0 : b1, i);
    }

    static void AddRow(ref MmaRow sums, ArrayView<float> scratch, int a, int b, int lane, int depth)
    {
        sums.C0 = Add(sums.C0, scratch, a, b, lane, depth);
        sums.C1 = Add(sums.C1, scratch, a, b + (8 * depth), lane, depth);
        sums.C2 = Add(sums.C2, scratch, a, b + (16 * depth), lane, depth);
        sums.C3 = Add(sums.C3, scratch, a, b + (24 * depth), lane, depth);
    }

    /// <summary>Elements c0 to c3: rows lane / 4 and eight further, columns 2 (lane mod 4) and the next.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    static Float4 Add(Float4 c, ArrayView<float> scratch, int a, int b, int lane, int depth)
    {
        var (row, column) = (a + ((lane >> 2) * depth), b + (lane % 4 * 2 * depth));
        var (lowRow, nextColumn) = (row + (8 * depth), column + depth);
        return new(c.X + Dot(scratch, row, column, depth), c.Y + Dot(scratch, row, nextColumn, depth), c.Z + Dot(scratch, lowRow, column, depth), c.W + Dot(scratch, lowRow, nextColumn, depth));
    }

    static float Dot(ArrayView<float> scratch, int row, int column, int depth)
    {
        var sum = 0f;
        for (var k = 0; k < depth; k++) sum += scratch[row + k] * scratch[column + k];
        return sum;
    }
}
