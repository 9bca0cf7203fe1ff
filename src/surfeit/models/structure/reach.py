"""Which element of which layer's input depends on which unit: found by NaN in recorded outputs.

A source is a layer's call (or a normalisation's, or a function's), a target a tensor that enters a
call, or one of the network's results. With all units of a source at NaN, what changes in the
targets is what the source reaches. Which unit an element depends on comes from the bits of the
units' numbers: for each bit one pass in which the units that have it are NaN, and one for those
that do not, all sources at once; an element that changes in exactly one of each pair has told its
unit, one that changes in both depends on several, or on two sources that disagree. Those are told
apart by further passes, of as many sources at once as meet nowhere.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn

from surfeit.models.structure.calls import Passes, UnfollowableError
from surfeit.models.structure.units import Places, input_axis, merged, places

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


@dataclass(eq=False)
class Reach:
    """What one source's units reach.

    Args:
        sources: the layers within the source's call, with the places of their units.
        codes: by target: int32 shaped like it, the unit that each element depends on, `NONE`, or
            `SEVERAL`.
    """

    sources: Places
    codes: dict[Target, Int[Tensor, "..."]]


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
            for place, value in enumerate(call.inputs)
            if value.is_floating_point()
        ]
        self.targets += [
            Target(None, place)
            for place, value in enumerate(passes.results)
            if value.is_floating_point()
        ]
        self._places: dict[int, Places] = {}
        self._codes: dict[int, list[Tensor | None]] = {}
        for number, call in enumerate(passes.calls):
            if call.kind == "watched":
                continue
            own = places(modules[call.name], call) if call.kind == "layer" else {}
            self._places[number] = own
            axis = input_axis(modules[call.name]) if call.name in modules else -1
            self._codes[number] = merged(own, call) if own else _numbered(call.outputs, axis)
        self._by_place = {(target.call, target.place): target for target in self.targets}

    def reaches(self) -> dict[int, Reach]:
        """What each source reaches, by the number of its call."""
        with self._passes.as_found():
            return self._reaches()

    def _reaches(self) -> dict[int, Reach]:
        touched = {number: self._touched(number) for number in self._codes}
        together, unclear = self._told(list(self._codes))
        found: dict[int, Reach] = {}
        counts = self._meetings(touched)
        pending: dict[int, dict[Target, Tensor]] = {}
        for number, hits in touched.items():
            codes = {}
            for target, hit in hits.items():
                code = torch.where(hit, together[target], NONE)
                doubtful = hit & unclear[target]
                code[doubtful] = SEVERAL
                codes[target] = code
                contested = doubtful & (counts[target] > 1)
                if self._places[number] and bool(contested.any()):
                    pending.setdefault(number, {})[target] = contested
            found[number] = Reach(self._places[number], codes)
        for alike in (True, False):
            for batch in _batches(pending, touched if alike else None):
                self._settle(batch, pending, found)
            pending = _left(pending)
        return found

    def _settle(
        self,
        batch: list[int],
        pending: Mapping[int, dict[Target, Tensor]],
        found: dict[int, Reach],
    ) -> None:
        """Tells the units of some sources, by passes in which no others are changed.

        What stays contested among them is left for passes of their own.
        """
        codes, unclear = self._told(batch)
        for number in batch:
            for target, contested in pending[number].items():
                own = torch.where(unclear[target], SEVERAL, codes[target])
                found[number].codes[target][contested] = own[contested]
                contested &= unclear[target]

    def _touched(self, number: int) -> dict[Target, Bool[Tensor, "..."]]:
        """The elements that change when all outputs of a call do."""
        changed = self._changed({number: self._whole(number)}, after=number)
        return {target: hit for target, hit in changed.items() if bool(hit.any())}

    def _whole(self, number: int) -> list[Tensor | None]:
        return [None if code is None else code >= 0 for code in self._codes[number]]

    def _told(self, numbers: Iterable[int]) -> tuple[dict[Target, Tensor], dict[Target, Tensor]]:
        """Each element's unit by the bits of its number, and where the bits disagree."""
        codes = {number: self._codes[number] for number in numbers}
        largest = max(
            (int(code.max()) for own in codes.values() for code in own if code is not None),
            default=0,
        )
        unit = {t: torch.zeros(self._value(t).shape, dtype=torch.int32) for t in self.targets}
        unclear = {t: torch.zeros(self._value(t).shape, dtype=torch.bool) for t in self.targets}
        for bit in range(max(1, largest.bit_length())):
            ones = self._changed(_with_bit(codes, bit, 1))
            zeros = self._changed(_with_bit(codes, bit, 0))
            for target in self.targets:
                unit[target] += ones[target].int() << bit
                # Elements that no source reaches change in neither: they are left out by `touched`.
                unclear[target] |= ones[target] == zeros[target]
        return unit, unclear

    def _meetings(self, touched: Mapping[int, Mapping[Target, Tensor]]) -> dict[Target, Tensor]:
        counts = {t: torch.zeros(self._value(t).shape, dtype=torch.int32) for t in self.targets}
        for hits in touched.values():
            for target, hit in hits.items():
                counts[target] += hit
        return counts

    def _value(self, target: Target) -> Tensor:
        if target.call is None:
            return self._passes.results[target.place]
        return self._passes.calls[target.call].inputs[target.place]

    def _changed(
        self, poisoned: Mapping[int, Sequence[Tensor | None]], *, after: int = -1
    ) -> dict[Target, Tensor]:
        """Which elements of later calls' inputs change if these elements of recorded outputs do.

        A number that became NaN tells in nearly every network; comparisons hide it (`where(x > 0,
        x, 0)`), so that a network which compares is played with large numbers of both signs too.
        """
        poisons = [float("nan"), *((1e4, -1e4) if self._passes.compares else ())]
        changed = self._played(poisoned, poisons[0], after)
        for poison in poisons[1:]:
            for target, more in self._played(poisoned, poison, after).items():
                changed[target] |= more
        return changed

    def _played(
        self, poisoned: Mapping[int, Sequence[Tensor | None]], poison: float, after: int
    ) -> dict[Target, Tensor]:
        changed: dict[Target, Tensor] = {}

        answers = {
            number: [
                output if where is None else output.masked_fill(where.to(output.device), poison)
                for output, where in zip(self._passes.calls[number].outputs, masks, strict=True)
            ]
            for number, masks in poisoned.items()
        }

        def see(number: int, inputs: list[Tensor]) -> None:
            if number <= after:
                return
            recorded = self._passes.calls[number].inputs
            for place, (now, before) in enumerate(zip(inputs, recorded, strict=True)):
                if before.is_floating_point():
                    target = self._by_place[number, place]
                    changed[target] = _differs(now, before)

        results = self._passes.replay(answers, see)
        for place, (now, before) in enumerate(zip(results, self._passes.results, strict=True)):
            if before.is_floating_point():
                changed[self._by_place[None, place]] = _differs(now, before)
        return changed


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
    codes: Mapping[int, Sequence[Tensor | None]], bit: int, value: int
) -> dict[int, list[Tensor | None]]:
    """The elements whose unit has this value at this bit."""
    return {
        number: [
            None if code is None else (code >= 0) & ((code >> bit & 1) == value) for code in own
        ]
        for number, own in codes.items()
    }


