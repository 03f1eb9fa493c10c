using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using CnnSharp.Data;
using CnnSharp.Formats.TensorBoard;
using CnnSharp.Kernels.Cpu;
using CnnSharp.Layers;
using CnnSharp.Training;
using Xunit;
using static CnnSharp.Tests.Training.SmallTraining;

namespace CnnSharp.Tests.Training;

/// <summary>What TensorBoard reads, read here by the format alone: no code of the writer.</summary>
public sealed class EventFileTests
{
    /// <summary>Every figure of metrics.jsonl, and metrics.csv, under its own step; the version first.</summary>
    [Fact]
    public void Events_are_the_metrics()
    {
        using var folder = new TemporaryFolder();
        SmallTraining.Fit(new(new CpuEngine(1)), Options() with { OutputFolder = folder.Path, ReportEvery = 5 });
        var events = Read(Path.Combine(folder.Path, EventFile.Name));
        Assert.Equal("brain.Event:2", events[0].Version);
        var scalars = events.SelectMany(e => e.Scalars.Select(s => ((e.Step, s.Tag), s.Value))).ToDictionary(s => s.Item1, s => s.Value);
        var lines = File.ReadAllLines(Path.Combine(folder.Path, "metrics.jsonl"));
        var table = File.ReadAllLines(Path.Combine(folder.Path, "metrics.csv")).Select(line => line.Split(',')).ToArray();
        Assert.Equal((2, 3), (lines.Length, table.Length));
        for (var i = 0; i < lines.Length; i++)
        {
            var fields = JsonDocument.Parse(lines[i]).RootElement.EnumerateObject().ToList();
            var step = fields.Single(field => field.Name == "step").Value.GetInt64();
            Assert.Equal(fields.Select(field => field.Name), table[0]);
            Assert.Equal(fields.Select(field => field.Value.GetRawText()), table[i + 1]);
            foreach (var field in fields.Where(field => field.Name is not ("epoch" or "step")))
            {
                var tag = field.Name.Replace("train_", "train/", StringComparison.Ordinal).Replace("validation_", "validation/", StringComparison.Ordinal);
                Assert.Equal((float)field.Value.GetDouble(), scalars[(step, tag)]);
            }
        }

        // 13 steps an epoch, reported every fifth and at the end.
        Assert.Equal([5, 10, 13, 18, 23, 26], events.Where(e => e.Scalars.Any(s => s.Tag == "step/loss")).Select(e => e.Step));
        Assert.All(scalars.Where(s => s.Key.Tag == "step/loss"), s => Assert.InRange(s.Value, 0.01, 5));
    }

    /// <summary>Of weights and of gradients, each of as many numbers as the tensor has, between its least and its greatest.</summary>
    [Fact]
    public void Histograms_are_those_of_the_tensors()
    {
        using var folder = new TemporaryFolder();
        var device = new Device(new CpuEngine(1));
        var model = Model(device);
        Trainer.Fit(model, Images(96), options: Options() with { OutputFolder = folder.Path });
        var last = Read(Path.Combine(folder.Path, EventFile.Name))[^1];
        foreach (var (name, tensor) in model.StateDict().Where(t => model.Parameters.Contains(t.Tensor)))
        {
            var values = tensor.ToArray();
            var weights = last.Histograms[$"weights/{name}"];
            Assert.Equal((values.Length, (double)values.Min(), (double)values.Max()), ((int)weights.Count, weights.Least, weights.Most));
            Assert.Equal(values.Sum(v => (double)v), weights.Sum, 1e-4);
            Assert.Equal(values.Length, weights.Buckets.Sum());
            Assert.Equal(weights.Limits.Order(), weights.Limits);
            Assert.Equal(weights.Most, weights.Limits[^1]);
            for (var i = 0; i < weights.Limits.Length - 1; i++) Assert.InRange(values.Count(v => v < weights.Limits[i]) - weights.Buckets.Take(i + 1).Sum(), -1, 1);
            Assert.Equal(values.Length, last.Histograms[$"gradients/{name}"].Buckets.Sum());
        }
    }

