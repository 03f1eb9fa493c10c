using System.Numerics;

namespace CnnSharp.Kernels.Reference;

/// <summary>Matrix products as plain loops.</summary>
/// <typeparam name="T">float or double.</typeparam>
sealed class MatMulKernels<T> : ReferenceKernelFamily<T>, IMatMulKernels
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public void Multiply(in MatMulGeometry g, DeviceBuffer a, DeviceBuffer b, DeviceBuffer? bias, DeviceBuffer c, Activation activation = Activation.None, bool accumulate = false)
    {
        Elements left = new(a), right = new(b);
        var sums = BiasRows(bias, (long)g.Batch * g.M * g.N, g.N);
        for (long batch = 0; batch < g.Batch; batch++)
        {
            long atA = batch * g.M * g.K, atB = batch * g.K * g.N, atC = batch * g.M * g.N;
            for (long m = 0; m < g.M; m++)
            {
                for (long n = 0; n < g.N; n++)
                {
                    var sum = sums[atC + (m * g.N) + n];
                    for (long k = 0; k < g.K; k++)
                        sum += left[atA + (g.TransposeA ? (k * g.M) + m : (m * g.K) + k)] * right[atB + (g.TransposeB ? (n * g.K) + k : (k * g.N) + n)];
                    sums[atC + (m * g.N) + n] = Activate(activation, sum);
                }
            }
        }

        Store(sums, c, accumulate);
    }
}
