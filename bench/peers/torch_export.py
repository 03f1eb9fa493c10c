#!/usr/bin/env python3
"""Writes a net with random weights as PyTorch exports it to ONNX: torch_export.py mobilenet_v2|efficientnet_b0 FILE."""
import sys

import torch

from torch_nets import EXPORTED

torch.manual_seed(1)
net = EXPORTED[sys.argv[1]]().eval()
torch.onnx.export(net, torch.randn(1, 3, 224, 224), sys.argv[2], input_names=["images"], output_names=["logits"], dynamic_axes={"images": {0: "n"}, "logits": {0: "n"}}, opset_version=17, dynamo=False)
