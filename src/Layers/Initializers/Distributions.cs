namespace CnnSharp.Layers;

sealed record Constant(double Value) : IInitializer
{
    public void Fill(Tensor weights, long fanIn, long fanOut, Generator generator) => weights.Device.Kernels.Memory.Fill(weights.Data, Value);
}

sealed record Normal(double Mean, double Std) : IInitializer
{
    public void Fill(Tensor weights, long fanIn, long fanOut, Generator generator) => weights.Fill(values => generator.FillNormal(values, Mean, Std));
}

sealed record Uniform(double Low, double High) : IInitializer
{
    public void Fill(Tensor weights, long fanIn, long fanOut, Generator generator) => weights.Fill(values => generator.FillUniform(values, Low, High));
}

/// <summary>Zero mean and variance gain^2 / fan, normal or even: of an even distribution within b the variance is b^2 / 3.</summary>
sealed record VarianceScaling(Fan Fan, double Gain, bool Even) : IInitializer
{
    public void Fill(Tensor weights, long fanIn, long fanOut, Generator generator)
    {
        var fan = Fan switch { Fan.In => fanIn, Fan.Out => fanOut, _ => (fanIn + fanOut) / 2.0 };
        var std = Gain / Math.Sqrt(fan);
        IInitializer distribution = Even ? new Uniform(-std * Math.Sqrt(3), std * Math.Sqrt(3)) : new Normal(0, std);
        distribution.Fill(weights, fanIn, fanOut, generator);
    }
}
