#!/usr/bin/env python3
"""Writes KernelLoaders.cs: the same few lines for each number of kernel arguments, 1 to 14.

Usage: python3 generate.py > KernelLoaders.cs
"""

MOST = 14

HEAD = """\
// Written by generate.py: do not edit.
using ILGPU.Runtime.CPU;

namespace ILGPU.Runtime;

/// <summary>Makes launchers of kernels: with explicit groups, or on a range of indices.</summary>
public static class KernelLoaders
{"""


def members(numbers):
    types = ", ".join(f"T{i}" for i in numbers)
    where = "\n".join(f"        where T{i} : struct" for i in numbers)
    return types, where


def loaders(numbers):
    types, where = members(numbers)
    yield f"""\
    public static Action<KernelConfig, {types}> LoadStreamKernel<{types}>(this Accelerator accelerator, Action<{types}> action)
{where}
        => new GroupedKernel<{types}>(accelerator, action).Launch;

    public static Action<AcceleratorStream, KernelConfig, {types}> LoadKernel<{types}>(this Accelerator accelerator, Action<{types}> action)
{where}
        => new GroupedKernel<{types}>(accelerator, action).Launch;

    public static Action<TIndex, {types}> LoadAutoGroupedStreamKernel<TIndex, {types}>(this Accelerator accelerator, Action<TIndex, {types}> action)
        where TIndex : struct, IIndex
{where}
        => new IndexedKernel<TIndex, {types}>(accelerator, action).Launch;

    public static Action<AcceleratorStream, TIndex, {types}> LoadAutoGroupedKernel<TIndex, {types}>(this Accelerator accelerator, Action<TIndex, {types}> action)
        where TIndex : struct, IIndex
{where}
        => new IndexedKernel<TIndex, {types}>(accelerator, action).Launch;"""


def kernels(numbers):
    types, where = members(numbers)
    where = where.replace("        where", "    where")
    fields = "\n".join(f"    T{i} field{i};" for i in numbers)
    stores = "\n".join(f"            field{i} = argument{i};" for i in numbers)
    parameters = ", ".join(f"T{i} argument{i}" for i in numbers)
    arguments = ", ".join(f"argument{i}" for i in numbers)
    loads = ", ".join(f"field{i}" for i in numbers)
    yield f"""\

file sealed class GroupedKernel<{types}>(Accelerator accelerator, Action<{types}> action) : GroupedKernel(accelerator, action)
{where}
{{
{fields}

    public override void Invoke() => action({loads});

    public void Launch(AcceleratorStream stream, KernelConfig config, {parameters}) => Launch(config, {arguments});

    public void Launch(KernelConfig config, {parameters})
    {{
        lock (Accelerator)
        {{
{stores}
            Launch(config);
        }}
    }}
}}

file sealed class IndexedKernel<TIndex, {types}>(Accelerator accelerator, Action<TIndex, {types}> action) : IndexedKernel(accelerator, action, typeof(TIndex))
    where TIndex : struct, IIndex
{where}
{{
{fields}

    public override void Invoke(Lane lane, long begin, long end)
    {{
        for (long position = begin; position < end; position++)
            action(At<TIndex>(lane, position), {loads});
    }}

    public void Launch(AcceleratorStream stream, TIndex extent, {parameters}) => Launch(extent, {arguments});

    public void Launch(TIndex extent, {parameters})
    {{
        lock (Accelerator)
        {{
{stores}
            Launch(extent);
        }}
    }}
}}"""


def main():
    print(HEAD)
    for n in range(1, MOST + 1):
        if n > 1:
            print()
        print(*loaders(range(1, n + 1)), sep="\n")
    print("}")
    for n in range(1, MOST + 1):
        print(*kernels(range(1, n + 1)), sep="\n")


if __name__ == "__main__":
    main()
