using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

/// <summary>
/// Batch normalization of x [rows, channels]. Forward and backward read x twice, for the sums and then for the result.
/// What is done element by element takes four channels a thread where their number allows.
/// </summary>
sealed partial class NormalizationKernels(GpuKernels kernels) : GpuKernelFamily(kernels), INormalizationKernels
{
    ColumnReduction<Moments, BatchStatistics>? batchStatistics;
    ColumnReduction<NormGradients, AffineGradients>? normGradients;
    ColumnReduction<RectifiedNormGradients, AffineGradients>? rectifiedNormGradients;
    Action<Index1D, float, ArrayView<float>, ArrayView<float>>? invStdKernel;
    Action<Index1D, NormOptions, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>>? normalize;
    Action<Index1D, NormOptions, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>>? normalizeQuads;
    Action<Index1D, NormOptions, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>>? normalizeBackward;
    Action<Index1D, NormOptions, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>>? normalizeBackwardQuads;

    /// <summary>What the element-wise kernels get; flags are 0 or 1.</summary>
    /// <param name="Channels">C; in quads for the kernels that take four.</param>
    /// <param name="Relu">Whether the result is rectified.</param>
    /// <param name="Add">Forward: whether there is an addend. Backward: whether its gradient is wanted.</param>
    /// <param name="Input">Backward: whether dx is wanted.</param>
    /// <param name="InverseRows">Backward: 1 / rows, or 0 where the statistics are not the batch's own.</param>
    internal readonly record struct NormOptions(int Channels, int Relu, int Add, int Input = 0, float InverseRows = 0);

    // ---- Forward ------------------------------------------------------------------------------------------------

    /// <summary>Adds up x - k and (x - k)^2, k being a number amid the column's: the median of three.</summary>
    internal readonly struct Moments(long rows, int channels, ArrayView<float> x) : IColumnTerm
    {
        readonly long rows = rows;
        readonly int channels = channels;
        readonly ArrayView<float> x = x;

        public float Center(int column)
        {
            if (rows == 0) return 0;
            var (a, b, c) = (x[column], x[((rows / 3) * channels) + column], x[((rows * 2 / 3) * channels) + column]);
            return XMath.Max(XMath.Min(a, b), XMath.Min(XMath.Max(a, b), c));
        }

        public SumPair At(long i, float center)
        {
            var distance = x[i] - center;
            return new(distance, distance * distance);
        }
    }

    /// <summary>
    /// mean = k + sum / rows, invStd = 1 / sqrt(variance + epsilon) from the sum of squares around k, and the running statistics' step. A single row has no
    /// unbiased variance; it counts as 0.
    /// </summary>
    internal readonly struct BatchStatistics(Moments moments, float rows, float epsilon, float momentum, ArrayView<float> mean, ArrayView<float> invStd, ArrayView<float> runningMean, ArrayView<float> runningVariance) : IColumnResult
    {
        readonly Moments moments = moments;
        readonly float rows = rows;
        readonly float epsilon = epsilon;
        readonly float momentum = momentum;
        readonly ArrayView<float> mean = mean;
        readonly ArrayView<float> invStd = invStd;
        readonly ArrayView<float> runningMean = runningMean;
        readonly ArrayView<float> runningVariance = runningVariance;

        public void Set(long i, int column, SumPair sums)
        {
            var offset = sums.First / rows;
            var average = moments.Center(column) + offset;

            // Squares around the mean; below 0 by rounding alone, where NaN stays.
            var squares = sums.Second - (offset * sums.First);
            if (squares < 0) squares = 0;
            mean[column] = average;
            invStd[column] = 1 / XMath.Sqrt((squares / rows) + epsilon);
            var unbiased = squares / XMath.Max(rows - 1, 1);
            runningMean[column] += momentum * (average - runningMean[column]);
            runningVariance[column] += momentum * (unbiased - runningVariance[column]);
        }
    }

    public void BatchNormForward(in BatchNormGeometry g, DeviceBuffer x, DeviceBuffer weight, DeviceBuffer bias, DeviceBuffer runningMean, DeviceBuffer runningVariance, DeviceBuffer? add, DeviceBuffer y, DeviceBuffer mean, DeviceBuffer invStd)
    {
        var moments = new Moments(g.Rows, g.Channels, ReadFloats(x));
        (batchStatistics ??= new(Kernels)).Run(1, g.Rows, g.Channels, moments, new(moments, g.Rows, g.Epsilon, g.Momentum, Floats(mean), Floats(invStd), Floats(runningMean), Floats(runningVariance)));
        Normalize(g, x, weight, bias, mean, invStd, add, y);
    }

