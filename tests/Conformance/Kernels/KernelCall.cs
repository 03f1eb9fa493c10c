using CnnSharp.Kernels;

namespace CnnSharp.Tests;

/// <summary>Calls of an engine's kernels on host arrays.</summary>
static class KernelCall
{
    /// <summary>Copies arrays (of float, double, int or byte) to a device, calls its kernels, and copies the buffers back into the arrays.</summary>
    public static void InPlace(Device device, Action<IKernels, DeviceBuffer[]> call, params Array[] arrays)
    {
        var buffers = Array.ConvertAll(arrays, array => array switch
        {
            float[] values => Upload(values),
            double[] values => Upload(values),
            int[] values => Upload(values),
            _ => Upload((byte[])array),
        });
        call(device.Kernels, buffers);
        for (var i = 0; i < arrays.Length; i++)
        {
            switch (arrays[i])
            {
                case float[] values: device.Engine.Download(buffers[i], values.AsSpan()); break;
                case double[] values: device.Engine.Download(buffers[i], values.AsSpan()); break;
                case int[] values: device.Engine.Download(buffers[i], values.AsSpan()); break;
                default: device.Engine.Download(buffers[i], ((byte[])arrays[i]).AsSpan()); break;
            }

            buffers[i].Release();
        }

        DeviceBuffer Upload<T>(T[] values)
            where T : unmanaged
        {
            var buffer = device.Engine.Rent(DTypes.Of<T>(), values.Length);
            device.Engine.Upload<T>(values, buffer);
            return buffer;
        }
    }
}
