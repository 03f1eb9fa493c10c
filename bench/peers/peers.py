#!/usr/bin/env python3
"""Runs CnnSharp and its peers in turns on this machine and prints one table. How to get the peers: README.md beside this file.

    python3 bench/peers/peers.py infer                                  # ONNX Runtime, the models below, batch 1 and 16
    python3 bench/peers/peers.py train --models resnet20 --rounds 7     # PyTorch, and with --torchsharp libtorch by TorchSharp

Turns, because a shared machine's speed drifts: each round runs CnnSharp and then each peer, each in a process of its own. The
ratio is the median over the rounds of CnnSharp's images/s by those of the peer that is fastest; beside it stand the medians and each
process's peak resident memory as the system counts it.
"""
import argparse
import json
import math
import os
import shlex
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
US = "CnnSharp"

# Model, batch, steps of a turn.
TRAIN = [("lenet5", 128, 60), ("resnet20", 128, 15), ("resnet18-cifar", 128, 4), ("vgg16-cifar", 128, 5), ("resnet50", 16, 4), ("alexnet", 16, 6), ("wrn28-10", 32, 3)]
ZOO = ["resnet18", "resnet50", "vgg16", "googlenet", "densenet121", "alexnet"]
EXPORTED = ["mobilenet_v2", "efficientnet_b0"]


def run(command):
    """Runs a command; returns the JSON object on its last line, with the peak resident memory of its process."""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=output, stderr=errors, cwd=ROOT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        lines = output.read().splitlines()
        errors.seek(0)
        if process.returncode != 0 or not lines:
            sys.exit(f"peers.py: '{shlex.join(command)}' ended with exit code {process.returncode}\n{errors.read()[-2000:]}")
    result = json.loads(lines[-1])
    result["rss_mib"] = usage.ru_maxrss / 1024
    return result


def build(project):
    subprocess.run(["dotnet", "build", os.path.join(ROOT, project), "-c", "Release", "-v", "quiet", "--nologo"], check=True, stdout=sys.stderr)


def measure(name, commands, rounds):
    """Runs the commands in turns; prints and returns a row of the table."""
    results = {who: [] for who in commands}
    for _ in range(rounds):
        for who, command in commands.items():
            results[who].append(run(command))
    speed = {who: statistics.median(r["images_per_second"] for r in rs) for who, rs in results.items()}
    memory = {who: statistics.median(r["rss_mib"] for r in rs) for who, rs in results.items()}
    best = max((who for who in commands if who != US), key=speed.get)
    ratio = statistics.median(a["images_per_second"] / b["images_per_second"] for a, b in zip(results[US], results[best]))
    print(f"| {name} | {speed[US]:,.1f} | {speed[best]:,.1f} ({best}) | {ratio:.2f}x | {memory[US]:,.0f} / {memory[best]:,.0f} |", flush=True)
    return {"case": name, "images_per_second": round(speed[US], 2), "peer": best, "peer_images_per_second": round(speed[best], 2), "ratio": round(ratio, 3), "peak_rss_mib": round(memory[US]), "peer_peak_rss_mib": round(memory[best])}


def inference(arguments, tool, folder):
    build("bench/peers/OnnxRuntime")
    peer = ["dotnet", os.path.join(HERE, "OnnxRuntime", "bin", "Release", "net10.0", "ort.dll")]
    for model in arguments.models or [*ZOO, *(EXPORTED if arguments.python else [])]:
        file = os.path.join(folder, f"{model}.onnx")
        if model in EXPORTED:
            subprocess.run([*shlex.split(arguments.python), os.path.join(HERE, "torch_export.py"), model, file], check=True, stdout=sys.stderr)
            ours = ["--onnx", file, "--size", "224"]
        else:
            subprocess.run([*tool, "export", "--model", model, "--out", file, "--fold-batch-norm"], check=True, stdout=subprocess.DEVNULL)
            ours = ["--model", model]
        for batch in arguments.batches or [1, 16]:
            steps = str(max(5, arguments.images // batch))
            yield f"{model}, batch {batch}", {
                US: [*tool, "bench", "infer", "--device", "cpu", *ours, "--batch", str(batch), "--steps", steps, "--threads", str(arguments.threads), "--json"],
                "ONNX Runtime": [*peer, file, str(batch), steps, str(arguments.threads)],
            }
        os.remove(file)


def training(arguments, tool, _):
    if arguments.torchsharp:
        build("bench/peers/TorchSharp")
    for model, batch, steps in TRAIN:
        if arguments.models and model not in arguments.models:
            continue
        for batch in arguments.batches or [batch]:
            common = ["--model", model, "--batch", str(batch), "--steps", str(steps), "--threads", str(arguments.threads)]
            commands = {US: [*tool, "bench", "train", "--device", "cpu", *common, "--json"]}
            for layout in ("nchw", "channels_last"):
                if arguments.python:
                    commands[f"PyTorch {layout}"] = [*shlex.split(arguments.python), os.path.join(HERE, "torch_train.py"), *common, "--layout", layout]
                if arguments.torchsharp:
                    commands[f"TorchSharp {layout}"] = [*shlex.split(arguments.torchsharp), os.path.join(HERE, "TorchSharp", "bin", "Release", "net10.0", "torchsharp-peer.dll"), model, str(batch), str(steps), str(arguments.threads), layout]
            yield f"{model}, batch {batch}", commands


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["infer", "train"])
    parser.add_argument("--models", nargs="+")
    parser.add_argument("--batches", nargs="+", type=int)
    parser.add_argument("--images", type=int, default=64, help="images that a turn infers, at least five passes")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--python", help="the Python that has torch, words and all; without it neither PyTorch nor the nets that it exports", default=None)
    parser.add_argument("--torchsharp", help="the dotnet that runs TorchSharp, words and all: its libtorch needs a C++ library of 2024", default=None)
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    arguments = parser.parse_args()
    if arguments.what == "train" and not (arguments.python or arguments.torchsharp):
        parser.error("train: --python PYTHON or --torchsharp DOTNET says where a peer is")

    build("src/Cli")
    tool = ["dotnet", os.path.join(ROOT, "src", "Cli", "bin", "Release", "net10.0", "cnnsharp.dll")]
    print("| case | CnnSharp, images/s | best peer | ratio | peak RSS, MiB |\n|---|---|---|---|---|", flush=True)
    rows = []
    with tempfile.TemporaryDirectory(dir=os.environ.get("PEERS_TEMP")) as folder:
        for name, commands in (inference if arguments.what == "infer" else training)(arguments, tool, folder):
            rows.append(measure(name, commands, arguments.rounds))
    if not rows:
        sys.exit(f"peers.py: no model of {' '.join(arguments.models)} is trained; there are {' '.join(model for model, _, _ in TRAIN)}")
    print(f"\nGeometric mean of {len(rows)}: {math.exp(statistics.mean(math.log(row['ratio']) for row in rows)):.2f}x; {arguments.rounds} rounds, {arguments.threads} threads.")
    if arguments.json:
        print(json.dumps({"rows": rows}))


if __name__ == "__main__":
    main()
