using CnnSharp.Kernels.Cpu;
using CnnSharp.Layers;
using CnnSharp.Models;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>A layer writes itself as PyTorch's modules do: a line each, by its name in the path.</summary>
public sealed class LayerTextTests
{
    [Fact]
    public void A_model_is_written_layer_by_layer()
    {
        var device = new Device(new CpuEngine(1));
        var model = new Sequential(
            ("stem", new Sequential(new Conv2d(3, 16, 3, stride: 2, padding: 1, bias: false, device: device), new BatchNorm2d(16, device: device), new Relu(), new MaxPool2d(2))),
            ("up", new ConvTranspose2d(16, 8, (2, 3), groups: 2, device: device)),
            ("drop", new Dropout(0.25f)),
            ("flat", new Flatten()),
            ("head", new Linear(8, 10, device: device)));
        Assert.Equal(
            """
            Sequential(
              (stem): Sequential(
                (0): Conv2d(3, 16, kernel 3, stride 2, padding 1, no bias)
                (1): BatchNorm2d(16, epsilon 1E-05, momentum 0.1)
                (2): Relu()
                (3): MaxPool2d(kernel 2, stride 2)
              )
              (up): ConvTranspose2d(16, 8, kernel (2, 3), groups 2)
              (drop): Dropout(0.25)
              (flat): Flatten()
              (head): Linear(8, 10)
            )
            """.ReplaceLineEndings("\n"),
            model.ToString());
    }

    /// <summary>Every path of a tensor is found in the text of its model.</summary>
    [Fact]
    public void A_model_of_the_zoo_names_its_layers()
    {
        var text = Zoo.Build("resnet20", new() { Device = Device.Shapes }).ToString();
        Assert.StartsWith("ResNet(\n  (", text, StringComparison.Ordinal);
        Assert.Contains("(conv2): Conv2d(64, 64, kernel 3, padding 1, no bias)", text, StringComparison.Ordinal);
        Assert.Contains(": Linear(64, 10)", text, StringComparison.Ordinal);
    }
}
