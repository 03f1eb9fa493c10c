using System.Globalization;
using CnnSharp.Training;

namespace CnnSharp.Cli.Train;

/// <summary>What <c>--schedule</c> means: a name, and after a colon settings with commas between: <c>step:epochs=30,factor=0.5</c>.</summary>
internal static class ScheduleText
{
    /// <summary>The name of the schedule that waits for a measured loss.</summary>
    public const string Plateau = "plateau";

    const string OneCycle = "one-cycle";

    static readonly Dictionary<string, string[]> Settings = new()
    {
        [OneCycle] = ["warmup", "start", "end", "momentum"],
        ["cosine"] = ["final"],
        ["cosine-restarts"] = ["epochs", "factor", "final"],
        ["cyclic"] = ["peak", "up", "down", "gamma"],
        ["step"] = ["epochs", "factor"],
        ["multi-step"] = ["epochs", "factor"],
        ["exponential"] = ["factor"],
        ["polynomial"] = ["power"],
        [Plateau] = ["factor", "patience", "threshold", "cooldown", "final"],
        ["constant"] = [],
    };

    /// <summary>How it is written, for help.</summary>
    public static string Help { get; } = $"NAME or NAME:SETTING=X,SETTING=X, of {string.Join(", ", Settings.Select(s => s.Value.Length == 0 ? s.Key : $"{s.Key} ({string.Join(' ', s.Value)})"))}";

    /// <summary>The name of the schedule.</summary>
    public static string NameOf(string text) => text.Split(':', 2)[0];

    /// <summary>What is wrong with a text, its numbers' ranges apart; null if nothing is.</summary>
    public static string? Problem(string text)
    {
        try
        {
            _ = Parse(text);
            return null;
        }
        catch (UsageException e)
        {
            return e.Message;
        }
    }

    /// <summary>The schedule that settings ask for. All of them must be filled, but for <see cref="TrainSettings.Warmup"/>.</summary>
    /// <exception cref="UsageException">The text is not understood, or the schedule takes no warm-up.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of its range.</exception>
    public static Schedule Build(TrainSettings settings)
    {
        var (name, given) = Parse(settings.Schedule!);
        var epochs = settings.Epochs!.Value;
        if (settings.Warmup is not { } warmup) return Create(epochs);
        if (name == OneCycle) throw new UsageException($"--warmup {warmup}: the one-cycle schedule warms up by itself (--schedule one-cycle:warmup=0.3); choose another, for instance --schedule cosine.");
        if (warmup >= epochs) throw new UsageException($"--warmup {warmup}: the training has {epochs} epochs; some must be left.");
        return Schedule.Warmup(warmup).Then(Create(epochs - warmup));

        Schedule Create(double epochs) => name switch
        {
            "cosine" => Schedule.Cosine(One("final", 0)),
            "cosine-restarts" => Schedule.CosineRestarts(One("epochs", epochs / 3), One("factor", 1), One("final", 0)),
            "cyclic" => Schedule.Cyclic(One("peak", 10 * settings.Lr!.Value), One("up", epochs / 4), One("down", One("up", epochs / 4)), given.ContainsKey("gamma") ? CyclicMode.ExpRange : CyclicMode.Triangular, One("gamma", 1)),
            "step" => Schedule.Step(One("epochs", epochs / 3), One("factor", 0.1)),
            "multi-step" => Schedule.MultiStep(given.GetValueOrDefault("epochs") ?? [0.5 * epochs, 0.75 * epochs], One("factor", 0.1)),
            "exponential" => Schedule.Exponential(One("factor", Math.Pow(0.01, 1 / epochs))),
            "polynomial" => Schedule.Polynomial(One("power", 1)),
            Plateau => Schedule.Plateau(One("factor", 0.1), Whole("patience", 10), One("threshold", 1e-4), Whole("cooldown", 0), One("final", 0)),
            "constant" => Schedule.Constant(),
            _ when given.GetValueOrDefault("momentum") is { } momentum => Cycle().WithMomentum(momentum[0], momentum[1]),
            _ => Cycle(),
        };

        OneCycleSchedule Cycle() => Schedule.OneCycle(settings.Lr!.Value, One("warmup", 0.3), One("start", 25), One("end", 1e4));

        double One(string setting, double fallback) => given.TryGetValue(setting, out var values) ? values[0] : fallback;

        int Whole(string setting, int fallback) => (int)One(setting, fallback);
    }

    static (string Name, Dictionary<string, double[]> Given) Parse(string text)
    {
        var name = NameOf(text);
        if (!Settings.TryGetValue(name, out var known)) throw new UsageException($"--schedule: {Nearest.Unknown("schedule", name, [.. Settings.Keys])}");
        var given = new Dictionary<string, double[]>();
        if (name.Length == text.Length) return (name, given);
        foreach (var part in text[(name.Length + 1)..].Split(','))
        {
            var (setting, value) = part.Split('=', 2) is [var key, var rest] ? (key, rest) : (part, "");
            if ((name, setting) == (OneCycle, "rise")) setting = "warmup"; // its name before, in settings of runs that are resumed
            if (known.Length == 0) throw new UsageException($"--schedule {text}: {name} has no settings.");
            if (!known.Contains(setting)) throw new UsageException($"--schedule {text}: {Nearest.Unknown($"setting of {name}", setting, known)}");
            var isList = (name, setting) == ("multi-step", "epochs");
            var isPair = (name, setting) == (OneCycle, "momentum");
            var isWhole = setting is "patience" or "cooldown";
            var numbers = new List<double>();
            foreach (var number in isList || isPair ? value.Split('/') : [value])
            {
                if (!double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out var parsed) || !double.IsFinite(parsed) || (isWhole && parsed != Math.Clamp(Math.Round(parsed), 0, 1_000_000)))
                    throw new UsageException($"--schedule {text}: {setting}: expected {(isList ? "numbers with / between, for instance 30/60/80" : isWhole ? "a whole number of at least 0" : "a number")}, got '{value}'.");
                numbers.Add(parsed);
            }

            if (isPair && numbers.Count != 2) throw new UsageException($"--schedule {text}: {setting}: expected the momentum at the start and at the peak, for instance 0.95/0.85, got '{value}'.");
            if (!given.TryAdd(setting, [.. numbers])) throw new UsageException($"--schedule {text}: {setting} is specified more than once.");
        }

        return (name, given);
    }
}
