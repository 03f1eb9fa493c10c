#!/usr/bin/env python3
"""Trains a net on made-up images with PyTorch on the CPU and prints how fast, as one JSON line.

What `cnnsharp bench train` does, done by the peer: forward, cross-entropy, backward and an SGD step (momentum 0.9,
Nesterov, weight decay 5e-4) on images that are there already. Images/s: the batch over the median step.

On Debian: apt install python3-torch libopenblas0-pthread; then run it with /usr/bin/python3.
"""
import argparse
import json
import os
import resource
import statistics
import time

import torch
from torch.nn import functional as F

from torch_nets import LARGE, MODELS

LAYOUTS = {"nchw": torch.contiguous_format, "channels_last": torch.channels_last}


def images_per_second(model, layout, batch, steps, warm_up):
    net = MODELS[model]().to(memory_format=LAYOUTS[layout])
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=5e-4)
    side, classes = (224, 1000) if model in LARGE else (32, 10)
    images = torch.randn(batch, 3, side, side).to(memory_format=LAYOUTS[layout])
    labels = torch.randint(0, classes, (batch,))
    seconds = []
    for step in range(warm_up + steps):
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(net(images), labels).backward()
        optimizer.step()
        if step >= warm_up:
            seconds.append(time.perf_counter() - start)
    return batch / statistics.median(seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=MODELS, default="resnet20")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--warm-up", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--layout", choices=[*LAYOUTS, "both"], default="both")
    arguments = parser.parse_args()

    torch.manual_seed(1)
    torch.set_num_threads(arguments.threads)
    layouts = LAYOUTS if arguments.layout == "both" else [arguments.layout]
    by_layout = {layout: images_per_second(arguments.model, layout, arguments.batch, arguments.steps, arguments.warm_up) for layout in layouts}
    print(json.dumps({
        "model": arguments.model,
        "batch": arguments.batch,
        "threads": arguments.threads,
        "torch": torch.__version__,
        "images_per_second": round(max(by_layout.values()), 1),
        "by_format": {layout: round(speed, 1) for layout, speed in by_layout.items()},
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }))


if __name__ == "__main__":
    main()
