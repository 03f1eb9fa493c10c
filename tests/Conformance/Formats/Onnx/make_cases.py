#!/usr/bin/env python3
"""Writes cases.json: single ONNX operators at the versions whose rules differ, with what onnx's own reference, or PyTorch, makes of them.

    python3 make_cases.py > cases.json        (needs onnx 1.17, PyTorch 2.6 and torchvision)

A case: {"name", "opset", "op", "attributes", "inputs": [null or {"type", "shape", "values", "constant"}], "outputs": [...]}.
Attributes are numbers, text or lists of them; a whole number is an int, one with a point a float.
"""
import json
import sys

import numpy as np
import torch
import torchvision
from onnx import helper
from onnx.reference import ReferenceEvaluator

rng = np.random.default_rng(12)
cases = []
TYPES = {"float32": "Float", "float16": "Float16", "float64": "Double", "int64": "Int64", "int32": "Int32", "int8": "Int8", "uint8": "UInt8", "bool": "Bool"}


def x(*shape):
    """Random numbers that float32 and text hold exactly; none is 0, where some functions have no gradient."""
    values = np.round(rng.standard_normal(shape) * 64) / 64
    return np.where(values == 0, 1 / 64, values).astype(np.float32)


def ints(*values):
    return np.array(values, np.int64)


def floats(*values):
    return np.array(values, np.float32)


def store(a):
    a = np.asarray(a)
    return {"type": TYPES[str(a.dtype)], "shape": list(a.shape), "values": [float(f"{v:.7g}") if np.isfinite(v) else f"{'-' if v < 0 else ''}Infinity" for v in a.reshape(-1)]}


def case(name, opset, op, inputs, outputs=1, constants=(), expect=None, **attributes):
    names = ["" if value is None else f"x{i}" for i, value in enumerate(inputs)]
    node = helper.make_node(op, names, [f"y{i}" for i in range(outputs)], **attributes)
    given = {n: v for n, v in zip(names, inputs) if n}
    if expect is None:
        infos = [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape) for n, v in given.items()]
        graph = helper.make_graph([node], name, infos, [helper.make_tensor_value_info(f"y{i}", 0, None) for i in range(outputs)])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
        expect = ReferenceEvaluator(model).run(None, given)
    stored = [None if v is None else store(v) | ({"constant": True} if i in constants else {}) for i, v in enumerate(inputs)]
    cases.append({"name": name, "opset": opset, "op": op, "attributes": attributes, "inputs": stored, "outputs": [store(v) for v in expect]})


image = x(2, 3, 6, 5)
for mode in ("nearest", "linear", "cubic"):
    for coordinates in ("half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel"):
        case(f"resize_{mode}_{coordinates}_down", 13, "Resize", [image, None, None, ints(2, 3, 4, 3)], mode=mode, coordinate_transformation_mode=coordinates)
        case(f"resize_{mode}_{coordinates}_up", 11, "Resize", [image, None, floats(1, 1, 1.5, 2.3)], mode=mode, coordinate_transformation_mode=coordinates)
for rounding in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
    case(f"resize_{rounding}", 19, "Resize", [image, None, floats(1, 1, 0.7, 1.3)], mode="nearest", nearest_mode=rounding)
for mode in ("linear", "cubic"):
    case(f"resize_{mode}_antialias", 18, "Resize", [image, None, floats(0.6, 0.45)], mode=mode, antialias=1, axes=[2, 3])
    case(f"resize_{mode}_exclude_outside", 18, "Resize", [image, None, floats(1.7, 0.8)], mode=mode, exclude_outside=1, axes=[2, 3])
case("resize_crop", 13, "Resize", [x(1, 1, 4, 4), floats(0, 0, 0.4, 0.6, 1, 1, 1.2, 1.7), None, ints(1, 1, 3, 4)], mode="linear", coordinate_transformation_mode="tf_crop_and_resize", extrapolation_value=10.0)
case("resize_not_larger", 18, "Resize", [image, None, None, ints(4, 9)], mode="linear", axes=[2, 3], keep_aspect_ratio_policy="not_larger")
case("resize_symmetric", 19, "Resize", [x(1, 1, 1, 5), None, floats(1, 1, 1, 0.7)], mode="linear", coordinate_transformation_mode="half_pixel_symmetric")
case("resize_10", 10, "Resize", [image, floats(1, 1, 0.5, 0.6)], mode="nearest", expect=[image[:, :, ::2][:, :, :, (np.arange(3) / np.float32(0.6)).astype(int)]])
case("upsample_7", 7, "Upsample", [image], mode="nearest", scales=[1.0, 1.0, 1.5, 2.0], expect=[image[:, :, (np.arange(9) / 1.5).astype(int)][:, :, :, (np.arange(10) / 2).astype(int)]])

