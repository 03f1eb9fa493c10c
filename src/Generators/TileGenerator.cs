using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Text;

namespace CnnSharp.Generators;

/// <summary>
/// Writes the register tiles of the CPU engine. A tile keeps all its sums in locals, which the JIT puts in vector registers; an array
/// would live in memory. So every shape is written out, for each width of vectors whose registers it fits: the attributes of a partial
/// class say which shapes it has. The locals are the runtime's own vectors: of those in a structure of ours the JIT overwrites a
/// factor of a multiply-add and copies it back (seen at AVX2).
/// </summary>
[Generator(LanguageNames.CSharp)]
public sealed class TileGenerator : IIncrementalGenerator
{
    /// <summary>The name of the step whose results tests look at.</summary>
    public const string Step = "Tiles";

    static readonly DiagnosticDescriptor NoSuchTile = new("CNN001", "There is no such register tile", "{0}: {1}", "CnnSharp.Generators", DiagnosticSeverity.Error, isEnabledByDefault: true);

    static readonly TileFamily[] Families = [new CorrelationFamily(), new OuterProductFamily(), new PhaseFamily()];

    /// <inheritdoc/>
    public void Initialize(IncrementalGeneratorInitializationContext context)
    {
        context.RegisterPostInitializationOutput(static output =>
        {
            foreach (var family in Families) output.AddSource($"{family.Attribute}.g.cs", SourceText.From(family.AttributeSource, Encoding.UTF8));
        });
        foreach (var family in Families)
        {
            var classes = context.SyntaxProvider
                .ForAttributeWithMetadataName($"CnnSharp.Generators.{family.Attribute}", static (node, _) => node is ClassDeclarationSyntax, TileClass.Of)
                .WithTrackingName(Step);
            context.RegisterSourceOutput(classes, (output, tiles) => Write(output, family, tiles));
        }
    }

    static void Write(SourceProductionContext output, TileFamily family, TileClass tiles)
    {
        var seen = new HashSet<(int, int, int)>();
        var isSound = true;
        foreach (var tile in tiles.Tiles)
        {
            var fault = family.Fault(tile) ?? (seen.Add((tile.First, tile.Second, tile.Length)) ? null : "it is specified more than once");
            if (fault is null) continue;
            isSound = false;
            output.ReportDiagnostic(Diagnostic.Create(NoSuchTile, tile.Place.ToLocation(), family.Describe(tile), fault));
        }

        if (!isSound) return;
        output.AddSource($"{tiles.Plain}.g.cs", SourceText.From(family.Source(tiles), Encoding.UTF8));
        foreach (var width in Width.All) output.AddSource($"{tiles.Plain}{width.Bits}.g.cs", SourceText.From(family.Source(tiles, width), Encoding.UTF8));
    }
}

/// <summary>A kind of register tile: its attribute, its bounds and its text.</summary>
abstract class TileFamily
{
    /// <summary>The attribute's class.</summary>
    public abstract string Attribute { get; }

    /// <summary>The parameters of its constructor.</summary>
    protected abstract string Parameters { get; }

    /// <summary>What is wrong with a tile, or null.</summary>
    public abstract string? Fault(Tile tile);

    /// <summary>A tile in a message.</summary>
    public abstract string Describe(Tile tile);

    /// <summary>The vector registers that a tile takes.</summary>
    public abstract int Registers(Tile tile);

    /// <summary>The functions that choose among the tiles: what comes before the name, the name, and the numbers.</summary>
    protected abstract (string Type, string Name, string[] Numbers)[] Choosers { get; }

    /// <summary>
    /// Writes these functions and the tiles for one width of vectors: V is the runtime's class of functions of such vectors, Floats
    /// such a vector, Count its lanes.
    /// </summary>
    protected abstract void Write(SourceWriter w, IReadOnlyList<Tile> tiles);

