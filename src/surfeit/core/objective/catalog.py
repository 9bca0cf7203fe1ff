"""The objectives by name."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from surfeit.core.catalog import Catalog
from surfeit.core.errors import unknown

if TYPE_CHECKING:
    from surfeit.core.objective.objective import Objective

_ENTRIES: "dict[str, Objective | str]" = {
    "cross_entropy": "surfeit.core.objective.entropy:cross_entropy",
    "squared_error": "surfeit.core.objective.squared:squared_error",
    "hinge": "surfeit.core.objective.margin:hinge",
    "binary_cross_entropy": "surfeit.core.objective.entropy:binary_cross_entropy",
}
OBJECTIVES: "Mapping[str, Objective]" = Catalog(_ENTRIES)
"""The objectives by name; a run's key holds the name."""


def suiting(task: Literal["classes", "regression"]) -> "Objective":
    """What judges a network of which nobody says by what it was trained.

    The cross-entropy of classes, the squared error of real targets.
    """
    return OBJECTIVES["cross_entropy" if task == "classes" else "squared_error"]


def objective_named(name: str) -> "Objective":
    """The objective of this name; hyphens may stand for underscores.

    Raises:
        ValueError: if there is none; the nearest are suggested.
    """
    found = OBJECTIVES.get(name.replace("-", "_"))
    if found is None:
        raise unknown("objective", name, OBJECTIVES)
    return found
