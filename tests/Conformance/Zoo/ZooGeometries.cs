using CnnSharp.Kernels;
using CnnSharp.Layers;
using CnnSharp.Models;

namespace CnnSharp.Tests;

/// <summary>
/// Every distinct convolution, pooling, batch norm and matrix product of the zoo's usual networks, found by following a
/// training pass without elements, and those of a MobileNet-like network. Sizes are those that the kernels are made for:
/// many tasks, whole and partial tiles, Winograd; the largest images are halved where the full size would only repeat tiles.
/// </summary>
static class ZooGeometries
{
    static readonly (string Model, int Batch, int Size)[] Networks =
    [
        ("resnet20", 1, 32), ("resnet20", 2, 32), ("resnet20", 32, 32),
        ("resnet50", 1, 224), ("resnet50", 2, 96), ("resnet50", 32, 32),
        ("vgg16-bn", 1, 112), ("vgg16-cifar", 2, 32), ("vgg16-cifar", 8, 32),
        ("googlenet", 1, 224), ("googlenet", 2, 64),
        ("densenet40", 2, 32),
    ];

    static readonly Lazy<HashSet<object>> Found = new(Collect);

    public static IEnumerable<ConvGeometry> Convolutions => Found.Value.OfType<ConvGeometry>();

    public static IEnumerable<(bool Maximum, PoolGeometry Geometry)> Poolings => Found.Value.OfType<(bool, PoolGeometry)>();

    public static IEnumerable<BatchNormGeometry> BatchNorms => Found.Value.OfType<BatchNormGeometry>();

    /// <summary>Without VGG's first linear layer, whose 400 MB of weights show nothing that 67 MB do not.</summary>
    public static IEnumerable<MatMulGeometry> Products => Found.Value.OfType<MatMulGeometry>().Where(g => (long)g.N * g.K <= 20_000_000);

    static HashSet<object> Collect()
    {
        var found = new HashSet<object>();
        var device = new Device(new ShapeEngine());
        var outer = Tape.Observer;
        Tape.Observer = operation => Add(found, operation);
        try
        {
            foreach (var (model, batch, size) in Networks)
            {
                var network = Zoo.Build(model, new() { Input = new(size, size, 3), Device = device });
                using var scope = Tape.NoGrad();
                network.Forward(Tensor.Uninitialized(new(batch, size, size, 3), device));
            }
        }
        finally
        {
            Tape.Observer = outer;
        }

        found.UnionWith(MobileNet.Cast<object>());
        return found;
    }

    static void Add(HashSet<object> found, TracedOperation operation)
    {
        switch (operation.Operation)
        {
            case Conv2dOperation convolution: found.Add(convolution.Geometry); break;
            case MaxPool2dOperation pooling: found.Add((true, pooling.Geometry)); break;
            case AvgPool2dOperation pooling: found.Add((false, pooling.Geometry)); break;
            case BatchNormOperation norm: found.Add(new BatchNormGeometry(norm.Geometry.Rows, norm.Geometry.Channels, 1e-5f, 0.1f, Activation.None)); break;
            case LinearOperation linear: found.Add(new MatMulGeometry(linear.Rows, linear.Outputs, linear.Inputs)); break;
        }
    }

    /// <summary>MobileNetV1 and V2 (arXiv 1704.04861, 1801.04381): depthwise 3x3 at strides 1 and 2, and the 1x1 beside them.</summary>
    static IEnumerable<ConvGeometry> MobileNet =>
        from layer in ((int Batch, int Size, int Channels, int Kernel, int Stride)[])
        [
            (1, 112, 32, 3, 1), (1, 112, 64, 3, 2), (1, 56, 128, 3, 1), (1, 28, 256, 3, 2), (1, 14, 512, 3, 1), (1, 7, 1024, 3, 1), (2, 56, 144, 3, 2), (2, 14, 576, 5, 2), (32, 14, 96, 3, 1), (32, 7, 960, 3, 1),
        ]
        from geometry in (ConvGeometry[])
        [
            ConvGeometry.Create([layer.Batch, layer.Size, layer.Size, layer.Channels], [layer.Kernel, layer.Kernel, 1, layer.Channels], layer.Stride, layer.Kernel / 2, 1, layer.Channels),
            ConvGeometry.Create([layer.Batch, (layer.Size + layer.Stride - 1) / layer.Stride, (layer.Size + layer.Stride - 1) / layer.Stride, layer.Channels], [1, 1, layer.Channels, Math.Min(2 * layer.Channels, 320)], 1, 0, 1, 1),
        ]
        select geometry;
}
