using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using CnnSharp.Kernels;

namespace CnnSharp;

/// <summary>
/// To and from spans, arrays and <see cref="System.Numerics.Tensors.Tensor{T}"/>. Elements are copied, in row-major order, and
/// floats and doubles become each other; ints and bytes stay what they are. What comes out are numbers without a history:
/// a tensor that is made of them again is a new beginning for gradients, while the one that was read keeps its own.
/// </summary>
public sealed partial class Tensor
{
    /// <summary>
    /// A tensor with the given elements in row-major order. Floats and doubles become the device's float type; ints
    /// and bytes stay what they are.
    /// </summary>
    /// <param name="values">As many as the shape has elements.</param>
    /// <param name="shape">The extents; images are [N, H, W, C].</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    /// <exception cref="ShapeException">The number of values is not the shape's.</exception>
    public static Tensor From<T>(ReadOnlySpan<T> values, Shape shape, Device? device = null)
        where T : unmanaged
    {
        device ??= Device.Best();
        if (values.Length != shape.Count) throw new ShapeException("Tensor.From", $"{values.Length} values do not fill {shape} ({shape.Count} elements).");
        var type = DTypes.Of<T>();
        if (type is DType.Float32 or DType.Float64) type = device.FloatType;
        var tensor = Uninitialized(shape, device, type);
        tensor.CopyFrom(values);
        return tensor;
    }

    /// <inheritdoc cref="From{T}(ReadOnlySpan{T}, Shape, Device?)"/>
    public static Tensor From<T>(T[] values, Shape shape, Device? device = null)
        where T : unmanaged => From((ReadOnlySpan<T>)values, shape, device);

