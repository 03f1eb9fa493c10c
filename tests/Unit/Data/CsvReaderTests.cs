using System.Text;
using CnnSharp.Data;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>Tables of text: what is written is read, what is wrong is named with line and column, and nothing makes the reader take memory without bound.</summary>
public sealed class CsvReaderTests
{
    static List<string[]> Rows(string text)
    {
        using var table = new CsvReader("t.csv", new StringReader(text));
        var rows = new List<string[]> { table.Columns.ToArray() };
        while (table.Read()) rows.Add([.. table.Fields]);
        return rows;
    }

    static string Refused(string text) => Assert.Throws<DataFormatException>(() => Rows(text)).Message;

    [Theory]
    [InlineData("a,b\n1,2\n", "a|b/1|2")]
    [InlineData("a,b\r\n1,2\r\n\r\n3,4", "a|b/1|2/3|4")]
    [InlineData("a;b\r1,5;2\r", "a|b/1,5|2")]
    [InlineData("a\tb\n1\t\n\t2\n", "a|b/1|/|2")]
    [InlineData("\"a,b\";c\n1;2", "a,b|c/1|2")]
    [InlineData("a, b \n \"x \"\"y\"\"\" ,\"two\nlines\"\n", "a|b/x \"y\"|two\nlines")]
    [InlineData("a,b\n,\n", "a|b/|")]
    [InlineData("a\n\n  \nx\n", "a/x")]
    [InlineData("a,b\n3.5\",ü\n", "a|b/3.5\"|ü")]
    public void TablesAreRead(string text, string expected) => Assert.Equal(expected, string.Join('/', Rows(text).Select(row => string.Join('|', row))));

    [Theory]
    [InlineData("", "t.csv: is empty; expected a header line")]
    [InlineData("\n\n", "is empty; expected a header line")]
    [InlineData("a,b\n1\n", "line 2, column 1: the record from line 2 on has 1 field, the header 2 fields")]
    [InlineData("a,b\n1,2\n3,4,5\n", "line 3, column 5: the record from line 3 on has 3 fields")]
    [InlineData("a,b\n1,\"x\n\n", "line 2, column 3: the quote that begins here does not end")]
    [InlineData("a,b\n\"x\ny\" z,2\n", "line 3, column 4: 'z' stands after a closing quote; expected ','")]
    [InlineData("a,a\n", "line 1, column 3: two columns are called 'a'")]
    [InlineData("a,\n", "line 1, column 3: column 2 has no name")]
    [InlineData("a,b\n1,x\0y\n", "line 2, column 4: a character of value 0")]
    public void WhatIsWrongIsNamedWithItsPlace(string text, string problem) => Assert.Contains(problem, Refused(text), StringComparison.Ordinal);

    [Fact]
    public void BytesThatAreNoTextAreRefused()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("latin.csv"), [.. "a,b\n1,"u8, 0xFC, .. "x\n"u8]);
        var error = Assert.Throws<DataFormatException>(() =>
        {
            using var table = new CsvReader(folder.File("latin.csv"));
            table.Read();
        });
        Assert.Contains("is no text in UTF-8", error.Message, StringComparison.Ordinal);
        File.WriteAllBytes(folder.File("marked.csv"), [0xEF, 0xBB, 0xBF, .. "a,b\n"u8]);
        using var marked = new CsvReader(folder.File("marked.csv"));
        Assert.Equal(["a", "b"], marked.Columns);
    }

    /// <summary>Any fields, quoted as RFC 4180 has it, come back.</summary>
    [Fact]
    public void WhatIsWrittenIsRead()
    {
        var text = Gen.Elements('a', 'é', ' ', ',', ';', '\t', '"', '\n', '\r', '\'', 'ß', '0').ArrayOf().Select(letters => new string(letters));
        var tables = from width in Gen.Choose(1, 4) from rows in text.ArrayOf(width).ArrayOf() from separator in Gen.Elements(',', ';', '\t') from end in Gen.Elements("\n", "\r\n", "\r") select (width, rows, separator, end);
        Prop.ForAll(tables.ToArbitrary(), table =>
        {
            var (width, rows, separator, end) = table;
            var written = new StringBuilder();
            foreach (var row in rows.Prepend([.. Enumerable.Range(0, width).Select(i => $"column {i}")])) written.AppendJoin(separator, row.Select(Written)).Append(end);
            Assert.Equal(rows, width == 1 ? RowsOfOne(written.ToString()) : Rows(written.ToString()).Skip(1));
        }).QuickCheckThrowOnFailure();

        // With one column nothing separates.
        static IEnumerable<string[]> RowsOfOne(string text) => Rows(text).Skip(1);

        static string Written(string field) => $"\"{field.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
    }

    /// <summary>Whatever stands in a file, the reader ends, and complains in no other way than by a place in it.</summary>
    [Fact]
    public void NoTextMakesItFail()
    {
        var letters = Gen.Elements('a', ',', ';', '\t', '"', '\n', '\r', ' ', '\0', '\uD800', 'é');
        Prop.ForAll(letters.ArrayOf().Select(text => new string(text)).ToArbitrary(), text =>
        {
            try
            {
                Assert.All(Rows(text), row => Assert.Equal(Rows(text)[0].Length, row.Length));
            }
            catch (DataFormatException e)
            {
                Assert.StartsWith("t.csv: ", e.Message, StringComparison.Ordinal);
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
    }

    /// <summary>A text without end is refused after as much as a field, or a record, may hold.</summary>
    [Theory]
    [InlineData("a,b\n", "x", "has more than 65,536 characters")]
    [InlineData("a,b\n\"", "x\n", "has more than 65,536 characters")]
    [InlineData("a,b\n", ",", "has more than 16,384 fields")]
    [InlineData("", ",", "has more than 16,384 fields")]
    [InlineData("a,b\n", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx,", "has more than 1,048,576 characters")]
    public void EndlessTextsAreRefused(string start, string rest, string problem)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains(problem, Assert.Throws<DataFormatException>(() =>
        {
            using var table = new CsvReader("t.csv", new Endless(start, rest));
            table.Read();
        }).Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 16 << 20);
    }

    sealed class Endless(string start, string rest) : TextReader
    {
        int at;

        public override int Peek() => at < start.Length ? start[at] : rest[(at - start.Length) % rest.Length];

        public override int Read()
        {
            var next = Peek();
            if (++at == start.Length + (rest.Length * 1_000_000)) at = start.Length;
            return next;
        }
    }
}
