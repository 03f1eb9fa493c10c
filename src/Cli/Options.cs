using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using CnnSharp.Data;
using CnnSharp.Kernels;
using CnnSharp.Kernels.Cpu;
using CnnSharp.Models;

namespace CnnSharp.Cli;

/// <summary>Options that several commands share, and makers of options that check what they are given.</summary>
internal static class Options
{
    static readonly Dictionary<string, Precision> Precisions = new()
    {
        ["float32"] = Kernels.Precision.Float32,
        ["tf32"] = Kernels.Precision.TensorFloat32,
        ["bf16"] = Kernels.Precision.BFloat16,
    };

    /// <summary><c>--device</c>.</summary>
    public static Option<string> Device() => new("--device") { Description = $"where to compute: see 'cnnsharp devices'; default ${CnnSharp.Device.Variable}, else auto", HelpName = "NAME", DefaultValueFactory = _ => DeviceVariable ?? "auto" };

    /// <summary>The device that the environment names; null where it names none.</summary>
    public static string? DeviceVariable => Environment.GetEnvironmentVariable(CnnSharp.Device.Variable) is { } name && !string.IsNullOrWhiteSpace(name) ? name : null;

    /// <summary><c>--precision</c>.</summary>
    public static Option<string?> Precision() => Choice("--precision", "precision", "how convolutions and matrix products multiply (default float32; the others on a CUDA device's tensor cores, summed in float32)", [.. Precisions.Keys]);

    /// <summary><c>--threads</c>.</summary>
    public static Option<int?> Threads() => Whole("--threads", "threads of the CPU engine; by default one a processor. Results do not depend on it", minimum: 1, maximum: 1024);

    /// <summary><c>--algorithm</c>, of the CPU engine's convolutions.</summary>
    public static Option<string?> Algorithm() => Text("--algorithm", "NAME", "of the CPU engine, have convolutions take this one wherever it applies, and else the direct one; 'bench --algorithms' shows what there are");

    /// <summary><c>--seed</c>.</summary>
    public static Option<int?> Seed() => Whole("--seed", "what weights, shuffles and augmentation are drawn from; default 1", minimum: 0);

    /// <summary><c>--batch</c>.</summary>
    public static Option<int?> Batch(string defaults) => Whole("--batch", $"images a step; default {defaults}", minimum: 1, maximum: 65_536);

    /// <summary><c>--json</c>.</summary>
    public static Option<bool> Json() => new("--json") { Description = "one JSON object, alone, on standard output; what is for people goes to standard error" };

    /// <summary>A whole number.</summary>
    public static Option<int?> Whole(string name, string description, int minimum, int maximum = int.MaxValue)
    {
        var expected = maximum == int.MaxValue ? $"a whole number of at least {minimum}" : $"a whole number from {minimum} to {maximum:N0}";
        return new(name)
        {
            Description = description,
            HelpName = "N",
            CustomParser = result =>
            {
                var text = result.Tokens.Single().Value;
                if (int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && value >= minimum && value <= maximum) return value;
                result.AddError($"{name} {text}: expected {expected}.");
                return null;
            },
        };
    }

    /// <summary>A finite number within bounds.</summary>
    public static Option<double?> Real(string name, string description, double minimum, double maximum = double.PositiveInfinity, bool above = false)
    {
        var bound = above ? $"above {minimum}" : $"of at least {minimum}";
        var expected = double.IsFinite(maximum) ? $"a number {bound} and at most {maximum}" : $"a number {bound}";
        return new(name)
        {
            Description = description,
            HelpName = "X",
            CustomParser = result =>
            {
                var text = result.Tokens.Single().Value;

                // What counts is the number in single precision, which the kernels compute in; what is kept is what was written.
                if (TryReal(text, out var narrow) && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && value <= maximum && (above ? value > minimum && narrow > minimum : value >= minimum)) return value;
                result.AddError($"{name} {text}: expected {expected}.");
                return null;
            },
        };
    }

    /// <summary>Numbers with commas between.</summary>
    public static Option<float[]?> Reals(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "R,G,B",
        CustomParser = result =>
        {
            var text = result.Tokens.Single().Value;
            var parts = text.Split(',');
            var values = new float[parts.Length];
            for (var i = 0; i < parts.Length; i++)
            {
                if (TryReal(parts[i], out values[i])) continue;
                result.AddError($"{name} {text}: expected one number a channel with commas between, for instance 0.485,0.456,0.406.");
                return null;
            }

            return values;
        },
    };

    /// <summary>One of a few names. A wrong one is answered with the nearest.</summary>
    public static Option<string?> Choice(string name, string what, string description, IReadOnlyList<string> names) => new(name)
    {
        Description = $"{description}: {string.Join(", ", names)}",
        HelpName = "NAME",
        CustomParser = result =>
        {
            var text = result.Tokens.Single().Value;
            if (names.Contains(text)) return text;
            result.AddError($"{name}: {Nearest.Unknown(what, text, names)}");
            return null;
        },
    };

