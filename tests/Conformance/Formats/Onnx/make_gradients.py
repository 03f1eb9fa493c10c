"""Writes the small graphs of the folder Gradients beside this script, and gradients.safetensors with what PyTorch makes of them:
input, output, a random gradient of the output, and the gradients of the input and of every weight.

Each graph is written out by hand, and the same function in PyTorch beside it. Run with PyTorch 2 and onnx 1.15 or later:
python3 make_gradients.py
"""
import json
import os
import struct

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper

folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "Gradients")
os.makedirs(folder, exist_ok=True)
for name in os.listdir(folder):
    os.remove(os.path.join(folder, name))
tensors = {}
generator = torch.Generator().manual_seed(5)


def random(*shape, low=-1.0, high=1.0):
    return torch.rand(shape, generator=generator) * (high - low) + low


def node(op, inputs, outputs, **attributes):
    return helper.make_node(op, inputs.split(), outputs.split(), **attributes)


def case(name, x, nodes, function, weights=None, constants=None, opset=17, ir=8):
    """weights: trained floats by name; constants: what the graph says of itself (numpy arrays)."""
    weights = {k: v.clone() for k, v in (weights or {}).items()}
    constants = constants or {}
    x = x.clone().requires_grad_()
    for w in weights.values():
        w.requires_grad_()
    y = function(x, **weights)
    dy = torch.randn(y.shape, generator=generator)
    gradients = torch.autograd.grad(y, [x, *weights.values()], dy, allow_unused=True)
    # What a program reads as settings stands as a node Constant, as exporters write it; weights are initializers.
    literals = [helper.make_node("Constant", [], [k], value=numpy_helper.from_array(np.asarray(v), k)) for k, v in constants.items()]
    graph = helper.make_graph(
        literals + nodes, name,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(x.shape))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, list(y.shape))],
        [numpy_helper.from_array(w.detach().numpy(), k) for k, w in weights.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir, producer_name="")
    onnx.checker.check_model(model)
    onnx.save(model, os.path.join(folder, f"{name}.onnx"))
    for key, value in [("x", x), ("y", y), ("dy", dy), ("dx", gradients[0]), *((f"d.{k}", g) for k, g in zip(weights, gradients[1:]))]:
        if value is not None:  # what is only compared with has no gradient
            tensors[f"{name}/{key}"] = value.detach().contiguous().numpy()


def i64(*values):
    return np.array(values, dtype=np.int64)


# ---- Functions of one input: y = f(x w + b) w, so that no gradient is 0 of itself ------------------------------------------
def unary(name, op, function, low=-1.0, high=1.0, scale=1.0, opset=17, **attributes):
    x = random(2, 3, 4, 3, low=low, high=high)
    case(name, x, [node("Mul", "x w", "h"), node(op, "h", "f", **attributes), node("Mul", "f h", "y")],
         lambda x, w: function(x * w) * (x * w), {"w": random(3, 1, 1, low=0.6, high=1.0) * scale}, opset=opset)


unary("erf", "Erf", torch.erf, -2, 2)
unary("floor", "Floor", torch.floor, -3, 3)
unary("ceil", "Ceil", torch.ceil, -3, 3)
unary("round", "Round", torch.round, -3, 3)
unary("sign", "Sign", torch.sign)
unary("sin", "Sin", torch.sin, -4, 4)
unary("cos", "Cos", torch.cos, -4, 4)
unary("tan", "Tan", torch.tan)
unary("asin", "Asin", torch.asin, -0.9, 0.9)
unary("acos", "Acos", torch.acos, -0.9, 0.9)
unary("atan", "Atan", torch.atan, -3, 3)
unary("sinh", "Sinh", torch.sinh, -2, 2)
unary("cosh", "Cosh", torch.cosh, -2, 2)
unary("asinh", "Asinh", torch.asinh, -3, 3)
unary("acosh", "Acosh", torch.acosh, 2, 4)
unary("atanh", "Atanh", torch.atanh, -0.9, 0.9)
unary("exp", "Exp", torch.exp)
unary("log", "Log", torch.log, 0.5, 2)
unary("sqrt", "Sqrt", torch.sqrt, 0.5, 2)
unary("abs", "Abs", torch.abs)
unary("neg", "Neg", torch.neg)
unary("relu", "Relu", torch.relu)
unary("leakyrelu", "LeakyRelu", lambda h: F.leaky_relu(h, 0.2), alpha=0.2)
unary("elu", "Elu", lambda h: F.elu(h, 0.7), alpha=0.7)
unary("selu", "Selu", F.selu)
unary("celu", "Celu", lambda h: F.celu(h, 0.8), alpha=0.8)
unary("thresholdedrelu", "ThresholdedRelu", lambda h: F.threshold(h, 0.2, 0.0), alpha=0.2)
unary("sigmoid", "Sigmoid", torch.sigmoid)
unary("tanh", "Tanh", torch.tanh)
unary("softplus", "Softplus", F.softplus)
unary("softsign", "Softsign", F.softsign)
unary("hardsigmoid", "HardSigmoid", F.hardsigmoid, -4, 4, alpha=1 / 6, beta=0.5)
unary("hardswish", "HardSwish", F.hardswish, -4, 4)
unary("softmax", "Softmax", lambda h: F.softmax(h, 2), axis=2)
unary("logsoftmax", "LogSoftmax", lambda h: F.log_softmax(h, 1), axis=1)
unary("softmax_before_13", "Softmax", lambda h: F.softmax(h.flatten(2), 2).reshape(h.shape), opset=12, axis=2)
unary("identity", "Identity", lambda h: h)
unary("lrn", "LRN", lambda h: F.local_response_norm(h, 3, alpha=0.3, beta=0.75, k=1.0), size=3, alpha=0.3)

