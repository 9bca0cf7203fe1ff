"""The probe `smoothness`: how the loss and its gradient change along the gradient."""

from typing import Any

import numpy as np

from surfeit.core import Params
from surfeit.train.probes.lengths import difference, norm
from surfeit.train.probes.probe import Probe
from surfeit.train.probes.step import ProbedStep

FEWEST, MOST, POINTS = 0.5, 4.0, 8
"""Steps in learning rates, at even ratios: Santurkar's [1/2, 4]."""


def _look(step: ProbedStep) -> dict[str, Any]:
    return along_gradient(step, rate=step.rate)


def along_gradient(step: ProbedStep, *, rate: float) -> dict[str, Any]:
    """Santurkar's three measures at `θ`, with steps of lengths in [1/2, 4] · rate.

    With `g` the gradient of the batch's loss L, `θ_η = θ − η g(θ)` and η over 8 values from
    `rate/2` to `4 rate` at even ratios: `loss` is L(θ), `lowest` and `highest` bound `L(θ_η)`,
    `loss_range` is their difference; `least_change` and `most_change` bound `‖g(θ) − g(θ_η)‖`,
    `change_range` is their difference; `smoothness` is the largest `‖g(θ) − g(θ_η)‖ / (η ‖g‖)`,
    None where g is zero. Dropout is the same at all points, batch normalisation goes by the batch.

    Args:
        step: where the training stands.
        rate: η's unit, above 0: the training's own, or one that is the same for several trainings.

    Source: Santurkar et al. 2018, section 3.1 and figure 4. Cost: 9 forward and backward passes of
    a batch.
    """
    loss, gradient = step.loss_and_gradient()
    length = norm(gradient)
    losses, changes, slopes = [], [], []
    for share in np.geomspace(FEWEST, MOST, POINTS):
        eta = float(share) * rate
        there, other = step.loss_and_gradient(moved(step.weights, gradient, eta))
        change = norm(difference(gradient, other))
        losses.append(there)
        changes.append(change)
        slopes.append(change / (eta * length) if length and eta else None)
    return {
        "loss": loss,
        "gradient": length,
        "lowest": min(losses),
        "highest": max(losses),
        "loss_range": max(losses) - min(losses),
        "least_change": min(changes),
        "most_change": max(changes),
        "change_range": max(changes) - min(changes),
        "smoothness": None if None in slopes else max(slopes),
    }


def moved(weights: Params, gradient: Params, eta: float) -> Params:
    """`θ − η g`, by name."""
    return {name: value - eta * gradient[name] for name, value in weights.items()}


smoothness = Probe(
    name="smoothness",
    look=_look,
    words="along the gradient, by steps of 1/2 to 4 learning rates: range of the loss, change of "
    "the gradient, and the largest change over the distance moved (Santurkar 2018)",
)
"""Santurkar's three measures at the training's own rate: `along_gradient`."""
