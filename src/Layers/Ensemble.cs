namespace CnnSharp.Layers;

/// <summary>What an <see cref="Ensemble"/> averages.</summary>
public enum EnsembleAverage
{
    /// <summary>Of classifiers: the probabilities of the classes, along the last axis. The result is their logarithm, so that it goes where logits go.</summary>
    Probabilities,

    /// <summary>The results as they are: of regression, or of logits of several labels.</summary>
    Outputs,
}

/// <summary>
/// Several models as one: each gets the input, and their predictions are averaged. A layer like any other, so it is evaluated, asked and exported as
/// one: <c>Trainer.Evaluate(new Ensemble(first, second), test)</c>. Of classifiers the result is log(mean of softmax(logits)), whose softmax is the mean itself.
/// </summary>
public sealed class Ensemble : Layer
{
    readonly IReadOnlyList<Layer> models;

    /// <summary>Creates an ensemble of classifiers.</summary>
    /// <param name="models">At least one, all on one device.</param>
    /// <exception cref="ArgumentException">There is none, or one stands there twice.</exception>
    public Ensemble(params Layer[] models)
        : this(EnsembleAverage.Probabilities, models)
    {
    }

    /// <summary>Creates an ensemble.</summary>
    /// <param name="average">What is averaged.</param>
    /// <param name="models">At least one, all on one device.</param>
    /// <exception cref="ArgumentException">There is none, one stands there twice, or there is no such average.</exception>
    public Ensemble(EnsembleAverage average, params Layer[] models)
    {
        ArgumentNullException.ThrowIfNull(models);
        if (models.Length == 0) throw new ArgumentException("Ensemble: expected at least one model.", nameof(models));
        if (models.Distinct(ReferenceEqualityComparer.Instance).Count() < models.Length) throw new ArgumentException("Ensemble: a model occurs twice; expected each once.", nameof(models));
        if (!Enum.IsDefined(average)) throw new ArgumentOutOfRangeException(nameof(average), average, $"Ensemble: expected {string.Join(" or ", Enum.GetNames<EnsembleAverage>())}.");
        (Average, this.models) = (average, [.. models]);
        SetTraining(models.Any(model => model.IsTraining));
    }

    /// <summary>What is averaged.</summary>
    public EnsembleAverage Average { get; }

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x)
    {
        var results = new Tensor[models.Count];
        for (var i = 0; i < results.Length; i++)
        {
            results[i] = models[i].Forward(x);
            if (results[i].Shape != results[0].Shape) throw new Kernels.ShapeException(nameof(Ensemble), $"model 0 gives {results[0].Shape} for {x.Shape}, model {i} {results[i].Shape}; expected the same of all.");
        }

        if (Average == EnsembleAverage.Outputs) return Sum(results) / results.Length;

        // Relative to the greatest of them, so that small probabilities are not lost.
        var logs = Array.ConvertAll(results, Functional.LogSoftmax);
        var most = logs[0];
        foreach (var log in logs.AsSpan(1)) most = Functional.Maximum(most, log);
        return most + Functional.Log(Sum(Array.ConvertAll(logs, log => Functional.Exp(log - most))) / logs.Length);
    }

    static Tensor Sum(Tensor[] parts)
    {
        var sum = parts[0];
        foreach (var part in parts.AsSpan(1)) sum += part;
        return sum;
    }
}
