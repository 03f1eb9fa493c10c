using CnnSharp.Kernels;

namespace CnnSharp.Layers;

/// <summary>y = x w + b over the last axis: [..., in] to [..., out]. Parameters: weight [in, out], bias [out].</summary>
public sealed class Linear : Layer
{
    /// <summary>Creates the layer.</summary>
    /// <param name="inputs">Features of the input.</param>
    /// <param name="outputs">Features of the result.</param>
    /// <param name="bias">Whether there is one; default yes.</param>
    /// <param name="initializer">How the weights begin; default <see cref="Initializers.Default"/>, which the bias follows in any case.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    /// <exception cref="ShapeException">A number of features is below 1.</exception>
    public Linear(int inputs, int outputs, bool bias = true, IInitializer? initializer = null, Device? device = null)
    {
        if (inputs < 1 || outputs < 1) throw new ShapeException("Linear", $"expected at least 1 feature in and out, got {inputs} and {outputs}.");
        Weight = (initializer ?? Initializers.Default).Parameter(new(inputs, outputs), inputs, outputs, device);
        Bias = bias ? Initializers.Default.Parameter(new(outputs), inputs, outputs, device) : null;
    }

    /// <summary>[in, out].</summary>
    public Tensor Weight { get; }

    /// <summary>[out], or null.</summary>
    public Tensor? Bias { get; }

    /// <inheritdoc/>
    protected override string Describe() => Settings($"{Weight.Shape[0]}, {Weight.Shape[1]}", Bias is null ? "no bias" : null);

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => Functional.Linear(x, Weight, Bias);

    /// <inheritdoc/>
    public override long MultiplyAdds(Shape input, Shape output) => output.Count * Weight.Shape[0];
}
