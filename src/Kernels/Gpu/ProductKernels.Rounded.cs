using ILGPU;
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

// Products in a lower precision: on tensor cores, or, for tests of the kernels around them, in plain arithmetic.
sealed partial class ProductKernels
{
    /// <summary>What the device lacks for a precision below float32; null where it has it.</summary>
    public string? TensorCoresMissing => emulatesTensorCores ? null : Accelerators.TensorCoresMissing(Accelerator);

    void RoundedProduct<TLeft, TRight, TResults>(TLeft left, TRight right, TResults results, int rows, int columns, int depth, int groups)
        where TLeft : struct, IOperand
        where TRight : struct, IOperand
        where TResults : struct, IResults
    {
        switch (emulatesTensorCores, Engine.Precision)
        {
            case (false, Precision.TensorFloat32): MmaProduct<TensorCoreTf32, TLeft, TRight, TResults>(left, right, results, rows, columns, depth, groups); break;
            case (false, _): MmaProduct<TensorCoreBf16, TLeft, TRight, TResults>(left, right, results, rows, columns, depth, groups); break;
            case (true, Precision.TensorFloat32): MmaProduct<ScalarTf32, TLeft, TRight, TResults>(left, right, results, rows, columns, depth, groups); break;
            case (true, _): MmaProduct<ScalarBf16, TLeft, TRight, TResults>(left, right, results, rows, columns, depth, groups); break;
        }
    }

    // ---- Factors in memory as pairs of bfloat16 ----------------------------------------------------------------------

    Action<Index1D, ArrayView<float>, ArrayView<float>>? roundToPairs;
    Action<Index1D, WeightShape, ArrayView<float>, ArrayView<float>>? roundWeights;

    /// <summary>
    /// Whether a product of so many multiply-adds that reads a factor so often gains from its being rounded in memory first: read half as long, and not rounded
    /// at each reading. That itself reads it once and writes half of it.
    /// </summary>
    public bool PrefersPairs(long multiplyAdds, long readings) => Engine.Precision == Precision.BFloat16 && multiplyAdds >= LargeProduct && readings >= 2;

    /// <summary>results = left right' for factors of pairs, which both lie along the depth (counted in pairs) or both across the rows.</summary>
    public void MultiplyPairs<TLeft, TRight, TResults>(TLeft left, TRight right, TResults results, int rows, int columns, int depth, int groups)
        where TLeft : struct, IOperand
        where TRight : struct, IOperand
        where TResults : struct, IResults
    {
        if (rows == 0 || columns == 0) return;
        if (emulatesTensorCores) MmaProduct<ScalarBf16Pairs, TLeft, TRight, TResults>(left, right, results, rows, columns, depth, groups);
        else MmaProduct<TensorCoreBf16Pairs, TLeft, TRight, TResults>(left, right, results, rows, columns, depth, groups);
    }

    /// <summary>The elements as pairs of bfloat16 in the order of memory, two to a float; their number is a multiple of eight. To be released.</summary>
    public DeviceBuffer RoundToPairs(DeviceBuffer x)
    {
        roundToPairs ??= emulatesTensorCores ? CompileRoundToPairs<ScalarBf16>() : CompileRoundToPairs<TensorCoreBf16>();
        var pairs = Engine.Rent(DType.Float32, x.Length / 2);
        roundToPairs(Range(x.Length / 8), ReadFloats(x), Floats(pairs));
        return pairs;
    }

    Action<Index1D, ArrayView<float>, ArrayView<float>> CompileRoundToPairs<TMma>()
        where TMma : struct, IMma => Compile<Action<Index1D, ArrayView<float>, ArrayView<float>>>(nameof(RoundToPairs), RoundToPairsKernel<TMma>);

    /// <summary>One thread eight elements.</summary>
    static void RoundToPairsKernel<TMma>(Index1D i, ArrayView<float> x, ArrayView<float> pairs)
        where TMma : struct, IMma
    {
        var mma = default(TMma);
        var values = Float4.Of(x).SubView(2 * i, 2);
        var (near, far) = (values[0], values[1]);
        Float4.Of(pairs)[i] = new(
            Interop.IntAsFloat(mma.Word(near.X, near.Y)),
            Interop.IntAsFloat(mma.Word(near.Z, near.W)),
            Interop.IntAsFloat(mma.Word(far.X, far.Y)),
            Interop.IntAsFloat(mma.Word(far.Z, far.W)));
    }

    /// <summary>Weights [taps, channels, groups x results] or, turned, [taps, results, groups x channels], and the matrix that is made of them.</summary>
    internal readonly record struct WeightShape(int Taps, int Channels, int Results, int Groups, int Turned);

    /// <summary>Weights as pairs of bfloat16 along the channels, which are a multiple of eight: [groups, results, taps, channels], a plain right factor. To be released.</summary>
    public DeviceBuffer RoundWeights(DeviceBuffer w, WeightShape shape)
    {
        roundWeights ??= emulatesTensorCores ? CompileRoundWeights<ScalarBf16>() : CompileRoundWeights<TensorCoreBf16>();
        var pairs = Engine.Rent(DType.Float32, w.Length / 2);
        roundWeights(Range(w.Length / 8), shape, ReadFloats(w), Floats(pairs));
        return pairs;
    }

