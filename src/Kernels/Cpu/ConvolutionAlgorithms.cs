namespace CnnSharp.Kernels.Cpu;

/// <summary>What computes a convolution beside the general algorithm, where it applies and pays. All may be used unless a test leaves one out.</summary>
[Flags]
internal enum ConvolutionAlgorithms
{
    /// <summary>The general one alone.</summary>
    None = 0,

    /// <summary>One input and one output channel a group: vectors of channels.</summary>
    Depthwise = 1,

    /// <summary>1x1 kernels as matrix products.</summary>
    Pointwise = 2,

    /// <summary>Backward-data to 3 channels: lanes are channels of dy.</summary>
    ThreeChannels = 4,

    /// <summary>The same by F(2, 3) down the columns.</summary>
    ThreeChannelsWinograd = 8,

    /// <summary>Backward-data to few channels: lanes are taps and channels.</summary>
    FewChannels = 16,

    /// <summary>Backward-data of 3x3 at stride 2 with few channels: all four phases in one tile.</summary>
    Phases = 32,

    /// <summary>3x3 at stride 1 by F(4x4, 3x3).</summary>
    Winograd = 64,

    /// <summary>Each where it pays.</summary>
    All = 127,
}
