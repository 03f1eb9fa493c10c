using CnnSharp;
using CnnSharp.Layers;

/// <summary>
/// Swish with a learned slope for each channel (Ramachandran et al. 2017): y = x s, s = sigmoid(beta x). Any shape [..., C].
/// </summary>
/// <remarks>
/// Written as x * Sigmoid(beta * x) it would learn just as well: the tape knows the derivative of each part. But then it
/// keeps three tensors of the size of x until the backward pass. With a backward function of its own it keeps x alone and
/// computes s again:
/// <code>
/// dx    = dy s (1 + beta x (1 - s))
/// dbeta = sum over all but the channels of dy x^2 s (1 - s)
/// </code>
/// </remarks>
sealed class Swish(int channels, Device? device = null) : Layer
{
    // A tensor in a field is a parameter: found by itself, named after the field.
    readonly Tensor beta = Initializers.Ones.Parameter([channels], fanIn: 1, fanOut: 1, device);

    protected override Tensor Compute(Tensor x) => Functional.Custom("Swish", [x, beta], () => x * Functional.Sigmoid(beta * x), dy =>
    {
        var s = Functional.Sigmoid(beta * x);
        var slope = x * (1 - s);
        var dx = dy * s * (1 + (beta * slope));
        var dbeta = Functional.Sum(dy * x * s * slope, [.. Enumerable.Range(0, x.Shape.Rank - 1)]);
        return [dx, dbeta];
    });
}
