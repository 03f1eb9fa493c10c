using System.Numerics;
using CnnSharp.Kernels;
using CnnSharp.Layers;

namespace CnnSharp.Models;

/// <summary>How far two images are from one another.</summary>
public enum Distance
{
    /// <summary>The sum of the pixels' absolute differences.</summary>
    L1,

    /// <summary>The root of the sum of their squares.</summary>
    L2,
}

/// <summary>
/// The k nearest neighbors (Cover and Hart 1967, "Nearest neighbor pattern classification"): learns nothing, remembers the
/// training images, and gives each class the share of the k nearest of them. [N, H, W, C] to shares [N, classes]; among
/// equal distances the earlier image is nearer. Computes on the host, on all processors.
/// </summary>
/// <remarks>As a layer it is measured like any other model: <c>Trainer.Evaluate(neighbors, set)</c>.</remarks>
public sealed class NearestNeighbors : Layer
{
    /// <summary>Remembered images that are compared at a time.</summary>
    const int Block = 32;

    /// <summary>Distances that are kept at a time, unless there are more remembered images than that.</summary>
    const int MostDistances = 16 * 1024 * 1024;

    readonly Tensor labels;
    readonly Shape image;
    readonly float[] values;
    readonly int[] classOf;
    readonly int features;
    readonly int classes;

