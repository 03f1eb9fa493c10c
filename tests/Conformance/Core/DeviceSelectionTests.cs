using System.Diagnostics;
using CnnSharp.Kernels.Gpu;
using CnnSharp.Kernels.Reference;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>Which device is taken, by name and without one, and that to ask changes nothing in the process.</summary>
public sealed class DeviceSelectionTests
{
    /// <summary>
    /// Devices are written NAME=RANK, with ! after one that does not open; "-" stands for none. OpenCL's may be "unasked": then
    /// they must not be looked at.
    /// </summary>
    [Theory]
    [InlineData("cuda:0=Cuda cuda:1=Cuda", "never", "cuda:0", "")]
    [InlineData("cuda:0=Cuda! cuda:1=Cuda", "never", "cuda:1", "cuda:0: broken")]
    [InlineData("cuda:0=Cuda!", "opencl:0=ByNameOnly opencl:1=IntegratedGpu opencl:2=DiscreteGpu", "opencl:2", "cuda:0: broken")]
    [InlineData("-", "opencl:0=IntegratedGpu opencl:1=DiscreteGpu opencl:2=DiscreteGpu", "opencl:1", "x:0: there is none")]
    [InlineData("-", "opencl:0=IntegratedGpu opencl:1=DiscreteGpu!", "opencl:0", "x:0: there is none|opencl:1: broken")]
    [InlineData("-", "opencl:0=ByNameOnly", "cpu", "x:0: there is none|opencl:0: an opencl:0 is no GPU, so it is taken only where it is named")]
    [InlineData("-", "opencl:0=DiscreteGpu! opencl:1=ByNameOnly", "cpu", "x:0: there is none|opencl:0: broken|opencl:1: an opencl:1 is no GPU, so it is taken only where it is named")]
    [InlineData("-", "-", "cpu", "x:0: there is none|x:0: there is none")]
    [InlineData("-", "unasked", "cpu", "x:0: there is none|opencl: no driver, so its drivers are not loaded unless it is named")]
    [InlineData("cuda:0=Cuda!", "unasked", "cpu", "cuda:0: broken|opencl: no driver, so its drivers are not loaded unless it is named")]
    public void TheFastestThatOpensIsTaken(string cuda, string openCL, string expected, string passedOver)
    {
        var devices = new Dictionary<string, Device>();
        var choice = DeviceChoice.Of(
            Entries(cuda),
            () => openCL == "never" ? throw new InvalidOperationException("A CUDA device opens, so OpenCL is none of its business.") : openCL == "unasked" ? "no driver" : null,
            () => openCL is "never" or "unasked" ? throw new InvalidOperationException("OpenCL was loaded.") : Entries(openCL),
            entry => entry.Description.EndsWith('!') ? throw new NotSupportedException("broken") : Made(entry.Name),
            () => Made("cpu"));
        Assert.Same(devices[expected], choice.Device);
        Assert.Equal([expected], devices.Keys);
        Assert.Equal(passedOver, string.Join('|', choice.PassedOver));

        Device Made(string name) => devices[name] = new(new ReferenceEngine<float>());

        static AcceleratorEntry[] Entries(string text)
            => text == "-" ? [new("x:0", () => throw new InvalidOperationException(), "there is none", AcceleratorRank.ByNameOnly)]
            : [.. text.Split(' ').Select(one => one.Split('=')).Select(parts => new AcceleratorEntry(parts[0], () => throw new InvalidOperationException(), null, Enum.Parse<AcceleratorRank>(parts[1].TrimEnd('!')), $"an {parts[0]}{(parts[1].EndsWith('!') ? "!" : "")}"))];
    }

