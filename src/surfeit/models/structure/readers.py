"""Who reads a layer's units, and where they lie in what is read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Int64
from torch import Tensor, nn

from surfeit.models.structure.calls import Call, Passes
from surfeit.models.structure.reach import NONE, SEVERAL, Codes, Source
from surfeit.models.structure.units import input_axis

Kind = Literal["layer", "normalisation", "function", "watched", "result"]


@dataclass(frozen=True, eq=False)
class Reader:
    """A tensor that holds units of a layer, where another layer or the network's result takes them.

    Args:
        layer: whose units they are.
        name: of what reads them: a layer's module, a normalisation over units, a function that
            multiplies by a parameter, a watched batch normalisation, or "" for the result.
        kind: which of these.
        occurrence: the how manieth call of that name in a pass, from 0.
        place: which of the call's inputs, or which result, from 0.
        axis: the axis of the units there, counted from the end; None where no element belongs to
            one unit, or units lie along no axis.
        units: int64, which unit each position along the axis belongs to; -1 for none.
        outside: positions along the axis that hold units, elements of which do not depend on them
            (padding, a token put in front): bool like one example of what is read; or None.
        between: the functions in between, in their order.
        mixed: whether an element depends on several units, or takes them for an index.
    """

    layer: str
    name: str
    kind: Kind
    occurrence: int
    place: int
    axis: int | None
    units: Int64[Tensor, " positions"]
    outside: Bool[Tensor, "..."] | None
    between: tuple[str, ...]
    mixed: bool = False

    @property
    def words(self) -> str:
        """Who reads, in words."""
        who = repr(self.name) if self.name else "the network's result"
        return f"{who} (behind {', '.join(self.between)})" if self.between else who


def readers(model: nn.Module, passes: Passes, reaches: Mapping[Source, Codes]) -> Iterator[Reader]:
    """All readers of all layers."""
    modules = dict(model.named_modules())
    occurrences = passes.occurrences()
    for source, codes in reaches.items():
        if source.layer is None:
            continue
        for target, own in codes.items():
            call = None if target.call is None else passes.calls[target.call]
            value = (passes.results if call is None else call.inputs)[target.place]
            axis, units, outside = _located(own, value, _preferred(call, modules))
            yield Reader(
                layer=source.layer,
                name="" if call is None else call.name,
                kind="result" if call is None else call.kind,
                occurrence=0 if target.call is None else occurrences[target.call][1],
                place=target.place,
                axis=axis,
                units=units,
                outside=outside,
                between=() if call is None else call.between[target.place],
                mixed=bool((own == SEVERAL).any()),
            )


def _preferred(call: Call | None, modules: Mapping[str, nn.Module]) -> int:
    if call is None or call.kind == "function":
        return -1
    axis = input_axis(modules[call.name])
    return axis if axis < 0 else axis - call.inputs[0].dim()


def _located(
    codes: Tensor, value: Tensor, preferred: int
) -> tuple[int | None, Tensor, Tensor | None]:
    """Axis, units along it, and the elements outside; without an axis if there is none."""
    nowhere = None, torch.empty(0, dtype=torch.int64), None
    if codes.dim() == 0 or bool((codes == SEVERAL).any()):
        return nowhere
    if codes.dim() == 1 and not bool((codes != codes[0]).any()):
        return nowhere  # one number an example, as a regression may answer
    found = []
    for axis in dict.fromkeys((preferred, *range(-1, -codes.dim(), -1))):
        if not -codes.dim() <= axis < 0 or (axis == -codes.dim() and codes.dim() > 1):
            continue  # the first axis is that of the examples, unless it is the only one
        along = codes.movedim(axis, 0).reshape(codes.shape[axis], -1)
        units = along.amax(dim=1)
        here = along == units[:, None]
        if bool((here | (along == NONE)).all()):
            outside = (codes == NONE) & (units >= 0).view(-1, *[1] * (-axis - 1))
            found.append((int(outside.sum()), axis, units.long(), outside))
    if not found:
        return nowhere
    least = min(number for number, *_ in found)
    _, axis, units, outside = next(one for one in found if one[0] == least)
    always = outside.all(dim=0)
    # Zeros behind the end of a shorter sequence stay zeros when a unit goes.
    if bool((value.cpu()[outside & ~always] != 0).any()):
        return nowhere
    return axis, units, always if bool(always.any()) else None
