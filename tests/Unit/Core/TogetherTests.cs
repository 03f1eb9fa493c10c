using CnnSharp.Kernels;
using CnnSharp.Layers;
using Xunit;
using static CnnSharp.Functional;

namespace CnnSharp.Tests;

/// <summary>Tensors that meet in an operation must be on one device and of one type; the message says which are not, and where.</summary>
[Collection(DeviceTests.Name)]
public sealed class TogetherTests
{
    [Fact]
    public void TensorsOfTwoDevicesAreRefusedByName()
    {
        using var there = Tensor.Zeros([2, 4], Device.ReferenceFloat64);
        using var here = Tensor.Zeros([2, 4], Device.Reference);
        using var images = Tensor.Zeros([1, 8, 8, 3], Device.ReferenceFloat64);
        using var labels = Tensor.From([0, 1], [2], Device.ReferenceFloat64);
        Refused("Conv2d 'layers.0': the input [1, 8, 8, 3] is on reference-f64, the weights [3, 3, 3, 4] on reference; Tensor.To brings one to the other's device.", () => new Holder(new Conv2d(3, 4, 3, device: Device.Reference)).Forward(images));
        Refused("ConvTranspose2d 'layers.0': the input [1, 8, 8, 3] is on reference-f64, the weights [2, 2, 3, 4] on reference; Tensor.To brings one to the other's device.", () => new Holder(new ConvTranspose2d(3, 4, 2, device: Device.Reference)).Forward(images));
        Refused("Linear 'layers.0': the input [2, 4] is on reference-f64, the weights [4, 5] on reference; Tensor.To brings one to the other's device.", () => new Holder(new Linear(4, 5, device: Device.Reference)).Forward(there));
        Refused("BatchNorm 'layers.0': the input [2, 4] is on reference-f64, the weights [4] on reference; Tensor.To brings one to the other's device.", () => new Holder(new BatchNorm2d(4, device: Device.Reference)).Forward(there));
        Refused("PRelu: the input [2, 4] is on reference, the slopes [1] on reference-f64; Tensor.To brings one to the other's device.", () => PRelu(here, Tensor.Zeros([1], Device.ReferenceFloat64)));
        Refused("Add: the input [2, 4] is on reference, the second operand [2, 4] on reference-f64; Tensor.To brings one to the other's device.", () => here + there);
        Refused("Concat: the input [2, 4] is on reference, the next one [2, 4] on reference-f64; Tensor.To brings one to the other's device.", () => Concat([here, there]));
        Refused("CrossEntropy: the scores [2, 4] are on reference, the labels [2] on reference-f64; Tensor.To brings one to the other's device.", () => CrossEntropy(here, labels));
        var e = Assert.Throws<ShapeException>(() => MeanSquaredError(here, there));
        Assert.EndsWith(": the input [2, 4] is on reference, the target [2, 4] on reference-f64; Tensor.To brings one to the other's device.", e.Message, StringComparison.Ordinal);

        using var brought = there.To(Device.Reference);
        using var sum = here + brought;
        Assert.Equal(new float[8], sum.ToArray());
    }

    [Fact]
    public void TensorsOfTwoTypesAreRefusedByName()
    {
        using var x = Tensor.From(new int[8], [2, 4], Device.Reference);
        Refused("Linear 'layers.0': the input [2, 4] is Int32, the weights [4, 5] Float32.", () => new Holder(new Linear(4, 5, device: Device.Reference)).Forward(x));
        Refused("Multiply: the input [2, 4] is Int32, the second operand [2, 4] Float32.", () => x * Tensor.Zeros([2, 4], Device.Reference));
    }

    static void Refused(string message, Func<Tensor> compute) => Assert.Equal(message, Assert.Throws<ShapeException>(compute).Message);

    sealed class Holder(params Layer[] layers) : Layer
    {
        readonly Layer[] layers = layers;

        protected override Tensor Compute(Tensor x) => layers[0].Forward(x);
    }
}
