namespace CnnSharp.Kernels.Cpu;

/// <summary>1x1 kernels: a matrix product of pixels and weights.</summary>
internal sealed class PointwiseConvolution<V>(CpuKernels<V> kernels, ConvolutionPass pass) : ConvolutionAlgorithm<V>(kernels, "pointwise", pass)
    where V : unmanaged, IVector<V>
{
    /// <summary>Whether all pixels are read, in order.</summary>
    public static bool IsDense(in ConvGeometry g) => g is { StrideH: 1, StrideW: 1 } && g.OutH == g.H && g.OutW == g.W;

    public override bool Applies(in ConvGeometry g)
        => g is { KernelH: 1, KernelW: 1, PadTop: 0, PadLeft: 0, Groups: 1 } && ((g.OutH - 1L) * g.StrideH) < g.H && ((g.OutW - 1L) * g.StrideW) < g.W
            && (Pass == ConvolutionPass.Forward || IsDense(g));

    public override Workspace Workspace(in ConvGeometry g) => Kernels.MatMul.WorkspaceOfPixels(Exchanged(g));

    protected override void RunLocked(in ConvolutionCall call)
    {
        // Backward, a pixel of dx is a product of the same pixel of dy.
        var g = Exchanged(call.Geometry);
        if (Pass == ConvolutionPass.Forward) Kernels.MatMul.MultiplyPixels(g, call.X, call.W, call.Layout, call.Bias, call.Y, call.Epilogue);
        else Kernels.MatMul.MultiplyPixels(g, call.Y, call.W, call.Layout.Exchanged, call.Bias, call.X, call.Epilogue);
    }

    /// <summary>A product counts its pixels in parts.</summary>
    protected override void RequireIndexable(in ConvGeometry g)
    {
    }

    ConvGeometry Exchanged(in ConvGeometry g) => Pass == ConvolutionPass.Forward ? g : g with { C = g.K, K = g.C };
}