case("layer_norm", 17, "LayerNormalization", [x(2, 3, 4), x(4), x(4)], constants=(1, 2))
case("layer_norm_axes", 17, "LayerNormalization", [x(2, 3, 4), x(3, 4), x(3, 4)], outputs=3, axis=1, epsilon=1e-3)
a, s, b = x(2, 6, 3, 2), x(2), x(2)
normal = a.reshape(2, 2, -1)
normal = ((normal - normal.mean(2, keepdims=True)) / np.sqrt(normal.var(2, keepdims=True) + 1e-5)).reshape(2, 2, 3, 3, 2)
case("group_norm_18", 18, "GroupNormalization", [a, s, b], constants=(1, 2), num_groups=2, expect=[(normal * s.reshape(1, 2, 1, 1, 1) + b.reshape(1, 2, 1, 1, 1)).reshape(a.shape)])
s, b = x(6), x(6)
case("group_norm_21", 21, "GroupNormalization", [a, s, b], constants=(1, 2), num_groups=2, expect=[normal.reshape(a.shape) * s.reshape(1, 6, 1, 1) + b.reshape(1, 6, 1, 1)])
case("instance_norm", 22, "InstanceNormalization", [a, s, b], constants=(1, 2))
case("mvn", 13, "MeanVarianceNormalization", [a])
case("rms_norm", 23, "RMSNormalization", [x(2, 4), x(4)], expect=[np.zeros((2, 4), np.float32)])
rows = np.array(cases[-1]["inputs"][0]["values"]).reshape(2, 4)
cases[-1]["outputs"] = [store((rows / np.sqrt((rows ** 2).mean(1, keepdims=True) + 1e-5) * np.array(cases[-1]["inputs"][1]["values"])).astype(np.float32))]
for p in (1, 2):
    s = x(3, 4)
    case(f"lp_normalization_{p}", 22, "LpNormalization", [s], p=p, axis=0, expect=[s / np.linalg.norm(s, p, axis=0, keepdims=True)])
    case(f"lp_pool_{p}", 18, "LpPool", [image], p=p, kernel_shape=[3, 2], strides=[2, 1])
case("global_lp_pool", 22, "GlobalLpPool", [image], p=3, expect=[(np.abs(image) ** 3).sum((2, 3), keepdims=True) ** np.float32(1 / 3)])
case("average_pool_dilated", 19, "AveragePool", [image], kernel_shape=[2, 2], dilations=[2, 2], pads=[1, 0, 1, 0], count_include_pad=1)
m, v = x(3), np.abs(x(3)) + 1
scale, bias = x(3), x(3)
bm, bv = image.mean((0, 2, 3)), image.var((0, 2, 3))
norm = (image - bm.reshape(1, 3, 1, 1)) / np.sqrt(bv.reshape(1, 3, 1, 1) + 1e-5) * scale.reshape(1, 3, 1, 1) + bias.reshape(1, 3, 1, 1)
case("batch_norm_training_9", 9, "BatchNormalization", [image, scale, bias, m, v], outputs=5, momentum=0.75, expect=[norm, m * 0.75 + bm * 0.25, v * 0.75 + bv * 0.25, bm, bv])
case("batch_norm_training_15", 15, "BatchNormalization", [image, scale, bias, m, v], outputs=3, momentum=0.75, training_mode=1, expect=[norm, m * 0.75 + bm * 0.25, v * 0.75 + bv * 0.25])

case("hard_swish", 14, "HardSwish", [x(3, 4)])
case("hard_sigmoid", 6, "HardSigmoid", [x(3, 4)], alpha=0.3, beta=0.4)
case("mish", 18, "Mish", [x(3, 4)])
case("gelu_tanh", 20, "Gelu", [x(3, 4)], approximate="tanh")
s = x(3, 4)
case("swish", 24, "Swish", [s], alpha=1.5, expect=[(s / (1 + np.exp(-1.5 * s))).astype(np.float32)])
case("shrink", 9, "Shrink", [x(3, 4)], lambd=0.5, bias=0.25)
case("hardmax", 13, "Hardmax", [x(3, 4)], axis=0)

