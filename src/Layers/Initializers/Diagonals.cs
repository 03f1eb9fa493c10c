using CnnSharp.Kernels;

namespace CnnSharp.Layers;

sealed record Dirac : IInitializer
{
    public void Fill(Tensor weights, long fanIn, long fanOut, Generator generator)
        => Diagonal.Fill(weights, "Dirac", static (y, x, kh, kw) => y == kh / 2 && x == kw / 2 ? 1 : 0);
}

sealed record Bilinear : IInitializer
{
    public void Fill(Tensor weights, long fanIn, long fanOut, Generator generator)
        => Diagonal.Fill(weights, "Bilinear", static (y, x, kh, kw) => Hat(y, kh) * Hat(x, kw));

    /// <summary>The triangle that interpolates by the factor ceil(size / 2), at its center 1.</summary>
    static float Hat(int i, int size)
    {
        var factor = (size + 1) / 2;
        var center = size % 2 == 1 ? factor - 1 : factor - 0.5f;
        return 1 - (Math.Abs(i - center) / factor);
    }
}

/// <summary>Kernels that let channel i act on channel i alone.</summary>
static class Diagonal
{
    public static void Fill(Tensor weights, string name, Func<int, int, int, int, float> at)
    {
        if (weights.Shape.Rank != 4) throw new ShapeException(name, $"expected weights [kh, kw, in, out], got {weights.Shape}.");
        int kh = weights.Shape[0], kw = weights.Shape[1], inputs = weights.Shape[2], outputs = weights.Shape[3];
        var values = new float[weights.Count];
        for (var y = 0; y < kh; y++)
        {
            for (var x = 0; x < kw; x++)
            {
                // With groups, input i of its group meets output i modulo the group's inputs.
                for (var k = 0; k < outputs; k++) values[((((y * kw) + x) * inputs) + (k % inputs)) * outputs + k] = at(y, x, kh, kw);
            }
        }

        weights.CopyFrom<float>(values);
    }
}
