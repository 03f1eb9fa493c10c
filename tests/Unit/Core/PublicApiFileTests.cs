using CnnSharp.Layers;
using CnnSharp.Models;
using CnnSharp.Training;
using PublicApiGenerator;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>
/// What is public, of each assembly of the package, is what <c>src/LAYER/PublicApi.txt</c> says: a change to it is seen in a review.
/// <c>CNNSHARP_UPDATE_PUBLIC_API=1 dotnet test tests/Unit --filter PublicApiFile</c> writes the files.
/// </summary>
public sealed class PublicApiFileTests
{
    [Theory]
    [InlineData("Kernels", typeof(Kernels.IKernels))]
    [InlineData("Core", typeof(Tensor))]
    [InlineData("Layers", typeof(Layer))]
    [InlineData("Models", typeof(Zoo))]
    [InlineData("Data", typeof(Data.Batch))]
    [InlineData("Formats", typeof(Formats.SafeTensors))]
    [InlineData("Training", typeof(Trainer))]
    public void WhatIsPublicIsWrittenDown(string layer, Type ofIt)
    {
        Assert.SkipWhen(Repository.Root is null, "The tests do not run in the repository.");
        var actual = ofIt.Assembly.GeneratePublicApi(new() { IncludeAssemblyAttributes = false }).ReplaceLineEndings("\n") + "\n";
        var path = Path.Combine(Repository.Root!, "src", layer, "PublicApi.txt");
        if (Environment.GetEnvironmentVariable("CNNSHARP_UPDATE_PUBLIC_API") == "1") File.WriteAllText(path, actual);
        var (expected, lines) = (File.ReadAllText(path).Split('\n'), actual.Split('\n'));
        Assert.True(expected.SequenceEqual(lines), $"""
            What is public in CnnSharp.{layer} is not what src/{layer}/PublicApi.txt says. If the change is meant, write the file by
            CNNSHARP_UPDATE_PUBLIC_API=1 dotnet test tests/Unit -c Release --filter {nameof(PublicApiFileTests)}
            gone: {string.Join("\n      ", expected.Except(lines).Take(20))}
            new:  {string.Join("\n      ", lines.Except(expected).Take(20))}
            """);
    }
}
