using System.Buffers.Binary;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using CnnSharp.Data;
using CnnSharp.Tests.Cli;
using Microsoft.AspNetCore.Builder;
using WebApi;
using Xunit;

namespace CnnSharp.Tests.Samples;

/// <summary>The web API in this process, on a port of its own, trained once for all tests.</summary>
public sealed class WebApiHost : IAsyncLifetime
{
    public Classifier Classifier { get; private set; } = null!;

    public HttpClient Client { get; } = new();

    WebApplication App { get; set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Generator.Default = new(0);
        Classifier = Classifier.OfClothes();
        App = ImageApi.Build(["--urls", "http://127.0.0.1:0", "--Logging:LogLevel:Default", "None"], Classifier);
        await App.StartAsync();
        Client.BaseAddress = new(App.Urls.Single());
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await App.DisposeAsync();
    }
}

/// <summary>What the web API answers: to images, to what is none, to many at once.</summary>
[Collection(CliTests.Name)]
public sealed class WebApiTests(WebApiHost host) : IClassFixture<WebApiHost>
{
    static readonly ImageDataset Clothes = EmbeddedFashionMnist.Load().RequireTest();

    [Fact]
    public async Task ThePageNeedsNothingFromElsewhere()
    {
        using var response = await host.Client.GetAsync("/");
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("text/html", response.Content.Headers.ContentType!.MediaType);
        var page = await response.Content.ReadAsStringAsync();
        Assert.Contains("Drop an image here", page, StringComparison.Ordinal);
        Assert.DoesNotContain("//cdn", page, StringComparison.Ordinal);
        Assert.DoesNotMatch("https?://", page);

        var model = await host.Client.GetFromJsonAsync<JsonElement>("/model");
        Assert.Equal(FashionMnist.ClassNames, model.GetProperty("classes").EnumerateArray().Select(name => name.GetString()!));
        Assert.Equal(ImageApi.MaxBodyBytes, model.GetProperty("maxBodyBytes").GetInt64());
    }

    [Fact]
    public async Task ImagesAreClassified()
    {
        var right = 0;
        for (var i = 0; i < 50; i++)
        {
            using var response = await Post(Png(i));
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            var answer = await response.Content.ReadFromJsonAsync<JsonElement>();
            Assert.Equal((28, 28), (answer.GetProperty("width").GetInt32(), answer.GetProperty("height").GetInt32()));
            var predictions = Predictions(answer);
            Assert.Equal(host.Classifier.Classify(new(Clothes.Pixels(i).ToArray(), 28, 28, 1)), predictions);
            Assert.Equal(5, predictions.Length);
            Assert.Equal(predictions.OrderByDescending(p => p.Probability), predictions);
            Assert.InRange(predictions.Sum(p => p.Probability), 0.5, 1.00001);
            if (predictions[0].Class == Clothes.ClassNames[Clothes.Labels[i]]) right++;
        }

        Assert.InRange(right, 35, 50);
    }

