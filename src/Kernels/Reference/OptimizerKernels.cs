using System.Numerics;

namespace CnnSharp.Kernels.Reference;

/// <summary>Optimizers' steps as plain loops.</summary>
/// <typeparam name="T">float or double.</typeparam>
sealed class OptimizerKernels<T> : ReferenceKernelFamily<T>, IOptimizerKernels
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public void Sgd(in SgdStep step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer? velocity)
    {
        Elements gradients = new(gradient);
        WritableElements weights = new(w), velocities = velocity is null ? default : new(velocity);
        for (long i = 0; i < weights.Length; i++)
        {
            var g = (step.GradientScale * gradients[i]) + (step.WeightDecay * weights[i]);
            if (velocity is not null)
            {
                var v = (step.Momentum * velocities[i]) + g;
                velocities[i] = v;
                g = step.Nesterov ? g + (step.Momentum * v) : v;
            }

            weights[i] -= step.LearningRate * g;
        }
    }

    public void AdaGrad(in AdaGradStep step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer sum)
    {
        Elements gradients = new(gradient);
        WritableElements weights = new(w), sums = new(sum);
        for (long i = 0; i < weights.Length; i++)
        {
            var g = (step.GradientScale * gradients[i]) + (step.WeightDecay * weights[i]);
            var s = sums[i] + (g * g);
            sums[i] = s;
            weights[i] -= step.LearningRate * g / (Math.Sqrt(s) + step.Epsilon);
        }
    }

    public void RmsProp(in RmsPropStep step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer square, DeviceBuffer? velocity)
    {
        Elements gradients = new(gradient);
        WritableElements weights = new(w), squares = new(square), velocities = velocity is null ? default : new(velocity);
        for (long i = 0; i < weights.Length; i++)
        {
            var g = (step.GradientScale * gradients[i]) + (step.WeightDecay * weights[i]);
            var s = (step.Decay * squares[i]) + ((1.0 - step.Decay) * g * g);
            squares[i] = s;
            var d = g / (Math.Sqrt(s) + step.Epsilon);
            if (velocity is not null)
            {
                d += step.Momentum * velocities[i];
                velocities[i] = d;
            }

            weights[i] -= step.LearningRate * d;
        }
    }

    public void Adam(in AdamStep step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer mean, DeviceBuffer square)
    {
        Elements gradients = new(gradient);
        WritableElements weights = new(w), means = new(mean), squares = new(square);
        for (long i = 0; i < weights.Length; i++)
        {
            var weight = weights[i];
            var g = step.GradientScale * gradients[i];
            if (step.Decoupled) weight -= step.LearningRate * (step.WeightDecay * weight);
            else g += step.WeightDecay * weight;

            var m = (step.Beta1 * means[i]) + ((1.0 - step.Beta1) * g);
            var s = (step.Beta2 * squares[i]) + ((1.0 - step.Beta2) * g * g);
            means[i] = m;
            squares[i] = s;
            weights[i] = weight - (step.LearningRate * ((m / step.Correction1) + (step.GradientShare * g)) / (Math.Sqrt(s / step.Correction2) + step.Epsilon));
        }
    }

    public void AdaMax(in AdaMaxStep step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer mean, DeviceBuffer most)
    {
        Elements gradients = new(gradient);
        WritableElements weights = new(w), means = new(mean), mosts = new(most);
        for (long i = 0; i < weights.Length; i++)
        {
            var g = (step.GradientScale * gradients[i]) + (step.WeightDecay * weights[i]);
            var m = (step.Beta1 * means[i]) + ((1.0 - step.Beta1) * g);
            var u = Math.Max(step.Beta2 * mosts[i], Math.Abs(g) + step.Epsilon);
            means[i] = m;
            mosts[i] = u;
            weights[i] -= step.LearningRate / step.Correction1 * m / u;
        }
    }

    public void Adadelta(in AdadeltaStep step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer square, DeviceBuffer moved)
    {
        Elements gradients = new(gradient);
        WritableElements weights = new(w), squares = new(square), moves = new(moved);
        for (long i = 0; i < weights.Length; i++)
        {
            var g = (step.GradientScale * gradients[i]) + (step.WeightDecay * weights[i]);
            var s = (step.Rho * squares[i]) + ((1.0 - step.Rho) * g * g);
            var d = Math.Sqrt(moves[i] + step.Epsilon) / Math.Sqrt(s + step.Epsilon) * g;
            squares[i] = s;
            moves[i] = (step.Rho * moves[i]) + ((1.0 - step.Rho) * d * d);
            weights[i] -= step.LearningRate * d;
        }
    }

    public void Lion(in LionStep step, DeviceBuffer w, DeviceBuffer gradient, DeviceBuffer mean)
    {
        Elements gradients = new(gradient);
        WritableElements weights = new(w), means = new(mean);
        for (long i = 0; i < weights.Length; i++)
        {
            var g = step.GradientScale * gradients[i];
            var between = (step.Beta1 * means[i]) + ((1.0 - step.Beta1) * g);
            means[i] = (step.Beta2 * means[i]) + ((1.0 - step.Beta2) * g);
            weights[i] = weights[i] - (step.LearningRate * step.WeightDecay * weights[i]) - (step.LearningRate * (double.IsNaN(between) ? between : Math.Sign(between)));
        }
    }
}
