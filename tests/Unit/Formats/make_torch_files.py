"""Writes the .pt and .pth files in the folder Cases beside this script: what torch.save makes of state dictionaries, of checkpoints
with other objects in them, of what must be refused, and of networks with an input and their outputs for it.

Run with PyTorch 2.6: python3 make_torch_files.py
"""
import argparse
import collections
import datetime
import inspect
import io
import os
import pathlib
import pickle
import zipfile

import numpy
import torch
from torch import nn

folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "Cases")
os.makedirs(folder, exist_ok=True)
torch.manual_seed(1)
ramp = torch.arange(6, dtype=torch.float32).reshape(2, 3)


def save(value, name, legacy=False):
    torch.save(value, os.path.join(folder, name), _use_new_zipfile_serialization=not legacy)


state = collections.OrderedDict([
    ("conv.weight", ramp),
    ("transposed", ramp.t()),
    ("row", ramp[1]),
    ("half", ramp.half()),
    ("bfloat", ramp.bfloat16()),
    ("double", ramp.double()),
    ("count", torch.tensor(7)),
    ("flags", torch.tensor([True, False])),
    ("empty", torch.zeros(0, 3)),
    ("parameter", nn.Parameter(ramp * 2)),
    ("strided", torch.arange(24.0).reshape(4, 6)[1::2, ::3]),
    ("int32", torch.tensor([1, -2], dtype=torch.int32)),
    ("int16", torch.tensor([3, -4], dtype=torch.int16)),
    ("int8", torch.tensor([5, -6], dtype=torch.int8)),
    ("uint8", torch.tensor([7, 255], dtype=torch.uint8)),
])
save(state, "state.pt")
save(state, "legacy.pt", legacy=True)
save(collections.OrderedDict([("wide", torch.tensor([1, 65535], dtype=torch.uint16)), ("w", ramp)]), "uint16.pt")



class ViewPickler(pickle.Pickler):
    """Before PyTorch 0.4 a storage could be a part of another."""

    def persistent_id(self, value):
        if isinstance(value, tuple) and value and value[0] == "part":
            return ("storage", torch.FloatStorage, "7", "cpu", 6, (str(value[2]), *value[1:]))
        return None


with open(os.path.join(folder, "legacy_views.pt"), "wb") as file:
    for header in (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}):
        pickle.dump(header, file, protocol=2)


    class Part:
        def __init__(self, offset, shape, stride, *part):
            self.arguments = (("part", *part), offset, shape, stride)

        def __reduce__(self):
            return torch._utils._rebuild_tensor, self.arguments


    ViewPickler(file, protocol=2).dump(collections.OrderedDict([("middle", Part(1, (3,), (1,), 1, 4)), ("even", Part(0, (3,), (2,), 0, 6))]))
    pickle.dump(["7"], file, protocol=2)
    file.write((6).to_bytes(8, "little") + numpy.arange(6, dtype=numpy.float32).tobytes())

net = nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1))
with torch.no_grad():
    net[0].weight.copy_(torch.tensor([[1.0, 2.0]]))
    net[0].bias.copy_(torch.tensor([3.0]))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
net(torch.ones(2, 2)).sum().backward()
optimizer.step()
with torch.no_grad():
    net[0].weight.copy_(torch.tensor([[1.0, 2.0]]))
save({"epoch": 3, "state_dict": net.state_dict(), "optimizer": optimizer.state_dict(), "best": 0.5}, "checkpoint.pth")
save({"epoch": 3, "arch": "net", "state_dict": nn.DataParallel(net).state_dict(), "best_acc1": torch.tensor(0.5), "optimizer": optimizer.state_dict()}, "legacy_checkpoint.pth", legacy=True)

other = {key: value + 10 if value.is_floating_point() else value for key, value in net.state_dict().items()}
save({"model": net.state_dict(), "ema": other, "optimizer": optimizer.state_dict(), "epoch": 3}, "several.pth")


# What stands beside the weights in checkpoints, of all kinds; nothing of it is a tensor, nothing may run.
class Evil:
    def __reduce__(self):
        return os.system, ("touch torch-file-ran",)


class Slotted:
    __slots__ = ("value",)

    def __init__(self):
        self.value = 1


class Listed(list):
    pass


class Keyed(dict):
    pass


