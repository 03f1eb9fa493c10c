// Seven tasks by Trainer.Fit, each a file of under 40 lines, on the built-in clothes of 28 x 28: what is not in a file is the same for all.
//
//   dotnet run -c Release --project samples/Tasks -- rotation 3      TASK EPOCHS
//
// TASK: classification, rotation, several-labels, segmentation, autoencoder, siamese, adversarial
using CnnSharp.Data;
using CnnSharp.Training;

var clothes = DataSets.Find("embedded");
var epochs = int.Parse(args.ElementAtOrDefault(1) ?? "3");
var options = new TrainingOptions
{
    Epochs = epochs,
    BatchSize = 64,
    Optimizer = new AdamOptions { LearningRate = 2e-3 },
    OutputFolder = Path.Combine("runs", "tasks"),
    NumberedFolder = true,
    Progress = Progress.Bar,
};
var history = args.ElementAtOrDefault(0) switch
{
    "classification" => Classification.Train(clothes, options),
    "rotation" => Rotation.Train(clothes, options),
    "several-labels" => SeveralLabels.Train(clothes, options),
    "segmentation" => Segmentation.Train(clothes, options),
    "autoencoder" => Autoencoder.Train(clothes, options),
    "siamese" => Siamese.Train(clothes, options),
    "adversarial" => Adversarial.Train(clothes, options),
    _ => null,
};
if (history is null)
{
    Console.Error.WriteLine("Name a task: classification, rotation, several-labels, segmentation, autoencoder, siamese or adversarial.");
    return 1;
}

Console.WriteLine($"checkpoints, metrics and TensorBoard's events: {history.Folder}");
return 0;
