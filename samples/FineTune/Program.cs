// Teaches a network that knows CIFAR-10 to tell other images apart: a new head, the first layers as they are, the others
// at a tenth of the rate. The images lie in a folder a class, named like it.
//
//   dotnet run -c Release --project samples/FineTune -- cifar10.safetensors flowers 5     WEIGHTS FOLDER EPOCHS
using CnnSharp.Data;
using CnnSharp.Formats;
using CnnSharp.Layers;
using CnnSharp.Models;
using CnnSharp.Training;

if (args.Length < 2)
{
    Console.Error.WriteLine("usage: FineTune WEIGHTS FOLDER [EPOCHS]");
    return 2;
}

try
{
    var data = ImageFolder.Load(args[1], new() { Size = 32, Normalization = Cifar10.Normalization });
    var (train, validation) = data.Split(validation: data.Train.Count / 5);

    var model = ResNet.Cifar(depth: 20);
    PretrainedWeights.Load(model, args[0]);
    model.Replace("fc", new Linear(64, train.Classes));
    var frozen = model.Freeze("conv1.*", "bn1.*", "layer1.*");
    Console.WriteLine($"{train}; {model.ParameterCount:N0} weights learn, {frozen.Count} tensors are frozen");

    var history = Trainer.Fit(model, train, validation, new TrainingOptions
    {
        Epochs = int.Parse(args.ElementAtOrDefault(2) ?? "5"),
        BatchSize = 32,
        Optimizer = new AdamOptions { LearningRate = 1e-2 },
        LearningRates = [new("layer*", 0.1)],
        Augmentation = Augment.Flip(),
        Seed = 1,
    });

    foreach (var epoch in history.Epochs) Console.WriteLine($"epoch {epoch.Epoch}: training loss {epoch.TrainLoss:F4}, validation accuracy {epoch.ValidationAccuracy:P1}");
    model.Save("finetuned.safetensors");
    return 0;
}
catch (IOException e)
{
    // Files that are missing, broken, or not what they should be: the message says which and why.
    Console.Error.WriteLine(e.Message);
    return 1;
}
