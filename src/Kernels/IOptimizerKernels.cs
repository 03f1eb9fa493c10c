namespace CnnSharp.Kernels;

/// <summary>A stochastic gradient step. g' = GradientScale g + WeightDecay w.</summary>
/// <param name="LearningRate">lr.</param>
/// <param name="Momentum">m; 0 needs no velocity.</param>
/// <param name="Nesterov">Whether the step looks ahead.</param>
/// <param name="WeightDecay">L2, added to the gradient.</param>
/// <param name="GradientScale">Applied to the gradient first (clipping).</param>
public readonly record struct SgdStep(float LearningRate, float Momentum, bool Nesterov, float WeightDecay, float GradientScale = 1f);

/// <summary>An AdaGrad step. g' = GradientScale g + WeightDecay w.</summary>
/// <param name="LearningRate">lr.</param>
/// <param name="Epsilon">Added to the root.</param>
/// <param name="WeightDecay">L2, added to the gradient.</param>
/// <param name="GradientScale">Applied to the gradient first (clipping).</param>
public readonly record struct AdaGradStep(float LearningRate, float Epsilon, float WeightDecay, float GradientScale = 1f);

/// <summary>An RMSProp step. g' = GradientScale g + WeightDecay w.</summary>
/// <param name="LearningRate">lr.</param>
/// <param name="Decay">The share of the running square that is kept.</param>
/// <param name="Epsilon">Added to the root.</param>
/// <param name="Momentum">m; 0 needs no velocity.</param>
/// <param name="WeightDecay">L2, added to the gradient.</param>
/// <param name="GradientScale">Applied to the gradient first (clipping).</param>
public readonly record struct RmsPropStep(float LearningRate, float Decay, float Epsilon, float Momentum, float WeightDecay, float GradientScale = 1f);

/// <summary>An Adam or AdamW step. Corrections are 1 - Beta^t for step t (from 1), worked out by the caller in double precision.</summary>
/// <param name="LearningRate">lr.</param>
/// <param name="Beta1">Share of the running mean that is kept.</param>
/// <param name="Beta2">Share of the running square that is kept.</param>
/// <param name="Epsilon">Added to the root.</param>
/// <param name="WeightDecay">Added to the gradient, or, decoupled, taken off the weight.</param>
/// <param name="Decoupled">AdamW: w -= lr WeightDecay w first, and the gradient is left alone.</param>
/// <param name="Correction1">1 - Beta1^t.</param>
/// <param name="Correction2">1 - Beta2^t.</param>
/// <param name="GradientScale">Applied to the gradient first (clipping).</param>
/// <param name="GradientShare">What is added to the corrected mean is the gradient times this: NAdam's look ahead; 0 for Adam.</param>
public readonly record struct AdamStep(float LearningRate, float Beta1, float Beta2, float Epsilon, float WeightDecay, bool Decoupled, double Correction1, double Correction2, float GradientScale = 1f, double GradientShare = 0);

/// <summary>An AdaMax step. g' = GradientScale g + WeightDecay w.</summary>
/// <param name="LearningRate">lr.</param>
/// <param name="Beta1">Share of the running mean that is kept.</param>
/// <param name="Beta2">Share of the running maximum that is kept.</param>
/// <param name="Epsilon">Added to the size of the gradient.</param>
/// <param name="WeightDecay">L2, added to the gradient.</param>
/// <param name="Correction1">1 - Beta1^t for step t (from 1).</param>
/// <param name="GradientScale">Applied to the gradient first (clipping).</param>
public readonly record struct AdaMaxStep(float LearningRate, float Beta1, float Beta2, float Epsilon, float WeightDecay, double Correction1, float GradientScale = 1f);

/// <summary>An Adadelta step. g' = GradientScale g + WeightDecay w.</summary>
/// <param name="LearningRate">lr.</param>
/// <param name="Rho">Share of both running squares that is kept.</param>
/// <param name="Epsilon">Added under both roots.</param>
/// <param name="WeightDecay">L2, added to the gradient.</param>
/// <param name="GradientScale">Applied to the gradient first (clipping).</param>
public readonly record struct AdadeltaStep(float LearningRate, float Rho, float Epsilon, float WeightDecay, float GradientScale = 1f);

/// <summary>A Lion step. g' = GradientScale g.</summary>
/// <param name="LearningRate">lr.</param>
/// <param name="Beta1">Share of the running mean in what the step is the sign of.</param>
/// <param name="Beta2">Share of the running mean that is kept.</param>
/// <param name="WeightDecay">Taken off the weight: w -= lr WeightDecay w.</param>
/// <param name="GradientScale">Applied to the gradient first (clipping).</param>
public readonly record struct LionStep(float LearningRate, float Beta1, float Beta2, float WeightDecay, float GradientScale = 1f);

/// <summary>The steps of optimizers. The weights and the state are updated in place. See <see cref="IKernels"/> for what holds of all.</summary>
public interface IOptimizerKernels : IKernelFamily
{
    /// <summary>v = Momentum v + g'; w -= lr (Nesterov: g' + Momentum v; else v); without momentum w -= lr g' and v is null. v starts at 0.</summary>
    void Sgd(in SgdStep step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer? velocity);

    /// <summary>sum += g'^2; w -= lr g' / (sqrt(sum) + Epsilon).</summary>
    void AdaGrad(in AdaGradStep step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer sum);

    /// <summary>square = Decay square + (1 - Decay) g'^2; d = g' / (sqrt(square) + Epsilon); with momentum v = Momentum v + d, w -= lr v; else w -= lr d.</summary>
    void RmsProp(in RmsPropStep step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer square, DeviceBuffer? velocity);

    /// <summary>mean = Beta1 mean + (1 - Beta1) g'; square = Beta2 square + (1 - Beta2) g'^2; w -= lr (mean / Correction1 + GradientShare g') / (sqrt(square / Correction2) + Epsilon).</summary>
    void Adam(in AdamStep step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer mean, DeviceBuffer square);

    /// <summary>mean = Beta1 mean + (1 - Beta1) g'; most = max(Beta2 most, |g'| + Epsilon); w -= lr / Correction1 mean / most.</summary>
    void AdaMax(in AdaMaxStep step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer mean, DeviceBuffer most);

    /// <summary>square = Rho square + (1 - Rho) g'^2; d = sqrt(moved + Epsilon) / sqrt(square + Epsilon) g'; moved = Rho moved + (1 - Rho) d^2; w -= lr d.</summary>
    void Adadelta(in AdadeltaStep step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer square, DeviceBuffer moved);

    /// <summary>w -= lr WeightDecay w; w -= lr sign(Beta1 mean + (1 - Beta1) g'); mean = Beta2 mean + (1 - Beta2) g'.</summary>
    void Lion(in LionStep step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer mean);
}
