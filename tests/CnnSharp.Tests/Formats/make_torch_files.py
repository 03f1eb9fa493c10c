"""Writes the .pt files beside this script's Cases folder: what torch.save makes of state dictionaries, and of what must be refused.

Run with PyTorch 1.6 or later: python3 make_torch_files.py
"""
import collections
import os

import torch

folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "Cases")
ramp = torch.arange(6, dtype=torch.float32).reshape(2, 3)

torch.save(
    collections.OrderedDict([
        ("conv.weight", ramp),
        ("transposed", ramp.t()),
        ("row", ramp[1]),
        ("half", ramp.half()),
        ("bfloat", ramp.bfloat16()),
        ("double", ramp.double()),
        ("count", torch.tensor(7)),
        ("flags", torch.tensor([True, False])),
        ("empty", torch.zeros(0, 3)),
        ("parameter", torch.nn.Parameter(ramp * 2)),
    ]),
    os.path.join(folder, "state.pt"))

net = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.BatchNorm1d(1))
with torch.no_grad():
    net[0].weight.copy_(torch.tensor([[1.0, 2.0]]))
    net[0].bias.copy_(torch.tensor([3.0]))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
net(torch.ones(2, 2)).sum().backward()
optimizer.step()
with torch.no_grad():
    net[0].weight.copy_(torch.tensor([[1.0, 2.0]]))
torch.save({"epoch": 3, "state_dict": net.state_dict(), "optimizer": optimizer.state_dict(), "best": 0.5}, os.path.join(folder, "checkpoint.pth"))

# A whole module: Python would import its class and run its code.
torch.save(torch.nn.ReLU(), os.path.join(folder, "module.pt"))


class Evil:
    def __reduce__(self):
        return os.system, ("echo this must never run",)


torch.save({"weight": ramp, "evil": Evil()}, os.path.join(folder, "evil.pt"))
torch.save({"weight": ramp}, os.path.join(folder, "legacy.pt"), _use_new_zipfile_serialization=False)
