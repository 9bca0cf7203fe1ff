"""What running a network shows, from its passes to its readers, groups and outputs."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from torch import nn
from torch.nn.modules.rnn import RNNBase, RNNCellBase

from surfeit.models.structure.call import Kind
from surfeit.models.structure.calls import Passes
from surfeit.models.structure.groups import Group, groups
from surfeit.models.structure.reach import Codes, Source, Target, Tracer
from surfeit.models.structure.readers import Reader, readers


@dataclass(frozen=True, eq=False)
class Traced:
    """What running a network has shown.

    Args:
        order: the calls of a pass, by name and occurrence.
        kinds: of the calls.
        readers: by layer.
        groups: by layer; none for one whose units go alone.
        outputs: the layers that reach the result.
        onward: by call: the calls that it reaches with no layer, or normalisation, in between.
        within: layers that ran inside of another, by name.
        begun: recurrent modules whose state begins at other numbers than zeros.
    """

    order: tuple[tuple[str, int], ...]
    kinds: tuple[Kind, ...]
    readers: Mapping[str, tuple[Reader, ...]]
    groups: Mapping[str, Group]
    outputs: frozenset[str]
    onward: Mapping[Source, frozenset[int]]
    within: Mapping[str, str]
    begun: frozenset[str]

    @cached_property
    def _onward(self) -> Mapping[int, frozenset[int]]:
        found: dict[int, frozenset[int]] = {}
        for source, reached in self.onward.items():
            found[source.call] = found.get(source.call, frozenset()) | reached
        return found

    def next_layers(self, name: str) -> set[str]:
        """The modules of layers that read a layer's units, normalisations being none."""
        starts = [source for source in self.onward if source.layer == name]
        open_ = [number for source in starts for number in self.onward[source]]
        seen: set[int] = set()
        while open_:
            number = open_.pop()
            if number not in seen:
                seen.add(number)
                if self.kinds[number] in ("normalisation", "function"):
                    open_ += self._onward.get(number, ())
        return {self.order[number][0] for number in seen if self.kinds[number] == "layer"}

    def behind(self, places: Iterable[tuple[str, int]]) -> set[tuple[str, int]]:
        """The calls that depend on what some calls give, these left out."""
        numbers = {place: number for number, place in enumerate(self.order)}
        reached: set[int] = set()
        open_ = [numbers[place] for place in places]
        while open_:
            further = self._onward.get(open_.pop(), frozenset()) - reached
            reached |= further
            open_ += further
        return {self.order[number] for number in reached}


def traced(model: nn.Module, passes: Passes, units: Mapping[str, int]) -> Traced:
    """Follows the units of all layers."""
    reaches = Tracer(model, passes).reaches()
    by_layer: dict[str, list[Reader]] = {}
    for reader in readers(model, passes, reaches):
        by_layer.setdefault(reader.layer, []).append(reader)
    every = [reader for own in by_layer.values() for reader in own]
    return Traced(
        order=passes.occurrences(),
        kinds=tuple(call.kind for call in passes.calls),
        readers={name: tuple(own) for name, own in by_layer.items()},
        groups=groups(units, every),
        outputs=frozenset(_outputs(passes, reaches)),
        onward={
            source: frozenset(target.call for target in codes if target.call is not None)
            for source, codes in reaches.items()
        },
        within=passes.record.within,
        begun=frozenset(_begun(model, passes, reaches)),
    )


def _outputs(passes: Passes, reaches: Mapping[Source, Codes]) -> set[str]:
    """The layers that reach a result, also through normalisations: those are no layers."""
    ends: set[int] = set()  # normalisations that reach a result
    found = set()
    for source in sorted(reaches, key=lambda source: source.call, reverse=True):
        reached = {target.call for target in reaches[source]}
        if None in reached or reached & ends:  # what comes later is known already
            if source.layer is not None:
                found.add(source.layer)
            elif passes.calls[source.call].kind == "normalisation":
                ends.add(source.call)
    return found


def _begun(model: nn.Module, passes: Passes, reaches: Mapping[Source, Codes]) -> Iterator[str]:
    """Recurrent modules that are given a state which is neither zero nor their own."""
    modules = dict(model.named_modules())
    for number, call in enumerate(passes.calls):
        if not isinstance(modules.get(call.name), RNNBase | RNNCellBase):
            continue
        floating = [n for n, value in enumerate(call.inputs) if value.is_floating_point()]
        for place in floating[1:]:
            its_own = any(
                Target(number, place) in codes
                for source, codes in reaches.items()
                if source.layer is not None and passes.calls[source.call].name == call.name
            )
            if not its_own and (place in call.parameters or bool(call.inputs[place].any())):
                yield call.name
