#!/usr/bin/env dotnet
// Two networks against each other, the loop by hand (Goodfellow et al. 2014): dotnet run samples/Scripts/gan.cs -- 20      EPOCHS
// It draws 64 made-up clothes into gan.png. The same as a task of Trainer.Fit, with checkpoints: samples/Tasks/Adversarial.cs.
#:project ../../src/Training/CnnSharp.Training.csproj
using CnnSharp;
using CnnSharp.Data;
using CnnSharp.Layers;
using CnnSharp.Training;

const int Noise = 32, Drawn = 64;
Generator.Default = new(1);
var generator = new Sequential(new Linear(Noise, 128), new LeakyRelu(0.2), new Linear(128, 256), new LeakyRelu(0.2), new Linear(256, 784), new Sigmoid());
var discriminator = new Sequential(new Linear(784, 256), new LeakyRelu(0.2), new Linear(256, 64), new LeakyRelu(0.2), new Linear(64, 1));
var adam = new AdamOptions { LearningRate = 2e-4, Beta1 = 0.5 };
var (forGenerator, forDiscriminator) = (adam.Create(generator.Parameters), adam.Create(discriminator.Parameters));
var clothes = EmbeddedFashionMnist.Load().Train.With(Normalization.None(1));
var random = new Generator(seed: 2);

for (var epoch = 1; epoch <= int.Parse(args.ElementAtOrDefault(0) ?? "20"); epoch++)
{
    var (sum, steps) = (0.0, 0);
    foreach (var (images, _) in new DataLoader(clothes, batchSize: 64, seed: (ulong)epoch))
    {
        var count = images.Shape[0];
        var made = generator.Forward(Draw(count));

        // The discriminator: real ones are 1, made ones 0. Detach: nothing of it reaches the generator.
        var loss = Score(Functional.Flatten(images), 1) + Score(made.Detach(), 0);
        sum += loss.Item();
        steps++;
        loss.Backward();
        forDiscriminator.Step();

        // The generator: what it makes is to pass for 1. What that leaves on the discriminator's weights is dropped.
        Score(made, 1).Backward();
        forGenerator.Step();
        forDiscriminator.ClearGradients();
    }

    Console.WriteLine($"epoch {epoch}: the discriminator's loss {sum / steps:F3} (1.386 where it can only guess)");
}

using var scope = Tape.NoGrad();
var pixels = generator.Eval().Forward(Draw(Drawn)).ToArray();
var sheet = new byte[8 * 28 * 8 * 28];
for (var i = 0; i < pixels.Length; i++)
{
    var (image, y, x) = (i / 784, i / 28 % 28, i % 28);
    sheet[((((image / 8) * 28) + y) * 8 * 28) + ((image % 8) * 28) + x] = (byte)(255 * pixels[i]);
}

ImageFile.WritePng("gan.png", new DecodedImage(sheet, 8 * 28, 8 * 28, channels: 1));

Tensor Score(Tensor images, float target) => Loss.BinaryCrossEntropyWithLogits(discriminator.Forward(images), Tensor.Full([images.Shape[0], 1], target));

Tensor Draw(int count)
{
    var noise = new float[count * Noise];
    random.FillNormal(noise, 0, 1);
    return Tensor.From(noise, [count, Noise]);
}
