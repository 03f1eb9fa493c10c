using System.Runtime.CompilerServices;

namespace CnnSharp.Kernels.Cpu;

// One pass over weights, gradients and state. Constants are combined in double and rounded once.
/// <summary>Optimizers' steps.</summary>
sealed unsafe class OptimizerKernels<V>(CpuKernels<V> kernels) : CpuKernelFamily<V>(kernels), IOptimizerKernels
    where V : unmanaged, IVector<V>
{
    /// <summary>A step on one vector of weights: s0 and s1 are its state, updated in place.</summary>
    interface IStep
    {
        /// <summary>State values a weight has: 0 to 2.</summary>
        static abstract int States { get; }

        V Apply(V w, V g, ref V s0, ref V s1);
    }

    void Step<T>(in T step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer? s0, DeviceBuffer? s1)
        where T : unmanaged, IStep
        => Workers.Run(new StepWork<T>(step, w.Pointer<float>(), gradient.ReadOnlyPointer<float>(), s0.PointerOrNull<float>(), s1.PointerOrNull<float>(), w.Length), Chunks(w.Length));

    readonly struct StepWork<T>(in T step, float* w, float* gradient, float* s0, float* s1, long count) : IWork
        where T : unmanaged, IStep
    {
        readonly T step = step;
        readonly float* w = w, gradient = gradient, s0 = s0, s1 = s1;
        readonly long count = count;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var (i, whole, rest) = ChunkOf(task, count);
            for (; i < whole; i += V.Count) Apply(i, V.Count);
            if (rest > 0) Apply(i, rest);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        void Apply(long i, int lanes)
        {
            V first = V.Zero, second = V.Zero;
            if (T.States > 0) first = LoadUpTo(s0 + i, lanes);
            if (T.States > 1) second = LoadUpTo(s1 + i, lanes);
            StoreUpTo(step.Apply(LoadUpTo(w + i, lanes), LoadUpTo(gradient + i, lanes), ref first, ref second), w + i, lanes);
            if (T.States > 0) StoreUpTo(first, s0 + i, lanes);
            if (T.States > 1) StoreUpTo(second, s1 + i, lanes);
        }
    }

    /// <summary>g' = scale g + decay w.</summary>
    readonly struct ScaledGradient(float scale, float decay)
    {
        readonly float scale = scale, decay = decay;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public V Of(V w, V g) => V.Fma(V.Create(decay), w, V.Create(scale) * g);
    }

    // ---- SGD ----------------------------------------------------------------------------------------------------

    /// <inheritdoc/>
    public void Sgd(in SgdStep step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer? velocity)
    {
        if (velocity is null) Step(new PlainSgd(step), w, gradient, null, null);
        else if (step.Nesterov) Step(new NesterovSgd(step), w, gradient, velocity, null);
        else Step(new MomentumSgd(step), w, gradient, velocity, null);
    }

    readonly struct PlainSgd(in SgdStep step) : IStep
    {
        readonly ScaledGradient gradient = new(step.GradientScale, step.WeightDecay);
        readonly float rate = step.LearningRate;

        public static int States => 0;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public V Apply(V w, V g, ref V s0, ref V s1) => w - (V.Create(rate) * gradient.Of(w, g));
    }

    readonly struct MomentumSgd(in SgdStep step) : IStep
    {
        readonly ScaledGradient gradient = new(step.GradientScale, step.WeightDecay);
        readonly float rate = step.LearningRate, momentum = step.Momentum;

        public static int States => 1;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public V Apply(V w, V g, ref V velocity, ref V s1)
        {
            velocity = V.Fma(V.Create(momentum), velocity, gradient.Of(w, g));
            return w - (V.Create(rate) * velocity);
        }
    }

    readonly struct NesterovSgd(in SgdStep step) : IStep
    {
        readonly ScaledGradient gradient = new(step.GradientScale, step.WeightDecay);
        readonly float rate = step.LearningRate, momentum = step.Momentum;

        public static int States => 1;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public V Apply(V w, V g, ref V velocity, ref V s1)
        {
            g = gradient.Of(w, g);
            velocity = V.Fma(V.Create(momentum), velocity, g);
            return w - (V.Create(rate) * V.Fma(V.Create(momentum), velocity, g));
        }
    }

    // ---- AdaGrad (Duchi et al. 2011) ------------------------------------------------------------------------------

    /// <inheritdoc/>
    public void AdaGrad(in AdaGradStep step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer sum)
        => Step(new AdaGradRule(step), w, gradient, sum, null);

    readonly struct AdaGradRule(in AdaGradStep step) : IStep
    {
        readonly ScaledGradient gradient = new(step.GradientScale, step.WeightDecay);
        readonly float rate = step.LearningRate, epsilon = step.Epsilon;

        public static int States => 1;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public V Apply(V w, V g, ref V sum, ref V s1)
        {
            g = gradient.Of(w, g);
            sum = V.Fma(g, g, sum);
            return w - (V.Create(rate) * g / (V.Sqrt(sum) + V.Create(epsilon)));
        }
    }

    // ---- RMSProp (Tieleman and Hinton 2012) -----------------------------------------------------------------------

    /// <inheritdoc/>
    public void RmsProp(in RmsPropStep step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer square, DeviceBuffer? velocity)
    {
        if (velocity is null) Step(new PlainRmsProp(step), w, gradient, square, null);
        else Step(new MomentumRmsProp(step), w, gradient, square, velocity);
    }

    /// <summary>square = Decay square + (1 - Decay) g'^2 and g' / (sqrt(square) + Epsilon).</summary>
    readonly struct RootMeanSquare(in RmsPropStep step)
    {
        readonly ScaledGradient gradient = new(step.GradientScale, step.WeightDecay);
        readonly float decay = step.Decay, share = (float)(1 - (double)step.Decay), epsilon = step.Epsilon;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public V Of(V w, V g, ref V square)
        {
            g = gradient.Of(w, g);
            square = V.Fma(V.Create(decay), square, V.Create(share) * g * g);
            return g / (V.Sqrt(square) + V.Create(epsilon));
        }
    }

    readonly struct PlainRmsProp(in RmsPropStep step) : IStep
    {
        readonly RootMeanSquare direction = new(step);
        readonly float rate = step.LearningRate;

        public static int States => 1;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public V Apply(V w, V g, ref V square, ref V s1) => w - (V.Create(rate) * direction.Of(w, g, ref square));
    }

    readonly struct MomentumRmsProp(in RmsPropStep step) : IStep
    {
        readonly RootMeanSquare direction = new(step);
        readonly float rate = step.LearningRate, momentum = step.Momentum;

        public static int States => 2;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public V Apply(V w, V g, ref V square, ref V velocity)
        {
            velocity = V.Fma(V.Create(momentum), velocity, direction.Of(w, g, ref square));
            return w - (V.Create(rate) * velocity);
        }
    }

    // ---- Adam (Kingma and Ba 2015), AdamW (Loshchilov and Hutter 2019) --------------------------------------------

    /// <inheritdoc/>
    public void Adam(in AdamStep step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer mean, DeviceBuffer square)
        => Step(new AdamRule(step), w, gradient, mean, square);

    readonly struct AdamRule(in AdamStep step) : IStep
    {
        readonly ScaledGradient gradient = new(step.GradientScale, step.Decoupled ? 0f : step.WeightDecay);
        readonly float kept = step.Decoupled ? (float)(1 - ((double)step.LearningRate * step.WeightDecay)) : 1f;
        readonly float beta1 = step.Beta1, share1 = (float)(1 - (double)step.Beta1);
        readonly float beta2 = step.Beta2, share2 = (float)(1 - (double)step.Beta2);
        readonly float rate = (float)(step.LearningRate / step.Correction1), gradientRate = (float)(step.LearningRate * step.GradientShare);
        readonly float rootScale = (float)(1 / Math.Sqrt(step.Correction2)), epsilon = step.Epsilon;

        public static int States => 2;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public V Apply(V w, V g, ref V mean, ref V square)
        {
            g = gradient.Of(w, g);
            mean = V.Fma(V.Create(beta1), mean, V.Create(share1) * g);
            square = V.Fma(V.Create(beta2), square, V.Create(share2) * g * g);
            var direction = V.Fma(V.Create(rate), mean, V.Create(gradientRate) * g);
            return (V.Create(kept) * w) - (direction / V.Fma(V.Create(rootScale), V.Sqrt(square), V.Create(epsilon)));
        }
    }

    // ---- AdaMax (Kingma and Ba 2015, section 7.1) -----------------------------------------------------------------

    /// <inheritdoc/>
    public void AdaMax(in AdaMaxStep step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer mean, DeviceBuffer most)
        => Step(new AdaMaxRule(step), w, gradient, mean, most);

    readonly struct AdaMaxRule(in AdaMaxStep step) : IStep
    {
        readonly ScaledGradient gradient = new(step.GradientScale, step.WeightDecay);
        readonly float beta1 = step.Beta1, share1 = (float)(1 - (double)step.Beta1), beta2 = step.Beta2;
        readonly float rate = (float)(step.LearningRate / step.Correction1), epsilon = step.Epsilon;

        public static int States => 2;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public V Apply(V w, V g, ref V mean, ref V most)
        {
            g = gradient.Of(w, g);
            mean = V.Fma(V.Create(beta1), mean, V.Create(share1) * g);
            most = V.Max(V.Create(beta2) * most, V.Abs(g) + V.Create(epsilon));
            return w - (V.Create(rate) * mean / most);
        }
    }

    // ---- Adadelta (Zeiler 2012) -----------------------------------------------------------------------------------

    /// <inheritdoc/>
    public void Adadelta(in AdadeltaStep step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer square, DeviceBuffer moved)
        => Step(new AdadeltaRule(step), w, gradient, square, moved);

    readonly struct AdadeltaRule(in AdadeltaStep step) : IStep
    {
        readonly ScaledGradient gradient = new(step.GradientScale, step.WeightDecay);
        readonly float rho = step.Rho, share = (float)(1 - (double)step.Rho), epsilon = step.Epsilon, rate = step.LearningRate;

        public static int States => 2;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public V Apply(V w, V g, ref V square, ref V moved)
        {
            g = gradient.Of(w, g);
            square = V.Fma(V.Create(rho), square, V.Create(share) * g * g);
            var d = V.Sqrt(moved + V.Create(epsilon)) / V.Sqrt(square + V.Create(epsilon)) * g;
            moved = V.Fma(V.Create(rho), moved, V.Create(share) * d * d);
            return w - (V.Create(rate) * d);
        }
    }

    // ---- Lion (Chen et al. 2023) ----------------------------------------------------------------------------------

    /// <inheritdoc/>
    public void Lion(in LionStep step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer mean)
        => Step(new LionRule(step), w, gradient, mean, null);

    readonly struct LionRule(in LionStep step) : IStep
    {
        readonly float scale = step.GradientScale, kept = (float)(1 - ((double)step.LearningRate * step.WeightDecay)), rate = step.LearningRate;
        readonly float beta1 = step.Beta1, share1 = (float)(1 - (double)step.Beta1), beta2 = step.Beta2, share2 = (float)(1 - (double)step.Beta2);

        public static int States => 1;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public V Apply(V w, V g, ref V mean, ref V s1)
        {
            g = V.Create(scale) * g;
            var between = V.Fma(V.Create(beta1), mean, V.Create(share1) * g);
            mean = V.Fma(V.Create(beta2), mean, V.Create(share2) * g);

            // Of 0, and of what is no number, itself.
            var sign = V.Select(V.GreaterThan(between, V.Zero), One, V.Select(V.LessThan(between, V.Zero), -One, between));
            return (V.Create(kept) * w) - (V.Create(rate) * sign);
        }
    }
}
