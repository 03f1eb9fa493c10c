using System.Text.Json;

namespace CnnSharp.Tests;

/// <summary>A file that make_cases.py wrote.</summary>
/// <param name="File">Its bytes.</param>
/// <param name="Width">Columns, upright.</param>
/// <param name="Height">Rows, upright.</param>
/// <param name="Rgba">The pixels that Pillow reads from it, [Height, Width, 4]; null where it must be refused.</param>
/// <param name="Tolerance">How far off a value may be.</param>
sealed record ImageCase(byte[] File, int Width, int Height, byte[]? Rgba, int Tolerance)
{
    public static Dictionary<string, ImageCase> All { get; } = Read();

    static Dictionary<string, ImageCase> Read()
    {
        using var cases = JsonDocument.Parse(System.IO.File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Data", "Images", "Cases", "images.json")));
        return cases.RootElement.EnumerateArray().ToDictionary(c => c.GetProperty("name").GetString()!, c =>
        {
            var file = c.GetProperty("file").GetBytesFromBase64();
            return c.TryGetProperty("rgba", out var rgba)
                ? new ImageCase(file, c.GetProperty("width").GetInt32(), c.GetProperty("height").GetInt32(), rgba.GetBytesFromBase64(), c.GetProperty("tolerance").GetInt32())
                : new ImageCase(file, 0, 0, null, 0);
        });
    }
}
