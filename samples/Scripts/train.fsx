// F#, from the assemblies of a build (dotnet build -c Release): dotnet fsi samples/Scripts/train.fsx 3      EPOCHS, on the built-in clothes
// With the package in place of a clone, the lines up to the first open are: #r "nuget: CnnSharp, 0.1.0"
#I "../../src/Cli/bin/Release/net10.0"
#r "CnnSharp.Kernels.dll"
#r "CnnSharp.Core.dll"
#r "CnnSharp.Layers.dll"
#r "CnnSharp.Data.dll"
#r "CnnSharp.Training.dll"

open System
open CnnSharp.Data
open CnnSharp.Layers
open CnnSharp.Training

let epochs = match fsi.CommandLineArgs with [| _; text |] -> int text | _ -> 3
let struct (train, validation) = EmbeddedFashionMnist.Load().Split(500)
let model = Sequential(Conv2d(1, 16, 3, padding = 1), Relu(), MaxPool2d(2), Flatten(), Linear(14 * 14 * 16, 10))

// A loss of one's own, as a function of F#.
let task =
    TrainingTask(
        "hinge",
        Loss = Func<_, _, _>(fun logits (batch: Batch) -> Loss.MulticlassHinge(logits, batch.Labels)),
        Metrics = [| Metric.Accuracy |])

let history = Trainer.Fit(model, train, task, validation, TrainingOptions(Epochs = epochs))
printfn "%.1f%% of %d images" (100.0 * history.Last.Accuracy.Value) validation.Count
