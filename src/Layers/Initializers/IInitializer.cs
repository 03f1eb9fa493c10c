namespace CnnSharp.Layers;

/// <summary>How weights begin.</summary>
public interface IInitializer
{
    /// <summary>Overwrites a layer's weights.</summary>
    /// <param name="weights">[kh, kw, in / groups, out], [in, out] or [C].</param>
    /// <param name="fanIn">The inputs that one output is summed from.</param>
    /// <param name="fanOut">The outputs that one input is summed into.</param>
    /// <param name="generator">Where random numbers come from.</param>
    void Fill(Tensor weights, long fanIn, long fanOut, Generator generator);
}
