using System.Runtime.CompilerServices;
using CnnSharp.Kernels;

namespace CnnSharp.Data;

/// <summary>
/// The pixels of a set in a device's memory: uploaded by the first loader that needs them, shared by all loaders of the
/// set and of its views, and given back when the set or the engine is unreachable.
/// </summary>
sealed class ResidentImages
{
    static readonly ConditionalWeakTable<byte[], ResidentImages> Sets = [];

    readonly ConditionalWeakTable<Engine, DeviceBuffer> buffers = [];

    /// <summary>The pixels, on an engine, of a set that has them in memory: [images, H, W, C], UInt8.</summary>
    public static DeviceBuffer On(Engine engine, ImageDataset set)
    {
        var pixels = set.AllPixels!;
        var resident = Sets.GetOrCreateValue(pixels);
        lock (resident.buffers)
        {
            if (!resident.buffers.TryGetValue(engine, out var buffer))
            {
                buffer = engine.Rent(DType.UInt8, pixels.Length);
                engine.Upload<byte>(pixels, buffer);
                resident.buffers.Add(engine, buffer);
            }

            return buffer;
        }
    }
}
