using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Text;

namespace CnnSharp.Generators;

/// <summary>A tile that an attribute asks for: its numbers, as the attribute names them, and where they stand.</summary>
readonly record struct Tile(int First, int Second, int Length, Place Place);

/// <summary>A place in a source file, by value: a <see cref="Location"/> would keep a compilation alive.</summary>
readonly record struct Place(string File, TextSpan Span, LinePositionSpan Lines)
{
    public Location ToLocation() => Location.Create(File, Span, Lines);
}

/// <summary>A width of vectors.</summary>
/// <param name="Bits">Of a vector.</param>
/// <param name="Registers">How many the machine has.</param>
readonly record struct Width(int Bits, int Registers)
{
    public static readonly Width[] All = [new(512, 32), new(256, 16), new(128, 16)];

    public int Lanes => Bits / 32;
}

/// <summary>A partial class and the tiles that it is to have. Compared by value, so that what has not changed is not generated again.</summary>
sealed class TileClass(string container, string name, ImmutableArray<Tile> tiles) : IEquatable<TileClass>
{
    public string Container { get; } = container;

    public string Name { get; } = name;

    /// <summary>The name without its type parameter.</summary>
    public string Plain => Name.Split('<')[0];

    public ImmutableArray<Tile> Tiles { get; } = tiles;

    public static TileClass Of(GeneratorAttributeSyntaxContext context, CancellationToken cancellation)
    {
        var type = (INamedTypeSymbol)context.TargetSymbol;
        var tiles = context.Attributes.Select(attribute =>
        {
            var numbers = attribute.ConstructorArguments.Select(argument => argument.Value is int number ? number : 0).ToArray();
            var length = attribute.NamedArguments.FirstOrDefault(argument => argument.Key == "Length").Value.Value is int given ? given : 0;
            var syntax = attribute.ApplicationSyntaxReference!.GetSyntax(cancellation);
            return new Tile(numbers[0], numbers.Length > 1 ? numbers[1] : 0, length, new(syntax.SyntaxTree.FilePath, syntax.Span, syntax.SyntaxTree.GetLineSpan(syntax.Span, cancellation).Span));
        });
        return new(type.ContainingNamespace.ToDisplayString(), type.ToDisplayString(SymbolDisplayFormat.MinimallyQualifiedFormat), [.. tiles]);
    }

    public bool Equals(TileClass? other) => other is not null && Container == other.Container && Name == other.Name && Tiles.SequenceEqual(other.Tiles);

    public override bool Equals(object? obj) => Equals(obj as TileClass);

    public override int GetHashCode() => Name.GetHashCode() ^ Tiles.Length;
}
