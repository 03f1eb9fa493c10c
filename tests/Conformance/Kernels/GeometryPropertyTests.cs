using CnnSharp.Verification;
using CnnSharp.Kernels;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>Convolutions and poolings of random geometry: forward and gradients of each engine against the double-precision reference.</summary>
[Collection(DeviceTests.Name)]
public sealed class GeometryPropertyTests
{
    [Theory]
    [MemberData(nameof(Devices.All), MemberType = typeof(Devices))]
    public void Convolution(string name)
    {
        var device = Devices.Open(name);
        Check(300, from c in Common
                   from groups in Gen.Elements(1, 1, 1, 2, 3)
                   from perGroup in Gen.Elements(1, 2, 5, 8, 16, 17)
                   from outPerGroup in Gen.Elements(1, 2, 4, 8, 16, 17, 33)
                   from bias in Gen.Elements(true, false)
                   where c.H + c.Top + c.Bottom > (c.KernelH - 1) * c.DilationH && c.W + c.Left + c.Right > (c.KernelW - 1) * c.DilationW
                   select Case("conv2d", $$"""{{c.Options[..^1]}},"groups":{{groups}}}""", [c.N, c.H, c.W, groups * perGroup], [c.KernelH, c.KernelW, perGroup, groups * outPerGroup], bias ? groups * outPerGroup : 0), device);
    }

    [Theory]
    [MemberData(nameof(Devices.All), MemberType = typeof(Devices))]
    public void TransposedConvolution(string name)
    {
        var device = Devices.Open(name);
        Check(200, from c in Common
                   from groups in Gen.Elements(1, 1, 2)
                   from perGroup in Gen.Elements(1, 2, 8, 17)
                   from outPerGroup in Gen.Elements(1, 3, 8, 16)
                   from bias in Gen.Elements(true, false)
                   where ((c.H - 1) * c.StrideH) + ((c.KernelH - 1) * c.DilationH) + 1 > c.Top + c.Bottom && ((c.W - 1) * c.StrideW) + ((c.KernelW - 1) * c.DilationW) + 1 > c.Left + c.Right
                   select Case("conv_transpose2d", $$"""{{c.Options[..^1]}},"groups":{{groups}}}""", [c.N, c.H, c.W, groups * perGroup], [c.KernelH, c.KernelW, perGroup, groups * outPerGroup], bias ? groups * outPerGroup : 0), device);
    }

    [Theory]
    [MemberData(nameof(Devices.All), MemberType = typeof(Devices))]
    public void Pooling(string name)
    {
        var device = Devices.Open(name);
        Check(300, from c in Common
                   from operation in Gen.Elements("max_pool2d", "avg_pool2d")
                   from channels in Gen.Elements(1, 3, 16, 17, 33)
                   from ceil in Gen.Elements("true", "false")
                   from counted in Gen.Elements("true", "false")
                   where c.Top < c.KernelH && c.Bottom < c.KernelH && c.Left < c.KernelW && c.Right < c.KernelW && c.H + c.Top + c.Bottom >= c.KernelH && c.W + c.Left + c.Right >= c.KernelW

                         // What PyTorch asks for, and what keeps every window on the image.
                         && Math.Max(c.Top, c.Bottom) * 2 <= c.KernelH && Math.Max(c.Left, c.Right) * 2 <= c.KernelW
                   select (OperationRegistry.Find(operation)!, new Sample($$"""{"stride":[{{c.StrideH}},{{c.StrideW}}],"padding":[{{c.Top}},{{c.Bottom}},{{c.Left}},{{c.Right}}],"kernel":[{{c.KernelH}},{{c.KernelW}}],"ceil_mode":{{ceil}},"count_include_pad":{{counted}}}""", new SampleInput("x", [c.N, c.H, c.W, channels], Values.Distinct))), device);
    }

    static Gen<Spatial> Common =>
        from n in Gen.Choose(1, 3)
        from h in Gen.Choose(1, 12)
        from w in Gen.Choose(1, 12)
        from kernelH in Gen.Elements(1, 2, 3, 3, 4, 5)
        from kernelW in Gen.Elements(1, 2, 3, 3, 4, 5)
        from strideH in Gen.Elements(1, 1, 2, 3)
        from strideW in Gen.Elements(1, 1, 2, 3)
        from dilationH in Gen.Elements(1, 1, 1, 2)
        from dilationW in Gen.Elements(1, 1, 1, 2)
        from sides in Gen.Choose(0, 2).ArrayOf(4)
        select new Spatial(n, h, w, kernelH, kernelW, strideH, strideW, dilationH, dilationW, sides[0], sides[1], sides[2], sides[3]);

    static (OperationRow Row, Sample Sample) Case(string operation, string attributes, int[] x, int[] w, int bias)
    {
        List<SampleInput> inputs = [new("x", x), new("w", w)];
        if (bias > 0) inputs.Add(new("b", [bias]));
        return (OperationRegistry.Find(operation)!, new(attributes, [.. inputs]));
    }

    static void Check(int count, Gen<(OperationRow Row, Sample Sample)> cases, Device device)
    {
        var reference = Devices.Open("reference-f64");
        var seed = 0;
        Prop.ForAll(cases.ToArbitrary(), drawn =>
        {
            var (row, sample) = drawn;
            var inputs = sample.Generate(++seed);
            var attributes = new Attributes(sample.Attributes);
            var expected = row.Evaluate(reference, inputs, attributes, shape => Sample.Upstream(shape, seed));
            var actual = row.Evaluate(device, inputs, attributes, shape => Sample.Upstream(shape, seed));
            foreach (var ((what, a), (_, b)) in expected.Named().Zip(actual.Named()))
            {
                if (Comparison.Difference(what, a, b, Tolerance.Of(row, device)) is { } difference)
                    Assert.Fail($"{row.Name} {sample.Attributes} {string.Join(" ", sample.Inputs.Select(input => $"{input.Name} [{string.Join(", ", input.Shape)}]"))}: {difference}");
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(count).WithReplay(2024, 11));
    }

    sealed record Spatial(int N, int H, int W, int KernelH, int KernelW, int StrideH, int StrideW, int DilationH, int DilationW, int Top, int Bottom, int Left, int Right)
    {
        public string Options => $$"""{"stride":[{{StrideH}},{{StrideW}}],"dilation":[{{DilationH}},{{DilationW}}],"padding":[{{Top}},{{Bottom}},{{Left}},{{Right}}]}""";
    }
}
