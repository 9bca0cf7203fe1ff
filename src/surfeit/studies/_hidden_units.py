"""What the study `hidden_units` measures: beside it, so that judging anew measures nothing anew."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from surfeit.core.threads import one_thread
from surfeit.data import Dataset
from surfeit.models import RadialBasis
from surfeit.store import Run

_CONSTANT = 1e-6  # outputs that differ by less do not differ


def steps_to(run: Run, loss: float) -> int | None:
    """The first step at which the validation loss was that low where it was looked at, or None."""
    for row in run.metrics().to_pylist():
        if row["validation_loss"] is not None and row["validation_loss"] <= loss:
            return int(row["step"])
    return None


def dead_units(run: Run, dataset: Dataset) -> Iterator[dict[str, Any]]:
    """The shares of dead hidden units before and after the training, on validation images."""
    model, steps, inputs = run.model(), run.steps(), dataset.validation.inputs
    with one_thread():
        dead = []
        for step in (steps[0], steps[-1]):
            model.load_state_dict(run.tensors(step))
            dead.append(dead_share(model, inputs))
    yield {"dead_before": dead[0], "dead_after": dead[1]}


@torch.no_grad()
def dead_share(model: nn.Module, inputs: Tensor) -> float:
    """The share of hidden units of a flat `mlp` whose output is the same for all inputs [n, ...].

    Such a unit tells nothing about an input, and, but for rounding, no gradient reaches its
    weights: a ReLU that is never positive, a sigmoid at its bound, a basis far from all inputs.

    Raises:
        ValueError: if the network has no hidden layer, or there are fewer than two inputs.
    """
    if len(inputs) < 2:
        raise ValueError(f"whether units are dead takes two inputs or more, got {len(inputs)}")
    dead: list[Tensor] = []
    values, layers = inputs, 0
    model.eval()
    for part in model.children():
        if isinstance(part, nn.Linear | RadialBasis):
            if layers:  # what a layer reads is what the units before it give
                dead.append(values.amax(0) - values.amin(0) <= _CONSTANT)
            layers += 1
        values = part(values)
    if not dead:
        raise ValueError("whether units are dead takes a hidden layer, and the network has none")
    return torch.cat(dead).double().mean().item()