    [Theory]
    [InlineData("libnvidia-opencl.so.1", true)]
    [InlineData("/opt/amdgpu-pro/lib/x86_64-linux-gnu/libamdocl64.so", true)]
    [InlineData("/usr/lib/x86_64-linux-gnu/intel-opencl/libigdrcl.so", true)]
    [InlineData("libRusticlOpenCL.so.1", true)]
    [InlineData(@"C:\Windows\System32\DriverStore\FileRepository\nv_dispi.inf_amd64\nvopencl64.dll", true)]
    [InlineData("libmali.so.1", true)]
    [InlineData("libpocl.so.2.10.0", false)]
    [InlineData("/usr/lib/x86_64-linux-gnu/libpocl.so.2", false)]
    [InlineData("/opt/intel/oneapi/compiler/latest/lib/libintelocl.so", false)]
    [InlineData("libsomething.so", false)]
    public void ADriversLibraryTellsWhetherItServesAGpu(string library, bool isOfGpu) => Assert.Equal(isOfGpu, OpenCLDrivers.IsOfGpu(library));

    [Fact]
    public void DriversAreListedAsTheLoadersFindThem()
    {
        using var folder = new TemporaryFolder();
        foreach (var name in (string[])["system", "other"]) Directory.CreateDirectory(folder.File(name));
        File.WriteAllText(folder.File("system/pocl.icd"), "libpocl.so.2\n");
        File.WriteAllText(folder.File("system/nvidia.icd"), "  libnvidia-opencl.so.1  \n");
        File.WriteAllText(folder.File("system/empty.icd"), "");
        File.WriteAllText(folder.File("system/notes.txt"), "libamdocl64.so");
        File.WriteAllText(folder.File("other/intel.icd"), "libigdrcl.so");
        Assert.Equal(["libnvidia-opencl.so.1", "libpocl.so.2"], Listed());
        Assert.Equal(["libigdrcl.so"], Listed(("OCL_ICD_VENDORS", folder.File("other"))));
        Assert.Equal(["libigdrcl.so"], Listed(("OPENCL_VENDOR_PATH", folder.File("other"))));
        Assert.Equal(["libigdrcl.so"], Listed(("OCL_ICD_VENDORS", folder.File("other")), ("OPENCL_VENDOR_PATH", folder.File("system"))));
        Assert.Equal(["libpocl.so.2"], Listed(("OCL_ICD_VENDORS", folder.File("system/pocl.icd"))));
        Assert.Equal(["libpocl.so.2"], Listed(("OCL_ICD_VENDORS", "pocl.icd")));
        Assert.Equal(["libamdocl64.so"], Listed(("OCL_ICD_VENDORS", "libamdocl64.so")));
        Assert.Equal(["a.so", "/b/c.so", "libigdrcl.so"], Listed(("OCL_ICD_FILENAMES", "a.so:/b/c.so"), ("OCL_ICD_VENDORS", folder.File("other"))));
        Assert.Empty(OpenCLDrivers.Listed(_ => null, folder.File("missing")));

        Assert.Null(OpenCLDrivers.WhyNoGpu(Listed()));
        Assert.Equal("no listed OpenCL driver is known to serve a GPU (libpocl.so.2)", OpenCLDrivers.WhyNoGpu(["libpocl.so.2"]));
        Assert.Equal("no OpenCL driver is listed on this machine", OpenCLDrivers.WhyNoGpu([]));

        IReadOnlyList<string> Listed(params (string Name, string Value)[] variables)
            => OpenCLDrivers.Listed(name => variables.FirstOrDefault(variable => variable.Name == name).Value, folder.File("system"));
    }

    [Theory]
    [InlineData("cpu")]
    [InlineData("CPU")]
    [InlineData(" cpu\n")]
    public void TheSameNameGivesTheSameDeviceWhateverItsCase(string name) => Assert.Same(Device.Cpu, Device.Parse(name));

    [Fact]
    public void AnAcceleratorsDeviceIsOneObjectForAllThreads()
    {
        var devices = new Device[8];
        Parallel.For(0, devices.Length, i => devices[i] = Device.Parse(i % 2 == 0 ? "ilgpu-cpu" : "ILGPU-CPU"));
        Assert.All(devices, device => Assert.Same(devices[0], device));
    }

