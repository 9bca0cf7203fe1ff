"""Which entries of which tensors belong to a unit, and the weight matrix that they make up."""

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor

Form = Literal["rows", "transposed", "columns"]


@dataclass(frozen=True, kw_only=True)
class Part:
    """A tensor, or a stretch of its rows, that holds a part of each unit's weights.

    Args:
        tensor: the tensor's dotted name, as `state_dict` has it: a parameter, or what a
            parametrisation or a hook computes from others.
        units: of the layer.
        form: where units lie: `rows` (the first axis), `transposed` (the second axis, group by
            group, as in a transposed convolution) or `columns` (the last, as in an embedding).
        groups: of a grouped convolution: the units of one group read the same inputs.
        blocks: rows of a unit, one in each of so many stretches: an LSTM's unit has four.
        first: the first row of the stretch; attention packs three projections into one tensor.
    """

    tensor: str
    units: int
    form: Form = "rows"
    groups: int = 1
    blocks: int = 1
    first: int = 0

    def matrix(
        self, value: Float[Tensor, "..."], *, lead: int = 0
    ) -> Float[Tensor, "*lead units inputs"]:
        """The part's columns of the weight matrix `W` [units, inputs]; a view where possible.

        Units of different groups read different inputs: their rows hold exact zeros where the
        others' weights stand, so that they are orthogonal and the matrix's rank counts the groups
        apart.

        Args:
            value: the tensor, behind `lead` axes of its own, such as snapshots.
            lead: how many axes stand in front.
        """
        if self.form == "columns":
            return value.movedim(-1, lead).flatten(lead + 1)
        if self.form == "transposed":
            rows = value.unflatten(lead, (self.groups, -1)).movedim(lead + 2, lead + 1)
            return _spread(rows.flatten(lead, lead + 1).flatten(lead + 1), self.groups, lead)
        rows = value.narrow(lead, self.first, self.units * self.blocks).flatten(lead + 1)
        if self.blocks > 1:
            rows = rows.unflatten(lead, (self.blocks, self.units)).movedim(lead, lead + 1)
            rows = rows.flatten(lead + 1)
        return _spread(rows, self.groups, lead)

    def owners(self, shape: torch.Size | tuple[int, ...]) -> Int64[Tensor, "..."]:
        """Which unit each entry of a tensor of this shape belongs to; -1 where to none."""
        unit = torch.full(tuple(shape), -1, dtype=torch.int64)
        if self.form == "columns":
            return unit.copy_(torch.arange(self.units))
        if self.form == "transposed":
            apart = torch.arange(self.units).view(self.groups, 1, -1)
            inputs = shape[0] // self.groups
            rows = apart.expand(-1, inputs, -1).reshape(shape[0], shape[1])
            return unit.copy_(rows.view(*rows.shape, *[1] * (len(shape) - 2)))
        rows = torch.arange(self.units).repeat(self.blocks).view(-1, *[1] * (len(shape) - 1))
        unit.narrow(0, self.first, self.units * self.blocks).copy_(rows)
        return unit

    def to_json(self) -> dict[str, Any]:
        """The part as JSON values, without what is as by default."""
        return {
            name: value
            for name, value in asdict(self).items()
            if name in ("tensor", "units") or value != getattr(Part, name)
        }

    @staticmethod
    def from_json(values: dict[str, Any]) -> "Part":
        """The part that `to_json` gave."""
        return Part(**values)

    def inputs(self, shape: torch.Size | tuple[int, ...]) -> int:
        """The columns that the part adds to the weight matrix, of a tensor of this shape."""
        if self.form == "columns":
            return math.prod(shape[:-1])
        if self.form == "transposed":
            return shape[0] * math.prod(shape[2:])
        return math.prod(shape[1:]) * self.groups * self.blocks


def _spread(rows: Tensor, groups: int, lead: int) -> Tensor:
    if groups == 1:
        return rows
    units, inputs = rows.shape[lead:]
    own = rows.unflatten(lead, (groups, units // groups))
    dense = rows.new_zeros(*rows.shape[:lead], groups, units // groups, groups, inputs)
    for group in range(groups):
        dense.select(lead, group).select(lead + 1, group).copy_(own.select(lead, group))
    return dense.flatten(lead + 2).flatten(lead, lead + 1)
