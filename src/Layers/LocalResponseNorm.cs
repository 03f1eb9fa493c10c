namespace CnnSharp.Layers;

/// <summary>Local response normalization across neighboring channels (Krizhevsky et al. 2012, section 3.3): [N, ..., C] to the same shape.</summary>
/// <param name="options">Size, alpha, beta, k; null for the paper's.</param>
public sealed class LocalResponseNorm(LocalResponseNormOptions? options = null) : Layer
{
    /// <summary>Size, alpha, beta, k.</summary>
    public LocalResponseNormOptions Options { get; } = options ?? new();

    /// <inheritdoc/>
    protected override string Describe() => FormattableString.Invariant($"size {Options.Size}, alpha {Options.Alpha}, beta {Options.Beta}, k {Options.K}");

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => Functional.LocalResponseNorm(x, Options);
}