    [Fact]
    public async Task AFormIsAnsweredAsTheBareFile()
    {
        using var bare = await Post(Png(3));
        using var form = new MultipartFormDataContent { { Body(Png(3), "image/png"), "image", "shirt.png" }, { new StringContent("a shirt"), "title" } };
        using var response = await host.Client.PostAsync("/classify", form);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(await bare.Content.ReadAsStringAsync(), await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task WhatIsNoImageIsRefusedWithTheReason()
    {
        await Refused(HttpStatusCode.BadRequest, "The image is empty.", []);
        await Refused(HttpStatusCode.UnsupportedMediaType, "Expected an image (image/...) or a form with one (multipart/form-data), got 'text/plain'.", Png(0), "text/plain");
        await Refused(HttpStatusCode.UnsupportedMediaType, "got ''.", Png(0), type: null);
        await Refused(HttpStatusCode.UnsupportedMediaType, "The file is no image", "no image"u8.ToArray());
        await Refused(HttpStatusCode.BadRequest, "The image cannot be read: ", Png(0)[..200]);
        await Refused(HttpStatusCode.BadRequest, "The form cannot be read: ", "not a form"u8.ToArray(), "multipart/form-data; boundary=x");
        await Refused(HttpStatusCode.BadRequest, "The form cannot be read: ", "not a form"u8.ToArray(), "multipart/form-data");

        using var none = new MultipartFormDataContent { { new StringContent("a shirt"), "title" } };
        using (var response = await host.Client.PostAsync("/classify", none)) await IsProblem(response, HttpStatusCode.BadRequest, "Expected a form with one file, got 0.");
        using var two = new MultipartFormDataContent { { Body(Png(1), "image/png"), "a", "a.png" }, { Body(Png(2), "image/png"), "b", "b.png" } };
        using (var response = await host.Client.PostAsync("/classify", two)) await IsProblem(response, HttpStatusCode.BadRequest, "Expected a form with one file, got 2.");
        using (var response = await host.Client.GetAsync("/classify")) await IsProblem(response, HttpStatusCode.MethodNotAllowed);
        using (var response = await host.Client.GetAsync("/nowhere")) await IsProblem(response, HttpStatusCode.NotFound);

        using var sound = await Post(Png(0));
        Assert.Equal(HttpStatusCode.OK, sound.StatusCode);
    }

    [Fact]
    public async Task WhatIsTooLargeIsRefusedBeforeThereIsRoomMadeForIt()
    {
        var limit = $"at most {ImageApi.MaxBodyBytes:N0} bytes are read.";
        await Refused(HttpStatusCode.RequestEntityTooLarge, limit, new byte[ImageApi.MaxBodyBytes + 1]);
        await Refused(HttpStatusCode.RequestEntityTooLarge, limit, new byte[ImageApi.MaxBodyBytes + 1], chunked: true);

        var bomb = Bomb(10, 10, 100_000_000);
        var before = GC.GetTotalAllocatedBytes();
        await Refused(HttpStatusCode.RequestEntityTooLarge, "The image has 5,000 x 4,000 pixels; at most 16,000,000 are read.", Bomb(5_000, 4_000, 1_000));
        await Refused(HttpStatusCode.RequestEntityTooLarge, "The image has 65,535 x 65,535 pixels", Bomb(65_535, 65_535, 1_000));

        // 100 MB after the header of an image of 10 x 10: no more is unpacked than the header says.
        using (var response = await Post(bomb)) Assert.True(response.StatusCode is HttpStatusCode.OK or HttpStatusCode.BadRequest, $"{response.StatusCode}");
        Assert.InRange(GC.GetTotalAllocatedBytes() - before, 0, 10_000_000);
    }

    /// <summary>Requests at the same time neither mix nor disturb each other.</summary>
    [Fact]
    public async Task ManyAtOnceAreAnsweredAsOneByOne()
    {
        var alone = new string[40];
        for (var i = 0; i < alone.Length; i++)
        {
            using var response = await Post(Png(i));
            alone[i] = await response.Content.ReadAsStringAsync();
        }

        var together = await Task.WhenAll(Enumerable.Range(0, 4 * alone.Length).Select(async i =>
        {
            var broken = i % 5 == 4;
            using var response = await Post(broken ? Png(i % alone.Length)[..100] : Png(i % alone.Length));
            Assert.Equal(broken ? HttpStatusCode.BadRequest : HttpStatusCode.OK, response.StatusCode);
            return broken ? null : await response.Content.ReadAsStringAsync();
        }));
        for (var i = 0; i < together.Length; i++) Assert.True(together[i] is null || together[i] == alone[i % alone.Length], $"request {i}");
    }

    [Fact]
    public async Task MemoryStaysFlat()
    {
        var pool = Device.Best().Engine.Pool;
        await Requests(100);

        // The trainings before this test left garbage.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var (allocations, used, heap) = (pool.Allocations, pool.UsedBytes, GC.GetTotalMemory(forceFullCollection: true));
        await Requests(400);
        Assert.Equal(allocations, pool.Allocations);
        Assert.InRange(pool.UsedBytes, 0, used);
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - heap, long.MinValue, 2_000_000);

        async Task Requests(int count)
        {
            for (var i = 0; i < count; i++)
            {
                using var response = await Post(Png(i % 100));
                Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            }
        }
    }

    /// <summary>What the tool's training wrote is what the API serves.</summary>
    [Fact]
    public void ACheckpointSaysWhichNetworkItIs()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal("", CliTest.Run("train", "--dataset", "embedded", "--model", "linear", "--epochs", "1", "--batch", "256", "--out", folder.Path).IsDone().Error);
        var classifier = Classifier.FromCheckpoint(folder.File("checkpoint.safetensors"));
        Assert.Equal(FashionMnist.ClassNames, classifier.Classes);
        var right = Enumerable.Range(0, 200).Count(i => classifier.Classify(new(Clothes.Pixels(i).ToArray(), 28, 28, 1), top: 1).Single().Class == Clothes.ClassNames[Clothes.Labels[i]]);
        Assert.InRange(right, 120, 200);
    }

    async Task Refused(HttpStatusCode status, string detail, byte[] body, string? type = "image/png", bool chunked = false)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/classify") { Content = Body(body, type) };

        // A body that is refused is not read to its end: wait for the answer before sending it.
        request.Headers.ExpectContinue = body.Length > ImageApi.MaxBodyBytes && !chunked;
        if (chunked) request.Content = new StreamContent(new Unseekable(body)) { Headers = { ContentType = new("image/png") } };
        using var response = await host.Client.SendAsync(request);
        await IsProblem(response, status, detail);
    }

    static async Task IsProblem(HttpResponseMessage response, HttpStatusCode status, string detail = "")
    {
        Assert.Equal(status, response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        var problem = await response.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal((int)status, problem.GetProperty("status").GetInt32());
        Assert.NotEqual("", problem.GetProperty("title").GetString());
        if (detail.Length > 0) Assert.Contains(detail, problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    Task<HttpResponseMessage> Post(byte[] image) => host.Client.PostAsync("/classify", Body(image, "image/png"));

    static ByteArrayContent Body(byte[] bytes, string? type)
    {
        var content = new ByteArrayContent(bytes);
        content.Headers.ContentType = type is null ? null : MediaTypeHeaderValue.Parse(type);
        return content;
    }

    static byte[] Png(int index)
    {
        var stream = new MemoryStream();
        ImageFile.WritePng(stream, new(Clothes.Pixels(index).ToArray(), 28, 28, 1));
        return stream.ToArray();
    }

    /// <summary>A small PNG that claims to be large, or has more after its header than that says.</summary>
    static byte[] Bomb(int width, int height, int length)
    {
        var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Fastest, leaveOpen: true)) zlib.Write(new byte[length]);
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        header[8] = 8;
        return [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, .. PngBuilder.Chunk("IHDR", header), .. PngBuilder.Chunk("IDAT", packed.ToArray()), .. PngBuilder.Chunk("IEND", [])];
    }

    static Prediction[] Predictions(JsonElement answer) => answer.GetProperty("predictions").Deserialize<Prediction[]>(JsonSerializerOptions.Web)!;

    /// <summary>A body whose length is not known ahead, so that it is sent in chunks.</summary>
    sealed class Unseekable(byte[] bytes) : MemoryStream(bytes)
    {
        public override bool CanSeek => false;
    }
}
