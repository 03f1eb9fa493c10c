using System.Text;

namespace CnnSharp.Data;

/// <summary>
/// Reads a table of text (RFC 4180), record by record: UTF-8, a header line of column names, fields separated by what first separates those of the header: a comma, a semicolon or a tab.
/// A field in quotes may hold separators, line ends and, doubled, quotes; of others spaces around them are left out. Empty lines are passed over. No more is held in memory than a record.
/// </summary>
sealed class CsvReader : IDisposable
{
    /// <summary>The most characters of a field.</summary>
    public const int MostCharacters = 1 << 16;

    /// <summary>The most fields of a record.</summary>
    public const int MostFields = 1 << 14;

    /// <summary>The most characters of a record.</summary>
    public const int MostOfARecord = 1 << 20;

    const int End = -1;
    const char Quote = '"';
    static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    readonly string path;
    readonly TextReader text;
    readonly StringBuilder field = new();
    readonly List<string> fields = [];
    readonly List<(int Line, int Column)> places = [];

    /// <summary>0 until the header has shown it.</summary>
    char separator;
    int line = 1;
    int column = 1;
    int next;
    int length;
    bool isQuoted;

    /// <summary>Opens a file and reads its header.</summary>
    /// <exception cref="DataFormatException">It has none, or it is no table of text.</exception>
    /// <exception cref="IOException">It cannot be opened.</exception>
    public CsvReader(string path)
        : this(path, new StreamReader(path, Utf8))
    {
    }

    /// <summary>Reads from a text and its header first.</summary>
    public CsvReader(string path, TextReader text)
    {
        (this.path, this.text) = (path, text);
        try
        {
            next = Take();
            Columns = Header();
        }
        catch
        {
            text.Dispose();
            throw;
        }
    }

    /// <summary>The names of the columns, each once.</summary>
    public IReadOnlyList<string> Columns { get; }

    /// <summary>The fields of the record that was read last, as many as there are columns.</summary>
    public IReadOnlyList<string> Fields => fields;

    /// <summary>The line on which that record begins, from 1.</summary>
    public int Line => places.Count > 0 ? places[0].Line : line;

    /// <summary>Which column has a name.</summary>
    /// <exception cref="DataFormatException">None has.</exception>
    public int Find(string name)
    {
        for (var i = 0; i < Columns.Count; i++)
        {
            if (Columns[i] == name) return i;
        }

        throw new DataFormatException(path, $"has no column '{Cut(name)}'; its columns are {Listed()}");
    }

    /// <summary>The columns, for messages.</summary>
    public string Listed() => string.Join(", ", Columns.Take(12).Select(name => $"'{Cut(name)}'")) + (Columns.Count > 12 ? $" and {Columns.Count - 12:N0} more" : "");

    /// <summary>Reads the next record; false at the end.</summary>
    /// <exception cref="DataFormatException">It is not sound, or has other than as many fields as there are columns.</exception>
    public bool Read()
    {
        if (!ReadRecord()) return false;
        return fields.Count == Columns.Count ? true : throw Error(places[^1].Line, places[^1].Column, $"the record from line {Line:N0} on has {Count(fields.Count)}, the header {Count(Columns.Count)}");

        static string Count(int fields) => fields == 1 ? "1 field" : $"{fields:N0} fields";
    }

    /// <summary>An error about a field of the record that was read last.</summary>
    /// <param name="index">Which column.</param>
    /// <param name="problem">What is wrong, as a clause.</param>
    public DataFormatException Error(int index, string problem) => Error(places[index].Line, places[index].Column, $"column '{Cut(Columns[index])}': {problem}");

    /// <inheritdoc/>
    public void Dispose() => text.Dispose();

    /// <summary>Text out of a file, for a message.</summary>
    internal static string Cut(string text) => text.Length <= 80 ? text : $"{text[..80]}...";

