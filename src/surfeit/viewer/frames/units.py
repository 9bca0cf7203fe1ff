"""The units of a layer as the graph needs them: a direction each, and what else is known."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from surfeit.similarity import angles, normalised, output_directions

_WITHOUT = {
    "weights": "no direction: all weights are zero",
    "outputs": "no correlation with others: outputs are the same for all examples",
}


@dataclass(frozen=True, kw_only=True)
class Units:
    """Some units of one layer or, merged, of two.

    Args:
        rows: what is compared, [units, inputs] or [units, outputs], scaled to length 1: weight
            vectors, or outputs less each unit's mean, whose inner products are correlations. A unit
            that has no direction, or always the same output, has a zero row.
        norm: [units], length of the weight vectors.
        angle: [units], between weight vector and initial one, radians; NaN where unknown.
        kept: [units], the fraction of weights that a mask keeps; 1 without a mask.
    """

    rows: Float[Tensor, "units columns"]
    norm: Float[Tensor, " units"]
    angle: Float[Tensor, " units"]
    kept: Float[Tensor, " units"]

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
            norm=torch.cat([self.norm, other.norm.to(self.norm)]),
            angle=torch.cat([self.angle, other.angle.to(self.angle)]),
            kept=torch.cat([self.kept, other.kept.to(self.kept)]),
        )


def units_of(
    weight: Float[Tensor, "units inputs"],
    *,
    origin: Float[Tensor, "units inputs"] | None = None,
    kept: Float[Tensor, " units"] | None = None,
    outputs: Float[Tensor, "units columns"] | None = None,
) -> Units:
    """The units of a layer, compared by their weight vectors or by their outputs.

    Outputs are compared by their correlation over examples and positions: see `output_directions`.
    It is not defined for outputs that never change; such units have no links.

    Args:
        weight: the layer's weight matrix.
        origin: the directions that training began with, `normalised`, if known.
        kept: the fraction of each unit's weights that a mask keeps, if there is one.
        outputs: what is compared instead of weight vectors.

    Raises:
        ValueError: if a weight or an output is not finite.
    """
    weight = weight.float()  # the page's precision; on the CPU little works in less
    direction = normalised(weight)
    unknown = torch.full((len(weight),), math.nan)
    return Units(
        rows=direction if outputs is None else output_directions(outputs),
        norm=weight.norm(dim=1),
        angle=unknown if origin is None else angles(direction, origin),
        kept=torch.ones(len(weight)) if kept is None else kept.float(),
    )


def note_of(units: Units, source: str) -> str | None:
    """What is to be said of units without a direction, a sentence; None if all have one."""
    without = int((units.rows.norm(dim=1) == 0).sum())
    if without == 0:
        return None
    who = "1 unit has" if without == 1 else f"{without} units have"
    return f"{who} {_WITHOUT[source]}"
