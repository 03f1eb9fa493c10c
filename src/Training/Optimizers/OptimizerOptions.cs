using System.Text.Json.Serialization;

namespace CnnSharp.Training;

/// <summary>Which optimizer, and its settings. The defaults are PyTorch's.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "name", UnknownDerivedTypeHandling = JsonUnknownDerivedTypeHandling.FallBackToNearestAncestor)]
[JsonDerivedType(typeof(SgdOptions), "sgd")]
[JsonDerivedType(typeof(AdaGradOptions), "adagrad")]
[JsonDerivedType(typeof(RmsPropOptions), "rmsprop")]
[JsonDerivedType(typeof(AdamOptions), "adam")]
[JsonDerivedType(typeof(AdamWOptions), "adamw")]
[JsonDerivedType(typeof(NAdamOptions), "nadam")]
[JsonDerivedType(typeof(AdaMaxOptions), "adamax")]
[JsonDerivedType(typeof(AdadeltaOptions), "adadelta")]
[JsonDerivedType(typeof(LionOptions), "lion")]
[JsonDerivedType(typeof(MuonOptions), "muon")]
[JsonDerivedType(typeof(LarsOptions), "lars")]
public abstract record OptimizerOptions
{
    /// <summary>The learning rate that a schedule starts from; default 1e-3 (AdaGrad and RMSProp 1e-2, NAdam and AdaMax 2e-3, Adadelta 1, Lion 1e-4, Muon 0.02, LARS 1).</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>L2 added to the gradient (AdamW, Lion and Muon: taken off the weight); default 0 (AdamW 1e-2).</summary>
    public double WeightDecay { get; init; }

    /// <summary>
    /// L1, a penalty on the sum of the weights' sizes: its sign(w) times this, 0 at 0, is added to the gradient (AdamW, Lion and Muon: times
    /// the rate, taken off the weight). With <see cref="WeightDecay"/> beside it an elastic net. Default 0. Gradients are clipped before.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public double L1 { get; init; }

    /// <summary>
    /// What the norm of the incoming weights of a unit may not exceed: after each step those of a larger norm are scaled down to it (max-norm, Srivastava et
    /// al. 2014, "Dropout", section 5.1). A unit is a place of a weight's last axis, an output; parameters of one axis are left alone. Default null: none.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? MaxNorm { get; init; }

    /// <summary>Whether weight decay and L1 also fall on parameters of one axis: biases and the weights of batch norm. Default true.</summary>
    public bool DecayVectors { get; init; } = true;

    /// <summary>Scales the gradients down where their norm, over all parameters, exceeds this; default null: never.</summary>
    public double? MaxGradientNorm { get; init; }

    /// <summary>Brings each element of the gradients to within this of 0; default null: no element is changed. Not together with <see cref="MaxGradientNorm"/>.</summary>
    public double? MaxGradientValue { get; init; }

    /// <summary>An optimizer of one group of parameters.</summary>
    /// <exception cref="ArgumentException">A setting is out of its range, or a parameter occurs twice.</exception>
    public Optimizer Create(IEnumerable<Tensor> parameters) => Create([new ParameterGroup(parameters)]);

    /// <summary>An optimizer of several groups of parameters.</summary>
    /// <exception cref="ArgumentException">A setting is out of its range, or a parameter occurs twice.</exception>
    public abstract Optimizer Create(IReadOnlyList<ParameterGroup> groups);

    /// <summary>Throws for settings out of their range, as the kernels see them: a momentum that is 1 in single precision is out.</summary>
    internal virtual void Validate()
    {
        Check((float)LearningRate is >= 0 and <= float.MaxValue, nameof(LearningRate), LearningRate, "at least 0 and finite");
        Check((float)WeightDecay is >= 0 and <= float.MaxValue, nameof(WeightDecay), WeightDecay, "at least 0 and finite");
        Check((float)L1 is >= 0 and <= float.MaxValue, nameof(L1), L1, "at least 0 and finite");
        Check(MaxNorm is null || (float)MaxNorm is > 0 and <= float.MaxValue, nameof(MaxNorm), MaxNorm, "above 0 and finite");
        Check(MaxGradientNorm is null or > 0, nameof(MaxGradientNorm), MaxGradientNorm, "above 0");
        Check(MaxGradientValue is null or > 0, nameof(MaxGradientValue), MaxGradientValue, "above 0");
        Check(MaxGradientNorm is null || MaxGradientValue is null, nameof(MaxGradientValue), MaxGradientValue, $"null where {nameof(MaxGradientNorm)} is set");
    }

    /// <summary>Throws for a setting out of its range. NaN is out of every range.</summary>
    private protected void Check(bool holds, string setting, object? value, string expected)
    {
        if (!holds) throw new ArgumentOutOfRangeException(setting, value, $"{GetType().Name}: {setting} must be {expected}.");
    }
}
