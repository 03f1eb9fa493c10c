namespace CnnSharp.Kernels;

/// <summary>
/// A pool's large blocks that are free. The smallest one that is large enough is taken, of equal ones the one returned last, and cut if it
/// is larger; pieces that lie side by side grow together again.
/// </summary>
sealed class FreePieces
{
    /// <summary>
    /// Bytes added to each block, so that the same places of two of them that lie side by side do not share the sets of a cache: a page and a
    /// little, in whole units of what accelerators align memory to.
    /// </summary>
    public const long Apart = 4096 + 256;

    const long Least = 128 << 10;

    // What is much smaller and lives long, a moment of an optimizer, must not break up what a large result needs at the next step.
    const int MostParts = 8;

    // By size, ascending.
    readonly List<Piece> pieces = [];

    /// <summary>Whether a block of so many bytes is cut and joined; smaller ones are reused as they are.</summary>
    public static bool IsLarge(long bytes) => bytes >= Least;

    /// <summary>Takes a block of at least <paramref name="size"/> bytes, if there is one that is not far larger.</summary>
    public MemoryBlock? TryTake(long size)
    {
        var place = PlaceOf(size);
        if (place == pieces.Count || pieces[place].Length / MostParts > size) return null;
        var piece = pieces[place];
        pieces.RemoveAt(place);
        piece.IsFree = false;
        var rest = piece.Length - size;
        if (!IsLarge(rest)) return piece.Block;
        var after = new Piece(piece.Whole, piece.Start + size, rest) { Before = piece, After = piece.After };
        if (piece.After is not null) piece.After.Before = after;
        piece.After = after;
        piece.Length = size;
        Insert(after);
        return piece.Block;
    }

    /// <summary>Takes a block back.</summary>
    public void Add(MemoryBlock block)
    {
        var piece = block.Piece ??= new(block, 0, block.Capacity);
        if (piece.After is { IsFree: true } after)
        {
            pieces.Remove(after);
            Join(piece, after);
        }

        if (piece.Before is { IsFree: true } before)
        {
            pieces.Remove(before);
            Join(before, piece);
            piece = before;
        }

        Insert(piece);

        static void Join(Piece piece, Piece after)
        {
            piece.After = after.After;
            if (after.After is not null) after.After.Before = piece;
            piece.Length += after.Length;
        }
    }

    /// <summary>Takes a block that nothing in use was cut from, as the system gave it; null: there is none.</summary>
    public MemoryBlock? TryTakeWhole()
    {
        var place = pieces.FindIndex(piece => piece is { Before: null, After: null });
        if (place < 0) return null;
        var piece = pieces[place];
        pieces.RemoveAt(place);
        return piece.Whole;
    }

    void Insert(Piece piece)
    {
        piece.IsFree = true;
        pieces.Insert(PlaceOf(piece.Length), piece);
    }

    /// <summary>The place of the first piece of so many bytes or more.</summary>
    int PlaceOf(long size)
    {
        var (low, high) = (0, pieces.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (pieces[middle].Length < size) low = middle + 1;
            else high = middle;
        }

        return low;
    }

    /// <summary>A part of a block that the system gave.</summary>
    /// <param name="whole">That block.</param>
    /// <param name="start">Where the part begins.</param>
    /// <param name="length">Its bytes.</param>
    internal sealed class Piece(MemoryBlock whole, long start, long length)
    {
        MemoryBlock? block;

        public MemoryBlock Whole => whole;

        public long Start => start;

        public long Length { get; set; } = length;

        public bool IsFree { get; set; }

        /// <summary>The parts beside this one.</summary>
        public Piece? Before { get; set; }

        /// <inheritdoc cref="Before"/>
        public Piece? After { get; set; }

        /// <summary>What is rented: made when it is asked for, and again once the piece was cut or joined.</summary>
        public MemoryBlock Block
        {
            get
            {
                if (block?.Capacity == Length) return block;
                block = Length == whole.Capacity ? whole : whole.Part(start, Length);
                block.Piece = this;
                return block;
            }
        }
    }
}
