"""Accuracy or loss against the number of removed units: every removal's outputs, exactly.

A removal changes the pre-activations of the units' readers by one unit's term, so that only what
depends on those has to run again; where a reader is not linear in the units, it runs again too.
"""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float64, Int64
from torch import Tensor, nn

from surfeit.core import Objective, Split, check_kind, check_tensor, cross_entropy
from surfeit.models import Structure
from surfeit.models.structure import check_examples_apart, tensor
from surfeit.prune.removal import Place, Removal, Site
from surfeit.prune.rerun import Enter, Rerun
from surfeit.prune.terms import Linear

# Readers' pre-activations of about this size are read from the cache again at every removal.
_CACHE = 2**20
# Fewer examples than this leave matrix products waiting for weights.
_LEAST = 128


@dataclass(frozen=True, eq=False)
class RemovalCurve:
    """What a network is worth after 0, 1, 2, ... removals.

    Args:
        accuracy: float64 [removals + 1], the fraction that is right; None without classes.
        loss: float64 [removals + 1], the objective's mean; None where accuracy alone was wanted.
    """

    accuracy: Float64[Tensor, " removals+1"] | None
    loss: Float64[Tensor, " removals+1"] | None

    @property
    def points(self) -> Float64[Tensor, " removals+1"]:
        """The accuracies or, where there are no classes, the losses."""
        points = self.loss if self.accuracy is None else self.accuracy
        assert points is not None
        return points


def removal_curve(
    model: nn.Module,
    layer: str,
    order: Int64[Tensor, " removals"],
    split: Split,
    *,
    objective: Objective = cross_entropy,
    keep_bias: bool = False,
    dtype: torch.dtype = torch.float64,
    memory: int = 2**29,
    structure: Structure | None = None,
) -> Float64[Tensor, " removals+1"]:
    """Accuracies after 0, 1, 2, ... removals, each as a full forward pass would find it.

    Where the objective knows no classes, as in a regression, its losses. See `removal_curves`,
    which does the same for many orders at once.

    >>> order = removal_order(structure.layer("fc1").matrix(model), magnitude)
    >>> removal_curve(model, "fc1", order, dataset.test)

    Returns:
        float64 [removals + 1], at index k the fraction of examples (or positions) that are right
        after k removals (the first of equal outputs counts), or the mean loss; on the split's
        device.
    """
    (curve,) = removal_curves(
        model,
        layer,
        [order],
        split,
        objective=objective,
        keep_bias=keep_bias,
        dtype=dtype,
        memory=memory,
        structure=structure,
    )
    return curve.points


def removal_curves(
    model: nn.Module,
    layer: str,
    orders: Sequence[Int64[Tensor, " removals"]],
    split: Split,
    *,
    objective: Objective = cross_entropy,
    losses: bool = False,
    keep_bias: bool = False,
    dtype: torch.dtype = torch.float64,
    memory: int = 2**29,
    structure: Structure | None = None,
    progress: Callable[[float], None] | None = None,
) -> list[RemovalCurve]:
    """What a network is worth after 0, 1, 2, ... removals in each of several orders.

    A removed unit is exactly zero in the input of everything that reads it, also behind
    activations, normalisation and pools; a removed output is zero itself. Units that are added to
    others, as in a residual stream, go as one group: `structure.group(layer)` says which, and the
    order is of the group's units. A normalisation over units (LayerNorm) is a reader: the units are
    zero at its input, which is another network than one that was cut.

    With `D_i` the unit's output and `W` the weights of a reader that is linear in the units, its
    pre-activations after k removals are

        `Z_k = b + Σ_{j≥k} D_order[j] W_order[j]ᵀ + (units that stay)`.

    They are built up from the last removal to the first: sums only grow, nothing cancels, and
    units that say nothing leave ties as they are. Any other reader runs again for each removal.
    What comes before runs once for all orders. In float64 the predictions are those of a full
    float64 pass; the model itself is left alone, and evaluated without dropout and with running
    statistics whatever its mode.

    Args:
        model: any network that `Structure` can follow and whose result is one tensor.
        layer: dotted name of a layer, the output layer included.
        orders: int64 each, distinct units, first removed first; all of them or only the first few.
        split: inputs and targets; moved to the model's device chunk by chunk.
        objective: what judges the outputs.
        losses: whether to give the losses beside accuracies; without classes they are given anyway.
        keep_bias: zero the unit's incoming weights only, as the report's program does: its output
            is what the modules in between make of its constant bias.
        dtype: of the arithmetic. float32 halves the time and may decide near ties otherwise.
        memory: bytes that a chunk of examples may take beside the model's copy.
        structure: of the model, if it is at hand.
        progress: called with the share of the work that is done, in [0, 1].

    Returns:
        a curve for each order, on the split's device.

    Raises:
        ValueError: if there is no such layer, its units mix before they are read (which operation
            does it is named), the network cannot be followed, an order is not one of the layer's
            units, the inputs do not fit, the outputs cannot be judged (NaN, labels without an
            output), an example's outputs depend on others, or dtype or memory are out of range.

    Source: Heitmann 2020, section 3.1. Cost: about two passes up to the readers, and for each
    removal one unit's term and whatever depends on the readers.
    """
    _check_options(dtype, memory)
    check_examples_apart(model)
    if structure is None:
        structure = Structure.of(model, split.inputs[:1])
    removal = Removal.of(structure, layer, outputs=True)
    orders = [_checked(order, removal) for order in orders]
    with torch.no_grad():
        worker = _Curves(model, removal, objective, dtype=dtype, keep_bias=keep_bias)
        return worker.measure(orders, split, losses, memory, progress or _silently)