half = np.float32(0.5)
case("reciprocal", random(2, 3, 4, 3, low=0.5, high=2), [node("Mul", "x w", "h"), node("Reciprocal", "h", "y")], lambda x, w: 1 / (x * w), {"w": random(3, 1, 1, low=0.5)})
case("clip", random(2, 3, 4, 3), [node("Mul", "x w", "h"), node("Clip", "h least most", "y")],
     lambda x, w: torch.clamp(x * w, -0.3, 0.4), {"w": random(3, 1, 1)}, {"least": np.float32(-0.3), "most": np.float32(0.4)})
case("clip_before_11", random(2, 3, 4, 3), [node("Mul", "x w", "h"), node("Clip", "h", "y", min=-0.3, max=0.4)],
     lambda x, w: torch.clamp(x * w, -0.3, 0.4), {"w": random(3, 1, 1)}, opset=10)
case("gelu_by_erf", random(2, 3, 4, 4, low=-3, high=3),
     [node("Mul", "x root", "s"), node("Erf", "s", "e"), node("Add", "e one", "p"), node("Mul", "x p", "q"), node("Mul", "q half", "g"), node("Conv", "g w b", "y", kernel_shape=[3, 3], pads=[1, 1, 1, 1])],
     lambda x, w, b: F.conv2d(F.gelu(x), w, b, padding=1), {"w": random(5, 3, 3, 3), "b": random(5)}, {"root": np.float32(0.5 ** 0.5), "one": np.float32(1), "half": half})
case("gelu_by_tanh", random(2, 3, 4, 4, low=-2, high=2),
     [node("Pow", "x three", "c"), node("Mul", "c a", "d"), node("Add", "x d", "e"), node("Mul", "e r", "f"), node("Tanh", "f", "g"), node("Add", "g one", "h"), node("Mul", "x h", "i"), node("Mul", "i half", "j"), node("Mul", "j w", "y")],
     lambda x, w: F.gelu(x, approximate="tanh") * w, {"w": random(3, 1, 1)}, {"three": np.float32(3), "a": np.float32(0.044715), "r": np.float32((2 / np.pi) ** 0.5), "one": np.float32(1), "half": half})
case("prelu", random(2, 3, 4, 4), [node("PRelu", "x w", "y")], lambda x, w: F.prelu(x, w.flatten()), {"w": random(3, 1, 1)})
case("prelu_of_every_element", random(2, 3, 4, 4), [node("PRelu", "x w", "y")], lambda x, w: torch.where(x > 0, x, w * x), {"w": random(3, 4, 4)})

# ---- Functions of several inputs ------------------------------------------------------------------------------------------
for op, function in [("Add", torch.add), ("Sub", torch.sub), ("Mul", torch.mul), ("Div", torch.div)]:
    case(op.lower(), random(2, 3, 4, 3), [node(op, "x w", "h"), node(op, "h v", "y")],
         lambda x, w, v, f=function: f(f(x, w), v), {"w": random(3, 1, 1, low=0.5), "v": random(4, 3, low=0.5)})
