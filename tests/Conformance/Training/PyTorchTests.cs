using System.Text.Json;
using CnnSharp.Verification;
using CnnSharp.Training;
using Xunit;

namespace CnnSharp.Tests.Training;

/// <summary>
/// Twenty steps of every optimizer and schedule against PyTorch in double precision: the learning rates to 1e-9 of the
/// largest, the weights within 1e-5 of the largest, on the CPU engine as on the plain one. Cases/pytorch.json is written by
/// make_cases.py.
/// </summary>
public sealed class PyTorchTests
{
    const double Tolerance = 1e-5;
    const int Steps = 20;

    static readonly JsonElement File = JsonDocument.Parse(System.IO.File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Training", "Cases", "pytorch.json"))).RootElement;

    public static TheoryData<string, string> Cases()
    {
        var data = new TheoryData<string, string>();
        foreach (var entry in File.GetProperty("cases").EnumerateArray())
        {
            foreach (var device in new[] { "cpu", "reference", "reference-f64" }) data.Add(entry.GetProperty("name").GetString()!, device);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void TwentyStepsAreThoseOfPyTorch(string name, string deviceName)
    {
        var (device, entry) = (Device.Parse(deviceName), File.GetProperty("cases").EnumerateArray().Single(c => c.GetProperty("name").GetString() == name));
        Tensor[] parameters = [Parameter(File.GetProperty("matrix"), new(2, 3), device), Parameter(File.GetProperty("vector"), new(3), device)];
        var options = OptionsOf(entry);
        var groups = GroupsOf(entry, parameters, options);
        var optimizer = options.Create(groups);
        var schedule = ScheduleOf(entry.GetProperty("schedule"), (int)Number(entry, "steps_per_epoch", 1));
        var perEpoch = (int)Number(entry, "steps_per_epoch", 1);
        var losses = Numbers(entry.GetProperty("losses"));

        for (var step = 0; step < Steps; step++)
        {
            var gradients = File.GetProperty("gradients")[step];
            var time = new ScheduleTime(step, Steps, perEpoch, losses[..Math.Min(losses.Length, step / perEpoch)]);
            (optimizer.LearningRate, optimizer.Momentum) = (schedule.RateAt(options.LearningRate, time), schedule.MomentumAt(time));
            for (var i = 0; i < parameters.Length; i++)
            {
                var expected = entry.GetProperty("rates")[step][i].GetDouble();
                Assert.Equal(expected, optimizer.LearningRate * groups[i].LearningRateScale, 1e-9 + (2e-7 * expected));
                using var y = Functional.Reshape(parameters[i], parameters[i].Shape);
                using var gradient = Tensor.From(Array.ConvertAll(Numbers(gradients[i]), v => (float)v), parameters[i].Shape, device);
                y.Backward(gradient);
            }

            optimizer.Step();
            var weights = Numbers(entry.GetProperty("trajectory")[step]);
            var largest = weights.Max(Math.Abs);
            var actual = parameters.SelectMany(p => p.ToArray()).ToArray();
            for (var i = 0; i < weights.Length; i++)
                Assert.True(Math.Abs(weights[i] - actual[i]) <= Tolerance * largest, $"step {step + 1}, weight {i}: expected {weights[i]}, got {actual[i]}; the largest is {largest}.");
        }
    }

    [Theory]
    [InlineData("cpu")]
    [InlineData("reference")]
    [InlineData("reference-f64")]
    public void GoldenOptimizersAreWithinOneInAHundredThousand(string deviceName)
    {
        var folder = GoldenTests.GoldenFolder();
        Assert.SkipWhen(folder is null, "There is no folder of golden cases: neither $CNNSHARP_SHARED/golden nor ../shared/golden.");
        var files = Directory.GetFiles(folder!, "optim_*.safetensors");
        Assert.NotEmpty(files);
        foreach (var path in files)
        {
            using var file = new CaseFile(path);
            Assert.True(OptimizerCase.Check(file, Device.Parse(deviceName), new(Tolerance, 0)) is not { } difference, $"{Path.GetFileName(path)}: {OptimizerCase.Check(file, Device.Parse(deviceName), new(Tolerance, 0))}");
        }
    }

    static Tensor Parameter(JsonElement values, Shape shape, Device device)
    {
        var parameter = Tensor.From(Array.ConvertAll(Numbers(values), v => (float)v), shape, device);
        parameter.RequiresGrad = true;
        return parameter;
    }

    static OptimizerOptions OptionsOf(JsonElement entry)
    {
        var o = entry.GetProperty("optimizer");
        var betas = o.TryGetProperty("betas", out var pair) ? Numbers(pair) : [0.9, 0.999];
        OptimizerOptions options = o.GetProperty("name").GetString() switch
        {
            "sgd" => new SgdOptions { Momentum = Single("momentum", 0), Nesterov = o.TryGetProperty("nesterov", out _) },
            "adagrad" => new AdaGradOptions { Epsilon = Single("eps", 1e-10) },
            "rmsprop" => new RmsPropOptions { Decay = Single("alpha", 0.99), Momentum = Single("momentum", 0) },
            "adam" => new AdamOptions { Beta1 = (float)betas[0], Beta2 = (float)betas[1], Epsilon = Single("eps", 1e-8) },
            "adamw" => new AdamWOptions { Beta1 = (float)betas[0], Beta2 = (float)betas[1] },
            "nadam" => new NAdamOptions { Beta1 = betas[0], Beta2 = betas[1], MomentumDecay = Number(o, "momentum_decay", 4e-3) },
            "adamax" => new AdaMaxOptions { Beta1 = betas[0], Beta2 = betas[1] },
            "adadelta" => new AdadeltaOptions { Rho = Number(o, "rho", 0.9) },
            var other => throw new InvalidOperationException($"The case has an optimizer '{other}'."),
        };
        options = options with { LearningRate = Single("lr", double.NaN), WeightDecay = Single("weight_decay", options.WeightDecay) };
        return entry.GetProperty("clip") is not { ValueKind: JsonValueKind.Array } clip ? options
            : clip[0].GetString() == "norm" ? options with { MaxGradientNorm = clip[1].GetSingle() }
            : options with { MaxGradientValue = clip[1].GetSingle() };

        float Single(string key, double fallback) => (float)Number(o, key, fallback);
    }

    /// <summary>PyTorch gives a group its rate, this library a multiple of the optimizer's.</summary>
    static ParameterGroup[] GroupsOf(JsonElement entry, Tensor[] parameters, OptimizerOptions options)
        => [.. entry.GetProperty("groups").EnumerateArray().Zip(parameters, (group, parameter) => new ParameterGroup([parameter])
        {
            LearningRateScale = (float)(Number(group, "lr", options.LearningRate) / options.LearningRate),
            WeightDecay = group.TryGetProperty("weight_decay", out var decay) ? decay.GetSingle() : null,
        })];

    static Schedule ScheduleOf(JsonElement s, int perEpoch)
    {
        if (s.ValueKind == JsonValueKind.Null) return Schedule.Constant();
        return s.GetProperty("name").GetString() switch
        {
            "constant" => Schedule.Constant(),
            "step" => Schedule.Step(Number(s, "epochs"), Number(s, "factor")),
            "multi-step" => Schedule.MultiStep(Numbers(s.GetProperty("epochs")), Number(s, "factor")),
            "exponential" => Schedule.Exponential(Number(s, "factor")),
            "polynomial" => Schedule.Polynomial(Number(s, "power")),
            "cosine" => Schedule.Cosine(Number(s, "final")),
            "cosine-restarts" => Schedule.CosineRestarts(Number(s, "epochs"), Number(s, "factor"), Number(s, "final")),
            "cyclic" when s.TryGetProperty("momentum", out _) => Cyclic().WithMomentum(),
            "cyclic" => Cyclic(),
            "lambda" => Schedule.Lambda(time => 1 / (1 + (Number(s, "slope") * time.Step))),
            "one-cycle" when s.TryGetProperty("linear", out _) => Schedule.OneCycle(Number(s, "peak"), Number(s, "warmup"), Number(s, "start"), Number(s, "end"), Anneal.Linear),
            "one-cycle" when s.TryGetProperty("momentum", out _) => Schedule.OneCycle(Number(s, "peak")).WithMomentum(),
            "one-cycle" => Schedule.OneCycle(Number(s, "peak")),

            // What a case does not say is PyTorch's default, which must be this library's.
            "plateau" when !s.TryGetProperty("factor", out _) => Schedule.Plateau(),
            "plateau" => Schedule.Plateau(Number(s, "factor"), (int)Number(s, "patience"), Number(s, "threshold", 1e-4), (int)Number(s, "cooldown", 0), Number(s, "final", 0)),
            "warmup" => Schedule.Warmup(Number(s, "warmup") / perEpoch, Number(s, "warmup_start")).Then(ScheduleOf(s.GetProperty("then"), perEpoch)),
            var other => throw new InvalidOperationException($"The case has a schedule '{other}'."),
        };

        CyclicSchedule Cyclic() => Schedule.Cyclic(
            Number(s, "peak"),
            Number(s, "up"),
            Number(s, "down"),
            s.GetProperty("mode").GetString() switch { "triangular" => CyclicMode.Triangular, "triangular2" => CyclicMode.Triangular2, _ => CyclicMode.ExpRange },
            Number(s, "gamma", 1));
    }

    static double Number(JsonElement entry, string key, double? fallback = null)
        => entry.TryGetProperty(key, out var value) ? value.GetDouble() : fallback ?? throw new InvalidOperationException($"The case lacks '{key}'.");

    /// <summary>Numbers in lists within lists, in order.</summary>
    static double[] Numbers(JsonElement list)
        => [.. list.EnumerateArray().SelectMany(e => e.ValueKind == JsonValueKind.Array ? Numbers(e) : [e.GetDouble()])];
}
