using ILGPU;
using ILGPU.Runtime;

namespace CnnSharp.Kernels.Gpu;

/// <summary>Four floats side by side, read and written by one 128-bit access of a view made by <see cref="Of"/>.</summary>
readonly struct Float4(float x, float y, float z, float w)
{
    public readonly float X = x;
    public readonly float Y = y;
    public readonly float Z = z;
    public readonly float W = w;

    /// <summary>The view in quads. Called within a kernel, where the alignment must be seen; blocks of memory have it, and a whole number of quads must be before the view's start.</summary>
    public static ArrayView<Float4> Of(ArrayView<float> view) => view.AsAligned(16).Cast<Float4>();

    public static Float4 operator +(Float4 a, Float4 b) => new(a.X + b.X, a.Y + b.Y, a.Z + b.Z, a.W + b.W);

    /// <summary>this + a b: four multiply-adds.</summary>
    public Float4 Plus(float a, Float4 b) => new(X + (a * b.X), Y + (a * b.Y), Z + (a * b.Z), W + (a * b.W));

    /// <summary>max(this, 0); a NaN stays.</summary>
    public Float4 Relu() => new(X < 0f ? 0f : X, Y < 0f ? 0f : Y, Z < 0f ? 0f : Z, W < 0f ? 0f : W);
}