case("pow", random(2, 3, 4, 3, low=0.5, high=2), [node("Pow", "x w", "y")], lambda x, w: torch.pow(x, w), {"w": random(3, 1, 1, low=-2, high=2)})
case("pow_of_a_number", random(2, 3, 4, 3, low=0.5, high=2), [node("Mul", "x w", "h"), node("Pow", "h a", "y")],
     lambda x, w: torch.pow(x * w, -1.5), {"w": random(3, 1, 1, low=0.5)}, {"a": np.float32(-1.5)})
case("pow_of_an_integer", random(2, 3, 4, 3, low=-2, high=2), [node("Mul", "x w", "h"), node("Pow", "h a", "y")],
     lambda x, w: torch.pow(x * w, 4), {"w": random(3, 1, 1, low=0.5)}, {"a": i64(4)})
case("mod", random(2, 3, 4, 3, low=-3, high=3), [node("Mod", "x w", "h", fmod=1), node("Mul", "h x", "y")],
     lambda x, w: torch.fmod(x, w) * x, {"w": random(3, 1, 1, low=0.5)})
case("max", random(2, 3, 4, 3), [node("Max", "x w v", "y")], lambda x, w, v: torch.maximum(torch.maximum(x, w), v), {"w": random(3, 1, 1), "v": random(4, 3)})
case("min", random(2, 3, 4, 3), [node("Min", "x w v", "y")], lambda x, w, v: torch.minimum(torch.minimum(x, w), v), {"w": random(3, 1, 1), "v": random(4, 3)})
case("sum", random(2, 3, 4, 3), [node("Sum", "x w v", "y")], lambda x, w, v: x + w + v, {"w": random(3, 1, 1), "v": random(4, 3)})
case("mean", random(2, 3, 4, 3), [node("Mean", "x w v", "y")], lambda x, w, v: (x + w + v) / 3, {"w": random(3, 1, 1), "v": random(4, 3)})
case("where", random(2, 3, 4, 3), [node("Greater", "x zero", "c"), node("Mul", "x w", "h"), node("Where", "c h v", "y")],
     lambda x, w, v: torch.where(x > 0, x * w, v), {"w": random(3, 1, 1), "v": random(2, 3, 1, 3)}, {"zero": np.float32(0)})
case("where_of_masks", random(2, 3, 4, 3),
     [node("Less", "x a", "c"), node("GreaterOrEqual", "x w", "d"), node("And", "c d", "e"), node("Not", "e", "f"), node("LessOrEqual", "x x", "t"), node("Xor", "f t", "g"), node("Or", "g e", "k"), node("Where", "k x v", "y")],
     lambda x, w, v: torch.where((x < 0.5) & (x >= w), x, v), {"w": random(3, 1, 1, low=-0.5, high=0), "v": random(4, 3)}, {"a": np.float32(0.5)})
mask = np.array([[True, False, True], [False, True, True], [True, True, False], [False, False, True]])
case("where_of_a_constant", random(2, 3, 4, 3), [node("Mul", "x w", "h"), node("Where", "c h a", "f"), node("Softmax", "f", "y", axis=3)],
     lambda x, w: F.softmax((x * w).masked_fill(~torch.from_numpy(mask), -100.0), 3), {"w": random(3, 1, 1)}, {"c": mask, "a": np.float32(-100)})
case("cast_of_a_mask", random(2, 3, 4, 3), [node("Greater", "x w", "c"), node("Cast", "c", "f", to=TensorProto.FLOAT), node("Mul", "f x", "y")],
     lambda x, w: (x > w).float() * x, {"w": random(3, 1, 1)})
case("more_axes_than_four", random(2, 3, 4), [node("Reshape", "x s", "r"), node("Mul", "r w", "m"), node("Add", "m v", "y")],
     lambda x, w, v: x.reshape(2, 1, 3, 1, 4, 1) * w + v, {"w": random(2, 1, 3, 1, 2), "v": random(1, 2, 1, 3, 1, 2)}, {"s": i64(2, 1, 3, 1, 4, 1)})

