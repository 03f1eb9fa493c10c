namespace ILGPU.Algorithms;

/// <summary>Mathematics that ILGPU.Algorithms brings to every device.</summary>
public static class XMath
{
    public const float E = MathF.E;
    public const float PI = MathF.PI;

    public static float Abs(float value) => Math.Abs(value);

    public static double Abs(double value) => Math.Abs(value);

    public static int Abs(int value) => Math.Abs(value);

    public static float Min(float first, float second) => Math.Min(first, second);

    public static double Min(double first, double second) => Math.Min(first, second);

    public static int Min(int first, int second) => Math.Min(first, second);

    public static long Min(long first, long second) => Math.Min(first, second);

    public static float Max(float first, float second) => Math.Max(first, second);

    public static double Max(double first, double second) => Math.Max(first, second);

    public static int Max(int first, int second) => Math.Max(first, second);

    public static long Max(long first, long second) => Math.Max(first, second);

    public static float Clamp(float value, float min, float max) => Math.Max(Math.Min(value, max), min);

    public static double Clamp(double value, double min, double max) => Math.Max(Math.Min(value, max), min);

    public static int Clamp(int value, int min, int max) => Math.Max(Math.Min(value, max), min);

    public static float Floor(float value) => MathF.Floor(value);

    public static double Floor(double value) => Math.Floor(value);

    public static float Ceiling(float value) => MathF.Ceiling(value);

    public static double Ceiling(double value) => Math.Ceiling(value);

    public static float Exp(float value) => MathF.Exp(value);

    public static double Exp(double value) => Math.Exp(value);

    public static float Exp2(float value) => MathF.Pow(2, value);

    public static double Exp2(double value) => Math.Pow(2, value);

    public static float Log(float value) => MathF.Log(value);

    public static double Log(double value) => Math.Log(value);

    public static float Log2(float value) => MathF.Log2(value);

    public static double Log2(double value) => Math.Log2(value);

    public static float Pow(float @base, float exp) => MathF.Pow(@base, exp);

    public static double Pow(double @base, double exp) => Math.Pow(@base, exp);

    public static float Sqrt(float value) => MathF.Sqrt(value);

    public static double Sqrt(double value) => Math.Sqrt(value);

    public static float Rsqrt(float value) => 1 / MathF.Sqrt(value);

    public static double Rsqrt(double value) => 1 / Math.Sqrt(value);

    public static float Rcp(float value) => 1 / value;

    public static double Rcp(double value) => 1 / value;

    public static float Sin(float value) => MathF.Sin(value);

    public static double Sin(double value) => Math.Sin(value);

    public static float Cos(float value) => MathF.Cos(value);

    public static double Cos(double value) => Math.Cos(value);

    public static float Tanh(float value) => MathF.Tanh(value);

    public static double Tanh(double value) => Math.Tanh(value);

    public static bool IsNaN(float value) => float.IsNaN(value);

    public static bool IsNaN(double value) => double.IsNaN(value);

    public static bool IsInfinity(float value) => float.IsInfinity(value);

    public static bool IsInfinity(double value) => double.IsInfinity(value);
}
