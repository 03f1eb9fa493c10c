using System.Reflection;
using Xunit;
using Xunit.Abstractions;
using Xunit.Sdk;

namespace CnnSharp.Tests;

/// <summary>
/// Runs the suite where no SDK is: <c>CnnSharp.Tests.Conformance [TEXT]</c> runs the tests whose name holds the text, for instance
/// <c>cuda:0</c>. Skipped tests are counted by reason. The last line is "N passed, N failed, N skipped"; exit code 1 on any failure.
/// </summary>
internal static class Program
{
    static int Main(string[] args)
    {
        if (args is [ChildProcess.Option, var method]) return ChildProcess.Execute(method);
        var wanted = args.FirstOrDefault() ?? "";
        var assembly = Assembly.GetExecutingAssembly();
        using var framework = new XunitTestFramework(new Sink());
        using var discoverer = framework.GetDiscoverer(Reflector.Wrap(assembly));
        using var found = new Sink();
        discoverer.Find(includeSourceInformation: false, found, new Defaults());
        found.Wait();

        using var executor = framework.GetExecutor(assembly.GetName());
        using var results = new Sink();
        executor.RunTests(found.Cases.Where(test => test.DisplayName.Contains(wanted, StringComparison.Ordinal)), results, new Defaults());
        results.Wait();
        foreach (var (reason, count) in results.Skipped.OrderBy(pair => pair.Key, StringComparer.Ordinal)) Console.WriteLine($"skipped {count}: {reason}");
        Console.WriteLine($"{results.Passed} passed, {results.Failed} failed, {results.Skipped.Values.Sum()} skipped");
        return results.Failed == 0 && results.Passed > 0 ? 0 : 1;
    }

    /// <summary>Every setting at its default.</summary>
    sealed class Defaults : ITestFrameworkDiscoveryOptions, ITestFrameworkExecutionOptions
    {
        readonly Dictionary<string, object?> values = [];

        public TValue GetValue<TValue>(string name) => values.TryGetValue(name, out var value) ? (TValue)value! : default!;

        public void SetValue<TValue>(string name, TValue value) => values[name] = value;
    }

    /// <summary>What xunit reports, from any thread.</summary>
    sealed class Sink : LongLivedMarshalByRefObject, IMessageSink, IDisposable
    {
        readonly ManualResetEventSlim complete = new();
        readonly Lock gate = new();

        public List<ITestCase> Cases { get; } = [];

        public Dictionary<string, int> Skipped { get; } = [];

        public int Passed { get; private set; }

        public int Failed { get; private set; }

        public void Wait() => complete.Wait();

        public void Dispose() => complete.Dispose();

        public bool OnMessage(IMessageSinkMessage message)
        {
            lock (gate)
            {
                switch (message)
                {
                    case ITestCaseDiscoveryMessage discovered:
                        Cases.Add(discovered.TestCase);
                        break;
                    case ITestPassed:
                        Passed++;
                        break;
                    case ITestSkipped skipped:
                        Skipped[skipped.Reason] = Skipped.GetValueOrDefault(skipped.Reason) + 1;
                        break;
                    case ITestFailed failed:
                        Fail(failed.Test.DisplayName, failed);
                        break;
                    case IErrorMessage error:
                        Fail("outside a test", error);
                        break;
                    case ITestCaseCleanupFailure failure:
                        Fail(failure.TestCase.DisplayName, failure);
                        break;
                    case ITestClassCleanupFailure failure:
                        Fail(failure.TestClass.Class.Name, failure);
                        break;
                    case ITestCollectionCleanupFailure failure:
                        Fail(failure.TestCollection.DisplayName, failure);
                        break;
                    case IDiscoveryCompleteMessage or ITestAssemblyFinished:
                        complete.Set();
                        break;
                }
            }

            return true;
        }

        void Fail(string test, IFailureInformation failure)
        {
            Failed++;
            Console.WriteLine($"FAILED {test}");
            for (var i = 0; i < failure.Messages.Length; i++) Console.WriteLine($"  {failure.ExceptionTypes[i]}: {failure.Messages[i]}\n{failure.StackTraces[i]}");
        }
    }
}