case("gather", 13, "Gather", [x(4, 3, 2), ints(2, 0, 2, -1, 1, 0, 3, 3, 1).reshape(3, 3)], axis=0)
case("gather_elements", 13, "GatherElements", [x(3, 4), ints(0, 1, 3, -1, 2, 2).reshape(3, 2)], axis=1)
case("gather_nd", 13, "GatherND", [x(2, 3, 4), ints(1, 0, 2).reshape(3, 1)[:2]], batch_dims=1)
case("scatter_nd", 13, "ScatterND", [x(4, 3), ints(3, 1).reshape(2, 1), x(2, 3)])
case("scatter_nd_add", 16, "ScatterND", [x(4, 3), ints(3, 1, 3).reshape(3, 1), x(3, 3)], reduction="add")
case("scatter_elements", 18, "ScatterElements", [x(3, 4), ints(1, 0, 2, 1).reshape(1, 4), x(1, 4)], axis=0)
case("scatter_elements_max", 18, "ScatterElements", [x(3, 4), ints(1, 3).reshape(1, 2), x(1, 2)], axis=1, reduction="max")
case("top_k", 11, "TopK", [x(2, 5, 3), ints(2)], outputs=2, axis=1)
case("top_k_least", 11, "TopK", [x(3, 5), ints(3)], outputs=2, largest=0)
for exclusive in (0, 1):
    for reverse in (0, 1):
        case(f"cum_sum_{exclusive}{reverse}", 14, "CumSum", [x(3, 4), np.array(1, np.int64)], exclusive=exclusive, reverse=reverse)
for upper in (0, 1):
    case(f"trilu_{upper}", 14, "Trilu", [x(2, 3, 4), np.array(1 - 2 * upper, np.int64)], upper=upper)
case("reverse_sequence", 10, "ReverseSequence", [x(4, 3, 2), ints(1, 4, 2)], time_axis=0, batch_axis=1)
case("compress", 11, "Compress", [x(3, 4), np.array([True, False, True])], axis=0)
case("center_crop_pad", 18, "CenterCropPad", [x(5, 4), ints(3, 7)])
case("pad_wrap", 19, "Pad", [x(3, 4), ints(1, 2, 0, 3)], mode="wrap")
case("pad_axes", 18, "Pad", [x(3, 4), ints(2, 1), None, ints(1)], mode="reflect")
case("split_uneven", 18, "Split", [x(7, 2)], outputs=3, num_outputs=3)
for equation, shapes in (("bij,bjk->bik", [(2, 3, 4), (2, 4, 2)]), ("...ii->...i", [(2, 3, 3)]), ("ij,kl,jl->ik", [(2, 3), (2, 4), (3, 4)]), ("bchw,bkc->bkhw", [(2, 3, 2, 2), (2, 4, 3)]), ("ij->", [(3, 4)])):
    operands = [x(*shape) for shape in shapes]
    case(f"einsum_{equation}", 12, "Einsum", operands, equation=equation, expect=[np.einsum(equation, *operands)])
grid = (np.round(rng.uniform(-1.3, 1.3, (2, 3, 2, 2)) * 64) / 64).astype(np.float32)
for mode in ("linear", "cubic", "nearest"):
    for padding in ("zeros", "border", "reflection"):
        # By PyTorch: onnx's reference clips positions before it takes a cubic's neighbors.
        sampled = torch.nn.functional.grid_sample(torch.tensor(image), torch.tensor(grid), {"linear": "bilinear", "cubic": "bicubic"}.get(mode, mode), padding, padding == "border")
        case(f"grid_sample_{mode}_{padding}", 20, "GridSample", [image, grid], mode=mode, padding_mode=padding, align_corners=int(padding == "border"), expect=[sampled.numpy()])
case("max_unpool", 11, "MaxUnpool", [x(1, 1, 2, 2), ints(5, 7, 13, 15).reshape(1, 1, 2, 2)], kernel_shape=[2, 2], strides=[2, 2])
case("lrn_even", 13, "LRN", [image], size=2, alpha=0.5, expect=[image / (1 + 0.25 * np.stack([(image[:, c:c + 2] ** 2).sum(1) for c in range(3)], 1)) ** 0.75])

