using CnnSharp.Data;
using CnnSharp.Layers;

namespace CnnSharp.Training;

/// <summary>
/// Compares a whole model's gradients with differences of its loss, in double precision on the reference engine: of each parameter along a random direction, so that every element counts. To
/// the loss a random multiple of each output is added: the loss's own gradient has a structure (that of softmax sums to 0) under which some mistakes do not show.
/// </summary>
static class GradientCheck
{
    /// <summary>Half the distance of the two points of a difference, as a norm: rounding errs by 1e-16 / this, curvature by its square, and the kinks of ReLU and max pooling between the two points by this.</summary>
    const double Reach = 1e-6;

    /// <summary>What a difference may be off by, as a share of the derivative, and in any case.</summary>
    const double Relative = 1e-3, Absolute = 1e-8;

    /// <summary>By what weights are moved first, as a share of their size: a bias of 0 leaves a ReLU at its kink, where there is no derivative.</summary>
    const double Shake = 0.02;

    /// <summary>Worst offenders that are named.</summary>
    const int Named = 3;

    public static CheckResult Run(Layer model, IDataset few, TrainingTask task, ulong seed)
    {
        var name = ModelCheck.Names[3];
        if (task.Loss is null) return new(name, CheckOutcome.Skipped, $"the task '{task.Name}' has no {nameof(TrainingTask.Loss)} of a result, only a step of its own", new Dictionary<string, double>());
        var home = Trainer.DeviceOf(model);
        try
        {
            model.To(Device.ReferenceFloat64);
            model.Train();
            return Compare(model, few, task, seed, name);
        }
        finally
        {
            foreach (var tensor in model.Parameters) tensor.ClearGradient();
            model.To(home);
        }
    }

    static CheckResult Compare(Layer model, IDataset few, TrainingTask task, ulong seed, string name)
    {
        var device = Device.ReferenceFloat64;
        using var batch = Trainer.LoaderOf(few, few.Count, device, new() { Shuffle = false }).Epoch(0).First().Keep();
        var random = new Generator(seed, stream: 1);
        foreach (var tensor in model.Parameters) Move(tensor, random);
        Tensor? upstream = null;
        try
        {
            Objective(record: true);
            var gradients = model.Parameters.Where(tensor => tensor.Gradient is not null).Select(tensor => (Tensor: tensor, Gradient: tensor.Gradient!.ToArray<double>())).ToList();
            foreach (var tensor in model.Parameters) tensor.ClearGradient();
            var worst = new List<(string Name, double Expected, double Found, double Error)>();
            foreach (var (tensor, gradient) in gradients)
            {
                var values = tensor.ToArray<double>();
                var direction = new double[values.Length];
                for (var i = 0; i < direction.Length; i++) direction[i] = (random.NextUInt32() & 1) == 0 ? 1 : -1;
                var length = Math.Sqrt(direction.Length);
                var (expected, square) = (0.0, 0.0);
                for (var i = 0; i < direction.Length; i++) (expected, square) = (expected + (gradient[i] * direction[i] / length), square + (gradient[i] * gradient[i]));
                var found = (At(Reach) - At(-Reach)) / (2 * Reach);
                tensor.CopyFrom<double>(values);

                // Along a direction a derivative may happen to be near 0; the typical one is the size to go by.
                var size = Math.Max(Math.Max(Math.Abs(expected), Math.Abs(found)), Math.Sqrt(square) / length);
                worst.Add((tensor.Name!, expected, found, Math.Abs(expected - found) / ((Relative * size) + Absolute)));

                double At(double distance)
                {
                    var moved = new double[values.Length];
                    for (var i = 0; i < moved.Length; i++) moved[i] = values[i] + (distance * direction[i] / length);
                    tensor.CopyFrom<double>(moved);
                    return Objective(record: false);
                }
            }

            var wrong = worst.Where(w => !(w.Error <= 1)).OrderByDescending(w => w.Error).ToList();
            var figures = new Dictionary<string, double> { ["parameters"] = worst.Count, ["wrong"] = wrong.Count, ["largest_error"] = worst.Count == 0 ? 0 : Relative * worst.Max(w => w.Error) };
            return wrong.Count == 0
                ? new(name, CheckOutcome.Passed, ModelCheck.Text($"of {worst.Count} parameters, in double precision along a random direction of each; the largest difference is {figures["largest_error"]:E1} of the gradient"), figures)
                : new(name, CheckOutcome.Failed, $"{wrong.Count} of {worst.Count} parameters have another gradient than the difference of the loss: {string.Join(", ", wrong.Take(Named).Select(w => ModelCheck.Text($"{w.Name} ({w.Expected:G4}, by difference {w.Found:G4})")))}{(wrong.Count > Named ? ", ..." : "")}. Look at the backward function of what follows the last of them", figures);
        }
        finally
        {
            upstream?.Dispose();
        }

        // The same masks each time.
        double Objective(bool record)
        {
            model.ManualSeed(seed);
            using var scope = record ? null : Tape.NoGrad();
            var output = task.Forward(model, batch);
            if (upstream is null)
            {
                var noise = new double[output.Count];
                for (var i = 0; i < noise.Length; i++) noise[i] = random.Normal();
                upstream = Tensor.From(noise, output.Shape, device).Keep();
            }

            var loss = task.LossOf(output, batch);
            if (task.IsImageClassification) loss = Loss.OfHeads(model, loss, batch.Labels);
            var objective = Functional.Reshape(loss, new(1)) + Functional.Reshape(Functional.Mean(output * upstream), new(1));
            var value = objective.ToArray<double>()[0];
            if (record) objective.Backward();
            return value;
        }
    }

    /// <summary>Moves every weight a little.</summary>
    static void Move(Tensor tensor, Generator random)
    {
        var values = tensor.ToArray<double>();
        var size = Math.Sqrt(values.Sum(value => value * value) / Math.Max(1, values.Length));
        for (var i = 0; i < values.Length; i++) values[i] += Shake * (size > 0 ? size : 1) * random.Normal();
        tensor.CopyFrom<double>(values);
    }
}
