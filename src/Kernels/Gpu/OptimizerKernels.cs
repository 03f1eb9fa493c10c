using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

/// <summary>
/// One pass over weights, gradients and state. A rule's constants are combined here, in double, and rounded once: the device
/// may lack double.
/// </summary>
sealed class OptimizerKernels(GpuKernels kernels) : GpuKernelFamily(kernels), IOptimizerKernels
{
    StepKernel<PlainSgd>? plainSgd;
    StepKernel<MomentumSgd>? momentumSgd;
    StepKernel<NesterovSgd>? nesterovSgd;
    StepKernel<AdaGradRule>? adaGrad;
    StepKernel<PlainRmsProp>? plainRmsProp;
    StepKernel<MomentumRmsProp>? momentumRmsProp;
    StepKernel<AdamRule>? adam;
    StepKernel<AdaMaxRule>? adaMax;
    StepKernel<AdadeltaRule>? adadelta;
    StepKernel<LionRule>? lion;

    /// <summary>A weight and its state.</summary>
    internal struct Weight(float value, float s0, float s1)
    {
        public float Value = value;

        /// <summary>What the rule keeps of the past, where it does.</summary>
        public float S0 = s0, S1 = s1;
    }

    /// <summary>A step of one weight.</summary>
    internal interface IStepRule
    {
        /// <summary>State values that a weight has: 0 to 2.</summary>
        static abstract int States { get; }

        /// <summary>The weight after a step with gradient <paramref name="g"/>.</summary>
        Weight Apply(Weight w, float g);
    }

    /// <summary>One thread four weights, as in the element-wise functions.</summary>
    static void Step<T>(Index1D i, T rule, ArrayView<float> w, ArrayView<float> gradient, ArrayView<float> s0, ArrayView<float> s1)
        where T : unmanaged, IStepRule
    {
        if (i < w.Length / 4)
        {
            Float4 p = Float4.Of(w)[i], g = Float4.Of(gradient)[i], q = default, r = default;
            if (T.States > 0) q = Float4.Of(s0)[i];
            if (T.States > 1) r = Float4.Of(s1)[i];
            var a = rule.Apply(new(p.X, q.X, r.X), g.X);
            var b = rule.Apply(new(p.Y, q.Y, r.Y), g.Y);
            var c = rule.Apply(new(p.Z, q.Z, r.Z), g.Z);
            var d = rule.Apply(new(p.W, q.W, r.W), g.W);
            Float4.Of(w)[i] = new(a.Value, b.Value, c.Value, d.Value);
            if (T.States > 0) Float4.Of(s0)[i] = new(a.S0, b.S0, c.S0, d.S0);
            if (T.States > 1) Float4.Of(s1)[i] = new(a.S1, b.S1, c.S1, d.S1);
        }
        else
        {
            for (var j = 4L * i; j < w.Length; j++)
            {
                float q = 0, r = 0;
                if (T.States > 0) q = s0[j];
                if (T.States > 1) r = s1[j];
                var a = rule.Apply(new(w[j], q, r), gradient[j]);
                w[j] = a.Value;
                if (T.States > 0) s0[j] = a.S0;
                if (T.States > 1) s1[j] = a.S1;
            }
        }
    }

    /// <summary>The launcher of a rule.</summary>
    internal sealed class StepKernel<T>(GpuKernels kernels)
        where T : unmanaged, IStepRule
    {
        readonly Action<Index1D, T, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>> launch =
            kernels.Compile<Action<Index1D, T, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>>>(typeof(T).Name, Step);

        public void Run(in T rule, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer? s0, DeviceBuffer? s1)
        {
            if (w.Length > 0) launch(Quads(w.Length), rule, Floats(w), ReadFloats(gradient), ViewOrEmpty<float>(s0), ViewOrEmpty<float>(s1));
        }
    }

    /// <summary>g' = scale g + decay w.</summary>
    internal readonly struct ScaledGradient(float scale, float decay)
    {
        readonly float scale = scale, decay = decay;

        public float Of(float w, float g) => (decay * w) + (scale * g);
    }

    // ---- SGD ----------------------------------------------------------------------------------------------------

    public void Sgd(in SgdStep step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer? velocity)
    {
        if (velocity is null) (plainSgd ??= new(Kernels)).Run(new(step), w, gradient, null, null);
        else if (step.Nesterov) (nesterovSgd ??= new(Kernels)).Run(new(step), w, gradient, velocity, null);
        else (momentumSgd ??= new(Kernels)).Run(new(step), w, gradient, velocity, null);
    }

