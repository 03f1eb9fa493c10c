using CnnSharp.Kernels;

namespace CnnSharp.Verification;

/// <summary>An operation's samples on a device, against the reference engine in double precision; gradients by a random upstream gradient included.</summary>
public static class OperationCase
{
    static readonly Tolerance Exact = new(0, 0);

    /// <summary>
    /// Compares all samples of a row: random numbers within the operation's tolerance, whole numbers to the bit where the operation is exact.
    /// Factors of products are numbers that the device's precision represents, so that its rounding has no part in the difference.
    /// </summary>
    /// <returns>What differs and in which sample, or null.</returns>
    public static string? Check(OperationRow operation, Device device)
    {
        for (var s = 0; s < operation.Samples.Count; s++)
        {
            var sample = operation.Samples[s];
            var difference = Difference(operation, sample, device, s, wholeNumbers: false, Tolerance.OfExactInputs(operation, device));
            if (difference is null && operation.IsExact && sample.IsExact) difference = Difference(operation, sample, device, s, wholeNumbers: true, Exact);
            if (difference is not null) return $"{sample.Attributes} on {string.Join(", ", sample.Inputs.Select(input => $"{input.Name} {new Shape(input.Shape)}"))}: {difference}";
        }

        return null;
    }

    static string? Difference(OperationRow operation, Sample sample, Device device, int seed, bool wholeNumbers, Tolerance tolerance)
    {
        var precision = operation.IsProduct ? device.Engine.Precision : Precision.Float32;
        var inputs = sample.Generate(seed, wholeNumbers).ToDictionary(input => input.Key, input => Cut(input.Value, precision));
        var (expected, actual) = (On(Device.ReferenceFloat64), On(device));
        return expected.Named().Zip(actual.Named()).Select(pair => Comparison.Difference(pair.First.Name, pair.First.Tensor, pair.Second.Tensor, tolerance)).FirstOrDefault(text => text is not null);

        OperationResult On(Device where)
            => operation.Evaluate(where, inputs, new(sample.Attributes), operation.Differentiable.Length == 0 ? null : shape => Cut(Sample.Upstream(shape, seed, wholeNumbers), precision));
    }

    /// <summary>Numbers without the digits that a precision lacks.</summary>
    static HostTensor Cut(HostTensor tensor, Precision precision)
    {
        if (precision == Precision.Float32) return tensor;
        var digits = precision == Precision.TensorFloat32 ? ~0x1fff : ~0xffff;
        return tensor with { Values = Array.ConvertAll(tensor.Values, value => (double)BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits((float)value) & digits)) };
    }
}
