namespace ILGPU.Runtime.CPU;

/// <summary>What went wrong in a kernel, in which kernel, group and thread.</summary>
public sealed class KernelException : Exception
{
    internal KernelException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }

    /// <summary>A fault of the thread that is running.</summary>
    internal static KernelException Here(string what) => At(Lane.Running, what);

    internal static KernelException At(Lane? lane, string what, Exception? inner = null)
        => new($"{lane?.ToString() ?? "Outside a kernel"}: {what}.", inner);
}