    internal readonly struct PlainSgd(in SgdStep step) : IStepRule
    {
        readonly ScaledGradient gradient = new(step.GradientScale, step.WeightDecay);
        readonly float rate = step.LearningRate;

        public static int States => 0;

        public Weight Apply(Weight w, float g) => new(w.Value - (rate * gradient.Of(w.Value, g)), 0, 0);
    }

    internal readonly struct MomentumSgd(in SgdStep step) : IStepRule
    {
        readonly ScaledGradient gradient = new(step.GradientScale, step.WeightDecay);
        readonly float rate = step.LearningRate, momentum = step.Momentum;

        public static int States => 1;

        public Weight Apply(Weight w, float g)
        {
            var velocity = (momentum * w.S0) + gradient.Of(w.Value, g);
            return new(w.Value - (rate * velocity), velocity, 0);
        }
    }

    internal readonly struct NesterovSgd(in SgdStep step) : IStepRule
    {
        readonly ScaledGradient gradient = new(step.GradientScale, step.WeightDecay);
        readonly float rate = step.LearningRate, momentum = step.Momentum;

        public static int States => 1;

        public Weight Apply(Weight w, float g)
        {
            g = gradient.Of(w.Value, g);
            var velocity = (momentum * w.S0) + g;
            return new(w.Value - (rate * ((momentum * velocity) + g)), velocity, 0);
        }
    }

    // ---- AdaGrad (Duchi et al. 2011) ------------------------------------------------------------------------------

    public void AdaGrad(in AdaGradStep step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer sum)
        => (adaGrad ??= new(Kernels)).Run(new(step), w, gradient, sum, null);

    internal readonly struct AdaGradRule(in AdaGradStep step) : IStepRule
    {
        readonly ScaledGradient gradient = new(step.GradientScale, step.WeightDecay);
        readonly float rate = step.LearningRate, epsilon = step.Epsilon;

        public static int States => 1;

        public Weight Apply(Weight w, float g)
        {
            g = gradient.Of(w.Value, g);
            var sum = (g * g) + w.S0;
            return new(w.Value - (rate * g / (XMath.Sqrt(sum) + epsilon)), sum, 0);
        }
    }

    // ---- RMSProp (Tieleman and Hinton 2012) -----------------------------------------------------------------------

    public void RmsProp(in RmsPropStep step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer square, DeviceBuffer? velocity)
    {
        if (velocity is null) (plainRmsProp ??= new(Kernels)).Run(new(step), w, gradient, square, null);
        else (momentumRmsProp ??= new(Kernels)).Run(new(step), w, gradient, square, velocity);
    }

    internal readonly struct PlainRmsProp(in RmsPropStep step) : IStepRule
    {
        readonly ScaledGradient gradient = new(step.GradientScale, step.WeightDecay);
        readonly float rate = step.LearningRate, decay = step.Decay, share = (float)(1 - (double)step.Decay), epsilon = step.Epsilon;

        public static int States => 1;

        public Weight Apply(Weight w, float g)
        {
            g = gradient.Of(w.Value, g);
            var square = (decay * w.S0) + (share * g * g);
            return new(w.Value - (rate * (g / (XMath.Sqrt(square) + epsilon))), square, 0);
        }
    }

    internal readonly struct MomentumRmsProp(in RmsPropStep step) : IStepRule
    {
        readonly ScaledGradient gradient = new(step.GradientScale, step.WeightDecay);
        readonly float rate = step.LearningRate, momentum = step.Momentum, decay = step.Decay, share = (float)(1 - (double)step.Decay), epsilon = step.Epsilon;

        public static int States => 2;

        public Weight Apply(Weight w, float g)
        {
            g = gradient.Of(w.Value, g);
            var square = (decay * w.S0) + (share * g * g);
            var velocity = (momentum * w.S1) + (g / (XMath.Sqrt(square) + epsilon));
            return new(w.Value - (rate * velocity), square, velocity);
        }
    }

    // ---- Adam (Kingma and Ba 2015), AdamW (Loshchilov and Hutter 2019) --------------------------------------------

    public void Adam(in AdamStep step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer mean, DeviceBuffer square)
        => (adam ??= new(Kernels)).Run(new(step), w, gradient, mean, square);

