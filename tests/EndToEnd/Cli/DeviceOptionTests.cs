using Xunit;

namespace CnnSharp.Tests.Cli;

/// <summary>Where the tool computes: the option, else the environment, else the fastest.</summary>
public sealed class DeviceOptionTests : CliTest
{
    /// <summary>Passes a folder to the child process.</summary>
    const string CasesVariable = "CNNSHARP_TEST_CASES";

    [Fact]
    public void TheOptionComesBeforeTheEnvironment()
    {
        File.Copy(Path.Combine(AppContext.BaseDirectory, "Verification", "Cases", "add_broadcast.safetensors"), At("add_broadcast.safetensors"));
        var (exitCode, output) = ChildProcess.Run(VerifyOnDevices, (CasesVariable, Folder), (Device.Variable, "Reference"));
        Assert.Equal(0, exitCode);
        var lines = output.Split('\n');
        Assert.Contains(lines, line => line.StartsWith("reference (", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.StartsWith("cpu (", StringComparison.Ordinal));
        Assert.Contains("$CNNSHARP_DEVICE is 'Reference', which is taken where no --device is given", output, StringComparison.Ordinal);
        Assert.Contains("\"default\":\"reference\"", output, StringComparison.Ordinal);
        Assert.Contains("auto is ", output, StringComparison.Ordinal);
    }

    static void VerifyOnDevices()
    {
        var cases = Environment.GetEnvironmentVariable(CasesVariable)!;
        Console.WriteLine(Run("verify", cases).IsDone().Output);
        Console.WriteLine(Run("verify", cases, "--device", "cpu").IsDone().Output);
        Console.WriteLine(Run("devices").IsDone().Output);
        Console.WriteLine(Run("devices", "--json").IsDone().Output);
    }

    [Fact]
    public void ABadVariableIsAMessageWithTheChoices()
    {
        var (exitCode, output) = ChildProcess.Run(VerifyOnABadDevice, (Device.Variable, "gpu"));
        Assert.Equal(0, exitCode);
        Assert.Contains("$CNNSHARP_DEVICE: Unknown device 'gpu'. Did you mean 'cpu'? There are: auto, cpu, reference, reference-f64, cuda:N, opencl:N, ilgpu-cpu.", output, StringComparison.Ordinal);
        Assert.Contains("--device: Unknown device 'cup'. Did you mean 'cpu'?", output, StringComparison.Ordinal);
        Assert.Contains("--device: There is no device 'cuda:4000000'", output, StringComparison.Ordinal);
    }

    static void VerifyOnABadDevice()
    {
        foreach (var arguments in (string[][])[["verify"], ["verify", "--device", "cup"], ["verify", "--device", "cuda:4000000"]])
        {
            var result = Run(arguments);
            result.IsRefused();
            Console.WriteLine(result.Error);
        }

        // To see where computing is possible must work whatever the variable says.
        Console.WriteLine(Run("devices").IsDone().Output);
    }
}
