#!/usr/bin/env dotnet
// A program in one file (.NET 10): dotnet run samples/Scripts/train.cs -- 3      EPOCHS, on the built-in clothes
// With the package in place of a clone, the two lines below are: #:package CnnSharp@0.1.0
#:project ../../src/Models/CnnSharp.Models.csproj
#:project ../../src/Training/CnnSharp.Training.csproj
using CnnSharp.Data;
using CnnSharp.Layers;
using CnnSharp.Training;

var (train, validation) = EmbeddedFashionMnist.Load().Split(validation: 500);
var model = new Sequential(
    new Conv2d(1, 16, 3, padding: 1), new BatchNorm2d(16), new Relu(), new MaxPool2d(2),
    new Conv2d(16, 32, 3, padding: 1), new BatchNorm2d(32), new Relu(), new GlobalAvgPool2d(),
    new Flatten(), new Linear(32, 10));
var history = Trainer.Fit(model, train, validation, new() { Epochs = int.Parse(args.ElementAtOrDefault(0) ?? "3") });
Console.WriteLine($"{history.Last.Accuracy:P1} of {validation.Count} images");
