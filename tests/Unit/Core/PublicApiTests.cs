using System.Reflection;
using System.Runtime.CompilerServices;
using CnnSharp.Kernels;
using CnnSharp.Layers;
using CnnSharp.Models;
using CnnSharp.Training;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>How the library is called: numbers as they are written, and from languages other than C#.</summary>
public sealed class PublicApiTests
{
    const BindingFlags Own = BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    /// <summary>What a user calls; the primitives beneath work in single precision.</summary>
    static readonly Assembly[] Assemblies = [typeof(Tensor).Assembly, typeof(Layer).Assembly, typeof(Zoo).Assembly, typeof(Data.Batch).Assembly, typeof(Formats.SafeTensors).Assembly, typeof(Trainer).Assembly];

    static IEnumerable<Type> Types => Assemblies.SelectMany(assembly => assembly.GetExportedTypes());

    static IEnumerable<(Type Type, MethodBase Method)> Methods
        => Types.SelectMany(type => type.GetConstructors(Own).Cast<MethodBase>().Concat(type.GetMethods(Own)).Select(method => (type, method)));

    /// <summary>0.3 is a double: a setting that were a float would refuse it. What the library hands out (a batch's share, a step's numbers) may be floats.</summary>
    [Fact]
    public void SettingsAreDoubles()
    {
        Type[] handedOut = [typeof(Data.Batch), typeof(StepValues)];
        var floats = Methods.Where(m => !handedOut.Contains(m.Type)).SelectMany(m => m.Method.GetParameters().Where(p => IsFloat(p.ParameterType)).Select(p => $"{m.Type.Name}.{m.Method.Name}({p.Name})"));
        Assert.Empty(floats);

        static bool IsFloat(Type type) => (Nullable.GetUnderlyingType(type) ?? type) == typeof(float);
    }

    /// <summary>F# and Visual Basic know parameter lists of arrays only: each other one has an array beside it, or is an argument like any other.</summary>
    [Fact]
    public void ParameterListsHaveArrays()
    {
        // Of one's own operations, and of a list that is seldom written out.
        string[] asOneArgument = ["Tape.Record", "ParameterGroup.Of"];
        var missing =
            from m in Methods
            let list = m.Method.GetParameters().LastOrDefault()
            where list is not null && list.IsDefined(typeof(ParamCollectionAttribute))
            where !asOneArgument.Contains($"{m.Type.Name}.{m.Method.Name}")
            where !Methods.Any(other => other.Type == m.Type && other.Method.Name == m.Method.Name && other.Method.GetParameters() is [.., var last] && last.IsDefined(typeof(ParamArrayAttribute))
                && last.ParameterType.GetElementType() == list.ParameterType.GetGenericArguments()[0])
            select $"{m.Type.Name}.{m.Method.Name}({list.ParameterType.Name})";
        Assert.Empty(missing);
    }

    /// <summary>F# does not turn an array that is written out into a span: what an operation takes as a span, it takes as an array too.</summary>
    [Fact]
    public void OperationsTakeArraysForSpans()
    {
        var operations = typeof(Functional).GetMethods(Own);
        foreach (var operation in operations)
        {
            var types = operation.GetParameters().Select(p => p.ParameterType).ToArray();
            var arrays = types.Select(t => t.IsGenericType && t.GetGenericTypeDefinition() == typeof(ReadOnlySpan<>) ? t.GetGenericArguments()[0].MakeArrayType() : t).ToArray();
            Assert.True(operations.Any(other => other.Name == operation.Name && other.GetParameters().Select(p => p.ParameterType).SequenceEqual(arrays)), $"{operation} has no form with arrays.");
        }

        var x = Tensor.From([1f, 2f, 3f, 4f], [2, 2], Device.Reference);
        int[] axes = [1];
        Tensor[] both = [x, x];
        Assert.Equal([3f, 7f], Functional.Sum(x, axes).ToArray());
        Assert.Equal([1.5f, 3.5f], Functional.Mean(x, axes).ToArray());
        Assert.Equal([1f, 2f, 1f, 2f, 3f, 4f, 3f, 4f], Functional.Concat(both).ToArray());
    }

    [Fact]
    public void NumbersAreTakenAsTheyAreWritten()
    {
        Assert.Equal(0.3, new Dropout(0.3).Probability);
        Assert.Equal(0.3f, (float)new Dropout(0.3f).Probability);
        Assert.Equal(0.1, new SgdOptions { LearningRate = 0.1 }.LearningRate);
        var x = Tensor.From([1f, 2f, -4f], new(3), Device.Reference);
        Assert.Equal([0.1f, 0.2f, -0.4f], (x * 0.1).ToArray());
        Assert.Equal([0.1f, 0.2f, -0.4f], (0.1 * x).ToArray());
        Assert.Equal([2.5f, 5f, -10f], (x / 0.4).ToArray());
        Assert.Equal([2f, 1f, -0.5f], (2 / x).ToArray());
        Assert.Equal([1.5f, 2.5f, -3.5f], (x + 0.5).ToArray());
        Assert.Equal([1.5f, 2.5f, -3.5f], (0.5f + x).ToArray());
        Assert.Equal([0f, 1f, -5f], (x - 1).ToArray());
        Assert.Equal([0f, -1f, 5f], (1 - x).ToArray());
        Assert.Equal([0.5f], new Data.Normalization([0.5], [0.25]).Mean.ToArray());
        Assert.Equal([0.5f], new Data.Normalization([0.5f], [0.25f]).Mean.ToArray());
    }