    [Theory]
    [InlineData("gpu")]
    [InlineData("")]
    [InlineData("cpu:0")]
    [InlineData("cuda:")]
    [InlineData("cuda:x")]
    [InlineData("cuda:-1")]
    [InlineData("cuda:0:1")]
    [InlineData("cuda 0")]
    public void WhatNamesNoDeviceIsAnsweredWithThoseThereAre(string name)
    {
        var e = Assert.Throws<ArgumentException>(() => Device.Parse(name));
        Assert.Contains($"Unknown device '{name}'.", e.Message, StringComparison.Ordinal);
        Assert.EndsWith("There are: auto, cpu, reference, reference-f64, cuda:N, opencl:N, ilgpu-cpu.", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ADeviceBeyondTheLastIsNamed()
        => Assert.Contains("There is no device 'cuda:4000000'", Assert.Throws<NotSupportedException>(() => Device.Parse("Cuda:4000000")).Message, StringComparison.Ordinal);

    /// <summary>A device that does not open says why, each time, and opens once it can: by one thread for all.</summary>
    [Fact]
    public void ADeviceThatCouldNotBeOpenedIsTriedAgain()
    {
        var (tries, isBusy) = (0, true);
        var entry = Accelerators.Entry("cuda:5", "'A card'", Create, null, AcceleratorRank.Cuda);
        for (var i = 1; i <= 2; i++)
        {
            var e = Assert.Throws<NotSupportedException>(entry.Open);
            Assert.Equal($"cuda:5, 'A card', is there and cannot be opened: busy {i}", e.Message);
        }

        isBusy = false;
        var engines = new GpuEngine[8];
        Parallel.For(0, engines.Length, i => engines[i] = entry.Open());
        Assert.All(engines, engine => Assert.Same(engines[0], engine));
        Assert.Equal(3, tries);

        engines[0].Dispose();
        Assert.NotSame(engines[0], entry.Open());
        Assert.Equal(4, tries);

        GpuEngine Create()
        {
            tries++;
            return isBusy ? throw new InvalidOperationException($"busy {tries}") : Accelerators.OpenCpu("cuda:5", 4, 4);
        }
    }

    [Fact]
    public void WhatLacksSomethingIsNotOpened()
    {
        var entry = Accelerators.Entry("opencl:0", "'A card'", () => throw new InvalidOperationException(), "it has no address space", AcceleratorRank.DiscreteGpu);
        Assert.Equal("it has no address space", Assert.Throws<NotSupportedException>(entry.Open).Message);
    }

    /// <summary>The variable is read where no device is named, and nowhere else.</summary>
    [Fact]
    public void TheEnvironmentNamesTheDevice()
    {
        var (exitCode, output) = ChildProcess.Run(PrintEnvironmentsDevices, (Device.Variable, null), ("OCL_ICD_VENDORS", "libpocl-is-not-here.so"));
        Assert.Equal(0, exitCode);
        Assert.Equal(
            [
                "True",
                "True",
                "reference reference reference",
                "ilgpu-cpu ilgpu-cpu ilgpu-cpu",
                "True cpu",
                "$CNNSHARP_DEVICE: Unknown device 'gpu'. Did you mean 'cpu'? There are: auto, cpu, reference, reference-f64, cuda:N, opencl:N, ilgpu-cpu.",
                "$CNNSHARP_DEVICE: There is no device 'cuda:4000000'",
            ],
            output.TrimEnd().Split('\n').Select(line => line.Split([" to use", ";"], default)[0].TrimEnd()));
    }

    static void PrintEnvironmentsDevices()
    {
        Console.WriteLine(Device.Best() == Device.Choose().Device);
        Set("  ");
        Console.WriteLine(Device.Best() == Device.Choose().Device);
        foreach (var name in (string[])[" Reference ", "ilgpu-cpu"])
        {
            Set(name);
            Console.WriteLine($"{Device.Best()} {Tensor.Zeros(new(2)).Device} {new Layers.Linear(2, 2).Weight.Device}");
        }

        Console.WriteLine($"{Device.Parse("auto") == Device.Choose().Device} {Tensor.Zeros(new(2), Device.Cpu).Device}");
        foreach (var name in (string[])["gpu", "cuda:4000000"])
        {
            Set(name);
            try
            {
                Device.Best();
            }
            catch (Exception e) when (e is ArgumentException or NotSupportedException)
            {
                Console.WriteLine(e.Message);
            }
        }

        static void Set(string name) => Environment.SetEnvironmentVariable(Device.Variable, name);
    }

    /// <summary>With PoCL alone in the list, neither the default device nor the list of all loads OpenCL.</summary>
    [Fact]
    public void ToAskForDevicesDoesNotLoadOpenCLForACpu()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Elsewhere OpenCL's drivers are not listed in files.");
        Assert.SkipWhen(Accelerators.Cuda[0].Absent is null, "OpenCL is not looked at beside CUDA.");
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("pocl.icd"), "libpocl.so.2");
        var (exitCode, output) = ChildProcess.Run(AskForDevices, ("OCL_ICD_VENDORS", folder.Path), ("OCL_ICD_FILENAMES", null), (Device.Variable, null));
        Assert.Equal(0, exitCode);
        Assert.Equal(["cpu", "opencl:0: not looked for: no listed OpenCL driver is known to serve a GPU (libpocl.so.2) (to name it loads its drivers)", "not loaded", "caught"], output.TrimEnd().Split(Environment.NewLine));
    }

