namespace CnnSharp.Verification;

/// <summary>Numbers on the host, with a shape: what a case states and what a device answered.</summary>
/// <param name="Shape">The extents.</param>
/// <param name="Values">The elements in row-major order.</param>
/// <param name="IsInteger">Whether they are labels or places, Int32 on a device.</param>
public sealed record HostTensor(Shape Shape, double[] Values, bool IsInteger = false)
{
    /// <summary>The same on a device, in its float type or Int32.</summary>
    public Tensor On(Device device)
        => IsInteger ? Tensor.From(Array.ConvertAll(Values, v => checked((int)v)), Shape, device) : Tensor.From(Values, Shape, device);

    /// <summary>What a device's tensor holds.</summary>
    public static HostTensor From(Tensor tensor)
        => tensor.DType == Kernels.DType.Int32
            ? new(tensor.Shape, Array.ConvertAll(tensor.ToArray<int>(), v => (double)v), true)
            : new(tensor.Shape, tensor.ToArray<double>());

    /// <summary>The same elements, in another layout.</summary>
    public HostTensor In(Layout layout) => new(layout.Result, layout.Apply(Values), IsInteger);

    /// <summary>Where an element stands, as <c>[n, h, w, c]</c>.</summary>
    public string Place(int index)
    {
        var place = new int[Shape.Rank];
        for (var axis = Shape.Rank - 1; axis >= 0; axis--)
        {
            place[axis] = index % Shape[axis];
            index /= Shape[axis];
        }

        return $"[{string.Join(", ", place)}]";
    }
}
