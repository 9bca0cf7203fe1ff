"""The probe `gradient_norms`: how long the gradient is, whole and by layer."""

from collections.abc import Iterator
from typing import Any

from surfeit.core import Params
from surfeit.train.probes.lengths import norm
from surfeit.train.probes.probe import Probe
from surfeit.train.probes.step import ProbedStep


def _look(step: ProbedStep) -> Iterator[dict[str, Any]]:
    """`‖∂L/∂θ‖` and `‖θ‖` before the update, of all parameters and of each module's own."""
    yield _row(None, step.gradient, step.weights)
    owners = dict.fromkeys(name.rpartition(".")[0] for name in step.weights)
    for owner in owners:
        names = [name for name in step.weights if name.rpartition(".")[0] == owner]
        own = ({n: values[n] for n in names} for values in (step.gradient, step.weights))
        yield _row(owner, *own)


def _row(layer: str | None, gradient: Params, weights: Params) -> dict[str, Any]:
    return {"layer": layer, "gradient": norm(gradient), "weights": norm(weights)}


gradient_norms = Probe(
    name="gradient_norms",
    look=_look,
    words="length of the gradient and of the weights: a row for the whole network, whose layer is "
    "null, then one for each module that has parameters of its own",
)
"""Length of the gradient that the training goes by, and of the weights. Cost: a pass over both."""
