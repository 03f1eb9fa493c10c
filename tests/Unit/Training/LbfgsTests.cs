using CnnSharp.Training;
using Xunit;

namespace CnnSharp.Tests.Training;

/// <summary>Minima that are known.</summary>
public sealed class LbfgsTests
{
    static readonly Device Double = Device.Parse("reference-f64");

    static Tensor Start(params double[] values)
    {
        var x = Tensor.From(values, new(values.Length), Double);
        x.RequiresGrad = true;
        return x;
    }

    /// <summary>Rosenbrock's valley from (-1.2, 1), whose lowest place is (1, 1): SciPy 1.10's L-BFGS-B takes 46 evaluations.</summary>
    [Fact]
    public void Goes_down_a_bent_valley()
    {
        var (x, y) = (Start(-1.2), Start(1));
        var result = new Lbfgs([x, y], new() { GradientTolerance = 1e-8, LossTolerance = 0 }).Minimize(() => Functional.Sum(Functional.Square(1 - x) + (100 * Functional.Square(y - Functional.Square(x)))));
        Assert.Equal(LbfgsEnd.GradientIsSmall, result.End);
        Assert.InRange(result.Evaluations, 20, 60);
        Assert.Equal(1, x.ToArray<double>()[0], 1e-7);
        Assert.Equal(1, y.ToArray<double>()[0], 1e-7);
        Assert.InRange(result.Loss, 0, 1e-14);
        Assert.Null(x.Gradient);
    }

    /// <summary>A quadratic of condition 1e4 in 20 variables, with less memory than it has directions: SciPy 1.10 takes 635 steps of 683 evaluations.</summary>
    [Fact]
    public void Finds_the_bottom_of_a_long_bowl()
    {
        var x = Start([.. Enumerable.Repeat(1.0, 20)]);
        var curvature = Tensor.From([.. Enumerable.Range(0, 20).Select(i => Math.Pow(10, 4 * i / 19.0))], new Shape(20), Double);
        var result = new Lbfgs([x], new() { History = 5, LossTolerance = 0 }).Minimize(() => Functional.Sum(curvature * Functional.Square(x - 3)));
        Assert.Equal(LbfgsEnd.GradientIsSmall, result.End);
        Assert.All(x.ToArray<double>(), value => Assert.Equal(3, value, 1e-5));
        Assert.InRange(result.Evaluations, 1, 888);
    }

    [Fact]
    public void Says_why_it_ends()
    {
        var x = Start(1, 2);
        Assert.Equal((LbfgsEnd.Limit, 1), Ended(new Lbfgs([x], new() { MaxIterations = 1 }).Minimize(() => Functional.Sum(Functional.Square(x) * Functional.Square(x)))));
        Assert.Equal((LbfgsEnd.GradientIsSmall, 0), Ended(new Lbfgs([Start(0)]).Minimize(() => Functional.Sum(Functional.Square(Start(0))))));

        // A loss whose gradient is of another sign than its slope.
        var odd = Start(1);
        Assert.Equal(LbfgsEnd.NoDescent, new Lbfgs([odd]).Minimize(() => Functional.Sum(odd - (2 * odd.Detach()))).End);
        Assert.Equal([1], odd.ToArray<double>());

        Assert.Contains("the loss is NaN where it begins", Assert.Throws<InvalidOperationException>(() => new Lbfgs([x]).Minimize(() => Functional.Sum(x * double.NaN))).Message, StringComparison.Ordinal);
        Assert.Contains("History must be at least 1", Assert.Throws<ArgumentOutOfRangeException>(() => new Lbfgs([x], new() { History = 0 })).Message, StringComparison.Ordinal);

        static (LbfgsEnd, int) Ended(LbfgsResult result) => (result.End, result.Iterations);
    }
}
