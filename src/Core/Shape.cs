using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using CnnSharp.Kernels;

namespace CnnSharp;

/// <summary>The extents of a tensor's axes, outermost first: images are [N, H, W, C]. Immutable; equal by value. Written <c>[1, 32, 32, 3]</c>.</summary>
[CollectionBuilder(typeof(Shape), nameof(Create))]
[SuppressMessage("Naming", "CA1710:Identifiers should have correct suffix", Justification = "It is a shape, not a collection.")]
public readonly struct Shape : IEquatable<Shape>
{
    readonly int[]? extents;

    /// <summary>Creates a shape. No extents: a scalar.</summary>
    /// <exception cref="ShapeException">An extent is negative.</exception>
    public Shape(params ReadOnlySpan<int> extents)
    {
        foreach (var extent in extents)
        {
            if (extent < 0) throw new ShapeException("Shape", $"extents must not be negative: {Geometry.Text(extents)}.");
        }

        this.extents = extents.ToArray();
    }

    /// <summary>Creates a shape: for languages without collections of parameters that are spans (F#, Visual Basic).</summary>
    /// <exception cref="ShapeException">An extent is negative.</exception>
    public Shape(params int[] extents)
        : this((ReadOnlySpan<int>)extents)
    {
    }

    /// <summary>The number of axes.</summary>
    public int Rank => extents?.Length ?? 0;

    /// <summary>The number of elements: 1 for a scalar.</summary>
    /// <exception cref="ShapeException">There are 2^63 or more.</exception>
    public long Count => Product(AsSpan());

    /// <summary>The extent of an axis; <c>^1</c> is the innermost.</summary>
    public int this[Index axis] => extents![axis];

    /// <summary>The extents.</summary>
    public ReadOnlySpan<int> AsSpan() => extents;

    /// <summary>The extents, copied.</summary>
    public int[] ToArray() => AsSpan().ToArray();

    /// <summary>What <c>[1, 32, 32, 3]</c> stands for where a shape is expected.</summary>
    /// <exception cref="ShapeException">An extent is negative.</exception>
    public static Shape Create(ReadOnlySpan<int> extents) => new(extents);

    /// <summary>The extents, one by one.</summary>
    public ReadOnlySpan<int>.Enumerator GetEnumerator() => AsSpan().GetEnumerator();

    /// <summary>A shape from an array of extents.</summary>
    public static implicit operator Shape(int[] extents) => new(extents);

    /// <summary>Takes images' extents apart: <c>var (n, h, w, c) = x.Shape;</c>.</summary>
    /// <exception cref="ShapeException">There are not four axes.</exception>
    public void Deconstruct(out int n, out int h, out int w, out int c)
    {
        if (Rank != 4) throw new ShapeException("Shape", $"{this} has {Rank} axes, expected four: [N, H, W, C].");
        (n, h, w, c) = (extents![0], extents[1], extents[2], extents[3]);
    }

    /// <summary>Takes a matrix's extents apart: <c>var (rows, columns) = x.Shape;</c>.</summary>
    /// <exception cref="ShapeException">There are not two axes.</exception>
    public void Deconstruct(out int rows, out int columns)
    {
        if (Rank != 2) throw new ShapeException("Shape", $"{this} has {Rank} axes, expected two: [rows, columns].");
        (rows, columns) = (extents![0], extents[1]);
    }

    /// <summary>The same shape with one axis's extent replaced.</summary>
    public Shape With(Index axis, int extent)
    {
        var copy = ToArray();
        copy[axis] = extent;
        return new(copy);
    }

    /// <summary>The product of the extents before an axis, that is, how many rows end at it.</summary>
    internal long CountBefore(int axis) => Product(AsSpan()[..axis]);

    /// <summary>The product of the extents after an axis: its stride.</summary>
    internal long CountAfter(int axis) => Product(AsSpan()[(axis + 1)..]);

    static long Product(ReadOnlySpan<int> extents)
    {
        var product = 1L;
        foreach (var extent in extents)
        {
            if (extent == 0) return 0;
            if (product <= long.MaxValue / extent)
            {
                product *= extent;
                continue;
            }

            // An axis of extent 0 further on would make up for it.
            if (extents.Contains(0)) return 0;
            throw new ShapeException("Shape", $"the extents {Geometry.Text(extents)} have 2^63 elements or more.");
        }

        return product;
    }

    /// <inheritdoc/>
    public bool Equals(Shape other) => AsSpan().SequenceEqual(other.AsSpan());

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Shape other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = default(HashCode);
        foreach (var extent in AsSpan()) hash.Add(extent);
        return hash.ToHashCode();
    }

    /// <summary>Equal extents.</summary>
    public static bool operator ==(Shape left, Shape right) => left.Equals(right);

    /// <summary>Different extents.</summary>
    public static bool operator !=(Shape left, Shape right) => !left.Equals(right);

    /// <summary><c>[128, 32, 32, 3]</c>.</summary>
    public override string ToString() => Geometry.Text(AsSpan());
}
