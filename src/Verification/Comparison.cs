using System.Globalization;

namespace CnnSharp.Verification;

/// <summary>How far an answer may be from what is expected: |actual - expected| at most Absolute + Relative times the largest expected value.</summary>
/// <param name="Relative">The share of the tensor's largest value.</param>
/// <param name="Absolute">What is added to it.</param>
public readonly record struct Tolerance(double Relative, double Absolute)
{
    /// <summary>What a device is held to for one operation: for a product also what its <see cref="Kernels.Precision"/> may cost.</summary>
    public static Tolerance Of(OperationRow operation, Device device)
        => operation.IsProduct ? Wider(OfExactInputs(operation, device), Rounding(device)) : OfExactInputs(operation, device);

    /// <summary>The same for inputs that the device's precision represents exactly: sums are float32 at every precision.</summary>
    public static Tolerance OfExactInputs(OperationRow operation, Device device)
        => IsDouble(device) ? new(operation.DoubleTolerance, operation.DoubleTolerance) : new(operation.Tolerance, 1e-5);

    /// <summary>What a device is held to where an optimizer's steps follow one another.</summary>
    public static Tolerance OfTrajectory(Device device)
        => IsDouble(device) ? new(1e-6, 1e-8) : new(1e-3, 1e-5);

    /// <summary>What a device is held to where the steps are a network's: each rounds what the last one rounded.</summary>
    public static Tolerance OfNetwork(Device device) => Wider(OfTrajectory(device), 10 * Rounding(device));

    /// <summary>A sum of products of rounded factors, as a share of the largest.</summary>
    static double Rounding(Device device) => device.Engine.Precision switch
    {
        Kernels.Precision.TensorFloat32 => 2e-3,
        Kernels.Precision.BFloat16 => 2e-2,
        _ => 0,
    };

    static Tolerance Wider(Tolerance tolerance, double relative) => tolerance with { Relative = Math.Max(tolerance.Relative, relative) };

    static bool IsDouble(Device device) => device.FloatType == Kernels.DType.Float64;
}

/// <summary>Tensors that should be alike.</summary>
public static class Comparison
{
    /// <summary>What is wrong with an answer: the largest error and its place; null where it is within the tolerance.</summary>
    public static string? Difference(string name, HostTensor expected, HostTensor actual, Tolerance tolerance)
    {
        // A single element may be stated as [1] or [].
        if (expected.Shape != actual.Shape && !(expected.Shape.Count == 1 && actual.Shape.Count == 1))
            return $"{name}: expected the shape {expected.Shape}, got {actual.Shape}";

        var largest = 0.0;
        foreach (var value in expected.Values)
        {
            // An expected infinity must not allow everything else.
            if (double.IsFinite(value)) largest = Math.Max(largest, Math.Abs(value));
        }

        var bound = tolerance.Absolute + (tolerance.Relative * largest);
        var (worst, place) = (0.0, -1);
        for (var i = 0; i < expected.Values.Length; i++)
        {
            if (expected.Values[i].Equals(actual.Values[i])) continue;
            var error = Math.Abs(expected.Values[i] - actual.Values[i]);
            if (double.IsNaN(error)) error = double.PositiveInfinity;
            if (error > bound && error > worst) (worst, place) = (error, i);
        }

        return place < 0 ? null : string.Create(
            CultureInfo.InvariantCulture,
            $"{name}: largest error {worst:g3} at {expected.Place(place)} of {expected.Shape}: expected {expected.Values[place]:g9}, got {actual.Values[place]:g9} (allowed {bound:g3})");
    }
}
