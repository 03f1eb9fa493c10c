#!/usr/bin/env bash
# Packs the tool, the test suite and all else that bench/gpu/run.sh needs on a machine without SDK and network into one archive, and says how large it is.
#
#     bench/gpu/publish.sh [FILE.tar.xz]      # default: artifacts/cnnsharp-linux-x64.tar.xz
#
# There: tar xf FILE.tar.xz && cnnsharp-linux-x64/bench/gpu/run.sh
# The tool is published whole, with its runtime: ILGPU finds kernels by reflection, which trimming would break. Needs the
# .NET 10 SDK and xz.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
archive=${1:-$root/artifacts/cnnsharp-linux-x64.tar.xz}
name=cnnsharp-linux-x64

staging=$(mktemp -d)
trap 'rm -rf "$staging"' EXIT
mkdir -p "$staging/$name/bench" "$(dirname "$archive")"

# The suite goes into the same folder: they share the runtime.
for project in tests/Conformance src/Cli; do
    dotnet publish "$root/$project" --configuration Release --runtime linux-x64 --self-contained --nologo --verbosity quiet \
        -p:UseAppHost=true -p:PublishTrimmed=false -p:DebugType=none -p:GenerateDocumentationFile=false \
        --output "$staging/$name/cnnsharp"
done
rm -rf "$staging/$name/cnnsharp/Microsoft.CodeCoverage"
cp -r "$root/bench/gpu" "$root/bench/peers" "$staging/$name/bench"
find "$staging" -name __pycache__ -prune -exec rm -rf {} +

tar --directory "$staging" --sort=name --owner=0 --group=0 --create "$name" | xz --threads=0 -9 > "$archive.partial"
mv "$archive.partial" "$archive"
echo "$archive: $(du -m "$archive" | cut -f1) MiB, unpacked $(du -sm "$staging/$name" | cut -f1) MiB"
