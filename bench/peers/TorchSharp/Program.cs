using System.Diagnostics;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using Net = TorchSharp.torch.nn.Module<TorchSharp.torch.Tensor, TorchSharp.torch.Tensor>;

// Training images/s of TorchSharp: torchsharp MODEL BATCH STEPS THREADS nchw|channels_last, one JSON object. The nets of torch_nets.py.
var (model, batch, steps) = (args[0], int.Parse(args[1]), int.Parse(args[2]));
set_num_threads(int.Parse(args[3]));
random.manual_seed(1);
var large = model is "resnet50" or "alexnet";
Net net = model switch
{
    "lenet5" => Sequential(Conv2d(3, 6, 5), ReLU(), MaxPool2d(2), Conv2d(6, 16, 5), ReLU(), MaxPool2d(2), Flatten(), Linear(400, 120), ReLU(), Linear(120, 84), ReLU(), Linear(84, 10)),
    "resnet20" => Residual([16, 32, 64], 3),
    "resnet18-cifar" => Residual([64, 128, 256, 512], 2),
    "vgg16-cifar" => Vgg(),
    "resnet50" => ResNet50(),
    "alexnet" => AlexNet(),
    "wrn28-10" => Wide(),
    _ => throw new ArgumentException($"no net '{model}'"),
};
var images = randn(batch, 3, large ? 224 : 32, large ? 224 : 32);
var labels = randint(large ? 1000 : 10, [batch], dtype: ScalarType.Int64);
if (args[4] == "channels_last")
{
    images = ChannelsLast(images);
    foreach (var (_, weight) in net.named_parameters())
    {
        if (weight.dim() != 4) continue;
        using var still = no_grad();
        weight.set_(ChannelsLast(weight));
    }
}

net.train();
var optimizer = optim.SGD(net.parameters(), 0.01, momentum: 0.9, weight_decay: 5e-4, nesterov: true);
var seconds = new List<double>();
for (var i = -3; i < steps; i++)
{
    var start = Stopwatch.GetTimestamp();
    using (NewDisposeScope())
    {
        optimizer.zero_grad();
        var loss = functional.cross_entropy(net.call(images), labels);
        loss.backward();
        optimizer.step();
        loss.item<float>();
    }

    if (i >= 0) seconds.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
}

seconds.Sort();
Console.WriteLine($"{{\"images_per_second\": {batch / seconds[seconds.Count / 2]:F2}}}");

static Tensor ChannelsLast(Tensor x) => x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);

static Net Norm(long inputs, long outputs, long kernel, long stride, bool relu)
{
    List<Net> layers = [Conv2d(inputs, outputs, kernel, stride, padding: kernel / 2, bias: false), BatchNorm2d(outputs)];
    if (relu) layers.Add(ReLU(inplace: true));
    return Sequential(layers);
}

static Net Residual(long[] widths, int units)
{
    List<Net> layers = [Norm(3, widths[0], 3, 1, relu: true)];
    var inputs = widths[0];
    foreach (var width in widths)
    {
        for (var unit = 0; unit < units; unit++, inputs = width)
        {
            var stride = unit == 0 && width != widths[0] ? 2 : 1;
            layers.Add(new Unit(Sequential(Norm(inputs, width, 3, stride, relu: true), Norm(width, width, 3, 1, relu: false)), inputs == width ? null : Norm(inputs, width, 1, stride, relu: false)));
        }
    }

    return Sequential([.. layers, AdaptiveAvgPool2d(1), Flatten(), Linear(inputs, 10)]);
}

static Net ResNet50()
{
    List<Net> layers = [Norm(3, 64, 7, 2, relu: true), MaxPool2d(3, 2, 1)];
    var inputs = 64L;
    foreach (var (width, units) in ((long, int)[])[(64, 3), (128, 4), (256, 6), (512, 3)])
    {
        for (var unit = 0; unit < units; unit++, inputs = 4 * width)
        {
            var stride = unit == 0 && width != 64 ? 2 : 1;
            layers.Add(new Unit(Sequential(Norm(inputs, width, 1, 1, relu: true), Norm(width, width, 3, stride, relu: true), Norm(width, 4 * width, 1, 1, relu: false)), inputs == 4 * width ? null : Norm(inputs, 4 * width, 1, stride, relu: false)));
        }
    }

    return Sequential([.. layers, AdaptiveAvgPool2d(1), Flatten(), Linear(inputs, 1000)]);
}

static Net AlexNet() => Sequential(
    Conv2d(3, 64, 11, 4, padding: 2), ReLU(inplace: true), MaxPool2d(3, 2),
    Conv2d(64, 192, 5, padding: 2), ReLU(inplace: true), MaxPool2d(3, 2),
    Conv2d(192, 384, 3, padding: 1), ReLU(inplace: true), Conv2d(384, 256, 3, padding: 1), ReLU(inplace: true), Conv2d(256, 256, 3, padding: 1), ReLU(inplace: true), MaxPool2d(3, 2),
    Flatten(), Dropout(), Linear(9216, 4096), ReLU(inplace: true), Dropout(), Linear(4096, 4096), ReLU(inplace: true), Linear(4096, 1000));

static Net Vgg()
{
    var layers = new List<Net>();
    var inputs = 3L;
    foreach (var (outputs, count) in ((long, int)[])[(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)])
    {
        for (var i = 0; i < count; i++, inputs = outputs) layers.AddRange([Conv2d(inputs, outputs, 3, padding: 1), BatchNorm2d(outputs), ReLU(inplace: true)]);
        layers.Add(MaxPool2d(2));
    }

    return Sequential([.. layers, Flatten(), Linear(512, 10)]);
}

static Net Wide()
{
    List<Net> layers = [Conv2d(3, 16, 3, padding: 1, bias: false)];
    var inputs = 16L;
    foreach (var width in (long[])[160, 320, 640])
    {
        for (var unit = 0; unit < 4; unit++, inputs = width) layers.Add(new WideUnit(inputs, width, unit == 0 && width != 160 ? 2 : 1));
    }

    return Sequential([.. layers, BatchNorm2d(inputs), ReLU(inplace: true), AdaptiveAvgPool2d(1), Flatten(), Linear(inputs, 10)]);
}

sealed class Unit : Net
{
    readonly Net body;
    readonly Net? shortcut;

    public Unit(Net body, Net? shortcut)
        : base("unit")
    {
        (this.body, this.shortcut) = (body, shortcut);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) => functional.relu(body.call(x) + (shortcut?.call(x) ?? x), inplace: true);
}

sealed class WideUnit : Net
{
    readonly Net norm, body;
    readonly Net? shortcut;

    public WideUnit(long inputs, long outputs, long stride)
        : base("unit")
    {
        norm = Sequential(BatchNorm2d(inputs), ReLU(inplace: true));
        body = Sequential(Conv2d(inputs, outputs, 3, stride, padding: 1, bias: false), BatchNorm2d(outputs), ReLU(inplace: true), Conv2d(outputs, outputs, 3, padding: 1, bias: false));
        shortcut = inputs == outputs && stride == 1 ? null : Conv2d(inputs, outputs, 1, stride, bias: false);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        var y = norm.call(x);
        return body.call(y) + (shortcut?.call(y) ?? x);
    }
}