    /// <summary>The attribute, in C#.</summary>
    public string AttributeSource
        => $$"""
            namespace CnnSharp.Generators;

            /// <summary>A register tile that the class is to have.</summary>
            [global::System.AttributeUsage(global::System.AttributeTargets.Class, AllowMultiple = true)]
            internal sealed class {{Attribute}} : global::System.Attribute
            {
                public {{Attribute}}({{Parameters}})
                {
                }

                /// <summary>Values of a segment, if the tile is for segments of that length alone.</summary>
                public int Length { get; set; }
            }

            """;

    /// <summary>The other part of the class, in C#: it chooses by the width of its vectors.</summary>
    public string Source(TileClass tiles)
    {
        var w = Begin(tiles, []);
        w.Block($"internal static unsafe partial class {tiles.Name}", () =>
        {
            foreach (var (type, name, numbers) in Choosers)
            {
                var names = string.Join(", ", numbers);
                w.Line($"static {type} {name}({Each(numbers.Length, ", ", i => $"int {numbers[i]}")}) => V.Count switch");
                w.Line("{");
                foreach (var width in Width.All) w.Line($"    {(width == Width.All[Width.All.Length - 1] ? "_" : $"{width.Lanes}")} => {tiles.Plain}{width.Bits}.{name}({names}),");
                w.Line("};");
            }
        });
        return w.ToString();
    }

    /// <summary>The class of the tiles for one width, in C#.</summary>
    public string Source(TileClass tiles, Width width)
    {
        var w = Begin(tiles, [$"using Floats = System.Runtime.Intrinsics.Vector{width.Bits}<float>;", $"using V = System.Runtime.Intrinsics.Vector{width.Bits};"]);
        w.Block($"internal static unsafe class {tiles.Plain}{width.Bits}", () =>
        {
            w.Line($"const int Count = {width.Lanes};");
            w.Line();
            Write(w, [.. tiles.Tiles.Where(tile => Registers(tile) <= width.Registers)]);
        });
        return w.ToString();
    }

    static SourceWriter Begin(TileClass tiles, string[] usings)
    {
        var w = new SourceWriter();
        w.Line("// <auto-generated>Generated by CnnSharp.Generators from the attributes of the class.</auto-generated>");
        w.Line("#nullable enable");
        w.Line();
        w.Line("using System;");
        w.Line("using System.Runtime.CompilerServices;");
        w.Line("using System.Runtime.Intrinsics.X86;");
        foreach (var line in usings) w.Line(line);
        w.Line();
        w.Line($"namespace {tiles.Container};");
        w.Line();
        return w;
    }

    /// <summary>A function from a tile's numbers to the tile.</summary>
    protected void Choose(SourceWriter w, int chooser, IEnumerable<(string Numbers, string Tile)> tiles, string other)
    {
        var (type, name, numbers) = Choosers[chooser];
        w.Line($"public static {type} {name}({Each(numbers.Length, ", ", i => $"int {numbers[i]}")}) => {(numbers.Length == 1 ? numbers[0] : $"({string.Join(", ", numbers)})")} switch");
        w.Line("{");
        foreach (var tile in tiles) w.Line($"    {tile.Numbers} => &{tile.Tile},");
        w.Line($"    _ => {other},");
        w.Line("};");
    }

    /// <summary>A method that is compiled with all optimizations at once.</summary>
    protected static void Method(SourceWriter w, string signature, Action body)
    {
        w.Line();
        w.Line("[MethodImpl(MethodImplOptions.AggressiveOptimization)]");
        w.Block(signature, body);
    }

    /// <summary>" + i vectors", or nothing for 0.</summary>
    protected static string Vectors(int index) => index switch { 0 => "", 1 => " + Count", _ => $" + ({index} * Count)" };

    /// <summary>Several texts, one for each number from 0 on, with something between.</summary>
    protected static string Each(int count, string between, Func<int, string> text) => string.Join(between, Enumerable.Range(0, count).Select(text));

    /// <summary>"nint s1 = stride, s2 = s1 + s1, ...": the distances of the pixels of a run.</summary>
    protected static string Distances(int pixels, string stride) => $"nint s1 = {stride}" + string.Concat(Enumerable.Range(2, Math.Max(0, pixels - 2)).Select(i => $", s{i} = s{i - 1} + s1")) + ";";
}
