using System.Diagnostics;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

// Images/s of ONNX Runtime, with all its graph optimizations: ort FILE.onnx BATCH STEPS THREADS, one JSON object.
var (file, batch, steps, threads) = (args[0], int.Parse(args[1]), int.Parse(args[2]), int.Parse(args[3]));
using var options = new SessionOptions { GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL, IntraOpNumThreads = threads, InterOpNumThreads = 1 };
using var session = new InferenceSession(file, options);
var (name, input) = session.InputMetadata.First();
int[] extents = [batch, .. input.Dimensions.Skip(1).Select(extent => extent < 0 ? 224 : extent)];
var images = new DenseTensor<float>(extents);
var random = new Random(1);
foreach (ref var value in images.Buffer.Span) value = (random.NextSingle() * 2) - 1;
NamedOnnxValue[] inputs = [NamedOnnxValue.CreateFromTensor(name, images)];

const int WarmUp = 3;
var seconds = new List<double>();
var clock = Stopwatch.StartNew();
for (var i = 0; seconds.Count < steps; i++)
{
    var start = clock.Elapsed;
    using (session.Run(inputs))
    {
    }

    // As long as cnnsharp's warm-up at least.
    if (i >= WarmUp && start.TotalSeconds >= 1) seconds.Add((clock.Elapsed - start).TotalSeconds);
}

seconds.Sort();
Console.WriteLine($"{{\"images_per_second\": {batch / seconds[seconds.Count / 2]:F3}}}");