    public void BatchNormInference(in BatchNormGeometry g, DeviceBuffer x, DeviceBuffer weight, DeviceBuffer bias, DeviceBuffer runningMean, DeviceBuffer runningVariance, DeviceBuffer? add, DeviceBuffer y)
    {
        var invStd = InvStd(g, runningVariance);
        Normalize(g, x, weight, bias, runningMean, invStd, add, y);
        invStd.Release();
    }

    /// <summary>invStd = 1 / sqrt(variance + epsilon), one thread a channel.</summary>
    static void InvStdKernel(Index1D c, float epsilon, ArrayView<float> variance, ArrayView<float> invStd) => invStd[c] = 1 / XMath.Sqrt(variance[c] + epsilon);

    DeviceBuffer InvStd(in BatchNormGeometry g, DeviceBuffer variance)
    {
        var invStd = Engine.Rent(DType.Float32, g.Channels);
        invStdKernel ??= Compile<Action<Index1D, float, ArrayView<float>, ArrayView<float>>>(nameof(InvStd), InvStdKernel);
        if (g.Channels > 0) invStdKernel(Range(g.Channels), g.Epsilon, ReadFloats(variance), Floats(invStd));
        return invStd;
    }

    /// <summary>y = act(weight (x - mean) invStd + bias + add).</summary>
    static float Normalized(int relu, float x, float weight, float bias, float mean, float invStd, float add)
    {
        var y = (weight * invStd * (x - mean)) + bias + add;

        // This way round NaN stays NaN.
        return relu != 0 && y <= 0 ? 0 : y;
    }

    /// <summary>One thread an element.</summary>
    static void NormalizeKernel(Index1D i, NormOptions o, ArrayView<float> x, ArrayView<float> weight, ArrayView<float> bias, ArrayView<float> mean, ArrayView<float> invStd, ArrayView<float> add, ArrayView<float> y)
    {
        var c = i.X % o.Channels;
        y[i] = Normalized(o.Relu, x[i], weight[c], bias[c], mean[c], invStd[c], o.Add != 0 ? add[i] : 0);
    }

    /// <summary>One thread four channels of a row.</summary>
    static void NormalizeQuadsKernel(Index1D i, NormOptions o, ArrayView<float> x, ArrayView<float> weight, ArrayView<float> bias, ArrayView<float> mean, ArrayView<float> invStd, ArrayView<float> add, ArrayView<float> y)
    {
        var c = i.X % o.Channels;
        Float4 v = Float4.Of(x)[i], w = Float4.Of(weight)[c], b = Float4.Of(bias)[c], m = Float4.Of(mean)[c], s = Float4.Of(invStd)[c];
        var a = o.Add != 0 ? Float4.Of(add)[i] : new Float4(0, 0, 0, 0);
        Float4.Of(y)[i] = new(
            Normalized(o.Relu, v.X, w.X, b.X, m.X, s.X, a.X),
            Normalized(o.Relu, v.Y, w.Y, b.Y, m.Y, s.Y, a.Y),
            Normalized(o.Relu, v.Z, w.Z, b.Z, m.Z, s.Z, a.Z),
            Normalized(o.Relu, v.W, w.W, b.W, m.W, s.W, a.W));
    }

    void Normalize(in BatchNormGeometry g, DeviceBuffer x, DeviceBuffer weight, DeviceBuffer bias, DeviceBuffer mean, DeviceBuffer invStd, DeviceBuffer? add, DeviceBuffer y)
    {
        if (y.Length == 0) return;
        var options = new NormOptions(g.Channels, Flag(g.Activation == Activation.Relu), Flag(add is not null));
        if (g.Channels % 4 == 0)
        {
            normalizeQuads ??= Compile<Action<Index1D, NormOptions, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>>>(nameof(Normalize), NormalizeQuadsKernel);
            normalizeQuads(Range(y.Length / 4), options with { Channels = g.Channels / 4 }, ReadFloats(x), ReadFloats(weight), ReadFloats(bias), ReadFloats(mean), ReadFloats(invStd), ReadViewOrEmpty<float>(add), Floats(y));
        }
        else
        {
            normalize ??= Compile<Action<Index1D, NormOptions, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>>>(nameof(Normalize), NormalizeKernel);
            normalize(Range(y.Length), options, ReadFloats(x), ReadFloats(weight), ReadFloats(bias), ReadFloats(mean), ReadFloats(invStd), ReadViewOrEmpty<float>(add), Floats(y));
        }
    }