    string[] Header()
    {
        if (!ReadRecord()) throw new DataFormatException(path, "is empty; expected a header line with the names of the columns");
        var names = fields.ToArray();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < names.Length; i++)
        {
            if (names[i].Length == 0) throw Error(places[i].Line, places[i].Column, $"column {i + 1:N0} has no name");
            if (!seen.Add(names[i])) throw Error(places[i].Line, places[i].Column, $"two columns are called '{Cut(names[i])}'");
        }

        return names;
    }

    bool ReadRecord()
    {
        fields.Clear();
        places.Clear();
        length = 0;
        while (next is '\r' or '\n') EndLine();
        if (next == End) return false;
        while (true)
        {
            var isLast = ReadField();
            if (fields.Count > MostFields) throw Error(line, column, $"the record from line {Line:N0} on has more than {MostFields:N0} fields");
            if (!isLast) continue;

            // A line of spaces alone is empty.
            if (isQuoted || fields is not [""]) return true;
            fields.Clear();
            places.Clear();
            while (next is '\r' or '\n') EndLine();
            if (next == End) return false;
        }
    }

    /// <summary>Reads a field and what ends it; true where that is the line or the file.</summary>
    bool ReadField()
    {
        field.Clear();
        SkipSpaces();
        places.Add((line, column));
        isQuoted = next == Quote;
        if (isQuoted) ReadQuoted();
        else ReadPlain();
        fields.Add(field.ToString());
        if (next is '\r' or '\n')
        {
            EndLine();
            return true;
        }

        if (next == End) return true;
        Advance();
        return false;
    }

    void ReadQuoted()
    {
        var (startLine, startColumn) = (line, column);
        Advance();
        while (true)
        {
            if (next == End) throw Error(startLine, startColumn, "the quote that begins here does not end");
            if (next == Quote)
            {
                Advance();
                if (next != Quote) break;
            }

            Append(startLine, startColumn);
        }

        SkipSpaces();
        if (!EndsField(next)) throw Error(line, column, $"'{(char)next}' stands after a closing quote; expected {(separator == '\0' ? "a separator" : $"'{separator}'")} or the end of the line (a quote within quotes is doubled)");
    }

    void ReadPlain()
    {
        var (startLine, startColumn) = (line, column);
        while (!EndsField(next)) Append(startLine, startColumn);
        while (field.Length > 0 && field[^1] is ' ' or '\t') field.Length--;
    }

    void SkipSpaces()
    {
        while (next == ' ' || (next == '\t' && separator is not ('\t' or '\0'))) Advance();
    }

    /// <summary>Whether a character ends a field. The first that may separate fields, outside of quotes, is what separates them from then on.</summary>
    bool EndsField(int character)
    {
        if (character is End or '\r' or '\n') return true;
        if (separator == '\0' && character is ',' or ';' or '\t') separator = (char)character;
        return character == separator;
    }

    void Append(int startLine, int startColumn)
    {
        if (next == '\0') throw Error(line, column, "a character of value 0: this is no text");
        if (field.Length == MostCharacters) throw Error(startLine, startColumn, $"the field that begins here has more than {MostCharacters:N0} characters");
        if (++length > MostOfARecord) throw Error(line, column, $"the record from line {Line:N0} on has more than {MostOfARecord:N0} characters");
        field.Append((char)next);

        // Within quotes a line may end; CR and LF are one end.
        var isEnd = next == '\n' || (next == '\r' && text.Peek() != '\n');
        Advance();
        if (isEnd) (line, column) = (line + 1, 1);
    }

    void EndLine()
    {
        var isReturn = next == '\r';
        next = Take();
        if (isReturn && next == '\n') next = Take();
        (line, column) = (line + 1, 1);
    }

    void Advance()
    {
        next = Take();
        column++;
    }

    int Take()
    {
        try
        {
            return text.Read();
        }
        catch (DecoderFallbackException e)
        {
            throw new DataFormatException(path, $"is no text in UTF-8 (after line {line:N0}, column {column:N0}); save it as UTF-8", inner: e);
        }
    }

    DataFormatException Error(int line, int column, string problem) => new(path, $"line {line:N0}, column {column:N0}: {problem}");
}
