namespace CnnSharp.Kernels;

/// <summary>Matrix products. See <see cref="IKernels"/> for what holds of all.</summary>
public interface IMatMulKernels : IKernelFamily
{
    /// <summary>c = act(op(a) op(b) + bias), bias [N] repeated down the rows; c += if <paramref name="accumulate"/>. A batch of more than one product has no bias.</summary>
    void Multiply(in MatMulGeometry g, DeviceBuffer a, DeviceBuffer b, DeviceBuffer? bias, DeviceBuffer c, Activation activation = Activation.None, bool accumulate = false);
}
