using CnnSharp.Training;

namespace CnnSharp.Verification;

/// <summary>An optimizer's reference case: weights <c>w0</c>, <c>grads</c> [steps, ...], and the weights after each step, <c>trajectory</c>.</summary>
public static class OptimizerCase
{
    /// <summary>Replays a case.</summary>
    /// <param name="file">The case.</param>
    /// <param name="device">Where.</param>
    /// <param name="tolerance">How far weights may be from the reference; default: <see cref="Tolerance.OfTrajectory"/>.</param>
    /// <returns>What differs, or null.</returns>
    /// <exception cref="FormatException">The case is incomplete.</exception>
    /// <exception cref="NotSupportedException">It asks for an optimizer or a setting that there is not.</exception>
    public static string? Check(CaseFile file, Device device, Tolerance? tolerance = null)
    {
        var (gradients, trajectory) = (file["grads"], file["trajectory"]);
        if (gradients.Shape.Rank < 1 || gradients.Shape != trajectory.Shape) throw new FormatException($"'grads' is {gradients.Shape}, 'trajectory' {trajectory.Shape}; expected [steps, ...] for both.");
        using var w = file["w0"].On(device);
        w.Name = "w";
        w.RequiresGrad = true;
        var optimizer = Options(file.Attributes).Create([w]);
        for (var step = 0; step < gradients.Shape[0]; step++)
        {
            using var gradient = CaseFile.Part(gradients, step).On(device);
            using var y = Functional.Reshape(w, w.Shape);
            y.Backward(gradient);
            optimizer.Step();
            if (Comparison.Difference($"weights after step {step + 1}", CaseFile.Part(trajectory, step), HostTensor.From(w), tolerance ?? Tolerance.OfTrajectory(device)) is { } difference) return difference;
        }

        return null;
    }

    /// <summary>The optimizer that attributes in PyTorch's words describe.</summary>
    /// <exception cref="NotSupportedException">There is no such optimizer or setting.</exception>
    public static OptimizerOptions Options(Attributes a)
    {
        var name = a.Text("name", "sgd");
        var decay = a.Single("weight_decay", name == "adamw" ? 1e-2 : 0);
        var (beta1, beta2) = a.Pair("betas", (0.9, 0.999));
        Attributes.Require(!a.Flag("amsgrad", false), "amsgrad");
        Attributes.Require(!a.Flag("centered", false), "rmsprop with centered");
        Attributes.Require(!a.Flag("maximize", false), "maximize");
        Attributes.Require(a.Number("dampening", 0) == 0, "sgd with dampening");
        Attributes.Require(a.Number("lr_decay", 0) == 0, "adagrad with lr_decay");
        return name switch
        {
            _ when name.StartsWith("sgd", StringComparison.Ordinal) => new SgdOptions { LearningRate = a.Single("lr", 1e-3), Momentum = a.Single("momentum", 0), Nesterov = a.Flag("nesterov", false), WeightDecay = decay },
            "adagrad" => new AdaGradOptions { LearningRate = a.Single("lr", 1e-2), Epsilon = a.Single("eps", 1e-10), WeightDecay = decay },
            _ when name.StartsWith("rmsprop", StringComparison.Ordinal) => new RmsPropOptions { LearningRate = a.Single("lr", 1e-2), Decay = a.Single("alpha", 0.99), Epsilon = a.Single("eps", 1e-8), Momentum = a.Single("momentum", 0), WeightDecay = decay },
            "adam" => new AdamOptions { LearningRate = a.Single("lr", 1e-3), Beta1 = beta1, Beta2 = beta2, Epsilon = a.Single("eps", 1e-8), WeightDecay = decay },
            "adamw" => new AdamWOptions { LearningRate = a.Single("lr", 1e-3), Beta1 = beta1, Beta2 = beta2, Epsilon = a.Single("eps", 1e-8), WeightDecay = decay },
            "nadam" => new NAdamOptions { LearningRate = a.Single("lr", 2e-3), Beta1 = beta1, Beta2 = beta2, Epsilon = a.Single("eps", 1e-8), WeightDecay = decay, MomentumDecay = a.Single("momentum_decay", 4e-3) },
            "adamax" => new AdaMaxOptions { LearningRate = a.Single("lr", 2e-3), Beta1 = beta1, Beta2 = beta2, Epsilon = a.Single("eps", 1e-8), WeightDecay = decay },
            "adadelta" => new AdadeltaOptions { LearningRate = a.Single("lr", 1), Rho = a.Single("rho", 0.9), Epsilon = a.Single("eps", 1e-6), WeightDecay = decay },
            _ => throw new NotSupportedException($"not supported: the optimizer '{name}'."),
        };
    }
}
