using CnnSharp.Kernels;

namespace CnnSharp.Formats.Onnx;

/// <summary>
/// A constant that nodes read as a weight: one parameter, whatever orders of axes they read it in. Read in one order, it is kept
/// in that one; read in several, in the file's, and brought into theirs where it is read, so that all their gradients meet in it.
/// </summary>
internal sealed class OnnxWeight
{
    /// <summary>The file's own order of axes.</summary>
    public const string Plain = "plain";

    readonly Dictionary<string, Form> forms = new(StringComparer.Ordinal);
    Tensor? parameter;
    bool isTrained;

    /// <summary>Whether somebody reads it in an order.</summary>
    public bool Has(string packing) => forms.ContainsKey(packing);

    /// <summary>Notes that a node reads it in an order of axes, and gives what it is to read it with, once it is created.</summary>
    /// <param name="packing">What the order is called.</param>
    /// <param name="pack">From the file's order to it.</param>
    /// <param name="trained">Whether the node trains it.</param>
    public Func<Tensor> In(string packing, Func<Tensor, Tensor> pack, bool trained)
    {
        isTrained |= trained;
        if (!forms.TryGetValue(packing, out var form)) forms.Add(packing, form = new(packing == Plain ? static x => x : pack));
        return () => Read(form);
    }

    /// <summary>Makes the parameter, when all its readers are known.</summary>
    public Tensor Create(OnnxTensor constant, Device device)
    {
        using (Tape.NoGrad())
        {
            var source = constant.ToTensor(device);
            parameter = forms.Count == 1 ? forms.Values.Single().Pack(source).Keep() : source;
            if (parameter != source) source.Dispose();
            parameter.RequiresGrad = isTrained;
            return parameter;
        }
    }

    Tensor Read(Form form)
    {
        if (forms.Count == 1) return parameter!;
        if (Tape.IsRecording) return form.Pack(parameter!);

        // Without recording the orders are kept as long as the parameter has the same memory with the same contents.
        var data = parameter!.Data;
        if (form.Source != data || form.Version != data.Version)
        {
            form.Renew(parameter);
            (form.Source, form.Version) = (data, data.Version);
        }

        return form.Kept!;
    }

    sealed class Form(Func<Tensor, Tensor> pack)
    {
        public Func<Tensor, Tensor> Pack => pack;

        public Tensor? Kept { get; private set; }

        /// <summary>The memory that <see cref="Kept"/> was made from.</summary>
        public DeviceBuffer? Source { get; set; }

        /// <summary>The version of its contents.</summary>
        public long Version { get; set; }

        public void Renew(Tensor parameter)
        {
            if (Kept != parameter) Kept?.Dispose();
            Kept = pack(parameter).Keep();
        }
    }
}