theta = x(2, 2, 3)
for align in (0, 1):
    case(f"affine_grid_{align}", 20, "AffineGrid", [theta, ints(2, 3, 4, 5)], align_corners=align, expect=[torch.nn.functional.affine_grid(torch.tensor(theta), (2, 3, 4, 5), bool(align)).numpy()])
columns = x(2, 3 * 6, 20)
case("col2im", 18, "Col2Im", [columns, ints(6, 5), ints(2, 3)], strides=[2, 1], pads=[1, 1, 1, 1], expect=[torch.nn.functional.fold(torch.tensor(columns), (6, 5), (2, 3), 1, 1, (2, 1)).numpy()])
d, w, o, b, m = x(2, 4, 5, 6), x(6, 2, 3, 2), x(2, 24, 3, 5), x(6), x(2, 12, 3, 5)
deformed = torchvision.ops.deform_conv2d(torch.tensor(d), torch.tensor(o), torch.tensor(w), torch.tensor(b), (2, 1), (1, 0), (1, 1), torch.tensor(m))
case("deform_conv", 19, "DeformConv", [d, w, o, b, m], constants=(1, 3), strides=[2, 1], pads=[1, 0, 1, 0], group=2, offset_group=2, kernel_shape=[3, 2], expect=[deformed.numpy()])
boxes, scores = np.abs(x(1, 6, 4)), np.abs(x(1, 2, 6))
boxes[..., 2:] += boxes[..., :2]
corners = torch.tensor(boxes[0][:, [1, 0, 3, 2]])
kept = [[0, c, int(i)] for c in range(2) for i in torchvision.ops.nms(corners, torch.tensor(scores[0, c]), 0.3)[:4]]
case("non_max_suppression", 11, "NonMaxSuppression", [boxes, scores, ints(4), floats(0.3)], constants=(), expect=[np.array(kept, np.int64)])
q, k, v, mask = x(2, 4, 3, 8), x(2, 2, 5, 8), x(2, 2, 5, 6), np.array([[True, True, False, True, True], [False, True, True, True, False], [True, False, False, False, True]])
attended = torch.nn.functional.scaled_dot_product_attention(torch.tensor(q), torch.tensor(k).repeat_interleave(2, 1), torch.tensor(v).repeat_interleave(2, 1), torch.tensor(mask))
case("attention", 23, "Attention", [q, k, v, mask], expect=[attended.numpy()])
attended = torch.nn.functional.scaled_dot_product_attention(torch.tensor(q), torch.tensor(q), torch.tensor(q), is_causal=True).numpy()
case("attention_packed_causal", 24, "Attention", [q.transpose(0, 2, 1, 3).reshape(2, 3, 32)] * 3, q_num_heads=4, kv_num_heads=4, is_causal=1, expect=[attended.transpose(0, 2, 1, 3).reshape(2, 3, 32)])

case("quantize", 13, "QuantizeLinear", [x(3, 4), floats(0.1, 0.05, 0.2), np.array([3, 100, 7], np.uint8)], axis=0)
case("dequantize", 13, "DequantizeLinear", [np.arange(-6, 6, dtype=np.int8).reshape(3, 4), floats(0.1, 0.05, 0.2, 1), np.array([3, 1, 7, 0], np.int8)], axis=1, expect=[((np.arange(-6, 6).reshape(3, 4) - [3, 1, 7, 0]) * floats(0.1, 0.05, 0.2, 1)).astype(np.float32)])
case("reduce_max_empty", 20, "ReduceMax", [x(2, 0, 3), ints(1)], keepdims=0, expect=[np.full((2, 3), -np.inf, np.float32)])
case("reduce_noop", 18, "ReduceSumSquare", [x(2, 3), None], noop_with_empty_axes=1, expect=[np.zeros((2, 3), np.float32)])
cases[-1]["outputs"] = [store(np.array(cases[-1]["inputs"][0]["values"], np.float32).reshape(2, 3) ** 2)]
half = x(2, 3, 4, 4).astype(np.float16)
case("half_relu", 14, "Relu", [half])
w = x(4, 3, 1, 1).astype(np.float16)
case("half_conv", 22, "Conv", [half, w], constants=(1,), expect=[np.einsum("ncij,kc->nkij", half.astype(np.float32), w[:, :, 0, 0].astype(np.float32)).astype(np.float16)])

json.dump({"cases": cases}, sys.stdout, separators=(",", ":"))