    // ---- Backward -----------------------------------------------------------------------------------------------

    /// <summary>Adds up g' and g' (x - mean), g' being dy.</summary>
    internal readonly struct NormGradients(ArrayView<float> x, ArrayView<float> dy, ArrayView<float> mean) : IColumnTerm
    {
        readonly ArrayView<float> x = x;
        readonly ArrayView<float> dy = dy;
        readonly ArrayView<float> mean = mean;

        public float Center(int column) => mean[column];

        public SumPair At(long i, float center)
        {
            var passed = dy[i];
            return new(passed, passed * (x[i] - center));
        }
    }

    /// <summary>Adds up g' and g' (x - mean), g' being dy where y is above 0. A kernel of its own, so that no branch stands between the loads.</summary>
    internal readonly struct RectifiedNormGradients(ArrayView<float> x, ArrayView<float> y, ArrayView<float> dy, ArrayView<float> mean) : IColumnTerm
    {
        readonly ArrayView<float> x = x;
        readonly ArrayView<float> y = y;
        readonly ArrayView<float> dy = dy;
        readonly ArrayView<float> mean = mean;

        public float Center(int column) => mean[column];

        public SumPair At(long i, float center)
        {
            var (upstream, distance) = (dy[i], x[i] - center);
            var passed = y[i] > 0 ? upstream : 0;
            return new(passed, passed * distance);
        }
    }

    /// <summary>db = the first sum, dw = invStd times the second.</summary>
    internal readonly struct AffineGradients(ArrayView<float> invStd, ArrayView<float> dw, ArrayView<float> db) : IColumnResult
    {
        readonly ArrayView<float> invStd = invStd;
        readonly ArrayView<float> dw = dw;
        readonly ArrayView<float> db = db;

        public void Set(long i, int column, SumPair sums)
        {
            db[column] = sums.First;
            dw[column] = invStd[column] * sums.Second;
        }
    }

    /// <summary>g' = dy where the activation let y through.</summary>
    static float Passed(int relu, float y, float dy) => relu == 0 || y > 0 ? dy : 0;

    public void BatchNormBackward(in BatchNormGeometry g, DeviceBuffer x, DeviceBuffer y, DeviceBuffer dy, DeviceBuffer weight, DeviceBuffer mean, DeviceBuffer invStd, DeviceBuffer? dx, DeviceBuffer? dadd, DeviceBuffer dw, DeviceBuffer db)
        => NormalizeBackward(g, 1f / g.Rows, x, y, dy, weight, mean, invStd, dx, dadd, dw, db);

    public void BatchNormInferenceBackward(in BatchNormGeometry g, DeviceBuffer x, DeviceBuffer y, DeviceBuffer dy, DeviceBuffer weight, DeviceBuffer runningMean, DeviceBuffer runningVariance, DeviceBuffer? dx, DeviceBuffer? dadd, DeviceBuffer dw, DeviceBuffer db)
    {
        var invStd = InvStd(g, runningVariance);
        NormalizeBackward(g, 0, x, y, dy, weight, runningMean, invStd, dx, dadd, dw, db);
        invStd.Release();
    }

    /// <summary>dx = weight invStd (g' - (db + h dw) / rows), the quotient 0 where the statistics are not the batch's own.</summary>
    static float InputGradient(float inverseRows, float passed, float x, float weight, float mean, float invStd, float dw, float db)
        => weight * invStd * (passed - (inverseRows * (db + ((x - mean) * invStd * dw))));

    /// <summary>One thread an element. dadd may be dy.</summary>
    static void NormalizeBackwardKernel(Index1D i, NormOptions o, ArrayView<float> x, ArrayView<float> y, ArrayView<float> dy, ArrayView<float> weight, ArrayView<float> mean, ArrayView<float> invStd, ArrayView<float> dw, ArrayView<float> db, ArrayView<float> dx, ArrayView<float> dadd)
    {
        var c = i.X % o.Channels;
        var passed = Passed(o.Relu, o.Relu != 0 ? y[i] : 0, dy[i]);
        if (o.Input != 0) dx[i] = InputGradient(o.InverseRows, passed, x[i], weight[c], mean[c], invStd[c], dw[c], db[c]);
        if (o.Add != 0) dadd[i] = passed;
    }

