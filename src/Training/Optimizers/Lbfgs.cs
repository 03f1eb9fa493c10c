using System.Numerics.Tensors;
using CnnSharp.Kernels;

namespace CnnSharp.Training;

/// <summary>Settings of <see cref="Lbfgs"/>. The defaults are those of SciPy's L-BFGS-B.</summary>
public sealed record LbfgsOptions
{
    /// <summary>At most so many steps; at least 1. Default 1,000.</summary>
    public int MaxIterations { get; init; } = 1000;

    /// <summary>At most so many evaluations of the loss; at least 1. Default 15,000.</summary>
    public int MaxEvaluations { get; init; } = 15_000;

    /// <summary>Steps that are remembered, at least 1; each takes 16 bytes a weight on the host. Default 10.</summary>
    public int History { get; init; } = 10;

    /// <summary>It ends where no element of the gradient is larger; at least 0. Default 1e-5.</summary>
    public double GradientTolerance { get; init; } = 1e-5;

    /// <summary>It ends where a step lowers the loss by no more than this share of it (of 1, where it is smaller); at least 0. Default 2.2e-9.</summary>
    public double LossTolerance { get; init; } = 2.2e-9;

    internal void Validate()
    {
        Check(MaxIterations >= 1, nameof(MaxIterations), MaxIterations, "at least 1");
        Check(MaxEvaluations >= 1, nameof(MaxEvaluations), MaxEvaluations, "at least 1");
        Check(History >= 1, nameof(History), History, "at least 1");
        Check(GradientTolerance >= 0, nameof(GradientTolerance), GradientTolerance, "at least 0");
        Check(LossTolerance >= 0, nameof(LossTolerance), LossTolerance, "at least 0");
    }

    static void Check(bool holds, string setting, object value, string expected)
    {
        if (!holds) throw new ArgumentOutOfRangeException(setting, value, $"LbfgsOptions: {setting} must be {expected}.");
    }
}

/// <summary>Why a minimization ended.</summary>
public enum LbfgsEnd
{
    /// <summary>The gradient is as good as 0: <see cref="LbfgsOptions.GradientTolerance"/>.</summary>
    GradientIsSmall,

    /// <summary>A step lowered the loss by next to nothing: <see cref="LbfgsOptions.LossTolerance"/>.</summary>
    LossIsSteady,

    /// <summary>No lower loss was found along the direction: the loss is as low as its rounding lets it be, or not what its gradient says.</summary>
    NoDescent,

    /// <summary>All iterations or evaluations were made.</summary>
    Limit,
}

/// <summary>What a minimization came to.</summary>
/// <param name="Loss">The loss at the end.</param>
/// <param name="Iterations">Steps that were made.</param>
/// <param name="Evaluations">How often the loss and its gradient were computed.</param>
/// <param name="End">Why it ended.</param>
public sealed record LbfgsResult(double Loss, int Iterations, int Evaluations, LbfgsEnd End);

/// <summary>
/// L-BFGS (Liu and Nocedal 1989) with a line search for the strong Wolfe conditions (Nocedal and Wright 2006, algorithms 3.5 and 3.6): for a loss over all samples at once, without anything random in it. Vectors are
/// kept on the host in double precision.
/// </summary>
/// <example>
/// <code>
/// var result = new Lbfgs(model.Parameters).Minimize(() => Loss.CrossEntropy(model.Forward(images), labels));
/// </code>
/// </example>
public sealed class Lbfgs
{
    /// <summary>Of the Wolfe conditions: the loss falls by this share of what the slope promises, and the slope to this share of itself.</summary>
    const double SufficientDecrease = 1e-3, Curvature = 0.9;

    const int MostTrials = 20;

    readonly Tensor[] parameters;
    readonly LbfgsOptions options;
    readonly int count;

