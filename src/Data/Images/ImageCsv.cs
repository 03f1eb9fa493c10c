using System.Globalization;

namespace CnnSharp.Data;

/// <summary>Images of a folder, with what a CSV file says of each. Every error names line and column.</summary>
static class ImageCsv
{
    enum Part
    {
        Train,
        Validation,
        Test,
    }

    /// <summary>Images with a class each.</summary>
    public static DatasetSplits Load(string csv, string folder, CsvColumns columns, ImageFolderOptions options)
    {
        var rows = new List<(string File, string Label, Part Part)>();
        using (var table = new CsvReader(csv))
        {
            var image = ColumnOf(table, columns.Image);
            var split = columns.Split is { } named ? table.Find(named) : -1;
            var label = columns.Label is { } known ? table.Find(known) : OnlyOther(csv, table, image, split);
            var wanted = options.Classes?.ToHashSet(StringComparer.Ordinal);
            foreach (var file in Files(table, csv, folder, image, options))
            {
                var name = table.Fields[label];
                if (name.Length == 0) throw table.Error(label, "is empty; expected the class of the image");
                if (wanted?.Contains(name) == false) throw table.Error(label, $"'{CsvReader.Cut(name)}' is none of the {wanted.Count:N0} classes that are wanted");
                rows.Add((file, name, split < 0 ? Part.Train : PartOf(table, split)));
            }
        }

        if (rows.Count == 0) throw new DataFormatException(csv, "names no images");
        var classes = options.Classes ?? [.. rows.Select(row => row.Label).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        if (classes.Count < 2) throw new DataFormatException(csv, $"has one class, '{classes[0]}'; a classifier needs at least two");
        var labels = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < classes.Count; i++) labels.TryAdd(classes[i], i);

        var budget = options.MemoryBudget;
        var first = rows.Exists(row => row.Part == Part.Train) ? Part.Train : rows.Exists(row => row.Part == Part.Test) ? Part.Test : Part.Validation;
        var set = LoadPart(first)!;
        set = set.With(options.Normalization ?? ImageFolder.Measure(set));
        return new(first == Part.Train ? set : set.Take(0), Other(Part.Test), folder) { Validation = Other(Part.Validation) };

        ImageDataset? Other(Part part) => part == first ? part == Part.Train ? null : set : LoadPart(part)?.With(set.Normalization);

        ImageDataset? LoadPart(Part part)
        {
            var own = rows.FindAll(row => row.Part == part);
            if (own.Count == 0) return null;
            if (part == Part.Train) own = [.. ImageFolder.Order(own.Count, options.SplitSeed).Select(i => own[i])];
            return new FolderImages([.. own.Select(row => row.File)], [.. own.Select(row => labels[row.Label])], options).ToSet(classes, ref budget);
        }
    }

