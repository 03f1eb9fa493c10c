namespace CnnSharp.Kernels;

/// <summary>
/// Every primitive, once, by family: what an engine implements. Buffers are contiguous; images are [N, H, W, C], "rows" are all
/// axes before the channels. Float buffers have the engine's <see cref="Engine.FloatType"/>, labels and indices are
/// Int32, images UInt8. Results are overwritten unless a flag says they are added to. Inputs and results must not be
/// the same buffer except where "in place" is said. Callers have validated shapes.
/// </summary>
/// <remarks>
/// Determinism: for given inputs, every engine returns the same bytes whatever the number of threads. Reductions have a
/// partition and an order that depend on the geometry alone.
/// </remarks>
public interface IKernels
{
    /// <summary>Filling and copying.</summary>
    IMemoryKernels Memory { get; }

    /// <summary>Convolutions and transposed convolutions.</summary>
    IConvolutionKernels Convolution { get; }

    /// <summary>Matrix products.</summary>
    IMatMulKernels MatMul { get; }

    /// <summary>Maxima and means over windows.</summary>
    IPoolingKernels Pooling { get; }

    /// <summary>Batch normalization and local response normalization.</summary>
    INormalizationKernels Normalization { get; }

    /// <summary>Functions of elements.</summary>
    IElementwiseKernels Elementwise { get; }

    /// <summary>Softmax and the losses.</summary>
    ILossKernels Losses { get; }

    /// <summary>Sums and maxima over axes.</summary>
    IReductionKernels Reductions { get; }

    /// <summary>Gathering, scattering and choosing by indices.</summary>
    IIndexingKernels Indexing { get; }

    /// <summary>Resizing, and sampling at the places of a grid.</summary>
    IResizeKernels Resize { get; }

    /// <summary>Products with sparse matrices.</summary>
    ISparseKernels Sparse { get; }

    /// <summary>Batches out of a set of images.</summary>
    IImageKernels Images { get; }

    /// <summary>The steps of optimizers. The weights and the state are updated in place.</summary>
    IOptimizerKernels Optimizers { get; }
}

/// <summary>A family of primitives.</summary>
public interface IKernelFamily;
