using System.Numerics;

namespace CnnSharp.Kernels.Reference;

/// <summary>Sums and the place of the maximum as plain loops.</summary>
/// <typeparam name="T">float or double.</typeparam>
sealed class ReductionKernels<T> : ReferenceKernelFamily<T>, IReductionKernels
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public void Sum(in ReduceGeometry g, float scale, DeviceBuffer x, DeviceBuffer y)
    {
        Elements input = new(x);
        WritableElements output = new(y);
        for (long o = 0; o < g.Outer; o++)
        {
            for (long i = 0; i < g.Inner; i++)
            {
                var sum = 0.0;
                for (long r = 0; r < g.Reduced; r++) sum += input[(((o * g.Reduced) + r) * g.Inner) + i];
                output[(o * g.Inner) + i] = scale * sum;
            }
        }
    }

    public void Expand(in ReduceGeometry g, float scale, DeviceBuffer dy, DeviceBuffer dx)
    {
        Elements upstream = new(dy);
        WritableElements gradient = new(dx);
        for (long o = 0; o < g.Outer; o++)
        {
            for (long r = 0; r < g.Reduced; r++)
            {
                for (long i = 0; i < g.Inner; i++) gradient[(((o * g.Reduced) + r) * g.Inner) + i] = scale * upstream[(o * g.Inner) + i];
            }
        }
    }

    public void SumOfSquares(DeviceBuffer x, DeviceBuffer y)
    {
        Elements input = new(x);
        WritableElements output = new(y);
        var sum = 0.0;
        for (long i = 0; i < input.Length; i++) sum += Square(input[i]);
        output[0] = sum;
    }

    public void ArgMax(long rows, int classes, DeviceBuffer x, DeviceBuffer indices)
    {
        var input = new Elements(x);
        var places = indices.Span<int>();
        for (long row = 0; row < rows; row++)
        {
            var maximum = 0;
            for (var c = 1; c < classes; c++)
            {
                if (IsGreater(input[(row * classes) + c], input[(row * classes) + maximum])) maximum = c;
            }

            places[(int)row] = maximum;
        }
    }
}
