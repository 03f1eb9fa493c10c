#!/usr/bin/env python3
"""Writes the small reference cases of this folder's tests to Cases/ (PyTorch and NumPy; double precision, fixed seeds).

A case is a safetensors file: metadata `op` and `attrs` (JSON), the inputs, the result `y`, the upstream gradient `dy` and
the gradients `d<input>`, in PyTorch's layouts. They are chosen for the ways in which attributes may be stated: a number or
a list, missing for PyTorch's default, every reduction, tensors that may be absent.

usage: python3 make_cases.py
"""
import json
import pathlib
import struct

import torch
import torch.nn.functional as F
from torch import nn

FOLDER = pathlib.Path(__file__).parent / "Cases"


def save(name, op, attrs, tensors):
    """safetensors: u64 length of the header, the header, the data."""
    header, data = {"__metadata__": {"op": op, "attrs": json.dumps(attrs)}}, b""
    for key, tensor in tensors.items():
        tensor = tensor.detach().contiguous()
        raw = tensor.numpy().tobytes()
        header[key] = {"dtype": {torch.float64: "F64", torch.int64: "I64"}[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    (FOLDER / f"{name}.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)


def case(name, op, attrs, function, floats, others=None, updated=()):
    """Runs function(**floats, **others) and its backward pass with a random upstream gradient."""
    others = others or {}
    before = {key: others[key].clone() for key in updated}
    leaves = {key: value.clone().requires_grad_() for key, value in floats.items()}
    y = function(**leaves, **others)
    dy = torch.randn_like(y)
    y.backward(dy)
    tensors = dict(floats, **others, y=y, dy=dy, **{f"d{key}": leaf.grad for key, leaf in leaves.items() if leaf.grad is not None})
    for key in updated:
        tensors[key], tensors[f"new_{key}"] = before[key], others[key]
    save(name, op, attrs, tensors)


def randn(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def optimizer(name, attrs, make):
    w0, grads, trajectory = randn(3), randn(6, 3), []
    w = w0.clone().requires_grad_()
    optimizer = make([w])
    for g in grads:
        w.grad = g.clone()
        optimizer.step()
        trajectory.append(w.detach().clone())
    save(f"optim_{name}", "optimizer", attrs, dict(w0=w0, grads=grads, trajectory=torch.stack(trajectory)))


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.short = nn.Identity() if stride == 1 and inputs == outputs else nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + self.short(x))


def network(name, net, shape, steps, classes):
    net = net.double()
    attrs = {"arch": name, "torch_repr": repr(net), "lr": 0.05, "momentum": 0.9, "weight_decay": 5e-4}
    xs, targets = randn(steps, *shape), torch.randint(classes, (steps, shape[0]))
    tensors = {"xs": xs, "targets": targets}
    tensors.update({f"init.{key}": value.clone() for key, value in net.named_parameters()})
    sgd = torch.optim.SGD(net.parameters(), 0.05, 0.9, weight_decay=5e-4)
    losses = []
    for step in range(steps):
        sgd.zero_grad()
        logits = net(xs[step])
        loss = F.cross_entropy(logits, targets[step])
        loss.backward()
        if step == 0:
            tensors["logits0"] = logits
            tensors.update({f"grad0.{key}": value.grad.clone() for key, value in net.named_parameters()})
        sgd.step()
        losses.append(loss.detach())
    tensors["losses"] = torch.stack(losses)
    tensors.update({f"final.{key}": value for key, value in net.state_dict().items() if "num_batches" not in key})
    save(f"net_{name}", "network", attrs, tensors)


def main():
    torch.manual_seed(1)
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.safetensors"):
        old.unlink()

    conv = lambda **o: lambda x, w, b=None: F.conv2d(x, w, b, **o)
    case("conv2d_defaults", "conv2d", {}, conv(), dict(x=randn(1, 2, 4, 5), w=randn(3, 2, 3, 2)))
    case("conv2d_lists", "conv2d", {"stride": [2, 1], "padding": [0, 2], "dilation": [1, 2]}, conv(stride=(2, 1), padding=(0, 2), dilation=(1, 2)), dict(x=randn(2, 3, 6, 5), w=randn(4, 3, 2, 3), b=randn(4)))
    case("conv2d_same", "conv2d", {"padding": "same", "groups": 2}, conv(padding="same", groups=2), dict(x=randn(1, 4, 5, 4), w=randn(6, 2, 4, 3), b=randn(6)))
    transposed = lambda **o: lambda x, w, b=None: F.conv_transpose2d(x, w, b, **o)
    case("conv_transpose2d_groups", "conv_transpose2d", {"stride": [2, 3], "padding": [1, 0], "output_padding": [1, 2], "groups": 2, "dilation": 1}, transposed(stride=(2, 3), padding=(1, 0), output_padding=(1, 2), groups=2), dict(x=randn(1, 4, 3, 2), w=randn(4, 3, 3, 2), b=randn(6)))
    case("conv_transpose2d_dilation", "conv_transpose2d", {"dilation": [2, 1]}, transposed(dilation=(2, 1)), dict(x=randn(1, 2, 3, 3), w=randn(2, 3, 2, 3)))
    case("linear_rank3", "linear", {}, lambda x, w, b: F.linear(x, w, b), dict(x=randn(2, 3, 4), w=randn(5, 4), b=randn(5)))
    case("matmul", "matmul", {}, lambda a, b: a @ b, dict(a=randn(3, 4), b=randn(4, 2)))

    case("max_pool2d_defaults", "max_pool2d", {"kernel": [2, 3]}, lambda x: F.max_pool2d(x, (2, 3)), dict(x=randn(1, 2, 5, 7)))
    case("max_pool2d_ceil_padding", "max_pool2d", {"kernel_size": 3, "stride": [3, 2], "padding": [1, 0], "ceil_mode": True}, lambda x: F.max_pool2d(x, 3, (3, 2), (1, 0), ceil_mode=True), dict(x=randn(1, 2, 6, 6)))
    for ceil in (False, True):
        for count in (False, True):
            case(f"avg_pool2d_{'ceil' if ceil else 'floor'}_{'counted' if count else 'uncounted'}", "avg_pool2d", {"kernel": 3, "stride": 2, "padding": 1, "ceil_mode": ceil, "count_include_pad": count},
                 lambda x: F.avg_pool2d(x, 3, 2, 1, ceil, count), dict(x=randn(1, 2, 6, 5)))
    case("adaptive_max_pool2d_list", "adaptive_max_pool2d", {"output": [3, 2]}, lambda x: F.adaptive_max_pool2d(x, (3, 2)), dict(x=randn(1, 2, 5, 7)))
    case("adaptive_avg_pool2d_list", "adaptive_avg_pool2d", {"output_size": [4, 3]}, lambda x: F.adaptive_avg_pool2d(x, (4, 3)), dict(x=randn(1, 2, 5, 7)))
    case("global_avg_pool2d", "global_avg_pool2d", {}, lambda x: F.adaptive_avg_pool2d(x, 1), dict(x=randn(2, 3, 4, 5)))

    def norm(training, momentum=0.1, eps=1e-5):
        return lambda x, w=None, b=None, running_mean=None, running_var=None: F.batch_norm(x, running_mean, running_var, w, b, training, momentum, eps)
    statistics = lambda channels: dict(running_mean=randn(channels), running_var=torch.rand(channels, dtype=torch.float64) + 0.5)
    case("batch_norm_rank2", "batch_norm", {"training": True, "momentum": 0.3, "eps": 0.01}, norm(True, 0.3, 0.01), dict(x=randn(6, 3), w=randn(3), b=randn(3)), statistics(3), ("running_mean", "running_var"))
    case("batch_norm_no_weights", "batch_norm", {"training": True}, norm(True), dict(x=randn(2, 3, 2, 3)), statistics(3), ("running_mean", "running_var"))
    case("batch_norm_defaults", "batch_norm", {}, norm(False), dict(x=randn(2, 3, 2, 3), w=randn(3), b=randn(3)), statistics(3))
    case("local_response_norm_even", "local_response_norm", {"size": 4, "alpha": 0.5}, lambda x: F.local_response_norm(x, 4, 0.5), dict(x=randn(1, 6, 2, 3)))

    case("prelu_one", "prelu", {}, lambda x, w: F.prelu(x, w), dict(x=randn(2, 3, 2, 2), w=randn(1)))
    case("elu_alpha", "elu", {"alpha": 0.5}, lambda x: F.elu(x, 0.5), dict(x=randn(4, 5)))
    case("leaky_relu_defaults", "leaky_relu", {}, lambda x: F.leaky_relu(x), dict(x=randn(4, 5)))
    case("softmax_images", "softmax", {"dim": 1}, lambda x: F.softmax(x, 1), dict(x=randn(2, 3, 2, 4)))
    case("log_softmax_rows", "log_softmax", {"dim": 2}, lambda x: F.log_softmax(x, 2), dict(x=randn(2, 3, 4, 2)))

    labels = lambda classes, *shape: dict(target=torch.randint(classes, shape))
    for reduction in ("mean", "sum", "none"):
        case(f"cross_entropy_{reduction}", "cross_entropy", {"reduction": reduction, "label_smoothing": 0.2}, lambda x, target: F.cross_entropy(x, target, reduction=reduction, label_smoothing=0.2), dict(x=randn(4, 5)), labels(5, 4))
        case(f"mse_{reduction}", "mse", {"reduction": reduction}, lambda x, target: F.mse_loss(x, target, reduction=reduction), dict(x=randn(3, 4)), dict(target=randn(3, 4)))
    case("cross_entropy_images", "cross_entropy", {}, lambda x, target: F.cross_entropy(x, target), dict(x=randn(2, 3, 2, 4)), labels(3, 2, 2, 4))
    case("smooth_l1_defaults", "smooth_l1", {}, lambda x, target: F.smooth_l1_loss(x, target), dict(x=randn(3, 4) * 2), dict(target=randn(3, 4)))
    case("l1_sum", "l1", {"reduction": "sum"}, lambda x, target: F.l1_loss(x, target, reduction="sum"), dict(x=randn(3, 4)), dict(target=randn(3, 4)))
    case("bce_with_logits_none", "bce_with_logits", {"reduction": "none"}, lambda x, target: F.binary_cross_entropy_with_logits(x, target, reduction="none"), dict(x=randn(3, 4) * 4), dict(target=torch.rand(3, 4, dtype=torch.float64)))

    case("upsample_nearest2d_list", "upsample_nearest2d", {"scale": [2, 3]}, lambda x: F.interpolate(x, scale_factor=(2, 3)), dict(x=randn(1, 2, 2, 3)))
    case("upsample_bilinear2d_corners", "upsample_bilinear2d", {"scale": [3, 2], "align_corners": True}, lambda x: F.interpolate(x, scale_factor=(3, 2), mode="bilinear", align_corners=True), dict(x=randn(1, 2, 2, 3)))
    case("add_broadcast", "add", {}, lambda a, b: a + b, dict(a=randn(2, 3, 1, 4), b=randn(3, 2, 1)))
    case("concat_channels", "concat", {"dim": 1}, lambda x0, x1: torch.cat((x0, x1), 1), dict(x0=randn(1, 2, 2, 3), x1=randn(1, 3, 2, 3)))
    case("flatten_images", "flatten", {}, lambda x: torch.flatten(x, 1), dict(x=randn(2, 3, 2, 2)))
    case("pad_value", "pad", {"pad": [1, 2, 0, 1], "value": 0.5}, lambda x: F.pad(x, (1, 2, 0, 1), value=0.5), dict(x=randn(1, 2, 2, 3)))
    case("mean_axes", "mean", {"dim": [2, 3]}, lambda x: x.mean((2, 3)), dict(x=randn(2, 3, 2, 4)))

    optimizer("sgd_nesterov", {"name": "sgd_nesterov", "lr": 0.1, "momentum": 0.8, "nesterov": True, "weight_decay": 0.01}, lambda w: torch.optim.SGD(w, 0.1, 0.8, weight_decay=0.01, nesterov=True))
    optimizer("adamw_defaults", {"name": "adamw", "lr": 0.05}, lambda w: torch.optim.AdamW(w, 0.05))
    optimizer("adam_decay", {"name": "adam", "lr": 0.05, "betas": [0.8, 0.95], "eps": 1e-6, "weight_decay": 0.1}, lambda w: torch.optim.Adam(w, 0.05, (0.8, 0.95), 1e-6, 0.1))
    optimizer("rmsprop_momentum", {"name": "rmsprop", "lr": 0.01, "alpha": 0.9, "momentum": 0.5}, lambda w: torch.optim.RMSprop(w, 0.01, 0.9, momentum=0.5))
    optimizer("adagrad_decay", {"name": "adagrad", "lr": 0.1, "weight_decay": 0.1}, lambda w: torch.optim.Adagrad(w, 0.1, weight_decay=0.1))

    network("flatten", nn.Sequential(nn.Conv2d(2, 3, (3, 2), stride=(1, 2), padding=1), nn.LeakyReLU(0.1), nn.AvgPool2d(2, 1), nn.Flatten(), nn.Dropout(0.0), nn.Linear(18, 3)), (4, 2, 4, 4), 3, 3)
    network("blocks", nn.Sequential(nn.Conv2d(1, 2, 3, padding=1, bias=False), nn.BatchNorm2d(2), nn.ReLU(), Block(2, 2, 1), Block(2, 3, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2)), (4, 1, 6, 6), 3, 2)


def composed():
    """Operations that are composed of others, so that comparing engines says nothing of them."""
    torch.manual_seed(3)
    for name, function in dict(hardsigmoid=F.hardsigmoid, hardswish=F.hardswish, mish=F.mish).items():
        case(name, name, {"factor": 4}, lambda x: function(4 * x if name != "mish" else x), dict(x=randn(2, 3, 7)))
    case("layer_norm_affine", "layer_norm", {"eps": 0.01}, lambda x, w, b: F.layer_norm(x, (5,), w, b, 0.01), dict(x=randn(2, 3, 4, 5), w=randn(5), b=randn(5)))
    case("layer_norm_plain", "layer_norm", {}, lambda x: F.layer_norm(x, (6,)), dict(x=randn(4, 6)))
    case("group_norm_affine", "group_norm", {"groups": 3}, lambda x, w, b: F.group_norm(x, 3, w, b), dict(x=randn(2, 6, 3, 4), w=randn(6), b=randn(6)))
    case("instance_norm_affine", "instance_norm", {}, lambda x, w, b: F.instance_norm(x, weight=w, bias=b), dict(x=randn(2, 3, 4, 5), w=randn(3), b=randn(3)))
    case("pixel_shuffle", "pixel_shuffle", {"factor": 3}, lambda x: F.pixel_shuffle(x, 3), dict(x=randn(2, 18, 2, 3)))
    case("pixel_unshuffle", "pixel_unshuffle", {"factor": 2}, lambda x: F.pixel_unshuffle(x, 2), dict(x=randn(2, 3, 4, 6)))
    case("max_axis", "max", {"dim": 1}, lambda x: x.max(1).values, dict(x=randn(3, 5, 4)))
    case("min_axis_kept", "min", {"dim": -1, "keepdim": True}, lambda x: x.min(-1, keepdim=True).values, dict(x=randn(3, 5, 4)))
    indices()


def indices():
    """Indices and resizing, most of it composed of sparse products."""
    torch.manual_seed(4)
    index = torch.randint(5, (2, 7, 3))
    case("gather_axis", "gather", {"dim": 1}, lambda x, index: x.gather(1, index), dict(x=randn(2, 5, 3)), dict(index=index))
    case("scatter_add_axis", "scatter_add", {"dim": 1}, lambda x, src, index: x.scatter_add(1, index, src), dict(x=randn(2, 5, 3), src=randn(2, 7, 3)), dict(index=index))
    case("index_select_axis", "index_select", {"dim": 1, "index": [2, 0, 2]}, lambda x: x.index_select(1, torch.tensor([2, 0, 2])), dict(x=randn(2, 3, 5)))
    case("topk_smallest", "topk", {"k": 3, "dim": 1, "largest": False}, lambda x: x.topk(3, 1, largest=False).values, dict(x=randn(4, 9, 2)))
    case("cumsum_axis", "cumsum", {"dim": 1}, lambda x: x.cumsum(1), dict(x=randn(2, 9, 3)))
    case("max_pool2d_indices", "max_pool2d_indices", {"kernel": 3, "stride": 2, "padding": 1}, lambda x: F.max_pool2d(x, 3, 2, 1, return_indices=True)[0], dict(x=randn(2, 3, 7, 6)))
    _, places = F.max_pool2d(randn(2, 3, 6, 8), 2, return_indices=True)
    case("max_unpool2d", "max_unpool2d", {"output": [6, 8]}, lambda x, index: F.max_unpool2d(x, index, 2, output_size=(6, 8)), dict(x=randn(2, 3, 3, 4)), dict(index=places))
    case("reflect_pad", "reflect_pad", {"pad": [2, 1, 0, 3]}, lambda x: F.pad(x, [2, 1, 0, 3], "reflect"), dict(x=randn(2, 3, 4, 5)))
    case("replicate_pad", "replicate_pad", {"pad": [2, 1, 0, 7]}, lambda x: F.pad(x, [2, 1, 0, 7], "replicate"), dict(x=randn(2, 3, 4, 5)))
    for name, size, options in [
        ("nearest", (5, 3), dict(mode="nearest")),
        ("bilinear", (9, 4), dict(mode="bilinear")),
        ("bilinear_corners", (9, 4), dict(mode="bilinear", align_corners=True)),
        ("bicubic", (11, 3), dict(mode="bicubic")),
        ("bicubic_corners", (11, 3), dict(mode="bicubic", align_corners=True)),
        ("bilinear_antialias", (3, 9), dict(mode="bilinear", antialias=True)),
        ("bicubic_antialias", (3, 9), dict(mode="bicubic", antialias=True)),
    ]:
        case(f"interpolate_{name}", "interpolate", dict(size=list(size), **options), lambda x: F.interpolate(x, size, **options), dict(x=randn(2, 3, 7, 5)))

    # Places of every kind: inside, at most half an image beyond, and several images beyond.
    for mode in ("bilinear", "nearest", "bicubic"):
        for padding in ("zeros", "border", "reflection"):
            for corners in (False, True):
                options = dict(mode=mode, padding_mode=padding, align_corners=corners)
                grid = randn(2, 4, 3, 2) * torch.tensor([0.5, 1, 4], dtype=torch.float64)[:, None]
                case(f"grid_sample_{mode}_{padding}{'_corners' if corners else ''}", "grid_sample", options, lambda x, grid: F.grid_sample(x, grid, **options), dict(x=randn(2, 3, 5, 4), grid=grid))


if __name__ == "__main__":
    main()
    composed()