    /// <summary>A tensor of one axis with the elements of an array.</summary>
    /// <param name="values">Any number.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    [OverloadResolutionPriority(-1)] // so that new(2, 3) after the values is a shape
    public static Tensor From<T>(T[] values, Device? device = null)
        where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(values);
        return From((ReadOnlySpan<T>)values, [values.Length], device);
    }

    /// <summary>A tensor with the elements and the extents of an array.</summary>
    /// <param name="values">[rows, columns].</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    public static Tensor From<T>(T[,] values, Device? device = null)
        where T : unmanaged => From<T>((Array)values, device);

    /// <summary>A tensor with the elements and the extents of an array.</summary>
    /// <param name="values">Three axes, such as an image's [H, W, C].</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    public static Tensor From<T>(T[,,] values, Device? device = null)
        where T : unmanaged => From<T>((Array)values, device);

    /// <summary>A tensor with the elements and the extents of an array.</summary>
    /// <param name="values">Four axes: images are [N, H, W, C].</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    public static Tensor From<T>(T[,,,] values, Device? device = null)
        where T : unmanaged => From<T>((Array)values, device);

    /// <summary>A tensor with the elements and the lengths of a span of <c>System.Numerics.Tensors</c>, a strided or sliced one too.</summary>
    /// <param name="values">At most 2^31 - 1 elements.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    /// <exception cref="ShapeException">There are more elements than an array can hold.</exception>
    public static Tensor From<T>(in ReadOnlyTensorSpan<T> values, Device? device = null)
        where T : unmanaged
    {
        if (values.FlattenedLength > Array.MaxLength) throw new ShapeException("Tensor.From", $"{values.FlattenedLength:N0} elements are more than an array can hold, {Array.MaxLength:N0}.");
        var flat = new T[values.FlattenedLength];
        if (flat.Length > 0) values.FlattenTo(flat);
        return From(flat, ShapeOf(values.Lengths), device);
    }

    /// <inheritdoc cref="From{T}(in ReadOnlyTensorSpan{T}, Device?)"/>
    public static Tensor From<T>(System.Numerics.Tensors.Tensor<T> values, Device? device = null)
        where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(values);
        return From(values.AsReadOnlyTensorSpan(), device);
    }

    /// <summary>Replaces the elements, converting between float and double.</summary>
    /// <param name="values">As many as there are elements, in row-major order.</param>
    /// <exception cref="ShapeException">The number of values is not the tensor's.</exception>
    /// <exception cref="InvalidOperationException">The tensor is a recorded result: what led to it, and its gradients, would not be those of the new values.</exception>
    public void CopyFrom<T>(ReadOnlySpan<T> values)
        where T : unmanaged
    {
        if (values.Length != Count) throw new ShapeException("Tensor.CopyFrom", $"{values.Length} values do not fill {Label} ({Count} elements).");
        if (Node is not null && Node != Node.Consumed) throw new InvalidOperationException($"Tensor.CopyFrom: {Label} is the result of a recorded operation, whose gradients would be wrong for other values. Write to a tensor of your own, or to Detach() of this one.");
        if (typeof(T) == typeof(float) && DType == DType.Float64)
        {
            Device.Engine.Upload<double>(Widen(MemoryMarshal.Cast<T, float>(values)), Data);
        }
        else if (typeof(T) == typeof(double) && DType == DType.Float32)
        {
            Device.Engine.Upload<float>(Narrow(MemoryMarshal.Cast<T, double>(values)), Data);
        }
        else
        {
            Device.Engine.Upload(values, Data);
        }
    }

    /// <summary>Replaces the elements by what <paramref name="fill"/> writes on the host: in place where they are there as floats.</summary>
    internal void Fill(Action<Span<float>> fill)
    {
        if (DType == DType.Float32 && Data.Block is HostBlock)
        {
            fill(Data.Span<float>());
            return;
        }

        var values = new float[Count];
        fill(values);
        CopyFrom<float>(values);
    }

    /// <summary>Waits for the device and copies the elements in row-major order, converting between float and double.</summary>
    /// <exception cref="ArgumentException">The elements are of another type.</exception>
    /// <exception cref="ShapeException">There are more than an array has.</exception>
    public T[] ToArray<T>()
        where T : unmanaged
    {
        if (Count > Array.MaxLength) throw new ShapeException("Tensor.ToArray", $"{Label} has {Count:N0} elements, an array at most {Array.MaxLength:N0}; read parts of it (Slice).");
        var values = new T[Count];
        Read(values.AsSpan());
        return values;
    }

    /// <summary>Waits for the device and copies the elements as floats.</summary>
    public float[] ToArray() => ToArray<float>();

    /// <summary>
    /// Waits for the device and copies the elements into an array of as many axes as the tensor has, 1 to 4:
    /// <c>(float[,,,])images.ToNDArray&lt;float&gt;()</c>.
    /// </summary>
    /// <exception cref="ShapeException">The tensor has more axes, or is a scalar, [], and arrays have axes; <see cref="Item"/> reads it.</exception>
    /// <exception cref="ArgumentException">The elements are of another type.</exception>
    public Array ToNDArray<T>()
        where T : unmanaged
    {
        CheckAxes("Tensor.ToNDArray");
        var type = Shape.Rank switch
        {
            1 => typeof(T[]),
            2 => typeof(T[,]),
            3 => typeof(T[,,]),
            4 => typeof(T[,,,]),
            _ => throw new ShapeException("Tensor.ToNDArray", $"{Label} has {Shape.Rank} axes; arrays of 1 to 4 are made."),
        };
        var array = Array.CreateInstanceFromArrayType(type, Shape.ToArray());
        Read(Elements<T>(array));
        return array;
    }

    /// <summary>Waits for the device and copies the elements in row-major order, converting between float and double.</summary>
    /// <param name="destination">As long as there are elements.</param>
    /// <exception cref="ShapeException">The length is not the tensor's.</exception>
    /// <exception cref="ArgumentException">The elements are of another type.</exception>
    public void CopyTo<T>(Span<T> destination)
        where T : unmanaged
    {
        if (destination.Length != Count) throw new ShapeException("Tensor.CopyTo", $"{Label} has {Count} elements, the destination {destination.Length}.");
        Read(destination);
    }

    /// <summary>Waits for the device and copies the elements into a span of <c>System.Numerics.Tensors</c>, a strided or sliced one too.</summary>
    /// <param name="destination">Of the tensor's extents.</param>
    /// <exception cref="ShapeException">The destination has other extents.</exception>
    /// <exception cref="ArgumentException">The elements are of another type.</exception>
    public void CopyTo<T>(in TensorSpan<T> destination)
        where T : unmanaged
    {
        if (!SameExtents(destination.Lengths)) throw new ShapeException("Tensor.CopyTo", $"{Label} does not fit a destination [{string.Join(", ", destination.Lengths.ToArray())}].");
        new ReadOnlyTensorSpan<T>(ToArray<T>(), destination.Lengths).CopyTo(destination);
    }

    /// <summary>Waits for the device and copies the elements into a tensor of <c>System.Numerics.Tensors</c> of the same extents.</summary>
    /// <exception cref="ShapeException">The tensor is a scalar, [], which it takes for empty; <see cref="Item"/> reads it.</exception>
    /// <exception cref="ArgumentException">The elements are of another type.</exception>
    public System.Numerics.Tensors.Tensor<T> ToNumericsTensor<T>()
        where T : unmanaged
    {
        CheckAxes("Tensor.ToNumericsTensor");
        return System.Numerics.Tensors.Tensor.Create(ToArray<T>(), Array.ConvertAll(Shape.ToArray(), extent => (nint)extent));
    }

    /// <inheritdoc cref="ToNumericsTensor{T}"/>
    public System.Numerics.Tensors.Tensor<float> ToNumericsTensor() => ToNumericsTensor<float>();

    void CheckAxes(string operation)
    {
        if (Shape.Rank == 0) throw new ShapeException(operation, $"{Label} has no axes; read it by Item().");
    }

    void Read<T>(Span<T> destination)
        where T : unmanaged
    {
        if (typeof(T) == typeof(double) && DType == DType.Float32)
        {
            var values = new float[Count];
            Device.Engine.Download(Data, values.AsSpan());
            Widen(values, MemoryMarshal.Cast<T, double>(destination));
        }
        else if (typeof(T) == typeof(float) && DType == DType.Float64)
        {
            var values = new double[Count];
            Device.Engine.Download(Data, values.AsSpan());
            Narrow(values, MemoryMarshal.Cast<T, float>(destination));
        }
        else
        {
            Device.Engine.Download(Data, destination);
        }
    }

    static Tensor From<T>(Array values, Device? device)
        where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(values);
        var extents = new int[values.Rank];
        for (var axis = 0; axis < extents.Length; axis++) extents[axis] = values.GetLength(axis);
        return From((ReadOnlySpan<T>)Elements<T>(values), extents, device);
    }

    /// <summary>The elements of an array of any number of axes, which lie in row-major order.</summary>
    static Span<T> Elements<T>(Array array)
        where T : unmanaged
        => MemoryMarshal.CreateSpan(ref Unsafe.As<byte, T>(ref MemoryMarshal.GetArrayDataReference(array)), array.Length);

    static Shape ShapeOf(ReadOnlySpan<nint> lengths)
    {
        Span<int> extents = stackalloc int[lengths.Length];
        for (var axis = 0; axis < extents.Length; axis++) extents[axis] = checked((int)lengths[axis]);
        return new(extents);
    }

    bool SameExtents(ReadOnlySpan<nint> lengths)
    {
        if (lengths.Length != Shape.Rank) return false;
        for (var axis = 0; axis < lengths.Length; axis++)
        {
            if (lengths[axis] != Shape[axis]) return false;
        }

        return true;
    }

    static double[] Widen(ReadOnlySpan<float> values)
    {
        var result = new double[values.Length];
        Widen(values, result);
        return result;
    }

    static void Widen(ReadOnlySpan<float> values, Span<double> result)
    {
        for (var i = 0; i < result.Length; i++) result[i] = values[i];
    }

    static float[] Narrow(ReadOnlySpan<double> values)
    {
        var result = new float[values.Length];
        Narrow(values, result);
        return result;
    }

    static void Narrow(ReadOnlySpan<double> values, Span<float> result)
    {
        for (var i = 0; i < result.Length; i++) result[i] = (float)values[i];
    }
}
