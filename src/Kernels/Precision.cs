namespace CnnSharp.Kernels;

/// <summary>
/// How convolutions and matrix products multiply. Tensors are stored as float32 and sums are kept in float32 in every case;
/// all other operations compute in float32.
/// </summary>
public enum Precision
{
    /// <summary>float32 factors: 24 bits of mantissa. The default on every device.</summary>
    Float32,

    /// <summary>Factors rounded to TensorFloat-32, 11 bits of mantissa, on the tensor cores of CUDA devices from compute capability 8.0 on.</summary>
    TensorFloat32,

    /// <summary>Factors rounded to bfloat16, 8 bits of mantissa, on the tensor cores of CUDA devices from compute capability 8.0 on.</summary>
    BFloat16,
}
