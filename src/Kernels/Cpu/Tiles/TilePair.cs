namespace CnnSharp.Kernels.Cpu;

/// <summary>
/// Feeds rows of pixels to one correlation tile: a row is cut into halves, and two halves, of one row or of two, make a
/// tile, so that narrow images fill it too. Where a row is no multiple of the half, the last half starts earlier and
/// its first pixels, computed a second time, are dropped.
/// </summary>
internal unsafe ref struct TilePair<V>
    where V : unmanaged, IVector<V>
{
    readonly CorrelationCall* call;
    readonly delegate*<CorrelationCall*, float*, float*, float*, float*, float*, float*, void> tile;
    readonly float* weights;
    readonly float* bias;
    readonly float* temp;
    readonly int half;
    readonly int vectors;
    readonly int lanes;
    float* pendingX;
    float* pendingY;
    int pendingSkip;
    int pendingCount;

    /// <summary>A tile for one block of output channels.</summary>
    /// <param name="call">What all tiles share; must stay in place.</param>
    /// <param name="half">Pixels of a half.</param>
    /// <param name="vectors">Vectors of output channels.</param>
    /// <param name="lanes">Output channels: vectors times V.Count, or fewer in the last block.</param>
    /// <param name="weights">The block's weights.</param>
    /// <param name="bias">The block's bias, zeros after its lanes.</param>
    /// <param name="temp">Memory for one tile.</param>
    public TilePair(CorrelationCall* call, int half, int vectors, int lanes, float* weights, float* bias, float* temp)
    {
        this.call = call;
        this.half = half;
        this.vectors = vectors;
        this.lanes = lanes;
        this.weights = weights;
        this.bias = bias;
        this.temp = temp;
        tile = vectors == 1 && call->WeightStride == V.Count * sizeof(float) ? CorrelationTiles<V>.Of(half, call->Length) : null;
        if (tile is null) tile = CorrelationTiles<V>.Tile(half, vectors);
    }

    /// <summary>Adds a row of <paramref name="pixels"/> pixels, at the call's strides from x and y.</summary>
    /// <param name="x">The first pixel; with fewer pixels than a half, a half of them must be readable.</param>
    /// <param name="pixelStride">Floats between two pixels of x.</param>
    /// <param name="y">The first result.</param>
    /// <param name="pixels">At least 1.</param>
    public void AddRow(float* x, long pixelStride, float* y, int pixels)
    {
        for (var j = 0; j < pixels; j += half)
        {
            var start = Math.Max(0, Math.Min(j, pixels - half));
            Add(x + (start * pixelStride), y + ((long)start * call->OutStride), j - start, Math.Min(half, pixels - start));
        }
    }

    /// <summary>Computes what waits for a second half.</summary>
    public void Flush()
    {
        if (pendingX is null) return;
        Compute(pendingX, pendingY, half, half);
    }

    void Add(float* x, float* y, int skip, int count)
    {
        if (pendingX is null)
        {
            pendingX = x;
            pendingY = y;
            pendingSkip = skip;
            pendingCount = count;
            return;
        }

        Compute(x, y, skip, count);
        pendingX = null;
    }

    /// <summary>The waiting half and this one; of each, pixels [skip, count) are wanted.</summary>
    readonly void Compute(float* x, float* y, int skip, int count)
    {
        if (pendingSkip == 0 && pendingCount == half && skip == 0 && count == half && lanes == vectors * V.Count)
        {
            tile(call, pendingX, x, weights, bias, pendingY, y);
            if (!call->Silu) return;
            Epilogue.ApplySilu<V>(pendingY, call->OutStride, half, lanes);
            Epilogue.ApplySilu<V>(y, call->OutStride, half, lanes);
            return;
        }

        var width = vectors * V.Count;
        var raw = *call;
        raw.OutStride = width;
        raw.Add = 0;
        raw.Accumulate = false;
        raw.Relu = false;
        raw.Upper = 0;
        tile(&raw, pendingX, x, weights, bias, temp, temp + (half * width));
        call->Next = raw.Next;
        Store(temp, pendingY, pendingSkip, pendingCount);
        Store(temp + (half * width), y, skip, count);
    }

    readonly void Store(float* source, float* y, int skip, int count)
    {
        var width = vectors * V.Count;
        for (var p = skip; p < count; p++)
        {
            for (var j = 0; j < lanes; j += V.Count)
            {
                var valid = lanes - j;
                var target = y + (p * call->OutStride) + j;
                var sum = V.Load(source + (p * width) + j);
                if (call->Add != 0) sum += valid >= V.Count ? V.Load(target + call->Add) : V.LoadPartial(target + call->Add, valid);
                if (call->Relu) sum = V.Max(sum, V.Zero);
                if (call->Upper > 0) sum = V.Min(sum, V.Create(call->Upper));
                if (call->Accumulate) sum += valid >= V.Count ? V.Load(target) : V.LoadPartial(target, valid);
                if (valid >= V.Count) V.Store(sum, target);
                else V.StorePartial(sum, target, valid);
            }
        }

        if (call->Silu) Epilogue.ApplySilu<V>(y + (skip * call->OutStride), call->OutStride, count - skip, lanes);
    }
}
