"""Which picture is asked for."""

from dataclasses import dataclass
from typing import Literal

from surfeit.core import unknown

SOURCES = ("weights", "updates", "outputs")
"""What units can be compared by."""


@dataclass(frozen=True)
class Query:
    """Which picture is asked for.

    Args:
        timeline: its name.
        layer: dotted name; "" for a network that is a single layer.
        source: what units are compared by: "weights", "updates" or "outputs".
        at: a moment, a step or a level; the last one if not given.
        merged: another timeline whose units of the same layer are added.

    Raises:
        ValueError: if the source is none of these.
    """

    timeline: str
    layer: str
    source: Literal["weights", "updates", "outputs"] = "weights"
    at: int | None = None
    merged: str | None = None

    def __post_init__(self) -> None:
        if self.source not in SOURCES:
            raise unknown("source of similarity", self.source, SOURCES)
