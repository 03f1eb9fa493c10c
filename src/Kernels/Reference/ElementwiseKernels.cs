using System.Numerics;

namespace CnnSharp.Kernels.Reference;

/// <summary>Element-wise functions as plain loops.</summary>
/// <typeparam name="T">float or double.</typeparam>
sealed class ElementwiseKernels<T> : ReferenceKernelFamily<T>, IElementwiseKernels
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public void Unary(UnaryOp op, float a, DeviceBuffer x, DeviceBuffer y)
    {
        Elements input = new(x);
        WritableElements output = new(y);
        for (long i = 0; i < output.Length; i++) output[i] = Function(op, a, input[i]);
    }

    public void UnaryBackward(UnaryOp op, float a, DeviceBuffer x, DeviceBuffer y, DeviceBuffer dy, DeviceBuffer dx)
    {
        Elements input = new(x), upstream = new(dy);
        WritableElements gradient = new(dx);
        for (long i = 0; i < gradient.Length; i++) gradient[i] = upstream[i] * Derivative(op, a, input[i]);
    }

    static double Function(UnaryOp op, double a, double x) => op switch
    {
        UnaryOp.Relu => Math.Max(x, 0),
        UnaryOp.LeakyRelu => x > 0 ? x : a * x,
        UnaryOp.Elu => x > 0 ? x : a * SpecialFunctions.ExpM1(x),
        UnaryOp.Sigmoid => Sigmoid(x),
        UnaryOp.Tanh => Math.Tanh(x),
        UnaryOp.Gelu => x * NormalDistribution(x),
        UnaryOp.Silu => x * Sigmoid(x),
        UnaryOp.Softplus => Math.Max(x, 0) + SpecialFunctions.LogP1(Math.Exp(-Math.Abs(x))),
        UnaryOp.Exp => Math.Exp(x),
        UnaryOp.Log => Math.Log(x),
        UnaryOp.Sqrt => Math.Sqrt(x),
        UnaryOp.Abs => Math.Abs(x),
        UnaryOp.Square => x * x,
        UnaryOp.MultiplyScalar => a * x,
        UnaryOp.AddScalar => x + a,
        UnaryOp.Erf => SpecialFunctions.Erf(x),
        UnaryOp.Floor => Math.Floor(x),
        UnaryOp.Ceiling => Math.Ceiling(x),
        UnaryOp.Round => Math.Round(x, MidpointRounding.ToEven),
        UnaryOp.Sign => double.IsNaN(x) ? x : Sign(x),
        UnaryOp.Sin => Math.Sin(x),
        UnaryOp.Cos => Math.Cos(x),
        UnaryOp.Tan => Math.Tan(x),
        UnaryOp.Asin => Math.Asin(x),
        UnaryOp.Acos => Math.Acos(x),
        UnaryOp.Atan => Math.Atan(x),
        UnaryOp.Sinh => Math.Sinh(x),
        UnaryOp.Cosh => Math.Cosh(x),
        UnaryOp.Asinh => Math.Asinh(x),
        UnaryOp.Acosh => Math.Acosh(x),
        UnaryOp.Atanh => Math.Atanh(x),
        _ => throw new ArgumentOutOfRangeException(nameof(op), op, "unknown function"),
    };

    static double Derivative(UnaryOp op, double a, double x) => op switch
    {
        UnaryOp.Relu => x > 0 ? 1 : 0,
        UnaryOp.LeakyRelu => x > 0 ? 1 : a,
        UnaryOp.Elu => x > 0 ? 1 : a * Math.Exp(x),
        UnaryOp.Sigmoid => Sigmoid(x) * Sigmoid(-x),
        UnaryOp.Tanh => 1 - Square(Math.Tanh(x)),
        UnaryOp.Gelu => NormalDistribution(x) + (x * NormalDensity(x)),
        UnaryOp.Silu => Sigmoid(x) * (1 + (x * Sigmoid(-x))),
        UnaryOp.Softplus => Sigmoid(x),
        UnaryOp.Exp => Math.Exp(x),
        UnaryOp.Log => 1 / x,
        UnaryOp.Sqrt => 1 / (2 * Math.Sqrt(x)),
        UnaryOp.Abs => Sign(x),
        UnaryOp.Square => 2 * x,
        UnaryOp.MultiplyScalar => a,
        UnaryOp.AddScalar => 1,
        UnaryOp.Erf => 2 / Math.Sqrt(Math.PI) * Math.Exp(-x * x),
        UnaryOp.Floor or UnaryOp.Ceiling or UnaryOp.Round or UnaryOp.Sign => 0,
        UnaryOp.Sin => Math.Cos(x),
        UnaryOp.Cos => -Math.Sin(x),
        UnaryOp.Tan => 1 + Square(Math.Tan(x)),
        UnaryOp.Asin => 1 / Math.Sqrt(1 - (x * x)),
        UnaryOp.Acos => -1 / Math.Sqrt(1 - (x * x)),
        UnaryOp.Atan => 1 / (1 + (x * x)),
        UnaryOp.Sinh => Math.Cosh(x),
        UnaryOp.Cosh => Math.Sinh(x),
        UnaryOp.Asinh => 1 / Math.Sqrt((x * x) + 1),
        UnaryOp.Acosh => 1 / Math.Sqrt((x * x) - 1),
        UnaryOp.Atanh => 1 / (1 - (x * x)),
        _ => throw new ArgumentOutOfRangeException(nameof(op), op, "unknown function"),
    };

    // By erfc, not 1 + erf: left of 0 that difference would cancel.
    static double NormalDistribution(double x) => SpecialFunctions.Erfc(-x / Math.Sqrt(2)) / 2;

    static double NormalDensity(double x) => Math.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI);

    public void Clamp(float least, float most, DeviceBuffer x, DeviceBuffer y)
    {
        var (input, output) = (new Elements(x), new WritableElements(y));
        for (long i = 0; i < output.Length; i++) output[i] = Math.Min(Math.Max(input[i], least), most);
    }

    public void ClampBackward(float least, float most, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dx)
    {
        Elements input = new(x), upstream = new(dy);
        var gradient = new WritableElements(dx);
        for (long i = 0; i < gradient.Length; i++) gradient[i] = input[i] >= least && input[i] <= most ? upstream[i] : 0;
    }

    public void Binary(BinaryOp op, in BroadcastGeometry g, DeviceBuffer a, DeviceBuffer b, DeviceBuffer y)
    {
        Elements left = new(a), right = new(b);
        WritableElements output = new(y);
        long o = 0;
        for (var i0 = 0; i0 < g.D0; i0++)
        {
            for (var i1 = 0; i1 < g.D1; i1++)
            {
                for (var i2 = 0; i2 < g.D2; i2++)
                {
                    for (var i3 = 0; i3 < g.D3; i3++)
                    {
                        var p = left[(i0 * g.A0) + (i1 * g.A1) + (i2 * g.A2) + (i3 * g.A3)];
                        var q = right[(i0 * g.B0) + (i1 * g.B1) + (i2 * g.B2) + (i3 * g.B3)];
                        output[o++] = Function(op, p, q);
                    }
                }
            }
        }
    }

    static double Function(BinaryOp op, double a, double b) => op switch
    {
        BinaryOp.Add => a + b,
        BinaryOp.Subtract => a - b,
        BinaryOp.Multiply => a * b,
        BinaryOp.Divide => a / b,
        BinaryOp.Maximum => Math.Max(a, b),
        BinaryOp.Minimum => Math.Min(a, b),
        BinaryOp.Power => Math.Pow(a, b),
        BinaryOp.PowerByBase => b == 0 ? 0 : b * Math.Pow(a, b - 1),
        BinaryOp.PowerByExponent => a == 0 && b >= 0 ? 0 : Math.Pow(a, b) * Math.Log(a),
        BinaryOp.Remainder => a % b,
        BinaryOp.Greater => a > b ? 1 : 0,
        BinaryOp.GreaterOrEqual => a >= b ? 1 : 0,
        BinaryOp.Equal => a == b ? 1 : 0,
        BinaryOp.GreaterShare => a > b ? 1 : a == b ? 0.5 : 0,
        BinaryOp.Where => b != 0 ? a : 0,
        BinaryOp.WhereNot => b == 0 ? a : 0,
        _ => throw new ArgumentOutOfRangeException(nameof(op), op, "unknown function"),
    };

    public void AddScaled(float scale, DeviceBuffer x, DeviceBuffer y)
    {
        Elements input = new(x);
        WritableElements output = new(y);
        for (long i = 0; i < output.Length; i++) output[i] += scale * input[i];
    }

    public void PReluForward(long rows, int channels, DeviceBuffer x, DeviceBuffer w, DeviceBuffer y)
    {
        Elements input = new(x), weights = new(w);
        WritableElements output = new(y);
        for (long i = 0; i < rows * channels; i++) output[i] = input[i] > 0 ? input[i] : weights[i % weights.Length] * input[i];
    }

    public void PReluBackwardInput(long rows, int channels, DeviceBuffer x, DeviceBuffer w, DeviceBuffer dy, DeviceBuffer dx)
    {
        Elements input = new(x), weights = new(w), upstream = new(dy);
        WritableElements gradient = new(dx);
        for (long i = 0; i < rows * channels; i++) gradient[i] = input[i] > 0 ? upstream[i] : weights[i % weights.Length] * upstream[i];
    }

    public void PReluBackwardWeight(long rows, int channels, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dw)
    {
        Elements input = new(x), upstream = new(dy);
        var sums = Sums(dw.Length);
        for (long i = 0; i < rows * channels; i++)
        {
            if (!(input[i] > 0)) sums[i % sums.Length] += upstream[i] * input[i];
        }

        Store(sums, dw);
    }

    public void MaxoutForward(long rows, int channels, int pieces, DeviceBuffer x, DeviceBuffer y, DeviceBuffer indices)
    {
        Elements input = new(x);
        WritableElements output = new(y);
        var places = indices.Span<int>();
        for (long o = 0; o < rows * channels; o++)
        {
            var maximum = 0;
            for (var p = 1; p < pieces; p++)
            {
                if (IsGreater(input[(o * pieces) + p], input[(o * pieces) + maximum])) maximum = p;
            }

            output[o] = input[(o * pieces) + maximum];
            places[(int)o] = maximum;
        }
    }

    public void MaxoutBackward(long rows, int channels, int pieces, DeviceBuffer dy, DeviceBuffer indices, DeviceBuffer dx)
    {
        Elements upstream = new(dy);
        WritableElements gradient = new(dx);
        var places = indices.ReadOnlySpan<int>();
        for (long o = 0; o < rows * channels; o++)
        {
            for (var p = 0; p < pieces; p++) gradient[(o * pieces) + p] = p == places[(int)o] ? upstream[o] : 0;
        }
    }

    public void Dropout(float probability, ulong seed, ulong stream, DeviceBuffer x, DeviceBuffer y)
    {
        Elements input = new(x);
        WritableElements output = new(y);
        var threshold = (ulong)(probability * 4294967296.0);
        for (long i = 0; i < output.Length; i++)
            output[i] = Philox.At(seed, stream, (ulong)i) >= threshold ? input[i] / (1.0 - probability) : 0;
    }
}