# ---- Reductions -----------------------------------------------------------------------------------------------------------
for op, function in [("ReduceSum", lambda h: h.sum((1, 3), True)), ("ReduceMean", lambda h: h.mean((1, 3), True)), ("ReduceSumSquare", lambda h: (h * h).sum((1, 3), True)),
                     ("ReduceL1", lambda h: h.abs().sum((1, 3), True)), ("ReduceL2", lambda h: (h * h).sum((1, 3), True).sqrt()), ("ReduceLogSum", lambda h: h.sum((1, 3), True).log()),
                     ("ReduceLogSumExp", lambda h: h.logsumexp((1, 3), True)), ("ReduceMax", lambda h: h.amax((1, 3), True)), ("ReduceMin", lambda h: h.amin((1, 3), True)),
                     ("ReduceProd", lambda h: h.prod(3, True).prod(1, True))]:
    case(op.lower(), random(2, 3, 4, 3, low=0.3, high=1.5), [node("Mul", "x w", "h"), node(op, "h a", "r") if op == "ReduceSum" else node(op, "h", "r", axes=[1, 3]), node("Mul", "r x", "y")],
         lambda x, w, f=function: f(x * w) * x, {"w": random(3, 1, 1, low=0.5)}, {"a": i64(1, 3)} if op == "ReduceSum" else None)

# ---- Shapes ---------------------------------------------------------------------------------------------------------------
case("reshape", random(2, 3, 4, 5), [node("Reshape", "x s", "r"), node("MatMul", "r w", "y")], lambda x, w: x.reshape(2, 12, 5) @ w, {"w": random(5, 4)}, {"s": i64(0, -1, 5)})
case("flatten", random(2, 3, 4, 5), [node("Flatten", "x", "r"), node("Gemm", "r w b", "y", transB=1)], lambda x, w, b: F.linear(x.flatten(1), w, b), {"w": random(7, 60), "b": random(7)})
case("transpose", random(2, 3, 4, 5), [node("Transpose", "x", "t", perm=[0, 2, 3, 1]), node("MatMul", "t w", "m"), node("Transpose", "m", "y", perm=[0, 3, 1, 2])],
     lambda x, w: (x.permute(0, 2, 3, 1) @ w).permute(0, 3, 1, 2), {"w": random(3, 6)})
case("transpose_of_a_weight", random(4, 6), [node("Transpose", "w", "t"), node("MatMul", "x t", "h"), node("Relu", "h", "r"), node("MatMul", "r w", "y")],
     lambda x, w: torch.relu(x @ w.t()) @ w, {"w": random(6, 6)})
case("squeeze", random(2, 3, 1, 5), [node("Squeeze", "x a", "s"), node("Mul", "s w", "m"), node("Unsqueeze", "m b", "y")],
     lambda x, w: (x.squeeze(2) * w).unsqueeze(1), {"w": random(3, 1)}, {"a": i64(2), "b": i64(1)})
case("concat", random(2, 3, 4), [node("Expand", "token s", "e"), node("Concat", "e x", "c", axis=1), node("Add", "c place", "y")],
     lambda x, token, place: torch.cat([token.expand(2, 1, 4), x], 1) + place, {"token": random(1, 1, 4), "place": random(1, 4, 4)}, {"s": i64(2, 1, 4)})
case("split", random(2, 6, 4, 3), [node("Split", "x s", "a b c", axis=1), node("Mul", "a b", "d"), node("Concat", "d c w", "y", axis=1)],
     lambda x, w: torch.cat([x[:, :2] * x[:, 2:4], x[:, 4:], w], 1), {"w": random(2, 1, 4, 3)}, {"s": i64(2, 2, 2)})
case("slice", random(2, 6, 5, 4), [node("Slice", "x first past axes steps", "s"), node("Mul", "s w", "y")],
     lambda x, w: x[:, 1:6:2, :4:3] * w, {"w": random(3, 1, 1)}, {"first": i64(1, 0), "past": i64(6, 4), "axes": i64(1, 2), "steps": i64(2, 3)})
case("roll", random(2, 3, 5, 4), [node("Slice", "x a b c", "s"), node("Slice", "x d a c", "t"), node("Concat", "s t", "r", axis=2), node("Mul", "r w", "y")],
     lambda x, w: torch.roll(x, -2, 2) * w, {"w": random(5, 4)}, {"a": i64(2), "b": i64(2 ** 31), "c": i64(2), "d": i64(0)})
case("pad", random(2, 3, 4, 4), [node("Pad", "x p v", "q"), node("Conv", "q w", "y")],
     lambda x, w: F.conv2d(F.pad(x, (1, 2, 0, 1), value=0.5), w), {"w": random(2, 3, 3, 3)}, {"p": i64(0, 0, 0, 1, 0, 0, 1, 2), "v": half})
case("pad_by_reflection", random(2, 3, 4, 4), [node("Pad", "x p", "q", mode="reflect"), node("Conv", "q w", "y")],
     lambda x, w: F.conv2d(F.pad(x, (1, 2, 2, 1), mode="reflect"), w), {"w": random(2, 3, 3, 3)}, {"p": i64(0, 0, 2, 1, 0, 0, 1, 2)})
