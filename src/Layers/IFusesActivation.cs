using CnnSharp.Kernels;

namespace CnnSharp.Layers;

/// <summary>A layer that can apply an activation while it writes its result.</summary>
public interface IFusesActivation
{
    /// <summary>The activation of the layer's result.</summary>
    /// <param name="x">What the layer's Forward expects.</param>
    /// <param name="activation">Which.</param>
    Tensor Forward(Tensor x, Activation activation);
}
