using System.Numerics;

namespace CnnSharp.Kernels.Reference;

/// <summary>Pooling as plain loops.</summary>
/// <typeparam name="T">float or double.</typeparam>
sealed class PoolingKernels<T> : ReferenceKernelFamily<T>, IPoolingKernels
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public void MaxForward(in PoolGeometry g, DeviceBuffer x, DeviceBuffer y, DeviceBuffer indices)
    {
        Elements input = new(x);
        WritableElements output = new(y);
        var places = indices.Span<int>();
        long o = 0;
        for (var n = 0; n < g.N; n++)
        {
            for (var i = 0; i < g.OutH; i++)
            {
                var rows = g.RowWindow(i);
                for (var j = 0; j < g.OutW; j++)
                {
                    var columns = g.ColumnWindow(j);
                    for (var c = 0; c < g.C; c++)
                    {
                        var maximum = double.NegativeInfinity;
                        var place = (rows.Start * g.W) + columns.Start;
                        for (var h = rows.Start; h < rows.End; h++)
                        {
                            for (var w = columns.Start; w < columns.End; w++)
                            {
                                var value = input[(((((long)n * g.H) + h) * g.W) + w) * g.C + c];
                                if (!IsGreater(value, maximum)) continue;
                                maximum = value;
                                place = (h * g.W) + w;
                            }
                        }

                        output[o] = maximum;
                        places[(int)o] = place;
                        o++;
                    }
                }
            }
        }
    }

    public void MaxBackward(in PoolGeometry g, DeviceBuffer dy, DeviceBuffer indices, DeviceBuffer dx)
    {
        var upstream = new Elements(dy);
        var places = indices.ReadOnlySpan<int>();
        var sums = Sums(dx.Length);
        long image = (long)g.H * g.W, window = (long)g.OutH * g.OutW;
        for (long o = 0; o < upstream.Length; o++)
        {
            var c = o % g.C;
            var n = o / (window * g.C);
            sums[(((n * image) + places[(int)o]) * g.C) + c] += upstream[o];
        }

        Store(sums, dx);
    }

    public void AverageForward(in PoolGeometry g, DeviceBuffer x, DeviceBuffer y)
    {
        Elements input = new(x);
        WritableElements output = new(y);
        long o = 0;
        for (var n = 0; n < g.N; n++)
        {
            for (var i = 0; i < g.OutH; i++)
            {
                var rows = g.RowWindow(i);
                for (var j = 0; j < g.OutW; j++)
                {
                    var columns = g.ColumnWindow(j);
                    for (var c = 0; c < g.C; c++)
                    {
                        var sum = 0.0;
                        for (var h = rows.Start; h < rows.End; h++)
                        {
                            for (var w = columns.Start; w < columns.End; w++)
                                sum += input[(((((long)n * g.H) + h) * g.W) + w) * g.C + c];
                        }

                        output[o++] = sum / Divisor(g, rows, columns);
                    }
                }
            }
        }
    }

    public void AverageBackward(in PoolGeometry g, DeviceBuffer dy, DeviceBuffer dx)
    {
        var upstream = new Elements(dy);
        var sums = Sums(dx.Length);
        long o = 0;
        for (var n = 0; n < g.N; n++)
        {
            for (var i = 0; i < g.OutH; i++)
            {
                var rows = g.RowWindow(i);
                for (var j = 0; j < g.OutW; j++)
                {
                    var columns = g.ColumnWindow(j);
                    for (var c = 0; c < g.C; c++)
                    {
                        var share = upstream[o++] / Divisor(g, rows, columns);
                        for (var h = rows.Start; h < rows.End; h++)
                        {
                            for (var w = columns.Start; w < columns.End; w++)
                                sums[(((((long)n * g.H) + h) * g.W) + w) * g.C + c] += share;
                        }
                    }
                }
            }
        }

        Store(sums, dx);
    }

    static double Divisor(in PoolGeometry g, (int Start, int End, int Padded) rows, (int Start, int End, int Padded) columns)
        => g.CountIncludePad ? (double)rows.Padded * columns.Padded : (double)(rows.End - rows.Start) * (columns.End - columns.Start);
}