case("expand", random(2, 1, 4, 1), [node("Expand", "x s", "e"), node("Mul", "e w", "y")], lambda x, w: x.expand(2, 3, 4, 5) * w, {"w": random(3, 1, 5)}, {"s": i64(3, 1, 5)})
case("tile", random(2, 3, 2, 4), [node("Tile", "x r", "t"), node("Mul", "t w", "y")], lambda x, w: x.repeat(1, 2, 3, 2) * w, {"w": random(6, 6, 8)}, {"r": i64(1, 2, 3, 2)})
case("tile_of_a_weight", random(2, 6, 4), [node("Tile", "w r", "t"), node("Mul", "t x", "y")], lambda x, w: w.repeat(2, 2) * x, {"w": random(3, 2)}, {"r": i64(2, 2)})
case("depthtospace", random(2, 8, 2, 3), [node("DepthToSpace", "x", "d", blocksize=2, mode="CRD"), node("Mul", "d w", "y")], lambda x, w: F.pixel_shuffle(x, 2) * w, {"w": random(2, 1, 1)})
case("spacetodepth", random(2, 2, 4, 6), [node("SpaceToDepth", "x", "d", blocksize=2), node("Mul", "d w", "y")],
     lambda x, w: F.pixel_unshuffle(x, 2).reshape(2, 2, 4, 2, 3).transpose(1, 2).reshape(2, 8, 2, 3) * w, {"w": random(8, 1, 1)})
case("gather", random(2, 3, 4, 5), [node("Gather", "x i", "g", axis=2), node("Mul", "g w", "y")], lambda x, w: x[:, :, [3, 0, 3]] * w, {"w": random(3, 1, 1)}, {"i": i64(3, 0, 3)})
table = np.random.default_rng(3).integers(0, 9, 100)
case("gather_from_a_weight", random(2, 100, 3), [node("Gather", "w i", "g", axis=0), node("Mul", "g x", "y")], lambda x, w: w[torch.from_numpy(table)] * x, {"w": random(9, 3)}, {"i": table})

case("flip", random(2, 3, 5, 4), [node("Slice", "x a b c d", "s"), node("Mul", "s w", "y")], lambda x, w: torch.flip(x, [2]) * w, {"w": random(5, 4)}, {"a": i64(-1), "b": i64(-2 ** 31), "c": i64(2), "d": i64(-1)})
elements = np.random.default_rng(6).integers(0, 5, (2, 3, 4))
case("gatherelements", random(2, 5, 4), [node("GatherElements", "x i", "g", axis=1), node("Mul", "g w", "y")], lambda x, w: torch.gather(x, 1, torch.from_numpy(elements)) * w, {"w": random(3, 4)}, {"i": elements})
case("gathernd", random(3, 4, 2), [node("GatherND", "x i", "g"), node("Mul", "g w", "y")], lambda x, w: x[[2, 0, 2], [3, 1, 3]] * w, {"w": random(2)}, {"i": np.array([[2, 3], [0, 1], [2, 3]], dtype=np.int64)})
case("scatternd", random(3, 4, 2), [node("Mul", "x v", "h"), node("ScatterND", "h i w", "y")],
     lambda x, v, w: torch.index_put(x * v, (torch.tensor([2, 0]), torch.tensor([3, 1])), w), {"v": random(4, 2), "w": random(2, 2)}, {"i": np.array([[2, 3], [0, 1]], dtype=np.int64)})
places = np.array([[0, 2, 1], [3, 0, 3]], dtype=np.int64)
case("scatterelements", random(4, 3), [node("Mul", "x v", "h"), node("ScatterElements", "h i w", "y", axis=0, reduction="add")], lambda x, v, w: torch.scatter_add(x * v, 0, torch.from_numpy(places), w), {"v": random(3), "w": random(2, 3)}, {"i": places}, opset=16)
case("topk", random(2, 9, 3), [node("Mul", "x w", "h"), node("TopK", "h k", "v i", axis=1), node("Mul", "v u", "y")], lambda x, w, u: torch.topk(x * w, 3, 1)[0] * u, {"w": random(3, low=0.5), "u": random(3, 1)}, {"k": i64(3)})
case("cumsum", random(2, 5, 3), [node("CumSum", "x a", "c"), node("Mul", "c w", "y")], lambda x, w: torch.cumsum(x, 1) * w, {"w": random(3)}, {"a": np.int64(1)})
case("trilu", random(2, 4, 4), [node("Mul", "x w", "h"), node("Trilu", "h", "y", upper=0)], lambda x, w: torch.tril(x * w), {"w": random(4)})
case("einsum", random(2, 3, 4), [node("Einsum", "x w", "h", equation="bij,kj->bki"), node("Einsum", "h h", "y", equation="bki,bkj->bij")], lambda x, w: (lambda h: torch.einsum("bki,bkj->bij", h, h))(torch.einsum("bij,kj->bki", x, w)), {"w": random(5, 4)})

