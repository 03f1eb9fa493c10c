namespace CnnSharp.Verification;

/// <summary>What the elements of a generated input are like, so that no sample stands on a kink of its operation.</summary>
public enum Values
{
    /// <summary>Even between -1 and 1.</summary>
    Any,

    /// <summary>As <see cref="Any"/>, at least 0.1 from zero.</summary>
    AwayFromZero,

    /// <summary>All different, by far more than a difference quotient's step: for choices of the maximum.</summary>
    Distinct,

    /// <summary>Between 0.5 and 2.</summary>
    Positive,

    /// <summary>Between 0 and 1.</summary>
    Unit,

    /// <summary>0 or 1.</summary>
    Mask,

    /// <summary>Labels, whole numbers from 0.</summary>
    Label,
}

/// <summary>An input to generate.</summary>
/// <param name="Name">Its name in a case.</param>
/// <param name="Shape">In this library's layout.</param>
/// <param name="Values">What the elements are like.</param>
/// <param name="Classes">For labels: how many there are.</param>
public sealed record SampleInput(string Name, int[] Shape, Values Values = Values.Any, int Classes = 0);

/// <summary>A small case without an answer, for checks of one engine against another and against difference quotients.</summary>
/// <param name="Attributes">As in a reference case; layouts are this library's.</param>
/// <param name="Inputs">What to generate.</param>
public sealed record Sample(string Attributes, params SampleInput[] Inputs)
{
    /// <summary>Whether whole numbers stay exact; false where a sample divides by what is no power of two.</summary>
    public bool IsExact { get; init; } = true;

    /// <summary>Generates the inputs; single-precision numbers, so that every engine starts from the same ones.</summary>
    /// <param name="seed">The same seed gives the same numbers.</param>
    /// <param name="wholeNumbers">Whether all are small whole numbers.</param>
    public Dictionary<string, HostTensor> Generate(int seed, bool wholeNumbers = false)
    {
        var random = new Random(seed);
        return Inputs.ToDictionary(input => input.Name, input => Generate(random, input, wholeNumbers));
    }

    /// <summary>A random gradient of a result.</summary>
    public static HostTensor Upstream(Shape shape, int seed, bool wholeNumbers = false)
        => Generate(new(seed), new("dy", shape.ToArray()), wholeNumbers);

    static HostTensor Generate(Random random, SampleInput input, bool wholeNumbers)
    {
        var values = new double[new Shape(input.Shape).Count];
        if (input.Values == Values.Distinct)
        {
            for (var i = 0; i < values.Length; i++) values[i] = wholeNumbers ? i - (values.Length / 2) : (float)((2.0 * i / values.Length) - 0.99);
            random.Shuffle(values);
        }
        else
        {
            for (var i = 0; i < values.Length; i++) values[i] = Next(random, input, wholeNumbers);
        }

        return new(input.Shape, values, input.Values == Values.Label);
    }

    static double Next(Random random, SampleInput input, bool wholeNumbers) => input.Values switch
    {
        Values.Label => random.Next(input.Classes),
        Values.Mask => random.Next(2),
        Values.Positive => wholeNumbers ? 1 << random.Next(3) : (float)(0.5 + (1.5 * random.NextDouble())),
        Values.Unit => wholeNumbers ? random.Next(2) : (float)(0.05 + (0.9 * random.NextDouble())),
        _ when wholeNumbers => random.Next(-3, 4),
        Values.AwayFromZero => (float)((0.1 + (0.9 * random.NextDouble())) * (random.Next(2) == 0 ? -1 : 1)),
        _ => (float)((2 * random.NextDouble()) - 1),
    };
}
