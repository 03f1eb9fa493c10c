using System.Runtime.InteropServices;

namespace CnnSharp.Kernels.Gpu;

/// <summary>
/// Keeps .NET's own handler of SIGFPE, by which a division by zero becomes a <see cref="DivideByZeroException"/>, while drivers are
/// loaded that put theirs in its place: PoCL's ends the process at the next one, or lets the division go on with a wrong result.
/// </summary>
static unsafe partial class SignalHandlers
{
    const int FloatingPointException = 8;

    /// <summary>More than a <c>struct sigaction</c> takes on any system (152 bytes with glibc and musl).</summary>
    const int ActionBytes = 1024;

    /// <summary>Runs a function and puts the handler back that was there before.</summary>
    public static T Kept<T>(Func<T> function)
    {
        if (OperatingSystem.IsWindows()) return function();
        var action = stackalloc byte[ActionBytes];
        var known = SetAction(FloatingPointException, null, action) == 0;
        try
        {
            return function();
        }
        finally
        {
            if (known) _ = SetAction(FloatingPointException, action, null);
        }
    }

    [LibraryImport("libc", EntryPoint = "sigaction")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SetAction(int signal, byte* action, byte* previous);
}
