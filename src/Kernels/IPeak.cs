namespace CnnSharp.Kernels;

/// <summary>What an engine's hardware can do at best: the limits that a kernel's speed is a share of.</summary>
public interface IPeak
{
    /// <summary>The batch that keeps the hardware busy with images of 32 x 32: what its kernels are measured on.</summary>
    int Batch { get; }

    /// <summary>Measures floating-point operations a second of single-precision multiply-adds on registers, on all of the hardware.</summary>
    /// <param name="duration">How long to measure, at least; more where the hardware is slow.</param>
    double FmaPeak(TimeSpan duration);

    /// <summary>
    /// Measures bytes a second of a[i] += s b[i], on all of the hardware: from the cache or the memory that holds so much. In
    /// place, so that the two reads and the write are all the traffic there is: a line that is only written may be read first.
    /// </summary>
    /// <param name="memory">Float32, at least 8 elements: the two arrays together. What it holds must be finite, and is changed.</param>
    /// <param name="duration">How long to measure, at least; more where the hardware is slow.</param>
    double Bandwidth(DeviceBuffer memory, TimeSpan duration);
}
