"""Writes Cases/pytorch.json: 20 steps of PyTorch's optimizers and schedules in float64, for PyTorchTests.cs.

    python3 make_cases.py        (PyTorch 2.6; Debian 13: python3-torch)

A case has the weights at the start, 20 gradients, and after each step the learning rate that it was made with and the
weights. Two parameters, a matrix and a vector, so that groups and norms over both have something to tell apart. Schedules
that PyTorch counts in epochs are stepped every `steps_per_epoch` steps, the plateau with the losses of the case.
"""
import json
import pathlib
import random

import torch
from torch.optim import SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, NAdam, RMSprop
from torch.optim import lr_scheduler as lrs

STEPS = 20
random.seed(1)


def values(rows, columns):
    return [[round(random.uniform(-2, 2), 4) for _ in range(columns)] for _ in range(rows)]


MATRIX, VECTOR = values(2, 3), values(1, 3)[0]
GRADIENTS = [(values(2, 3), values(1, 3)[0]) for _ in range(STEPS)]
OPTIMIZERS = dict(sgd=SGD, adagrad=Adagrad, adam=Adam, adamw=AdamW, rmsprop=RMSprop, nadam=NAdam, adamax=Adamax, adadelta=Adadelta)


def case(name, optimizer, schedule=None, per_epoch=1, clip=None, groups=({}, {}), losses=None, settings=None, each_step=False):
    """settings: what the schedule is called and given in the file; schedule: the same made of PyTorch's classes."""
    kind, options = optimizer
    parameters = [torch.nn.Parameter(torch.tensor(MATRIX, dtype=torch.float64)), torch.nn.Parameter(torch.tensor(VECTOR, dtype=torch.float64))]
    optimizer = OPTIMIZERS[kind]([dict(params=[p], **g) for p, g in zip(parameters, groups)], **options)
    scheduler = schedule(optimizer) if schedule else None
    rates, trajectory = [], []
    for step, gradients in enumerate(GRADIENTS):
        for parameter, gradient in zip(parameters, gradients):
            parameter.grad = torch.tensor(gradient, dtype=torch.float64)
        if clip:
            (torch.nn.utils.clip_grad_norm_ if clip[0] == "norm" else torch.nn.utils.clip_grad_value_)(parameters, clip[1])
        rates.append([g["lr"] for g in optimizer.param_groups])
        optimizer.step()
        trajectory.append([float(f"{v:.12g}") for p in parameters for v in p.detach().flatten().tolist()])
        ends = (step + 1) % per_epoch == 0
        if scheduler is None:
            continue
        if losses:
            if ends:
                scheduler.step(losses[step // per_epoch])
        elif (each_step or ends) and step + 1 < STEPS:
            scheduler.step()
    return dict(
        name=name, optimizer=dict(name=kind, **options), groups=list(groups), clip=clip, schedule=settings,
        steps_per_epoch=per_epoch, losses=losses or [], rates=rates, trajectory=trajectory)


def schedule(name, make, per_epoch=1, each_step=False, losses=None, **settings):
    momentum = ("sgd", dict(lr=0.1, momentum=0.9))
    return case(name, momentum, make, per_epoch, losses=losses, settings=dict(name=name.split(" ")[0].rstrip(","), **settings), each_step=each_step)


def warm(optimizer, steps, start, then):
    first = lrs.LinearLR(optimizer, start_factor=start, total_iters=steps)
    return lrs.SequentialLR(optimizer, [first, then(optimizer)], milestones=[steps])


PLATEAU = [1.0, 0.8, 0.79, 0.81, 0.82, 0.79995, 0.83, 0.7, 0.71, 0.72, 0.73, 0.74, 0.75, 0.6, 0.61, 0.62, 0.63, 0.64, 0.65, 0.66]

CASES = [
    case("sgd", ("sgd", dict(lr=0.05))),
    case("sgd, decay", ("sgd", dict(lr=0.05, weight_decay=0.01))),
    case("sgd, momentum", ("sgd", dict(lr=0.05, momentum=0.9, weight_decay=5e-4))),
    case("sgd, nesterov", ("sgd", dict(lr=0.05, momentum=0.9, nesterov=True, weight_decay=5e-4))),
    case("adagrad", ("adagrad", dict(lr=0.1))),
    case("adagrad, decay", ("adagrad", dict(lr=0.1, weight_decay=0.01, eps=1e-6))),
    case("rmsprop", ("rmsprop", dict(lr=0.01))),
    case("rmsprop, momentum", ("rmsprop", dict(lr=0.01, alpha=0.9, momentum=0.9, weight_decay=0.01))),
    case("adam", ("adam", dict(lr=0.05))),
    case("adam, decay", ("adam", dict(lr=0.05, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.01))),
    case("adamw", ("adamw", dict(lr=0.05))),
    case("adamw, decay", ("adamw", dict(lr=0.05, betas=(0.8, 0.95), weight_decay=0.1))),
    case("nadam", ("nadam", dict(lr=0.05))),
    case("nadam, decay", ("nadam", dict(lr=0.05, betas=(0.8, 0.95), weight_decay=0.01, momentum_decay=0.1))),
    case("adamax", ("adamax", dict(lr=0.05))),
    case("adamax, decay", ("adamax", dict(lr=0.05, betas=(0.8, 0.95), weight_decay=0.01))),
    case("adadelta", ("adadelta", dict(lr=1.0))),
    case("adadelta, decay", ("adadelta", dict(lr=0.5, rho=0.7, weight_decay=0.01))),
    case("clip by norm", ("sgd", dict(lr=0.05, momentum=0.9)), clip=("norm", 2.0)),
    case("clip by value", ("sgd", dict(lr=0.05, momentum=0.9)), clip=("value", 0.5)),
    case("groups, sgd", ("sgd", dict(lr=0.05, momentum=0.9, weight_decay=0.1)), groups=(dict(lr=0.025), dict(weight_decay=0.0))),
    case("groups, adamw", ("adamw", dict(lr=0.05, weight_decay=0.1)), groups=(dict(lr=0.1), dict(weight_decay=0.0))),
    case("groups, scheduled", ("adam", dict(lr=0.05)), lambda o: lrs.CosineAnnealingLR(o, STEPS), groups=(dict(lr=0.005), {}), settings=dict(name="cosine", final=0.0), each_step=True),
    schedule("constant", lambda o: lrs.LambdaLR(o, lambda step: 1.0)),
    schedule("step", lambda o: lrs.StepLR(o, 3), per_epoch=2, epochs=3, factor=0.1),
    schedule("step by 0.5", lambda o: lrs.StepLR(o, 2, gamma=0.5), per_epoch=4, epochs=2, factor=0.5),
    schedule("multi-step", lambda o: lrs.MultiStepLR(o, [2, 5, 6], gamma=0.3), per_epoch=2, epochs=[2, 5, 6], factor=0.3),
    schedule("exponential", lambda o: lrs.ExponentialLR(o, 0.8), per_epoch=3, factor=0.8),
    schedule("polynomial", lambda o: lrs.PolynomialLR(o, STEPS, 1.0), each_step=True, power=1.0),
    schedule("polynomial squared", lambda o: lrs.PolynomialLR(o, STEPS, 2.0), each_step=True, power=2.0),
    schedule("cosine", lambda o: lrs.CosineAnnealingLR(o, STEPS), each_step=True, final=0.0),
    schedule("cosine to a rate", lambda o: lrs.CosineAnnealingLR(o, STEPS, eta_min=0.01), each_step=True, final=0.01),
    schedule("cosine-restarts", lambda o: lrs.CosineAnnealingWarmRestarts(o, 3), each_step=True, epochs=3, factor=1.0, final=0.0),
    schedule("cosine-restarts, longer", lambda o: lrs.CosineAnnealingWarmRestarts(o, 2, T_mult=2, eta_min=0.01), each_step=True, epochs=2, factor=2.0, final=0.01),
    schedule("cyclic", lambda o: lrs.CyclicLR(o, 0.1, 0.4, step_size_up=3, step_size_down=4, cycle_momentum=False), each_step=True, peak=0.4, up=3, down=4, mode="triangular"),
    schedule("cyclic, halving", lambda o: lrs.CyclicLR(o, 0.1, 0.4, step_size_up=3, mode="triangular2", cycle_momentum=False), each_step=True, peak=0.4, up=3, down=3, mode="triangular2"),
    schedule("cyclic, falling", lambda o: lrs.CyclicLR(o, 0.1, 0.4, step_size_up=2, mode="exp_range", gamma=0.9, cycle_momentum=False), each_step=True, peak=0.4, up=2, down=2, mode="exp_range", gamma=0.9),
    schedule("cyclic with momentum", lambda o: lrs.CyclicLR(o, 0.1, 0.4, step_size_up=4), each_step=True, peak=0.4, up=4, down=4, mode="triangular", momentum=True),
    schedule("lambda", lambda o: lrs.LambdaLR(o, lambda step: 1 / (1 + 0.3 * step)), each_step=True, slope=0.3),
    schedule("one-cycle", lambda o: lrs.OneCycleLR(o, 0.2, total_steps=STEPS, cycle_momentum=False), each_step=True, peak=0.2),
    schedule("one-cycle by lines", lambda o: lrs.OneCycleLR(o, 0.2, total_steps=STEPS, pct_start=0.45, anneal_strategy="linear", div_factor=10, final_div_factor=100, cycle_momentum=False), each_step=True, peak=0.2, warmup=0.45, start=10.0, end=100.0, linear=True),
    schedule("one-cycle with momentum", lambda o: lrs.OneCycleLR(o, 0.2, total_steps=STEPS), each_step=True, peak=0.2, momentum=True),
    case("one-cycle with adam", ("adam", dict(lr=0.1)), lambda o: lrs.OneCycleLR(o, 0.2, total_steps=STEPS), settings=dict(name="one-cycle", peak=0.2, momentum=True), each_step=True),
    schedule("plateau", lambda o: lrs.ReduceLROnPlateau(o), losses=[1.0] + [0.9] * 19),
    schedule("plateau, impatient", lambda o: lrs.ReduceLROnPlateau(o, factor=0.5, patience=1), losses=PLATEAU, factor=0.5, patience=1),
    schedule("plateau, cooling", lambda o: lrs.ReduceLROnPlateau(o, factor=0.3, patience=0, cooldown=2, min_lr=0.005, threshold=0.01), losses=PLATEAU, factor=0.3, patience=0, cooldown=2, final=0.005, threshold=0.01),
    schedule("warmup", lambda o: lrs.LinearLR(o, start_factor=0.1, total_iters=5), each_step=True, warmup=5, warmup_start=0.1, then=dict(name="constant")),
    schedule("warmup, cosine", lambda o: warm(o, 4, 0.25, lambda o: lrs.CosineAnnealingLR(o, STEPS - 4)), each_step=True, warmup=4, warmup_start=0.25, then=dict(name="cosine", final=0.0)),
    schedule("warmup, exponential", lambda o: warm(o, 6, 1e-3, lambda o: lrs.ExponentialLR(o, 0.9)), each_step=True, warmup=6, warmup_start=1e-3, then=dict(name="exponential", factor=0.9)),
]

head = json.dumps(dict(made_by=f"PyTorch {torch.__version__}", matrix=MATRIX, vector=VECTOR, gradients=GRADIENTS))
path = pathlib.Path(__file__).parent / "Cases" / "pytorch.json"
path.parent.mkdir(exist_ok=True)
path.write_text(head[:-1] + ', "cases": [\n' + ",\n".join(map(json.dumps, CASES)) + "\n]}\n")
print(f"{len(CASES)} cases, {path.stat().st_size:,} bytes")