# ---- Layers ---------------------------------------------------------------------------------------------------------------
case("conv", random(2, 4, 5, 6), [node("Conv", "x w b", "y", group=2, strides=[2, 1], pads=[1, 0, 1, 2], dilations=[1, 2])],
     lambda x, w, b: F.conv2d(F.pad(x, (0, 2, 1, 1)), w, b, (2, 1), 0, (1, 2), 2), {"w": random(6, 2, 3, 2), "b": random(6)})
case("conv_along_one_axis", random(2, 3, 9), [node("Conv", "x w b", "y", pads=[2, 2])], lambda x, w, b: F.conv1d(x, w, b, padding=2), {"w": random(4, 3, 5), "b": random(4)})
case("conv_of_volumes", random(1, 2, 4, 4, 3), [node("Conv", "x w b", "y", pads=[1, 1, 1, 1, 1, 1])], lambda x, w, b: F.conv3d(x, w, b, padding=1), {"w": random(3, 2, 3, 3, 3), "b": random(3)})
case("convtranspose", random(2, 4, 3, 4), [node("ConvTranspose", "x w b", "y", strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1])],
     lambda x, w, b: F.conv_transpose2d(x, w, b, 2, 1, 1), {"w": random(4, 3, 3, 3), "b": random(3)})
case("tied_conv_and_convtranspose", random(2, 4, 5, 5), [node("Conv", "x w", "c", pads=[1, 1, 1, 1]), node("Relu", "c", "r"), node("ConvTranspose", "r w", "y", pads=[1, 1, 1, 1])],
     lambda x, w: F.conv_transpose2d(torch.relu(F.conv2d(x, w, padding=1)), w, padding=1), {"w": random(4, 4, 3, 3)})
case("tied_gemms", random(3, 5), [node("Gemm", "x w b", "h", transB=1), node("Tanh", "h", "t"), node("Gemm", "t w", "y")],
     lambda x, w, b: torch.tanh(F.linear(x, w, b)) @ w, {"w": random(5, 5), "b": random(5)})
case("gemm", random(5, 3), [node("Gemm", "x w b", "y", alpha=0.5, beta=2.0, transA=1)], lambda x, w, b: 0.5 * x.t() @ w + 2 * b, {"w": random(5, 4), "b": random(3, 1)})
case("matmul_of_a_batch", random(2, 3, 4, 5), [node("Mul", "x w", "h"), node("Transpose", "h", "t", perm=[0, 1, 3, 2]), node("MatMul", "x t", "y")],
     lambda x, w: x @ (x * w).transpose(2, 3), {"w": random(3, 1, 1)})
case("matmul_with_repeated_axes", random(2, 1, 4, 5), [node("MatMul", "x w", "y")], lambda x, w: x @ w, {"w": random(3, 5, 2)})
case("attention", random(2, 6, 8),
     [node("MatMul", "x qkv", "m"), node("Add", "m bias", "a"), node("Reshape", "a s", "r"), node("Transpose", "r", "t", perm=[2, 0, 3, 1, 4]), node("Gather", "t zero", "q", axis=0), node("Gather", "t one", "k", axis=0), node("Gather", "t two", "v", axis=0),
      node("Transpose", "k", "kt", perm=[0, 1, 3, 2]), node("MatMul", "q kt", "d"), node("Mul", "d scale", "e"), node("Add", "e place", "f"), node("Softmax", "f", "p", axis=-1), node("MatMul", "p v", "o"), node("Transpose", "o", "u", perm=[0, 2, 1, 3]), node("Reshape", "u back", "z"), node("MatMul", "z out", "y")],
     lambda x, qkv, bias, place, out: (lambda t: (F.softmax(t[0] @ t[1].transpose(2, 3) * 0.5 + place, -1) @ t[2]).transpose(1, 2).reshape(2, 6, 8) @ out)((x @ qkv + bias).reshape(2, 6, 3, 2, 4).permute(2, 0, 3, 1, 4)),
     {"qkv": random(8, 24), "bias": random(24), "place": random(2, 6, 6), "out": random(8, 8)},
     {"s": i64(2, 6, 3, 2, 4), "zero": np.int64(0), "one": np.int64(1), "two": np.int64(2), "scale": half, "back": i64(2, 6, 8)})
