using System.Runtime.CompilerServices;

namespace CnnSharp.Kernels.Cpu;

// The gradient of Winograd's F(4x4, 3x3) with respect to its weights: of Y = A^T [(G g G^T) . (B^T d B)] A it is
//
//     dg = G^T [ sum over tiles of (A dY A^T) . (B^T d B) ] G
//
// Of every tile, 6 x 6 values of x meet 6 x 6 of 4 x 4 of dy: 36 multiplications for a pair of channels instead of 144. The
// sum over tiles is a matrix product for each of the 36 places: [In, tiles] by [tiles, Out]. Where dw is small a task has some
// of the tiles and sums of its own, added up in order afterwards; where it is large, all tasks transform a block of
// tiles together and then have a place each, so that there is one set of sums.
/// <summary>Backward-weights of 3x3 at stride 1 by the gradient of F(4x4, 3x3).</summary>
internal sealed unsafe class WinogradWeightGradient<V>(CpuKernels<V> kernels) : ConvolutionAlgorithm<V>(kernels, WinogradConvolution<V>.Called, ConvolutionPass.BackwardWeights)
    where V : unmanaged, IVector<V>
{
    const int Tile = Winograd4x4<V>.Tile, Patch = Winograd4x4<V>.Patch, Places = Winograd4x4<V>.Places;

    public override bool Applies(in ConvGeometry g) => WinogradConvolution<V>.AppliesTo(g);

    /// <summary>Enough tiles for clearing, adding up and transforming the sums: more where so few channels meet that the transforms take most of what they save.</summary>
    public override bool Pays(in ConvGeometry g)
    {
        var tiles = (long)g.N * DivideUp(g.OutH, Tile) * DivideUp(g.OutW, Tile);
        var isFilled = (long)g.N * g.OutH * g.OutW >= tiles * Tile * Tile / 2;
        return isFilled && Math.Min(g.C, g.K) >= 16 && ((long)g.C * g.K >= 32 * 32 ? tiles >= 32 : (long)g.C * g.K >= 16 * 32 && tiles >= 256);
    }

    public override Workspace Workspace(in ConvGeometry g)
    {
        var pass = new GradientPass { Geometry = g };
        pass.Plan();
        return new(pass.SumsLength + pass.BlockLength, pass.ScratchLength);
    }

    protected override void RunLocked(in ConvolutionCall call)
    {
        var pass = new GradientPass { Geometry = call.Geometry, X = call.X.ReadOnlyPointer<float>(), Dy = call.Y.ReadOnlyPointer<float>(), Dw = call.W.Pointer<float>(), Layout = call.Layout };
        pass.Plan();
        pass.Sums = Workers.Shared(pass.SumsLength + pass.BlockLength);
        pass.Scratch = Workers.ScratchTable(pass.ScratchLength);
        if (pass.IsStaged)
        {
            for (var first = 0; first < pass.Tiles; first += pass.Block)
            {
                var transform = new TransformStage { Pass = pass, First = first };
                Workers.Run(transform, transform.Tasks);
                var multiply = new MultiplyStage { Pass = pass, First = first };
                Workers.Run(multiply, multiply.Tasks);
            }
        }
        else
        {
            Workers.Run(pass, pass.Chunks);
        }

        Workers.Run(new FinishStage { Pass = pass }, DivideUp(pass.Geometry.C, FinishStage.Rows));
    }

    /// <summary>Task: a chunk of the tiles, where tasks have sums of their own.</summary>
    struct GradientPass : IWork
    {
        /// <summary>Floats of sums that all chunks together may take.</summary>
        const long SumsTogether = 4 * 1024 * 1024;

        /// <summary>Chunks from which there are enough tasks.</summary>
        const int FewestChunks = 6, MostChunks = 16;

        /// <summary>Floats of a block's transformed values: they stay in the L2 beside the sums, or, where all share them, in the last-level cache.</summary>
        const int BlockFloats = 64 * 1024, SharedFloats = 1536 * 1024;

        /// <summary>Tiles of a block: the sums are loaded and stored once a block.</summary>
        const int FewestTiles = 32, MostTiles = 128;

        /// <summary>Tiles of a chunk at least: its sums are cleared, and added up, once.</summary>
        const int TilesOfChunk = 128;

        /// <summary>Tiles of a task that transforms.</summary>
        public const int StageTiles = 4;

        public ConvGeometry Geometry;
        public float* X, Dy, Dw;
        public WeightLayout Layout;

        /// <summary>[chunks, places, blocks of vectors, rows, v vectors], then a shared block's values.</summary>
        public float* Sums;
        public float** Scratch;

        int tileRows, tileCols;

        public int Tiles { get; private set; }

        public int Chunks { get; private set; }

        /// <summary>Tiles of a block.</summary>
        public int Block { get; private set; }

        public bool IsStaged { get; private set; }

        /// <summary>Rows of sums: the last tile of rows may have a surplus.</summary>
        public readonly int SumRows => Geometry.C + OuterProductTiles<V>.MaxRows;

        public readonly long PlaceSums => (long)SumRows * Geometry.K;

        public readonly long SumsLength => Chunks * Places * PlaceSums;

        // A cache line more a row keeps a tile's pixels from lying in the same few cache sets, another vector the places.
        readonly int StrideX => Geometry.C + 16;

        readonly int StrideDy => Geometry.K + 16;

        readonly long PlaceX => ((long)Block * StrideX) + V.Count;

        readonly long PlaceDy => ((long)Block * StrideDy) + V.Count;

        readonly long ValuesLength => (Places * (PlaceX + PlaceDy)) + OuterProductTiles<V>.MaxRows;

        /// <summary>Floats of a block's values that all tasks share.</summary>
        public readonly long BlockLength => IsStaged ? ValuesLength : 0;

        public readonly long ScratchLength => (IsStaged ? 0 : ValuesLength) + BorderLength;

        /// <summary>A patch of x, or a tile of dy, with zeros around.</summary>
        readonly long BorderLength => (long)Places * Math.Max(Geometry.C, Geometry.K);

        public void Plan()
        {
            var g = Geometry;
            tileRows = DivideUp(g.OutH, Tile);
            tileCols = DivideUp(g.OutW, Tile);
            Tiles = checked(g.N * tileRows * tileCols);
            var most = SumsTogether / (Places * PlaceSums);
            IsStaged = most < FewestChunks;
            Chunks = IsStaged ? 1 : (int)Math.Clamp(Math.Min(most, MostChunks), 1, DivideUp(Tiles, TilesOfChunk));
            Block = (int)Math.Clamp((IsStaged ? SharedFloats : BlockFloats) / (Places * (long)(StrideX + StrideDy)), FewestTiles, MostTiles);
            Block = Math.Min(Block, DivideUp(Tiles, Chunks));
        }

        public readonly void Run(int task, int worker)
        {
            var first = (int)((long)Tiles * task / Chunks);
            var end = (int)((long)Tiles * (task + 1) / Chunks);
            var values = Scratch[worker];
            var border = values + ValuesLength;
            var sums = Sums + (task * Places * PlaceSums);
            Clear(sums, Places * PlaceSums);
            for (; first < end; first += Block)
            {
                var count = Math.Min(Block, end - first);
                Transform(first, 0, count, values, border);
                var call = Call(count);
                if (first + Block < end) Prefetch(&call, first + Block, Math.Min(Block, end - first - Block), count);
                for (var place = 0; place < Places; place++) Multiply(&call, place, values, sums, 0, Geometry.K / V.Count);
            }
        }

        /// <summary>Transforms the patches of x, and the tiles of dy, that are [from, to) of the block that starts at tile <paramref name="first"/>.</summary>
        public readonly void Transform(int first, int from, int to, float* values, float* border)
        {
            var g = Geometry;
            var perImage = tileRows * tileCols;
            var valuesOfDy = values + (Places * PlaceX);
            for (var t = from; t < to; t++)
            {
                var image = (first + t) / perImage;
                var row = (first + t) % perImage / tileCols * Tile;
                var column = (first + t) % tileCols * Tile;
                var imageX = X + ((long)image * g.H * g.W * g.C);
                var (top, left) = (row - g.PadTop, column - g.PadLeft);
                var source = imageX + ((((long)top * g.W) + left) * g.C);
                var rowStride = (long)g.W * g.C;
                if (top < 0 || left < 0 || top + Patch > g.H || left + Patch > g.W)
                {
                    CopyStrip(imageX, g.H, g.W, g.C, top, left, Patch, Patch, border);
                    source = border;
                    rowStride = (long)Patch * g.C;
                }

                Winograd4x4<V>.TransformPatch(source, rowStride, g.C, values + ((long)t * StrideX), PlaceX);

                var dy = Dy + (((((long)image * g.OutH) + row) * g.OutW) + column) * g.K;
                rowStride = (long)g.OutW * g.K;
                if (row + Tile > g.OutH || column + Tile > g.OutW)
                {
                    CopyStrip(Dy + ((long)image * g.OutH * g.OutW * g.K), g.OutH, g.OutW, g.K, row, column, Tile, Tile, border);
                    dy = border;
                    rowStride = (long)Tile * g.K;
                }

                Winograd4x4<V>.TransformGradient(dy, rowStride, g.K, valuesOfDy + ((long)t * StrideDy), PlaceDy);
            }
        }

        /// <summary>What the products of <paramref name="count"/> tiles have in common.</summary>
        public readonly OuterProductCall Call(int count)
            => new() { XStride = (nint)StrideX * sizeof(float), DyStride = (nint)StrideDy * sizeof(float), Segments = 1, Length = count };

        /// <summary>Has the products of a block prefetch what the next one transforms: about the same part of the images as of the tiles.</summary>
        readonly void Prefetch(OuterProductCall* call, int first, int count, int length)
        {
            var g = Geometry;
            var (lengthX, lengthDy) = ((long)g.N * g.H * g.W * g.C, (long)g.N * g.OutH * g.OutW * g.K);
            var steps = 0L;
            for (var left = g.K / V.Count; left > 0; left -= OuterProductTiles<V>.Vectors(left))
                steps += (long)Places * length * DivideUp(g.C, OuterProductTiles<V>.Rows(OuterProductTiles<V>.Vectors(left), g.C));
            call->NextX = new(X + (lengthX * first / Tiles), lengthX * count / Tiles, steps);
            call->NextDy = new(Dy + (lengthDy * first / Tiles), lengthDy * count / Tiles, steps);
        }

        /// <summary>Adds a block's products of a place to the sums of vectors [vector, end).</summary>
        public readonly void Multiply(OuterProductCall* call, int place, float* values, float* sums, int vector, int end)
        {
            nint offset = 0;
            call->Offsets = call->DyOffsets = &offset;
            var x = values + (place * PlaceX);
            var dy = values + (Places * PlaceX) + (place * PlaceDy);
            sums += place * PlaceSums;
            while (vector < end)
            {
                var vectors = OuterProductTiles<V>.Vectors(end - vector);
                var rows = OuterProductTiles<V>.Rows(vectors, Geometry.C);
                var tile = OuterProductTiles<V>.Tile(rows, vectors);
                var target = sums + ((long)vector * V.Count * SumRows);
                for (var row = 0; row < Geometry.C; row += rows) tile(call, x + row, dy + (vector * V.Count), target + ((long)row * vectors * V.Count));
                vector += vectors;
            }
        }

        /// <summary>Of the sums of all chunks, the gradients of input channels [first, end).</summary>
        public readonly void Finish(int first, int end)
        {
            var total = Geometry.K / V.Count;
            for (int vector = 0, vectors; vector < total; vector += vectors)
            {
                // The blocks that Multiply made: none reaches from one part of the output channels into the next.
                var partEnd = Math.Min(total, ((vector / SplitVectors) + 1) * SplitVectors);
                vectors = OuterProductTiles<V>.Vectors(partEnd - vector);
                var block = Sums + ((long)vector * V.Count * SumRows);
                for (var c = first; c < end; c++)
                {
                    for (var v = 0; v < vectors; v++)
                        FinishVector(block + ((((long)c * vectors) + v) * V.Count), Dw + (c * Layout.InStride) + ((vector + v) * V.Count * Layout.OutStride));
                }
            }
        }

        /// <summary>The nine gradients of an input channel and a vector of output channels, whose sums of place 0 and chunk 0 are at <paramref name="source"/>.</summary>
        [SkipLocalsInit]
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        readonly void FinishVector(float* source, float* target)
        {
            float* roomOfPlaces = stackalloc float[(Places * V.Count) + LineFloats], places = Aligned(roomOfPlaces);
            float* roomOfTaps = stackalloc float[(9 * V.Count) + LineFloats], taps = Aligned(roomOfTaps);
            for (var place = 0; place < Places; place++, source += PlaceSums)
            {
                var sum = V.Load(source);
                for (var chunk = 1; chunk < Chunks; chunk++) sum += V.Load(source + (chunk * Places * PlaceSums));
                V.Store(sum, places + (place * V.Count));
            }

            Winograd4x4<V>.FinishGradient(places, taps);
            for (var tap = 0; tap < 9; tap++, taps += V.Count, target += Layout.TapStride)
            {
                if (Layout.OutStride == 1) V.Store(V.Load(taps), target);
                else for (var lane = 0; lane < V.Count; lane++) target[lane * Layout.OutStride] = taps[lane];
            }
        }

        /// <summary>Vectors of output channels that a task of a place has at most, even in number.</summary>
        public readonly int SplitVectors => IsStaged ? 8 : Geometry.K / V.Count;
    }

    /// <summary>Transforms a block for all. Task: a few tiles.</summary>
    struct TransformStage : IWork
    {
        public GradientPass Pass;
        public int First;

        public readonly int Tasks => DivideUp(Math.Min(Pass.Block, Pass.Tiles - First), GradientPass.StageTiles);

        public readonly void Run(int task, int worker)
        {
            var from = task * GradientPass.StageTiles;
            var to = Math.Min(from + GradientPass.StageTiles, Math.Min(Pass.Block, Pass.Tiles - First));
            Pass.Transform(First, from, to, Pass.Sums + Pass.SumsLength, Pass.Scratch[worker]);
        }
    }

    /// <summary>Adds a block's products. Task: a place and some of the output channels.</summary>
    struct MultiplyStage : IWork
    {
        public GradientPass Pass;
        public int First;

        readonly int Parts => DivideUp(Pass.Geometry.K / V.Count, Pass.SplitVectors);

        public readonly int Tasks => Places * Parts;

        public readonly void Run(int task, int worker)
        {
            var (place, part) = Math.DivRem(task, Parts);
            var vector = part * Pass.SplitVectors;
            var end = Math.Min(vector + Pass.SplitVectors, Pass.Geometry.K / V.Count);
            if (First == 0)
            {
                var vectorLength = (long)V.Count * Pass.SumRows;
                Clear(Pass.Sums + (place * Pass.PlaceSums) + (vector * vectorLength), (end - vector) * vectorLength);
            }

            var call = Pass.Call(Math.Min(Pass.Block, Pass.Tiles - First));
            Pass.Multiply(&call, place, Pass.Sums + Pass.SumsLength, Pass.Sums, vector, end);
        }
    }

    /// <summary>Adds up the chunks and transforms their sums. Task: a few input channels.</summary>
    struct FinishStage : IWork
    {
        public const int Rows = 4;

        public GradientPass Pass;

        public readonly void Run(int task, int worker) => Pass.Finish(task * Rows, Math.Min((task + 1) * Rows, Pass.Geometry.C));
    }
}
