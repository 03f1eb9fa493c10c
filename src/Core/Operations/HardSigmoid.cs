namespace CnnSharp;

public static partial class Functional
{
    /// <summary>min(max(x / 6 + 1/2, 0), 1) (Courbariaux et al. 2015; MobileNetV3's form).</summary>
    public static Tensor HardSigmoid(Tensor x) => Clamp((x / 6.0) + 0.5, 0, 1);
}
