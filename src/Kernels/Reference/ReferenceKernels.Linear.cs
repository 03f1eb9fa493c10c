namespace CnnSharp.Kernels.Reference;

internal sealed partial class ReferenceKernels<T>
{
    public void MatMul(in MatMulGeometry g, DeviceBuffer a, DeviceBuffer b, DeviceBuffer? bias, DeviceBuffer c, Activation activation = Activation.None, bool accumulate = false)
    {
        Elements left = new(a), right = new(b);
        var sums = BiasRows(bias, (long)g.M * g.N, g.N);
        for (long m = 0; m < g.M; m++)
        {
            for (long n = 0; n < g.N; n++)
            {
                var sum = sums[(m * g.N) + n];
                for (long k = 0; k < g.K; k++)
                    sum += left[g.TransposeA ? (k * g.M) + m : (m * g.K) + k] * right[g.TransposeB ? (n * g.K) + k : (k * g.N) + n];
                sums[(m * g.N) + n] = Activate(activation, sum);
            }
        }

        Store(sums, c, accumulate);
    }
}
