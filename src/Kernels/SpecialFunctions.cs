namespace CnnSharp.Kernels;

/// <summary>
/// Functions that .NET lacks, or computes with cancellation, to within a few units in the last place of a double. Made
/// to be right rather than fast (up to a microsecond): for references and for the scalar tails of vector kernels.
/// </summary>
public static class SpecialFunctions
{
    static readonly double RootPi = Math.Sqrt(Math.PI);

    /// <summary>The error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x.</summary>
    public static double Erf(double x)
    {
        // Above 2 the complement is below 0.005, so its own error no longer shows.
        var magnitude = Math.Abs(x);
        return magnitude > 2 ? Math.CopySign(1 - ErfcFraction(magnitude), x) : ErfSeries(x);
    }

    /// <summary>1 - erf(x), without the cancellation for large x: exact in relative terms until it underflows above 26.</summary>
    public static double Erfc(double x) => x > 1 ? ErfcFraction(x) : 1 - Erf(x);

    /// <summary>log(1 + x), exact also where 1 + x rounds (Kahan: the rounding of 1 + x cancels in the quotient).</summary>
    public static double LogP1(double x)
    {
        var rounded = 1 + x;
        return rounded == 1 || double.IsPositiveInfinity(x) ? x : Math.Log(rounded) * (x / (rounded - 1));
    }

    /// <summary>exp(x) - 1, exact also for small x (Kahan: the rounding of exp(x) cancels in the quotient).</summary>
    public static double ExpM1(double x)
    {
        var rounded = Math.Exp(x);
        if (rounded == 1) return x;
        var difference = rounded - 1;
        return difference == -1 || double.IsPositiveInfinity(rounded) ? difference : difference * (x / Math.Log(rounded));
    }

    /// <summary>
    /// erf(x) = 2 / sqrt(pi) exp(-x^2) x (1 + 2x^2 / 3 (1 + 2x^2 / 5 (1 + 2x^2 / 7 (...)))), Abramowitz and Stegun 7.1.6:
    /// every term is positive, so nothing cancels. 40 terms leave less than 1e-17 of the sum for |x| up to 2.
    /// </summary>
    static double ErfSeries(double x)
    {
        const int Terms = 40;
        var sum = 1.0;
        for (var n = Terms; n > 0; n--) sum = 1 + (2 * x * x / ((2 * n) + 1) * sum);
        return 2 / RootPi * ExpMinusSquare(x) * x * sum;
    }

    /// <summary>
    /// erfc(x) = exp(-x^2) / sqrt(pi) / (x + 1/2 / (x + 2/2 / (x + 3/2 / (x + ...)))) for x above 0, Abramowitz and Stegun
    /// 7.1.14. The levels that leave less than 1e-17 grow as 200 / x^2 (205 at 1, 59 at 2, 17 at 5).
    /// </summary>
    static double ErfcFraction(double x)
    {
        var fraction = x;
        for (var level = 12 + (int)(200 / (x * x)); level > 0; level--) fraction = x + (level / 2.0 / fraction);
        return ExpMinusSquare(x) / (RootPi * fraction);
    }

    /// <summary>exp(-x^2), corrected for the rounding of x^2, which the exponential would magnify.</summary>
    static double ExpMinusSquare(double x)
    {
        var square = x * x;
        if (double.IsInfinity(square)) return 0;
        var rest = Math.FusedMultiplyAdd(x, x, -square);
        return Math.Exp(-square) * (1 - rest);
    }
}
