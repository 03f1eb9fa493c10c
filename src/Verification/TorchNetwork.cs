using CnnSharp.Kernels;
using static CnnSharp.Functional;

namespace CnnSharp.Verification;

/// <summary>A network that PyTorch printed, with its weights, computed by this library's operations. Always in training mode.</summary>
public sealed class TorchNetwork : IDisposable
{
    readonly Device device;
    readonly Func<string, HostTensor?> weights;
    readonly Dictionary<string, (Tensor Tensor, Func<Shape, Layout> Layout)> tensors = new(StringComparer.Ordinal);
    readonly Func<Tensor, Tensor> forward;

    /// <summary>Builds a network.</summary>
    /// <param name="module">What PyTorch printed.</param>
    /// <param name="weights">The weights by their dotted path, in PyTorch's layouts; null where there is none.</param>
    /// <param name="device">Where it is computed.</param>
    /// <exception cref="NotSupportedException">It has a module that is unknown here.</exception>
    /// <exception cref="FormatException">A weight is missing.</exception>
    public TorchNetwork(TorchModule module, Func<string, HostTensor?> weights, Device device)
    {
        this.device = device;
        this.weights = weights;
        forward = Build(module, "");
    }

    /// <summary>What is trained.</summary>
    public IEnumerable<Tensor> Parameters => tensors.Values.Select(entry => entry.Tensor).Where(tensor => tensor.RequiresGrad);

    /// <summary>Parameters and running statistics by their dotted path.</summary>
    public IEnumerable<(string Path, Tensor Tensor)> StateDict => tensors.Select(pair => (pair.Key, pair.Value.Tensor));

    /// <summary>The result for images [N, H, W, C].</summary>
    public Tensor Forward(Tensor x) => forward(x);

    /// <summary>A tensor in PyTorch's layout, as this library lays out the one of that path.</summary>
    /// <exception cref="FormatException">There is no such tensor.</exception>
    public HostTensor Here(string path, HostTensor tensor)
        => tensors.TryGetValue(path, out var entry) ? tensor.In(entry.Layout(tensor.Shape)) : throw new FormatException($"the network has no tensor '{path}'.");

    /// <summary>Gives the memory back.</summary>
    public void Dispose()
    {
        foreach (var (tensor, _) in tensors.Values) tensor.Dispose();
    }

    Func<Tensor, Tensor> Build(TorchModule module, string path)
    {
        var a = module.Attributes;
        switch (module.Kind)
        {
            case "Sequential":
                var layers = module.Children.Select(child => Build(child.Module, Join(path, child.Name))).ToArray();
                return x => layers.Aggregate(x, (current, layer) => layer(current));
            case "Block":
                return Residual(module, path);
            case "Identity":
                return x => x;
            case "Dropout" or "Dropout2d":
                Attributes.Require(a.Number("p", 0.5) == 0, "Dropout with p above 0, whose numbers are PyTorch's");
                return x => x;
            case "Conv2d":
            {
                var (w, b) = (Parameter(path, "weight", Layout.ConvolutionWeights), Bias(path));
                var dilation = a.Size("dilation", 1);
                var options = new Conv2dOptions { Stride = a.Size("stride", 1), Padding = a.PaddingFor((w.Shape[0], w.Shape[1]), dilation), Dilation = dilation, Groups = a.Integer("groups", 1) };
                return x => Conv2d(x, w, b, options);
            }

            case "ConvTranspose2d":
            {
                var groups = a.Integer("groups", 1);
                var (w, b) = (Parameter(path, "weight", shape => Layout.TransposedConvolutionWeights(shape, groups)), Bias(path));
                var options = new ConvTranspose2dOptions { Stride = a.Size("stride", 1), Padding = a.Padding(), OutputPadding = a.Size("output_padding", 0), Dilation = a.Size("dilation", 1), Groups = groups };
                return x => ConvTranspose2d(x, w, b, options);
            }

            case "Linear":
            {
                var (w, b) = (Parameter(path, "weight", Layout.LinearWeights), Bias(path));
                return x => Linear(x, w, b);
            }

            case "BatchNorm2d" or "BatchNorm1d":
                var norm = Normalization(module, path);
                return x => norm(x, Activation.None, null);
            case "PReLU":
                var slopes = Parameter(path, "weight", Layout.Same);
                return x => PRelu(x, slopes);
            case "Flatten":
                Attributes.Require(a.Integer("start_dim", 1) == 1, "Flatten from an axis other than 1");

                // PyTorch's order is channels, rows, columns.
                return x => Functional.Flatten(x.Shape.Rank == 4 ? Permute(x, 0, 3, 1, 2) : x);
            default:
                var row = Rows.TryGetValue(module.Kind, out var name) ? OperationRegistry.Find(name)! : throw new NotSupportedException($"not supported: the module '{module.Kind}' ({path}).");
                return x => row.Run(new(x), a);
        }
    }

