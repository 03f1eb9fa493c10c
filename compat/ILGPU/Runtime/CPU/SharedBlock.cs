namespace ILGPU.Runtime.CPU;

/// <summary>
/// One allocation of a group's shared memory, with a check for races.
/// </summary>
/// <remarks>
/// A race is two threads that use the same element between two barriers, at least one of them writing. An access
/// gives out a reference, so that a write is only seen by what it leaves behind: each 4-byte word remembers the value
/// it had when it was first used since the last barrier, and by which thread. Threads of a group run one at a time,
/// so the value at an access by another thread tells whether somebody has written in between, and a word used by
/// several threads is looked at again, at its next use or at the end of the group, for a write that came after them
/// all. So a race is found in whatever order the threads ran, unless what was written is what had been there;
/// elements whose size is not a multiple of four bytes are not watched, nor is a plain access beside an
/// <see cref="Atomic"/> one. A reference that a kernel keeps across a barrier is taken for a use before it.
/// </remarks>
internal sealed unsafe class SharedBlock(Multiprocessor multiprocessor) : IDisposable
{
    const int Several = -1;

    readonly Scratch memory = new();
    Word[] words = [];

    public byte* Pointer => memory.Pointer;

    public long Bytes { get; private set; }

    /// <summary>Starts a group with so many bytes.</summary>
    public void Start(long bytes)
    {
        memory.Take(bytes);
        Bytes = bytes;
        if (words.Length < bytes / sizeof(uint))
            words = new Word[bytes / sizeof(uint)];
    }

    /// <summary>Notes that the running thread uses an element, and throws if another one has written it since the last barrier.</summary>
    public void Touch(void* element, int size)
    {
        if (size % sizeof(uint) != 0)
            return;
        int thread = multiprocessor.RunningThread;
        long interval = multiprocessor.Interval;
        uint* value = (uint*)element;
        int first = (int)(((byte*)element - Pointer) / sizeof(uint));
        for (int i = 0; i < size / sizeof(uint); i++)
        {
            ref Word word = ref words[first + i];
            if (word.Interval == interval)
            {
                if (word.Thread == thread)
                    continue;
                if (word.Value != value[i])
                    throw Race(first + i, word.Thread == Several ? "several threads used it before" : $"thread {word.Thread} used it before");
                word.Thread = Several;
            }
            else
            {
                if (WasRaced(word, value[i]))
                    throw Race(first + i, "several threads used it before the last barrier");
                word = new() { Interval = interval, Value = value[i], Thread = thread };
            }
        }
    }

    /// <summary>Takes the values in these bytes, if they are of this block, for what was there when they were first used.</summary>
    public bool Settle(void* address, int size)
    {
        long offset = (byte*)address - Pointer;
        if (offset < 0 || offset >= Bytes)
            return false;
        for (int i = 0; i < size / sizeof(uint); i++)
            words[offset / sizeof(uint) + i].Value = ((uint*)address)[i];
        return true;
    }

    /// <summary>Looks for races that no later use has shown.</summary>
    public void Finish()
    {
        for (int i = 0; i < Bytes / sizeof(uint); i++)
        {
            if (WasRaced(words[i], ((uint*)Pointer)[i]))
                throw Race(i, "found when the group had ended");
        }
    }

    public void Dispose() => memory.Dispose();

    /// <summary>Whether a word that several threads of this group used was written after the last of them had come by.</summary>
    bool WasRaced(in Word word, uint value)
        => word.Thread == Several && word.Interval >= multiprocessor.FirstInterval && word.Value != value;

    static KernelException Race(int word, string how)
        => KernelException.Here($"a race: shared memory at byte {word * sizeof(uint)} of its allocation was written by one thread and used by another with no barrier between them ({how})");

    struct Word
    {
        public long Interval;
        public uint Value;
        public int Thread;
    }
}
