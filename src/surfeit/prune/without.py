"""A network without some of its units: its front run once, its rest as often as units go."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from surfeit.core import Objective, Split, check_kind, converted_, copied
from surfeit.models.structure import tensor
from surfeit.prune.removal import Place, Removal, Site
from surfeit.prune.rerun import Enter, Rerun
from surfeit.prune.terms import Linear

# Readers' pre-activations of about this size are read from the cache again at every removal.
_CACHE = 2**20
# Fewer examples than this leave matrix products waiting for weights.
_LEAST = 128


@dataclass(frozen=True, eq=False)
class Front:
    """What one pass gave: the network's result, what readers read, and what stands instead."""

    result: Tensor
    read: dict[Site, Tensor]
    instead: dict[Site, Tensor]


class WithoutUnits:
    """A private copy of a network, its front run once and its rest for each removal.

    Args:
        model: the network, left as it is.
        removal: whose units go, and where they are read.
        dtype: of the arithmetic.
        keep_bias: whether units keep their biases, and lose their weights alone.
    """

    def __init__(
        self, model: nn.Module, removal: Removal, *, dtype: torch.dtype, keep_bias: bool
    ) -> None:
        own = converted_(copied(model), dtype).eval().requires_grad_(False)
        self.device = _device(own)
        self._alone = torch.empty(0)
        self._gone: Tensor | None = None  # in the last pass of the order
        self._repeats = False  # whether the rest of the network was seen to run again alike
        self._removal, self._keep_bias, self._dtype = removal, keep_bias, dtype
        self._silent = _silent(own, removal) if keep_bias else None
        self._own, self._rests = own, own_tensors(own, removal)
        self._linear = _linear_readers(own, removal)
        self._rerun = Rerun(own, removal.first, removal.behind)
        self._calls = {site.call for site in removal.sites}

    def examples_at_once(self, example: Tensor, memory: int) -> int:
        """As many as the memory holds; on a CPU no more than leave pre-activations in its cache.

        Args:
            example: the inputs of one example, [1, ...].
            memory: bytes.
        """
        front = self.front(example)
        self._alone = front.result
        given = self._given(front, torch.arange(0, device=self.device))[0]
        self._rerun.forget_unread(given)
        features = sum(value.numel() for value in front.read.values())
        answers = sum(value.numel() for value in given.values())
        # Kept through a chunk: the features, their reduced copy and their blocks; Z and what joins.
        numbers = 3 * (features + answers) + self._rerun.kept_numbers() + self._rerun.largest_step
        if self._is_passed_again(given):
            numbers += self._rerun.later_numbers
        most = memory // (numbers * self._dtype.itemsize)
        if self.device.type == "cpu":
            busy = answers or self._rerun.largest_step
            most = min(most, max(_LEAST, _CACHE // (busy * self._dtype.itemsize)))
        return max(1, most)

    def check_apart(self, result: Tensor) -> None:
        """Says so if the first example's outputs are others among more than they were alone.

        Args:
            result: the outputs of a chunk that begins with the example of `examples_at_once`.

        Raises:
            ValueError: if they differ by more than rounding.
        """
        alone, among = self._alone[:1], result[:1]
        slack = 1e-6 if self._dtype == torch.float64 else 1e-3
        if not torch.allclose(alone, among, rtol=slack, atol=slack * float(alone.abs().max())):
            raise ValueError(
                "an example's outputs depend on the examples beside it: nothing can be said of "
                "removals, whose figures would depend on how many are run at once. Normalise by "
                "statistics that are kept, or over each example by itself"
            )

    def front(self, inputs: Tensor) -> Front:
        """Runs the network once, and what stands in place of units that keep their biases.

        Raises:
            ValueError: if the network does not take the inputs, its result is no single tensor, or
                its rest cannot be run alone.
        """
        given = inputs.to(self.device)
        given = given.to(self._dtype) if given.is_floating_point() else given
        self._silence_recurrent(torch.zeros(self._removal.units, dtype=torch.bool))
        found = _reads(partial(self._rerun.run, given), self._removal)
        if not self._repeats and self._why_apart(found.result) is not None:
            # A block that leaves something besides its result must run; its layers need not.
            self._rerun.whole_blocks = False
            found = _reads(partial(self._rerun.run, given), self._removal)
            if (why := self._why_apart(found.result)) is not None:
                raise ValueError(
                    f"{self._removal.words} cannot be removed: {why}. Some module before them "
                    "leaves something besides its result, as in a list or its inputs: return it"
                )
        self._repeats = True
        if self._silent is None:
            return found
        return replace(found, instead=_reads(partial(self._silent.run, given), self._removal).read)

    def _why_apart(self, result: Tensor) -> str | None:
        """Why the rest of the network cannot be run again on what was kept; None if it can."""
        words = "what lies behind them, run without what lies before, "
        try:
            again = self._rerun.again(None, {})
        except (ValueError, TypeError, LookupError, AttributeError, RuntimeError) as error:
            return f"{words}fails ({type(error).__name__}: {error})"
        slack = 1e-9 if self._dtype == torch.float64 else 1e-3
        bound = slack * float(result.abs().max()) if result.numel() else 0.0
        alike = torch.allclose(again, result, rtol=slack, atol=bound, equal_nan=True)
        return None if alike else f"{words}gives other outputs"

    def _given(
        self, front: Front, order: Tensor
    ) -> tuple[dict[Place, Tensor], list[Callable[[int], None]]]:
        """What readers answer once all of an order is removed, and how units come back."""
        given, adders = {}, []
        for reader in self._linear or ():
            features, instead = front.read[reader.site], front.instead.get(reader.site)
            assert reader.site.call is not None
            given[reader.site.call] = reader.without(features, instead, order)
            adders.append(partial(reader.adder(features, instead, order), given[reader.site.call]))
        return given, adders

    def fronts(
        self, split: Split, objective: Objective, memory: int
    ) -> Iterator[tuple[Split, Front]]:
        """Parts of a split, as large as memory allows, and what one pass over each gave.

        Args:
            split: inputs and targets.
            objective: what is going to judge the outputs.
            memory: bytes.

        Raises:
            ValueError: if the inputs do not fit, the outputs cannot be judged, or an example's
                outputs depend on the examples beside it.
        """
        size = self.examples_at_once(split.inputs[:1], memory)
        for start in range(0, len(split), size):
            part = split[start : start + size].to(self.device)
            front = self.front(part.inputs)
            objective.check(front.result, part.targets)
            if not start:
                self.check_apart(front.result)
            yield part, front

    def read_units(self) -> Bool[Tensor, " units"]:
        """Which units could matter: those that anything reads with a weight that is not zero.

        Where a reader is not linear in the units, or the result reads them itself, all could.
        """
        alone = self._removal.first.issuperset(self._calls)  # nothing is read elsewhere
        if not self._linear or not alone:
            return torch.ones(self._removal.units, dtype=torch.bool)
        return torch.stack([reader.reads() for reader in self._linear]).any(0)

    def removed(self, front: Front, order: Tensor) -> Iterator[Tensor]:
        """The outputs after all removals of an order, ..., after 2, 1, 0 of them.

        Args:
            front: of the last inputs that `front` was given.
            order: int64, distinct units.
        """
        given, adders = self._given(front, order.to(self.device))
        self._gone = None
        places = order.tolist()
        if not self._is_passed_again(given):
            yield self._rerun.again(None, given)
            for k in range(len(places) - 1, -1, -1):
                for add_ in adders:
                    add_(k)
                yield self._rerun.again(None, given)
            return
        gone = torch.zeros(self._removal.units, dtype=torch.bool)
        gone[order.cpu()] = True
        for k in range(len(places), -1, -1):
            if k < len(places):
                gone[places[k]] = False
                for add_ in adders:
                    add_(k)
            yield self._pass(front, gone, given)

    def _is_passed_again(self, given: Mapping[Place, Tensor]) -> bool:
        """Whether units are read elsewhere than by what is given: then layers exchange inputs."""
        return not (given and self._removal.first.issuperset(self._calls))

    def _changed(self, gone: Tensor) -> frozenset[Place] | None:
        """The calls that answer otherwise than in the last pass: a stream's early blocks do not.

        Of recurrent units the weights change, and what they change is not known.
        """
        if self._removal.recurrent:
            return None
        units = torch.ones_like(gone) if self._gone is None else gone ^ self._gone
        self._gone = gone.clone()
        return self._removal.reached(units)

    def _pass(self, front: Front, gone: Tensor, given: Mapping[Place, Tensor]) -> Tensor:
        """The outputs without some units."""
        if not bool(gone.any()):
            return self._rerun.again(None, given) if given else front.result
        result = front.result
        if self._removal.first:
            self._silence_recurrent(gone)
            enter = partial(silenced, self._removal, gone, front.instead)
            result = self._rerun.again(enter, given, self._changed(gone))
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


def _reads(run: Callable[[Enter], Any], removal: Removal) -> Front:
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
    return Front(result, read, {})


def silenced(
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
    own = copied(model)
    every = torch.ones(removal.units, dtype=torch.bool)
    members = tuple(map(removal.structure.layer, removal.members))
    removal.zero_(own, every, biases=False, among=members)
    return Rerun(own, removal.first, removal.behind)


def own_tensors(model: nn.Module, removal: Removal) -> dict[str, Tensor]:
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


def _device(model: nn.Module) -> torch.device:
    first = next(model.parameters(), None)
    return torch.device("cpu") if first is None else first.device
