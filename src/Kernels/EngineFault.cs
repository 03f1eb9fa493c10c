using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

namespace CnnSharp.Kernels;

/// <summary>Tells an engine's own exceptions from those that are about what a user gave: a file, a shape, an argument.</summary>
public static class EngineFault
{
    /// <summary>
    /// Whether an exception is a fault of an engine: it was thrown within a primitive (<see cref="IKernelFamily"/>), and is none
    /// of those by which an engine says what it cannot do or was not given (<see cref="ShapeException"/>,
    /// <see cref="LabelException"/>, <see cref="NotSupportedException"/>, <see cref="OutOfMemoryException"/>).
    /// </summary>
    public static bool Is(Exception e) => e is not (ShapeException or LabelException or NotSupportedException or OutOfMemoryException) && IsWithinKernels(e);

    /// <summary>Whether an exception was thrown within a primitive (<see cref="IKernelFamily"/>).</summary>
    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "Only the declaring types of methods on the stack are asked for; of a method that was trimmed there is no frame.")]
    public static bool IsWithinKernels(Exception e)
    {
        ArgumentNullException.ThrowIfNull(e);
        foreach (var frame in new StackTrace(e).GetFrames())
        {
            for (var type = frame.GetMethod()?.DeclaringType; type is not null; type = type.DeclaringType)
            {
                if (type.IsAssignableTo(typeof(IKernelFamily))) return true;
            }
        }

        return false;
    }
}
