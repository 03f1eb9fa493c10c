namespace CnnSharp.Training;

/// <summary>An image that was taken for another class than its own.</summary>
/// <param name="Index">Which of the set's, from 0.</param>
/// <param name="Label">Its class.</param>
/// <param name="Predicted">The class of the largest logit, the first of equals.</param>
/// <param name="Probability">That class's share of the softmax, 0 to 1.</param>
public sealed record Mistake(int Index, int Label, int Predicted, double Probability);

/// <summary>The mistakes that a model is surest of, as many as there is room for. Of equally sure ones those of lower index.</summary>
sealed class MistakeList(int most)
{
    // The one to give way first is the least sure.
    readonly PriorityQueue<Mistake, (double Probability, int Index)> kept = new(Comparer<(double Probability, int Index)>.Create((a, b) => a.Probability != b.Probability ? a.Probability.CompareTo(b.Probability) : b.Index.CompareTo(a.Index)));

    /// <summary>Looks at the logits of an image.</summary>
    public void Add(int index, int label, ReadOnlySpan<float> logits)
    {
        if (most == 0) return;
        var predicted = 0;
        for (var i = 1; i < logits.Length; i++)
        {
            if (logits[i] > logits[predicted]) predicted = i;
        }

        if (predicted == label) return;
        var sum = 0.0;
        foreach (var logit in logits) sum += logit == logits[predicted] ? 1 : Math.Exp((double)logit - logits[predicted]);
        var mistake = new Mistake(index, label, predicted, 1 / sum);
        if (kept.Count < most) kept.Enqueue(mistake, (mistake.Probability, index));
        else kept.EnqueueDequeue(mistake, (mistake.Probability, index));
    }

    /// <summary>All that were kept, the surest first.</summary>
    public IReadOnlyList<Mistake> Ordered() => [.. kept.UnorderedItems.Select(item => item.Element).OrderByDescending(mistake => mistake.Probability).ThenBy(mistake => mistake.Index)];
}
