using ILGPU.Runtime.CPU;

namespace ILGPU;

/// <summary>Atomic operations; each returns the value that was there before.</summary>
public static class Atomic
{
    public static int Add(ref int target, int value) => Settle(ref target, Interlocked.Add(ref target, value) - value);

    public static uint Add(ref uint target, uint value) => Settle(ref target, Interlocked.Add(ref target, value) - value);

    public static long Add(ref long target, long value) => Settle(ref target, Interlocked.Add(ref target, value) - value);

    public static int Exchange(ref int target, int value) => Settle(ref target, Interlocked.Exchange(ref target, value));

    public static uint Exchange(ref uint target, uint value) => Settle(ref target, Interlocked.Exchange(ref target, value));

    public static long Exchange(ref long target, long value) => Settle(ref target, Interlocked.Exchange(ref target, value));

    public static int CompareExchange(ref int target, int compare, int value)
        => Settle(ref target, Interlocked.CompareExchange(ref target, value, compare));

    public static uint CompareExchange(ref uint target, uint compare, uint value)
        => Settle(ref target, Interlocked.CompareExchange(ref target, value, compare));

    public static long CompareExchange(ref long target, long compare, long value)
        => Settle(ref target, Interlocked.CompareExchange(ref target, value, compare));

    public static int Max(ref int target, int value)
    {
        int old = Volatile.Read(ref target);
        while (old < value && Interlocked.CompareExchange(ref target, value, old) is var seen && seen != old)
            old = seen;
        return Settle(ref target, old);
    }

    public static uint Max(ref uint target, uint value)
    {
        uint old = Volatile.Read(ref target);
        while (old < value && Interlocked.CompareExchange(ref target, value, old) is var seen && seen != old)
            old = seen;
        return Settle(ref target, old);
    }

    public static long Max(ref long target, long value)
    {
        long old = Volatile.Read(ref target);
        while (old < value && Interlocked.CompareExchange(ref target, value, old) is var seen && seen != old)
            old = seen;
        return Settle(ref target, old);
    }

    public static int Min(ref int target, int value)
    {
        int old = Volatile.Read(ref target);
        while (old > value && Interlocked.CompareExchange(ref target, value, old) is var seen && seen != old)
            old = seen;
        return Settle(ref target, old);
    }

    public static uint Min(ref uint target, uint value)
    {
        uint old = Volatile.Read(ref target);
        while (old > value && Interlocked.CompareExchange(ref target, value, old) is var seen && seen != old)
            old = seen;
        return Settle(ref target, old);
    }

    public static long Min(ref long target, long value)
    {
        long old = Volatile.Read(ref target);
        while (old > value && Interlocked.CompareExchange(ref target, value, old) is var seen && seen != old)
            old = seen;
        return Settle(ref target, old);
    }

    /// <summary>Tells the race check of shared memory that this change was atomic.</summary>
    static unsafe T Settle<T>(ref T target, T old)
        where T : unmanaged
    {
        Lane.Current.Settle(System.Runtime.CompilerServices.Unsafe.AsPointer(ref target), sizeof(T));
        return old;
    }
}
