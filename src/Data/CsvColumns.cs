namespace CnnSharp.Data;

/// <summary>Which columns of a CSV file say what of an image. The file is UTF-8, with a header line of names; fields are separated by commas, semicolons or tabs, and quoted where they hold such (RFC 4180).</summary>
public sealed record CsvColumns
{
    /// <summary>The column of the images' files, below the folder; an ending such as <c>.jpg</c> may be left out. Default null: the first.</summary>
    public string? Image { get; init; }

    /// <summary>The column of their classes, by name. Default null: the only one beside <see cref="Image"/> and <see cref="Split"/>.</summary>
    public string? Label { get; init; }

    /// <summary>A column that says whether an image is to train on (<c>train</c>, <c>training</c>), to validate (<c>val</c>, <c>valid</c>, <c>validation</c>, <c>dev</c>, <c>eval</c>, <c>evaluation</c>) or to test (<c>test</c>, <c>testing</c>). Default null: all are to train on.</summary>
    public string? Split { get; init; }
}