    static void AskForDevices()
    {
        Console.WriteLine(Device.Best());
        foreach (var report in Device.List().Where(report => report.Name.StartsWith("opencl", StringComparison.Ordinal))) Console.WriteLine($"{report.Name}: {report.Detail}");
        using var process = Process.GetCurrentProcess();
        Console.WriteLine(Accelerators.OpenCLIsLoaded || process.Modules.Cast<ProcessModule>().Any(module => module.ModuleName.Contains("OpenCL", StringComparison.OrdinalIgnoreCase)) ? "loaded" : "not loaded");
        DivideByZero();
    }

    /// <summary>A driver of this machine: with PoCL the process would abort, or go on with a wrong quotient, even where the user asked for its handler.</summary>
    [Theory]
    [InlineData(null)]
    [InlineData("1")]
    public void ADivisionByZeroIsCaughtAfterOpenCLIsLoaded(string? handler)
    {
        Assert.SkipWhen(OpenCLDrivers.Listed().Count == 0, "No OpenCL driver is listed on this machine.");
        var (exitCode, output) = ChildProcess.Run(OpenOpenCL, ("POCL_SIGFPE_HANDLER", handler), ("POCL_MAX_WORK_GROUP_SIZE", "16"));
        Assert.True(exitCode == 0, output);
        Assert.Equal(["loaded", "caught"], output.TrimEnd().Split(Environment.NewLine));
    }

    static void OpenOpenCL()
    {
        try
        {
            var device = Device.Parse("opencl:0");
            if (Tensor.Full(new(3), 2, device).ToArray().Sum() != 6) throw new InvalidOperationException("The device does not compute.");
        }
        catch (NotSupportedException)
        {
            // Older PoCL lacks what ILGPU needs; it is loaded all the same.
        }

        Console.WriteLine(Accelerators.OpenCLIsLoaded ? "loaded" : "not loaded");
        DivideByZero();
    }

    static void DivideByZero()
    {
        var zero = Environment.GetCommandLineArgs().Length * 0;
        try
        {
            Console.WriteLine(1 / zero);
        }
        catch (DivideByZeroException)
        {
            Console.WriteLine("caught");
        }
    }
}
