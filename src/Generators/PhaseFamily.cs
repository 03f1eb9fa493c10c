namespace CnnSharp.Generators;

/// <summary>Tiles of pixels by the four phases of a stride of 2: 5 p + 3 + 2 registers at most, all 32 or nearly.</summary>
sealed class PhaseFamily : TileFamily
{
    public override string Attribute => "PhaseTileAttribute";

    protected override string Parameters => "int pixels";

    public override string? Fault(Tile tile) => tile.First is < 1 or > 5 ? "expected 1 to 5 pixels" : tile.Length != 0 ? "it has no fixed length" : null;

    public override string Describe(Tile tile) => $"phase tile of {tile.First} pixels";

    public override int Registers(Tile tile) => (5 * tile.First) + 5;

    protected override (string Type, string Name, string[] Numbers)[] Choosers => [("delegate*<PhaseCall*, float*, float*, float*, bool, void>", "Written", ["pixels"])];

    protected override void Write(SourceWriter w, IReadOnlyList<Tile> tiles)
    {
        Choose(w, 0, tiles.Select(tile => ($"{tile.First}", $"Tile{tile.First}")), "throw new ArgumentOutOfRangeException(nameof(pixels), pixels, $\"There is no tile of {pixels} pixels.\")");
        foreach (var tile in tiles) Method(w, $"static void Tile{tile.First}(PhaseCall* call, float* dy, float* w, float* dx, bool down)", () => Body(w, tile.First));
    }

    static void Body(SourceWriter w, int pixels)
    {
        if (pixels > 1) w.Line(Distances(pixels, "call->PixelStride"));
        for (var p = 0; p < pixels; p++) w.Line("Floats " + Each(4, ", ", v => $"c{p}_{v} = V.Load(call->Bias)") + ";");
        w.Block("", () =>
        {
            w.Line("byte* p = (byte*)dy, q = p + call->Right;");
            Multiply(w, pixels, 6, [(0, "c{0}_0"), (1, "c{0}_1"), (2, "c{0}_2"), (3, "c{0}_3")], [(4, "c{0}_1"), (5, "c{0}_3")]);
        });
        w.Line();
        w.Block("if (down)", () =>
        {
            // Sums of their own: two multiply-adds for one, of 3 p in a step, would wait for each other.
            w.Line("Floats " + Each(pixels, ", ", p => $"d{p} = Floats.Zero") + ";");
            w.Line("byte* p = (byte*)dy + call->Down, q = p + call->Right;");
            Multiply(w, pixels, 3, [(0, "c{0}_2"), (1, "c{0}_3")], [(2, "d{0}")]);
            for (var p = 0; p < pixels; p++) w.Line($"c{p}_3 += d{p};");
        });
        w.Line();
        w.Line("var stride = call->OutStride;");
        w.Line("float* y0 = dx, y1 = dx + call->OutRight, y2 = dx + call->OutDown, y3 = y2 + call->OutRight;");
        w.Block("if (call->Accumulate)", () =>
        {
            for (var p = 0; p < pixels; p++) w.Line(Each(4, " ", v => $"c{p}_{v} += V.Load({Result(p, v)});"));
        });
        w.Line();
        for (var p = 0; p < pixels; p++) w.Line(Each(4, " ", v => $"V.Store(c{p}_{v}, {Result(p, v)});"));

        static string Result(int p, int v) => $"y{v}{(p == 0 ? "" : $" + ({p} * stride)")}";
    }

    /// <summary>Some weights for each channel of dy: which of them, times the pixel here or the one right of it, is added to which sum.</summary>
    static void Multiply(SourceWriter w, int pixels, int weights, (int Weight, string Sum)[] here, (int Weight, string Sum)[] beside)
    {
        w.Line("call->Next.Fetch();");
        w.Block("for (var i = call->Length; i > 0; i--, p += sizeof(float), q += sizeof(float))", () =>
        {
            w.Line("Floats " + Each(weights, ", ", v => $"w{v} = V.Load(w{Vectors(v)})") + ";");
            w.Line($"w += {weights} * Count;");
            for (var i = 0; i < pixels; i++)
            {
                var (a, b) = i > 0 ? ($"(p + s{i})", $"(q + s{i})") : ("p", "q");
                w.Line($"Floats a{i} = V.Create(*(float*){a}), b{i} = V.Create(*(float*){b});");
                foreach (var (weight, sum) in here) Add(weight, sum, $"a{i}", i);
                foreach (var (weight, sum) in beside) Add(weight, sum, $"b{i}", i);
            }
        });

        void Add(int weight, string sum, string value, int pixel)
        {
            var name = sum.Replace("{0}", $"{pixel}");
            w.Line($"{name} = V.MultiplyAddEstimate(w{weight}, {value}, {name});");
        }
    }
}
