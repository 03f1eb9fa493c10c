namespace CnnSharp.Generators;

/// <summary>
/// Tiles of two halves of neighboring pixels by vectors of output channels: 2 h v + v + 1 registers, up to 32, or 16 on AVX2.
/// With a length, one vector and a segment of that many values without a loop.
/// </summary>
sealed class CorrelationFamily : TileFamily
{
    const string Pointer = "CorrelationCall*, float*, float*, float*, float*, float*, float*, void";

    public override string Attribute => "CorrelationTileAttribute";

    protected override string Parameters => "int half, int vectors";

    public override string? Fault(Tile tile)
        => tile.First is < 2 or > 8 ? "expected 2 to 8 pixels in a half"
        : tile.Second is < 1 or > 3 ? "expected 1 to 3 vectors"
        : tile.Length is < 0 or > 32 ? "expected segments of at most 32 values"
        : tile.Length > 0 && tile.Second != 1 ? "expected 1 vector for segments of a fixed length"
        : Registers(tile) > 32 ? "it needs more than 32 registers"
        : null;

    public override string Describe(Tile tile) => $"correlation tile of 2 x {tile.First} pixels by {tile.Second} vectors{(tile.Length > 0 ? $", {tile.Length} values" : "")}";

    public override int Registers(Tile tile) => (2 * tile.First * tile.Second) + tile.Second + 1;

    protected override (string Type, string Name, string[] Numbers)[] Choosers => [($"delegate*<{Pointer}>", "Written", ["half", "vectors"]), ($"delegate*<{Pointer}>", "WrittenOf", ["half", "length"])];

    protected override void Write(SourceWriter w, IReadOnlyList<Tile> tiles)
    {
        var general = tiles.Where(tile => tile.Length == 0);
        var fixedLength = tiles.Where(tile => tile.Length > 0);
        Choose(w, 0, general.Select(tile => ($"({tile.First}, {tile.Second})", Name(tile))), "throw new ArgumentOutOfRangeException(nameof(half), half, $\"There is no tile of 2 x {half} pixels by {vectors} vectors.\")");
        w.Line();
        Choose(w, 1, fixedLength.Select(tile => ($"({tile.First}, {tile.Length})", Name(tile))), "null");
        foreach (var tile in general.Concat(fixedLength))
        {
            Method(w, $"static void {Name(tile)}(CorrelationCall* call, float* x0, float* x1, float* w, float* bias, float* y0, float* y1)", () =>
            {
                Multiply(w, tile);
                Epilogue(w, tile.First, tile.Second);
            });
        }
    }

    static string Name(Tile tile) => $"Tile{2 * tile.First}x{tile.Second}{(tile.Length > 0 ? $"Of{tile.Length}" : "")}";

    /// <summary>The sums, from the bias on.</summary>
    static void Multiply(SourceWriter w, Tile tile)
    {
        var (half, vectors, length) = (tile.First, tile.Second, tile.Length);
        w.Line(Distances(half, "call->PixelStride"));
        if (length == 0) w.Line("nint weightStride = call->WeightStride;");
        for (var p = 0; p < 2 * half; p++) w.Line("Floats " + Each(vectors, ", ", v => $"c{p}_{v} = V.Load(bias{Vectors(v)})") + ";");
        w.Line("var offset = call->Offsets;");
        if (vectors > 1)
        {
            w.Line("var next = call->Next.Next(w);");
            w.Line("var nextStep = call->Next.Step;");
        }

        w.Block("for (var segment = call->Segments; segment > 0; segment--, offset++)", () =>
        {
            // The loop of one vector loads as much as it can.
            if (vectors == 1) w.Line("call->Next.Fetch();");
            w.Line("var p = (byte*)x0 + *offset;");
            w.Line("var q = (byte*)x1 + *offset;");
            if (length > 0) Unrolled(w, half, length);
            else w.Block("for (var i = call->Length; i > 0; i--, p += sizeof(float), q += sizeof(float))", () => MultiplyOne(w, half, vectors));
        });
        w.Line();
        if (vectors > 1) w.Line("call->Next.Continue(next);");
    }

