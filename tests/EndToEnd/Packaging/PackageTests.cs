using System.Globalization;
using System.Text.Json;
using CnnSharp.Data;
using CnnSharp.Models;
using CnnSharp.Tests.Cli;
using Xunit;

namespace CnnSharp.Tests.Packaging;

/// <summary>What a person has who knows the packages and nothing else.</summary>
[Collection(CliTests.Name)]
public sealed class PackageTests(PackedFeed packed) : IClassFixture<PackedFeed>
{
    /// <summary>Each layer: an assembly of the package CnnSharp.</summary>
    static readonly string[] Layers = ["Core", "Data", "Formats", "Kernels", "Layers", "Models", "Training"];

    [Theory]
    [InlineData("CnnSharp")]
    [InlineData("CnnSharp.Tool")]
    public void APackageSaysWhatItIs(string id)
    {
        packed.SkipIfMissing();
        using var package = packed.Open(id);
        Assert.Equal(id, package.Value("id"));
        Assert.Equal("MIT", package.Value("license"));
        Assert.Equal("README.md", package.Value("readme"));
        Assert.Equal(File.ReadAllText(packed.Source("src", "Package.md")), package.Text("README.md"));
        Assert.Contains("cnn ", package.Value("tags"), StringComparison.Ordinal);
        Assert.Contains("Zalando", package.Text("LICENSE.fashion-mnist"), StringComparison.Ordinal);
        Assert.Equal("icon.png", package.Value("icon"));
        Assert.Equal(File.ReadAllBytes(packed.Source("src", "icon.png")), package.Bytes("icon.png"));
        Assert.Equal(new ImageSize(128, 128), ImageFile.Identify(packed.Source("src", "icon.png")));

        Assert.Equal(PackedFeed.RepositoryUrl, package.Value("projectUrl"));
        Assert.Equal(("git", PackedFeed.RepositoryUrl, null), (package.Attribute("repository", "type"), package.Attribute("repository", "url"), package.Attribute("repository", "branch")));
    }

