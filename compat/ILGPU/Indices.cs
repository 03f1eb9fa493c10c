namespace ILGPU;

/// <summary>A point or an extent of one to three dimensions.</summary>
public interface IIndex
{
    /// <summary>How many points an extent holds.</summary>
    long Size { get; }
}

/// <summary>A one-dimensional index.</summary>
public readonly record struct Index1D(int X) : IIndex
{
    public static readonly Index1D Zero = new(0);
    public static readonly Index1D One = new(1);

    public int Size => X;

    long IIndex.Size => X;

    public LongIndex1D ToLongIndex() => new(X);

    public bool InBounds(Index1D dimension) => (uint)X < (uint)dimension.X;

    public static Index1D Min(Index1D first, Index1D second) => new(Math.Min(first.X, second.X));

    public static Index1D Max(Index1D first, Index1D second) => new(Math.Max(first.X, second.X));

    public static Index1D operator +(Index1D first, Index1D second) => new(first.X + second.X);

    public static Index1D operator -(Index1D first, Index1D second) => new(first.X - second.X);

    public static Index1D operator *(Index1D first, Index1D second) => new(first.X * second.X);

    public static Index1D operator /(Index1D first, Index1D second) => new(first.X / second.X);

    public static implicit operator int(Index1D index) => index.X;

    public static implicit operator Index1D(int index) => new(index);

    public static implicit operator LongIndex1D(Index1D index) => new(index.X);

    public static explicit operator uint(Index1D index) => (uint)index.X;

    public override string ToString() => $"({X})";
}

/// <summary>A two-dimensional index; X is the fast one.</summary>
public readonly record struct Index2D(int X, int Y) : IIndex
{
    public static readonly Index2D Zero = new(0);
    public static readonly Index2D One = new(1);

    public Index2D(int value)
        : this(value, value)
    {
    }

    public int Size => X * Y;

    long IIndex.Size => (long)X * Y;

    public bool InBounds(Index2D dimension) => (uint)X < (uint)dimension.X && (uint)Y < (uint)dimension.Y;

    public static Index2D operator +(Index2D first, Index2D second) => new(first.X + second.X, first.Y + second.Y);

    public static Index2D operator -(Index2D first, Index2D second) => new(first.X - second.X, first.Y - second.Y);

    public static Index2D operator *(Index2D first, Index2D second) => new(first.X * second.X, first.Y * second.Y);

    public static Index2D operator /(Index2D first, Index2D second) => new(first.X / second.X, first.Y / second.Y);

    public static implicit operator Index2D((int X, int Y) values) => new(values.X, values.Y);

    public override string ToString() => $"({X}, {Y})";
}

/// <summary>A three-dimensional index; X is the fast one.</summary>
public readonly record struct Index3D(int X, int Y, int Z) : IIndex
{
    public static readonly Index3D Zero = new(0);
    public static readonly Index3D One = new(1);

    public Index3D(int value)
        : this(value, value, value)
    {
    }

    public Index3D(Index2D xy, int z)
        : this(xy.X, xy.Y, z)
    {
    }

    public Index3D(int x, Index2D yz)
        : this(x, yz.X, yz.Y)
    {
    }

    public int Size => X * Y * Z;

    public Index2D XY => new(X, Y);

    public Index2D YZ => new(Y, Z);

    internal long LongSize => (long)X * Y * Z;

    long IIndex.Size => LongSize;

    public bool InBounds(Index3D dimension)
        => (uint)X < (uint)dimension.X && (uint)Y < (uint)dimension.Y && (uint)Z < (uint)dimension.Z;

    public static Index3D operator +(Index3D first, Index3D second)
        => new(first.X + second.X, first.Y + second.Y, first.Z + second.Z);

    public static Index3D operator -(Index3D first, Index3D second)
        => new(first.X - second.X, first.Y - second.Y, first.Z - second.Z);

    public static Index3D operator *(Index3D first, Index3D second)
        => new(first.X * second.X, first.Y * second.Y, first.Z * second.Z);

    public static Index3D operator /(Index3D first, Index3D second)
        => new(first.X / second.X, first.Y / second.Y, first.Z / second.Z);

    public static implicit operator Index3D((int X, int Y, int Z) values) => new(values.X, values.Y, values.Z);

    public override string ToString() => $"({X}, {Y}, {Z})";

    /// <summary>The point at a linear position, X running fastest.</summary>
    internal static Index3D At(long position, Index3D extent)
    {
        if (position < extent.X)
            return new((int)position, 0, 0);
        long row = position / extent.X;
        long plane = row / extent.Y;
        return new((int)(position - row * extent.X), (int)(row - plane * extent.Y), (int)plane);
    }
}

/// <summary>A one-dimensional index beyond 2^31.</summary>
public readonly record struct LongIndex1D(long X) : IIndex
{
    public static readonly LongIndex1D Zero = new(0);
    public static readonly LongIndex1D One = new(1);

    public long Size => X;

    public bool InBounds(LongIndex1D dimension) => (ulong)X < (ulong)dimension.X;

    public Index1D ToIntIndex() => new(checked((int)X));

    public static LongIndex1D operator +(LongIndex1D first, LongIndex1D second) => new(first.X + second.X);

    public static LongIndex1D operator -(LongIndex1D first, LongIndex1D second) => new(first.X - second.X);

    public static LongIndex1D operator *(LongIndex1D first, LongIndex1D second) => new(first.X * second.X);

    public static LongIndex1D operator /(LongIndex1D first, LongIndex1D second) => new(first.X / second.X);

    public static implicit operator long(LongIndex1D index) => index.X;

    public static implicit operator LongIndex1D(long index) => new(index);

    public static explicit operator Index1D(LongIndex1D index) => index.ToIntIndex();

    public override string ToString() => $"({X})";
}
