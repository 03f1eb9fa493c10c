namespace CnnSharp.Cli.Verification;

/// <summary>An operation's samples on a device, against the plain engine in double precision; gradients by a random upstream gradient included.</summary>
public static class TableCase
{
    static readonly Tolerance Exact = new(0, 0);

    /// <summary>Compares all samples of a row: random numbers within the operation's tolerance, whole numbers to the bit where the operation is exact.</summary>
    /// <returns>What differs and in which sample, or null.</returns>
    public static string? Check(Operation operation, Device device)
    {
        for (var s = 0; s < operation.Samples.Count; s++)
        {
            var sample = operation.Samples[s];
            var difference = Difference(operation, sample, device, s, wholeNumbers: false, Tolerance.Of(operation, device));
            if (difference is null && operation.IsExact && sample.IsExact) difference = Difference(operation, sample, device, s, wholeNumbers: true, Exact);
            if (difference is not null) return $"{sample.Attributes} on {string.Join(", ", sample.Inputs.Select(input => $"{input.Name} {new Shape(input.Shape)}"))}: {difference}";
        }

        return null;
    }

    static string? Difference(Operation operation, Sample sample, Device device, int seed, bool wholeNumbers, Tolerance tolerance)
    {
        var inputs = sample.Generate(seed, wholeNumbers);
        var (expected, actual) = (On(Device.ReferenceFloat64), On(device));
        return expected.Named().Zip(actual.Named()).Select(pair => Comparison.Difference(pair.First.Name, pair.First.Tensor, pair.Second.Tensor, tolerance)).FirstOrDefault(text => text is not null);

        OperationResult On(Device where)
            => operation.Evaluate(where, inputs, new(sample.Attributes), operation.Differentiable.Length == 0 ? null : shape => Sample.Upstream(shape, seed, wholeNumbers));
    }
}