    /// <summary>Their images once, and after each epoch what the model says: the classes and probabilities that predicting them gives.</summary>
    [Fact]
    public void The_first_validation_samples_are_shown_with_predictions()
    {
        using var folder = new TemporaryFolder();
        var device = new Device(new CpuEngine(1));
        var model = Model(device);
        var (train, validation) = Images(112).Split(20);
        Trainer.Fit(model, train, validation, Options() with { OutputFolder = folder.Path });
        var events = Read(Path.Combine(folder.Path, EventFile.Name)).Where(e => e.Images.Count > 0 || e.Texts.Count > 0).ToList();
        Assert.Equal([(4L, 16, 1), (8L, 0, 1)], events.Select(e => (e.Step, e.Images.Count, e.Texts.Count)));
        for (var i = 0; i < 16; i++)
        {
            var (height, width, channels, png) = events[0].Images[$"samples/{i:D2}"];
            Assert.Equal((8, 8, 2), (height, width, channels));
            var image = ImageFile.Read(folder.Write("one.png", png));
            Assert.Equal(validation.Pixels(i).ToArray(), image.Pixels);
        }

        var predicted = Trainer.Predict(model, validation.Take(16));
        var shares = Functional.Softmax(predicted.Outputs).ToArray();
        var rows = events[1].Texts["samples/predictions"].Split('\n', StringSplitOptions.RemoveEmptyEntries)[2..];
        Assert.Equal(Enumerable.Range(0, 16).Select(i => FormattableString.Invariant($"| {i:D2} | {validation.ClassNames[validation.Labels[i]]} | {validation.ClassNames[predicted.Classes()[i]]} ({100 * shares[(i * Classes) + predicted.Classes()[i]]:F1}%) |")), rows);
    }

