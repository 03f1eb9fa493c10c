using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace CnnSharp.Data;

/// <summary>
/// Threads that prepare images behind a training's back: they have a lower priority than those that compute, so that they
/// take what time is left, and as much as it needs where the training waits for them.
/// </summary>
sealed class BackgroundThreads : TaskScheduler
{
    // Linux knows priorities by a niceness only, of which 19 is the most; .NET's priorities do nothing there.
    const int Niceness = 10;

    static readonly ConcurrentDictionary<int, BackgroundThreads> BySize = new();

    readonly BlockingCollection<Task> tasks = [];

    BackgroundThreads(int count)
    {
        MaximumConcurrencyLevel = count;
        for (var i = 0; i < count; i++) new Thread(Work) { IsBackground = true, Name = "CnnSharp images", Priority = ThreadPriority.BelowNormal }.UnsafeStart();
    }

    public override int MaximumConcurrencyLevel { get; }

    /// <summary>Some threads, the same ones whenever as many are asked for.</summary>
    public static BackgroundThreads Of(int count) => BySize.GetOrAdd(count, static n => new(n));

    /// <summary>Runs on one of the threads when one is free, in the order of the calls.</summary>
    public Task<T> Run<T>(Func<T> work) => Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.DenyChildAttach, this);

    protected override void QueueTask(Task task) => tasks.Add(task);

    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => false;

    protected override IEnumerable<Task> GetScheduledTasks() => [.. tasks];

    void Work()
    {
        if (OperatingSystem.IsLinux()) LowerPriority();
        foreach (var task in tasks.GetConsumingEnumerable()) TryExecuteTask(task);
    }

    /// <summary>For the calling thread alone: to Linux a thread is a process of its own here. Where it is refused, the threads work at the usual priority.</summary>
    static void LowerPriority()
    {
        const int process = 0, self = 0;
        if (NativeLibrary.TryLoad("libc.so.6", out _)) _ = SetPriority(process, self, Niceness);
    }

    [DllImport("libc.so.6", EntryPoint = "setpriority")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    static extern int SetPriority(int which, int who, int priority);
}
