namespace CnnSharp.Generators;

/// <summary>
/// Tiles of rows (values of x) by vectors of dy: r v + v + 1 registers. With a length, of all kernel rows with that many values each:
/// r v + 1 registers, all 32 or nearly, so that dy is read once for all of them.
/// </summary>
sealed class OuterProductFamily : TileFamily
{
    const string Pointer = "delegate*<OuterProductCall*, float*, float*, float*, void>";

    public override string Attribute => "OuterProductTileAttribute";

    protected override string Parameters => "int rows, int vectors";

    public override string? Fault(Tile tile)
        => tile.First < 1 ? "expected at least 1 row"
        : tile.Second is < 1 or > 3 ? "expected 1 to 3 vectors"
        : tile.Length < 0 || (tile.Length > 0 && tile.Second != 1) ? "expected 1 vector for kernel rows of a fixed length"
        : Registers(tile) > 32 ? "it needs more than 32 registers"
        : null;

    public override string Describe(Tile tile) => $"outer product tile of {tile.First} rows by {tile.Second} vectors{(tile.Length > 0 ? $", {tile.Length} values" : "")}";

    protected override (string Type, string Name, string[] Numbers)[] Choosers => [(Pointer, "Written", ["rows", "vectors"]), (Pointer, "WrittenKernelRows", ["runs", "length"])];

    protected override void Write(SourceWriter w, IReadOnlyList<Tile> tiles)
    {
        var general = tiles.Where(tile => tile.Length == 0);
        var kernelRows = tiles.Where(tile => tile.Length > 0);
        Choose(w, 0, general.Select(tile => ($"({tile.First}, {tile.Second})", $"Tile{tile.First}x{tile.Second}")), "throw new ArgumentOutOfRangeException(nameof(rows), rows, $\"There is no tile of {rows} rows by {vectors} vectors.\")");
        w.Line();
        Choose(w, 1, kernelRows.Select(tile => ($"({tile.First}, {tile.Length})", $"KernelRows{tile.First}x{tile.Length}")), "null");
        foreach (var tile in general) Method(w, $"static void Tile{tile.First}x{tile.Second}(OuterProductCall* call, float* x, float* dy, float* dw)", () => General(w, tile.First, tile.Second));
        foreach (var tile in kernelRows) Method(w, $"static void KernelRows{tile.First}x{tile.Length}(OuterProductCall* call, float* x, float* dy, float* dw)", () => KernelRows(w, tile.First, tile.Length));
    }

    public override int Registers(Tile tile) => tile.Length > 0 ? (tile.First * tile.Length) + 1 : (tile.First * tile.Second) + tile.Second + 1;

    static void General(SourceWriter w, int rows, int vectors)
    {
        for (var r = 0; r < rows; r++) w.Line("Floats " + Each(vectors, ", ", v => $"c{r}_{v} = V.Load({Sum(r, v)})") + ";");
        w.Line("nint xStride = call->XStride, dyStride = call->DyStride;");
        w.Line("byte* nextX = call->NextX.Next(dw), nextDy = call->NextDy.Next(dw);");
        w.Line("nint nextXStep = call->NextX.Step, nextDyStep = call->NextDy.Step;");
        w.Line("nint* offset = call->Offsets, dyOffset = call->DyOffsets;");
        w.Block("for (var segment = call->Segments; segment > 0; segment--, offset++, dyOffset++)", () =>
        {
            w.Line("var p = (float*)((byte*)x + *offset);");
            w.Line("var q = (float*)((byte*)dy + *dyOffset);");
            w.Block("for (var i = call->Length; i > 0; i--)", () =>
            {
                w.Line("Floats " + Each(vectors, ", ", v => $"d{v} = V.Load(q{Vectors(v)})") + ";");
                for (var r = 0; r < rows; r++)
                {
                    if (vectors == 1)
                    {
                        w.Line($"c{r}_0 = V.MultiplyAddEstimate(V.Create(p[{r}]), d0, c{r}_0);");
                        continue;
                    }

                    w.Line($"var a{r} = V.Create(p[{r}]);");
                    for (var v = 0; v < vectors; v++) w.Line($"c{r}_{v} = V.MultiplyAddEstimate(d{v}, a{r}, c{r}_{v});");
                }

                w.Line("p = (float*)((byte*)p + xStride);");
                w.Line("q = (float*)((byte*)q + dyStride);");
                w.Block("if (Sse.IsSupported)", () =>
                {
                    w.Line("Sse.Prefetch1(nextX);");
                    w.Line("Sse.Prefetch1(nextDy);");
                    w.Line("nextX += nextXStep;");
                    w.Line("nextDy += nextDyStep;");
                });
            });
        });
        w.Line();
        w.Line("call->NextX.Continue(nextX);");
        w.Line("call->NextDy.Continue(nextDy);");
        for (var r = 0; r < rows; r++) w.Line(Each(vectors, " ", v => $"V.Store(c{r}_{v}, {Sum(r, v)});"));

        string Sum(int r, int v)
        {
            var index = (r * vectors) + v;
            return index == 0 ? "dw" : $"dw + ({index} * Count)";
        }
    }

    static void KernelRows(SourceWriter w, int rows, int length)
    {
        w.Line("nint xStride = call->XStride, dyStride = call->DyStride, runStride = call->RunStride;");
        for (var r = 0; r < rows; r++)
        {
            for (var i = 0; i < length; i++) w.Line($"Floats c{r}_{i} = V.Load({Sum(r, i)});");
        }

        w.Line("nint* offset = call->Offsets, dyOffset = call->DyOffsets;");
        w.Block("for (var segment = call->Segments; segment > 0; segment--, offset++, dyOffset++)", () =>
        {
            w.Line("var p0 = (float*)((byte*)x + *offset);");
            for (var r = 1; r < rows; r++) w.Line($"var p{r} = (float*)((byte*)p{r - 1} + runStride);");
            w.Line("var q = (float*)((byte*)dy + *dyOffset);");
            w.Block("for (var i = call->Length; i > 0; i--)", () =>
            {
                w.Line("Floats d = V.Load(q);");
                for (var r = 0; r < rows; r++)
                {
                    for (var i = 0; i < length; i++) w.Line($"c{r}_{i} = V.MultiplyAddEstimate(V.Create(p{r}[{i}]), d, c{r}_{i});");
                }

                for (var r = 0; r < rows; r++) w.Line($"p{r} = (float*)((byte*)p{r} + xStride);");
                w.Line("q = (float*)((byte*)q + dyStride);");
            });
        });
        w.Line();
        for (var r = 0; r < rows; r++)
        {
            for (var i = 0; i < length; i++) w.Line($"V.Store(c{r}_{i}, {Sum(r, i)});");
        }

        static string Sum(int r, int i) => r == 0 ? $"dw + ({i} * Count)" : $"dw + ({r} * call->RunLength) + ({i} * Count)";
    }
}
