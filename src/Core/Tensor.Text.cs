using System.Globalization;
using System.Text;
using CnnSharp.Kernels;

namespace CnnSharp;

public sealed partial class Tensor
{
    /// <summary>
    /// Name, shape, type and device, and below the elements, as PyTorch prints them: four decimals, in scientific notation
    /// where the elements are far apart, and of more than 1000 elements the first and the last three along each axis.
    /// Waits for the device. The same in every culture.
    /// </summary>
    public override string ToString()
    {
        var head = $"Tensor {Label} {DType} on {Device}";
        if (data is not { } buffer) return $"{head} (freed)";
        if (Device.Engine.IsDisposed) return $"{head} (the device was disposed of)";
        return Device.Engine.HasElements ? $"{head}\n{new TensorText(Shape, buffer)}" : head;
    }
}

/// <summary>The elements of a tensor for people to read.</summary>
sealed class TensorText
{
    const int Summarized = 1000, Edge = 3, Decimals = 4, LineWidth = 80;

    readonly Shape shape;
    readonly DeviceBuffer buffer;
    readonly bool isSummary;
    readonly List<string> texts = [];
    readonly int width;
    int next;

    public TensorText(Shape shape, DeviceBuffer buffer)
    {
        (this.shape, this.buffer) = (shape, buffer);
        isSummary = shape.Count > Summarized;
        var values = new List<double>();
        ReadShown(values, 0, 0);
        Format(values);
        width = texts.Count == 0 ? 0 : texts.Max(text => text.Length);
    }

    public override string ToString()
    {
        if (shape.Count == 0) return "[]";
        var text = new StringBuilder();
        next = 0;
        Write(text, 0, 1);
        return text.ToString();
    }

    /// <summary>The places along an axis that are shown; -1 stands for those left out.</summary>
    IEnumerable<int> Places(int axis)
    {
        var extent = shape[axis];
        if (!isSummary || extent <= 2 * Edge) return Enumerable.Range(0, extent);
        return [.. Enumerable.Range(0, Edge), -1, .. Enumerable.Range(extent - Edge, Edge)];
    }

    /// <summary>What is shown, in order.</summary>
    void ReadShown(List<double> values, int axis, long offset)
    {
        if (shape.Count == 0) return;
        if (!isSummary)
        {
            Read(values, offset, (int)shape.Count);
            return;
        }

        foreach (var place in Places(axis))
        {
            if (place < 0) continue;
            if (axis < shape.Rank - 1) ReadShown(values, axis + 1, offset + (place * shape.CountAfter(axis)));
            else Read(values, offset + place, 1);
        }
    }

    void Read(List<double> values, long start, int count)
    {
        switch (buffer.Type)
        {
            case DType.Float32: Add<float>(values, start, count, static value => value); break;
            case DType.Float64: Add<double>(values, start, count, static value => value); break;
            case DType.Int32: Add<int>(values, start, count, static value => value); break;
            default: Add<byte>(values, start, count, static value => value); break;
        }
    }

    void Add<T>(List<double> values, long start, int count, Func<T, double> convert)
        where T : unmanaged
    {
        var elements = new T[count];
        buffer.Engine.DownloadRange(buffer, start, elements.AsSpan());
        values.AddRange(elements.Select(convert));
    }

    /// <summary>PyTorch's rules: whole numbers without decimals, and scientific where the elements that are not 0 are far apart, large or small.</summary>
    void Format(List<double> values)
    {
        var isWhole = buffer.Type is DType.Int32 or DType.UInt8;
        var sizes = values.Where(value => double.IsFinite(value) && value != 0).Select(Math.Abs).ToList();
        var (least, most) = sizes.Count == 0 ? (1.0, 1.0) : (sizes.Min(), sizes.Max());
        var hasWholeValues = values.All(value => !double.IsFinite(value) || Math.Floor(value) == value);
        var isScientific = most / least > 1000 || most > 1e8 || (!hasWholeValues && least < 1e-4);
        var format = isWhole ? "0" : isScientific ? $"0.{new string('0', Decimals)}e+00" : hasWholeValues ? "0'.'" : $"0.{new string('0', Decimals)}";
        foreach (var value in values)
        {
            texts.Add(double.IsFinite(value)
                ? value.ToString(format, CultureInfo.InvariantCulture)
                : double.IsNaN(value) ? "nan" : value > 0 ? "inf" : "-inf");
        }
    }

    void Write(StringBuilder text, int axis, int indent)
    {
        if (shape.Rank == 0)
        {
            text.Append(texts[0]);
            return;
        }

        text.Append('[');
        if (axis == shape.Rank - 1)
        {
            WriteRow(text, axis, indent);
        }
        else
        {
            var separator = $",{new string('\n', shape.Rank - 1 - axis)}{new string(' ', indent)}";
            var isFirst = true;
            foreach (var place in Places(axis))
            {
                if (!isFirst) text.Append(separator);
                isFirst = false;
                if (place < 0) text.Append("...");
                else Write(text, axis + 1, indent + 1);
            }
        }

        text.Append(']');
    }

    void WriteRow(StringBuilder text, int axis, int indent)
    {
        var perLine = Math.Max(1, (LineWidth - indent) / (width + 2));
        var inLine = 0;
        var isFirst = true;
        foreach (var place in Places(axis))
        {
            if (!isFirst) text.Append(inLine == perLine ? $",\n{new string(' ', indent)}" : ", ");
            if (inLine == perLine) inLine = 0;
            isFirst = false;
            inLine++;
            text.Append(place < 0 ? " ..." : texts[next++].PadLeft(width));
        }
    }
}
