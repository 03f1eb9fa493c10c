namespace CnnSharp;

public static partial class Functional
{
    /// <summary>x min(max(x + 3, 0), 6) / 6 (Howard et al. 2019, "Searching for MobileNetV3").</summary>
    public static Tensor HardSwish(Tensor x) => x * HardSigmoid(x);
}
