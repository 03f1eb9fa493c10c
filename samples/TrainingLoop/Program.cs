// The loop that Trainer.Fit runs, by hand: what a network, an optimizer and a loader are, and no more.
//
//   dotnet run -c Release --project samples/TrainingLoop                   LeNet-5 on the built-in clothes of 28 x 28: seconds
//   dotnet run -c Release --project samples/TrainingLoop -- mnist 5        DATASET EPOCHS
using CnnSharp;
using CnnSharp.Data;
using CnnSharp.Layers;
using CnnSharp.Models;
using CnnSharp.Training;

var data = DataSets.Find(args.ElementAtOrDefault(0) ?? "embedded");
var epochs = int.Parse(args.ElementAtOrDefault(1) ?? "5");
var (train, validation) = data.Split(validation: data.Train.Count / 10);
var model = LeNet5.Create(train.Height, train.Channels, train.Classes);

var loader = new DataLoader(train, batchSize: 128, seed: 1);
var optimizer = new Sgd(model.Parameters, learningRate: 0.02, momentum: 0.9);
for (var epoch = 1; epoch <= epochs; epoch++)
{
    foreach (var (images, labels) in loader)
    {
        using var loss = Loss.CrossEntropy(model.Forward(images), labels);
        loss.Backward();      // gives the intermediate tensors back to the pool as it goes
        optimizer.Step();     // applies the gradients and clears them
    }

    Console.WriteLine($"epoch {epoch}: validation accuracy {Trainer.Evaluate(model, validation).Accuracy:P1}");
}