    [Fact]
    public void TheLibraryIsOnePackage()
    {
        packed.SkipIfMissing();
        using var package = packed.Open("CnnSharp");
        Assert.Equal(Layers.SelectMany(layer => new[] { $"lib/net10.0/CnnSharp.{layer}.dll", $"lib/net10.0/CnnSharp.{layer}.xml" }), package.Files.Where(file => file.StartsWith("lib/", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
        Assert.All(Layers, layer => Assert.Contains("<summary>", package.Text($"lib/net10.0/CnnSharp.{layer}.xml"), StringComparison.Ordinal));
        using var symbols = packed.Open("CnnSharp", "snupkg");
        Assert.Equal(Layers.Select(layer => $"lib/net10.0/CnnSharp.{layer}.pdb"), symbols.Files.Where(file => file.EndsWith(".pdb", StringComparison.Ordinal)).Order(StringComparer.Ordinal));

        // Its project says them again: those of the layers are hidden with the layers.
        Assert.Equal(Layers.SelectMany(layer => packed.PackagesOf(layer)).Distinct().Order(StringComparer.Ordinal), package.Dependencies.Select(dependency => dependency.Split(' ')[0]));
        Assert.Contains("ILGPU [1.5.3, 1.6.0)", package.Dependencies);
        Assert.Contains("SixLabors.ImageSharp [2.1.13, 2.2.0)", package.Dependencies);
    }

    [Fact]
    public void TheToolIsWhole()
    {
        packed.SkipIfMissing();
        using var package = packed.Open("CnnSharp.Tool");
        Assert.Empty(package.Dependencies);
        Assert.All(Layers.Append("Verification"), layer => Assert.Contains($"tools/net10.0/any/CnnSharp.{layer}.dll", package.Files));
        Assert.DoesNotContain(package.Files, file => file.EndsWith(".pdb", StringComparison.Ordinal));
    }

    [Fact]
    public void ThePackagesTogetherAreSmall()
    {
        packed.SkipIfMissing();
        Assert.Equal(2, Directory.GetFiles(packed.Feed, $"*.{packed.Version}.nupkg").Length);
        using var library = packed.Open("CnnSharp");
        using var tool = packed.Open("CnnSharp.Tool");

        // A tool depends on nothing: it has within it what the library asks others' packages for.
        var ofOthers = tool.SizeOf(file => Path.GetFileName(file) is "ILGPU.dll" or "ILGPU.Algorithms.dll" or "SixLabors.ImageSharp.dll" or "Google.Protobuf.dll" or "OxyPlot.dll");
        Assert.InRange(library.Size + tool.Size - ofOthers, 1, 7_199_999);

        // Spectre.Console 0.57, with an assembly more than 0.49, takes 0.1 MB of it, Google.Protobuf 0.2, OxyPlot 0.3. Each has the library's assemblies.
        Assert.InRange(library.Size + tool.Size, 1, 9_299_999);
    }

    /// <summary>Restored, built and run with an empty cache from the packed packages alone.</summary>
    [Fact]
    public void AFreshProjectTrainsToTheSameDigits()
    {
        packed.SkipIfMissing();
        var project = WriteProject("Fresh");
        File.WriteAllText(Path.Combine(project, "Readme.cs"), ReadmeProgram());
        packed.Dotnet("build", project, "--configuration", "Release", "-p:UseAppHost=false", $"-p:RestoreConfigFile={packed.Config}");
        CheckLosses(packed.Dotnet(Path.Combine(project, "bin", "Release", "net10.0", "Fresh.dll")));
    }

    /// <summary>The same program with its runtime in one file, of which all is left out that it does not use.</summary>
    [Fact]
    public void TrimmedIntoOneFileItTrainsToTheSameDigits()
    {
        packed.SkipIfMissing();
        var project = WriteProject("Trimmed");
        string[] publish = ["publish", project, "--configuration", "Release", "--use-current-runtime", "--self-contained", "-p:PublishTrimmed=true", "-p:PublishSingleFile=true"];
        var (exitCode, output) = packed.Execute("dotnet", [.. publish, "--output", packed.At("one"), $"-p:RestoreAdditionalProjectSources={packed.Feed}", $"-p:RestoreFallbackFolders={packed.MachineCache}"]);
        Assert.SkipWhen(exitCode != 0 && output.Contains("error NU", StringComparison.Ordinal), $"The configured feeds do not give the runtime or the trimmer: {output}");
        Assert.True(exitCode == 0, output);
        Assert.DoesNotContain("Assembly 'CnnSharp", output, StringComparison.Ordinal);

        var program = Path.Combine(packed.At("one"), OperatingSystem.IsWindows() ? "Trimmed.exe" : "Trimmed");
        Assert.InRange(new FileInfo(program).Length, 1, 29_999_999);
        CheckLosses(packed.Run(program));
    }

    [Fact]
    public void TheToolInstallsAndRuns()
    {
        packed.SkipIfMissing();
        var folder = packed.At("tools");
        packed.Dotnet("tool", "install", "CnnSharp.Tool", "--version", packed.Version, "--tool-path", folder, "--configfile", packed.Config);
        var tool = Path.Combine(folder, OperatingSystem.IsWindows() ? "cnnsharp.exe" : "cnnsharp");

        var models = LastLine(packed.Run(tool, "models", "--json")).GetProperty("models").EnumerateArray().Select(m => m.GetProperty("model").GetString());
        Assert.Equal(Zoo.Entries.Select(entry => entry.Name), models);

        var devices = LastLine(packed.Run(tool, "devices", "--json")).GetProperty("devices").EnumerateArray().ToDictionary(d => d.GetProperty("name").GetString()!);
        Assert.True(devices["cpu"].GetProperty("present").GetBoolean());

        var trained = LastLine(packed.Run(tool, "train", "--dataset", "embedded", "--model", "linear", "--epochs", "1", "--out", packed.At("run"), "--json"));
        Assert.InRange(trained.GetProperty("accuracy").GetDouble(), 0.7, 0.95);

        // What keeps memory flat is a setting of the program, not of its code.
        using var package = packed.Open("CnnSharp.Tool");
        using var settings = JsonDocument.Parse(package.Text("tools/net10.0/any/cnnsharp.runtimeconfig.json"));
        var properties = settings.RootElement.GetProperty("runtimeOptions").GetProperty("configProperties");
        Assert.Equal(262_144, properties.GetProperty("System.GC.Gen0MaxBudget").GetInt32());
        Assert.False(properties.GetProperty("System.GC.Concurrent").GetBoolean());
        Assert.False(properties.GetProperty("System.Runtime.TieredPGO").GetBoolean());
        Assert.False(properties.GetProperty("System.Runtime.TieredCompilation.QuickJit").GetBoolean());

        // Prose follows, which is on standard error.
        static JsonElement LastLine(string output) => JsonDocument.Parse(output.Split('\n').Last(line => line.StartsWith('{'))).RootElement;
    }

    /// <summary>A console program that takes the first steps and writes their losses.</summary>
    string WriteProject(string name)
    {
        var project = packed.At(name);
        Directory.CreateDirectory(project);
        File.WriteAllText(Path.Combine(project, $"{name}.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <ImplicitUsings>enable</ImplicitUsings>
                <Nullable>enable</Nullable>
                <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
                <WarningsNotAsErrors>IL2104</WarningsNotAsErrors>
                <InvariantGlobalization>true</InvariantGlobalization>
              </PropertyGroup>
              <ItemGroup>
                <PackageReference Include="CnnSharp" Version="{packed.Version}" />
              </ItemGroup>
            </Project>
            """);
        File.Copy(Path.Combine(AppContext.BaseDirectory, "Packaging", "FirstSteps.cs"), Path.Combine(project, "FirstSteps.cs"));
        File.WriteAllText(Path.Combine(project, "Program.cs"), """foreach (var loss in CnnSharp.Tests.Packaging.FirstSteps.Losses()) Console.WriteLine(loss.ToString("R"));""");
        return project;
    }

    /// <summary>Asserts that the losses fall, and are those of the same steps in this process.</summary>
    static void CheckLosses(string output)
    {
        var losses = output.TrimEnd().Split('\n').Select(line => double.Parse(line, CultureInfo.InvariantCulture)).ToList();
        Assert.Equal(20, losses.Count);
        Assert.All(losses, loss => Assert.InRange(loss, 0.1, 3));
        Assert.True(losses.TakeLast(5).Average() < 0.75 * losses.Take(5).Average(), $"The losses do not fall: {string.Join(", ", losses)}");
        Assert.Equal(FirstSteps.Losses(), losses);
    }

    /// <summary>The program on the packages' page, as a method: it must compile as it stands there.</summary>
    string ReadmeProgram()
    {
        var lines = File.ReadLines(packed.Source("src", "Package.md")).SkipWhile(line => line != "```csharp").Skip(1).TakeWhile(line => line != "```").ToList();
        Assert.Contains(lines, line => line.Contains("Trainer.Fit", StringComparison.Ordinal));
        var usings = lines.TakeWhile(line => line.StartsWith("using ", StringComparison.Ordinal) || line.Length == 0).ToList();
        return $$"""
            {{string.Join('\n', usings)}}
            static class Readme
            {
                public static void Run()
                {
                    {{string.Join('\n', lines.Skip(usings.Count))}}
                }
            }
            """;
    }
}