    /// <summary>Modules without weights, by the row of the operation registry that computes them.</summary>
    static readonly Dictionary<string, string> Rows = new(StringComparer.Ordinal)
    {
        ["ReLU"] = "relu",
        ["LeakyReLU"] = "leaky_relu",
        ["ELU"] = "elu",
        ["Sigmoid"] = "sigmoid",
        ["Tanh"] = "tanh",
        ["GELU"] = "gelu",
        ["SiLU"] = "silu",
        ["Softplus"] = "softplus",
        ["MaxPool2d"] = "max_pool2d",
        ["AvgPool2d"] = "avg_pool2d",
        ["AdaptiveAvgPool2d"] = "adaptive_avg_pool2d",
        ["AdaptiveMaxPool2d"] = "adaptive_max_pool2d",
    };

    /// <summary>The residual unit of He et al. 2015: relu(bn2(conv2(relu(bn1(conv1(x))))) + short(x)), with the fused batch norm.</summary>
    Func<Tensor, Tensor> Residual(TorchModule module, string path)
    {
        var conv1 = Build(module["conv1"], Join(path, "conv1"));
        var norm1 = Normalization(module["bn1"], Join(path, "bn1"));
        var conv2 = Build(module["conv2"], Join(path, "conv2"));
        var norm2 = Normalization(module["bn2"], Join(path, "bn2"));
        var shortcut = module.Find("short") is { } way ? Build(way, Join(path, "short")) : x => x;
        return x => norm2(conv2(norm1(conv1(x), Activation.Relu, null)), Activation.Relu, shortcut(x));
    }

    Func<Tensor, Activation, Tensor?, Tensor> Normalization(TorchModule module, string path)
    {
        var a = module.Attributes;
        Attributes.Require(a.Flag("affine", true) && a.Flag("track_running_stats", true), "batch norm without weights or running statistics");
        var options = new BatchNormOptions { Epsilon = a.Single("eps", 1e-5), Momentum = a.Single("momentum", 0.1) };
        var (w, b) = (Parameter(path, "weight", Layout.Same), Parameter(path, "bias", Layout.Same));
        var mean = Add(Join(path, "running_mean"), weights(Join(path, "running_mean")) ?? Constant(w.Shape, 0), Layout.Same);
        var variance = Add(Join(path, "running_var"), weights(Join(path, "running_var")) ?? Constant(w.Shape, 1), Layout.Same);
        return (x, activation, add) => BatchNorm(x, w, b, mean, variance, training: true, options, activation, add);
    }

    Tensor? Bias(string path) => weights(Join(path, "bias")) is null ? null : Parameter(path, "bias", Layout.Same);

    Tensor Parameter(string path, string name, Func<Shape, Layout> layout)
    {
        var full = Join(path, name);
        var tensor = Add(full, weights(full) ?? throw new FormatException($"the weight '{full}' is missing."), layout);
        tensor.RequiresGrad = true;
        return tensor;
    }

    Tensor Add(string path, HostTensor values, Func<Shape, Layout> layout)
    {
        var tensor = values.In(layout(values.Shape)).On(device);
        tensor.Name = path;
        tensors.Add(path, (tensor, layout));
        return tensor;
    }

    static HostTensor Constant(Shape shape, double value) => new(shape, [.. Enumerable.Repeat(value, (int)shape.Count)]);

    static string Join(string path, string name) => path.Length == 0 ? name : $"{path}.{name}";
}
