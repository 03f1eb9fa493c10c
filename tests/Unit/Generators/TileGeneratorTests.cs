using CnnSharp.Generators;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>The source generator of the CPU engine's register tiles, run by itself.</summary>
public sealed class TileGeneratorTests
{
    static readonly MetadataReference[] References = [MetadataReference.CreateFromFile(typeof(object).Assembly.Location)];

    [Fact]
    public void AnOuterProductTileIsWrittenOut()
    {
        var (result, _) = Run("[OuterProductTile(2, 1)] static unsafe partial class Tiles<V> { }");
        Assert.Empty(result.Diagnostics);
        Assert.Contains(
            """
                static void Tile2x1(OuterProductCall* call, float* x, float* dy, float* dw)
                {
                    Floats c0_0 = V.Load(dw);
                    Floats c1_0 = V.Load(dw + (1 * Count));
                    nint xStride = call->XStride, dyStride = call->DyStride;
                    byte* nextX = call->NextX.Next(dw), nextDy = call->NextDy.Next(dw);
                    nint nextXStep = call->NextX.Step, nextDyStep = call->NextDy.Step;
                    nint* offset = call->Offsets, dyOffset = call->DyOffsets;
                    for (var segment = call->Segments; segment > 0; segment--, offset++, dyOffset++)
                    {
                        var p = (float*)((byte*)x + *offset);
                        var q = (float*)((byte*)dy + *dyOffset);
                        for (var i = call->Length; i > 0; i--)
                        {
                            Floats d0 = V.Load(q);
                            c0_0 = V.MultiplyAddEstimate(V.Create(p[0]), d0, c0_0);
                            c1_0 = V.MultiplyAddEstimate(V.Create(p[1]), d0, c1_0);
            """.ReplaceLineEndings("\n"),
            Text(result, "Tiles512.g.cs"),
            StringComparison.Ordinal);
    }

    [Fact]
    public void EveryTileIsChosenByItsNumbers()
    {
        var result = Run("[CorrelationTile(3, 2)] [CorrelationTile(8, 1)] [CorrelationTile(8, 1, Length = 9)] static unsafe partial class Tiles<V> { }").Result;
        var text = Text(result, "Tiles512.g.cs");
        Assert.Contains("using V = System.Runtime.Intrinsics.Vector512;", text, StringComparison.Ordinal);
        Assert.Contains("(3, 2) => &Tile6x2,\n        (8, 1) => &Tile16x1,\n        _ => throw", text, StringComparison.Ordinal);
        Assert.Contains("(8, 9) => &Tile16x1Of9,\n        _ => null,", text, StringComparison.Ordinal);
        Assert.Contains("namespace Sample;", text, StringComparison.Ordinal);
        Assert.Equal(3, text.Split("[MethodImpl(MethodImplOptions.AggressiveOptimization)]").Length - 1);

        // With 16 registers there are none for 16 sums, a weight and a value of x.
        text = Text(result, "Tiles256.g.cs");
        Assert.Contains("(3, 2) => &Tile6x2,\n        _ => throw", text, StringComparison.Ordinal);
        Assert.DoesNotContain("Tile16x1", text, StringComparison.Ordinal);
        text = Text(result, "Tiles.g.cs");
        Assert.Contains("16 => Tiles512.Written(half, vectors),\n        8 => Tiles256.Written(half, vectors),\n        _ => Tiles128.Written(half, vectors),", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[CorrelationTile(1, 1)]", "correlation tile of 2 x 1 pixels by 1 vectors: expected 2 to 8 pixels in a half")]
    [InlineData("[CorrelationTile(8, 2)]", "correlation tile of 2 x 8 pixels by 2 vectors: it needs more than 32 registers")]
    [InlineData("[CorrelationTile(4, 2, Length = 9)]", "correlation tile of 2 x 4 pixels by 2 vectors, 9 values: expected 1 vector for segments of a fixed length")]
    [InlineData("[OuterProductTile(16, 2)]", "outer product tile of 16 rows by 2 vectors: it needs more than 32 registers")]
    [InlineData("[OuterProductTile(4, 1)] [OuterProductTile(4, 1)]", "outer product tile of 4 rows by 1 vectors: it is specified more than once")]
    [InlineData("[PhaseTile(6)]", "phase tile of 6 pixels: expected 1 to 5 pixels")]
    public void ATileThatCannotBeIsAnErrorWhereItIsAskedFor(string attributes, string message)
    {
        var (result, source) = Run($"{attributes} static unsafe partial class Tiles<V> {{ }}");
        var error = Assert.Single(result.Diagnostics);
        Assert.Equal(("CNN001", DiagnosticSeverity.Error, message), (error.Id, error.Severity, error.GetMessage(System.Globalization.CultureInfo.InvariantCulture)));
        var last = attributes[(attributes.LastIndexOf('[') + 1)..^1];
        Assert.Equal(last, source[error.Location.SourceSpan.Start..error.Location.SourceSpan.End]);
        Assert.DoesNotContain(result.GeneratedTrees, tree => tree.FilePath.EndsWith("Tiles.g.cs", StringComparison.Ordinal));
    }

    [Fact]
    public void WhatHasNotChangedIsNotWrittenAgain()
    {
        var compilation = Compile("[PhaseTile(2)] static unsafe partial class Tiles<V> { }", out _);
        GeneratorDriver driver = CSharpGeneratorDriver.Create([new TileGenerator().AsSourceGenerator()], driverOptions: new(IncrementalGeneratorOutputKind.None, trackIncrementalGeneratorSteps: true));
        driver = driver.RunGenerators(compilation, TestContext.Current.CancellationToken);
        driver = driver.RunGenerators(compilation.AddSyntaxTrees(CSharpSyntaxTree.ParseText("class Other;", cancellationToken: TestContext.Current.CancellationToken)), TestContext.Current.CancellationToken);
        var steps = driver.GetRunResult().Results.Single().TrackedSteps[TileGenerator.Step];
        Assert.Contains(steps.SelectMany(step => step.Outputs), output => output.Reason is IncrementalStepRunReason.Cached or IncrementalStepRunReason.Unchanged);
        Assert.DoesNotContain(steps.SelectMany(step => step.Outputs), output => output.Reason is IncrementalStepRunReason.New or IncrementalStepRunReason.Modified);
    }

    static (GeneratorDriverRunResult Result, string Source) Run(string type)
    {
        var compilation = Compile(type, out var source);
        return (CSharpGeneratorDriver.Create(new TileGenerator()).RunGenerators(compilation, TestContext.Current.CancellationToken).GetRunResult(), source);
    }

    static CSharpCompilation Compile(string type, out string source)
    {
        source = $"using CnnSharp.Generators;\nnamespace Sample;\n{type}\n";
        return CSharpCompilation.Create("Sample", [CSharpSyntaxTree.ParseText(source, cancellationToken: TestContext.Current.CancellationToken)], References, new(OutputKind.DynamicallyLinkedLibrary, allowUnsafe: true));
    }

    static string Text(GeneratorDriverRunResult result, string file) => result.GeneratedTrees.Single(tree => tree.FilePath.EndsWith(file, StringComparison.Ordinal)).ToString();
}
