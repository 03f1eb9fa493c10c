namespace CnnSharp;

/// <summary>Finds what a mistyped name was meant to be.</summary>
internal static class Nearest
{
    /// <summary>"Unknown WHAT 'NAME'. Did you mean 'X'? There are: ...".</summary>
    public static string Unknown(string what, string name, IReadOnlyList<string> known)
    {
        var nearest = Find(name, known);
        var guess = nearest is null ? "" : $" Did you mean '{nearest}'?";
        return $"Unknown {what} '{name}'.{guess} There are: {string.Join(", ", known)}.";
    }

    /// <summary>The known name with the fewest edits from the given one; null if none is near (more than half of it differs).</summary>
    public static string? Find(string name, IReadOnlyList<string> known)
    {
        string? best = null;
        var fewest = int.MaxValue;
        foreach (var candidate in known)
        {
            var edits = Edits(name.ToUpperInvariant(), candidate.ToUpperInvariant());
            if (edits >= fewest) continue;
            (best, fewest) = (candidate, edits);
        }

        return best is not null && 2 * fewest <= Math.Max(name.Length, best.Length) ? best : null;
    }

    /// <summary>Insertions, deletions, replacements and exchanges of neighbors between two words (Damerau 1964).</summary>
    static int Edits(string a, string b)
    {
        var d = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++) d[i, 0] = i;
        for (var j = 0; j <= b.Length; j++) d[0, j] = j;
        for (var i = 1; i <= a.Length; i++)
        {
            for (var j = 1; j <= b.Length; j++)
            {
                var replaced = d[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                d[i, j] = Math.Min(Math.Min(d[i - 1, j], d[i, j - 1]) + 1, replaced);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) d[i, j] = Math.Min(d[i, j], d[i - 2, j - 2] + 1);
            }
        }

        return d[a.Length, b.Length];
    }
}
