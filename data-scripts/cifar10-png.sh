#!/usr/bin/env bash
# Turns CIFAR-10 into a folder of PNG class folders, and such a folder into CIFAR-10's binary files, the same bytes again:
#   data-scripts/cifar10-png.sh export [CIFAR10 [PNG]]     default: data/cifar10 data/cifar10-png
#   data-scripts/cifar10-png.sh pack [PNG [CIFAR10]]       default: data/cifar10-png data/cifar10-packed
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
cnnsharp() {
    if command -v cnnsharp >/dev/null; then command cnnsharp "$@"; else dotnet run -c Release --project "$root/src/Cli" -- "$@"; fi
}

case "${1:-}" in
    export) cnnsharp images export --dataset cifar10 --data "${2:-data/cifar10}" --out "${3:-data/cifar10-png}" ;;
    pack) cnnsharp images pack --data "${2:-data/cifar10-png}" --out "${3:-data/cifar10-packed}" ;;
    *)
        echo "usage: $0 export [CIFAR10 [PNG]] | pack [PNG [CIFAR10]]" >&2
        exit 2
        ;;
esac
