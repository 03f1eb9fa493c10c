// Says what is on images, with a ResNet-20 that was trained on CIFAR-10: by this library (samples/TrainCifar10 saves its
// weights) or by PyTorch (.safetensors, .pt, .pth).
//
//   dotnet run -c Release --project samples/ClassifyImage -- cifar10.safetensors cat.png ship.png
using CnnSharp;
using CnnSharp.Data;
using CnnSharp.Formats;
using CnnSharp.Models;

if (args.Length < 2)
{
    Console.Error.WriteLine("usage: ClassifyImage WEIGHTS IMAGE...");
    return 2;
}

// Images must be normalized as they were in training. Weights that others trained often go with ImageNet's numbers:
// new Normalization([.485, .456, .406], [.229, .224, .225]).
var normalization = Cifar10.Normalization;
var size = new ImageFolderOptions { Size = 32 };

try
{
    var model = ResNet.Cifar(depth: 20);
    PretrainedWeights.Load(model, args[0]);
    model.Eval();

    foreach (var file in args.Skip(1))
    {
        using var scope = Tape.NoGrad();
        using var image = ImageFolder.ReadImage(file, size).ToTensor(normalization);
        var probabilities = Functional.Softmax(model.Forward(image)).ToArray();

        Console.WriteLine(file);
        foreach (var (label, probability) in probabilities.Index().OrderByDescending(p => p.Item).Take(5))
            Console.WriteLine($"  {probability,7:P1}  {Cifar10.ClassNames[label]}");
    }

    return 0;
}
catch (IOException e)
{
    // Files that are missing, broken, or not what they should be: the message says which and why.
    Console.Error.WriteLine(e.Message);
    return 1;
}
