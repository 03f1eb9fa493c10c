using System.Text;
using CnnSharp.Kernels;
using Google.Protobuf;

namespace CnnSharp.Formats.Onnx;

/// <summary>Reads files that are one message of onnx.proto, without holding the file beside it.</summary>
static class OnnxMessages
{
    /// <summary>How deep messages may be within each other: each branch within a branch is a graph, its node and its attribute.</summary>
    const int MostDepth = 256;

    static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Opens a file, to <see cref="Read"/> it.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static FileStream Open(string path) => new(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);

    /// <summary>Reads a stream to its end. Large runs of bytes are taken in pieces, so that a length that lies costs nothing.</summary>
    /// <param name="stream">One that can seek.</param>
    /// <param name="path">What messages call it.</param>
    /// <param name="parser">Of the kind of message that it is.</param>
    /// <exception cref="DataFormatException">It is none.</exception>
    public static T Read<T>(Stream stream, string path, MessageParser<T> parser)
        where T : IMessage<T>
    {
        if (stream.Length > int.MaxValue) throw new DataFormatException(path, "the file", $"at most {int.MaxValue:N0} bytes", $"{stream.Length:N0}");

        // Not disposed, which would dispose of the stream.
        var input = CodedInputStream.CreateWithLimits(stream, int.MaxValue, MostDepth);
        try
        {
            var message = parser.WithDiscardUnknownFields(true).ParseFrom(input);
            return input.IsAtEnd ? message : throw new DataFormatException(path, "the message ends before the file does", input.Position);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new DataFormatException(path, $"holds no sound protocol buffer: {e.Message.TrimEnd('.')}", input.Position, e);
        }
    }

    /// <summary>Text that the schema has as bytes; null where they are not sound UTF-8.</summary>
    public static string? Text(ByteString bytes)
    {
        try
        {
            return Utf8.GetString(bytes.Span);
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }
}
