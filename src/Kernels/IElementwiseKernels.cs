namespace CnnSharp.Kernels;

/// <summary>Element-wise functions of one input. <c>a</c> is the function's parameter.</summary>
public enum UnaryOp
{
    /// <summary>max(x, 0).</summary>
    Relu,

    /// <summary>x where x > 0, else a x.</summary>
    LeakyRelu,

    /// <summary>x where x > 0, else a (exp(x) - 1).</summary>
    Elu,

    /// <summary>1 / (1 + exp(-x)).</summary>
    Sigmoid,

    /// <summary>tanh(x).</summary>
    Tanh,

    /// <summary>x Phi(x), Phi the normal distribution function (by erf).</summary>
    Gelu,

    /// <summary>x sigmoid(x).</summary>
    Silu,

    /// <summary>log(1 + exp(x)).</summary>
    Softplus,

    /// <summary>exp(x).</summary>
    Exp,

    /// <summary>Natural logarithm.</summary>
    Log,

    /// <summary>Square root.</summary>
    Sqrt,

    /// <summary>|x|.</summary>
    Abs,

    /// <summary>x x.</summary>
    Square,

    /// <summary>a x.</summary>
    MultiplyScalar,

    /// <summary>x + a.</summary>
    AddScalar,

    /// <summary>The error function.</summary>
    Erf,

    /// <summary>The largest whole number that is not above x. Its gradient is 0.</summary>
    Floor,

    /// <summary>The smallest whole number that is not below x. Its gradient is 0.</summary>
    Ceiling,

    /// <summary>The nearest whole number, of two the even one. Its gradient is 0.</summary>
    Round,

    /// <summary>-1, 0 or 1. Its gradient is 0.</summary>
    Sign,

    /// <summary>sin(x).</summary>
    Sin,

    /// <summary>cos(x).</summary>
    Cos,

    /// <summary>tan(x).</summary>
    Tan,

    /// <summary>The angle between -pi/2 and pi/2 whose sine is x.</summary>
    Asin,

    /// <summary>The angle between 0 and pi whose cosine is x.</summary>
    Acos,

    /// <summary>The angle between -pi/2 and pi/2 whose tangent is x.</summary>
    Atan,

    /// <summary>(exp(x) - exp(-x)) / 2.</summary>
    Sinh,

    /// <summary>(exp(x) + exp(-x)) / 2.</summary>
    Cosh,

    /// <summary>The inverse of sinh.</summary>
    Asinh,

    /// <summary>The inverse of cosh, for x of at least 1.</summary>
    Acosh,

    /// <summary>The inverse of tanh, for x between -1 and 1.</summary>
    Atanh,
}

/// <summary>Element-wise functions of two inputs.</summary>
public enum BinaryOp
{
    /// <summary>a + b.</summary>
    Add,

    /// <summary>a - b.</summary>
    Subtract,

    /// <summary>a b.</summary>
    Multiply,

    /// <summary>a / b.</summary>
    Divide,

    /// <summary>The greater of a and b; NaN if either is.</summary>
    Maximum,

    /// <summary>The minimum of a and b; NaN if either is.</summary>
    Minimum,

    /// <summary>a to the power of b.</summary>
    Power,

    /// <summary>The derivative of a^b by a: b a^(b - 1), 0 where b is 0.</summary>
    PowerByBase,

    /// <summary>The derivative of a^b by b: a^b log(a), 0 where a is 0 and b is not below 0.</summary>
    PowerByExponent,

    /// <summary>a - b n, n the whole part of a / b: with the sign of a, as C's fmod.</summary>
    Remainder,

    /// <summary>1 where a > b, else 0.</summary>
    Greater,

    /// <summary>1 where a >= b, else 0.</summary>
    GreaterOrEqual,

    /// <summary>1 where a equals b, else 0.</summary>
    Equal,

    /// <summary>The derivative of the greater of a and b by a: 1 where a > b, 1/2 where they are equal, else 0.</summary>
    GreaterShare,

    /// <summary>a where b is not 0, else 0.</summary>
    Where,

    /// <summary>a where b is 0, else 0.</summary>
    WhereNot,
}

/// <summary>Functions of elements. See <see cref="IKernels"/> for what holds of all.</summary>
public interface IElementwiseKernels : IKernelFamily
{
    /// <summary>y = op(x, a). In place allowed.</summary>
    void Unary(UnaryOp op, float a, DeviceBuffer x, DeviceBuffer y);

    /// <summary>dx = dy op'(x), given x and y = op(x). dx may be dy.</summary>
    void UnaryBackward(UnaryOp op, float a, DeviceBuffer x, DeviceBuffer y, DeviceBuffer dy, DeviceBuffer dx);

    /// <summary>y = min(max(x, least), most); NaN where x is. Infinities bound nothing. In place allowed.</summary>
    void Clamp(float least, float most, DeviceBuffer x, DeviceBuffer y);

    /// <summary>dx = dy where least &lt;= x &lt;= most, else 0 (also where x is NaN). dx may be dy.</summary>
    void ClampBackward(float least, float most, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dx);

    /// <summary>y = op(a, b), each read along its strides. In place allowed where both are read element by element.</summary>
    void Binary(BinaryOp op, in BroadcastGeometry g, DeviceBuffer a, DeviceBuffer b, DeviceBuffer y);

    /// <summary>y += scale x.</summary>
    void AddScaled(float scale, DeviceBuffer x, DeviceBuffer y);

    /// <summary>y = x where x > 0, else w[c] x, over x [rows, channels]; w has one value a channel, or one for all.</summary>
    void PReluForward(long rows, int channels, DeviceBuffer x, DeviceBuffer w, DeviceBuffer y);

    /// <summary>dx = dy where x > 0, else w[c] dy.</summary>
    void PReluBackwardInput(long rows, int channels, DeviceBuffer x, DeviceBuffer w, DeviceBuffer dy, DeviceBuffer dx);

    /// <summary>dw[c] = sum of dy x over the rows where x is not above 0 (over all channels too if w has one value).</summary>
    void PReluBackwardWeight(long rows, int channels, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dw);

    /// <summary>y[row, c] = the maximum of x[row, c pieces + p]; indices: which p (the first of equals), Int32.</summary>
    void MaxoutForward(long rows, int channels, int pieces, DeviceBuffer x, DeviceBuffer y, DeviceBuffer indices);

    /// <summary>dx[row, c pieces + p] = dy[row, c] for the maximum, else 0.</summary>
    void MaxoutBackward(long rows, int channels, int pieces, DeviceBuffer dy, DeviceBuffer indices, DeviceBuffer dx);

    /// <summary>
    /// y[i] = x[i] / (1 - probability) where <see cref="Philox.At"/>(seed, stream, i) is at least probability 2^32 (rounded
    /// down to a whole number), else 0. Applied to dy with the same key it is its own gradient. In place allowed.
    /// </summary>
    void Dropout(float probability, ulong seed, ulong stream, DeviceBuffer x, DeviceBuffer y);
}
