using CnnSharp.Kernels.Cpu;
using CnnSharp.Training;
using Xunit;

namespace CnnSharp.Tests.Training;

/// <summary>Muon's steps against its formula in double precision, on matrices of every form, and against what it is for.</summary>
public sealed class MuonTests
{
    public static TheoryData<MuonOptions> Settings() =>
    [
        new MuonOptions(),
        new MuonOptions { Nesterov = false, Momentum = 0.6, WeightDecay = 0.1, LearningRate = 0.1 },
        new MuonOptions { NewtonSchulzSteps = 3, NormalizesWeights = true, VectorRateScale = 0.25, Momentum = 0.6, LearningRate = 0.24 },
    ];

    [Theory]
    [MemberData(nameof(Settings))]
    public void Follows_its_formula(MuonOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        foreach (var device in new[] { Device.Reference, new Device(new CpuEngine(2)) })
        {
            // Wide, tall, of convolutions of both forms, square, and of one axis.
            foreach (var shape in new Shape[] { new(5, 12), new(12, 5), new(3, 3, 4, 6), new(1, 1, 3, 16), new(7, 7), new(9) })
            {
                var random = new Generator(3);
                var start = Numbers(random, shape.Count);
                var parameter = Tensor.From(start, shape, device);
                parameter.RequiresGrad = true;
                var optimizer = options.Create([parameter]);
                var (w, v) = (Array.ConvertAll(start, x => (double)x), new double[start.Length]);
                for (var step = 0; step < 6; step++)
                {
                    var gradient = Numbers(random, shape.Count);
                    Functional.Sum(parameter * Tensor.From(gradient, shape, device)).Backward();
                    optimizer.Step();
                    Step(options, shape, w, v, gradient);
                }

                Assert.All(w.Zip(parameter.ToArray()), pair => Assert.Equal(pair.First, pair.Second, 2e-5 + (1e-4 * Math.Abs(pair.First))));
            }
        }
    }

    /// <summary>A step's singular values are near 1: of a wide matrix U U' is near the identity, whatever the gradient's own values are.</summary>
    [Fact]
    public void A_step_is_nearly_orthogonal()
    {
        var random = new Generator(5);
        var gradient = Numbers(random, 8 * 40);
        for (var i = 0; i < 40; i++) gradient[i] *= 30;
        var parameter = Tensor.Zeros(new(8, 40), Device.Reference);
        parameter.RequiresGrad = true;
        Functional.Sum(parameter * Tensor.From(gradient, new(8, 40), Device.Reference)).Backward();

        // Outputs 40, rest 8: the step is scaled by the root of 5.
        new Muon([parameter], learningRate: 1).Step();
        var u = parameter.ToArray().Select(x => x / Math.Sqrt(5)).ToArray();
        for (var i = 0; i < 8; i++)
        {
            for (var j = 0; j < 8; j++)
            {
                var product = Enumerable.Range(0, 40).Sum(n => u[(i * 40) + n] * u[(j * 40) + n]);
                if (i == j) Assert.InRange(product, 0.4, 1.5);
                else Assert.InRange(product, -0.3, 0.3);
            }
        }
    }

    static float[] Numbers(Generator random, long count)
    {
        var values = new float[count];
        random.FillNormal(values, 0, 1);
        return values;
    }

    static void Step(MuonOptions o, Shape shape, double[] w, double[] v, float[] g)
    {
        for (var i = 0; i < v.Length; i++) v[i] = (o.Momentum * v[i]) + (shape.Rank < 2 ? g[i] + (o.WeightDecay * w[i]) : g[i]);
        var ahead = v.Select((x, i) => o.Nesterov ? (shape.Rank < 2 ? g[i] + (o.WeightDecay * w[i]) : g[i]) + (o.Momentum * x) : x).ToArray();
        if (shape.Rank < 2)
        {
            for (var i = 0; i < w.Length; i++) w[i] -= o.LearningRate * o.VectorRateScale * ahead[i];
            return;
        }

        // [outputs, rest], turned where it is tall.
        var outputs = shape[^1];
        var rest = w.Length / outputs;
        var tall = outputs > rest;
        var (rows, columns) = tall ? (rest, outputs) : (outputs, rest);
        var x = new double[rows, columns];
        var norm = Math.Sqrt(ahead.Sum(a => a * a)) + 1e-7;
        for (var i = 0; i < w.Length; i++)
        {
            var (row, column) = (i % outputs, i / outputs);
            x[tall ? column : row, tall ? row : column] = ahead[i] / norm;
        }

        for (var n = 0; n < o.NewtonSchulzSteps; n++)
        {
            var a = Product(x, x, turnsSecond: true);
            var aa = Product(a, a, turnsSecond: false);
            for (var i = 0; i < rows; i++)
                for (var j = 0; j < rows; j++) a[i, j] = (-4.7750 * a[i, j]) + (2.0315 * aa[i, j]);
            var bx = Product(a, x, turnsSecond: false);
            for (var i = 0; i < rows; i++)
                for (var j = 0; j < columns; j++) x[i, j] = (3.4445 * x[i, j]) + bx[i, j];
        }

        var scale = o.NormalizesWeights ? Math.Sqrt(outputs) / (Math.Sqrt(w.Sum(a => a * a)) + 1e-7) : 1;
        for (var i = 0; i < w.Length; i++)
        {
            var (row, column) = (i % outputs, i / outputs);
            w[i] = (w[i] * scale * (1 - (o.LearningRate * o.WeightDecay))) - (o.LearningRate * Math.Sqrt(Math.Max(1, (double)outputs / rest)) * x[tall ? column : row, tall ? row : column]);
        }
    }

    static double[,] Product(double[,] a, double[,] b, bool turnsSecond)
    {
        var (rows, depth, columns) = (a.GetLength(0), a.GetLength(1), b.GetLength(turnsSecond ? 0 : 1));
        var y = new double[rows, columns];
        for (var i = 0; i < rows; i++)
            for (var j = 0; j < columns; j++)
                for (var d = 0; d < depth; d++) y[i, j] += a[i, d] * (turnsSecond ? b[j, d] : b[d, j]);
        return y;
    }
}
