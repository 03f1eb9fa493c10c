using System.Numerics;
using System.Runtime.InteropServices;
using CnnSharp.Kernels;
using CnnSharp.Layers;

namespace CnnSharp.Models;

/// <summary>How far two pictures are from one another.</summary>
public enum Distance
{
    /// <summary>The sum of the pixels' absolute differences.</summary>
    L1,

    /// <summary>The root of the sum of their squares.</summary>
    L2,
}

/// <summary>
/// The k nearest neighbours (Cover and Hart 1967, "Nearest neighbor pattern classification"): learns nothing, remembers the
/// training pictures, and gives each class the share of the k nearest of them. [N, H, W, C] to shares [N, classes]; among
/// equal distances the earlier picture is nearer. Computes on the host, on all processors.
/// </summary>
/// <remarks>As a layer it is measured like any other model: <c>Trainer.Evaluate(neighbours, set)</c>.</remarks>
public sealed class NearestNeighbours : Layer
{
    readonly Tensor pictures;
    readonly Tensor labels;
    readonly float[] values;
    readonly int[] classOf;
    readonly int features;
    readonly int classes;

    /// <summary>Remembers pictures.</summary>
    /// <param name="pictures">[M, H, W, C].</param>
    /// <param name="labels">Their classes, [M].</param>
    /// <param name="classes">How many there are; default 10.</param>
    /// <param name="neighbours">k; default 1.</param>
    /// <param name="distance">Default L2.</param>
    /// <exception cref="ShapeException">Pictures and labels differ in number, or there are fewer than k.</exception>
    /// <exception cref="ArgumentOutOfRangeException">k is below 1, or a label is not a class.</exception>
    public NearestNeighbours(Tensor pictures, Tensor labels, int classes = 10, int neighbours = 1, Distance distance = Distance.L2)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(neighbours, 1);
        if (pictures.Shape.Rank < 2 || labels.Shape != new Shape(pictures.Shape[0])) throw new ShapeException("NearestNeighbours", $"expected pictures [M, H, W, C] and labels [M], got {pictures.Shape} and {labels.Shape}.");
        if (neighbours > labels.Count) throw new ShapeException("NearestNeighbours", $"{labels.Count} pictures have no {neighbours} nearest.");
        (this.pictures, this.labels, this.classes, Neighbours, Distance) = (pictures, labels, classes, neighbours, distance);
        values = pictures.ToArray();
        classOf = labels.ToArray<int>();
        features = values.Length / classOf.Length;
        foreach (var label in classOf)
        {
            if (label < 0 || label >= classes) throw new ArgumentOutOfRangeException(nameof(labels), label, $"NearestNeighbours: expected labels below {classes}.");
        }
    }

    /// <summary>How many neighbours have a vote.</summary>
    public int Neighbours { get; }

    /// <summary>How near is measured.</summary>
    public Distance Distance { get; }

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x)
    {
        if (x.Shape.Rank != pictures.Shape.Rank || x.Shape.With(0, 1) != pictures.Shape.With(0, 1)) throw new ShapeException("NearestNeighbours", $"expected pictures like the remembered {pictures.Shape}, got {x.Shape}.");
        var count = x.Shape[0];
        var asked = x.ToArray();
        var distances = new float[count * classOf.Length];

        // A remembered picture is read once for all that are asked about, which stay in the cache.
        Parallel.For(0, classOf.Length, m =>
        {
            var remembered = values.AsSpan(m * features, features);
            for (var n = 0; n < count; n++) distances[(n * classOf.Length) + m] = Between(asked.AsSpan(n * features, features), remembered);
        });

        var shares = new float[count * classes];
        Parallel.For(0, count, n => Vote(distances.AsSpan(n * classOf.Length, classOf.Length), shares.AsSpan(n * classes, classes)));
        return Tape.Record("NearestNeighbours", Tensor.From(shares, new(count, classes), x.Device), [], (_, _) => { });
    }

    /// <summary>The distance; of L2 its square, which is in the same order.</summary>
    float Between(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        var va = MemoryMarshal.Cast<float, Vector<float>>(a);
        var vb = MemoryMarshal.Cast<float, Vector<float>>(b);
        var sum = Vector<float>.Zero;
        var tail = 0f;
        var i = 0;
        if (Distance == Distance.L1)
        {
            for (; i < va.Length; i++) sum += Vector.Abs(va[i] - vb[i]);
            for (i *= Vector<float>.Count; i < a.Length; i++) tail += Math.Abs(a[i] - b[i]);
        }
        else
        {
            for (; i < va.Length; i++) sum += (va[i] - vb[i]) * (va[i] - vb[i]);
            for (i *= Vector<float>.Count; i < a.Length; i++) tail += (a[i] - b[i]) * (a[i] - b[i]);
        }

        return Vector.Sum(sum) + tail;
    }

    /// <summary>The k nearest, kept sorted while all are looked at.</summary>
    void Vote(ReadOnlySpan<float> distances, Span<float> shares)
    {
        var nearest = new (float Distance, int Class)[Neighbours];
        var found = 0;
        for (var m = 0; m < distances.Length; m++)
        {
            if (found == Neighbours && !(distances[m] < nearest[^1].Distance)) continue;
            var place = found < Neighbours ? found++ : Neighbours - 1;
            for (; place > 0 && distances[m] < nearest[place - 1].Distance; place--) nearest[place] = nearest[place - 1];
            nearest[place] = (distances[m], classOf[m]);
        }

        foreach (var (_, label) in nearest) shares[label] += 1f / Neighbours;
    }
}
