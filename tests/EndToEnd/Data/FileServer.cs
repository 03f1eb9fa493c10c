using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace CnnSharp.Tests;

/// <summary>A web server on this machine that serves bytes as servers do, and breaks off where a test wants it.</summary>
sealed class FileServer : IDisposable
{
    readonly TcpListener listener = new(IPAddress.Loopback, 0);

    public FileServer()
    {
        listener.Start();
        _ = Serve();
    }

    public string Address => $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}";

    /// <summary>What there is, by name.</summary>
    public ConcurrentDictionary<string, byte[]> Files { get; } = new();

    /// <summary>Bytes after which the next answer breaks off; it is used once.</summary>
    public int? CutAfter { get; set; }

    /// <summary>Whether a client may ask for the rest of a file.</summary>
    public bool KnowsRanges { get; set; } = true;

    /// <summary>What was asked for: name, and where from.</summary>
    public ConcurrentQueue<(string Name, long From)> Requests { get; } = [];

    public void Dispose() => listener.Dispose();

    async Task Serve()
    {
        try
        {
            while (true)
            {
                using var client = await listener.AcceptTcpClientAsync();
                await Answer(client.GetStream());
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The test has ended.
        }
    }

    async Task Answer(NetworkStream stream)
    {
        using var reader = new StreamReader(stream, Encoding.ASCII, leaveOpen: true);
        var name = (await reader.ReadLineAsync())!.Split(' ')[1].TrimStart('/');
        var from = 0L;
        for (var line = await reader.ReadLineAsync(); line is { Length: > 0 }; line = await reader.ReadLineAsync())
        {
            if (line.StartsWith("Range: bytes=", StringComparison.OrdinalIgnoreCase)) from = long.Parse(line["Range: bytes=".Length..].Split('-')[0], CultureInfo.InvariantCulture);
        }

        Requests.Enqueue((name, from));
        if (!Files.TryGetValue(name, out var bytes)) await Send(stream, "404 Not Found", "", []);
        else if (from == 0 || !KnowsRanges) await Send(stream, "200 OK", "", bytes);
        else if (from >= bytes.Length) await Send(stream, "416 Range Not Satisfiable", $"Content-Range: bytes */{bytes.Length}\r\n", []);
        else await Send(stream, "206 Partial Content", $"Content-Range: bytes {from}-{bytes.Length - 1}/{bytes.Length}\r\n", bytes[(int)from..]);
    }

    async Task Send(NetworkStream stream, string status, string headers, byte[] body)
    {
        var sent = Math.Min(CutAfter ?? body.Length, body.Length);
        if (body.Length > 0) CutAfter = null;
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 {status}\r\nContent-Length: {body.Length}\r\nConnection: close\r\n{headers}\r\n"));
        await stream.WriteAsync(body.AsMemory(0, sent));
    }
}
