using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace CnnSharp.Kernels.Cpu;

/// <summary>
/// The SIMD engine: plain C# on the host's vector units, the widest the machine has unless told otherwise
/// (<c>DOTNET_EnableAVX512=0</c>, <c>DOTNET_EnableAVX2=0</c> switch the wider ones off for a process).
/// </summary>
public sealed class CpuEngine : HostEngine
{
    readonly Workers workers;
    readonly ICpuKernels kernels;

    /// <summary>Creates an engine with its own threads and pool.</summary>
    /// <param name="threads">Threads that compute, the caller's included; 0: one a processor.</param>
    /// <param name="level">The SIMD level; by default the widest.</param>
    /// <param name="winograd">
    /// Whether 3 x 3 convolutions of about 32 and more channels, and their gradients, are done by Winograd's algorithm: in half the time or
    /// less, with an error of 1e-5 of the largest result instead of 1e-6. Backward-data also those of 3 channels from 16 in rows of
    /// about 32 pixels, a tenth faster and with an error of 1e-6 as before.
    /// </param>
    /// <exception cref="NotSupportedException">The machine lacks the level.</exception>
    public CpuEngine(int threads = 0, SimdLevel? level = null, bool winograd = true)
        : this(threads, level, winograd ? AlgorithmChoice.All : AlgorithmChoice.Without("winograd", "three-channels-winograd"))
    {
    }

    /// <summary>Creates an engine whose convolutions choose from some algorithms.</summary>
    internal CpuEngine(int threads, SimdLevel? level, AlgorithmChoice choice)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        Level = level ?? WidestLevel;
        if (Level > WidestLevel) throw new NotSupportedException($"This machine (or process) has no {Level}; the widest level is {WidestLevel}.");
        workers = new(threads == 0 ? Environment.ProcessorCount : threads);
        kernels = Level switch
        {
            SimdLevel.Avx512 => new CpuKernels<V512>(workers, choice),
            SimdLevel.Avx2 => new CpuKernels<V256>(workers, choice),
            _ => new CpuKernels<V128>(workers, choice),
        };
    }

    /// <summary>The widest level of this machine and process.</summary>
    public static SimdLevel WidestLevel
        => Vector512.IsHardwareAccelerated && Avx512F.IsSupported ? SimdLevel.Avx512
        : Avx2.IsSupported && Fma.IsSupported ? SimdLevel.Avx2
        : SimdLevel.Vector128;

    /// <summary>The level in use.</summary>
    public SimdLevel Level { get; }

    /// <summary>Threads that compute, the caller's included.</summary>
    public int Threads => workers.Count;

    /// <inheritdoc/>
    public override string Name => "cpu";

    /// <inheritdoc/>
    public override string Description => $"{Level}, {Threads} thread{(Threads == 1 ? "" : "s")}";

    /// <inheritdoc/>
    public override IKernels Kernels => kernels;

    /// <summary>The ways to compute a convolution, in the order in which they are asked.</summary>
    internal IReadOnlyList<IConvolutionAlgorithm> ConvolutionAlgorithms => kernels.ConvolutionAlgorithms;

    /// <inheritdoc/>
    public override IPeak Peak => kernels.Peak;

    /// <summary>The memory that the calls so far have taken beside their buffers.</summary>
    internal Workspace Workspace => kernels.Workspace;

    /// <summary>What computes a pass of g.</summary>
    internal IConvolutionAlgorithm ChooseAlgorithm(ConvolutionPass pass, in ConvGeometry g) => kernels.ChooseAlgorithm(pass, g);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        // Null where the constructor threw.
        workers?.Stop(wait: disposing);
        base.Dispose(disposing);
    }
}

/// <summary>How wide the CPU engine's vectors are.</summary>
public enum SimdLevel
{
    /// <summary>Four floats: SSE2 or NEON, on any machine.</summary>
    Vector128,

    /// <summary>Eight floats, AVX2 with FMA.</summary>
    Avx2,

    /// <summary>Sixteen floats, AVX-512F.</summary>
    Avx512,
}