case("layernorm_of_its_parts", random(2, 5, 8), [node("ReduceMean", "x", "m", axes=[-1]), node("Sub", "x m", "c"), node("Pow", "c two", "s"), node("ReduceMean", "s", "v", axes=[-1]), node("Add", "v eps", "e"), node("Sqrt", "e", "d"), node("Div", "c d", "n"), node("Mul", "n w", "p"), node("Add", "p b", "y")],
     lambda x, w, b: F.layer_norm(x, (8,), w, b, 1e-5), {"w": random(8), "b": random(8)}, {"two": np.float32(2), "eps": np.float32(1e-5)})
mean, variance = random(3), random(3, low=0.5, high=1.5)
case("batchnormalization", random(2, 3, 4, 4), [node("Conv", "x v", "c"), node("BatchNormalization", "c w b mean variance", "y", epsilon=1e-3)],
     lambda x, v, w, b: F.batch_norm(F.conv2d(x, v), mean, variance, w, b, False, 0, 1e-3), {"v": random(3, 3, 1, 1), "w": random(3), "b": random(3)}, {"mean": mean.numpy(), "variance": variance.numpy()})
case("instancenormalization", random(2, 3, 4, 4), [node("InstanceNormalization", "x w b", "y", epsilon=1e-3)], lambda x, w, b: F.instance_norm(x, None, None, w, b, True, 0, 1e-3), {"w": random(3), "b": random(3)})
for name, op, function in [("maxpool", "MaxPool", lambda h: F.max_pool2d(h, 3, 2, 1)), ("averagepool", "AveragePool", lambda h: F.avg_pool2d(h, 3, 2, 1, count_include_pad=False))]:
    case(name, random(2, 3, 5, 6), [node("Mul", "x w", "h"), node(op, "h", "y", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])], lambda x, w, f=function: f(x * w), {"w": random(3, 1, 1)})
case("globalaveragepool", random(2, 3, 5, 6), [node("Mul", "x w", "h"), node("GlobalAveragePool", "h", "y")], lambda x, w: F.adaptive_avg_pool2d(x * w, 1), {"w": random(3, 1, 1)})
case("globalmaxpool", random(2, 3, 5, 6), [node("Mul", "x w", "h"), node("GlobalMaxPool", "h", "y")], lambda x, w: F.adaptive_max_pool2d(x * w, 1), {"w": random(3, 1, 1)})
case("dropout", random(2, 3, 4), [node("Mul", "x w", "h"), node("Dropout", "h", "y")], lambda x, w: x * w, {"w": random(3, 1)})
case("resize", random(2, 3, 3, 4), [node("Mul", "x w", "h"), helper.make_node("Resize", ["h", "", "s"], ["y"], mode="linear", coordinate_transformation_mode="half_pixel")],
     lambda x, w: F.interpolate(x * w, scale_factor=2, mode="bilinear"), {"w": random(3, 1, 1)}, {"s": np.array([1, 1, 2, 2], dtype=np.float32)})
grid = np.random.default_rng(8).uniform(-1.1, 1.1, (2, 3, 4, 2)).astype(np.float32)
case("layernormalization", random(2, 5, 8), [node("LayerNormalization", "x w b", "y", axis=-1, epsilon=1e-3)], lambda x, w, b: F.layer_norm(x, (8,), w, b, 1e-3), {"w": random(8), "b": random(8)})
case("groupnormalization", random(2, 6, 3, 4), [node("GroupNormalization", "x w b", "y", num_groups=2, epsilon=1e-3)], lambda x, w, b: F.group_norm(x, 2, w, b, 1e-3), {"w": random(6), "b": random(6)}, opset=21, ir=10)
case("lpnormalization", random(2, 5, 4), [node("Mul", "x w", "h"), node("LpNormalization", "h", "y", axis=1, p=2)], lambda x, w: F.normalize(x * w, 2, 1), {"w": random(5, 4, low=0.5)})
case("meanvariancenormalization", random(2, 3, 4, 5), [node("Mul", "x w", "h"), node("MeanVarianceNormalization", "h", "y", axes=[0, 2, 3])],
     lambda x, w: (lambda h: (h - h.mean((0, 2, 3), True)) / (h.var((0, 2, 3), unbiased=False, keepdim=True).sqrt() + 1e-9))(x * w), {"w": random(4, 5, low=0.5)})
