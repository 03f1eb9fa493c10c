using CnnSharp.Layers;

namespace CnnSharp.Formats.Onnx;

/// <summary>What an export may change.</summary>
public sealed record OnnxExportOptions
{
    /// <summary>Whether batch normalizations are folded into the convolutions before them: a smaller, faster graph whose outputs differ by rounding. Default no.</summary>
    public bool FoldBatchNorm { get; init; }

    /// <summary>
    /// What the file says of classes and images, so that <c>cnnsharp eval</c> and <c>predict</c>, or another program, need nothing but the file. It stands in
    /// <c>metadata_props</c>, as JSON: <c>cnnsharp.class_names</c>, an array; <c>cnnsharp.mean</c> and <c>cnnsharp.std</c>, a number a channel, of pixels between 0 and 1;
    /// <c>cnnsharp.model</c>, an object with <c>name</c>, <c>classes</c>, <c>input</c> ([H, W, C]) and <c>options</c>; <c>cnnsharp.task</c>, a text. Default null: nothing.
    /// </summary>
    public ModelInfo? Info { get; init; }
}

/// <summary>Writes networks as ONNX files.</summary>
public static class OnnxExport
{
    /// <summary>The version of the standard operators that is written.</summary>
    public const int Opset = 17;

    /// <summary>
    /// The graph of a network in its inference form. It is found by following the operations of one forward pass, of which
    /// only the shapes are worked out: a model needs no code of its own. The batch axis stays free; images are [N, C, H, W] in the file.
    /// </summary>
    /// <param name="model">Any network whose operations have a form in ONNX.</param>
    /// <param name="input">The shape of one input without the batch axis, e.g. [32, 32, 3].</param>
    /// <param name="options">Null for the defaults.</param>
    /// <exception cref="NotSupportedException">An operation has no form in ONNX; the message names it.</exception>
    /// <exception cref="Kernels.ShapeException">The network does not take such inputs.</exception>
    public static OnnxModel ToOnnx(this Layer model, Shape input, OnnxExportOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        var exported = Trace(model, input, isByReference: false, options?.Info);
        return options is { FoldBatchNorm: true } ? BatchNormFolding.Fold(exported) : exported;
    }

    /// <summary>Follows a forward pass.</summary>
    /// <param name="model">Any network whose operations have a form in ONNX.</param>
    /// <param name="input">The shape of one input without the batch axis.</param>
    /// <param name="isByReference">Whether the graph names the network's tensors in place of their elements.</param>
    /// <param name="info">What it says beside the graph; null: nothing.</param>
    internal static OnnxModel Trace(Layer model, Shape input, bool isByReference, ModelInfo? info)
    {
        var training = model.Modules().Where(layer => layer.IsTraining).ToArray();
        var graph = new GraphWriter(model.StateDict(), isByReference);
        var outer = Tape.Observer;
        try
        {
            model.Eval();
            using (Tape.NoGrad())
            {
                var x = Tensor.Uninitialized(new([GraphWriter.Batch, .. input.AsSpan()]), Device.Shapes);
                graph.Begin(x);
                Tape.Observer = graph.Add;
                var y = Forward(model, x, input);
                Tape.Observer = outer;
                graph.End(y);
            }
        }
        finally
        {
            Tape.Observer = outer;
            foreach (var layer in training) layer.SetTraining();
        }

        return graph.ToModel(Opset, info);
    }

    static Tensor Forward(Layer model, Tensor x, Shape input)
    {
        try
        {
            return model.Forward(x);
        }
        catch (Exception e) when (input.Rank == 4 && e is Kernels.ShapeException or OverflowException)
        {
            throw new Kernels.ShapeException("ToOnnx", $"the network does not take inputs {input}, which is the shape of one, without the batch axis: for images [H, W, C], here {new Shape(input.AsSpan()[1..])}. ({e.Message.TrimEnd('.')}.)");
        }
    }

    /// <summary>Writes a network's graph to a file, atomically. See <see cref="ToOnnx"/>.</summary>
    /// <param name="model">Any network whose operations have a form in ONNX.</param>
    /// <param name="path">The file; its folder is created if it is missing.</param>
    /// <param name="input">The shape of one input without the batch axis.</param>
    /// <param name="options">Null for the defaults.</param>
    public static void SaveOnnx(this Layer model, string path, Shape input, OnnxExportOptions? options = null) => model.ToOnnx(input, options).Save(path);
}
