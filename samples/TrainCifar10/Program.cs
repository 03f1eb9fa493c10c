// Trains a network on CIFAR-10, says after each epoch how good it is, and saves the weights.
//
//   dotnet run -c Release --project samples/TrainCifar10                   ResNet-20 on CIFAR-10, 10 epochs: 8 minutes on two cores
//   dotnet run -c Release --project samples/TrainCifar10 -- embedded 3     ResNet-8 on the built-in clothes of 28 x 28: seconds
//   dotnet run -c Release --project samples/TrainCifar10 -- cifar10 10 FOLDER
using CnnSharp;
using CnnSharp.Data;
using CnnSharp.Formats;
using CnnSharp.Models;
using CnnSharp.Training;

var name = args.ElementAtOrDefault(0) ?? "cifar10";
var epochs = int.Parse(args.ElementAtOrDefault(1) ?? "10");

DatasetSplits data;
try
{
    data = DataSets.Find(name, args.ElementAtOrDefault(2));
}
catch (DataFormatException e)
{
    Console.Error.WriteLine($"{e.Message}\nOr train on what is built in: dotnet run -c Release --project samples/TrainCifar10 -- embedded 3");
    return 1;
}

var (train, validation) = data.Split(validation: data.Train.Count / 10);
var model = ResNet.Cifar(depth: name == "cifar10" ? 20 : 8, train.Classes, channels: train.Channels);
Console.WriteLine($"{train}; {model.ParameterCount:N0} weights on {Device.Best()}");

var history = Trainer.Fit(model, train, validation, new TrainingOptions
{
    Epochs = epochs,
    BatchSize = 128,
    Optimizer = new SgdOptions { Momentum = 0.9, Nesterov = true, WeightDecay = 5e-4 },
    Schedule = Schedule.OneCycle(peak: 0.2),
    Augmentation = Augment.PadAndCrop(4).Then(Augment.Flip()),
    Seed = 1,
}, new Report());

Console.WriteLine($"validation accuracy {history.Last.Accuracy:P1}, {history.Seconds:F0} s");
model.Save($"{name}.safetensors");
return 0;

sealed class Report : ITrainingObserver
{
    public void OnEpoch(EpochResult epoch) => Console.WriteLine($"epoch {epoch.Epoch}: training loss {epoch.TrainLoss:F4}, validation accuracy {epoch.ValidationAccuracy:P1}, {epoch.ImagesPerSecond:N0} images/s");
}
