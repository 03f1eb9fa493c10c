namespace CnnSharp;

/// <summary>A tensor was used after its memory had been given back. The message names the tensor and what freed it.</summary>
public sealed class FreedTensorException : InvalidOperationException
{
    internal FreedTensorException(Tensor tensor, string reason)
        : base($"Tensor {tensor.Label} was used after {reason}{(reason.EndsWith('.') ? "" : ". Read it earlier, or call Keep() on it first.")}")
    {
    }
}
