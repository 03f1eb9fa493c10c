using CnnSharp.Kernels;

namespace CnnSharp;

public static partial class Functional
{
    /// <summary>The error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x.</summary>
    public static Tensor Erf(Tensor x) => Unary(UnaryOp.Erf, x);

    /// <summary>The largest whole number that is not above x. Its gradient is 0.</summary>
    public static Tensor Floor(Tensor x) => Unary(UnaryOp.Floor, x);

    /// <summary>The smallest whole number that is not below x. Its gradient is 0.</summary>
    public static Tensor Ceiling(Tensor x) => Unary(UnaryOp.Ceiling, x);

    /// <summary>The nearest whole number, of two the even one. Its gradient is 0.</summary>
    public static Tensor Round(Tensor x) => Unary(UnaryOp.Round, x);

    /// <summary>-1, 0 or 1; NaN of a NaN. Its gradient is 0.</summary>
    public static Tensor Sign(Tensor x) => Unary(UnaryOp.Sign, x);

    /// <summary>The sine of an angle in radians.</summary>
    public static Tensor Sin(Tensor x) => Unary(UnaryOp.Sin, x);

    /// <summary>The cosine of an angle in radians.</summary>
    public static Tensor Cos(Tensor x) => Unary(UnaryOp.Cos, x);

    /// <summary>The tangent of an angle in radians.</summary>
    public static Tensor Tan(Tensor x) => Unary(UnaryOp.Tan, x);

    /// <summary>The angle, between -pi/2 and pi/2, whose sine is x.</summary>
    public static Tensor Asin(Tensor x) => Unary(UnaryOp.Asin, x);

    /// <summary>The angle, between 0 and pi, whose cosine is x.</summary>
    public static Tensor Acos(Tensor x) => Unary(UnaryOp.Acos, x);

    /// <summary>The angle, between -pi/2 and pi/2, whose tangent is x.</summary>
    public static Tensor Atan(Tensor x) => Unary(UnaryOp.Atan, x);

    /// <summary>(exp(x) - exp(-x)) / 2.</summary>
    public static Tensor Sinh(Tensor x) => Unary(UnaryOp.Sinh, x);

    /// <summary>(exp(x) + exp(-x)) / 2.</summary>
    public static Tensor Cosh(Tensor x) => Unary(UnaryOp.Cosh, x);

    /// <summary>The inverse of <see cref="Sinh"/>.</summary>
    public static Tensor Asinh(Tensor x) => Unary(UnaryOp.Asinh, x);

    /// <summary>The inverse of <see cref="Cosh"/>, for x of at least 1; NaN below.</summary>
    public static Tensor Acosh(Tensor x) => Unary(UnaryOp.Acosh, x);

    /// <summary>The inverse of <see cref="Tanh"/>, for x between -1 and 1; NaN outside.</summary>
    public static Tensor Atanh(Tensor x) => Unary(UnaryOp.Atanh, x);
}
