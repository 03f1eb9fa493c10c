using CnnSharp.Formats;
using CnnSharp.Formats.Onnx;
using CnnSharp.Kernels.Cpu;
using CnnSharp.Training;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>Small graphs, one an operator, trained: outputs and every gradient as PyTorch has them (see make_gradients.py).</summary>
[Collection(DeviceTests.Name)]
public sealed class OnnxGradientTests
{
    const double Tolerance = 2e-5;

    static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "Formats", "Onnx", "Gradients");

    public static TheoryData<string> Graphs => [.. Directory.GetFiles(Folder, "*.onnx").Select(path => Path.GetFileNameWithoutExtension(path)!).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Graphs))]
    public void GradientsAreThoseOfPyTorch(string graph)
    {
        using var file = SafeTensors.Open(Path.Combine(Folder, "gradients.safetensors"));
        Device device = new(new CpuEngine(1));
        var model = OnnxModel.Load(Path.Combine(Folder, $"{graph}.onnx"));
        var network = new OnnxNetwork(model, device);
        using var x = ChannelsLast("x");
        using var dy = ChannelsLast("dy");
        x.RequiresGrad = true;
        Assert.Equal(
            file.Tensors.Select(tensor => tensor.Name).Where(name => name.StartsWith($"{graph}/d.", StringComparison.Ordinal)).Select(name => name[(graph.Length + 3)..]).Order(StringComparer.Ordinal),
            network.StateDict().Where(named => named.Tensor.RequiresGrad).Select(named => named.Name).Order(StringComparer.Ordinal));
        Step();
        Near("dx", Taken(ChannelsLast("dx")), Taken(x.Gradient!));
        foreach (var (name, weight) in network.StateDict())
        {
            if (!weight.RequiresGrad) continue;

            // Weights are kept in other orders of axes: their elements, all different, say where each is in the file.
            var places = model.Initializers[name].Floats().Select((value, i) => (value, i)).ToDictionary(pair => pair.value, pair => pair.i);
            var expected = file[$"{graph}/d.{name}"].AsFloat32();
            Near($"gradient of {name}", [.. weight.ToArray().Select(value => expected[places[value]])], Taken(weight.Gradient!));
        }

        // What a step makes is given back, but for single numbers and lists of indices, which the collector returns; from the second on
        // the engine keeps weights as it reads them.
        var used = Step();
        Assert.InRange(Step() - used, long.MinValue, 4096);

        long Step()
        {
            x.ClearGradient();
            foreach (var parameter in network.Parameters) parameter.ClearGradient();

            // In the file's order of axes, whatever the shape looks like.
            using var y = network.Run([Value.OfChannelsLast(x)])[0].ChannelsLast(device).Keep();
            Near("y", Taken(ChannelsLast("y")), y.ToArray());
            y.Backward(dy);
            return device.Engine.Pool.UsedBytes;
        }

        Tensor ChannelsLast(string what)
        {
            var tensor = file[$"{graph}/{what}"];
            using var stated = Tensor.From(tensor.AsFloat32(), new(Array.ConvertAll(tensor.Shape, extent => (int)extent)), device);
            using (Tape.NoGrad()) return Layout.ToChannelsLast(stated) is var turned && turned == stated ? Tensor.From(stated.ToArray(), stated.Shape, device) : turned.Keep();
        }

        static float[] Taken(Tensor tensor)
        {
            using (tensor) return tensor.ToArray();
        }

        static void Near(string what, float[] expected, float[] actual)
        {
            Assert.Equal(expected.Length, actual.Length);
            var bound = Tolerance * expected.Select(Math.Abs).Append(1e-3f).Max();
            for (var i = 0; i < expected.Length; i++) Assert.True(Math.Abs(expected[i] - actual[i]) <= bound, $"{what}, element {i}: expected {expected[i]}, got {actual[i]}");
        }
    }

    /// <summary>Without recording, a weight's orders of axes are kept: as long as the weight stays what it is.</summary>
    [Fact]
    public void AWeightReadInTwoOrdersIsReadAnewAfterAStep()
    {
        var device = Device.Cpu;
        var network = OnnxNetwork.Load(Path.Combine(Folder, "tied_gemms.onnx"), device);
        var x = Tensor.From(new float[] { 1, 2, 3, 4, 5 }, new Shape(1, 5), device);
        var before = Unrecorded();
        Assert.Equal(before, Unrecorded());
        var optimizer = new Sgd(network.Parameters, learningRate: 0.1f);
        using var recorded = network.Forward(x).Keep();
        Assert.Equal(before, recorded.ToArray());
        recorded.Backward(Tensor.Full(recorded.Shape, 1, device));
        optimizer.Step();
        var after = Unrecorded();
        Assert.NotEqual(before, after);
        using var again = network.Forward(x).Keep();
        Assert.Equal(again.ToArray(), after);

        float[] Unrecorded()
        {
            using (Tape.NoGrad()) return network.Forward(x).ToArray();
        }
    }
}