    /// <summary>A file or folder, or any other text.</summary>
    public static Option<string?> Text(string name, string helpName, string description) => new(name) { Description = description, HelpName = helpName };

    /// <summary>Any texts: the option is repeated, one a time.</summary>
    public static Option<string[]?> Texts(string name, string helpName, string description) => new(name) { Description = description, HelpName = helpName, Arity = ArgumentArity.OneOrMore };

    /// <summary><c>--model</c>, by name.</summary>
    public static Option<string?> Model(string defaults) => Choice("--model", "model", $"the network (default {defaults})", [.. Zoo.Entries.Select(entry => entry.Name)]);

    /// <summary><c>--dataset</c>, by name.</summary>
    public static Option<string?> Dataset(string defaults) => Choice("--dataset", "data set", $"the images (default {defaults})", [.. DataSets.Names, ImageFolder.Name]);

    /// <summary><c>--data</c>.</summary>
    public static Option<string?> Data() => Text("--data", "DIR", $"the folder, archive or file of the data set; by default ${DataSets.Variable}, ./data, the user's cache and the system's places are searched");

    /// <summary><c>--size</c>, of images in a folder.</summary>
    public static Option<int?> Size(string defaults) => Whole("--size", $"rows and columns to which images of a folder are brought (default {defaults})", minimum: 1, maximum: 4096);

    /// <summary><c>--resize</c>, of images in a folder.</summary>
    public static Option<int?> Resize() => Whole("--resize", "pixels of an image's shorter side before --size is cut out of it; default --size", minimum: 1, maximum: 4096);

    /// <summary><c>--channels</c>, of images in a folder.</summary>
    public static Option<int?> Channels() => Whole("--channels", "of images of a folder: 3 for color, 1 for gray; default 3", minimum: 1, maximum: 3);

    /// <summary><c>--cache</c>, of images in a folder.</summary>
    public static Option<int?> Cache() => Whole("--cache", "MiB of decoded images of a folder that are kept in memory; where there are more, files are read in each epoch. Default 1024", minimum: 0, maximum: 1 << 20);

    /// <summary><c>--skip-corrupt</c>, of images in a folder.</summary>
    public static Option<bool> SkipCorrupt() => new("--skip-corrupt") { Description = "leave out images that cannot be read, and name them; without, the first ends the work" };

    /// <summary><c>--shortcut</c>, of residual networks.</summary>
    public static Option<string?> Shortcut() => Choice("--shortcut", "shortcut", "of residual networks where the shape changes: subsampling without weights (a, the default) or a 1x1 convolution (b)", ["a", "b"]);

    /// <summary>What <see cref="Shortcut"/> was given.</summary>
    public static Shortcut ParseShortcut(string? text) => text == "b" ? Models.Shortcut.B : Models.Shortcut.A;

    /// <summary>What <c>--precision</c> calls it.</summary>
    public static string NameOf(Precision precision) => Precisions.First(pair => pair.Value == precision).Key;

    /// <summary>As <see cref="Open(string, int?)"/>, to compute as <c>--precision</c> asks.</summary>
    /// <exception cref="NotSupportedException">The device is not present, or has no such arithmetic.</exception>
    /// <exception cref="UsageException">There is no such algorithm, or the engine is not the CPU's.</exception>
    public static Device Open(string name, int? threads, string? precision, string? algorithm = null)
    {
        var device = Open(name, threads);
        if (algorithm is not null)
        {
            if (device.Engine is not CpuEngine engine) throw new UsageException($"--algorithm {algorithm}: it is for --device cpu, not '{name}'.");
            var names = engine.ConvolutionAlgorithms.Select(known => known.Name).Distinct().ToList();
            if (!names.Contains(algorithm)) throw new UsageException($"--algorithm: {Nearest.Unknown("algorithm", algorithm, names)}");
            device = new(new CpuEngine(threads ?? 0, level: null, AlgorithmChoice.Only(algorithm)));
        }

        device.Engine.Precision = Precisions[precision ?? "float32"];
        return device;
    }

    /// <summary>Opens the device that <c>--device</c> and <c>--threads</c> ask for.</summary>
    /// <exception cref="UsageException">There is no such device, it is not present, or it has no threads to set.</exception>
    public static Device Open(string name, int? threads)
    {
        try
        {
            var device = CnnSharp.Device.Parse(name);
            if (device.Name == "cpu") return threads is { } count ? new(new CpuEngine(count)) : device;
            if (threads is > 1 && !name.Trim().Equals("auto", StringComparison.OrdinalIgnoreCase)) throw new UsageException($"--threads {threads}: it is for --device cpu, not '{name}'.");
            return device;
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            throw new UsageException($"{(name == DeviceVariable ? $"${CnnSharp.Device.Variable}" : "--device")}: {e.Message}");
        }
    }

    static bool TryReal(string text, out float value)
        => float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value) && float.IsFinite(value);
}
