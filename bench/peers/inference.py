#!/usr/bin/env python3
"""Runs CnnSharp and ONNX Runtime in turns on the same networks and this machine, and prints the ratio per model and batch.

    npm install --ignore-scripts --prefix bench/peers/onnxruntime    # once; the CPU build is in the package
    python3 bench/peers/inference.py                                 # resnet50 and vgg16, batch 1 and 16, 5 rounds

ONNX Runtime gets the file that 'cnnsharp export --fold-batch-norm' writes, images of 224 x 224, as many threads, and all
its graph optimizations. Turns, because a shared machine's speed drifts: each round runs both, each in a process of its
own. Printed are the medians over the rounds and their range. Needs the .NET 10 SDK and node.
"""
import argparse
import json
import os
import statistics
import subprocess
import tempfile

from compare import ROOT, run

HERE = os.path.dirname(os.path.abspath(__file__))
CNNSHARP, PEER = "CnnSharp", "ONNX Runtime"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=["resnet50", "vgg16"], help="models of the zoo for images of 224 x 224")
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 16])
    parser.add_argument("--images", type=int, default=64, help="images that a turn times, at least five passes")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    arguments = parser.parse_args()

    project = os.path.join(ROOT, "src", "Cli")
    subprocess.run(["dotnet", "build", project, "-c", "Release", "-v", "quiet", "--nologo"], check=True, stdout=subprocess.DEVNULL)
    tool = ["dotnet", os.path.join(project, "bin", "Release", "net10.0", "cnnsharp.dll")]

    summary = {}
    with tempfile.TemporaryDirectory() as folder:
        for model in arguments.models:
            file = os.path.join(folder, f"{model}.onnx")
            subprocess.run([*tool, "export", "--model", model, "--out", file, "--fold-batch-norm"], check=True, stdout=subprocess.DEVNULL)
            for batch in arguments.batches:
                steps = max(5, arguments.images // batch)
                commands = {
                    CNNSHARP: [*tool, "bench", "infer", "--model", model, "--batch", str(batch), "--steps", str(steps), "--threads", str(arguments.threads), "--json"],
                    PEER: ["node", os.path.join(HERE, "onnxruntime", "infer.mjs"), file, str(batch), str(steps), str(arguments.threads)],
                }
                results = {name: [] for name in commands}
                for _ in range(arguments.rounds):
                    for name, command in commands.items():
                        results[name].append(run(command))

                speed = {name: statistics.median(r["images_per_second"] for r in rs) for name, rs in results.items()}
                memory = {name: statistics.median(r["rss_mib"] for r in rs) for name, rs in results.items()}
                print(f"{model}, batch {batch}, {arguments.threads} threads, medians of {arguments.rounds} rounds (ONNX Runtime {results[PEER][0]['onnxruntime']})")
                for name, rs in results.items():
                    spread = f"{min(r['images_per_second'] for r in rs):,.1f}-{max(r['images_per_second'] for r in rs):,.1f}"
                    print(f"  {name:<14} {speed[name]:>9,.1f} images/s  ({spread})  peak RSS {memory[name]:>6,.0f} MiB")
                print(f"  CnnSharp / ONNX Runtime: {speed[CNNSHARP] / speed[PEER]:.2f}x", flush=True)
                summary[f"{model}_batch{batch}"] = {
                    "images_per_second": round(speed[CNNSHARP], 2),
                    "peer_images_per_second": round(speed[PEER], 2),
                    "ratio": round(speed[CNNSHARP] / speed[PEER], 3),
                }
    if arguments.json:
        print(json.dumps(summary))


if __name__ == "__main__":
    main()