    /// <summary>Images with numbers each, in the order of the file.</summary>
    public static IDataset LoadTargets(string csv, string folder, IReadOnlyList<string> targets, string? image, ImageFolderOptions options)
    {
        if (targets.Count == 0) throw new ArgumentException($"FromCsv of '{csv}': expected at least one column of targets.", nameof(targets));
        var (files, rows) = (new List<string>(), new Dictionary<string, float[]>(StringComparer.Ordinal));
        using (var table = new CsvReader(csv))
        {
            var column = ColumnOf(table, image);
            int[] wanted = [.. targets.Select(table.Find)];
            foreach (var file in Files(table, csv, folder, column, options))
            {
                files.Add(file);
                rows.Add(file, Array.ConvertAll(wanted, index => Number(table, index)));
            }
        }

        if (files.Count == 0) throw new DataFormatException(csv, "names no images");
        var budget = options.MemoryBudget;
        var images = new FolderImages([.. files], new int[files.Count], options).ToSet(["image"], ref budget);
        images = images.With(options.Normalization ?? ImageFolder.Measure(images));
        return new ImageTargets(Path.GetFileNameWithoutExtension(csv), images, [.. Enumerable.Range(0, images.Count).Select(i => rows[images.FileOf(i)!])], targets.Count);

        static float Number(CsvReader table, int index)
            => float.TryParse(table.Fields[index], NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && float.IsFinite(number) ? number : throw table.Error(index, $"expected a finite number (with a point for the fraction), got '{CsvReader.Cut(table.Fields[index])}'");
    }

    static int ColumnOf(CsvReader table, string? image) => image is null ? 0 : table.Find(image);

    static int OnlyOther(string csv, CsvReader table, int image, int split)
    {
        int[] others = [.. Enumerable.Range(0, table.Columns.Count).Where(column => column != image && column != split)];
        return others is [var only] ? only : throw new DataFormatException(csv, $"does not say which column has the class: its columns are {table.Listed()}; name it ({nameof(CsvColumns)}.{nameof(CsvColumns.Label)}; --label-columns IMAGE,CLASS)");
    }

    static Part PartOf(CsvReader table, int split)
    {
        var name = table.Fields[split];
        if (ImageFolder.TrainNames.Contains(name, StringComparer.OrdinalIgnoreCase)) return Part.Train;
        if (ImageFolder.ValidationNames.Contains(name, StringComparer.OrdinalIgnoreCase)) return Part.Validation;
        if (ImageFolder.TestNames.Contains(name, StringComparer.OrdinalIgnoreCase)) return Part.Test;
        throw table.Error(split, $"expected train, val or test, got '{CsvReader.Cut(name)}'");
    }

    /// <summary>The file of each record's image, while the table stands at that record. Those that are not there are errors, or left out where corrupt ones are.</summary>
    static IEnumerable<string> Files(CsvReader table, string csv, string folder, int image, ImageFolderOptions options)
    {
        if (!Directory.Exists(folder)) throw new DataFormatException(folder, "there is no such folder");
        if (Find(folder, table.Columns[image]) is not null) throw new DataFormatException(csv, $"its first line is no header: '{CsvReader.Cut(table.Columns[image])}' is an image in '{folder}'. Put a line of the columns' names before it, for instance file,class");
        var lines = new Dictionary<string, int>(StringComparer.Ordinal);
        while (table.Read())
        {
            var name = table.Fields[image];
            if (name.Length == 0) throw table.Error(image, "is empty; expected the file of an image");
            if (Find(folder, name) is not { } file)
            {
                var missing = table.Error(image, $"there is no image '{CsvReader.Cut(name)}' in '{folder}'");
                if (options.OnCorrupt is null) throw missing;
                options.OnCorrupt(missing);
                continue;
            }

            if (!lines.TryAdd(file, table.Line)) throw table.Error(image, $"'{CsvReader.Cut(name)}' is named on line {lines[file]:N0} already; expected each image once");
            yield return file;
        }
    }

    /// <summary>The file of a name, which may leave the ending out, as an identifier does.</summary>
    static string? Find(string folder, string name)
    {
        if (name.Contains('\0', StringComparison.Ordinal)) return null;
        var path = Path.Combine(folder, name);
        return File.Exists(path) ? path : ImageFile.Extensions.Select(ending => path + ending).FirstOrDefault(File.Exists);
    }

    /// <summary>Images with a row of numbers each.</summary>
    sealed class ImageTargets(string name, ImageDataset images, float[][] rows, int targets) : IDataset
    {
        public string Name => name;

        public int Count => images.Count;

        public IReadOnlyList<Field> Inputs { get; } = [new("image", new(images.Height, images.Width, images.Channels))];

        public IReadOnlyList<Field> Targets { get; } = [new("target", new(targets))];

        public void Read(int index, Sample sample)
        {
            // Where an image is stood in for, so are its targets.
            images.Read(ref index, sample.Input());
            rows[index].CopyTo(sample.Target());
        }
    }
}
