using CnnSharp.Kernels;

namespace CnnSharp;

/// <summary>
/// Random numbers on the host, for initial weights and the like: <see cref="Philox"/> under a seed, so that the state is
/// the seed and a position, and the numbers are the same on every machine. Not for use by several threads at once.
/// </summary>
/// <param name="seed">Generators of one seed give the same numbers.</param>
/// <param name="stream">Streams of one seed are independent; default 0.</param>
public sealed class Generator(ulong seed, ulong stream = 0)
{
    const double TwoToMinus32 = 1.0 / 4294967296.0;

    static Generator common = new(0);

    ulong position;
    (uint X0, uint X1, uint X2, uint X3) block;
    ulong blockIndex = ulong.MaxValue;

    /// <summary>What layers take their initial weights from, in the order in which they are created. Seed 0 until replaced.</summary>
    public static Generator Default
    {
        get => common;
        set => common = value ?? throw new ArgumentNullException(nameof(value));
    }

    /// <summary>The seed.</summary>
    public ulong Seed { get; } = seed;

    /// <summary>The stream.</summary>
    public ulong Stream { get; } = stream;

    /// <summary>How many 32-bit numbers have been taken. Setting it continues from there.</summary>
    public ulong Position
    {
        get => position;
        set => position = value;
    }

    /// <summary>The next 32 random bits.</summary>
    public uint NextUInt32()
    {
        if (position / 4 != blockIndex)
        {
            blockIndex = position / 4;
            block = Philox.Block(Seed, Stream, blockIndex);
        }

        return (position++ % 4) switch { 0 => block.X0, 1 => block.X1, 2 => block.X2, _ => block.X3 };
    }

    /// <summary>The next 64 random bits: the high word is taken first.</summary>
    public ulong NextUInt64()
    {
        var high = (ulong)NextUInt32() << 32;
        return high | NextUInt32();
    }

    /// <summary>A number evenly distributed over [low, high). Takes one position.</summary>
    public double Uniform(double low = 0, double high = 1) => low + ((high - low) * (NextUInt32() * TwoToMinus32));

    /// <summary>A normally distributed number. Takes two positions.</summary>
    public double Normal(double mean = 0, double std = 1) => mean + (std * NextPair().X);

    /// <summary>Fills with numbers evenly distributed over [low, high), rounded to single precision.</summary>
    public void FillUniform(Span<float> values, double low, double high)
    {
        foreach (ref var value in values) value = (float)Uniform(low, high);
    }

    /// <summary>Fills with normally distributed numbers. Takes a position a number, one more if they are odd.</summary>
    public void FillNormal(Span<float> values, double mean, double std)
    {
        for (var i = 0; i < values.Length; i += 2)
        {
            var (x, y) = NextPair();
            values[i] = (float)(mean + (std * x));
            if (i + 1 < values.Length) values[i + 1] = (float)(mean + (std * y));
        }
    }

    /// <summary>Two independent standard normal numbers (Box and Muller 1958).</summary>
    (double X, double Y) NextPair()
    {
        // The radius takes a number in (0, 1], so that its logarithm is finite.
        var radius = Math.Sqrt(-2 * Math.Log((NextUInt32() + 1.0) * TwoToMinus32));
        var (sin, cos) = Math.SinCos(Math.Tau * (NextUInt32() * TwoToMinus32));
        return (radius * cos, radius * sin);
    }
}
