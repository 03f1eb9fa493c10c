using CnnSharp.Kernels;
using CnnSharp.Layers;

namespace CnnSharp.Models;

/// <summary>The squashing function of LeCun et al. 1998, appendix A: 1.7159 tanh(2/3 x), which takes 1 to 1 and -1 to -1. Any shape.</summary>
public sealed class ScaledTanh : Layer
{
    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => 1.7159f * Functional.Tanh(x * (2f / 3));
}

/// <summary>
/// The subsampling of LeCun et al. 1998, section II.B: the sum of each 2x2 window times a learned weight plus a learned bias,
/// channel by channel. [N, H, W, C] to [N, H / 2, W / 2, C]. Parameters: weight [C], bias [C].
/// </summary>
public sealed class Subsampling : Layer
{
    /// <summary>Creates the layer.</summary>
    /// <param name="channels">C.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    public Subsampling(int channels, Device? device = null)
    {
        Weight = LeNet5.Initializer(4).Parameter(new(channels), 4, 1, device);
        Bias = LeNet5.Initializer(4).Parameter(new(channels), 4, 1, device);
    }

    /// <summary>[C].</summary>
    public Tensor Weight { get; }

    /// <summary>[C].</summary>
    public Tensor Bias { get; }

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x) => (4 * Functional.AvgPool2d(x, 2) * Weight) + Bias;

    /// <inheritdoc/>
    public override long MultiplyAdds(Shape input, Shape output) => output.Count;
}

/// <summary>
/// The convolution C3 of LeCun et al. 1998, table I: each result reads some of the channels only, so that no two learn the
/// same. [N, H, W, 6] to [N, H - 4, W - 4, 16]. Parameters: weight [5, 5, 60], a kernel for each pair of channels that are
/// connected; bias [16]. Buffer: connections [60, 6 16], 1 where a kernel has its place.
/// </summary>
public sealed class PartialConv2d : Layer
{
    const int Kernel = 5, InChannels = 6;

    /// <summary>Table I: the channels that each result reads.</summary>
    static readonly int[][] Table =
    [
        [0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5], [0, 4, 5], [0, 1, 5],
        [0, 1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 5], [0, 3, 4, 5], [0, 1, 4, 5], [0, 1, 2, 5],
        [0, 1, 3, 4], [1, 2, 4, 5], [0, 2, 3, 5],
        [0, 1, 2, 3, 4, 5],
    ];

    readonly Tensor connections;

    /// <summary>Creates the layer.</summary>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    public PartialConv2d(Device? device = null)
    {
        device ??= Device.Best();
        var pairs = Table.SelectMany((inputs, output) => inputs.Select(input => (input, output))).ToArray();
        var ones = new float[pairs.Length * InChannels * Table.Length];
        for (var i = 0; i < pairs.Length; i++) ones[(((i * InChannels) + pairs[i].input) * Table.Length) + pairs[i].output] = 1;
        connections = Tensor.From(ones, new(pairs.Length, InChannels * Table.Length), device);
        var fanIn = Kernel * Kernel * pairs.Length / Table.Length;
        Weight = LeNet5.Initializer(fanIn).Parameter(new(Kernel, Kernel, pairs.Length), fanIn, 1, device);
        Bias = LeNet5.Initializer(fanIn).Parameter(new(Table.Length), fanIn, 1, device);
    }

    /// <summary>[5, 5, 60].</summary>
    public Tensor Weight { get; }

    /// <summary>[16].</summary>
    public Tensor Bias { get; }

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x)
    {
        var dense = Functional.MatMul(Weight.Reshape(Kernel * Kernel, Weight.Shape[2]), connections);
        return Functional.Conv2d(x, dense.Reshape(Kernel, Kernel, InChannels, Table.Length), Bias);
    }

    /// <inheritdoc/>
    public override long MultiplyAdds(Shape input, Shape output) => output.Count / Table.Length * Weight.Count;
}

/// <summary>
/// The output layer of LeCun et al. 1998, section II.B: minus the squared distance of its input to each class's code of -1
/// and 1, the image of the digit on 7x12 pixels. [N, 84] to [N, classes]. Buffer: codes [84, classes], not trained.
/// </summary>
public sealed class RadialBasis : Layer
{
    /// <summary>Features of the input: the pixels of a code.</summary>
    public const int Features = 7 * 12;

    static readonly string[] Digits =
    [
        "..###.. ...#... .#####. .#####. .....#. ####### ..####. ####### .#####. ..###..",
        ".#...#. ..##... #.....# #.....# ....##. #...... .#..... ......# #.....# .#...#.",
        "#.....# .#.#... ......# ......# ...#.#. #...... #...... ......# #.....# #.....#",
        "#.....# ...#... ......# ......# ..#..#. #...... #...... .....#. #.....# #.....#",
        "#.....# ...#... .....#. ......# ..#..#. #.###.. #.###.. .....#. .#...#. #.....#",
        "#.....# ...#... ....#.. ..####. .#...#. ##...#. ##...#. ....#.. ..###.. #.....#",
        "#.....# ...#... ...#... ......# .#...#. ......# #.....# ....#.. .#...#. .#...##",
        "#.....# ...#... ..#.... ......# #....#. ......# #.....# ...#... #.....# ..###.#",
        "#.....# ...#... .#..... ......# ####### ......# #.....# ...#... #.....# ......#",
        "#.....# ...#... #...... ......# .....#. #.....# #.....# ..#.... #.....# ......#",
        ".#...#. ...#... #...... #.....# .....#. .#...#. .#...#. ..#.... #.....# .....#.",
        "..###.. .#####. ####### .#####. .....#. ..###.. ..###.. ..#.... .#####. .####..",
    ];

    readonly Tensor codes;

    /// <summary>Creates the layer.</summary>
    /// <param name="classes">10, for digits; the codes of any other number of classes are drawn at random.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    public RadialBasis(int classes = 10, Device? device = null)
    {
        var values = new float[Features * classes];
        for (var pixel = 0; pixel < Features; pixel++)
        {
            var (row, column) = (pixel / 7, pixel % 7);
            for (var k = 0; k < classes; k++)
            {
                var ink = classes == 10 ? Digits[row][(8 * k) + column] == '#' : Generator.Default.Uniform() < 0.5;
                values[(pixel * classes) + k] = ink ? 1 : -1;
            }
        }

        codes = Tensor.From(values, new(Features, classes), device ?? Device.Best());
    }

    /// <inheritdoc/>
    protected override Tensor Compute(Tensor x)
    {
        // -|x - w|^2 = 2 x w - |x|^2 - |w|^2, and the 84 elements of a code are all -1 or 1.
        return (2 * Functional.MatMul(x, codes)) - (Functional.Sum(Functional.Square(x), [1], keepAxes: true) + Features);
    }

    /// <inheritdoc/>
    public override long MultiplyAdds(Shape input, Shape output) => output.Count * Features;
}
