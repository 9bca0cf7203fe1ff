"""The objectives by name."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from surfeit.core.errors import unknown
from surfeit.core.objective.entropy import binary_cross_entropy, cross_entropy
from surfeit.core.objective.margin import hinge
from surfeit.core.objective.objective import Objective
from surfeit.core.objective.squared import squared_error

OBJECTIVES: Mapping[str, Objective] = MappingProxyType(
    {one.name: one for one in (cross_entropy, squared_error, hinge, binary_cross_entropy)}
)
"""The objectives by name; a run's key holds the name."""


def suiting(task: Literal["classes", "regression"]) -> Objective:
    """What judges a network of which nobody says by what it was trained.

    The cross-entropy of classes, the squared error of real targets.
    """
    return cross_entropy if task == "classes" else squared_error


def objective_named(name: str) -> Objective:
    """The objective of this name; hyphens may stand for underscores.

    Raises:
        ValueError: if there is none; the nearest are suggested.
    """
    found = OBJECTIVES.get(name.replace("-", "_"))
    if found is None:
        raise unknown("objective", name, OBJECTIVES)
    return found
