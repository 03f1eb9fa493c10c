#!/usr/bin/env python3
"""CIFAR-10 as 50,000 PNG files in class folders against its binary files: images/s of the same training, by turns.

    python3 bench/images.py --data data/cifar10            # resnet20, 2 epochs, 2 rounds: about 10 minutes
    python3 bench/images.py --data data/cifar10 --hold-out 45000 --rounds 1     # to try it

Each round trains from the binary files, from the folder (decoded once and kept), and from the folder with --cache 0 (every
file read and decoded again in each epoch), each in a process of its own. Printed are, for each epoch, images/s and the ratio
to the binary files' of the same round, as medians over the rounds, and resident memory at the end of each epoch and at
its peak. The folder is written to a temporary place first, and packed again, to see that its images are the same bytes.
Needs the .NET 10 SDK; reads /proc, so Linux.
"""
import argparse
import glob
import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def check(folder, packed):
    """Compares the binary files, plain or gzipped, with those that were made out of the images."""
    for path in glob.glob(os.path.join(packed, "*.bin")):
        source = os.path.join(folder, os.path.basename(path))
        opened = open(source, "rb") if os.path.exists(source) else gzip.open(source + ".gz")
        with opened as expected, open(path, "rb") as actual:
            if expected.read() != actual.read():
                sys.exit(f"images.py: {path} is not {source}")


def resident(pid, field):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith(field + ":"))


def train(command, out):
    """Trains; returns for each epoch images/s and resident MiB at its end, and the peak."""
    metrics = os.path.join(out, "metrics.jsonl")
    process = subprocess.Popen([*command, "--out", out], stdout=subprocess.DEVNULL, cwd=ROOT)
    memory, peak = [], 0.0
    while process.poll() is None:
        time.sleep(0.05)
        done = sum(1 for _ in open(metrics)) if os.path.exists(metrics) else 0
        try:
            if done > len(memory):
                memory.append(resident(process.pid, "VmRSS"))
            peak = max(peak, resident(process.pid, "VmHWM"))
        except (FileNotFoundError, ProcessLookupError, StopIteration):
            break  # it has ended
    if process.wait() != 0:
        sys.exit(f"images.py: '{' '.join(command)}' ended with exit code {process.returncode}")
    epochs = [json.loads(line) for line in open(metrics)]
    return [epoch["images_per_second"] for epoch in epochs], memory + [memory[-1]] * (len(epochs) - len(memory)), peak


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="data/cifar10", help="CIFAR-10's binary files")
    parser.add_argument("--model", default="resnet20")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--hold-out", type=int, default=128, help="images that are not trained on, to shorten the epochs")
    arguments = parser.parse_args()

    project = os.path.join(ROOT, "src", "Cli")
    subprocess.run(["dotnet", "build", project, "-c", "Release", "-v", "quiet", "--nologo"], check=True, stdout=sys.stderr)
    tool = ["dotnet", os.path.join(project, "bin", "Release", "net10.0", "cnnsharp.dll")]
    data = os.path.abspath(arguments.data)

    with tempfile.TemporaryDirectory() as work:
        png, packed = os.path.join(work, "png"), os.path.join(work, "packed")
        start = time.monotonic()
        subprocess.run([*tool, "images", "export", "--dataset", "cifar10", "--data", data, "--out", png], check=True)
        written = time.monotonic()
        subprocess.run([*tool, "images", "pack", "--data", png, "--out", packed], check=True)
        print(f"export {written - start:.1f} s, pack {time.monotonic() - written:.1f} s")
        check(data, packed)

        common = [*tool, "train", "--model", arguments.model, "--epochs", str(arguments.epochs), "--batch", "128", "--lr", "0.1", "--augment", "crop,flip", "--val-split", str(arguments.hold_out), "--seed", "1", "--device", "cpu"]
        folder = ["--dataset", "folder", "--data", png, "--size", "32"]
        sources = {
            "binary files": ["--dataset", "cifar10", "--data", data],
            "PNG, kept": folder,
            "PNG, read each epoch": [*folder, "--cache", "0"],
        }
        results = {name: [] for name in sources}
        for turn in range(arguments.rounds):
            for name, options in sources.items():
                results[name].append(train([*common, *options], os.path.join(work, f"{turn} {name}")))
                speeds, memory, peak = results[name][-1]
                print(f"round {turn + 1}, {name}: {', '.join(f'{speed:,.0f}' for speed in speeds)} images/s, {', '.join(f'{mib:.0f}' for mib in memory)} MiB, peak {peak:.0f} MiB", flush=True)

    print()
    print("| source | epoch | images/s | ratio to the binary files | resident at its end | peak |")
    print("|---|---|---|---|---|---|")
    for name, runs in results.items():
        for epoch in range(arguments.epochs):
            speed = statistics.median(speeds[epoch] for speeds, _, _ in runs)
            ratio = statistics.median(speeds[epoch] / plain[epoch] for (speeds, _, _), (plain, _, _) in zip(runs, results["binary files"]))
            memory = statistics.median(mib[epoch] for _, mib, _ in runs)
            print(f"| {name} | {epoch + 1} | {speed:,.0f} | {ratio:.3f} | {memory:.0f} MiB | {statistics.median(peak for _, _, peak in runs):.0f} MiB |")


if __name__ == "__main__":
    main()
