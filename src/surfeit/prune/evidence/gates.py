"""Slopes of a loss in a gate on each unit, put where a removal would make the unit zero."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor, nn

from surfeit.core import Params, Split, check_kind, copied, differentiable, ties
from surfeit.models import Structure
from surfeit.models.structure import Layer
from surfeit.prune.evidence.evidence import Evidence
from surfeit.prune.evidence.loss import (
    all_finite,
    batches,
    mean_gradients,
    real_parameters,
)
from surfeit.prune.removal import Place, Removal, Site
from surfeit.prune.rerun import Rerun


def unit_slopes(evidence: Evidence, size: int) -> Iterator[tuple[float, Params]]:
    """The slope `∂L_b/∂c_i` at c = 1 in each unit's gate, minibatch by minibatch.

    The gate multiplies the unit wherever it is read, behind activation and normalisation, as a
    removal makes it zero there (`surfeit.prune.Removal`); units that go together have one gate. A
    recurrent unit is read by its own weights, too. Where no removal is known (the projections of
    attention, units that mix before they are read, networks that cannot be followed), it multiplies
    the unit's weights and bias.

    Args:
        evidence: with a split.
        size: examples a minibatch; the last may have fewer.

    Yields:
        for each minibatch its share of the examples, and by layer name the slopes, float64 [units].

    Raises:
        ValueError: if there is no split, the objective cannot judge the outputs, or a slope is not
            finite.

    Cost: two forward passes and a backward one a minibatch; one more of each where some units have
    no removal.
    """
    split, like = evidence.examples, next(iter(evidence.weights.values()))
    removals = _removals(evidence)
    gates = _Gates(evidence, removals)
    others = [name for name in evidence.unit_layers if name not in gates.members]
    for batch in batches(split, size, like):
        found = gates.slopes(batch) | _weights_slopes(evidence, others, batch)
        ordered = {name: found[name] for name in evidence.unit_layers}
        yield len(batch) / len(split), all_finite("slopes in a gate on the units", ordered)


def _removals(evidence: Evidence) -> dict[str, Removal]:
    """The removals of the units that have one, by the first layer of each."""
    structure, found = evidence.followed, {}
    if structure.obstacle is not None:
        return {}
    tied = ties(evidence.network)
    held = {*tied, *(tie.to for tie in tied.values())}
    for name in evidence.unit_layers:
        first = structure.members(name)[0]
        if first in found:
            continue
        try:
            removal = Removal.of(structure, first, outputs=True)
        except ValueError:
            continue  # it says why they cannot be removed
        # Of a state that a tied weight reads, the slope in one layer's columns is not to be had.
        if not any(part.tensor in held for layer in removal.recurrent for part in layer.weights):
            found[first] = removal
    return found


@dataclass(eq=False)
class _Gates:
    """A private copy of the network, a gate in front of everything that reads a unit."""

    evidence: Evidence
    removals: Mapping[str, Removal]

    @cached_property
    def members(self) -> set[str]:
        """The layers whose units have a gate."""
        return {member for removal in self.removals.values() for member in removal.members}

    @cached_property
    def _network(self) -> nn.Module:
        return copied(self.evidence.network)

    @cached_property
    def _rerun(self) -> Rerun:
        first = frozenset().union(*(removal.first for removal in self.removals.values()))
        return Rerun(self._network, first, frozenset(self.evidence.followed.behind(first)))

    @cached_property
    def _sites(self) -> dict[Place | None, list[tuple[str, Site]]]:
        found: dict[Place | None, list[tuple[str, Site]]] = {}
        for name, removal in self.removals.items():
            for site in removal.sites:
                found.setdefault(site.call, []).append((name, site))
        return found

    @cached_property
    def _states(self) -> dict[str, dict[str, int]]:
        """By recurrent layer, the weights within its module that read its units: `_state_reads`."""
        structure = self.evidence.followed
        return {
            layer.name: _state_reads(structure, self._network, layer)
            for removal in self.removals.values()
            for layer in removal.recurrent
        }

    def slopes(self, batch: Split) -> Params:
        """By layer, the slopes in its units' gates of the mean loss over a batch."""
        if not self.removals:
            return {}
        own = dict(self._network.named_parameters())
        like = next(iter(self.evidence.weights.values()))
        gates = {
            name: torch.ones(removal.units, dtype=like.dtype, device=like.device).requires_grad_()
            for name, removal in self.removals.items()
        }
        states = list(dict.fromkeys(name for reads in self._states.values() for name in reads))
        leaves = [*gates.values(), *(own[name].requires_grad_() for name in states)]
        with differentiable(self._network):
            slopes = torch.autograd.grad(self._loss(batch, gates), leaves, materialize_grads=True)
        of_weights = zip(states, slopes[len(gates) :], strict=True)
        read = {name: (g * own[name].detach()).double().sum(dim=0) for name, g in of_weights}
        found: Params = {}
        for removal, gate in zip(self.removals.values(), slopes[: len(gates)], strict=True):
            slope = gate.double()
            for layer in removal.recurrent:
                places = removal.members[layer.name].to(slope.device)
                for weight, begin in self._states[layer.name].items():
                    slope.index_add_(0, places, read[weight][begin : begin + layer.units])
            for member, places in removal.members.items():
                found[member] = slope[places.to(slope.device)]
        return found

    def _loss(self, batch: Split, gates: Params) -> Tensor:
        seen: set[Site] = set()

        def look(place: Place | None, tensors: list[Tensor]) -> list[Tensor]:
            exchanged = list(tensors)
            for name, site in self._sites.get(place, ()):
                seen.add(site)
                exchanged[site.place] = _gated(site, exchanged[site.place], gates[name])
            return exchanged

        with torch.no_grad():
            self._rerun.run(batch.inputs, lambda _, tensors: tensors)
        with torch.enable_grad():
            result = self._rerun.again(look, {})
            check_kind(result)
            for name, site in self._sites.get(None, ()):
                seen.add(site)
                result = _gated(site, result, gates[name])
            self._check_seen(seen)
            self.evidence.objective.check(result.detach(), batch.targets)
            loss = self.evidence.objective.loss(result, batch.targets)
        return loss if loss.requires_grad else loss + 0 * sum(gate.sum() for gate in gates.values())

    def _check_seen(self, seen: set[Site]) -> None:
        for removal in self.removals.values():
            for site in removal.sites:
                if site not in seen:
                    assert site.call is not None
                    raise ValueError(
                        f"{removal.words} are read by {site.call[0]!r}, which did not run as a "
                        "module of its own: a gate stands where modules read units, so write it "
                        "as a module, such as nn.Linear"
                    )