def outputs_without(
    model: nn.Module,
    layer: str,
    units: Int64[Tensor, " removed"],
    inputs: Tensor,
    *,
    keep_bias: bool = False,
    dtype: torch.dtype = torch.float64,
    structure: Structure | None = None,
) -> Tensor:
    """The network's outputs once units of a layer are removed: see `removal_curves`.

    Args:
        model, layer, keep_bias, dtype, structure: as there.
        units: int64, distinct units of the layer or of its group.
        inputs: [n, ...], as the network takes them.

    Returns:
        the outputs [n, ...] in `dtype`, on the model's device.

    Raises:
        ValueError: as there.

    Cost: about two forward passes.
    """
    _check_options(dtype, 1)
    check_examples_apart(model)
    known = structure if structure is not None else Structure.of(model, inputs[:1])
    removal = Removal.of(known, layer, outputs=True)
    order = _checked(units, removal)
    with torch.no_grad():
        worker = _Curves(model, removal, cross_entropy, dtype=dtype, keep_bias=keep_bias)
        return worker.without(order, inputs)


class _Curves:
    """A private copy of a network, its front run once and its rest run for each removal."""

    def __init__(
        self,
        model: nn.Module,
        removal: Removal,
        objective: Objective,
        *,
        dtype: torch.dtype,
        keep_bias: bool,
    ) -> None:
        own = copy.deepcopy(model).to(dtype).eval().requires_grad_(False)
        self._removal, self._objective = removal, objective
        self._keep_bias, self._dtype = keep_bias, dtype
        self._device = _device(own)
        self._silent = _silent(own, removal) if keep_bias else None
        self._own, self._rests = own, _own_tensors(own, removal)
        self._linear = _linear_readers(own, removal)
        self._rerun = Rerun(own, removal.first, removal.behind)
        self._calls = {site.call for site in removal.sites}

    def measure(
        self,
        orders: list[Tensor],
        split: Split,
        losses: bool,
        memory: int,
        progress: Callable[[float], None],
    ) -> list[RemovalCurve]:
        """The curves of all orders, chunk by chunk of the split."""
        size = self._examples_at_once(split, memory)
        tallies = [_Tally(len(order) + 1) for order in orders]
        for start in range(0, len(split), size):
            part = split[start : start + size].to(self._device)
            inputs = self._inputs(part.inputs)
            front = self._front(inputs)
            self._objective.check(front.result, part.targets)
            for done, (tally, order) in enumerate(zip(tallies, orders, strict=True), start=1):
                outputs = self._removed(front, inputs, order.to(self._device))
                tally.add(outputs, part.targets, self._objective, losses=losses)
                progress((start + len(part) * done / len(orders)) / len(split))
        return [tally.curve(len(split), split.targets.device) for tally in tallies]

    def without(self, units: Tensor, inputs: Tensor) -> Tensor:
        """The outputs without some units."""
        given = self._inputs(inputs.to(self._device))
        return next(self._removed(self._front(given), given, units.to(self._device)))

    def _examples_at_once(self, split: Split, memory: int) -> int:
        """As many as the memory holds; on a CPU no more than leave pre-activations in its cache."""
        one = split[:1].to(self._device)
        inputs = self._inputs(one.inputs)
        front = self._front(inputs)
        given = self._given(front, torch.arange(0, device=self._device))[0]
        self._rerun.forget_unread(inputs, given)
        features = sum(value.numel() for value in front.read.values())
        answers = sum(value.numel() for value in given.values())
        # Kept through a chunk: the features, their reduced copy and their blocks; Z and what joins.
        numbers = 3 * (features + answers) + self._rerun.kept_numbers() + self._rerun.largest_step
        most = memory // (numbers * self._dtype.itemsize)
        if self._device.type == "cpu":
            busy = answers or self._rerun.largest_step
            most = min(most, max(_LEAST, _CACHE // (busy * self._dtype.itemsize)))
        return max(1, most)

    def _inputs(self, inputs: Tensor) -> Tensor:
        return inputs.to(self._dtype, copy=True) if inputs.is_floating_point() else inputs.clone()

    def _front(self, inputs: Tensor) -> "_Front":
        """Runs the network once, and what stands in place of units that keep their biases."""
        read = _reads(partial(self._rerun.run, inputs), self._removal)
        instead = {}
        if self._silent is not None:
            instead = _reads(partial(self._silent.run, inputs), self._removal).read
        return _Front(read.result, read.read, instead)

    def _given(
        self, front: "_Front", order: Tensor
    ) -> tuple[dict[Place, Tensor], list[Callable[[int], None]]]:
        """What readers answer once all of an order is removed, and how units come back."""
        given, adders = {}, []
        for reader in self._linear or ():
            features, instead = front.read[reader.site], front.instead.get(reader.site)
            assert reader.site.call is not None
            given[reader.site.call] = reader.without(features, instead, order)
            adders.append(partial(reader.adder(features, instead, order), given[reader.site.call]))
        return given, adders

    def _removed(self, front: "_Front", inputs: Tensor, order: Tensor) -> Iterator[Tensor]:
        """The outputs after all removals, ..., 2, 1, 0 of them."""
        given, adders = self._given(front, order)
        places = order.tolist()
        gone = torch.zeros(self._removal.units, dtype=torch.bool)
        gone[order.cpu()] = True
        for k in range(len(places), -1, -1):
            if k < len(places):
                gone[places[k]] = False
                for add_ in adders:
                    add_(k)
            yield self._pass(front, inputs, gone, given)

    def _pass(
        self, front: "_Front", inputs: Tensor, gone: Tensor, given: Mapping[Place, Tensor]
    ) -> Tensor:
        """The outputs without some units."""
        if given and self._removal.first.issuperset(self._calls):
            return self._rerun.again(inputs, None, given)
        if not bool(gone.any()):
            return self._rerun.again(inputs, None, given) if given else front.result
        result = front.result
        if self._removal.first:
            self._silence_recurrent(gone)
            enter = partial(_silenced, self._removal, gone, front.instead)
            result = self._rerun.again(inputs, enter, given)
        for site in self._removal.sites_of(None):
            result = site.without(result, gone, front.instead.get(site))
        return result

    def _silence_recurrent(self, gone: Tensor) -> None:
        """Zeroes the weights, and biases, that make up a recurrent unit."""
        for name, value in self._rests.items():
            path, _, attribute = name.rpartition(".")
            getattr(self._own.get_submodule(path), attribute).copy_(value)
        removal = self._removal
        removal.zero_(self._own, gone, biases=not self._keep_bias, among=removal.recurrent)


@dataclass(frozen=True, eq=False)
class _Front:
    """What one pass gave: the network's result, what readers read, and what stands instead."""

    result: Tensor
    read: dict[Site, Tensor]
    instead: dict[Site, Tensor]


class _Tally:
    """How many are right, and what is lost, after each number of removals."""

    def __init__(self, points: int) -> None:
        self._right = torch.zeros(points, dtype=torch.float64)
        self._loss = torch.zeros(points, dtype=torch.float64)
        self._judged = self._lost = 0

    def add(
        self, every: Iterator[Tensor], targets: Tensor, objective: Objective, *, losses: bool
    ) -> None:
        """Adds a chunk: the outputs after all removals first, after none last."""
        right, lost, sums = [], [], []
        for outputs in every:
            sums.append(outputs.sum())
            correct = objective.correct(outputs, targets)
            if correct is not None:
                right.append(torch.count_nonzero(correct))
            if losses or correct is None:
                lost.append(objective.loss(outputs, targets, "sum"))
        if not bool(torch.stack(sums).isfinite().all()):
            raise ValueError(
                "once units are removed the network's outputs are no longer finite numbers: "
                "nothing can be said of such a network"
            )
        if right:
            self._right += torch.stack(right).flip(0).double().cpu()
            self._judged += targets.numel()
        if lost:
            self._loss += torch.stack(lost).flip(0).double().cpu()
            self._lost += len(targets)

    def curve(self, examples: int, device: torch.device) -> RemovalCurve:
        """The curve, once all chunks were added."""
        return RemovalCurve(
            accuracy=(self._right / self._judged).to(device) if self._judged else None,
            loss=(self._loss / examples).to(device) if self._lost else None,
        )


def _reads(run: Callable[[Enter], Any], removal: Removal) -> _Front:
    """A pass's result, and copies of what is read at the removal's sites."""
    read: dict[Site, Tensor] = {}

    def enter(place: Place, tensors: list[Tensor]) -> list[Tensor]:
        for site in removal.sites_of(place):
            read[site] = tensors[site.place].clone()  # a later function may work in place on it
        return tensors

    try:
        result = run(enter)
    except (RuntimeError, TypeError, IndexError) as error:
        raise ValueError(f"the network does not take the split's inputs: {error}") from error
    check_kind(result)
    unseen = [site.call[0] for site in removal.sites if site.call and site not in read]
    if unseen:
        raise ValueError(
            f"{removal.words} are read by {unseen[0]!r}, which did not run as a module of its own: "
            "units are removed where modules read them, so write it as a module, such as nn.Linear"
        )
    assert isinstance(result, Tensor)
    read |= dict.fromkeys(removal.sites_of(None), result)
    return _Front(result, read, {})


def _silenced(
    removal: Removal,
    gone: Tensor,
    instead: Mapping[Site, Tensor],
    place: Place,
    tensors: list[Tensor],
) -> list[Tensor]:
    """What enters a layer, without the units that are gone."""
    exchanged = list(tensors)
    for site in removal.sites_of(place):
        value = exchanged[site.place]
        exchanged[site.place] = site.without(value, gone, instead.get(site))
    return exchanged


def _silent(model: nn.Module, removal: Removal) -> Rerun:
    """A copy whose units answer with their biases alone."""
    own = copy.deepcopy(model)
    every = torch.ones(removal.units, dtype=torch.bool)
    members = tuple(map(removal.structure.layer, removal.members))
    removal.zero_(own, every, biases=False, among=members)
    return Rerun(own, removal.first, removal.behind)


def _own_tensors(model: nn.Module, removal: Removal) -> dict[str, Tensor]:
    """Copies of the recurrent members' tensors, by name."""
    return {
        part.tensor: tensor(model, part.tensor).clone()
        for layer in removal.recurrent
        for part in (*layer.weights, *layer.biases)
    }


def _linear_readers(model: nn.Module, removal: Removal) -> list[Linear] | None:
    """The first readers, if all of them are linear in the units; else None."""
    if removal.recurrent:
        return None
    modules, found = dict(model.named_modules()), []
    for site in removal.sites:
        if site.call not in removal.first:
            continue
        module = modules.get(site.call[0])  # a function is no module
        reader = None if module is None else Linear.of(module, site, removal.units)
        if reader is None:
            return None
        found.append(reader)
    return found if len({reader.site.call for reader in found}) == len(found) else None


def _silently(share: float) -> None:
    """What is told if nobody listens."""


def _check_options(dtype: torch.dtype, memory: int) -> None:
    if dtype not in (torch.float32, torch.float64):
        raise ValueError(f"dtype must be torch.float32 or torch.float64, got {dtype}")
    if memory < 1:
        raise ValueError(f"memory must be at least 1 byte, got {memory}")


def _checked(order: Tensor, removal: Removal) -> Tensor:
    check_tensor("order", order)
    if order.dtype != torch.int64 or order.dim() != 1:
        raise ValueError(f"order must be int64 [removals], got {order.dtype} {list(order.shape)}")
    listed, units = order.tolist(), removal.units
    unknown = sorted({unit for unit in listed if not 0 <= unit < units})
    if unknown:
        raise ValueError(f"the {removal.words} are 0 to {units - 1}, the order names {unknown[:5]}")
    if len(set(listed)) < len(listed):
        repeated = sorted({unit for unit in listed if listed.count(unit) > 1})
        raise ValueError(f"the order removes units more than once: {repeated[:5]}")
    return order.cpu()


def _device(model: nn.Module) -> torch.device:
    first = next(model.parameters(), None)
    return torch.device("cpu") if first is None else first.device
