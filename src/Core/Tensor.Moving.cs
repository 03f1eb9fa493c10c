using CnnSharp.Kernels;

namespace CnnSharp;

public sealed partial class Tensor
{
    /// <summary>
    /// Brings the elements and the gradient to another device, by way of the host: the object stays, so whoever holds a
    /// parameter (a layer, an optimizer) holds the moved one. What shares its memory (<see cref="Detach"/>) stays where it was.
    /// </summary>
    /// <param name="device">Where to. Floats become its float type.</param>
    internal void MoveTo(Device device)
    {
        if (device.Engine == Device.Engine) return;
        if (Node is not null) throw new InvalidOperationException($"{Label} is the result of an operation and cannot be moved: only what a program made itself can.");
        if (!Device.Engine.HasElements || !device.Engine.HasElements) throw new InvalidOperationException($"{Label} cannot be moved from {Device} to {device}: one of them keeps shapes and no elements.");

        // Both copies are made before either takes the old one's place, so that what fails changes nothing.
        var moved = Detached(Data).To(device);
        var gradient = GradientData is { } old ? Detached(old).To(device) : null;
        var before = Data;
        moved.Data.ContinueFrom(before);
        before.Release();
        ClearGradient();
        (data, Device, DType) = (moved.Data.Retain(), device, moved.DType);
        GradientData = gradient?.Data.Retain();
        moved.Dispose();
        gradient?.Dispose();

        Tensor Detached(DeviceBuffer buffer) => new(Shape, buffer.Retain(), Device) { Name = Name };
    }
}
