namespace CnnSharp.Kernels.Gpu;

/// <summary>Matrix products: each factor is read along its contiguous axis.</summary>
sealed class MatMulKernels(GpuKernels kernels) : GpuKernelFamily(kernels), IMatMulKernels
{
    /// <summary>The extent of a grid's third axis, less room for parts of the depth.</summary>
    const int MostGroups = 65535 / 4;

    void IMatMulKernels.Multiply(in MatMulGeometry g, DeviceBuffer a, DeviceBuffer b, DeviceBuffer? bias, DeviceBuffer c, Activation activation, bool accumulate)
    {
        RequireIndexable(a, b, c);
        if (c.Length == 0) return;
        if (g.Batch > MostGroups) throw new NotSupportedException($"{g.Batch:N0} matrix products at once: a kernel of the GPU engine does at most {MostGroups:N0}. A smaller batch has fewer.");
        if (g.K == 0) Kernels.Convolution.NarrowForward(new(checked(g.Batch * g.M), 1, 1, 0, 1, 1, g.N, 1, 1, 1, 1, 0, 0, 1, 1, 1), a, b, turned: false, bias, c, activation == Activation.Relu, accumulate);
        else if (g.N % 4 == 0) MatMul(g, a, b, new RowResults<Vectors>(new(VectorsOf(c), ReadViewOrEmpty<float>(bias), g.N, bias is not null, activation == Activation.Relu, accumulate), g.N, g.M * g.N));
        else MatMul(g, a, b, new RowResults<Scalars>(new(ScalarsOf(c), ReadViewOrEmpty<float>(bias), g.N, bias is not null, activation == Activation.Relu, accumulate), g.N, g.M * g.N));
    }

    // Each factor is read along its contiguous axis.
    void MatMul<TResults>(in MatMulGeometry g, DeviceBuffer a, DeviceBuffer b, TResults results)
        where TResults : struct, IResults
    {
        if (g.TransposeA && g.M % 4 == 0) MatMul(g, new ColumnMatrix<Vectors>(ReadVectorsOf(a), g.M, g.M, g.M * g.K), b, results);
        else if (g.TransposeA) MatMul(g, new ColumnMatrix<Scalars>(ReadScalarsOf(a), g.M, g.M, g.M * g.K), b, results);
        else if (g.K % 4 == 0) MatMul(g, new RowMatrix<Vectors>(ReadVectorsOf(a), g.M, g.K, g.K, g.M * g.K), b, results);
        else MatMul(g, new RowMatrix<Scalars>(ReadScalarsOf(a), g.M, g.K, g.K, g.M * g.K), b, results);
    }

    void MatMul<TLeft, TResults>(in MatMulGeometry g, TLeft left, DeviceBuffer b, TResults results)
        where TLeft : struct, IOperand
        where TResults : struct, IResults
    {
        if (g.TransposeB && g.K % 4 == 0) Kernels.Products.Multiply(left, new RowMatrix<Vectors>(ReadVectorsOf(b), g.N, g.K, g.K, g.K * g.N), results, g.M, g.N, g.K, g.Batch);
        else if (g.TransposeB) Kernels.Products.Multiply(left, new RowMatrix<Scalars>(ReadScalarsOf(b), g.N, g.K, g.K, g.K * g.N), results, g.M, g.N, g.K, g.Batch);
        else if (g.N % 4 == 0) Kernels.Products.Multiply(left, new ColumnMatrix<Vectors>(ReadVectorsOf(b), g.N, g.N, g.K * g.N), results, g.M, g.N, g.K, g.Batch);
        else Kernels.Products.Multiply(left, new ColumnMatrix<Scalars>(ReadScalarsOf(b), g.N, g.N, g.K * g.N), results, g.M, g.N, g.K, g.Batch);
    }
}
