using CnnSharp.Kernels;

namespace CnnSharp.Training;

/// <summary>The sums of squares of several buffers, gathered on the device and read by one copy.</summary>
sealed class SquareSums
{
    /// <summary>2^-90: brings the largest float to 2^38, whose square is far from overflow.</summary>
    const float Factor = 1f / (1L << 45) / (1L << 45);

    readonly Tensor one;
    readonly Tensor all;
    readonly double[] values;
    readonly float[] narrow;

    /// <summary>Room for <paramref name="count"/> sums, 0 where nothing is added.</summary>
    public SquareSums(Device device, int count)
    {
        Device = device;
        one = Tensor.Uninitialized(new(1), device);
        all = Tensor.Zeros(new(count), device);
        values = new double[count];
        narrow = device.FloatType == DType.Float32 ? new float[count] : [];
    }

    /// <summary>Where the buffers are.</summary>
    public Device Device { get; }

    /// <summary>Makes every sum 0.</summary>
    public void Clear() => Device.Kernels.Memory.Fill(all.Data, 0);

    /// <summary>Sets the sum at <paramref name="index"/>.</summary>
    public void Set(int index, DeviceBuffer buffer)
    {
        Device.Kernels.Reductions.SumOfSquares(buffer, one.Data);
        Device.Kernels.Memory.CopyRegion(RegionGeometry.Run(1, targetOffset: index), one.Data, all.Data);
    }

    /// <summary>
    /// The sum of squares of one buffer where that in <see cref="Read"/> is not finite: it may be beyond the range of the
    /// type (of float from elements of 1.8e19 on), with all elements finite. Waits for the device.
    /// </summary>
    public double Rescaled(DeviceBuffer buffer)
    {
        var small = Device.Engine.Rent(buffer.Type, buffer.Length);
        Device.Kernels.Elementwise.Unary(UnaryOp.MultiplyScalar, Factor, buffer, small);
        Device.Kernels.Reductions.SumOfSquares(small, one.Data);
        small.Release();
        return one.Item() / ((double)Factor * Factor);
    }

    /// <summary>Waits for the device. Valid until the next call.</summary>
    public ReadOnlySpan<double> Read()
    {
        if (narrow.Length == 0)
        {
            all.CopyTo<double>(values);
            return values;
        }

        all.CopyTo<float>(narrow);
        for (var i = 0; i < values.Length; i++) values[i] = narrow[i];
        return values;
    }
}
