"""Writes Cases/labels.json: PyTorch's losses with labels in float64, and their gradients, for LabelTests.cs.

    python3 make_label_cases.py        (PyTorch 2.6)

Every combination of class weights, a label to ignore, label smoothing and reduction; batches of which no row counts;
logits that are infinite, all equal or huge. `upstream` is the gradient of the loss (one a row without a reduction).
Infinities and NaN are texts. multi_margin_loss divides by the number of classes, which is made good here; it ignores no label.
"""
import json
import math
import pathlib
import random

import torch
import torch.nn.functional as F

random.seed(3)
INF = math.inf


def text(values):
    return [float(f"{v:.11g}") if math.isfinite(v) else "NaN" if math.isnan(v) else "Infinity" if v > 0 else "-Infinity" for v in values]


def case(name, loss, x, labels, reduction, weights=None, ignore=None, smoothing=0.0, margin=1.0):
    x = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    target = torch.tensor(labels)
    weight = None if weights is None else torch.tensor(weights, dtype=torch.float64)
    if loss == "cross_entropy":
        moved = x if x.dim() == 2 else x.movedim(-1, 1)
        y = F.cross_entropy(moved, target, weight, reduction=reduction, ignore_index=-100 if ignore is None else ignore, label_smoothing=smoothing)
    else:
        y = F.multi_margin_loss(x, target, margin=margin, weight=weight, reduction=reduction) * x.shape[-1]
    upstream = [round(random.uniform(-2, 2), 3) for _ in range(y.numel())]
    y.backward(torch.tensor(upstream, dtype=torch.float64).reshape(y.shape))
    return dict(
        name=name, loss=loss, shape=list(x.shape), x=text(x.detach().flatten().tolist()), labels=target.flatten().tolist(), reduction=reduction,
        weights=weights, ignore=ignore, smoothing=smoothing, margin=margin, upstream=upstream, y=text(y.detach().flatten().tolist()), dx=text(x.grad.flatten().tolist()))


def logits(*shape):
    if len(shape) == 1:
        return [round(random.uniform(-4, 4), 3) for _ in range(shape[0])]
    return [logits(*shape[1:]) for _ in range(shape[0])]


cases = []
for classes, rows in ((3, 5), (10, 7), (40, 4)):
    for weights in (None, [round(random.uniform(0, 3), 3) for _ in range(classes)]):
        for ignore in (None, -100, 1):
            for smoothing in (0.0, 0.1, 1.0)[:3 if classes == 3 else 2]:
                for reduction in ("mean", "sum", "none"):
                    labels = [random.randrange(classes) for _ in range(rows)]
                    labels[0], labels[1] = 0, 2
                    if ignore is not None:
                        labels[rows // 2] = labels[-1] = ignore
                    cases.append(case(f"{classes} classes, weights {weights is not None}, ignore {ignore}, smoothing {smoothing}, {reduction}", "cross_entropy", logits(rows, classes), labels, reduction, weights, ignore, smoothing))
        for reduction in ("mean", "sum", "none"):
            cases.append(case(f"hinge, {classes} classes, weights {weights is not None}, {reduction}", "multi_margin", logits(rows, classes), [random.randrange(classes) for _ in range(rows)], reduction, weights, margin=0.50045))

for weights in (None, [0.5, 2.0, 0.0, 1.5]):
    for smoothing in (0.0, 0.2):
        labels = [[[random.randrange(4) for _ in range(2)] for _ in range(3)] for _ in range(2)]
        labels[1][2][0] = 255
        cases.append(case(f"pixels, weights {weights is not None}, smoothing {smoothing}", "cross_entropy", logits(2, 3, 2, 4), labels, "mean", weights, 255, smoothing))

for reduction in ("mean", "sum", "none"):
    for smoothing in (0.0, 0.1):
        for weights in (None, [1.0, 2.0, 0.5]):
            cases.append(case(f"no row counts, {reduction}, smoothing {smoothing}, weights {weights is not None}", "cross_entropy", logits(3, 3), [-1, -1, -1], reduction, weights, -1, smoothing))
cases.append(case("a weight of 0 alone", "cross_entropy", logits(2, 3), [2, 2], "mean", [1.0, 2.0, 0.0]))

ROWS = [[-INF, 0.0, 1.0], [INF, 0.0, 1.0], [-INF, -INF, -INF], [INF, INF, 0.0], [0.0, 0.0, 0.0], [7.5, 7.5, 7.5], [1e30, 0.0, 1.0], [-1e30, 1e30, 2e30], [1e4, -1e4, 0.0], [math.nan, 0.0, 1.0]]
for row in ROWS:
    for label in (0, 1):
        for smoothing in (0.0, 0.1):
            cases.append(case(f"logits {row}, label {label}, smoothing {smoothing}", "cross_entropy", [row], [label], "sum", smoothing=smoothing))
    cases.append(case(f"logits {row}, weights", "cross_entropy", [row, [0.0, 1.0, 2.0]], [1, 2], "mean", [0.5, 2.0, 1.0], 0, 0.1))

path = pathlib.Path(__file__).parent / "Cases" / "labels.json"
path.write_text('{"cases": [\n' + ",\n".join(json.dumps(c) for c in cases) + "\n]}\n")
print(len(cases), "cases")
