"""The units of a layer as the graph needs them: a direction each, and what else is known."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from surfeit.core import full_precision
from surfeit.similarity import angles, normalised, output_directions

_WITHOUT = {
    "weights": "no direction: all weights are zero",
    "updates": "no part in the links",
    "outputs": "no correlation with others: outputs are the same for all examples",
}


@dataclass(frozen=True, kw_only=True)
class Units:
    """Some units of one layer or, merged, of two.

    Args:
        rows: what is compared, [units, inputs] or [units, outputs], scaled to length 1: weight
            vectors, what training added to them, or outputs less each unit's mean, whose inner
            products are correlations. A unit that has no direction, is silent where updates are
            compared, or always has the same output, has a zero row.
        level: the inner product from which units are linked by default: what chance does not
            reach, in the first of two layers; None where it is not known.
        norm: [units], length of the weight vectors.
        moved: [units], length of what training added to them; NaN where unknown.
        angle: [units], between weight vector and initial one, radians; NaN where unknown.
        kept: [units], the fraction of weights that a mask keeps; 1 without a mask.
        products: the inner products of all pairs, settled at the level, where they are at hand.
    """

    rows: Float[Tensor, "units columns"]
    level: float | None
    norm: Float[Tensor, " units"]
    moved: Float[Tensor, " units"]
    angle: Float[Tensor, " units"]
    kept: Float[Tensor, " units"]
    products: Float[Tensor, " pairs"] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def beside(self, other: "Units") -> "Units":
        """These units, and those of another layer behind them.

        Raises:
            ValueError: if the two have nothing to be compared by: other numbers of columns.
        """
        if self.rows.shape[1] != other.rows.shape[1]:
            raise ValueError(
                "the two layers cannot be merged: their units have "
                f"{self.rows.shape[1]} and {other.rows.shape[1]} inputs"
            )
        return Units(
            rows=torch.cat([self.rows, other.rows.to(self.rows)]),
            level=self.level,
            norm=torch.cat([self.norm, other.norm.to(self.norm)]),
            moved=torch.cat([self.moved, other.moved.to(self.moved)]),
            angle=torch.cat([self.angle, other.angle.to(self.angle)]),
            kept=torch.cat([self.kept, other.kept.to(self.kept)]),
        )


def units_of(
    weight: Float[Tensor, "units inputs"],
    *,
    origin: Float[Tensor, "units inputs"] | None = None,
    moved: Float[Tensor, " units"] | None = None,
    kept: Float[Tensor, " units"] | None = None,
    outputs: Float[Tensor, "units columns"] | None = None,
    level: float | None = None,
) -> Units:
    """The units of a layer, compared by their weight vectors or by their outputs.

    Outputs are compared by their correlation over examples and positions: see `output_directions`.
    It is not defined for outputs that never change; such units have no links.

    Args:
        weight: the layer's weight matrix.
        origin: the directions that training began with, `normalised`, if known.
        moved: the length of what it added to each weight vector, if known.
        kept: the fraction of each unit's weights that a mask keeps, if there is one.
        outputs: what is compared instead of weight vectors.
        level: from which inner product units are linked, if that is known.

    Raises:
        ValueError: if a weight or an output is not finite.
    """
    weight = full_precision(weight)
    direction = normalised(weight)
    unknown = torch.full((len(weight),), math.nan)
    return Units(
        rows=direction if outputs is None else output_directions(outputs),
        level=level,
        norm=weight.norm(dim=1),
        moved=unknown if moved is None else moved,
        angle=unknown if origin is None else angles(direction, origin.to(direction)),
        kept=torch.ones(len(weight)) if kept is None else kept.float(),
    )


def note_of(units: Units, source: str) -> str | None:
    """What is to be said of units without a direction, a sentence; None if all have one."""
    without = int((units.rows.norm(dim=1) == 0).sum())
    if without == 0:
        return None
    if source == "updates" and not bool((units.moved > 0).any()):
        return "there are no updates to compare yet: training began here"
    who = "1 unit has" if without == 1 else f"{without} units have"
    return f"{who} {_WITHOUT[source]}{_why(units, without) if source == 'updates' else ''}"


def _why(units: Units, without: int) -> str:
    """Why units have no part in the links of updates."""
    unmoved = int((units.moved == 0).sum())
    if unmoved == 0:
        return ": silent"
    if unmoved >= without:
        return ": nothing was added to the weights"
    return f": {without - unmoved} silent, to {unmoved} nothing was added"
