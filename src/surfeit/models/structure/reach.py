"""Which element of which layer's input depends on which unit: found by NaN in recorded outputs.

A source is a layer in a call (or a normalisation, or a function), a target a tensor that enters a
call, or one of the network's results. With all units of a source at NaN, what changes in the
targets is what the source reaches. Which unit an element depends on comes from the bits of the
units' numbers: for each bit one pass in which the units that have it are NaN, and one for those
that do not, all sources at once; an element that changes in exactly one of each pair has told its
unit, one that changes in both depends on several, or on two sources that disagree. Those are told
apart by further passes, of as many sources at once as meet nowhere.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn

from surfeit.models.structure.calls import Passes, UnfollowableError
from surfeit.models.structure.units import input_axis, places

NONE, SEVERAL = -1, -2


@dataclass(frozen=True)
class Target:
    """A tensor that enters a call, or one of the network's results.

    Args:
        call: the call's number, or None for a result.
        place: which of the call's inputs, or which result.
    """

    call: int | None
    place: int


@dataclass(frozen=True)
class Source:
    """A layer in one of its calls; what a recurrent module computes in a call are several.

    Args:
        call: the call's number.
        layer: the layer's name; None for a normalisation, a function, or a layer whose units do not
            lie apart in what the call gives.
    """

    call: int
    layer: str | None


# By target: int32 shaped like it, the unit that each element depends on, `NONE`, or `SEVERAL`.
Codes = dict[Target, Int[Tensor, "..."]]


class Tracer:
    """Follows units through a network's recorded passes.

    Args:
        model: the network.
        passes: its calls on an example.
    """

    def __init__(self, model: nn.Module, passes: Passes) -> None:
        self._passes = passes
        modules = dict(model.named_modules())
        self.targets = [
            Target(number, place)
            for number, call in enumerate(passes.calls)
            for place in range(len(call.inputs))
        ]
        self.targets += [Target(None, place) for place in range(len(passes.results))]
        self._codes: dict[Source, list[Tensor | None]] = {}
        for number, call in enumerate(passes.calls):
            if call.kind == "watched":
                continue
            found = places(modules[call.name], call) if call.kind == "layer" else {}
            for layer, codes in found.items():
                self._codes[Source(number, layer)] = _expanded(codes, call.outputs)
            if not found:
                axis = input_axis(modules[call.name]) if call.name in modules else -1
                self._codes[Source(number, None)] = _numbered(call.outputs, axis)
        self._by_place = {(target.call, target.place): target for target in self.targets}

    def reaches(self) -> dict[Source, Codes]:
        """What each source's units reach."""
        if not self._codes:
            return {}
        record = self._passes.record
        with self._passes.as_found():
            try:
                return self._reaches()
            except UnfollowableError:
                if not record.numbers or not record.live:
                    raise
                record.live = False  # a number that was taken out has decided something
                return self._reaches()

    def _reaches(self) -> dict[Source, Codes]:
        touched = {source: self._touched(source) for source in self._codes}
        together, unclear = self._told(self._codes)
        found: dict[Source, Codes] = {}
        counts = self._meetings(touched)
        pending: dict[Source, dict[Target, Tensor]] = {}
        for source, hits in touched.items():
            found[source] = {}
            for target, hit in hits.items():
                code = torch.where(hit, together[target], NONE)
                # What is no number has taken a unit for an index or a decision: it has no zero.
                doubtful = hit & unclear[target] if self._is_floating(target) else hit
                code[doubtful] = SEVERAL
                found[source][target] = code
                contested = doubtful & (counts[target] > 1)
                if source.layer is not None and self._is_floating(target) and contested.any():
                    pending.setdefault(source, {})[target] = contested
        for alike in (True, False):
            for batch in _batches(pending, touched if alike else None):
                self._settle(batch, pending, found)
            pending = _left(pending)
        return found

    def _settle(
        self,
        batch: list[Source],
        pending: Mapping[Source, dict[Target, Tensor]],
        found: dict[Source, Codes],
    ) -> None:
        """Tells the units of some sources, by passes in which no others are changed.

        What stays contested among them is left for passes of their own.
        """
        codes, unclear = self._told(batch)
        for source in batch:
            for target, contested in pending[source].items():
                own = torch.where(unclear[target], SEVERAL, codes[target])
                found[source][target][contested] = own[contested]
                contested &= unclear[target]

    def _touched(self, source: Source) -> dict[Target, Bool[Tensor, "..."]]:
        """The elements that change when all units of a source do."""
        whole = [None if code is None else code >= 0 for code in self._codes[source]]
        changed = self._changed({source: whole})
        return {target: hit for target, hit in changed.items() if bool(hit.any())}

    def _told(self, sources: Iterable[Source]) -> tuple[dict[Target, Tensor], dict[Target, Tensor]]:
        """Each element's unit by the bits of its number, and where the bits disagree."""
        codes = {source: self._codes[source] for source in sources}
        largest = max(
            (
                int(code.max())
                for own in codes.values()
                for code in own
                if code is not None and code.numel()
            ),
            default=0,
        )
        unit = {t: torch.zeros(self._value(t).shape, dtype=torch.int32) for t in self.targets}
        unclear = {t: torch.zeros(self._value(t).shape, dtype=torch.bool) for t in self.targets}
        for bit in range(max(1, largest.bit_length())):
            ones = self._changed(_with_bit(codes, bit, 1))
            zeros = self._changed(_with_bit(codes, bit, 0))
            for target in ones:
                unit[target] += ones[target].int() << bit
                # Elements that no source reaches change in neither: they are left out by `touched`.
                unclear[target] |= ones[target] == zeros[target]
        return unit, unclear

    def _meetings(self, touched: Mapping[Source, Mapping[Target, Tensor]]) -> dict[Target, Tensor]:
        counts = {t: torch.zeros(self._value(t).shape, dtype=torch.int32) for t in self.targets}
        for hits in touched.values():
            for target, hit in hits.items():
                counts[target] += hit
        return counts

    def _value(self, target: Target) -> Tensor:
        if target.call is None:
            return self._passes.results[target.place]
        return self._passes.calls[target.call].inputs[target.place]

    def _is_floating(self, target: Target) -> bool:
        return self._value(target).is_floating_point()

    def _changed(self, poisoned: Mapping[Source, Sequence[Tensor | None]]) -> dict[Target, Tensor]:
        """Which elements of calls' inputs and of results change with elements of recorded outputs.

        A number that became NaN tells in nearly every network; comparisons hide it (`where(x > 0,
        x, 0)`), so that a network which compares is played with `_OTHERS` too.
        """
        changed = self._played(poisoned, _gone)
        for change in _OTHERS if self._passes.record.hides else ():
            for target, more in self._played(poisoned, change).items():
                changed[target] |= more
        return changed

    def _played(
        self, poisoned: Mapping[Source, Sequence[Tensor | None]], change: "_Change"
    ) -> dict[Target, Tensor]:
        changed: dict[Target, Tensor] = {}
        calls, first = self._passes.calls, min(source.call for source in poisoned)
        answers = {source.call: list(calls[source.call].outputs) for source in poisoned}
        for source, masks in poisoned.items():
            outputs = answers[source.call]
            for place, where in enumerate(masks):
                if where is not None:
                    here = where.to(outputs[place].device)
                    outputs[place] = torch.where(here, change(outputs[place]), outputs[place])

        def see(number: int, inputs: list[Tensor]) -> None:
            if number <= first:
                return
            for place, (now, before) in enumerate(zip(inputs, calls[number].inputs, strict=True)):
                changed[self._by_place[number, place]] = _differs(now, before)

        results = self._passes.replay(answers, see)
        for place, (now, before) in enumerate(zip(results, self._passes.results, strict=True)):
            changed[self._by_place[None, place]] = _differs(now, before)
        return changed


