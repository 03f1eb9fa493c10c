using System.Globalization;

namespace CnnSharp.Kernels;

/// <summary>The host's memory as a whole: all engines whose buffers are in it share it.</summary>
static class HostMemory
{
    const string Groups = "/sys/fs/cgroup";

    static readonly Lazy<long> Most = new(Read);

    /// <summary>What all engines hold.</summary>
    public static HiddenUse Use { get; } = new(slack: 64 << 20);

    /// <summary>
    /// Bytes beyond which memory cannot be had. On Linux, whose allocations succeed and whose processes are killed as they
    /// write: the machine's memory or the control group's, and swap. Elsewhere an allocation fails by itself.
    /// </summary>
    public static long Limit => Most.Value;

    static long Read()
    {
        if (!OperatingSystem.IsLinux()) return long.MaxValue;
        try
        {
            long memory = long.MaxValue, swap = 0;
            foreach (var line in File.ReadLines("/proc/meminfo"))
            {
                if (line.StartsWith("MemTotal:", StringComparison.Ordinal)) memory = Kilobytes(line);
                else if (line.StartsWith("SwapTotal:", StringComparison.Ordinal)) swap = Kilobytes(line);
            }

            // Version 2 has one line, "0::/path"; version 1 one with the controller "memory". Every group above limits too.
            foreach (var line in File.ReadLines("/proc/self/cgroup"))
            {
                var parts = line.Split(':', 3);
                if (parts.Length < 3) continue;
                if (parts[0] == "0") memory = Math.Min(memory, GroupLimit(Groups, parts[2], "memory.max"));
                else if (parts[1].Split(',').Contains("memory")) memory = Math.Min(memory, GroupLimit($"{Groups}/memory", parts[2], "memory.limit_in_bytes"));
            }

            return memory > long.MaxValue - swap ? long.MaxValue : memory + swap;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            // Without these files nobody knows.
            return long.MaxValue;
        }
    }

    static long Kilobytes(string line) => long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024;

    static long GroupLimit(string root, string group, string file)
    {
        var limit = long.MaxValue;
        for (var path = group.TrimEnd('/'); ; path = path[..Math.Max(0, path.LastIndexOf('/'))])
        {
            var name = $"{root}{path}/{file}";
            if (File.Exists(name) && long.TryParse(File.ReadAllText(name).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var bytes)) limit = Math.Min(limit, bytes);
            if (path.Length == 0) return limit;
        }
    }
}