    /// <summary>One thread four channels of a row. dadd may be dy.</summary>
    static void NormalizeBackwardQuadsKernel(Index1D i, NormOptions o, ArrayView<float> x, ArrayView<float> y, ArrayView<float> dy, ArrayView<float> weight, ArrayView<float> mean, ArrayView<float> invStd, ArrayView<float> dw, ArrayView<float> db, ArrayView<float> dx, ArrayView<float> dadd)
    {
        var c = i.X % o.Channels;
        var upstream = Float4.Of(dy)[i];
        var r = o.Relu != 0 ? Float4.Of(y)[i] : new Float4(0, 0, 0, 0);
        var passed = new Float4(Passed(o.Relu, r.X, upstream.X), Passed(o.Relu, r.Y, upstream.Y), Passed(o.Relu, r.Z, upstream.Z), Passed(o.Relu, r.W, upstream.W));
        if (o.Input != 0)
        {
            Float4 v = Float4.Of(x)[i], w = Float4.Of(weight)[c], m = Float4.Of(mean)[c], s = Float4.Of(invStd)[c], gradient = Float4.Of(dw)[c], sum = Float4.Of(db)[c];
            Float4.Of(dx)[i] = new(
                InputGradient(o.InverseRows, passed.X, v.X, w.X, m.X, s.X, gradient.X, sum.X),
                InputGradient(o.InverseRows, passed.Y, v.Y, w.Y, m.Y, s.Y, gradient.Y, sum.Y),
                InputGradient(o.InverseRows, passed.Z, v.Z, w.Z, m.Z, s.Z, gradient.Z, sum.Z),
                InputGradient(o.InverseRows, passed.W, v.W, w.W, m.W, s.W, gradient.W, sum.W));
        }

        if (o.Add != 0) Float4.Of(dadd)[i] = passed;
    }

    void NormalizeBackward(in BatchNormGeometry g, float inverseRows, DeviceBuffer x, DeviceBuffer y, DeviceBuffer dy, DeviceBuffer weight, DeviceBuffer mean, DeviceBuffer invStd, DeviceBuffer? dx, DeviceBuffer? dadd, DeviceBuffer dw, DeviceBuffer db)
    {
        var relu = Flag(g.Activation == Activation.Relu);
        var result = new AffineGradients(ReadFloats(invStd), Floats(dw), Floats(db));
        if (relu != 0) (rectifiedNormGradients ??= new(Kernels)).Run(1, g.Rows, g.Channels, new(ReadFloats(x), ReadFloats(y), ReadFloats(dy), ReadFloats(mean)), result);
        else (normGradients ??= new(Kernels)).Run(1, g.Rows, g.Channels, new(ReadFloats(x), ReadFloats(dy), ReadFloats(mean)), result);
        if (dy.Length == 0 || (dx is null && dadd is null)) return;
        var options = new NormOptions(g.Channels, relu, Flag(dadd is not null), Flag(dx is not null), inverseRows);
        if (g.Channels % 4 == 0)
        {
            normalizeBackwardQuads ??= Compile<Action<Index1D, NormOptions, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>>>(nameof(NormalizeBackward), NormalizeBackwardQuadsKernel);
            normalizeBackwardQuads(Range(dy.Length / 4), options with { Channels = g.Channels / 4 }, ReadFloats(x), ReadFloats(y), ReadFloats(dy), ReadFloats(weight), ReadFloats(mean), ReadFloats(invStd), Floats(dw), Floats(db), ViewOrEmpty<float>(dx), ViewOrEmpty<float>(dadd));
        }
        else
        {
            normalizeBackward ??= Compile<Action<Index1D, NormOptions, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>>>(nameof(NormalizeBackward), NormalizeBackwardKernel);
            normalizeBackward(Range(dy.Length), options, ReadFloats(x), ReadFloats(y), ReadFloats(dy), ReadFloats(weight), ReadFloats(mean), ReadFloats(invStd), Floats(dw), Floats(db), ViewOrEmpty<float>(dx), ViewOrEmpty<float>(dadd));
        }
    }
}