    static void Unrolled(SourceWriter w, int half, int length)
    {
        for (var i = 0; i < length; i++)
        {
            w.Line($"Floats w{i} = V.Load(w{Vectors(i)});");
            for (var p = 0; p < 2 * half; p++) w.Line($"c{p}_0 = V.MultiplyAddEstimate(V.Create(*(float*){Pixel(p, half)}), w{i}, c{p}_0);");
            if (i == length - 1) continue;
            w.Line("p += sizeof(float);");
            w.Line("q += sizeof(float);");
        }

        w.Line($"w += {length} * Count;");
    }

    static void MultiplyOne(SourceWriter w, int half, int vectors)
    {
        w.Line("Floats " + Each(vectors, ", ", v => $"w{v} = V.Load(w{Vectors(v)})") + ";");
        w.Line("w = (float*)((byte*)w + weightStride);");
        if (vectors > 1)
        {
            w.Block("if (Sse.IsSupported)", () =>
            {
                w.Line("Sse.Prefetch1(next);");
                w.Line("next += nextStep;");
                if (vectors != 2) return;

                // Weights that come from the last-level cache or from memory: the hardware's prefetching ends with a page.
                w.Line("Sse.Prefetch1(w + CorrelationCall.PrefetchDistance);");
                w.Line("Sse.Prefetch1(w + CorrelationCall.PrefetchDistance + Count);");
            });
            w.Line();
        }

        for (var p = 0; p < 2 * half; p++)
        {
            if (vectors == 1)
            {
                w.Line($"c{p}_0 = V.MultiplyAddEstimate(V.Create(*(float*){Pixel(p, half)}), w0, c{p}_0);");
                continue;
            }

            w.Line($"var a{p} = V.Create(*(float*){Pixel(p, half)});");
            for (var v = 0; v < vectors; v++) w.Line($"c{p}_{v} = V.MultiplyAddEstimate(w{v}, a{p}, c{p}_{v});");
        }
    }

    /// <summary>Scale, addend, ReLU, upper bound, and what is there already; then the results are stored.</summary>
    static void Epilogue(SourceWriter w, int half, int vectors)
    {
        w.Line("var stride = call->OutStride;");
        w.Block("if (call->Scale is not null)", () =>
        {
            for (var v = 0; v < vectors; v++)
            {
                w.Line($"Floats scale{v} = V.Load(call->Scale{Vectors(v)}), shift{v} = V.Load(call->Shift{Vectors(v)});");
                for (var p = 0; p < 2 * half; p++) w.Line($"c{p}_{v} = V.MultiplyAddEstimate(c{p}_{v}, scale{v}, shift{v});");
            }
        });
        w.Line();
        w.Block("if (call->Add != 0)", () =>
        {
            w.Line("float* a0 = y0 + call->Add, a1 = y1 + call->Add;");
            Pixels((p, v) => $"c{p}_{v} += V.Load({Result("a", p, v)});");
        });
        w.Line();
        w.Block("if (call->Relu)", () => Pixels((p, v) => $"c{p}_{v} = V.Max(c{p}_{v}, Floats.Zero);"));
        w.Line();
        w.Block("if (call->Upper > 0)", () =>
        {
            w.Line("Floats upper = V.Create(call->Upper);");
            Pixels((p, v) => $"c{p}_{v} = V.Min(c{p}_{v}, upper);");
        });
        w.Line();
        w.Block("if (call->Accumulate)", () => Pixels((p, v) => $"c{p}_{v} += V.Load({Result("y", p, v)});"));
        w.Line();
        Pixels((p, v) => $"V.Store(c{p}_{v}, {Result("y", p, v)});");

        void Pixels(Func<int, int, string> text)
        {
            for (var p = 0; p < 2 * half; p++) w.Line(Each(vectors, " ", v => text(p, v)));
        }

        string Result(string name, int p, int v) => $"{name}{(p < half ? 0 : 1)}{(p % half == 0 ? "" : $" + ({p % half} * stride)")}{Vectors(v)}";
    }

    /// <summary>The address of the value of x that pixel p reads.</summary>
    static string Pixel(int p, int half)
    {
        var first = p < half ? "p" : "q";
        return p % half == 0 ? first : $"({first} + s{p % half})";
    }
}
