#:project ../src/Data/CnnSharp.Data.csproj

// Draws src/icon.png, the packages' icon: dotnet run docs/icon.cs src/icon.png
// Three feature maps, one after the other; a 3x3 kernel on the first, its sharp in the middle.
using CnnSharp.Data;

const int Size = 128, Samples = 4;
(double R, double G, double B) ground = (28, 32, 64), back = (74, 96, 176), middle = (110, 140, 220), front = (236, 242, 255), kernel = (255, 176, 64), sharp = (150, 70, 20);

var pixels = new byte[Size * Size * 3];
for (var y = 0; y < Size; y++)
{
    for (var x = 0; x < Size; x++)
    {
        var (r, g, b) = (0.0, 0.0, 0.0);
        for (var s = 0; s < Samples * Samples; s++)
        {
            var color = ColorAt(x + ((s % Samples) + 0.5) / Samples, y + ((s / Samples) + 0.5) / Samples);
            (r, g, b) = (r + color.R, g + color.G, b + color.B);
        }

        var at = ((y * Size) + x) * 3;
        (pixels[at], pixels[at + 1], pixels[at + 2]) = (Mean(r), Mean(g), Mean(b));
    }
}

ImageFile.WritePng(args[0], new(pixels, Size, Size, 3));

static byte Mean(double sum) => (byte)Math.Round(sum / (Samples * Samples));

(double R, double G, double B) ColorAt(double x, double y)
{
    // A map is 76 wide; a cell of the kernel 18.
    if (InSquare(x - 14, y - 38, 76))
    {
        var (column, row) = ((x - 25) / 18, (y - 49) / 18);
        var inKernel = column is >= 0 and < 3 && row is >= 0 and < 3;
        if (inKernel && IsSharp((column - 1.5) / 1.1, (row - 1.5) / 1.1)) return sharp;
        if (inKernel && column - Math.Floor(column) is > 0.06 and < 0.94 && row - Math.Floor(row) is > 0.06 and < 0.94) return kernel;
        return front;
    }

    return InSquare(x - 26, y - 26, 76) ? middle : InSquare(x - 38, y - 14, 76) ? back : ground;
}

// Two upright strokes that lean, two level ones.
static bool IsSharp(double x, double y)
    => Math.Abs(x) < 1 && Math.Abs(y) < 1 && (Math.Abs(Math.Abs(x + (0.18 * y)) - 0.36) < 0.11 || Math.Abs(Math.Abs(y) - 0.36) < 0.11);

static bool InSquare(double x, double y, double side) => x >= 0 && y >= 0 && x < side && y < side;
