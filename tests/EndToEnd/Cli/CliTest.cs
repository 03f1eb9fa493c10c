using System.Buffers.Binary;
using System.Text.Json;
using CnnSharp.Cli;
using CnnSharp.Data;
using Xunit;

namespace CnnSharp.Tests.Cli;

/// <summary>What the tool wrote and how it ended.</summary>
/// <param name="ExitCode">How.</param>
/// <param name="Output">Its standard output: under <c>--json</c> the object alone.</param>
/// <param name="Error">Its standard error.</param>
/// <param name="IsJson">Whether it was asked for <c>--json</c>.</param>
internal sealed record CliResult(int ExitCode, string Output, string Error, bool IsJson)
{
    /// <summary>The JSON object that is all of the output.</summary>
    public JsonElement Json => JsonDocument.Parse(Assert.Single(Output.TrimEnd().Split('\n'))).RootElement;

    /// <summary>What is for people.</summary>
    public string Prose => IsJson ? Error : Output;

    /// <summary>Asserts that it was refused: exit code 2, a message that holds the texts, and no stack trace.</summary>
    public void IsRefused(params string[] texts)
    {
        Assert.True(ExitCode == 2, $"ended with {ExitCode}, expected '{string.Join("', '", texts)}': {Error}{Output}");
        foreach (var text in texts) Assert.Contains(text, Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", Error, StringComparison.Ordinal);
    }

    /// <summary>Asserts that it ended well.</summary>
    public CliResult IsDone()
    {
        Assert.True(ExitCode == 0, $"ended with {ExitCode}: {Error}");
        if (!IsJson) Assert.Equal("", Error);
        return this;
    }
}

/// <summary>
/// The tool's tests run after all others and one by one: initial weights come from the process's one generator, and two
/// runs that are to be equal must not share it with a third.
/// </summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public class CliTests
{
    public const string Name = "command line";
}

/// <summary>A folder that a test may fill, and the tool run in this process.</summary>
[Collection(CliTests.Name)]
public class CliTest : IDisposable
{
    /// <summary>The classes of <see cref="WriteShapes"/>.</summary>
    protected static readonly string[] Shapes = ["circle", "square", "triangle"];

    /// <summary>The folder: gone after the test.</summary>
    protected string Folder { get; } = Directory.CreateTempSubdirectory("cnnsharp-test-").FullName;

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(Folder, recursive: true);

    /// <summary>A path in the folder.</summary>
    protected string At(params string[] parts) => Path.Combine([Folder, .. parts]);

    /// <summary>Runs the tool.</summary>
    internal static CliResult Run(params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var exitCode = CommandLine.Run(args, output, error);
        return new(exitCode, output.ToString(), error.ToString(), args.Contains("--json"));
    }

    /// <summary>The test's folder as the working folder: what a command writes where none is named goes there.</summary>
    protected void InFolder(Action act)
    {
        var before = Environment.CurrentDirectory;
        Environment.CurrentDirectory = Folder;
        try
        {
            act();
        }
        finally
        {
            Environment.CurrentDirectory = before;
        }
    }

    /// <summary>
    /// Writes a data set in MNIST's form: square images of ten classes, a bright bar whose row is the class on a noisy
    /// ground, so that a net learns it in a few epochs.
    /// </summary>
    protected string WriteBars(int train = 512, int test = 128, int side = 28)
    {
        var folder = Directory.CreateDirectory(At("bars")).FullName;
        foreach (var (prefix, count) in new[] { ("train", train), ("t10k", test) })
        {
            var random = new Random(count);
            var pixels = new byte[count * side * side];
            var labels = new byte[count];
            random.NextBytes(pixels);
            for (var i = 0; i < pixels.Length; i++) pixels[i] /= 4;
            for (var i = 0; i < count; i++)
            {
                labels[i] = (byte)(i % 10);
                pixels.AsSpan((i * side * side) + (labels[i] * side * side / 10 / side * side), side).Fill(255);
            }

            File.WriteAllBytes(Path.Combine(folder, $"{prefix}-images-idx3-ubyte"), [.. Header(0x803, count, side, side), .. pixels]);
            File.WriteAllBytes(Path.Combine(folder, $"{prefix}-labels-idx1-ubyte"), [.. Header(0x801, count), .. labels]);
        }

        return folder;
    }

    /// <summary>Filled shapes of any color on a dark ground, drawn from the number of images.</summary>
    protected string WriteShapes(string name, int perClass, int side)
    {
        var random = new Random(perClass);
        foreach (var shape in Shapes)
        {
            var folder = Directory.CreateDirectory(At(name, shape)).FullName;
            for (var i = 0; i < perClass; i++)
            {
                var radius = random.Next(side / 4, side / 3);
                var (row, column) = (random.Next(radius, side - radius), random.Next(radius, side - radius));
                int[] ground = [random.Next(90), random.Next(90), random.Next(90)], paint = [random.Next(150, 245), random.Next(150, 245), random.Next(150, 245)];
                var pixels = new byte[side * side * 3];
                for (var p = 0; p < pixels.Length; p++)
                {
                    var (y, x) = ((p / 3 / side) - row, (p / 3 % side) - column);
                    var isInside = shape switch
                    {
                        "circle" => (y * y) + (x * x) <= radius * radius,
                        "square" => Math.Max(Math.Abs(y), Math.Abs(x)) <= 0.85 * radius,
                        _ => y >= -radius && y <= 0.8 * radius && Math.Abs(x) <= 0.55 * (y + radius),
                    };
                    pixels[p] = (byte)((isInside ? paint : ground)[p % 3] + random.Next(10));
                }

                ImageFile.WritePng(Path.Combine(folder, $"{i}.png"), new(pixels, side, side, 3));
            }
        }

        return At(name);
    }

    static byte[] Header(params int[] words)
    {
        var bytes = new byte[4 * words.Length];
        for (var i = 0; i < words.Length; i++) BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(4 * i), words[i]);
        return bytes;
    }
}