    /// <summary>Creates a minimizer.</summary>
    /// <param name="parameters">What is changed, each once.</param>
    /// <param name="options">How; default: <see cref="LbfgsOptions"/>'s own.</param>
    /// <exception cref="ArgumentException">A setting is out of its range, or there are no parameters.</exception>
    public Lbfgs(IEnumerable<Tensor> parameters, LbfgsOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        this.options = options ?? new();
        this.options.Validate();
        this.parameters = [.. parameters];
        if (this.parameters.Length == 0) throw new ArgumentException("Lbfgs: there are no parameters to change.", nameof(parameters));
        count = checked((int)this.parameters.Sum(tensor => tensor.Count));
    }

    /// <summary>Changes the parameters until the loss is lowest nearby; they are left at the lowest that was found.</summary>
    /// <param name="loss">Computes the loss, one number, of the parameters as they are.</param>
    /// <exception cref="ShapeException">The loss is not one number.</exception>
    /// <exception cref="InvalidOperationException">The loss is not finite where it begins.</exception>
    public LbfgsResult Minimize(Func<Tensor> loss)
    {
        ArgumentNullException.ThrowIfNull(loss);
        var evaluations = 0;
        var at = Evaluate(Read());
        if (!double.IsFinite(at.Loss)) throw new InvalidOperationException($"Lbfgs: the loss is {at.Loss} where it begins.");
        var history = new Queue<(double[] Step, double[] Change, double Scale)>();
        for (var iteration = 0; ; iteration++)
        {
            if (TensorPrimitives.MaxMagnitude<double>(at.Gradient) is var most && Math.Abs(most) <= options.GradientTolerance) return End(LbfgsEnd.GradientIsSmall);
            if (iteration == options.MaxIterations || evaluations >= options.MaxEvaluations) return End(LbfgsEnd.Limit);
            var direction = Direction(at.Gradient, history);
            var slope = Dot(at.Gradient, direction);
            if (slope >= 0)
            {
                history.Clear();
                direction = Direction(at.Gradient, history);
                slope = Dot(at.Gradient, direction);
            }

            var first = history.Count == 0 ? 1 / TensorPrimitives.Norm<double>(at.Gradient) : 1;
            if (Search(at, direction, slope, first) is not { } next) return End(LbfgsEnd.NoDescent);
            var (step, change) = (Difference(next.Place, at.Place), Difference(next.Gradient, at.Gradient));
            if (Dot(step, change) is var bend && bend > 1e-10 * Dot(change, change))
            {
                history.Enqueue((step, change, 1 / bend));
                if (history.Count > options.History) history.Dequeue();
            }

            var gain = (at.Loss - next.Loss) / Math.Max(Math.Max(Math.Abs(at.Loss), Math.Abs(next.Loss)), 1);
            at = next;
            if (gain > options.LossTolerance) continue;
            iteration++;
            return End(LbfgsEnd.LossIsSteady);

            LbfgsResult End(LbfgsEnd why)
            {
                Write(at.Place);
                return new(at.Loss, iteration, evaluations, why);
            }
        }

        Point Evaluate(double[] place)
        {
            evaluations++;
            Write(place);
            foreach (var tensor in parameters) tensor.ClearGradient();
            using var value = TrainingTask.Scalar(nameof(Lbfgs), loss());
            var number = value.DType == DType.Float64 ? value.ToArray<double>()[0] : value.ToArray()[0];
            value.Backward();
            var gradient = new double[count];
            var start = 0;
            foreach (var tensor in parameters)
            {
                var length = (int)tensor.Count;
                using (var part = tensor.Gradient)
                {
                    if (part is not null) Values(part).CopyTo(gradient, start);
                }

                tensor.ClearGradient();
                start += length;
            }

            return new(place, number, gradient);
        }

        // A place along the direction where both conditions hold; else the lowest that was seen; null: none was lower.
        Point? Search(Point from, double[] direction, double slope, double first)
        {
            var (low, lowSlope, lowStep) = (from, slope, 0.0);
            Point? high = null;
            var (highSlope, highStep, step) = (0.0, 0.0, first);
            for (var trial = 0; trial < MostTrials && evaluations < options.MaxEvaluations; trial++)
            {
                var point = Evaluate(Along(from.Place, direction, step));
                var pointSlope = Dot(point.Gradient, direction);
                var promised = from.Loss + (SufficientDecrease * step * slope);
                if (!(point.Loss <= promised) || (point.Loss >= low.Loss && lowStep > 0))
                {
                    (high, highSlope, highStep) = (point, pointSlope, step);
                }
                else
                {
                    if (Math.Abs(pointSlope) <= -Curvature * slope) return point;

                    // The lowest place lies between the two.
                    if (pointSlope * (step - lowStep) >= 0) (high, highSlope, highStep) = (low, lowSlope, lowStep);
                    (low, lowSlope, lowStep) = (point, pointSlope, step);
                }

                step = high is null ? 4 * step : Between(low.Loss, lowSlope, lowStep, high.Loss, highSlope, highStep);
            }

            return lowStep > 0 && low.Loss < from.Loss ? low : null;
        }
    }

