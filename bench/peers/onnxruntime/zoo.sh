#!/usr/bin/env bash
# Every model of the zoo, with random weights: exported, run by ONNX Runtime (compare.mjs) and imported again (onnx test).
# Usage: zoo.sh [MODEL...]. Needs node, 1 GB of disk, and once: npm install --ignore-scripts (the CPU build is in the package).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tool=(dotnet run -c Release --no-build --project "$here/../../../src/Cli" --)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
models=("$@")
if [ ${#models[@]} -eq 0 ]; then
    mapfile -t models < <("${tool[@]}" models --json | tail -1 | node -e 'for (const m of JSON.parse(require("fs").readFileSync(0)).models) console.log(m.model)')
fi

status=0
for model in "${models[@]}"; do
    mkdir "$work/$model"
    "${tool[@]}" export --model "$model" --out "$work/$model/model.onnx" --case >/dev/null || status=1
    node "$here/compare.mjs" "$work/$model" || status=1
    "${tool[@]}" onnx test "$work/$model" --device cpu | grep FAILED && status=1
    rm -r "${work:?}/$model"
done
exit $status
