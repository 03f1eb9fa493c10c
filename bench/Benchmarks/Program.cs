using BenchmarkDotNet.Running;

namespace CnnSharp.Benchmarks;

/// <summary>Hands the command line to BenchmarkDotNet.</summary>
internal static class Program
{
    static void Main(string[] args) => BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
}
