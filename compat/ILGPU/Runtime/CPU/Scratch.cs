using System.Runtime.InteropServices;

namespace ILGPU.Runtime.CPU;

/// <summary>Memory of a kernel, handed out with every bit set: not-a-number as a float, -1 as an integer, so that reading before writing shows.</summary>
internal sealed unsafe class Scratch : IDisposable
{
    const int Alignment = 64;

    long capacity;

    public byte* Pointer { get; private set; }

    /// <summary>Makes room for so many bytes, whose addresses hold until the next call.</summary>
    public void Take(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        if (bytes > capacity)
        {
            Dispose();
            Pointer = (byte*)NativeMemory.AlignedAlloc((nuint)bytes, Alignment);
            capacity = bytes;
        }

        NativeMemory.Fill(Pointer, (nuint)bytes, 0xFF);
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(Pointer);
        Pointer = null;
        capacity = 0;
    }
}
