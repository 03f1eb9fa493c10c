namespace ILGPU.Runtime.CPU;

/// <summary>
/// What a thread waits for until another one gives it the turn. Among threads of one group that share a processor the
/// turn comes back after each of the others has had it, which is when a thread that yields is run again: most waits
/// end there, without sleeping.
/// </summary>
internal sealed class Turn
{
    readonly object gate = new();
    bool given;
    bool asleep;

    public void Give()
    {
        lock (gate)
        {
            given = true;
            if (asleep)
                Monitor.Pulse(gate);
        }
    }

    public void Wait()
    {
        if (!Volatile.Read(ref given))
            Thread.Yield();
        lock (gate)
        {
            asleep = true;
            while (!given)
                Monitor.Wait(gate);
            asleep = false;
            given = false;
        }
    }
}
