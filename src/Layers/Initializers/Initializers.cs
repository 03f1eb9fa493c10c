namespace CnnSharp.Layers;

/// <summary>Which number of connections the spread of initial weights follows.</summary>
public enum Fan
{
    /// <summary>The inputs of an output: keeps the variance of what flows forward.</summary>
    In,

    /// <summary>The outputs of an input: keeps the variance of the gradients.</summary>
    Out,

    /// <summary>The mean of both.</summary>
    Mean,
}

/// <summary>The ways in which weights begin.</summary>
public static class Initializers
{
    static readonly double SqrtTwo = Math.Sqrt(2);

    /// <summary>
    /// The default of convolutions and linear layers, for weights and biases, as in PyTorch: evenly within
    /// 1 / sqrt(fan in), which is <see cref="HeUniform"/> for a leaky rectifier of slope sqrt(5).
    /// </summary>
    public static IInitializer Default { get; } = HeUniform(Fan.In, 1 / Math.Sqrt(3));

    /// <summary>All 0.</summary>
    public static IInitializer Zeros { get; } = Constant(0);

    /// <summary>All 1.</summary>
    public static IInitializer Ones { get; } = Constant(1);

    /// <summary>A convolution that hands its input on: 1 at the center from input channel k (modulo the inputs of a group) to output channel k, else 0 (Zagoruyko and Komodakis 2017).</summary>
    public static IInitializer Dirac { get; } = new Dirac();

    /// <summary>A transposed convolution that interpolates bilinearly, output channel k from input channel k (modulo the inputs of a group) (Long et al. 2015).</summary>
    public static IInitializer Bilinear { get; } = new Bilinear();

    /// <summary>Normal with standard deviation gain / sqrt(fan) (He et al. 2015, "Delving deep into rectifiers").</summary>
    /// <param name="fan">Default: the inputs; residual networks use the outputs.</param>
    /// <param name="gain">Default sqrt(2), for rectifiers.</param>
    public static IInitializer HeNormal(Fan fan = Fan.In, double? gain = null) => new VarianceScaling(fan, gain ?? SqrtTwo, Even: false);

    /// <summary>Evenly within gain sqrt(3 / fan) (He et al. 2015).</summary>
    /// <inheritdoc cref="HeNormal"/>
    public static IInitializer HeUniform(Fan fan = Fan.In, double? gain = null) => new VarianceScaling(fan, gain ?? SqrtTwo, Even: true);

    /// <summary>Normal with standard deviation gain sqrt(2 / (fan in + fan out)) (Glorot and Bengio 2010).</summary>
    /// <param name="gain">Default 1.</param>
    public static IInitializer XavierNormal(double gain = 1) => new VarianceScaling(Fan.Mean, gain, Even: false);

    /// <summary>Evenly within gain sqrt(6 / (fan in + fan out)) (Glorot and Bengio 2010).</summary>
    /// <param name="gain">Default 1.</param>
    public static IInitializer XavierUniform(double gain = 1) => new VarianceScaling(Fan.Mean, gain, Even: true);

    /// <summary>All the same.</summary>
    public static IInitializer Constant(double value) => new Constant(value);

    /// <summary>Normal.</summary>
    public static IInitializer Normal(double mean = 0, double std = 1) => new Normal(mean, std);

    /// <summary>Evenly over [low, high).</summary>
    public static IInitializer Uniform(double low = 0, double high = 1) => new Uniform(low, high);

    /// <summary>A new parameter, for a layer of one's own.</summary>
    /// <param name="initializer">How it begins, with numbers from <see cref="Generator.Default"/>.</param>
    /// <param name="shape">Its extents.</param>
    /// <param name="fanIn">The inputs that one output is summed from.</param>
    /// <param name="fanOut">The outputs that one input is summed into.</param>
    /// <param name="device">Where; default <see cref="Device.Best"/>.</param>
    public static Tensor Parameter(this IInitializer initializer, Shape shape, long fanIn, long fanOut, Device? device = null)
    {
        var parameter = Tensor.Uninitialized(shape, device ?? Device.Best());
        if (parameter.Device.Engine.HasElements) initializer.Fill(parameter, fanIn, fanOut, Generator.Default);
        parameter.RequiresGrad = true;
        return parameter;
    }
}
