namespace CnnSharp.Data;

/// <summary>Compares the names of classes: a label means nothing but by the name that stands behind it.</summary>
public static class ClassNames
{
    const int MostListed = 10;

    /// <summary>What differs between the classes that a model was trained on and those of a data set, in words.</summary>
    /// <param name="trained">The model's, in the order of their labels.</param>
    /// <param name="found">The data set's, in the order of their labels.</param>
    /// <returns>Null if they are the same in the same order.</returns>
    public static string? Difference(IReadOnlyList<string> trained, IReadOnlyList<string> found)
    {
        if (trained.SequenceEqual(found, StringComparer.Ordinal)) return null;
        if (AreReordered(trained, found))
        {
            var label = Enumerable.Range(0, trained.Count).First(i => trained[i] != found[i]);
            return $"the same {trained.Count:N0} in another order; label {label} is '{trained[label]}' of the model and '{found[label]}' of the data";
        }

        string[] parts = [List("only the model has", trained.Except(found, StringComparer.Ordinal)), List("only the data has", found.Except(trained, StringComparer.Ordinal))];
        return string.Join("; ", parts.Where(part => part.Length > 0)) is { Length: > 0 } text ? text : $"{trained.Count:N0} of the model, {found.Count:N0} of the data, some of them named alike";
    }

    /// <summary>Whether both have the same names, each once, in different orders.</summary>
    public static bool AreReordered(IReadOnlyList<string> trained, IReadOnlyList<string> found)
        => trained.Count == found.Count && !trained.SequenceEqual(found, StringComparer.Ordinal) && trained.Distinct().Count() == trained.Count && trained.ToHashSet(StringComparer.Ordinal).SetEquals(found);

    static string List(string what, IEnumerable<string> names)
    {
        var all = names.ToList();
        return all.Count == 0 ? "" : $"{what} {string.Join(", ", all.Take(MostListed).Select(name => $"'{name}'"))}{(all.Count > MostListed ? $" and {all.Count - MostListed:N0} more" : "")}";
    }
}
