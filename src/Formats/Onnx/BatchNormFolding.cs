namespace CnnSharp.Formats.Onnx;

/// <summary>Folds a batch normalization after a convolution into its weights: y = s (w x + b) + t is a convolution by s w with the bias s b + t.</summary>
internal static class BatchNormFolding
{
    /// <summary>The same graph without the normalizations that alone read a convolution with constant weights.</summary>
    public static OnnxModel Fold(OnnxModel model)
    {
        var readers = model.Nodes.SelectMany(node => node.Inputs).Concat(model.Outputs.Select(output => output.Name)).CountBy(name => name).ToDictionary(StringComparer.Ordinal);
        var constants = new Dictionary<string, OnnxTensor>(model.Initializers, StringComparer.Ordinal);
        var nodes = model.Nodes.ToList();
        for (var i = 0; i < nodes.Count; i++)
        {
            var norm = nodes[i];
            if (norm.Operator != "BatchNormalization" || norm.Outputs.Count != 1 || readers[norm.Inputs[0]] != 1) continue;
            var at = nodes.FindIndex(node => node.Operator == "Conv" && node.Outputs[0] == norm.Inputs[0]);
            if (at < 0) continue;
            var conv = nodes[at];

            // A weight that other nodes read too must stay what it is.
            var own = conv.Inputs.Skip(1).Where(name => name.Length > 0).ToList();
            if (!own.TrueForAll(name => constants.ContainsKey(name) && readers[name] == 1) || !norm.Inputs.Skip(1).All(constants.ContainsKey)) continue;
            if (own.Count == 1 && readers[norm.Inputs[2]] != 1) continue;
            var epsilon = norm.Attributes.FirstOrDefault(attribute => attribute.Name == "epsilon")?.Float ?? 1e-5f;
            var parts = norm.Inputs.Skip(1).Select(name => constants[name].Floats()).ToArray();
            var (scale, shift, mean, variance) = (parts[0], parts[1], parts[2], parts[3]);
            var weights = constants[own[0]];
            var bias = own.Count > 1 ? constants[own[1]].Floats() : new float[scale.Length];

            var w = weights.Floats();
            var run = w.Length / scale.Length;
            for (var k = 0; k < scale.Length; k++)
            {
                var factor = scale[k] / Math.Sqrt((double)variance[k] + epsilon);
                for (var j = 0; j < run; j++) w[(k * run) + j] = (float)(w[(k * run) + j] * factor);
                bias[k] = (float)(((bias[k] - (double)mean[k]) * factor) + shift[k]);
            }

            constants[own[0]] = OnnxTensor.Create(own[0], weights.Shape.ToArray(), w);
            var biasName = own.Count > 1 ? own[1] : norm.Inputs[2];
            constants[biasName] = OnnxTensor.Create(biasName, [bias.Length], bias);
            nodes[at] = new() { Operator = conv.Operator, Name = conv.Name, Inputs = [conv.Inputs[0], own[0], biasName], Outputs = norm.Outputs, Attributes = conv.Attributes };
            nodes.RemoveAt(i--);
        }

        var read = nodes.SelectMany(node => node.Inputs).ToHashSet(StringComparer.Ordinal);
        return new()
        {
            Path = model.Path,
            Metadata = model.Metadata,
            Info = model.Info,
            Opset = model.Opset,
            Nodes = nodes,
            Initializers = constants.Where(constant => read.Contains(constant.Key)).ToDictionary(StringComparer.Ordinal),
            Inputs = model.Inputs,
            Outputs = model.Outputs,
        };
    }
}
