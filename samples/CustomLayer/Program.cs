// Two layers of one's own with backward passes of their own, one written with tensors (Swish.cs), one with kernels (SquaredRelu.cs):
// their gradients are checked against differences, then they learn.
//
//   dotnet run -c Release --project samples/CustomLayer -- 3      EPOCHS, on the built-in clothes of 28 x 28
using CnnSharp;
using CnnSharp.Data;
using CnnSharp.Layers;
using CnnSharp.Training;

// In double precision, so that differences are good to nine digits.
var device = Device.ReferenceFloat64;
var swish = new Swish(channels: 3, device);
var generator = new Generator(seed: 1);
var beta = swish.Parameters[0];
beta.CopyFrom<double>([0.5, 1, 2]);
var x = Random([2, 4, 4, 3]);
x.RequiresGrad = true;
var upstream = Random(x.Shape);
Console.WriteLine($"greatest error of a gradient: {Math.Max(GreatestError(swish, [x, beta]), GreatestError(new SquaredRelu(), [x])):E1}");

var (train, validation) = EmbeddedFashionMnist.Load().Split(validation: 1_000);
var model = new Sequential(
    new Conv2d(1, 8, 3, stride: 2, padding: 1), new Swish(8),
    new Conv2d(8, 16, 3, stride: 2, padding: 1), new Swish(16),
    new Flatten(),
    new Linear(7 * 7 * 16, 64), new SquaredRelu(),
    new Linear(64, 10));
var history = Trainer.Fit(model, train, validation, new() { Epochs = int.Parse(args.ElementAtOrDefault(0) ?? "3"), Optimizer = new AdamOptions { LearningRate = 3e-3 }, Seed = 1 });
Console.WriteLine($"validation accuracy {history.Last.Accuracy:P1}");
foreach (var (name, tensor) in model.StateDict().Where(t => t.Name.EndsWith("beta", StringComparison.Ordinal)))
    Console.WriteLine($"{name}: {string.Join(" ", tensor.ToArray().Select(beta => $"{beta:F2}"))}");

// The gradients that Backward leaves in tensors, against (f(x + h) - f(x - h)) / 2h, element by element.
double GreatestError(Layer layer, Tensor[] tensors)
{
    const double h = 1e-5;
    foreach (var tensor in tensors) tensor.ClearGradient();
    F().Backward();
    return tensors.Max(Error);

    // A single number of every element of the result, each with a weight of its own: a wrong gradient cannot hide in a sum.
    Tensor F() => Functional.Sum(layer.Forward(x) * upstream);

    double Error(Tensor tensor)
    {
        var values = tensor.ToArray<double>();
        return tensor.Gradient!.ToArray<double>().Index().Max(g => Math.Abs(g.Item - ((At(g.Index, h) - At(g.Index, -h)) / (2 * h))));

        double At(int index, double step)
        {
            var changed = values.ToArray();
            changed[index] += step;
            tensor.CopyFrom<double>(changed);
            using var scope = Tape.NoGrad();
            var result = F().Item();
            tensor.CopyFrom<double>(values);
            return result;
        }
    }
}

Tensor Random(Shape shape)
{
    var values = new double[shape.Count];
    foreach (ref var value in values.AsSpan()) value = generator.Uniform(-2, 2);
    return Tensor.From(values, shape, device);
}
