using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using CnnSharp.Formats;
using CnnSharp.Formats.Onnx;
using CnnSharp.Kernels;
using CnnSharp.Kernels.Reference;
using CnnSharp.Layers;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>An engine's own exception is not taken for a fault of the file that is run on it.</summary>
public sealed class EngineFaultTests
{
    [Fact]
    public void IsNotTheFiles()
    {
        var e = Assert.Throws<InvalidOperationException>(() => Run(new ArgumentException("'2' cannot be greater than 1.")));
        Assert.Contains("the engine of faulty", e.Message, StringComparison.Ordinal);
        Assert.EndsWith("failed: ArgumentException: '2' cannot be greater than 1.", e.Message, StringComparison.Ordinal);
        Assert.IsType<InvalidOperationException>(Record.Exception(() => Run(new DivideByZeroException())));
        Assert.IsType<InvalidOperationException>(Record.Exception(() => Run(new OverflowException())));
    }

    [Fact]
    public void WhatAnEngineCannotDoIsNotTheFilesEither()
        => Assert.EndsWith("3,000,000,000 elements are too many.", Assert.Throws<NotSupportedException>(() => Run(new NotSupportedException("3,000,000,000 elements are too many."))).Message, StringComparison.Ordinal);

    [Fact]
    public void WhatWasGivenIsNoFault()
    {
        Assert.False(EngineFault.Is(Record.Exception(() => Functional.CrossEntropy(Tensor.Zeros([1, 3], Device.Reference), Tensor.Full([1], 7, Device.Reference, DType.Int32)))!));
        Assert.False(EngineFault.Is(Record.Exception(() => Functional.Softmax(Tensor.Zeros([], Device.Reference)))!));
        Assert.False(EngineFault.Is(new ArgumentException("not thrown at all")));
    }

    static void Run(Exception fault)
    {
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "relu.onnx");
        new Sequential(new Relu(), new Sigmoid()).SaveOnnx(path, new(4));
        using var engine = new FaultyEngine(fault);
        var device = new Device(engine);
        var network = OnnxNetwork.Load(path, device);
        network.Forward(Tensor.Zeros([2, 4], device));
    }

    /// <summary>The reference engine, whose functions of one input throw.</summary>
    sealed class FaultyEngine : HostEngine
    {
        public FaultyEngine(Exception fault)
        {
            Kernels = DispatchProxy.Create<IKernels, FaultyKernels>();
            ((FaultyKernels)Kernels).Fault = fault;
        }

        public override string Name => "faulty";

        public override string Description => "an engine that fails";

        public override IKernels Kernels { get; }
    }

    [SuppressMessage("Performance", "CA1852:Seal internal types", Justification = "A proxy derives from it.")]
    class FaultyKernels : DispatchProxy
    {
        static readonly ReferenceEngine<float> Reference = new();

        public Exception Fault { get; set; } = new InvalidOperationException();

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
        {
            if (targetMethod!.Name == nameof(IElementwiseKernels.Unary)) throw Fault;
            if (targetMethod.DeclaringType == typeof(IElementwiseKernels)) return targetMethod.Invoke(Reference.Kernels.Elementwise, args);
            if (targetMethod.ReturnType != typeof(IElementwiseKernels)) return targetMethod.Invoke(Reference.Kernels, args);
            var elementwise = Create<IElementwiseKernels, FaultyKernels>();
            ((FaultyKernels)elementwise).Fault = Fault;
            return elementwise;
        }
    }
}
