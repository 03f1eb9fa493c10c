namespace CnnSharp.Kernels.Cpu;

/// <summary>
/// A vector of floats of one width. Kernels are written once, generic over it; the JIT compiles them for each width,
/// with every member below inlined to its instruction (measured: the same speed as the intrinsics written out).
/// Masks are vectors whose lanes are all ones or all zeros.
/// </summary>
internal unsafe interface IVector<V>
    where V : unmanaged, IVector<V>
{
    /// <summary>Lanes: a JIT-time constant.</summary>
    static abstract int Count { get; }

    /// <summary>Vector registers the machine has at this width: how large a register tile may be.</summary>
    static abstract int Registers { get; }

    static abstract string Name { get; }

    static abstract V Zero { get; }

    static abstract V Create(float value);

    static abstract V Load(float* p);

    static abstract void Store(V v, float* p);

    /// <summary>The first <paramref name="count"/> lanes (0 to Count), the others zero; nothing after them is read.</summary>
    static abstract V LoadPartial(float* p, int count);

    /// <summary>Stores the first <paramref name="count"/> lanes and touches nothing after them.</summary>
    static abstract void StorePartial(V v, float* p, int count);

    /// <summary>Count bytes, converted to floats.</summary>
    static abstract V LoadBytes(byte* p);

    /// <summary>a b + c, fused where the machine can.</summary>
    static abstract V Fma(V a, V b, V c);

    /// <summary>a b + c for one a, which the machine may broadcast as it loads it.</summary>
    static abstract V Fma(float* a, V b, V c);

    static abstract V operator +(V a, V b);

    static abstract V operator -(V a, V b);

    static abstract V operator *(V a, V b);

    static abstract V operator /(V a, V b);

    static abstract V operator -(V a);

    /// <summary>Lanes that are all ones in both.</summary>
    static abstract V operator &(V a, V b);

    /// <summary>Lanes that are all ones in either.</summary>
    static abstract V operator |(V a, V b);

    static abstract V Max(V a, V b);

    static abstract V Min(V a, V b);

    static abstract V Sqrt(V a);

    static abstract V Abs(V a);

    static abstract V Exp(V a);

    static abstract V Log(V a);

    static abstract V GreaterThan(V a, V b);

    static abstract V LessThan(V a, V b);

    /// <summary>The mask of lanes whose 32 bits are the same: how lanes that carry integers are compared.</summary>
    static abstract V SameBits(V a, V b);

    static abstract V IsNaN(V a);

    /// <summary>Lane by lane, a where the mask is set, else b.</summary>
    static abstract V Select(V mask, V a, V b);

    /// <summary>The sum of the lanes, halves added to halves: one order for a width.</summary>
    static abstract float Sum(V a);

    /// <summary>The maximum lane.</summary>
    static abstract float MaxLane(V a);
}