    Action<Index1D, WeightShape, ArrayView<float>, ArrayView<float>> CompileRoundWeights<TMma>()
        where TMma : struct, IMma => Compile<Action<Index1D, WeightShape, ArrayView<float>, ArrayView<float>>>(nameof(RoundWeights), RoundWeightsKernel<TMma>);

    /// <summary>One thread eight channels of a result and a tap, results fastest.</summary>
    static void RoundWeightsKernel<TMma>(Index1D i, WeightShape s, ArrayView<float> w, ArrayView<float> pairs)
        where TMma : struct, IMma
    {
        var mma = default(TMma);
        int place = i;
        var octets = s.Channels / 8;
        var result = place % s.Results;
        var octet = place / s.Results % octets;
        var tap = place / s.Results / octets % s.Taps;
        var group = place / s.Results / octets / s.Taps;
        var step = s.Turned != 0 ? 1 : s.Results * s.Groups;
        var first = s.Turned != 0
            ? (((tap * s.Results) + result) * s.Channels * s.Groups) + (group * s.Channels) + (8 * octet)
            : (((tap * s.Channels) + (8 * octet)) * s.Results * s.Groups) + (group * s.Results) + result;
        var from = w.SubView(first, (7 * step) + 1);
        Float4.Of(pairs)[(((((group * s.Results) + result) * s.Taps) + tap) * octets) + octet] = new(
            Interop.IntAsFloat(mma.Word(from[0], from[step])),
            Interop.IntAsFloat(mma.Word(from[2 * step], from[3 * step])),
            Interop.IntAsFloat(mma.Word(from[4 * step], from[5 * step])),
            Interop.IntAsFloat(mma.Word(from[6 * step], from[7 * step])));
    }

    void MmaProduct<TMma, TLeft, TRight, TResults>(TLeft left, TRight right, TResults results, int rows, int columns, int depth, int groups)
        where TMma : struct, IMma
        where TLeft : struct, IOperand
        where TRight : struct, IOperand
        where TResults : struct, IResults
    {
        if (columns <= 32 && rows > 64 && default(TMma).ReadsWords) MmaProduct<WarpTile128x32, TMma, TLeft, TRight, TResults>(left, right, results, rows, columns, depth, groups);
        else if (columns > 64 && Fills(WarpThreads<WarpTile128x128>(rows, columns, groups), depth)) MmaProduct<WarpTile128x128, TMma, TLeft, TRight, TResults>(left, right, results, rows, columns, depth, groups);
        else if (Fills(WarpThreads<WarpTile128x64>(rows, columns, groups), depth)) MmaProduct<WarpTile128x64, TMma, TLeft, TRight, TResults>(left, right, results, rows, columns, depth, groups);
        else MmaProduct<WarpTile64x64, TMma, TLeft, TRight, TResults>(left, right, results, rows, columns, depth, groups);
    }

    /// <summary>The same on a tile that the device's groups must be large enough for.</summary>
    internal void MmaProduct<TTile, TMma, TLeft, TRight, TResults>(TLeft left, TRight right, TResults results, int rows, int columns, int depth, int groups)
        where TTile : struct, IWarpTile
        where TMma : struct, IMma
        where TLeft : struct, IOperand
        where TRight : struct, IOperand
        where TResults : struct, IResults
    {
        var shape = Shape(WarpThreads<TTile>(rows, columns, groups), rows, columns, depth, groups, MmaGemm.TileDepth<TMma, TLeft>());
        if (shape.Splits == 1)
        {
            MmaLaunch<TTile, TMma, TLeft, TRight, TResults>(left, right, results, shape);
            return;
        }

        var partials = RentPartials(shape);
        try
        {
            MmaLaunch<TTile, TMma, TLeft, TRight, PartialResults>(left, right, new(Floats(partials), groups, rows, columns), shape);
            AddPartials(partials, results, shape);
        }
        finally
        {
            partials.Release();
        }
    }

    void MmaLaunch<TTile, TMma, TLeft, TRight, TResults>(TLeft left, TRight right, TResults results, GemmShape shape)
        where TTile : struct, IWarpTile
        where TMma : struct, IMma
        where TLeft : struct, IOperand
        where TRight : struct, IOperand
        where TResults : struct, IResults
    {
        var multiply = (Action<KernelConfig, TLeft, TRight, TResults, GemmShape>)products.GetOrAdd(
            typeof((TTile, TMma, TLeft, TRight, TResults)),
            static (_, kernels) => kernels.CompileGrouped<Action<KernelConfig, TLeft, TRight, TResults, GemmShape>>($"{nameof(MmaGemm)}.{nameof(MmaGemm.Multiply)}", MmaGemm.Multiply<TTile, TMma, TLeft, TRight, TResults>, new KernelSpecialization(MmaGemm.Threads<TTile>(), default(TTile).GroupsPerMultiprocessor)),
            this);
        var grid = new Index3D(Blocks(shape.Rows, MmaGemm.Rows<TTile>()), Blocks(shape.Columns, MmaGemm.Columns<TTile>()), shape.Groups * shape.Splits);
        multiply(new(grid, new Index3D(MmaGemm.Threads<TTile>(), 1, 1)), left, right, results, shape);
    }

    /// <summary>Threads of all tiles of a product.</summary>
    static long WarpThreads<TTile>(int rows, int columns, int groups)
        where TTile : struct, IWarpTile => (long)Blocks(rows, MmaGemm.Rows<TTile>()) * Blocks(columns, MmaGemm.Columns<TTile>()) * groups * MmaGemm.Threads<TTile>();
}