    [Fact]
    public void TensorsAreMadeAndReducedInAWord()
    {
        Assert.Equal([1f, 1f], Tensor.Ones(new(2), Device.Reference).ToArray());
        var expected = new float[6];
        new Generator(7).FillNormal(expected, 2, 0.5);
        Assert.Equal(expected, Tensor.Normal([2, 3], mean: 2, std: 0.5, device: Device.Reference, generator: new(7)).ToArray());
        new Generator(7).FillUniform(expected, -1, 1);
        Assert.Equal(expected, Tensor.Uniform([2, 3], low: -1, device: Device.Reference, generator: new(7)).ToArray());

        var x = Tensor.From([1f, 5f, 3f, 9f, 7f, 8f], [2, 3], Device.Reference);
        Assert.Equal(33, x.Sum().Item());
        Assert.Equal(5.5, x.Mean().Item());
        Assert.Equal([1, 0], x.ArgMax().ToArray<int>());

        var (rows, columns) = x.Shape;
        var (n, h, w, c) = x.Reshape(1, 1, 3, 2).Shape;
        Assert.Equal((2, 3, 1, 1, 3, 2), (rows, columns, n, h, w, c));
        Assert.Contains("[2, 3] has 2 axes, expected four", Assert.Throws<ShapeException>(() => x.Shape.Deconstruct(out _, out _, out _, out _)).Message, StringComparison.Ordinal);
    }

    /// <summary>A quotient's derivative: of a / x, -a / x^2.</summary>
    [Fact]
    public void ANumberOverATensorHasAGradient()
    {
        var x = Tensor.From([1f, 2f, -4f], new(3), Device.Reference);
        x.RequiresGrad = true;
        (2 / x).Backward(Tensor.From([1f, 3f, 8f], new(3), Device.Reference));
        Assert.Equal([-2f, -1.5f, -1f], x.Gradient!.ToArray());
    }

    /// <summary>Numbers that are in range as doubles and not in single precision, in which they are used.</summary>
    [Fact]
    public void SettingsOutOfRangeInSinglePrecisionAreRefused()
    {
        const double AlmostOne = 1 - 1e-12;
        Tensor[] parameters = [Tensor.Zeros(new(1), Device.Reference)];
        Assert.Throws<ArgumentOutOfRangeException>(() => new Dropout(AlmostOne));
        Assert.Throws<ArgumentOutOfRangeException>(() => Functional.Dropout(parameters[0], AlmostOne, 1, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new StochasticDepth(1e-60));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Sgd(parameters, momentum: AlmostOne));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Sgd(parameters, learningRate: 1e60));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Adam(parameters, beta2: AlmostOne));
        Assert.Throws<ArgumentOutOfRangeException>(() => new RmsProp(parameters, decay: AlmostOne));
        Assert.Throws<ArgumentOutOfRangeException>(() => new AdaGrad(parameters, epsilon: double.PositiveInfinity));
        Assert.Throws<ArgumentOutOfRangeException>(() => new NAdam(parameters, momentumDecay: double.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => new AdaMax(parameters, epsilon: 1e-60));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Adadelta(parameters, rho: AlmostOne));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Lion(parameters, beta2: AlmostOne));
    }

    /// <summary>A chain as a layer of another is a level of its own; a list of layers is none.</summary>
    [Fact]
    public void ChainsNest()
    {
        Assert.Equal(["0.0", "0.1"], Paths(new(new Sequential(new Relu(), new Flatten()))));
        Assert.Equal(["0", "1.0"], Paths(new(new Relu(), new Sequential(new Flatten()))));
        Assert.Equal(["0", "1"], Paths(new(new List<Layer> { new Relu(), new Flatten() })));
        Assert.Equal(["0", "1"], Paths(new([new Relu(), new Flatten()])));
        Assert.Equal(["act", "flat"], Paths(new(("act", new Relu()), ("flat", new Flatten()))));

        static IEnumerable<string> Paths(Sequential model)
        {
            model.Forward(Tensor.Zeros(new(1, 1, 1, 1), Device.Reference));
            return model.Modules().Where(layer => layer is not Sequential).Select(layer => layer.Path);
        }
    }
}
