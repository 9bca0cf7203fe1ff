"""Matching of units: the order of one network's units in which it is most like another one."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64, Shaped
from torch import Tensor, nn

from surfeit.core import Params, copied, load_, own_parameters
from surfeit.landscape.exchange import Exchange, Exchanges, reordered
from surfeit.landscape.line import check_fit
from surfeit.landscape.movable import exchanges
from surfeit.models.structure import Structure, unit_outputs

_MOST_PASSES = 100


@dataclass(frozen=True, eq=False)
class Matching:
    """A network with its units in the order of another's.

    Args:
        tensors: the second network in its new order, which computes what it did.
        orders: by group (after its first layer): unit `u` is now what `order[u]` was.
        fixed: by layer, why its units stayed where they were.
        before, after: the distance of the two networks, `√ Σ (first − second)²` over parameters.
    """

    tensors: Params
    orders: Mapping[str, Int64[Tensor, " units"]]
    fixed: Mapping[str, str]
    before: float
    after: float


@torch.no_grad()
def match_weights(
    model: nn.Module,
    first: Mapping[str, Tensor],
    second: Mapping[str, Tensor],
    inputs: Shaped[Tensor, "n *shape"],
    *,
    generator: torch.Generator,
) -> Matching:
    """Puts the second network's units in the order in which its weights are nearest to the first's.

    It minimises `‖first − P(second)‖²` over parameters, `P` the permutations of all groups of
    units: for one group after another, in random order, the best permutation while the others stay
    is a linear assignment; until a whole pass changes none. It ends in a local minimum; with a
    single group that is the best of all.

    Args:
        model: the network's structure; its own weights are not read but to follow it.
        first, second: parameters and buffers by name.
        inputs: a few examples, on which the network is followed.
        generator: draws the order of the groups.

    Raises:
        ValueError: as `exchanges`, or if the networks do not fit each other or the model.

    Source: Ainsworth et al. 2023 ("Git Re-Basin"), section 3.2, algorithm 1. Cost: a pass takes
    O(units² (inputs + readers) + units³) a group; two to ten passes.
    """
    found, start = _checked(model, first, second, inputs), dict(second)
    names = _trained(model)
    tensors, orders = start, {group.name: torch.arange(group.units) for group in found.groups}
    for _ in range(_MOST_PASSES):
        changed = False
        for number in torch.randperm(len(found.groups), generator=generator).tolist():
            group = found.groups[number]
            order = _assigned(group, _likeness(group, first, tensors, names))
            moved = reordered(tensors, group, order)
            touched = [place.tensor for place in group.places if place.tensor in names]
            was, now = (_distance(first, other, touched) for other in (tensors, moved))
            # Of a module that reads itself both axes move at once: there a step may lead away.
            if now < was * (1 - 1e-9):
                tensors, changed = moved, True
                orders[group.name] = orders[group.name][order]
        if not changed:
            break
    return _matching(found, orders, first, start, tensors, names)


@torch.no_grad()
def match_outputs(
    model: nn.Module,
    first: Mapping[str, Tensor],
    second: Mapping[str, Tensor],
    inputs: Shaped[Tensor, "n *shape"],
) -> Matching:
    """Puts the second network's units in the order in which they answer most like the first's.

    For each group it maximises `Σ_u corr(z_u, z'_order(u))`, the correlation over examples and
    positions of what units of the two networks answer, as their reader takes it, summed over the
    group's layers: one linear assignment a group, the best of all. A unit that never changes has
    correlation 0.

    Args:
        model, first, second: as of `match_weights`.
        inputs: the examples that units answer.

    Raises:
        ValueError: as `match_weights`.

    Source: Li et al. 2016 ("Convergent Learning"); Jordan et al. 2023, section 2. Cost: a forward
    pass of both networks, and O(units² examples + units³) a group.
    """
    found, names = _checked(model, first, second, inputs), _trained(model)
    tensors, orders = dict(second), {}
    layers = [name for group in found.groups for name in group.layers]
    ours, theirs = (_answers(model, ends, layers, inputs) for ends in (first, second))
    for group in found.groups:
        likeness = torch.zeros(group.units, group.units, dtype=torch.float64)
        for name in group.layers:
            units = group.members[name]
            likeness[units[:, None], units] += _correlations(ours[name], theirs[name])
        order = _assigned(group, likeness)
        orders[group.name] = order
        tensors = reordered(tensors, group, order)
    return _matching(found, orders, first, dict(second), tensors, names)


def _checked(
    model: nn.Module, first: Mapping[str, Tensor], second: Mapping[str, Tensor], inputs: Tensor
) -> Exchanges:
    for end in (first, second):
        check_fit(model, end)
    return exchanges(model, inputs)


def _trained(model: nn.Module) -> list[str]:
    return [name for name, value in own_parameters(model).items() if value.is_floating_point()]


def _likeness(
    group: Exchange, first: Mapping[str, Tensor], second: Mapping[str, Tensor], names: list[str]
) -> Float[Tensor, "units units"]:
    """Inner products of all that belongs to each unit of the one and of the other."""
    likeness = torch.zeros(group.units, group.units, dtype=torch.float64)
    for place in group.places:
        if place.tensor not in names:
            continue
        for chosen in group.alike():
            if not bool((place.units == chosen[0]).any()):
                continue
            ours, theirs = (place.rows(of[place.tensor], chosen).double() for of in (first, second))
            likeness[chosen[:, None], chosen] += (ours @ theirs.T).cpu()
    return likeness


def _assigned(group: Exchange, likeness: Tensor) -> Int64[Tensor, " units"]:
    """The order with the largest sum, units of each kind among themselves."""
    from scipy.optimize import linear_sum_assignment

    order = torch.arange(group.units)
    for chosen in group.alike():
        own = likeness[chosen[:, None], chosen].numpy()
        order[chosen] = chosen[torch.from_numpy(linear_sum_assignment(own, maximize=True)[1])]
    return order


def _distance(first: Mapping[str, Tensor], second: Mapping[str, Tensor], names: list[str]) -> float:
    squares = [(first[n].double() - second[n].double()).square().sum() for n in names]
    return float(sum(squares)) ** 0.5


def _matching(
    found: Exchanges,
    orders: Mapping[str, Tensor],
    first: Mapping[str, Tensor],
    second: Mapping[str, Tensor],
    tensors: Params,
    names: list[str],
) -> Matching:
    before, after = (_distance(first, other, names) for other in (second, tensors))
    return Matching(tensors, orders, found.fixed, before, after)


def _answers(
    model: nn.Module, tensors: Mapping[str, Tensor], layers: list[str], inputs: Tensor
) -> dict[str, Tensor]:
    network = load_(copied(model), tensors)
    return unit_outputs(network, layers, inputs, structure=Structure.of(model, inputs[:1]))


def _correlations(ours: Tensor, theirs: Tensor) -> Float[Tensor, "units units"]:
    """Of every pair of units, over examples and positions."""
    standard = []
    for values in (ours, theirs):
        flat = values.movedim(1, 0).flatten(1).double().cpu()
        centred = flat - flat.mean(1, keepdim=True)
        length = centred.norm(dim=1, keepdim=True)
        standard.append(torch.where(length > 0, centred / length.clamp_min(1e-300), 0.0))
    return standard[0] @ standard[1].T