def _batches(
    pending: Mapping[int, Mapping[Target, Tensor]],
    touched: Mapping[int, Mapping[Target, Tensor]] | None,
) -> list[list[int]]:
    """Sources that can be told together: no two of a batch are contested in one target.

    Given what each has touched, two that touch the very same elements of such a target may be: the
    layers of a residual stream agree among themselves, and disagree with those of the stream
    before all alike.
    """
    batches: list[tuple[list[int], dict[Target, Tensor]]] = []
    for number, contested in pending.items():
        own = {
            target: touched[number][target] if touched else where
            for target, where in contested.items()
        }
        for members, taken in batches:
            shared = taken.keys() & own.keys()
            if all(touched is not None and torch.equal(taken[t], own[t]) for t in shared):
                members.append(number)
                taken.update(own)
                break
        else:
            batches.append(([number], own))
    return [members for members, _ in batches]


def _left(pending: Mapping[int, dict[Target, Tensor]]) -> dict[int, dict[Target, Tensor]]:
    left = {
        number: {target: where for target, where in contested.items() if bool(where.any())}
        for number, contested in pending.items()
    }
    return {number: contested for number, contested in left.items() if contested}


def _differs(now: Tensor, before: Tensor) -> Tensor:
    if now.shape != before.shape:
        raise UnfollowableError(
            f"a tensor of shape {list(before.shape)} becomes {list(now.shape)} once numbers "
            "change: the network's shapes depend on values"
        )
    return (now != before).cpu()
