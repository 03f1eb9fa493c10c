#!/usr/bin/env python3
"""Trains a net on made-up CIFAR-sized images with PyTorch, in each of the ways that may be its fastest, and prints one JSON line.

What `cnnsharp bench train` does, done by the peer: forward, cross-entropy, backward and an SGD step (momentum 0.9,
Nesterov, weight decay 5e-4) on images that are on the device already. The ways: NCHW and channels-last, each step by
step and, on a CUDA device, as one captured graph. Images/s: the batch over a step of the median stretch, the
device being waited for at the end of each of ten stretches. Exit code 3: there is no PyTorch, or it has no such device.
"""
import argparse
import json
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "peers"))
try:
    import torch
    from torch.nn import functional as F
    from torch_nets import MODELS
except ImportError as e:
    print(f"torch_train.py: {e}", file=sys.stderr)
    sys.exit(3)

LAYOUTS = {"nchw": torch.contiguous_format, "channels-last": torch.channels_last}
STRETCHES = 10


def training_step(model, layout, batch, precision, device):
    """A function that trains one step."""
    net = MODELS[model]().to(device).to(memory_format=LAYOUTS[layout])
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=5e-4)
    images = torch.randn(batch, 3, 32, 32, device=device).to(memory_format=LAYOUTS[layout])
    labels = torch.randint(0, 10, (batch,), device=device)

    def step():
        optimizer.zero_grad(set_to_none=True)
        # Every weight is cast once a step: a cache of casts would only be in a graph's way.
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16", cache_enabled=False):
            loss = F.cross_entropy(net(images), labels)
        loss.backward()
        optimizer.step()

    return step


def captured(step):
    """The step as a CUDA graph: its kernels are launched as one."""
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(5):
            step()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def step_seconds(step, steps, synchronize, warm_up=1.5):
    """A step of the median stretch."""
    start, done = time.perf_counter(), 0
    while done < 3 or time.perf_counter() - start < warm_up:
        step()
        synchronize()
        done += 1
    seconds = []
    stretches = min(steps, STRETCHES)
    for stretch in range(stretches):
        length = (stretch + 1) * steps // stretches - stretch * steps // stretches
        start = time.perf_counter()
        for _ in range(length):
            step()
        synchronize()
        seconds.append((time.perf_counter() - start) / length)
    return statistics.median(seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=MODELS, default="resnet20")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--precision", choices=["float32", "tf32", "bf16"], default="float32")
    arguments = parser.parse_args()

    device = torch.device(arguments.device)
    is_cuda = device.type == "cuda"
    if is_cuda and (device.index or 0) >= torch.cuda.device_count():
        print(f"torch_train.py: PyTorch {torch.__version__} finds no device '{device}'", file=sys.stderr)
        sys.exit(3)

    torch.manual_seed(1)
    if is_cuda:
        torch.cuda.set_device(device)
        torch.backends.cudnn.benchmark = True
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = arguments.precision != "float32"
    synchronize = torch.cuda.synchronize if is_cuda else lambda: None

    speeds, memory = {}, {}
    for layout in LAYOUTS:
        for way in ("steps", "graph") if is_cuda else ("steps",):
            name = f"{layout} {way}"
            if is_cuda:
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()
            step = training_step(arguments.model, layout, arguments.batch, arguments.precision, device)
            try:
                step = captured(step) if way == "graph" else step
            except RuntimeError as e:
                print(f"torch_train.py: {arguments.model}, {name}: not captured: {e}", file=sys.stderr)
                continue
            speeds[name] = arguments.batch / step_seconds(step, arguments.steps, synchronize)
            memory[name] = torch.cuda.max_memory_reserved() / 2**20 if is_cuda else None
            del step

    best = max(speeds, key=speeds.get)
    print(json.dumps({
        "model": arguments.model,
        "batch": arguments.batch,
        "device": str(device),
        "precision": arguments.precision,
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version() if is_cuda else None,
        "images_per_second": round(speeds[best], 1),
        "best": best,
        "by_way": {name: round(speed, 1) for name, speed in speeds.items()},
        "device_mib": memory[best] and round(memory[best], 1),
    }))


if __name__ == "__main__":
    main()
