using System.Diagnostics.CodeAnalysis;

[assembly: SuppressMessage("Design", "CA1031:Do not catch general exception types", Scope = "member", Target = "~M:CnnSharp.Cli.CommandLine.Guard(CnnSharp.Cli.Terminal,System.String,System.Func{System.Int32})~System.Int32", Justification = "The tool's outermost frame: a user sees a message, never a stack trace.")]

var isDumb = Environment.GetEnvironmentVariable("TERM") == "dumb";
return CnnSharp.Cli.CommandLine.Run(args, new(Console.Out, Console.Error, interactive: !Console.IsOutputRedirected && !isDumb, errorInteractive: !Console.IsErrorRedirected && !isDumb));
