namespace ILGPU;

/// <summary>Switches ILGPU.Algorithms on.</summary>
public static class AlgorithmContext
{
    /// <summary>Has no effect here: the algorithms are always there.</summary>
    public static Context.Builder EnableAlgorithms(this Context.Builder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder;
    }
}
