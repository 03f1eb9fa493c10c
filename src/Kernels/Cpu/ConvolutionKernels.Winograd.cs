using System.Runtime.CompilerServices;

namespace CnnSharp.Kernels.Cpu;

// Winograd's F(4x4, 3x3) (Lavin and Gray 2015, "Fast Algorithms for Convolutional Neural Networks"): 4 x 4 results of a
// 3 x 3 kernel from a 6 x 6 patch by 36 multiplications a channel instead of 144.
//
//     Y = A^T [ sum over channels of (G g G^T) . (B^T d B) ] A
//
// The sum over channels is a matrix product for each of the 36 places: [tiles, In] by [In, Out]. A task takes a block of
// tiles whose transformed patches and products stay in the L2; transforms run over vectors of channels.
// The error is about 1e-5 of the largest result (the direct sum's is 1e-6). Measured against the direct tiles, one core:
// 430 to 205 GFLOP/s of the direct method's operations at 64@8x8 and 128@16x16, 360 to 185 at 64@32x32.
sealed unsafe partial class ConvolutionKernels<V>
    where V : unmanaged, IVector<V>
{
    /// <summary>Channels of one side, and of both multiplied, from which the transforms pay: of 16 to 16 they take what they save.</summary>
    const int WinogradChannels = 16, WinogradProduct = 16 * 32;

    /// <summary>A pass of 3 x 3 taps at stride 1, done by Winograd's algorithm.</summary>
    struct WinogradPass : IWork
    {
        /// <summary>Rows and columns of results a tile has, and of its patch.</summary>
        const int Tile = 4, Patch = 6, Places = Patch * Patch;

        public int N, SourceH, SourceW, In, TargetH, TargetW, Out;
        public float* Source, Target;

        /// <summary>Blocks below which a pass is staged, and tiles of a task in its first and last step.</summary>
        const int FewestTasks = 8, StageTiles = 7;

        /// <summary>Where the patch of target pixel (0, 0) starts in the source.</summary>
        public int FirstRow, FirstCol;
        public Epilogue Epilogue;
        public float* Bias;

        /// <summary>G g G^T: [36, blocks, In, v vectors].</summary>
        public float* Weights;
        public float** Scratch;

        /// <summary>In a staged pass, all patches and products.</summary>
        public float* Shared;

        int tileRows, tileCols, block;

        /// <summary>Patches, with the images' last ones in part outside.</summary>
        public int Tiles { get; private set; }

        public int Tasks { get; private set; }

        /// <summary>Whether all patches are transformed before the first product: with few images the blocks are too few for the threads, and would each read all weights.</summary>
        public bool IsStaged { get; private set; }

        /// <summary>Floats of transformed weights.</summary>
        public static long WeightLength(int input, int output) => (long)Places * input * output;

        /// <summary>Whether the transforms cost less than they save: from fewer tiles on where the transformed weights are kept for the next pass.</summary>
        public static bool IsFaster(bool areKept, int images, int input, int output, int rows, int cols)
        {
            if (Math.Min(input, output) < WinogradChannels || (long)input * output < WinogradProduct || input % V.Count != 0 || output % V.Count != 0) return false;
            var tiles = (long)DivideUp(rows, Tile) * DivideUp(cols, Tile);
            return images * tiles >= (areKept ? 16 : 32) && rows * (long)cols >= tiles * Tile * Tile / 4;
        }

        /// <summary>A block's patches [36, block, In], products [36, block, Out], one tile's temporary and one padded patch. Of a staged pass, the last two.</summary>
        public readonly long ScratchLength => CorrelationTiles<V>.MaxTile + (IsStaged ? 0 : SharedLength) + ((long)Places * In);

        public void Plan()
        {
            tileRows = DivideUp(TargetH, Tile);
            tileCols = DivideUp(TargetW, Tile);
            Tiles = checked(N * tileRows * tileCols);

            // 4 MiB of patches and products: each is written and read once, while the weights, the more of them the more
            // channels, stream by once a task. A multiple of the widest tile's 14 rows.
            block = Math.Clamp(1024 * 1024 / (Places * (In + Out)) / 14 * 14, 14, 112);
            Tasks = DivideUp(Tiles, block);
            IsStaged = Tasks < FewestTasks;
            block = IsStaged ? Tiles : DivideUp(Tiles, Tasks);
        }

        /// <summary>Floats of patches and products that the tasks of a staged pass share.</summary>
        public readonly long SharedLength => Places * ((long)block + 1) * (In + Out);

        /// <summary>One step of a staged pass, in tasks of its own. The steps: patches, products, results.</summary>
        public readonly WinogradStage Stage(int step) => new() { Pass = this, Step = step };

        public readonly void Run(int task, int worker)
        {
            var first = task * block;
            var count = Math.Min(block, Tiles - first);
            var temp = Scratch[worker];
            var patches = temp + CorrelationTiles<V>.MaxTile;
            var products = patches + (Places * ((long)block + 1) * In);
            var border = products + (Places * ((long)block + 1) * Out);
            TransformPatches(first, count, patches, border);
            Multiply(0, Places, count, patches, products, temp);
            Finish(first, count, products);
        }

        /// <summary>Runs task <paramref name="task"/> of a step: some tiles, or, in the middle one, a place.</summary>
        public readonly void RunStage(int step, int task, int worker)
        {
            var temp = Scratch[worker];
            var products = Shared + (Places * ((long)block + 1) * In);
            var first = task * StageTiles;
            var count = Math.Min(StageTiles, Tiles - first);
            if (step == 0) TransformPatches(first, count, Shared + ((long)first * In), temp + CorrelationTiles<V>.MaxTile);
            else if (step == 1) Multiply(task, task + 1, Tiles, Shared, products, temp);
            else Finish(first, count, products + ((long)first * Out));
        }

        public readonly int StageTasks(int step) => step == 1 ? Places : DivideUp(Tiles, StageTiles);

        // One row of surplus keeps the 36 places from lying a multiple of 4 KiB apart, in the same cache sets.
        readonly long PatchPlace => ((long)block * In) + V.Count;

        readonly long ProductPlace => ((long)block * Out) + V.Count;

        readonly void TransformPatches(int first, int count, float* patches, float* border)
        {
            var perImage = tileRows * tileCols;
            for (var t = 0; t < count; t++)
            {
                var image = (first + t) / perImage;
                var row = ((first + t) % perImage / tileCols * Tile) + FirstRow;
                var col = ((first + t) % tileCols * Tile) + FirstCol;
                var source = Source + (((((long)image * SourceH) + row) * SourceW) + col) * In;
                var rowStride = (long)SourceW * In;
                if (row < 0 || col < 0 || row + Patch > SourceH || col + Patch > SourceW)
                {
                    CopyBorder(image, row, col, border);
                    source = border;
                    rowStride = (long)Patch * In;
                }

                TransformPatch(source, rowStride, In, patches + ((long)t * In), PatchPlace);
            }
        }

        /// <summary>The products of places [first, end): [count, In] by [In, Out] each.</summary>
        readonly void Multiply(int first, int end, int count, float* patches, float* products, float* temp)
        {
            nint offset = 0;
            var call = new CorrelationCall { PixelStride = (nint)In * sizeof(float), OutStride = Out, Offsets = &offset, Segments = 1, Length = In };
            var zeros = stackalloc float[3 * V.Count];
            Clear(zeros, 3 * V.Count);
            var weights = Weights + ((long)first * In * Out);
            for (var place = first; place < end; place++)
            {
                for (int k = 0, left = Out / V.Count; left > 0;)
                {
                    var vectors = CorrelationTiles<V>.Vectors(left);
                    call.WeightStride = vectors * V.Count * sizeof(float);
                    var pair = new TilePair<V>(&call, CorrelationTiles<V>.HalfTilePixels(vectors, count), vectors, vectors * V.Count, weights, zeros, temp);
                    pair.AddRow(patches + (place * PatchPlace), In, products + (place * ProductPlace) + k, count);
                    pair.Flush();
                    weights += (long)vectors * V.Count * In;
                    k += vectors * V.Count;
                    left -= vectors;
                }
            }
        }

        readonly void Finish(int first, int count, float* products)
        {
            var perImage = tileRows * tileCols;
            for (var t = 0; t < count; t++)
            {
                var image = (first + t) / perImage;
                var row = (first + t) % perImage / tileCols * Tile;
                var col = (first + t) % tileCols * Tile;
                var target = Target + (((((long)image * TargetH) + row) * TargetW) + col) * Out;
                Finish(products + ((long)t * Out), ProductPlace, target, Math.Min(Tile, TargetH - row), Math.Min(Tile, TargetW - col));
            }
        }

        /// <summary>A patch that reaches out of the image, with the zeros around it.</summary>
        readonly void CopyBorder(int image, int row, int col, float* target)
        {
            var before = Math.Clamp(-col, 0, Patch);
            var inside = Math.Clamp(SourceW - col, before, Patch) - before;
            for (var i = 0; i < Patch; i++, target += (long)Patch * In)
            {
                var h = row + i;
                if ((uint)h >= (uint)SourceH || inside == 0)
                {
                    Clear(target, (long)Patch * In);
                    continue;
                }

                Clear(target, (long)before * In);
                CopyFloats(Source + (((((long)image * SourceH) + h) * SourceW) + col + before) * In, target + ((long)before * In), (long)inside * In);
                Clear(target + ((long)(before + inside) * In), (long)(Patch - before - inside) * In);
            }
        }

        /// <summary>B^T d B for every channel of a patch, to 36 places.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        static void TransformPatch(float* d, long rowStride, int channels, float* target, long place)
        {
            var columns = stackalloc float[Places * V.Count];
            for (var c = 0; c < channels; c += V.Count, d += V.Count, target += V.Count)
            {
                for (var j = 0; j < Patch; j++)
                {
                    var p = d + ((long)j * channels);
                    InputTransform(p, rowStride, columns + (j * V.Count), Patch * V.Count);
                }

                for (var i = 0; i < Patch; i++) InputTransform(columns + (i * Patch * V.Count), V.Count, target + (i * Patch * place), place);
            }
        }

        /// <summary>B^T d along one axis.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static void InputTransform(float* d, long stride, float* target, long targetStride)
        {
            V d0 = V.Load(d), d1 = V.Load(d + stride), d2 = V.Load(d + (2 * stride)), d3 = V.Load(d + (3 * stride)), d4 = V.Load(d + (4 * stride)), d5 = V.Load(d + (5 * stride));
            V minusFour = V.Create(-4), minusFive = V.Create(-5), four = V.Create(4), two = V.Create(2);
            var even = V.Fma(minusFour, d2, d4);
            var odd = V.Fma(minusFour, d1, d3);
            var even2 = d4 - d2;
            var odd2 = two * (d3 - d1);
            V.Store(V.Fma(four, d0, V.Fma(minusFive, d2, d4)), target);
            V.Store(even + odd, target + targetStride);
            V.Store(even - odd, target + (2 * targetStride));
            V.Store(even2 + odd2, target + (3 * targetStride));
            V.Store(even2 - odd2, target + (4 * targetStride));
            V.Store(V.Fma(four, d1, V.Fma(minusFive, d3, d5)), target + (5 * targetStride));
        }

        /// <summary>A^T m A for every channel of a tile, plus bias, to the rows by cols of its results that exist.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        readonly void Finish(float* m, long place, float* target, int rows, int cols)
        {
            var half = stackalloc float[Tile * Patch * V.Count];
            var results = stackalloc float[Tile * V.Count];
            for (var k = 0; k < Out; k += V.Count)
            {
                for (var j = 0; j < Patch; j++) OutputTransform(m + k + (j * place), Patch * place, half + (j * V.Count), Patch * V.Count);
                var bias = V.Load(Bias + k);
                for (var i = 0; i < rows; i++)
                {
                    OutputTransform(half + (i * Patch * V.Count), V.Count, results, V.Count);
                    var y = target + ((long)i * TargetW * Out) + k;
                    for (var j = 0; j < cols; j++, y += Out)
                    {
                        var sum = V.Load(results + (j * V.Count)) + bias;
                        if (Epilogue.Scale is not null) sum = V.Fma(sum, V.Load(Epilogue.Scale + k), V.Load(Epilogue.Shift + k));
                        if (Epilogue.Add is not null) sum += V.Load(Epilogue.Add + (y - Target));
                        if (Epilogue.Relu) sum = V.Max(sum, V.Zero);
                        V.Store(Epilogue.Accumulate ? sum + V.Load(y) : sum, y);
                    }
                }
            }
        }

        /// <summary>A^T m along one axis.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static void OutputTransform(float* m, long stride, float* target, long targetStride)
        {
            V m0 = V.Load(m), m1 = V.Load(m + stride), m2 = V.Load(m + (2 * stride)), m3 = V.Load(m + (3 * stride)), m4 = V.Load(m + (4 * stride)), m5 = V.Load(m + (5 * stride));
            V sum1 = m1 + m2, difference1 = m1 - m2, sum2 = m3 + m4, difference2 = m3 - m4;
            V.Store(m0 + sum1 + sum2, target);
            V.Store(V.Fma(V.Create(2), difference2, difference1), target + targetStride);
            V.Store(V.Fma(V.Create(4), sum2, sum1), target + (2 * targetStride));
            V.Store(V.Fma(V.Create(8), difference2, difference1) + m5, target + (3 * targetStride));
        }

        /// <summary>
        /// G g G^T of one block of packed weights [9, In, width], to the 36 places of <paramref name="target"/>, which are
        /// <paramref name="place"/> floats apart.
        /// </summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public static void TransformWeights(float* packed, int input, int width, float* target, long place)
        {
            var half = stackalloc float[Patch * 3 * V.Count];
            var tap = (long)input * width;
            for (var i = 0L; i < tap; i += V.Count)
            {
                for (var s = 0; s < 3; s++) WeightTransform(packed + i + (s * tap), 3 * tap, half + (s * V.Count), 3 * V.Count);
                for (var r = 0; r < Patch; r++) WeightTransform(half + (r * 3 * V.Count), V.Count, target + i + (r * Patch * place), place);
            }
        }

        /// <summary>G g along one axis.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static void WeightTransform(float* g, long stride, float* target, long targetStride)
        {
            V g0 = V.Load(g), g1 = V.Load(g + stride), g2 = V.Load(g + (2 * stride));
            var ends = V.Create(-1f / 6) * (g0 + g2);
            var middle = V.Create(1f / 6) * g1;
            var quarters = V.Fma(V.Create(1f / 24), g0, V.Create(1f / 6) * g2);
            var twelfth = V.Create(1f / 12) * g1;
            V.Store(V.Create(0.25f) * g0, target);
            V.Store(ends - middle, target + targetStride);
            V.Store(ends + middle, target + (2 * targetStride));
            V.Store(quarters + twelfth, target + (3 * targetStride));
            V.Store(quarters - twelfth, target + (4 * targetStride));
            V.Store(g2, target + (5 * targetStride));
        }
    }

    /// <summary>A step of a staged pass.</summary>
    struct WinogradStage : IWork
    {
        public WinogradPass Pass;
        public int Step;

        public readonly int Tasks => Pass.StageTasks(Step);

        public readonly void Run(int task, int worker) => Pass.RunStage(Step, task, worker);
    }

    /// <summary>Transforms the packed weights of a pass. Task: a block of output channels.</summary>
    struct WinogradWeights : IWork
    {
        public float* Packed, Target;
        public int Input, Output;

        public readonly void Run(int task, int worker)
        {
            // All blocks before the last have two vectors, or one is all.
            var k = task * 2 * V.Count;
            var width = CorrelationTiles<V>.Vectors((Output - k) / V.Count) * V.Count;
            WinogradPass.TransformWeights(Packed + ((long)k * 9 * Input), Input, width, Target + ((long)k * Input), (long)Input * Output);
        }
    }
}
