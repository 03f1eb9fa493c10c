namespace CnnSharp.Kernels.Cpu;

/// <summary>Which algorithms an engine's convolutions choose from. The last of each list, the direct method, is always among them.</summary>
internal sealed class AlgorithmChoice
{
    readonly string words;
    readonly Predicate<string> isMeant;

    AlgorithmChoice(string words, Predicate<string> isMeant, bool wherePossible = false) => (this.words, this.isMeant, WherePossible) = (words, isMeant, wherePossible);

    /// <summary>Each where it pays.</summary>
    public static AlgorithmChoice All { get; } = new("all", _ => true);

    /// <summary>The direct method alone.</summary>
    public static AlgorithmChoice Direct { get; } = new("direct", _ => false);

    /// <summary>Whether one is taken wherever it applies, and not only where it pays.</summary>
    public bool WherePossible { get; }

    /// <summary>All but some.</summary>
    public static AlgorithmChoice Without(params string[] names) => new($"without {string.Join(", ", names)}", name => !names.Contains(name));

    /// <summary>One, wherever it applies.</summary>
    public static AlgorithmChoice Only(string name) => new(name, other => other == name, wherePossible: true);

    /// <summary>Whether the algorithm called <paramref name="name"/> may be chosen.</summary>
    public bool May(string name) => isMeant(name);

    /// <inheritdoc/>
    public override string ToString() => words;
}