def _state_reads(structure: Structure, network: nn.Module, layer: Layer) -> dict[str, int]:
    """The weights within a recurrent module that read a layer's units, and their first column.

    A cell gets its state anew at every call, where a gate stands in front of it.
    """
    module = network.get_submodule(layer.module)
    if not isinstance(module, nn.RNNBase):
        return {}
    own = layer.weights[1].tensor
    if module.proj_size:  # the projection alone reads the state, and all others the projection
        return {own.replace("weight_hh", "weight_hr"): 0}
    begin = layer.units if layer.name.endswith("_reverse") else 0
    above = (structure.layer(name) for name in structure.next_levels(layer.name))
    return {own: 0} | {level.weights[0].tensor: begin for level in above}


def _gated(site: Site, value: Tensor, gate: Tensor) -> Tensor:
    """What is read at a site, each unit times its gate."""
    units = site.units.to(gate.device)
    factor = torch.where(units >= 0, gate[units.clamp(min=0)], torch.ones_like(gate[:1]))
    factor = factor.to(value.dtype).view(-1, *[1] * (-site.axis - 1))
    if site.outside is not None:
        if value.shape[1:] != site.outside.shape:
            site.without(value, torch.zeros_like(gate, dtype=torch.bool).cpu(), None)  # refuses
        factor = torch.where(site.outside.to(gate.device), torch.ones_like(factor), factor)
    # A copy: what follows may overwrite what is read, which the slope in the gate needs.
    return value.clone() * factor


def _weights_slopes(evidence: Evidence, names: list[str], batch: Split) -> Params:
    """The slopes in a gate on each unit's weights and bias, of the mean loss over a batch."""
    if not names:
        return {}
    loss = replace(evidence.loss(), split=batch, size=len(batch))
    gradients = mean_gradients(loss, real_parameters(evidence.network))
    change = {name: g.double() * evidence.parameters[name] for name, g in gradients.items()}
    return {name: evidence.of_units(name, change, biases=True) for name in names}
