"""Curves between minima: bends that are trained until the loss is low all along the curve."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import get_args

import torch
from torch import Tensor, nn

from surfeit.core import (
    DivergedError,
    Objective,
    Params,
    Split,
    Streams,
    call,
    check_positive,
    check_size,
    copied,
    cross_entropy,
    own_parameters,
    unknown,
)
from surfeit.landscape import Curve, CurveKind, between, coefficients, combined

CURVE_DIVERGED = "the curve's training diverged"
"""How the sentence begins that says so."""


@dataclass(frozen=True, kw_only=True)
class CurveConfig:
    """How a curve is trained.

    Args:
        kind: `bezier` or `chain`, see `surfeit.landscape.Curve`.
        bends: of the curve, the two ends included; those between are trained. At least 3.
        epochs: passes over the training examples.
        lr: of SGD: constant for the first half of the steps, then falling linearly to 1 % at 90 %.
        momentum: of SGD, in [0, 1).
        weight_decay: λ of the penalty `λ/2 ‖w(t)‖²` on the interpolated weights.
        batch_size: examples a step.

    Raises:
        ValueError: if a value is out of range.
    """

    kind: CurveKind = "bezier"
    bends: int = 3
    epochs: int = 30
    lr: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 5e-4
    batch_size: int = 128

    def __post_init__(self) -> None:
        if self.kind not in get_args(CurveKind):
            raise unknown("kind of curve", self.kind, get_args(CurveKind))
        check_size("bends", self.bends, 3)
        check_size("epochs", self.epochs)
        check_size("batch_size", self.batch_size)
        check_positive("lr", self.lr)
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must be in [0, 1), got {self.momentum}")
        if not 0 <= self.weight_decay < math.inf:
            raise ValueError(f"weight_decay must be >= 0 and finite, got {self.weight_decay}")

    def rate(self, step: int, steps: int) -> float:
        """The learning rate of step `step`, from 0, of so many."""
        share = step / steps
        falling = 1 - 0.99 * (share - 0.5) / 0.4
        return self.lr * (1.0 if share < 0.5 else max(falling, 0.01))


def train_curve(
    model: nn.Module,
    first: Mapping[str, Tensor],
    second: Mapping[str, Tensor],
    split: Split,
    config: CurveConfig | None = None,
    *,
    seed: int = 0,
    objective: Objective = cross_entropy,
    progress: Callable[[int, int], None] | None = None,
) -> Curve:
    """Trains a curve between two networks: `min over bends of E_t [loss(w(t)) + λ/2 ‖w(t)‖²]`.

    Each step draws `t` uniformly in [0, 1] and a batch, and moves the bends by SGD along the
    gradient at `w(t)`. The ends stay; bends begin on the line between them. Parameters that the
    model has frozen stay on that line, and so do all buffers: batch normalisation is in training
    mode, and a curve's networks need statistics of their own, as `along_path` computes them.

    >>> curve = train_curve(model, a.tensors(), b.tensors(), data.train)
    >>> along_path(model, curve.at, {"test": data.test})

    Args:
        model: the structure, any module; its own weights are not read and nothing is changed.
        first, second: parameters and buffers by name, on the split's device.
        split: the training examples.
        config: how, `CurveConfig()` by default.
        seed: of `t`, the order of the examples and dropout, streams of their own.
        objective: the loss.
        progress: called with the steps done, and of how many.

    Raises:
        ValueError: if the ends do not fit each other, all parameters are frozen, or the objective
            cannot judge the outputs.
        DivergedError: if the loss is no longer finite.

    Source: Garipov et al. 2018, "Loss surfaces, mode connectivity, and fast ensembling of DNNs",
    section 3. Cost: that of a training of as many epochs, and a sum over the bends each step.
    """
    config = config or CurveConfig()
    places = [place / (config.bends - 1) for place in range(config.bends)]
    bends = [between(first, second, place) for place in places]
    moved = [n for n, value in own_parameters(model).items() if value.requires_grad and n in first]
    if not moved:
        raise ValueError("a curve has nothing to train: all parameters of the model are frozen")
    inner = [{n: bend[n].requires_grad_() for n in moved} for bend in bends[1:-1]]
    leaves = [value for bend in inner for value in bend.values()]
    optimiser = torch.optim.SGD(leaves, lr=config.lr, momentum=config.momentum)
    network, streams = copied(model).train(), Streams(seed)
    draws = streams.get("curve", "t")
    steps = config.epochs * -(-len(split) // config.batch_size)
    with _drawing(streams.seed_of("curve", "dropout"), split.inputs.device):
        for step, batch in enumerate(_batches(split, config, streams)):
            for group in optimiser.param_groups:
                group["lr"] = config.rate(step, steps)
            t = float(torch.rand((), generator=draws, dtype=torch.float64))
            shares = coefficients(config.kind, config.bends, t)
            tensors = _at(shares, bends, moved)
            outputs = call(network, dict(tensors), batch.inputs.clone())
            if step == 0:
                objective.check(outputs.detach(), batch.targets)
            loss = objective.loss(outputs, batch.targets)
            if not bool(loss.isfinite()):
                raise DivergedError(
                    f"{CURVE_DIVERGED}: the loss is {float(loss.detach())} at step "
                    f"{step}; a lower lr than {config.lr} may help"
                )
            if config.weight_decay:
                squares = sum(tensors[name].square().sum() for name in moved)
                loss = loss + config.weight_decay / 2 * squares
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            if progress is not None:
                progress(step + 1, steps)
    return Curve(config.kind, tuple({n: v.detach() for n, v in bend.items()} for bend in bends))


def _at(shares: list[float], bends: list[Params], moved: list[str]) -> Params:
    """The network at one t: what is not moved is read off the line, which its bends lie on."""
    tensors: Params = {}
    for name, value in bends[0].items():
        if value.is_floating_point():
            used = [(c, bend[name]) for c, bend in zip(shares, bends, strict=True) if c]
            tensors[name] = combined(used)
            if name not in moved:
                tensors[name] = tensors[name].clone()  # statistics are written in place
        else:
            tensors[name] = value.clone()
    return tensors


def _batches(split: Split, config: CurveConfig, streams: Streams) -> Iterator[Split]:
    for epoch in range(config.epochs):
        order = torch.randperm(len(split), generator=streams.get("curve", "order", epoch))
        for part in order.split(config.batch_size):
            yield split[part.to(split.targets.device)]


@contextmanager
def _drawing(seed: int, device: torch.device) -> Iterator[None]:
    """Dropout draws from torch's global generators alone: they are lent a seed."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        yield
