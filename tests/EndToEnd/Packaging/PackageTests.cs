using System.Globalization;
using System.Text.Json;
using CnnSharp.Models;
using CnnSharp.Tests.Cli;
using Xunit;

namespace CnnSharp.Tests.Packaging;

/// <summary>What a person has who knows the packages and nothing else.</summary>
[Collection(CliTests.Name)]
public sealed class PackageTests(PackedFeed packed) : IClassFixture<PackedFeed>
{
    const string Ilgpu = "ILGPU [1.5.3, 1.6.0)", Algorithms = "ILGPU.Algorithms [1.5.3, 1.6.0)", ImageSharp = "SixLabors.ImageSharp [2.1.13, 2.2.0)";

    /// <summary>Each package of the library with those of the library that it asks for.</summary>
    static readonly Dictionary<string, string[]> Parts = new()
    {
        ["CnnSharp"] = ["Core", "Data", "Formats", "Kernels", "Layers", "Models", "Training"],
        ["CnnSharp.Kernels"] = [],
        ["CnnSharp.Core"] = ["Kernels"],
        ["CnnSharp.Layers"] = ["Core"],
        ["CnnSharp.Models"] = ["Layers"],
        ["CnnSharp.Data"] = ["Core"],
        ["CnnSharp.Formats"] = ["Core", "Layers"],
        ["CnnSharp.Training"] = ["Data", "Formats", "Layers"],
    };

    public static TheoryData<string> Ids => [.. Parts.Keys, "CnnSharp.Tool"];

    [Theory]
    [MemberData(nameof(Ids))]
    public void APackageIsComplete(string id)
    {
        packed.SkipIfMissing();
        using var package = packed.Open(id);
        Assert.Equal(id, package.Value("id"));
        Assert.Equal("MIT", package.Value("license"));
        Assert.Equal("README.md", package.Value("readme"));
        Assert.Equal(File.ReadAllText(packed.Source("src", "Package.md")), package.Text("README.md"));
        Assert.Contains("cnn ", package.Value("tags"), StringComparison.Ordinal);
        if (id is "CnnSharp.Data" or "CnnSharp.Tool") Assert.Contains("Zalando", package.Text("LICENSE.fashion-mnist"), StringComparison.Ordinal);

        string[] others = id switch
        {
            "CnnSharp.Core" => ["System.Numerics.Tensors 10.0.0"],
            "CnnSharp.Kernels" => [Ilgpu, Algorithms],
            "CnnSharp.Data" => [ImageSharp],
            _ => [],
        };
        Assert.Equal([.. Parts.GetValueOrDefault(id, []).Select(part => $"CnnSharp.{part} [{packed.Version}]"), .. others], package.Dependencies);

        if (id == "CnnSharp")
        {
            Assert.Equal(["lib/net10.0/_._"], package.Files.Where(file => file.StartsWith("lib/", StringComparison.Ordinal)));
            return;
        }

        using var symbols = packed.Open(id, "snupkg");
        if (id == "CnnSharp.Tool")
        {
            Assert.Contains("tools/net10.0/any/cnnsharp.pdb", symbols.Files);
            return;
        }

        Assert.Equal([$"lib/net10.0/{id}.dll", $"lib/net10.0/{id}.xml"], package.Files.Where(file => file.StartsWith("lib/", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
        Assert.Contains("<summary>", package.Text($"lib/net10.0/{id}.xml"), StringComparison.Ordinal);
        Assert.Contains($"lib/net10.0/{id}.pdb", symbols.Files);
    }

    [Fact]
    public void ThePackagesTogetherAreSmall()
    {
        packed.SkipIfMissing();
        long size = 0, ofOthers = 0;
        foreach (var id in Parts.Keys.Append("CnnSharp.Tool"))
        {
            using var package = packed.Open(id);
            size += package.Size;

            // A tool depends on nothing: it has within it what CnnSharp.Kernels and CnnSharp.Data ask others' packages for.
            ofOthers += package.SizeOf(file => Path.GetFileName(file) is "ILGPU.dll" or "ILGPU.Algorithms.dll" or "SixLabors.ImageSharp.dll");
        }

        Assert.InRange(size - ofOthers, 1, 6_999_999);
        Assert.InRange(size, 1, 7_999_999);
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