    /// <summary>Remembers images.</summary>
    /// <param name="images">[M, H, W, C].</param>
    /// <param name="labels">Their classes, [M].</param>
    /// <param name="classes">How many there are; default 10.</param>
    /// <param name="neighbors">k; default 1.</param>
    /// <param name="distance">Default L2.</param>
    /// <exception cref="ShapeException">Images and labels differ in number, or there are fewer than k.</exception>
    /// <exception cref="ArgumentOutOfRangeException">k is below 1, or a label is not a class.</exception>
    public NearestNeighbors(Tensor images, Tensor labels, int classes = 10, int neighbors = 1, Distance distance = Distance.L2)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(neighbors, 1);
        if (images.Shape.Rank < 2 || labels.Shape != new Shape(images.Shape[0])) throw new ShapeException("NearestNeighbors", $"expected images [M, H, W, C] and labels [M], got {images.Shape} and {labels.Shape}.");
        if (neighbors > labels.Count) throw new ShapeException("NearestNeighbors", $"{labels.Count} images have no {neighbors} nearest.");
        (this.labels, image, this.classes, Neighbors, Distance) = (labels, images.Shape.With(0, 1), classes, neighbors, distance);
        values = images.ToArray();
        classOf = labels.ToArray<int>();
        features = values.Length / classOf.Length;
        for (var i = 0; i < classOf.Length; i++)
        {
            if (classOf[i] < 0 || classOf[i] >= classes) throw new ArgumentOutOfRangeException(nameof(labels), classOf[i], $"NearestNeighbors: label {classOf[i]} at index {i} is not a class; with {classes} classes they are 0 to {classes - 1}.");
        }
    }

    /// <summary>How many neighbors have a vote.</summary>
    public int Neighbors { get; }

    /// <summary>How near is measured.</summary>
    public Distance Distance { get; }

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x)
    {
        if (x.Shape.Rank != image.Rank || x.Shape.With(0, 1) != image) throw new ShapeException("NearestNeighbors", $"expected images like those remembered, {image}, got {x.Shape}.");
        var count = x.Shape[0];
        if ((long)count * classes > Array.MaxLength) throw new ShapeException("NearestNeighbors", $"{count:N0} images times {classes:N0} classes are more than {Array.MaxLength:N0} shares; ask about fewer images at a time.");
        var asked = x.ToArray();
        var shares = new float[count * classes];

        // So many images at a time that their distances to all that are remembered take at most 64 MiB.
        var most = Math.Max(1, MostDistances / classOf.Length);
        for (var first = 0; first < count; first += most) AddShares(asked, first, Math.Min(most, count - first), shares);
        return Tape.Record("NearestNeighbors", Tensor.From(shares, new(count, classes), x.Device), [], (_, _) => { });
    }

    /// <summary>The shares of images [<paramref name="start"/>, start + <paramref name="count"/>).</summary>
    void AddShares(float[] asked, int start, int count, float[] shares)
    {
        var distances = new float[count * classOf.Length];

        // Blocks of remembered images stay in the cache while all that are asked about pass, four at a time: each number that is loaded is used four times.
        var blocks = (classOf.Length + Block - 1) / Block;
        Parallel.For(0, blocks, block =>
        {
            var end = Math.Min((block + 1) * Block, classOf.Length);
            for (var n = 0; n < count; n += 4)
            {
                // Beyond the last one, the last one again.
                var (n1, n2, n3) = (Math.Min(n + 1, count - 1), Math.Min(n + 2, count - 1), Math.Min(n + 3, count - 1));
                for (var m = block * Block; m < end; m++)
                {
                    var (d0, d1, d2, d3) = Between(Row(asked, start + n), Row(asked, start + n1), Row(asked, start + n2), Row(asked, start + n3), Row(values, m));
                    distances[(n * classOf.Length) + m] = d0;
                    distances[(n1 * classOf.Length) + m] = d1;
                    distances[(n2 * classOf.Length) + m] = d2;
                    distances[(n3 * classOf.Length) + m] = d3;
                }
            }
        });

        Parallel.For(0, count, n => Vote(distances.AsSpan(n * classOf.Length, classOf.Length), shares.AsSpan((start + n) * classes, classes)));
    }

    ReadOnlySpan<float> Row(float[] images, int index) => images.AsSpan(index * features, features);

    /// <summary>The distances of four images to one; of L2 their squares, which are in the same order.</summary>
    (float D0, float D1, float D2, float D3) Between(ReadOnlySpan<float> a0, ReadOnlySpan<float> a1, ReadOnlySpan<float> a2, ReadOnlySpan<float> a3, ReadOnlySpan<float> b)
    {
        Vector<float> s0 = default, s1 = default, s2 = default, s3 = default;
        float t0 = 0, t1 = 0, t2 = 0, t3 = 0;
        var width = Vector<float>.Count;
        var i = 0;
        if (Distance == Distance.L1)
        {
            for (; i <= b.Length - width; i += width)
            {
                var v = new Vector<float>(b[i..]);
                s0 += Vector.Abs(new Vector<float>(a0[i..]) - v);
                s1 += Vector.Abs(new Vector<float>(a1[i..]) - v);
                s2 += Vector.Abs(new Vector<float>(a2[i..]) - v);
                s3 += Vector.Abs(new Vector<float>(a3[i..]) - v);
            }

            for (; i < b.Length; i++) (t0, t1, t2, t3) = (t0 + Math.Abs(a0[i] - b[i]), t1 + Math.Abs(a1[i] - b[i]), t2 + Math.Abs(a2[i] - b[i]), t3 + Math.Abs(a3[i] - b[i]));
        }
        else
        {
            for (; i <= b.Length - width; i += width)
            {
                var v = new Vector<float>(b[i..]);
                var (e0, e1, e2, e3) = (new Vector<float>(a0[i..]) - v, new Vector<float>(a1[i..]) - v, new Vector<float>(a2[i..]) - v, new Vector<float>(a3[i..]) - v);
                s0 += e0 * e0;
                s1 += e1 * e1;
                s2 += e2 * e2;
                s3 += e3 * e3;
            }

            for (; i < b.Length; i++)
            {
                var (e0, e1, e2, e3) = (a0[i] - b[i], a1[i] - b[i], a2[i] - b[i], a3[i] - b[i]);
                (t0, t1, t2, t3) = (t0 + (e0 * e0), t1 + (e1 * e1), t2 + (e2 * e2), t3 + (e3 * e3));
            }
        }

        return (Vector.Sum(s0) + t0, Vector.Sum(s1) + t1, Vector.Sum(s2) + t2, Vector.Sum(s3) + t3);
    }

    /// <summary>The k nearest, kept sorted while all are looked at.</summary>
    void Vote(ReadOnlySpan<float> distances, Span<float> shares)
    {
        var nearest = new (float Distance, int Class)[Neighbors];
        var found = 0;
        for (var m = 0; m < distances.Length; m++)
        {
            if (found == Neighbors && !(distances[m] < nearest[^1].Distance)) continue;
            var place = found < Neighbors ? found++ : Neighbors - 1;
            for (; place > 0 && distances[m] < nearest[place - 1].Distance; place--) nearest[place] = nearest[place - 1];
            nearest[place] = (distances[m], classOf[m]);
        }

        foreach (var (_, label) in nearest) shares[label] += 1f / Neighbors;
    }
}
