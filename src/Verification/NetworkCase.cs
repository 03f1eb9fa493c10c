using CnnSharp.Training;

namespace CnnSharp.Verification;

/// <summary>
/// A network's reference case: <c>torch_repr</c> and SGD's settings in the attributes; weights <c>init.*</c>, batches <c>xs</c>
/// and <c>targets</c>; expected <c>logits0</c> and <c>grad0.*</c> of the first batch, the <c>losses</c> (cross entropy) of
/// a step for each batch, and <c>final.*</c>, the weights and running statistics after them.
/// </summary>
public static class NetworkCase
{
    /// <summary>Replays a case.</summary>
    /// <returns>What differs, or null.</returns>
    /// <exception cref="FormatException">The case is incomplete.</exception>
    /// <exception cref="NotSupportedException">The network has a module that is unknown here.</exception>
    public static string? Check(CaseFile file, Device device)
    {
        var (a, tolerance) = (file.Attributes, Tolerance.OfNetwork(device));
        if (!a.Has("torch_repr")) throw new FormatException("attribute 'torch_repr' is missing.");
        var (batches, targets, losses) = (file["xs"], file["targets"], file["losses"]);
        using var network = new TorchNetwork(TorchModule.Parse(a.Text("torch_repr", "")), path => file.Has($"init.{path}") ? file[$"init.{path}"] : null, device);
        var optimizer = new SgdOptions { LearningRate = a.Single("lr", 1e-3), Momentum = a.Single("momentum", 0), Nesterov = a.Flag("nesterov", false), WeightDecay = a.Single("weight_decay", 0) }.Create(network.Parameters);

        var measured = new double[losses.Values.Length];
        for (var step = 0; step < measured.Length; step++)
        {
            var batch = CaseFile.Part(batches, step);
            using var x = batch.In(Layout.ChannelsLast(batch.Shape)).On(device);
            using var labels = (CaseFile.Part(targets, step) with { IsInteger = true }).On(device);
            using var logits = network.Forward(x).Keep();
            using var loss = Functional.CrossEntropy(logits, labels);
            measured[step] = loss.Item();
            loss.Backward();
            if (step == 0 && CheckFirst(file, network, logits, tolerance) is { } difference) return difference;
            optimizer.Step();
        }

        if (Comparison.Difference("losses", losses, losses with { Values = measured }, tolerance) is { } lossDifference) return lossDifference;
        return IsRounded(device) ? null : Differences(file, "final.", network, path => network.StateDict.FirstOrDefault(t => t.Path == path).Tensor, tolerance);
    }

    /// <summary>
    /// Whether products round their factors. A rounded value may fall on the other side of a ReLU's zero or of a pooling's
    /// maximum, and single gradients then differ by any amount: a network is held to its logits and losses alone.
    /// </summary>
    static bool IsRounded(Device device) => device.Engine.Precision != Kernels.Precision.Float32;

    static string? CheckFirst(CaseFile file, TorchNetwork network, Tensor logits, Tolerance tolerance)
    {
        if (file.Has("logits0") && Comparison.Difference("logits0", file["logits0"], HostTensor.From(logits), tolerance) is { } difference) return difference;
        return IsRounded(logits.Device) ? null : Differences(file, "grad0.", network, path => network.StateDict.FirstOrDefault(t => t.Path == path).Tensor?.Gradient, tolerance);
    }

    static string? Differences(CaseFile file, string prefix, TorchNetwork network, Func<string, Tensor?> actual, Tolerance tolerance)
    {
        foreach (var name in file.Names.Where(name => name.StartsWith(prefix, StringComparison.Ordinal) && !name.EndsWith(".num_batches_tracked", StringComparison.Ordinal)))
        {
            var path = name[prefix.Length..];
            var tensor = actual(path) ?? throw new FormatException($"the network has no tensor for '{name}'.");
            if (Comparison.Difference(name, network.Here(path, file[name]), HostTensor.From(tensor), tolerance) is { } difference) return difference;
        }

        return null;
    }
}
