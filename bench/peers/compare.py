#!/usr/bin/env python3
"""Runs CnnSharp and PyTorch in turns on the same nets and this machine, and prints the ratio per model.

    /usr/bin/python3 bench/peers/compare.py            # lenet5 and resnet20, batch 128, 5 rounds

Turns, because a shared machine's speed drifts: each round runs CnnSharp, PyTorch in NCHW and PyTorch in channels-last,
each in a process of its own. Printed are the medians over the rounds, PyTorch's best of its two layouts, and each
process's peak resident memory as the system counts it. Needs the .NET 10 SDK, and what torch_train.py needs.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
CNNSHARP, NCHW, CHANNELS_LAST = "CnnSharp", "PyTorch NCHW", "PyTorch channels-last"


def run(command):
    """Runs a command; returns the JSON object on its last line, with the peak resident memory of its process."""
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, stdout=output, cwd=ROOT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        lines = output.read().splitlines()
    if process.returncode != 0 or not lines:
        sys.exit(f"compare.py: '{' '.join(command)}' ended with exit code {process.returncode}")
    result = json.loads(lines[-1])
    result["rss_mib"] = usage.ru_maxrss / 1024
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=["lenet5", "resnet20"], default=["lenet5", "resnet20"])
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--python", default="/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable, help="the Python that has torch")
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    arguments = parser.parse_args()

    project = os.path.join(ROOT, "src", "Cli")
    subprocess.run(["dotnet", "build", project, "-c", "Release", "-v", "quiet", "--nologo"], check=True, stdout=sys.stderr)
    tool = os.path.join(project, "bin", "Release", "net10.0", "cnnsharp.dll")

    summary = {}
    for model in arguments.models:
        common = ["--model", model, "--batch", str(arguments.batch), "--steps", str(arguments.steps), "--threads", str(arguments.threads)]
        peer = [arguments.python, os.path.join(HERE, "torch_train.py"), *common]
        commands = {
            CNNSHARP: ["dotnet", tool, "bench", "train", *common, "--json"],
            NCHW: [*peer, "--layout", "nchw"],
            CHANNELS_LAST: [*peer, "--layout", "channels_last"],
        }
        results = {name: [] for name in commands}
        for _ in range(arguments.rounds):
            for name, command in commands.items():
                results[name].append(run(command))

        speed = {name: statistics.median(r["images_per_second"] for r in rs) for name, rs in results.items()}
        memory = {name: statistics.median(r["rss_mib"] for r in rs) for name, rs in results.items()}
        best = max((NCHW, CHANNELS_LAST), key=speed.get)
        print(f"{model}, batch {arguments.batch}, {arguments.threads} threads, medians of {arguments.rounds} rounds (PyTorch {results[NCHW][0]['torch']})")
        for name, rs in results.items():
            spread = f"{min(r['images_per_second'] for r in rs):,.0f}-{max(r['images_per_second'] for r in rs):,.0f}"
            print(f"  {name:<22} {speed[name]:>9,.0f} images/s  ({spread})  peak RSS {memory[name]:>6,.0f} MiB")
        print(f"  CnnSharp / {best}: {speed[CNNSHARP] / speed[best]:.2f}x, memory {memory[CNNSHARP] / memory[best]:.2f}x", flush=True)
        summary[model] = {
            "images_per_second": round(speed[CNNSHARP], 1),
            "peer_images_per_second": round(speed[best], 1),
            "ratio": round(speed[CNNSHARP] / speed[best], 3),
            "peak_rss_mib": round(memory[CNNSHARP]),
            "peer_peak_rss_mib": round(memory[best]),
        }
    if arguments.json:
        print(json.dumps(summary))


if __name__ == "__main__":
    main()
