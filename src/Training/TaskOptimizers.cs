using CnnSharp.Layers;

namespace CnnSharp.Training;

/// <summary>The optimizers of a training.</summary>
static class TaskOptimizers
{
    /// <summary>The options' optimizer of all parameters, without a name, or the task's, each of its own.</summary>
    /// <exception cref="ArgumentException">A pattern fits no parameter, or a parameter belongs to two optimizers.</exception>
    public static IReadOnlyList<(string Name, Optimizer Optimizer)> Create(Layer model, TrainingTask task, TrainingOptions options)
    {
        if (task.Optimizers.Count == 0) return [("", options.Optimizer.Create(ParameterGroup.Of(model, options.LearningRates)))];
        var owners = new Dictionary<Tensor, string>(ReferenceEqualityComparer.Instance);
        var groups = ParameterGroup.Of(model, options.LearningRates);
        return [.. task.Optimizers.Select(described => (described.Name, Own(described)))];

        Optimizer Own(TaskOptimizer described)
        {
            HashSet<Tensor> own;
            try
            {
                own = new(model.ParametersLike(described.Pattern).Select(t => t.Tensor), ReferenceEqualityComparer.Instance);
            }
            catch (ArgumentException e)
            {
                throw new ArgumentException($"Task '{task.Name}', optimizer '{described.Name}': {e.Message}", e);
            }

            foreach (var tensor in own)
            {
                if (!owners.TryAdd(tensor, described.Name)) throw new ArgumentException($"Task '{task.Name}': parameter '{tensor.Name}' belongs to the optimizers '{owners[tensor]}' and '{described.Name}'; expected one.");
            }

            var settings = described.Options ?? options.Optimizer;
            return settings.Create([.. groups.Select(group => new ParameterGroup(group.Parameters.Where(own.Contains)) { LearningRateScale = group.LearningRateScale, WeightDecay = group.WeightDecay })]);
        }
    }
}