    /// <summary>Results that are images are shown as such, and numbers as numbers.</summary>
    [Fact]
    public void Samples_of_other_tasks_are_shown_as_what_they_are()
    {
        using var folder = new TemporaryFolder();
        var numbers = Enumerable.Range(0, 3 * 16).Select(i => i % 16 / 15f).ToArray();
        var images = Dataset.From(Tensor.From(numbers, new(3, 4, 4, 1), Device.Cpu));
        Trainer.Fit(new Conv2d(1, 1, 3, padding: 1), images, TrainingTask.ImageToImage(), images, new() { Epochs = 1, OutputFolder = folder.File("images") });
        var last = Read(Path.Combine(folder.File("images"), EventFile.Name))[^1];
        Assert.Equal(["samples/00", "samples/00/result", "samples/01", "samples/01/result", "samples/02", "samples/02/result"], last.Images.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(Enumerable.Range(0, 16).Select(i => (byte)(17 * i)), ImageFile.Read(folder.Write("one.png", last.Images["samples/01"].Png)).Pixels);

        var pairs = Dataset.From(Tensor.From([1f, 2, 3, 4], new(4, 1), Device.Cpu), Tensor.From([2f, 4, 6, 8], new(4, 1), Device.Cpu));
        var line = new Linear(1, 1, bias: false);
        Trainer.Fit(line, pairs, TrainingTask.Regression(), pairs, new() { Epochs = 1, OutputFolder = folder.File("numbers") });
        var factor = line.Parameters.Single().ToArray()[0];
        var rows = Read(Path.Combine(folder.File("numbers"), EventFile.Name))[^1].Texts["samples/predictions"].Split('\n', StringSplitOptions.RemoveEmptyEntries)[2..];
        Assert.Equal(Enumerable.Range(0, 4).Select(i => FormattableString.Invariant($"| {i:D2} | {2 * (i + 1)} | {factor * (i + 1):G4} |")), rows);
    }

    /// <summary>Gone on with after an end in the middle: no event twice, none missing.</summary>
    [Fact]
    public void A_resumed_training_has_each_event_once()
    {
        using var folder = new TemporaryFolder();
        var (straight, resumed) = (folder.File("straight"), folder.File("resumed"));
        var options = Options() with { ReportEvery = 4, Schedule = Schedule.Exponential(0.5) };
        SmallTraining.Fit(new(new CpuEngine(1)), options with { OutputFolder = straight });
        SmallTraining.Fit(new(new CpuEngine(1)), options with { OutputFolder = resumed, Epochs = 1 });

        // As if it had been killed after later events were written, the last cut short.
        var path = Path.Combine(resumed, EventFile.Name);
        EventFile.Append(path, new() { Step = 99, Summary = new() { Value = { EventFile.Scalar("step/loss", 1) } } });
        File.WriteAllBytes(path, [.. File.ReadAllBytes(path), 7, 0, 0]);
        SmallTraining.Fit(new(new CpuEngine(1)), options with { OutputFolder = resumed, Resume = true });

        Assert.Equal(Tags(straight), Tags(resumed));
        Assert.Empty(Tags(folder.File("none")));
        SmallTraining.Fit(new(new CpuEngine(1)), options with { OutputFolder = folder.File("none"), TensorBoard = false });
        Assert.False(File.Exists(Path.Combine(folder.File("none"), EventFile.Name)));

        static List<(long, string, float)> Tags(string run) => !Directory.Exists(run) ? [] : [.. Read(Path.Combine(run, EventFile.Name)).SelectMany(e => e.Scalars.Where(s => !SmallTraining.IsMeasured(s.Tag)).Select(s => (e.Step, s.Tag, s.Value)))];
    }

    /// <summary>Of RFC 3720's test patterns, unmasked.</summary>
    [Fact]
    public void The_checksum_is_crc_32c()
    {
        Assert.Equal(Masked(0x8A9136AA), EventFile.Checksum(new byte[32]));
        Assert.Equal(Masked(0x62A8AB43), EventFile.Checksum([.. Enumerable.Repeat((byte)0xFF, 32)]));
        Assert.Equal(Masked(0xE3069283), EventFile.Checksum("123456789"u8));
    }

    static uint Masked(uint crc) => ((crc >> 15) | (crc << 17)) + 0xA282EAD8;

    // ---- a reader of its own: TFRecord and the wire format of protocol buffers --------------------------------------

    sealed record Record(double Time, long Step, string? Version, List<(string Tag, float Value)> Scalars, Dictionary<string, (double Least, double Most, double Count, double Sum, double[] Limits, double[] Buckets)> Histograms)
    {
        public Dictionary<string, (int Height, int Width, int Channels, byte[] Png)> Images { get; } = [];

        public Dictionary<string, string> Texts { get; } = [];
    }

    static List<Record> Read(string path)
    {
        var (bytes, events) = (File.ReadAllBytes(path), new List<Record>());
        for (var at = 0; at < bytes.Length;)
        {
            var length = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(at));
            Assert.Equal(Crc(bytes.AsSpan(at, 8)), BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at + 8)));
            var message = bytes.AsSpan(at + 12, length).ToArray();
            Assert.Equal(Crc(message), BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at + 12 + length)));
            at += length + 16;
            var e = new Record(0, 0, null, [], []);
            foreach (var (field, number, data) in Fields(message))
            {
                if (field == 1) e = e with { Time = BitConverter.UInt64BitsToDouble(number) };
                else if (field == 2) e = e with { Step = (long)number };
                else if (field == 3) e = e with { Version = Encoding.UTF8.GetString(data) };
                else if (field == 5) Fields(data).ForEach(value => AddValue(value.Data, e));
            }

            Assert.InRange(e.Time, 1.7e9, 1e11);
            events.Add(e);
        }

        return events;
    }

    static void AddValue(byte[] data, Record e)
    {
        var fields = Fields(data);
        var tag = Encoding.UTF8.GetString(fields.Single(f => f.Field == 1).Data);
        foreach (var (field, number, bytes) in fields)
        {
            if (field == 2) e.Scalars.Add((tag, BitConverter.UInt32BitsToSingle((uint)number)));
            if (field is not (4 or 5 or 8)) continue;
            var parts = Fields(bytes);
            if (field == 4) e.Images[tag] = ((int)parts[0].Number, (int)parts[1].Number, (int)parts[2].Number, parts.Single(p => p.Field == 4).Data);
            if (field == 8)
            {
                // DT_STRING, one text; shown by the plugin of that name.
                Assert.Equal(7UL, parts.Single(p => p.Field == 1).Number);
                e.Texts[tag] = Encoding.UTF8.GetString(parts.Single(p => p.Field == 8).Data);
                Assert.Equal("text", Encoding.UTF8.GetString(Fields(Fields(fields.Single(f => f.Field == 9).Data).Single(f => f.Field == 1).Data).Single(f => f.Field == 1).Data));
            }

            if (field != 5) continue;
            e.Histograms[tag] = (Number(1), Number(2), Number(3), Number(4), Numbers(6), Numbers(7));

            double Number(int of) => parts.Where(p => p.Field == of).Select(p => BitConverter.UInt64BitsToDouble(p.Number)).SingleOrDefault();

            double[] Numbers(int of) => [.. parts.Where(p => p.Field == of).SelectMany(p => p.Data.Chunk(8)).Select(chunk => BitConverter.ToDouble(chunk))];
        }
    }

    static List<(int Field, ulong Number, byte[] Data)> Fields(byte[] message)
    {
        var (fields, at) = (new List<(int, ulong, byte[])>(), 0);
        while (at < message.Length)
        {
            var key = Varint();
            switch (key & 7)
            {
                case 0:
                    fields.Add(((int)(key >> 3), Varint(), []));
                    break;
                case 1:
                    fields.Add(((int)(key >> 3), BinaryPrimitives.ReadUInt64LittleEndian(message.AsSpan(at)), []));
                    at += 8;
                    break;
                case 2:
                    var length = (int)Varint();
                    fields.Add(((int)(key >> 3), 0, message[at..(at + length)]));
                    at += length;
                    break;
                default:
                    fields.Add(((int)(key >> 3), BinaryPrimitives.ReadUInt32LittleEndian(message.AsSpan(at)), []));
                    at += 4;
                    break;
            }
        }

        return fields;

        ulong Varint()
        {
            var (value, shift) = (0UL, 0);
            while (true)
            {
                var b = message[at++];
                value |= (ulong)(b & 127) << shift;
                if (b < 128) return value;
                shift += 7;
            }
        }
    }

    /// <summary>CRC-32C bit by bit, masked.</summary>
    static uint Crc(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var b in bytes)
        {
            crc ^= b;
            for (var i = 0; i < 8; i++) crc = (crc >> 1) ^ ((crc & 1) * 0x82F63B78);
        }

        return Masked(~crc);
    }
}
