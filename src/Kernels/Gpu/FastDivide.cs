using System.Numerics;

namespace CnnSharp.Kernels.Gpu;

/// <summary>
/// Division of 0 &lt;= n &lt; 2^31 by a divisor known to the host: one wide multiplication and a shift, where the integer
/// division of a GPU takes some twenty instructions. With p = 31 + ceil(log2 d) and m = ceil(2^p / d) the quotient is
/// n m >> p: m d exceeds 2^p by less than d &lt;= 2^(p - 31), so n m / 2^p exceeds n / d by less than 1 / d.
/// </summary>
readonly struct FastDivide
{
    public readonly int Divisor;
    readonly uint multiplier;
    readonly int shift;

    public FastDivide(int divisor)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(divisor);
        Divisor = divisor;
        shift = 31 + (divisor == 1 ? 0 : BitOperations.Log2((uint)divisor - 1) + 1);
        multiplier = (uint)(((1UL << shift) + (uint)divisor - 1) / (uint)divisor);
    }

    public int Quotient(int n) => (int)(uint)(((ulong)(uint)n * multiplier) >> shift);
}
