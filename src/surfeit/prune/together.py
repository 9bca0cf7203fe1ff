"""A network without units of several layers at once: its front run once, its rest each time."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from surfeit.core import converted_, copied
from surfeit.models import Structure
from surfeit.models.structure import tensor
from surfeit.prune.removal import Place, Removal
from surfeit.prune.rerun import Rerun
from surfeit.prune.without import own_tensors, silenced

Gone = Mapping[str, Bool[Tensor, " units"]]
"""By layer, which units are removed."""


class WithoutTogether:
    """A private copy of a network, run with units of several layers at zero where they are read.

    Args:
        model: the network, left as it is.
        removals: by layer, whose units go; no two of them of one group.
        structure: of the network.
        dtype: of the arithmetic; float64 decides ties as `removal_curves` does.
    """

    def __init__(
        self,
        model: nn.Module,
        removals: Mapping[str, Removal],
        structure: Structure,
        *,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        own = converted_(copied(model), dtype).eval().requires_grad_(False)
        every = frozenset[Place]().union(*(removal.first for removal in removals.values()))
        behind = frozenset(structure.behind(every))
        self._own, self._removals, self._dtype = own, removals, dtype
        self._rests: dict[str, Tensor] = {}
        for removal in removals.values():
            self._rests |= own_tensors(own, removal)
        self.first = every - behind
        self.behind = behind
        self._rerun = Rerun(own, self.first, behind)

    def outputs(self, inputs: Tensor, several: Iterable[Gone]) -> Iterator[Tensor]:
        """The network's outputs without each of several choices of units, in their order.

        Args:
            inputs: [n, ...], as the network takes them.
            several: by layer, bool [units], True = removed.

        Cost: a forward pass, and of each choice one of all that reads the units.
        """
        parameter = next(self._own.parameters())
        given = inputs.to(parameter.device)
        given = given.to(self._dtype) if given.is_floating_point() else given
        self._restore_recurrent()
        whole = self._rerun.run(given, lambda place, tensors: tensors)
        for gone in several:
            yield self._without(gone) if any(bool(own.any()) for own in gone.values()) else whole

    def _without(self, gone: Gone) -> Tensor:
        self._restore_recurrent()
        for name, removal in self._removals.items():
            removal.zero_(self._own, gone[name], biases=True, among=removal.recurrent)
        result = self._rerun.again(partial(self._silenced, gone), {})
        for name, removal in self._removals.items():
            for site in removal.sites_of(None):
                result = site.without(result, gone[name], None)
        return result

    def _silenced(self, gone: Gone, place: Place, tensors: list[Tensor]) -> list[Tensor]:
        """What enters a layer, without the units that are gone."""
        for name, removal in self._removals.items():
            tensors = silenced(removal, gone[name], {}, place, tensors)
        return tensors

    def _restore_recurrent(self) -> None:
        for name, value in self._rests.items():
            tensor(self._own, name).copy_(value)