case("mish", random(2, 3, 4, low=-3, high=3), [node("Mul", "x w", "h"), node("Mish", "h", "y")], lambda x, w: F.mish(x * w), {"w": random(4)}, opset=18)
case("gelu", random(2, 3, 4, low=-3, high=3), [node("Mul", "x w", "h"), node("Gelu", "h", "f", approximate="tanh"), node("Gelu", "f", "y")], lambda x, w: F.gelu(F.gelu(x * w, approximate="tanh")), {"w": random(4)}, opset=20, ir=9)
case("shrink", random(2, 3, 4, low=-1, high=1), [node("Mul", "x w", "h"), node("Shrink", "h", "y", bias=0.1, lambd=0.3)], lambda x, w: (lambda h: torch.where(h > 0.3, h - 0.1, torch.where(h < -0.3, h + 0.1, 0 * h)))(x * w), {"w": random(4)})
case("lppool", random(2, 3, 6, 4, low=0.2), [node("Mul", "x w", "h"), node("LpPool", "h", "y", kernel_shape=[2, 2], strides=[2, 2], p=2)], lambda x, w: F.lp_pool2d(x * w, 2, 2), {"w": random(3, 1, 1, low=0.5)})
case("resize_by_cubic", random(2, 3, 6, 5), [node("Mul", "x w", "h"), helper.make_node("Resize", ["h", "", "", "s"], ["y"], mode="cubic", cubic_coeff_a=-0.75, coordinate_transformation_mode="pytorch_half_pixel")],
     lambda x, w: F.interpolate(x * w, size=(4, 8), mode="bicubic"), {"w": random(3, 1, 1)}, {"s": i64(2, 3, 4, 8)})
case("gridsample", random(2, 3, 5, 4), [node("Mul", "x w", "h"), node("GridSample", "h g", "y", mode="bilinear", padding_mode="zeros", align_corners=1)],
     lambda x, w: F.grid_sample(x * w, torch.from_numpy(grid), "bilinear", "zeros", True), {"w": random(3, 1, 1)}, {"g": grid})
labels = np.array([2, 0, 1], dtype=np.int64)
case("negativeloglikelihoodloss", random(3, 4), [node("Mul", "x w", "h"), node("LogSoftmax", "h", "l", axis=1), node("NegativeLogLikelihoodLoss", "l t v", "y")],
     lambda x, w: F.nll_loss(F.log_softmax(x * w, 1), torch.from_numpy(labels), torch.tensor([0.5, 1, 2, 0.25])), {"w": random(4)}, {"t": labels, "v": np.array([0.5, 1, 2, 0.25], dtype=np.float32)})
pixels = np.random.default_rng(4).integers(0, 3, (2, 4, 3))
case("softmaxcrossentropyloss", random(2, 3, 4, 3), [node("Mul", "x w", "h"), node("SoftmaxCrossEntropyLoss", "h t", "y", reduction="sum", ignore_index=1)],
     lambda x, w: F.cross_entropy(x * w, torch.from_numpy(pixels), reduction="sum", ignore_index=1), {"w": random(3, 1, 1)}, {"t": pixels})
case("gridsample_of_a_trained_grid", random(2, 3, 5, 4), [node("Mul", "g s", "t"), node("GridSample", "x t", "y", mode="bicubic", padding_mode="border", align_corners=0)],
     lambda x, g, s: F.grid_sample(x, g * s, "bicubic", "border", False), {"g": random(2, 3, 4, 2, low=-1.2, high=1.2), "s": random(2, low=0.5)})

# safetensors: a header of JSON with types, shapes and places, then the elements.
header, at = {}, 0
for name in sorted(tensors):
    size = tensors[name].nbytes
    header[name] = {"dtype": "F32", "shape": list(tensors[name].shape), "data_offsets": [at, at + size]}
    at += size
text = json.dumps(header, separators=(",", ":")).encode()
text += b" " * (-len(text) % 8)
with open(os.path.join(folder, "gradients.safetensors"), "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text)
    for name in sorted(tensors):
        file.write(tensors[name].astype("<f4").tobytes())
print(len(os.listdir(folder)) - 1, "graphs")