beside = {
    "args": argparse.Namespace(lr=0.1, device=torch.device("cpu"), dtype=torch.float16, path=pathlib.PurePosixPath("a/b")),
    "best_acc": numpy.float64(0.5),
    "array": numpy.arange(3),
    "classes": {"cat", "dog"},
    "frozen": frozenset({1, 2}),
    "size": torch.Size([1, 2]),
    "history": collections.defaultdict(list, {"loss": [1.0, 0.5]}),
    "counts": collections.Counter("aab"),
    "time": datetime.datetime(2026, 1, 2),
    "span": datetime.timedelta(seconds=3),
    "complex": 1 + 2j,
    "bytes": b"abc",
    "big": 1 << 100,
    "range": range(3),
    "slice": slice(1, 2),
    "type": int,
    "slots": Slotted(),
    "list": Listed([1, 2]),
    "dict": Keyed(a=1),
    "evil": Evil(),
    3: None,
    (1, 2): "a key that is no text",
}
save({**beside, "state_dict": net.state_dict()}, "objects.pth")
save({**beside, "state_dict": net.state_dict()}, "legacy_objects.pth", legacy=True)
torch.save({**beside, "state_dict": net.state_dict()}, os.path.join(folder, "objects4.pth"), pickle_protocol=4)

# A whole module: Python would import its class and run its code.
save(nn.ReLU(), "module.pt")
save(net, "whole.pt")


def no_source(_):
    raise OSError


# The legacy form keeps the classes' source where it is found; it is not wanted here, nor is the code of TorchScript.
inspect.getsourcelines = no_source
save(net, "legacy_whole.pt", legacy=True)
scripted = io.BytesIO()
torch.jit.save(torch.jit.trace(net.eval(), torch.ones(1, 2)), scripted)
with zipfile.ZipFile(scripted) as source, zipfile.ZipFile(os.path.join(folder, "script.pt"), "w") as target:
    for entry in source.infolist():
        if "/code/" not in entry.filename:
            target.writestr(entry, source.read(entry))

save({"weight": ramp, "evil": Evil()}, "evil.pt")
save({"0.weight": ramp[:1, :2].to_sparse(), "0.bias": ramp[0, :1]}, "sparse.pt")
save({"0.weight": ramp[:1, :2].to(torch.complex64), "0.bias": ramp[0, :1]}, "complex.pt")
save({"0.weight": torch.quantize_per_tensor(ramp[:1, :2], 0.1, 0, torch.qint8), "0.bias": ramp[0, :1]}, "quantized.pt")
save(ramp, "tensor.pt")
save([1, 2], "numbers.pt")


def randomized(module):
    """Weights and statistics of which no two are alike."""
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand_like(tensor) + 0.5 if name.endswith(("running_var", "norm.weight")) else torch.randn_like(tensor) * 0.2)
    return module.eval()


class Vae(nn.Module):
    """Two heads on one flattening; features that become an image again."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm1d(4 * 3 * 4)
        self.slopes = nn.PReLU(4 * 3 * 4)
        self.mean = nn.Linear(48, 5)
        self.deviation = nn.Linear(48, 5)
        self.expand = nn.Linear(5, 48)
        self.expandNorm = nn.BatchNorm1d(48)
        self.up = nn.ConvTranspose2d(4, 3, 4, stride=2, padding=1)

    def forward(self, x):
        h = self.slopes(self.norm(torch.dropout(torch.relu(self.conv(x)).flatten(1), 0.5, False)))
        mean, deviation = self.mean(h), self.deviation(h)
        z = mean + torch.exp(0.5 * deviation) * 0.25
        y = torch.relu(self.expandNorm(self.expand(z)))
        return mean, deviation, self.up(y.view(-1, 4, 3, 4))


class Branches(nn.Module):
    """Flattenings beside each other, of other pixels, and a pooling; a head on all."""

    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 4, 3, padding=1)
        self.b = nn.Conv2d(4, 5, 3, stride=2, padding=1)
        self.scale = nn.Parameter(torch.ones(5, 3, 2))
        self.head = nn.Linear(4 * 6 * 4 + 5 * 3 * 2 + 5, 6)
        self.hidden = nn.Linear(6, 6, bias=False)

    def forward(self, x):
        a = torch.relu(self.a(x))
        b = self.b(a) * self.scale
        h = torch.cat([a.flatten(1), torch.tanh(b.flatten(1)), b.mean((2, 3))], 1)
        return self.hidden(torch.relu(self.head(h)))


class Grouped(nn.Module):
    """Groups in both directions."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 6, (3, 2), groups=2)
        self.up = nn.ConvTranspose2d(6, 4, (2, 3), stride=2, groups=2)

    def forward(self, x):
        return self.up(torch.relu(self.conv(x)))


def keep(module, name, *shape):
    x = torch.randn(2, *shape)
    with torch.no_grad():
        outputs = randomized(module)(x)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    save({"state_dict": module.state_dict(), "case": {"x": x, **{f"y{i}": y for i, y in enumerate(outputs)}}}, name)


keep(Vae(), "vae.pth", 3, 6, 8)
keep(Branches(), "branches.pth", 3, 6, 4)
keep(Grouped(), "grouped.pth", 4, 5, 5)
keep(nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 5, 6), nn.ReLU(), nn.Linear(6, 6)), "pixels.pth", 3, 4, 5)
