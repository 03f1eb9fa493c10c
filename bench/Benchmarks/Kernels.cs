using BenchmarkDotNet.Attributes;
using CnnSharp.Cli.Bench;
using CnnSharp.Kernels.Cpu;

namespace CnnSharp.Benchmarks;

/// <summary>
/// The kernels of <c>cnnsharp bench</c> under BenchmarkDotNet: for comparing two versions of a kernel with its statistics.
/// For the share of the machine's limits use <c>cnnsharp bench</c>, which measures those beside each kernel.
/// <code>dotnet run -c Release --project bench/Benchmarks -- --filter '*Kernels*'</code>
/// </summary>
public class Kernels
{
    static readonly CpuEngine Engine = new();

    Action call = () => { };

    /// <summary>The kernels' names.</summary>
    public static IEnumerable<string> Names => KernelCase.Names(Engine.Peak.Batch);

    /// <summary>Which kernel.</summary>
    [ParamsSource(nameof(Names))]
    public string Name { get; set; } = "";

    /// <summary>Makes the kernel's buffers.</summary>
    [GlobalSetup]
    public void Setup() => call = KernelCase.All(Engine, Engine.Peak.Batch, name => name == Name).First().Call;

    /// <summary>One call.</summary>
    [Benchmark]
    public void Call() => call();
}
