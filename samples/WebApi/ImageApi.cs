using CnnSharp;
using CnnSharp.Data;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.RateLimiting;

namespace WebApi;

/// <summary>The application: a page, what it knows, and POST /classify.</summary>
public static class ImageApi
{
    /// <summary>Bytes that a request may have: 8 MiB.</summary>
    public const long MaxBodyBytes = 8 << 20;

    /// <summary>Pixels that an image may have, however few bytes they are packed in: 16 million.</summary>
    public const long MaxPixels = 16_000_000;

    /// <summary>Builds the application; the caller runs it.</summary>
    /// <param name="args">The host's own, such as <c>--urls</c>, and <c>--checkpoint FILE</c>.</param>
    /// <param name="classifier">Default: that of the checkpoint, or one that is trained on the built-in images.</param>
    public static WebApplication Build(string[] args, Classifier? classifier = null)
    {
        var builder = WebApplication.CreateBuilder(args);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = MaxBodyBytes;
            kestrel.Limits.MinRequestBodyDataRate = new(bytesPerSecond: 10_000, gracePeriod: TimeSpan.FromSeconds(5));
        });
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        builder.Services.Configure<FormOptions>(form => form.MultipartBodyLengthLimit = MaxBodyBytes);
        builder.Services.AddProblemDetails();

        // Uploads are in memory while they are read: some at a time, more wait, and who comes when even the queue is full is told so.
        builder.Services.AddRateLimiter(limiter =>
        {
            limiter.RejectionStatusCode = StatusCodes.Status503ServiceUnavailable;
            limiter.AddConcurrencyLimiter("uploads", uploads => (uploads.PermitLimit, uploads.QueueLimit) = (32, 256));
        });

        classifier ??= builder.Configuration["checkpoint"] is { } checkpoint ? Classifier.FromCheckpoint(checkpoint) : Classifier.OfClothes();

        // An image takes up to 9 bytes a pixel while it is decoded, 3 where it is opaque: one at a time, the others wait as the bytes that they came as.
        var decoders = new SemaphoreSlim(1);

        var app = builder.Build();
        app.UseExceptionHandler();
        app.UseStatusCodePages();
        app.UseRateLimiter();
        app.MapGet("/", () => Results.Stream(typeof(ImageApi).Assembly.GetManifestResourceStream("index.html")!, "text/html; charset=utf-8"));
        app.MapGet("/model", () => new { classifier.Classes, MaxBodyBytes });
        app.MapPost("/classify", async (HttpRequest request, CancellationToken cancellation) =>
        {
            byte[] bytes;
            try
            {
                bytes = await ReadImage(request, cancellation);
            }
            catch (RefusedException e)
            {
                return Results.Problem(e.Message, statusCode: e.Status);
            }

            await decoders.WaitAsync(cancellation);
            try
            {
                return Classify(classifier, bytes);
            }
            finally
            {
                decoders.Release();
            }
        }).RequireRateLimiting("uploads");
        return app;
    }

    static IResult Classify(Classifier classifier, byte[] bytes)
    {
        if (bytes.Length == 0) return Results.Problem("The image is empty.", statusCode: StatusCodes.Status400BadRequest);
        try
        {
            // The header says how large the image will be, before there is room made for it.
            var size = ImageFile.Identify(bytes, "image");
            if (size.Pixels > MaxPixels) return TooLarge($"The image has {size.Width:N0} x {size.Height:N0} pixels; at most {MaxPixels:N0} are read.");
            var predictions = classifier.Classify(bytes, "image", MaxPixels);
            return Results.Ok(new { size.Width, size.Height, predictions });
        }
        catch (DataFormatException e) when (ImageFile.Recognizes(bytes))
        {
            return Results.Problem($"The image cannot be read: {e.Problem}.", statusCode: StatusCodes.Status400BadRequest);
        }
        catch (DataFormatException e)
        {
            return Results.Problem($"The file {e.Problem}.", statusCode: StatusCodes.Status415UnsupportedMediaType);
        }
    }

    /// <summary>The body itself, or the first file of a form.</summary>
    static async Task<byte[]> ReadImage(HttpRequest request, CancellationToken cancellation)
    {
        var type = request.ContentType ?? "";
        try
        {
            if (!request.HasFormContentType)
            {
                if (!type.StartsWith("image/", StringComparison.OrdinalIgnoreCase) && !type.StartsWith("application/octet-stream", StringComparison.OrdinalIgnoreCase))
                    throw new RefusedException(StatusCodes.Status415UnsupportedMediaType, $"Expected an image (image/...) or a form with one (multipart/form-data), got '{type}'.");
                return await ReadAll(request.Body, request.ContentLength, cancellation);
            }

            var form = await request.ReadFormAsync(cancellation);
            if (form.Files.Count != 1) throw new RefusedException(StatusCodes.Status400BadRequest, $"Expected a form with one file, got {form.Files.Count}.");
            await using var file = form.Files[0].OpenReadStream();
            return await ReadAll(file, file.Length, cancellation);
        }
        catch (BadHttpRequestException e)
        {
            // The server's own limits: too many bytes, too slow, cut off.
            throw new RefusedException(e.StatusCode, e.StatusCode == StatusCodes.Status413PayloadTooLarge ? $"The request is too large; at most {MaxBodyBytes:N0} bytes are read." : e.Message);
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            throw new RefusedException(StatusCodes.Status400BadRequest, $"The form cannot be read: {e.Message}");
        }
    }

    /// <summary>The stream to its end: without buffers on the way, which would be garbage, where the client says how long it is.</summary>
    static async Task<byte[]> ReadAll(Stream stream, long? length, CancellationToken cancellation)
    {
        if (length <= MaxBodyBytes)
        {
            var bytes = new byte[length.Value];
            var read = await stream.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancellation);
            return read == bytes.Length ? bytes : bytes[..read];
        }

        var memory = new MemoryStream();
        await stream.CopyToAsync(memory, cancellation);
        return memory.ToArray();
    }

    static IResult TooLarge(string detail) => Results.Problem(detail, statusCode: StatusCodes.Status413PayloadTooLarge);

    sealed class RefusedException(int status, string message) : Exception(message)
    {
        public int Status { get; } = status;
    }
}
