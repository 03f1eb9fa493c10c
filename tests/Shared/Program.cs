using Xunit.Runner.InProc.SystemConsole;

namespace CnnSharp.Tests;

/// <summary>
/// Runs the suite without an SDK, for instance <c>CnnSharp.Tests.Conformance -preEnumerateTheories -displayName "*cuda:0*"</c>
/// (<c>-?</c> lists the options), or, in a child process, one method of it.
/// </summary>
static class Program
{
    static async Task<int> Main(string[] args)
        => args is [ChildProcess.Option, var method] ? ChildProcess.Execute(method) : await ConsoleRunner.Run(args);
}
