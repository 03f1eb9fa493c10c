using System.Globalization;
using CnnSharp.Kernels.Cpu;
using Xunit;

namespace CnnSharp.Tests;

public sealed class L1CacheTests
{
    /// <summary>As the system says, where it does.</summary>
    [Fact]
    public void ItsWaysAreTheSystems()
    {
        const string File = "/sys/devices/system/cpu/cpu0/cache/index0/ways_of_associativity";
        Assert.SkipWhen(!System.IO.File.Exists(File), $"There is no {File}.");
        Assert.Equal(int.Parse(System.IO.File.ReadAllText(File), CultureInfo.InvariantCulture), L1Cache.Ways);
    }
}