    /// <summary>The lowest place of the cubic through two points with their slopes; the middle where there is none well within.</summary>
    static double Between(double aLoss, double aSlope, double a, double bLoss, double bSlope, double b)
    {
        var d1 = aSlope + bSlope - (3 * (aLoss - bLoss) / (a - b));
        var root = (d1 * d1) - (aSlope * bSlope);
        var middle = (a + b) / 2;
        if (!(root >= 0)) return middle;
        var d2 = Math.Sign(b - a) * Math.Sqrt(root);
        var lowest = b - ((b - a) * ((bSlope + d2 - d1) / (bSlope - aSlope + (2 * d2))));
        var (least, most) = (Math.Min(a, b), Math.Max(a, b));
        var margin = 0.1 * (most - least);
        return double.IsFinite(lowest) && lowest >= least + margin && lowest <= most - margin ? lowest : middle;
    }

    /// <summary>Minus the inverse Hessian times the gradient, by the two loops over the history.</summary>
    static double[] Direction(double[] gradient, Queue<(double[] Step, double[] Change, double Scale)> history)
    {
        var direction = Array.ConvertAll(gradient, g => -g);
        var items = history.ToArray();
        var shares = new double[items.Length];
        for (var i = items.Length - 1; i >= 0; i--)
        {
            shares[i] = items[i].Scale * Dot(items[i].Step, direction);
            AddTo(direction, items[i].Change, -shares[i]);
        }

        if (items.Length > 0)
        {
            var (_, change, scale) = items[^1];
            TensorPrimitives.Multiply(direction, 1 / (scale * Dot(change, change)), direction);
        }

        for (var i = 0; i < items.Length; i++) AddTo(direction, items[i].Step, shares[i] - (items[i].Scale * Dot(items[i].Change, direction)));
        return direction;
    }

    double[] Read() => [.. parameters.SelectMany(Values)];

    void Write(double[] place)
    {
        var start = 0;
        foreach (var tensor in parameters)
        {
            tensor.CopyFrom<double>(place.AsSpan(start, (int)tensor.Count));
            start += (int)tensor.Count;
        }
    }

    static double[] Values(Tensor tensor) => tensor.DType == DType.Float64 ? tensor.ToArray<double>() : Array.ConvertAll(tensor.ToArray(), value => (double)value);

    static double Dot(double[] a, double[] b) => TensorPrimitives.Dot<double>(a, b);

    static double[] Difference(double[] a, double[] b)
    {
        var difference = new double[a.Length];
        TensorPrimitives.Subtract<double>(a, b, difference);
        return difference;
    }

    static double[] Along(double[] from, double[] direction, double step)
    {
        var place = (double[])from.Clone();
        AddTo(place, direction, step);
        return place;
    }

    /// <summary>y += share x.</summary>
    static void AddTo(double[] y, double[] x, double share) => TensorPrimitives.MultiplyAdd<double>(x, share, y, y);

    /// <summary>The loss at a place, and its gradient there.</summary>
    sealed record Point(double[] Place, double Loss, double[] Gradient);
}
