namespace CnnSharp.Data;

/// <summary>Which samples of a set come into which part, by their indices: what <see cref="Dataset"/> and <see cref="ImageDataset"/> make subsets of.</summary>
static class Partition
{
    /// <summary>Throws if an index is that of no sample.</summary>
    public static void Check(IDataset set, IReadOnlyList<int> indices)
    {
        ArgumentNullException.ThrowIfNull(indices);
        for (var i = 0; i < indices.Count; i++)
        {
            if ((uint)indices[i] >= (uint)set.Count) throw new ArgumentOutOfRangeException(nameof(indices), indices[i], $"'{set.Name}' has {set.Count:N0} samples, from 0; place {i:N0} of the subset asks for {indices[i]:N0}.");
        }
    }

    /// <summary>Two parts, each in the set's order.</summary>
    public static (int[] Train, int[] Held) Split(IDataset set, double share, ulong seed, IReadOnlyList<int>? labels)
    {
        ArgumentNullException.ThrowIfNull(set);
        if (!(share is > 0 and < 1)) throw new ArgumentOutOfRangeException(nameof(share), share, $"Split of '{set.Name}': expected a share within (0, 1).");
        CheckLabels("Split", set, labels);
        var held = new HashSet<int>();
        var order = Sampler.Shuffle(set.Count, seed, epoch: 0);
        foreach (var group in order.GroupBy(index => labels?[index] ?? 0))
        {
            var members = group.ToArray();
            held.UnionWith(members.Take((int)Math.Round(members.Length * share, MidpointRounding.AwayFromZero)));
        }

        if (held.Count == 0 || held.Count == set.Count) throw new ArgumentException($"Split of '{set.Name}': {share} of {set.Count:N0} samples leaves one part empty.", nameof(share));
        return ([.. Enumerable.Range(0, set.Count).Where(index => !held.Contains(index))], [.. held.Order()]);
    }

    /// <summary>Pairs of parts, each in the set's order.</summary>
    public static IEnumerable<(int[] Train, int[] Held)> Folds(IDataset set, int folds, ulong seed, IReadOnlyList<int>? labels)
    {
        ArgumentNullException.ThrowIfNull(set);
        if (folds < 2 || folds > set.Count) throw new ArgumentOutOfRangeException(nameof(folds), folds, $"Folds of '{set.Name}': expected 2 to {set.Count:N0}, its samples.");
        CheckLabels("Folds", set, labels);
        var order = Sampler.Shuffle(set.Count, seed, epoch: 0);

        // Dealt out class by class, like cards: no fold has more than one sample more of a class, or of all, than another.
        if (labels is not null) order = [.. order.GroupBy(index => labels[index]).OrderBy(group => group.Key).SelectMany(group => group)];
        return Enumerable.Range(0, folds).Select(fold => (Part(at => at % folds != fold), Part(at => at % folds == fold)));

        int[] Part(Func<int, bool> isIn) => [.. Enumerable.Range(0, order.Length).Where(isIn).Select(at => order[at]).Order()];
    }

    static void CheckLabels(string what, IDataset set, IReadOnlyList<int>? labels)
    {
        if (labels is not null && labels.Count != set.Count) throw new ArgumentException($"{what} of '{set.Name}': {labels.Count:N0} labels for {set.Count:N0} samples.", nameof(labels));
    }
}