    internal readonly struct AdamRule(in AdamStep step) : IStepRule
    {
        readonly ScaledGradient gradient = new(step.GradientScale, step.Decoupled ? 0f : step.WeightDecay);
        readonly float kept = step.Decoupled ? (float)(1 - ((double)step.LearningRate * step.WeightDecay)) : 1f;
        readonly float beta1 = step.Beta1, share1 = (float)(1 - (double)step.Beta1);
        readonly float beta2 = step.Beta2, share2 = (float)(1 - (double)step.Beta2);
        readonly float rate = (float)(step.LearningRate / step.Correction1), gradientRate = (float)(step.LearningRate * step.GradientShare);
        readonly float rootScale = (float)(1 / Math.Sqrt(step.Correction2)), epsilon = step.Epsilon;

        public static int States => 2;

        public Weight Apply(Weight w, float g)
        {
            g = gradient.Of(w.Value, g);
            var mean = (beta1 * w.S0) + (share1 * g);
            var square = (beta2 * w.S1) + (share2 * g * g);
            return new((kept * w.Value) - (((rate * mean) + (gradientRate * g)) / ((rootScale * XMath.Sqrt(square)) + epsilon)), mean, square);
        }
    }

    // ---- AdaMax (Kingma and Ba 2015, section 7.1) -----------------------------------------------------------------

    public void AdaMax(in AdaMaxStep step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer mean, DeviceBuffer most)
        => (adaMax ??= new(Kernels)).Run(new(step), w, gradient, mean, most);

    internal readonly struct AdaMaxRule(in AdaMaxStep step) : IStepRule
    {
        readonly ScaledGradient gradient = new(step.GradientScale, step.WeightDecay);
        readonly float beta1 = step.Beta1, share1 = (float)(1 - (double)step.Beta1), beta2 = step.Beta2;
        readonly float rate = (float)(step.LearningRate / step.Correction1), epsilon = step.Epsilon;

        public static int States => 2;

        public Weight Apply(Weight w, float g)
        {
            g = gradient.Of(w.Value, g);
            var mean = (beta1 * w.S0) + (share1 * g);
            var most = XMath.Max(beta2 * w.S1, XMath.Abs(g) + epsilon);
            return new(w.Value - (rate * mean / most), mean, most);
        }
    }

    // ---- Adadelta (Zeiler 2012) -----------------------------------------------------------------------------------

    public void Adadelta(in AdadeltaStep step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer square, DeviceBuffer moved)
        => (adadelta ??= new(Kernels)).Run(new(step), w, gradient, square, moved);

    internal readonly struct AdadeltaRule(in AdadeltaStep step) : IStepRule
    {
        readonly ScaledGradient gradient = new(step.GradientScale, step.WeightDecay);
        readonly float rho = step.Rho, share = (float)(1 - (double)step.Rho), epsilon = step.Epsilon, rate = step.LearningRate;

        public static int States => 2;

        public Weight Apply(Weight w, float g)
        {
            g = gradient.Of(w.Value, g);
            var square = (rho * w.S0) + (share * g * g);
            var d = XMath.Sqrt(w.S1 + epsilon) / XMath.Sqrt(square + epsilon) * g;
            return new(w.Value - (rate * d), square, (rho * w.S1) + (share * d * d));
        }
    }

    // ---- Lion (Chen et al. 2023) ----------------------------------------------------------------------------------

    public void Lion(in LionStep step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer mean)
        => (lion ??= new(Kernels)).Run(new(step), w, gradient, mean, null);

    internal readonly struct LionRule(in LionStep step) : IStepRule
    {
        readonly float scale = step.GradientScale, kept = (float)(1 - ((double)step.LearningRate * step.WeightDecay)), rate = step.LearningRate;
        readonly float beta1 = step.Beta1, share1 = (float)(1 - (double)step.Beta1), beta2 = step.Beta2, share2 = (float)(1 - (double)step.Beta2);

        public static int States => 1;

        public Weight Apply(Weight w, float g)
        {
            g *= scale;

            // Of 0, and of what is no number, itself.
            var between = (beta1 * w.S0) + (share1 * g);
            var sign = between > 0 ? 1f : between < 0 ? -1f : between;
            return new((kept * w.Value) - (rate * sign), (beta2 * w.S0) + (share2 * g), 0);
        }
    }
}
