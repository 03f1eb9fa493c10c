namespace CnnSharp;

public static partial class Functional
{
    /// <summary>x tanh(log(1 + exp(x))) (Misra 2019).</summary>
    public static Tensor Mish(Tensor x) => x * Tanh(Softplus(x));
}
