namespace CnnSharp.Data;

/// <summary>Reads PNG, BMP, PGM and PPM and writes PNG with nothing but .NET. What else it recognises it names, with the package that reads it.</summary>
sealed class OwnCodec : IPictureCodec
{
    public string Name => "own (PNG, BMP, PGM, PPM)";

    public bool Reads(ReadOnlySpan<byte> start) => Known(start) is not null;

    public PictureSize Identify(byte[] bytes, string name) => KindOf(bytes, name) switch
    {
        Kind.Png => PngReader.Identify(bytes, name),
        Kind.Bmp => BmpReader.Identify(bytes, name),
        _ => NetpbmReader.Identify(bytes, name),
    };

    public Picture Decode(byte[] bytes, string name) => KindOf(bytes, name) switch
    {
        Kind.Png => PngReader.Read(bytes, name),
        Kind.Bmp => BmpReader.Read(bytes, name),
        _ => NetpbmReader.Read(bytes, name),
    };

    public void EncodePng(Stream stream, Picture picture) => PngWriter.Write(stream, picture);

    /// <summary>What a file is, by its first bytes; null for what is not read.</summary>
    static Kind? Known(ReadOnlySpan<byte> bytes)
    {
        if (bytes.StartsWith(PngReader.Signature)) return Kind.Png;
        if (bytes.StartsWith("BM"u8)) return Kind.Bmp;
        return bytes.Length >= 2 && bytes[0] == 'P' && bytes[1] is >= (byte)'1' and <= (byte)'7' ? Kind.Netpbm : null;
    }

    static Kind KindOf(ReadOnlySpan<byte> bytes, string name)
    {
        if (Known(bytes) is { } kind) return kind;
        if (bytes.StartsWith<byte>([0xFF, 0xD8, 0xFF])) throw Foreign("JPEG");
        if (bytes.StartsWith("GIF8"u8)) throw Foreign("GIF");
        if (bytes.Length >= 12 && bytes.StartsWith("RIFF"u8) && bytes[8..12].SequenceEqual("WEBP"u8)) throw Foreign("WebP");
        if (bytes.StartsWith("II*\0"u8) || bytes.StartsWith("MM\0*"u8)) throw Foreign("TIFF");
        throw new DataFormatException(name, $"is no picture: its first bytes, {Convert.ToHexString(bytes[..Math.Min(8, bytes.Length)])}, are those of none of PNG, JPEG, WebP, GIF, TIFF, BMP, PGM and PPM");

        DataFormatException Foreign(string format)
            => new(name, $"is a {format} picture, which takes the package SixLabors.ImageSharp to read; this build has PNG, BMP, PGM and PPM only, as no package feed carried it (build with -p:ImageSharpProvider=package where one does)");
    }

    enum Kind
    {
        Png,
        Bmp,
        Netpbm,
    }
}
