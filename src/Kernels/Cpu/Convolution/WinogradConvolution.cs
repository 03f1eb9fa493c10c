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
/// <summary>3x3 at stride 1 by F(4x4, 3x3).</summary>
internal sealed unsafe class WinogradConvolution<V>(CpuKernels<V> kernels, ConvolutionPass pass) : ConvolutionAlgorithm<V>(kernels, WinogradConvolution<V>.Called, pass)
    where V : unmanaged, IVector<V>
{
    /// <summary>Its name, and its backward-weights'.</summary>
    public const string Called = "winograd";

    const int Tile = Winograd4x4<V>.Tile, Patch = Winograd4x4<V>.Patch, Places = Winograd4x4<V>.Places;

    /// <summary>Channels of one side, and of both multiplied, from which the transforms pay: of 16 to 16 they take what they save.</summary>
    const int FewestChannels = 16, FewestProduct = 16 * 32;

    /// <summary>Tiles from which they pay: fewer where the transformed weights are kept for the next pass.</summary>
    const int FewestTiles = 32, FewestTilesKept = 16;

    public override bool Applies(in ConvGeometry g) => AppliesTo(g);

    /// <summary>Whether Winograd's algorithm can compute g, forward and backward.</summary>
    public static bool AppliesTo(in ConvGeometry g)
        => g is { Groups: 1, KernelH: 3, KernelW: 3, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1 } && g.C % V.Count == 0 && g.K % V.Count == 0;

    public override bool Pays(in ConvGeometry g)
    {
        var (rows, columns) = Pass == ConvolutionPass.Forward ? (g.OutH, g.OutW) : (g.H, g.W);
        var tiles = (long)DivideUp(rows, Tile) * DivideUp(columns, Tile);
        return Math.Min(g.C, g.K) >= FewestChannels && (long)g.C * g.K >= FewestProduct
            && g.N * tiles >= (Pass == ConvolutionPass.Forward ? FewestTilesKept : FewestTiles) && rows * (long)columns >= tiles * Tile * Tile / 4;
    }

    public override Workspace Workspace(in ConvGeometry g)
    {
        var pass = Describe(g);
        return new(pass.Out + (9L * pass.In * pass.Out) + WinogradPass.WeightLength(pass.In, pass.Out) + (pass.IsStaged ? pass.SharedLength : 0), pass.ScratchLength);
    }

    protected override void RunLocked(in ConvolutionCall call)
    {
        var pass = Describe(call.Geometry);
        var forward = Pass == ConvolutionPass.Forward;
        var (source, target) = forward ? (call.X, call.Y) : (call.Y, call.X);
        var layout = forward ? call.Layout : call.Layout.Exchanged;
        pass.Source = source.ReadOnlyPointer<float>();
        pass.Target = target.Pointer<float>();
        pass.Epilogue = call.Epilogue;

        // The weights of backward-data change before the next call.
        var ready = false;
        var transformed = WinogradPass.WeightLength(pass.In, pass.Out);
        var kept = forward ? PackedWeights.GetOrPack(call.W, new(true, 1, pass.In, pass.Out, 3, 3, layout), transformed, out ready) : null;
        pass.Bias = Workers.Shared(pass.Out + (ready ? 0 : 9L * pass.In * pass.Out) + (kept is null ? transformed : 0));
        var packed = pass.Bias + pass.Out;
        pass.Weights = kept is null ? packed + (9L * pass.In * pass.Out) : kept;
        if (call.Bias is null) Clear(pass.Bias, pass.Out);
        else CopyFloats(call.Bias.ReadOnlyPointer<float>(), pass.Bias, pass.Out);
        if (!ready)
        {
            var weights = new WinogradWeights { Weights = call.W.ReadOnlyPointer<float>(), Layout = layout, Opposite = !forward, Packed = packed, Target = pass.Weights, Input = pass.In, Output = pass.Out };
            Workers.Run(weights, weights.Tasks);
        }

        pass.Scratch = Workers.ScratchTable(pass.ScratchLength);
        if (!pass.IsStaged)
        {
            Workers.Run(pass, pass.Tasks);
            return;
        }

        pass.Shared = Scratch.Take<float>(pass.SharedLength);
        for (var step = 0; step < 3; step++)
        {
            var stage = pass.Stage(step);
            Workers.Run(stage, stage.Tasks);
        }
    }

    /// <summary>The pass without its tensors.</summary>
    WinogradPass Describe(in ConvGeometry g)
    {
        // Backward-data, dx is the correlation of dy with the weights turned around: what row h reads starts at row h + PadTop - 2.
        var pass = Pass == ConvolutionPass.Forward
            ? new WinogradPass { N = g.N, SourceH = g.H, SourceW = g.W, In = g.C, TargetH = g.OutH, TargetW = g.OutW, Out = g.K, FirstRow = -g.PadTop, FirstCol = -g.PadLeft }
            : new WinogradPass { N = g.N, SourceH = g.OutH, SourceW = g.OutW, In = g.K, TargetH = g.H, TargetW = g.W, Out = g.C, FirstRow = g.PadTop - 2, FirstCol = g.PadLeft - 2 };
        pass.Plan();
        return pass;
    }

    /// <summary>A pass of 3 x 3 taps at stride 1, done by Winograd's algorithm.</summary>
    struct WinogradPass : IWork
    {
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
                    CopyStrip(Source + ((long)image * SourceH * SourceW * In), SourceH, SourceW, In, row, col, Patch, Patch, border);
                    source = border;
                    rowStride = (long)Patch * In;
                }

                Winograd4x4<V>.TransformPatch(source, rowStride, In, patches + ((long)t * In), PatchPlace);
            }
        }

        /// <summary>The products of places [first, end): [count, In] by [In, Out] each.</summary>
        readonly void Multiply(int first, int end, int count, float* patches, float* products, float* temp)
        {
            nint offset = 0;
            var call = new CorrelationCall { PixelStride = (nint)In * sizeof(float), OutStride = Out, Offsets = &offset, Segments = 1, Length = In };
            float* roomOfZeros = stackalloc float[(3 * V.Count) + LineFloats], zeros = Aligned(roomOfZeros);
            Clear(zeros, 3 * V.Count);
            var weights = Weights + ((long)first * In * Out);
            for (var place = first; place < end; place++)
            {
                for (int k = 0, left = Out / V.Count; left > 0;)
                {
                    var vectors = CorrelationTiles<V>.Vectors(left);
                    call.WeightStride = vectors * V.Count * sizeof(float);
                    var pair = new TilePair<V>(&call, CorrelationTiles<V>.HalfTilePixels(vectors, count, 1), vectors, vectors * V.Count, weights, zeros, temp);
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
                var row = (first + t) % perImage / tileCols * Winograd4x4<V>.Tile;
                var col = (first + t) % tileCols * Winograd4x4<V>.Tile;
                var target = Target + (((((long)image * TargetH) + row) * TargetW) + col) * Out;
                var (rows, cols) = (Math.Min(Tile, TargetH - row), Math.Min(Tile, TargetW - col));
                Finish(products + ((long)t * Out), ProductPlace, target, rows, cols);
                for (var i = 0; Epilogue.Silu && i < rows; i++) Epilogue.ApplySilu<V>(target + ((long)i * TargetW * Out), Out, cols, Out);
            }
        }

        /// <summary>A^T m A for every channel of a tile, plus bias, to the rows by cols of its results that exist.</summary>
        [SkipLocalsInit]
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        readonly void Finish(float* m, long place, float* target, int rows, int cols)
        {
            float* roomOfHalf = stackalloc float[(Tile * Patch * V.Count) + LineFloats], half = Aligned(roomOfHalf);
            float* roomOfResults = stackalloc float[(Tile * V.Count) + LineFloats], results = Aligned(roomOfResults);
            for (var k = 0; k < Out; k += V.Count)
            {
                for (var j = 0; j < Winograd4x4<V>.Patch; j++) Winograd4x4<V>.OutputTransform(m + k + (j * place), Patch * place, half + (j * V.Count), Patch * V.Count);
                var bias = V.Load(Bias + k);
                for (var i = 0; i < rows; i++)
                {
                    Winograd4x4<V>.OutputTransform(half + (i * Patch * V.Count), V.Count, results, V.Count);
                    var y = target + ((long)i * TargetW * Out) + k;
                    for (var j = 0; j < cols; j++, y += Out)
                    {
                        var sum = V.Load(results + (j * V.Count)) + bias;
                        if (Epilogue.Scale is not null) sum = V.Fma(sum, V.Load(Epilogue.Scale + k), V.Load(Epilogue.Shift + k));
                        if (Epilogue.Add is not null) sum += V.Load(Epilogue.Add + (y - Target));
                        if (Epilogue.Relu) sum = V.Max(sum, V.Zero);
                        if (Epilogue.Upper > 0) sum = V.Min(sum, V.Create(Epilogue.Upper));
                        V.Store(Epilogue.Accumulate ? sum + V.Load(y) : sum, y);
                    }
                }
            }
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

    /// <summary>Packs and transforms the weights of a pass. Task: a block of output channels.</summary>
    struct WinogradWeights : IWork
    {
        public float* Weights;

        /// <summary>Where the weights that a tap has lie; backward-data, the taps are in the opposite order.</summary>
        public WeightLayout Layout;
        public bool Opposite;

        /// <summary>Packed [blocks, 9, In, v vectors], and transformed.</summary>
        public float* Packed, Target;
        public int Input, Output;

        public readonly int Tasks => CorrelationTiles<V>.Blocks(Output / V.Count);

        public readonly void Run(int task, int worker)
        {
            // All blocks before the last have two vectors, or one is all.
            var k = task * 2 * V.Count;
            var width = CorrelationTiles<V>.Vectors((Output - k) / V.Count) * V.Count;
            var packed = Packed + ((long)k * 9 * Input);
            for (var tap = 0; tap < 9; tap++)
            {
                var source = Weights + ((Opposite ? 8 - tap : tap) * Layout.TapStride) + (k * Layout.OutStride);
                PackPanel(source, Layout.InStride, Layout.OutStride, Input, width, width, packed + ((long)tap * Input * width));
            }

            Winograd4x4<V>.TransformWeights(packed, Input, width, Target + ((long)k * Input), (long)Input * Output);
        }
    }
}