_Change = Callable[[Tensor], Tensor]


def _gone(value: Tensor) -> Tensor:
    return torch.full_like(value, torch.nan)


# Larger and smaller than all, neither, and in reverse order.
_OTHERS: tuple[_Change, ...] = (
    lambda value: torch.full_like(value, 1e4),
    lambda value: torch.full_like(value, -1e4),
    torch.zeros_like,
    torch.neg,
)


def _expanded(codes: Sequence[Tensor | None], outputs: Sequence[Tensor]) -> list[Tensor | None]:
    """The units of one layer at each element of what its call gives."""
    return [
        None if own is None or not output.is_floating_point() else own.expand(output.shape)
        for own, output in zip(codes, outputs, strict=True)
    ]


def _numbered(outputs: Sequence[Tensor], axis: int) -> list[Tensor | None]:
    """Numbers along an axis for what has no units of its own: they agree with the units around."""
    numbered: list[Tensor | None] = []
    for output in outputs:
        if not output.is_floating_point():
            numbered.append(None)
            continue
        own = axis if -output.dim() <= axis < output.dim() else -1
        sides = [1] * output.dim()
        if output.dim():
            sides[own] = output.shape[own]
        codes = torch.arange(output.shape[own] if output.dim() else 1, dtype=torch.int32)
        numbered.append(codes.view(sides).expand(output.shape))
    return numbered


def _with_bit(
    codes: Mapping[Source, Sequence[Tensor | None]], bit: int, value: int
) -> dict[Source, list[Tensor | None]]:
    """The elements whose unit has this value at this bit."""
    return {
        source: [
            None if code is None else (code >= 0) & ((code >> bit & 1) == value) for code in own
        ]
        for source, own in codes.items()
    }


def _batches(
    pending: Mapping[Source, Mapping[Target, Tensor]],
    touched: Mapping[Source, Mapping[Target, Tensor]] | None,
) -> list[list[Source]]:
    """Sources that can be told together: no two of a batch are contested in one target.

    Given what each has touched, two that touch the very same elements of such a target may be: the
    layers of a residual stream agree among themselves, and disagree with those of the stream
    before all alike.
    """
    batches: list[tuple[list[Source], dict[Target, Tensor]]] = []
    for source, contested in pending.items():
        own = {
            target: touched[source][target] if touched else where
            for target, where in contested.items()
        }
        for members, taken in batches:
            shared = taken.keys() & own.keys()
            if all(touched is not None and torch.equal(taken[t], own[t]) for t in shared):
                members.append(source)
                taken.update(own)
                break
        else:
            batches.append(([source], own))
    return [members for members, _ in batches]


def _left(pending: Mapping[Source, dict[Target, Tensor]]) -> dict[Source, dict[Target, Tensor]]:
    left = {
        source: {target: where for target, where in contested.items() if bool(where.any())}
        for source, contested in pending.items()
    }
    return {source: contested for source, contested in left.items() if contested}


def _differs(now: Tensor, before: Tensor) -> Tensor:
    if now.shape != before.shape:
        raise UnfollowableError(
            f"a tensor of shape {list(before.shape)} becomes {list(now.shape)} once numbers "
            "change: the network's shapes depend on values"
        )
    return (now != before).cpu()
