using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using CnnSharp.Formats.TensorBoard;
using CnnSharp.Kernels.Cpu;
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

        static List<(long, string, float)> Tags(string run) => !Directory.Exists(run) ? [] : [.. Read(Path.Combine(run, EventFile.Name)).SelectMany(e => e.Scalars.Where(s => s.Tag is not ("seconds" or "images_per_second")).Select(s => (e.Step, s.Tag, s.Value)))];
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

    sealed record Record(double Time, long Step, string? Version, List<(string Tag, float Value)> Scalars, Dictionary<string, (double Least, double Most, double Count, double Sum, double[] Limits, double[] Buckets)> Histograms);

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
            if (field != 5) continue;
            var parts = Fields(bytes);
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
