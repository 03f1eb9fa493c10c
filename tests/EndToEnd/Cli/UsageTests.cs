using Xunit;

namespace CnnSharp.Tests.Cli;

/// <summary>What is not understood is refused with exit code 2, a reason, and the nearest name.</summary>
public class UsageTests : CliTest
{
    [Theory]
    [InlineData("trian", "Unknown command 'trian'", "'train'")]
    [InlineData("train --modle resnet20", "Unknown option '--modle'", "'--model'")]
    [InlineData("train --model resnet21", "Unknown model 'resnet21'", "'resnet20'")]
    [InlineData("train --dataset cifar", "Unknown data set 'cifar'", "'cifar10'")]
    [InlineData("train --device cup", "Unknown device 'cup'", "'cpu'")]
    [InlineData("train --optimizer adma", "Unknown optimizer 'adma'", "'adam'")]
    [InlineData("train --schedule one-cycel", "Unknown schedule 'one-cycel'", "'one-cycle'")]
    [InlineData("models resnt20", "Unknown model 'resnt20'", "'resnet20'")]
    [InlineData("eval --split tset", "Unknown split 'tset'", "'test'")]
    public void MistypedNamesAreAnsweredWithTheNearest(string line, string problem, string nearest) => Run(line.Split(' ')).IsRefused(problem, $"Did you mean {nearest}?");

    [Theory]
    [InlineData("train --batch 0", "--batch 0: expected a whole number from 1 to 65,536")]
    [InlineData("train --batch many", "--batch many: expected a whole number")]
    [InlineData("train --epochs -3", "--epochs -3: expected a whole number from 1")]
    [InlineData("train --threads 0", "--threads 0: expected a whole number from 1")]
    [InlineData("train --lr nan", "--lr nan: expected a number above 0")]
    [InlineData("train --val-split -1", "--val-split -1: expected a whole number of at least 0")]
    [InlineData("train --seed 1.5", "--seed 1.5: expected a whole number")]
    [InlineData("eval --model resnet20 --weights x --mean 1,b,3", "--mean 1,b,3: expected one number a channel")]
    [InlineData("bench train --steps 0", "--steps 0: expected a whole number from 1")]
    [InlineData("train --batch", "--batch")]
    [InlineData("devices extra", "Unexpected argument 'extra'")]
    [InlineData("bench --filter nothing-of-this-name", "no kernel's name holds that")]
    [InlineData("bench --device reference", "no limit worth a comparison")]
    [InlineData("train --device reference --threads 4", "--threads 4: it is for --device cpu, not 'reference'")]
    [InlineData("eval", "--checkpoint")]
    public void NumbersAndCombinationsAreChecked(string line, string message) => Run(line.Split(' ')).IsRefused(message);

    [Fact]
    public void WithoutACommandItSaysHowToAsk() => Run().IsRefused("cnnsharp --help");

    [Fact]
    public void HelpIsAResult()
    {
        var result = Run("train", "--help").IsDone();
        foreach (var option in new[] { "--model", "--dataset", "--data", "--epochs", "--batch", "--lr", "--schedule", "--optimizer", "--device", "--threads", "--seed", "--out", "--resume", "--val-split", "--json" })
        {
            Assert.Contains(option, result.Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void DevicesNamesEveryEngine()
    {
        var devices = Run("devices", "--json").IsDone().Json.GetProperty("devices").EnumerateArray().ToList();
        Assert.Contains(devices, d => d.GetProperty("name").GetString() == "cpu" && d.GetProperty("present").GetBoolean());
        Assert.All(devices, d => Assert.NotEmpty(d.GetProperty("detail").GetString()!));
    }
}
