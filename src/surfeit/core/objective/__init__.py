"""Objectives: losses, and what of a network's outputs is right.

A new one is a value of `Objective` in a file of its own and a name in `catalog.py`.
"""

from typing import TYPE_CHECKING

from surfeit.core.fronts import lazy_front

if TYPE_CHECKING:
    from surfeit.core.objective.catalog import OBJECTIVES, objective_named, suiting
    from surfeit.core.objective.entropy import binary_cross_entropy, cross_entropy
    from surfeit.core.objective.margin import hinge
    from surfeit.core.objective.objective import (
        Objective,
        Reduction,
        check_kind,
        largest_output,
        positive_output,
    )
    from surfeit.core.objective.own import own_objective
    from surfeit.core.objective.sent import objective_from_json, objective_to_json
    from surfeit.core.objective.squared import squared_error

__all__ = [
    "OBJECTIVES",
    "Objective",
    "Reduction",
    "binary_cross_entropy",
    "check_kind",
    "cross_entropy",
    "hinge",
    "largest_output",
    "objective_from_json",
    "objective_named",
    "objective_to_json",
    "own_objective",
    "positive_output",
    "squared_error",
    "suiting",
]

lazy_front(__name__)
