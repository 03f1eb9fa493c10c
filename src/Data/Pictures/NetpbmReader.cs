namespace CnnSharp.Data;

/// <summary>Reads PGM (grey) and PPM (colour) pictures (https://netpbm.sourceforge.net/doc/), as text (P2, P3) or binary (P5, P6), of up to 16 bits.</summary>
static class NetpbmReader
{
    public static PictureSize Identify(ReadOnlySpan<byte> bytes, string name)
    {
        var header = ReadHeader(bytes, name, out _);
        return new(header.Height, header.Width);
    }

    public static Picture Read(ReadOnlySpan<byte> bytes, string name)
    {
        var header = ReadHeader(bytes, name, out var at);
        var count = (Int128)header.Height * header.Width * header.Channels;

        // A sample takes a byte, or two; as text a digit and a blank, but for the last.
        var width = header.Largest > 255 ? 2 : 1;
        var needed = header.IsText ? (2 * count) - 1 : count * width;
        if (needed > bytes.Length - at) throw new DataFormatException(name, "the pixels", $"at least {needed:N0} bytes, for {header.Width:N0} x {header.Height:N0}", $"{bytes.Length - at:N0}", at);

        var pixels = new byte[(int)count];
        for (var i = 0; i < pixels.Length; i++)
        {
            var start = at;
            int value;
            if (header.IsText) value = Number(bytes, name, "a pixel", ref at);
            else if (width == 2) value = (bytes[at++] << 8) | bytes[at++];
            else value = bytes[at++];
            if (value > header.Largest) throw new DataFormatException(name, "a pixel", $"at most {header.Largest}", $"{value}", start);
            pixels[i] = (byte)((((long)value * 255) + (header.Largest / 2)) / header.Largest);
        }

        return new(pixels, header.Height, header.Width, header.Channels);
    }

    static Header ReadHeader(ReadOnlySpan<byte> bytes, string name, out int at)
    {
        var kind = (char)bytes[1];
        if (kind is not ('2' or '3' or '5' or '6')) throw new DataFormatException(name, $"is a P{kind} picture (Netpbm); PGM (P2, P5) and PPM (P3, P6) are read");
        at = 2;
        var width = Number(bytes, name, "the width", ref at);
        var height = Number(bytes, name, "the height", ref at);
        var largest = Number(bytes, name, "the largest value", ref at);
        if (width < 1 || height < 1) throw new DataFormatException(name, "the size of the picture", "at least 1 x 1", $"{width:N0} x {height:N0}");
        if (largest is < 1 or > 65535) throw new DataFormatException(name, "the largest value", "1 to 65,535", $"{largest:N0}");

        // One blank, and the pixels begin.
        if (at >= bytes.Length || !IsBlank(bytes[at])) throw new DataFormatException(name, "the header does not end in a blank", at);
        at++;
        return new(width, height, kind is '2' or '5' ? 1 : 3, largest, kind is '2' or '3');
    }

    /// <summary>A number behind blanks and comments, which run from # to the line's end.</summary>
    static int Number(ReadOnlySpan<byte> bytes, string name, string what, ref int at)
    {
        while (at < bytes.Length && (IsBlank(bytes[at]) || bytes[at] == '#'))
        {
            if (bytes[at] == '#')
            {
                var end = bytes[at..].IndexOf((byte)'\n');
                at = end < 0 ? bytes.Length : at + end;
            }
            else
            {
                at++;
            }
        }

        var (value, start) = (0L, at);
        while (at < bytes.Length && char.IsAsciiDigit((char)bytes[at]))
        {
            value = (value * 10) + bytes[at++] - '0';
            if (value > int.MaxValue) throw new DataFormatException(name, $"{what} is above {int.MaxValue:N0}", start);
        }

        return at > start ? (int)value : throw new DataFormatException(name, $"{what} is missing", start);
    }

    static bool IsBlank(byte b) => b is (byte)' ' or (byte)'\t' or (byte)'\n' or (byte)'\r' or 0x0B or 0x0C;

    sealed record Header(int Width, int Height, int Channels, int Largest, bool IsText);
}
