"""The probe `movement`: how long a step is, and where it leads."""

from typing import Any

from surfeit.train.probes.lengths import cosine, norm
from surfeit.train.probes.probe import Probe
from surfeit.train.probes.step import ProbedStep


def _look(step: ProbedStep) -> dict[str, Any]:
    """`u` the update, `g` the gradient, `u'` the update before.

    `length = ‖u‖`, `relative = ‖u‖ / ‖θ‖`, `along_descent = cos(u, −g)`, `along_last = cos(u, u')`.
    """
    length, weights = norm(step.update), norm(step.weights)
    downhill = {name: -value for name, value in step.gradient.items()}
    return {
        "length": length,
        "relative": length / weights if weights else None,
        "along_descent": cosine(step.update, downhill),
        "along_last": None if step.previous is None else cosine(step.update, step.previous),
    }


movement = Probe(
    name="movement",
    look=_look,
    words="the update's length, as a share of the weights', and its cosine with the negative "
    "gradient and with the update before",
    looks_back=True,
)
"""Length and direction of the update. Cost: passes over it, and a copy of the one before."""
