"""Laws that a network's first weights are drawn from, as values; `initialise_` draws."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from surfeit.core import unknown

Kind = Literal["glorot-normal", "glorot-uniform", "he-normal", "he-uniform", "normal", "orthogonal"]
INITIALS: tuple[str, ...] = get_args(Kind)
"""The laws by name."""


@dataclass(frozen=True)
class Initial:
    """A law that a network's first weights are drawn from, as a value.

    >>> train(drawn_as(mlp_100, Initial("he-normal")), data, recipe)
    >>> Initial("normal", 0.01)  # a constant standard deviation

    Args:
        kind: `glorot-normal` or `-uniform`: of variance `2 / (fan_in + fan_out)`; `he-normal` or
            `-uniform`: `2 / fan_in`; `normal`: 1, whatever the layer; `orthogonal`: rows or, where
            there are more units than inputs, columns of the weight matrix that are orthonormal.
        scale: what the weights are multiplied by, > 0; of `normal` the standard deviation.

    Raises:
        ValueError: if there is no law of this name (the nearest are suggested), or the scale is
            not a positive number.

    Source: Glorot and Bengio 2010, equations 12 and 16; He, Zhang, Ren and Sun 2015, equation 10;
    Saxe, McClelland and Ganguli 2014 (orthogonal).
    """

    kind: Kind = "glorot-normal"
    scale: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in INITIALS:
            raise unknown("law of initial weights", str(self.kind), INITIALS)
        number = isinstance(self.scale, int | float) and not isinstance(self.scale, bool)
        if not number or not 0 < self.scale < math.inf:
            raise ValueError(f"the scale of initial weights must be above 0, got {self.scale!r}")
        object.__setattr__(self, "scale", float(self.scale))

    def in_key(self) -> str:
        """What keys say of the law: its name, and its scale where that is not 1."""
        return self.kind if self.scale == 1 else f"{self.kind} * {self.scale!r}"

    @staticmethod
    def from_key(text: str) -> "Initial | None":
        """The law that `in_key` wrote; None for anything else, such as weights' digest."""
        kind, _, scale = text.partition(" * ")
        if kind not in INITIALS:
            return None
        return Initial(kind, float(scale or 1))  # pyright: ignore[reportArgumentType]

    @property
    def words(self) -> str:
        """The law in words."""
        return self.kind if self.scale == 1 else f"{self.kind}-x{self.scale:g}"
