"""Max-norm: the length that no unit's weight vector is to exceed."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from surfeit.core import Params
from surfeit.core.ties import Tie, ties
from surfeit.models.structure import Part, check_uncomputed, layers


class MaxNorm:
    """Scales the weight vectors of units back to a norm, after each step.

    A unit's `w ← w · min(1, c / ‖w‖)`, with `w` all weights that it reads by, its bias left out: a
    row of the layer's weight matrix. It is done in every layer, that of the outputs too, whose
    weights are trained; frozen layers, embeddings and centres of radial basis units are left alone.
    Weights that two layers share are scaled for both: no scaling makes another's vector longer.

    Args:
        network: for its layers.
        trained: the names of the parameters that are trained.
        largest: c, > 0.

    Raises:
        ValueError: if there is no such layer, or one computes its weight from other parameters.

    Source: Srebro and Shraibman 2005; Srivastava et al. 2014, section 5.1, who bound hidden units.
    Cost: a pass over the weights at each step.
    """

    def __init__(self, network: nn.Module, trained: Sequence[str], largest: float) -> None:
        self._largest = largest
        tied = ties(network)
        self._layers: list[list[_Place]] = []
        for described in layers(network).values():
            if not described.multiplies:
                continue
            check_uncomputed(described)
            places = [_Place(part, tied.get(part.tensor)) for part in described.weights]
            if places and all(place.name in trained for place in places):
                self._layers.append(places)
        if not self._layers:
            raise ValueError(
                "max_norm has no unit to bound: it takes the layers whose weights are trained, "
                "and multiply inputs with them"
            )

    @torch.no_grad()
    def hold_(self, params: Params) -> None:
        """Scales, in place, every vector that is too long."""
        for places in self._layers:
            squares = [
                place.by_unit(place.of(params)).square().flatten(2).sum(2) for place in places
            ]
            factors = (self._largest / torch.stack(squares).sum(0).sqrt()).clamp(max=1)
            for place in places:
                place.scale_(params, factors)


@dataclass(frozen=True)
class _Place:
    """Where weights of a layer's units lie, and how they are read from the parameter there."""

    part: Part
    tie: Tie | None

    @property
    def name(self) -> str:
        """Of the parameter."""
        return self.part.tensor if self.tie is None else self.tie.to

    def of(self, params: Params) -> Tensor:
        """What the layer reads: the parameter, contiguous as it lies, or a view of it."""
        value = params[self.name]
        return value if self.tie is None else self.tie.of(value)

    def by_unit(self, value: Tensor) -> Tensor:
        """A view [groups, units of a group, ...]; the units of all but few layers are one group."""
        part = self.part
        if part.form == "transposed":
            return value.unflatten(0, (part.groups, -1)).movedim(2, 1)
        rows = value.narrow(0, part.first, part.units * part.blocks)
        return rows.unflatten(0, (part.blocks, part.units)).movedim(1, 0)[None]

    def scale_(self, params: Params, factors: Tensor) -> None:
        """Multiplies each unit's weights, in place, by its factor [groups, units of a group]."""
        rows = self.by_unit(self.of(params))
        rows.mul_(factors.view(*factors.shape, *[1] * (rows.dim() - 2)))
