using System.Diagnostics;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>What ends a process, or changes all of it, done in a process of its own: <c>--child CLASS.METHOD</c> as the suite's arguments.</summary>
static class ChildProcess
{
    /// <summary>The first argument of such a process.</summary>
    public const string Option = "--child";

    /// <summary>Runs a static method of the tests that takes nothing, public or not.</summary>
    /// <param name="method">Which.</param>
    /// <param name="environment">Variables that it gets; null: without the variable.</param>
    /// <returns>Its exit code, and what it wrote to standard output and standard error.</returns>
    public static (int ExitCode, string Output) Run(Action method, params (string Name, string? Value)[] environment)
    {
        var runsOnDotnet = Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet";
        var name = typeof(ChildProcess).Assembly.GetName().Name;
        var tests = Path.Combine(AppContext.BaseDirectory, runsOnDotnet ? $"{name}.dll" : OperatingSystem.IsWindows() ? $"{name}.exe" : name!);
        string[] arguments = [Option, $"{method.Method.DeclaringType!.FullName}.{method.Method.Name}"];
        var start = new ProcessStartInfo(runsOnDotnet ? Environment.ProcessPath! : tests, runsOnDotnet ? [tests, .. arguments] : arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (variable, value) in environment) start.Environment[variable] = value;
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        Assert.True(process.WaitForExit(TimeSpan.FromMinutes(2)), "The child process does not end.");
        return (process.ExitCode, output + error.Result);
    }

    /// <summary>The child's side.</summary>
    public static int Execute(string method)
    {
        var dot = method.LastIndexOf('.');
        typeof(ChildProcess).Assembly.GetType(method[..dot], throwOnError: true)!
            .GetMethod(method[(dot + 1)..], System.Reflection.BindingFlags.Static | System.Reflection.BindingFlags.Public | System.Reflection.BindingFlags.NonPublic)!
            .CreateDelegate<Action>()();
        return 0;
    }
}
