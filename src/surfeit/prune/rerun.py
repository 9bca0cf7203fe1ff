"""A network that is run again and again from some of its calls on, what comes before kept.

Every module that has answered before the first of those calls begins answers the same again, whole
blocks at once; a layer that answers later but does not depend on them does so too. All else runs.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.overrides import TorchFunctionMode

from surfeit.core import fast_path_off
from surfeit.models.structure.call import is_layer, mixes_units, tensors_in, with_tensors
from surfeit.models.structure.modes import PRODUCTS, Weights
from surfeit.prune.removal import Place

# Called with a call and the tensors that enter it; returns what enters instead.
Enter = Callable[[Place, list[Tensor]], list[Tensor]]


class Rerun:
    """A network whose front runs once, and whose rest runs as often as is asked.

    Args:
        model: a private copy in evaluation mode; its modules are this object's from now on.
        first: the calls to run again from.
        behind: the calls that depend on them.
    """

    def __init__(self, model: nn.Module, first: frozenset[Place], behind: frozenset[Place]) -> None:
        self.model, self._first, self._behind = model, first, behind
        self._ends: set[str] = set()
        self._kept: dict[Place, _Kept] = {}
        self._last: dict[Place, _Kept] = {}  # what layers answered in the last `again`
        self._unread: frozenset[Place] = frozenset()
        self.whole_blocks = True
        """Whether blocks of several modules answer from memory, not their modules one by one."""
        self._blocks = {name for name, module in model.named_modules() if any(module.children())}
        self._overwritten: frozenset[Place] = frozenset()
        self._counts: Counter[str] = Counter()
        self._inputs = torch.empty(0)
        self._spoils: bool | None = None  # whether the network works in place on its inputs
        self._call: Callable[..., Any] = _plainly
        self._inside = 0  # layers that the current call is within
        modules = {name for name, _ in model.named_modules()}
        self._functions = {name for name, _ in first | behind if name not in modules}
        self.largest_step = 0
        """Numbers held at once, at most, while a layer ran in `run`."""
        self.later_numbers = 0
        """Numbers that the layers answered in `run` which run again in `again`."""
        self._tail = _tail(model, first)
        for name, module in model.named_modules():
            if is_layer(module) or mixes_units(module):
                self._ends.add(name)
            if name or is_layer(model):  # the network itself always runs, unless it is a layer
                module.__dict__["forward"] = partial(self._answer, name, module.forward)

    def run(self, inputs: Tensor, enter: Enter) -> Any:
        """Runs the whole network and keeps what can be kept; returns its result.

        Args:
            inputs: what the network takes; kept for `again`, and left as they are.
            enter: looks at what enters a layer.
        """
        begun = False
        answers: list[tuple[Place, _Kept]] = []
        self._kept, self._last, self.later_numbers = {}, {}, 0

        def call(place: Place, forward: Any, args: Any, kwargs: Any) -> Any:
            nonlocal begun
            begun = begun or place in self._first
            before = self._counts.copy()
            if place[0] in self._ends:
                enter(place, tensors_in((args, kwargs)))
            result = forward(*args, **kwargs)
            if place[0] in self._ends:
                step = _numbers_held(forward, tensors_in((args, kwargs)), tensors_in(result))
                self.largest_step = max(self.largest_step, step)
                if place in self._behind or place in self._first:
                    self.later_numbers += sum(value.numel() for value in tensors_in(result))
            if place in self._first:
                answers.append((place, _Kept(result)))
            elif (self.whole_blocks or place[0] not in self._blocks) and (
                not begun or self._is_constant(place)
            ):
                within = self._counts - before
                unread = place in self._unread
                self._kept[place] = _Kept(_placeholder(result) if unread else result, within)
            return result

        self._inputs = inputs
        given = inputs if self._spoils is False else inputs.clone()
        version = given._version
        result = self._with(call, given)
        self._spoils = given._version > version
        # What a later function overwrites is no longer what the module answered.
        self._kept = {place: kept for place, kept in self._kept.items() if not kept.overwritten}
        self._overwritten = frozenset(place for place, kept in answers if kept.overwritten)
        return result

    def again(
        self,
        enter: Enter | None,
        given: Mapping[Place, Tensor],
        changed: frozenset[Place] | None = None,
    ) -> Any:
        """Runs the network from the first calls on, on the inputs of `run`; returns its result.

        Args:
            enter: exchanges what enters a layer that runs; None where all stays.
            given: what some of the first calls answer instead of running; left as it is.
            changed: the calls that may answer otherwise than in the last call that was told what
                changes; all other layers answer the same. None: nothing is known, nor kept.
        """

        def call(place: Place, forward: Any, args: Any, kwargs: Any) -> Any:
            answer = given.get(place)
            if answer is not None:
                return answer.clone() if place in self._overwritten else answer
            kept = self._kept.get(place)
            if kept is not None:
                self._counts.update(kept.within)
                return kept.answer
            if place[0] not in self._ends:
                return forward(*args, **kwargs)
            last = None if changed is None or place in changed else self._last.get(place)
            if last is not None and not last.overwritten:
                self._counts.update(last.within)
                return last.answer
            if enter is not None:
                args, kwargs = _exchanged(args, kwargs, enter, place)
            before = self._counts.copy()
            result = forward(*args, **kwargs)
            if changed is not None:
                self._last[place] = _Kept(result, self._counts - before)
            return result

        if enter is None and self._tail is not None and given.keys() == self._first:
            (place,) = self._first
            x = given[place].clone() if place in self._overwritten else given[place]
            for forward in self._tail:
                x = forward(x)
            return x
        # A network that works in place on what it is given gets it anew each time.
        return self._with(call, self._inputs.clone() if self._spoils else self._inputs)

    def forget_unread(self, given: Mapping[Place, Tensor]) -> None:
        """Finds what of the kept answers nothing reads, and keeps that no longer: for memory.

        To be called once `run` has kept what belongs to its inputs.
        """
        with _Reading() as reading:
            self.again(partial(_reading, reading), given)
        self._unread = frozenset(
            place
            for place, kept in self._kept.items()
            if not any(id(value) in reading.read for value in tensors_in(kept.answer))
        )

    def kept_numbers(self) -> int:
        """How many numbers are kept of what came before, for one example if it was one."""
        return sum(
            value.numel()
            for place, kept in self._kept.items()
            if place not in self._unread
            for value in tensors_in(kept.answer)
        )

    def _is_constant(self, place: Place) -> bool:
        """Whether a layer that answers later depends on none of the first calls."""
        return place[0] in self._ends and place not in self._behind

    def _with(self, call: Callable[..., Any], inputs: Tensor) -> Any:
        self._call, self._counts = call, Counter()
        try:
            products = _Products(self) if self._functions else nullcontext()
            with fast_path_off(), products:
                return self.model(inputs)
        finally:
            self._call = _plainly

    def _answer(self, name: str, forward: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        place = name, self._counts[name]
        self._counts[name] += 1
        within = name in self._ends
        self._inside += within
        try:
            return self._call(place, forward, args, kwargs)
        finally:
            self._inside -= within

    def product(
        self, name: str, run: Callable[..., Any], args: Any, kwargs: Any, others: list[int]
    ) -> Any:
        """A function that multiplies by a parameter, as a layer of that name."""
        tensors = tensors_in((args, kwargs))

        def forward(*given: Tensor) -> Any:
            for place, value in zip(others, given, strict=True):
                tensors[place] = value
            own, named = with_tensors((args, kwargs), tensors)
            return run(*own, **named)

        self._ends.add(name)
        return self._answer(name, forward, *(tensors[place] for place in others))

    def reads(self, name: str) -> bool:
        """Whether a function of this name is among the calls to look at."""
        return name in self._functions and not self._inside


def _tail(model: nn.Module, first: frozenset[Place]) -> list[Callable[[Tensor], Tensor]] | None:
    """What runs behind a call, if the network is a chain of modules and the call one of them.

    For speed alone: in a chain what comes before need not be passed by at each run.
    """
    chain = list(_leaves(model, ""))
    places = [number for number, (name, _) in enumerate(chain) if (name, 0) in first]
    modules = [module for _, module in chain]
    hooked = any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    if len(first) != 1 or len(places) != 1 or hooked or len(set(modules)) < len(modules):
        return None
    return [module.forward for module in modules[places[0] + 1 :]]


def _leaves(module: nn.Module, name: str) -> Iterator[tuple[str, nn.Module]]:
    """The modules of a (nested) `nn.Sequential`, whose subclasses may do more, by dotted name."""
    if type(module).forward is not nn.Sequential.forward:
        yield name, module
        return
    for child_name, child in module._modules.items():  # named_children leaves repeated ones out
        if child is not None:
            yield from _leaves(child, f"{name}.{child_name}" if name else child_name)


@dataclass(eq=False)
class _Kept:
    """What a module answered, and how often modules within it ran meanwhile."""

    answer: Any
    within: Counter[str]
    versions: tuple[int, ...]

    def __init__(self, answer: Any, within: Counter[str] | None = None) -> None:
        self.answer, self.within = answer, within or Counter()
        self.versions = tuple(value._version for value in tensors_in(answer))

    @property
    def overwritten(self) -> bool:
        return self.versions != tuple(value._version for value in tensors_in(self.answer))


class _Products(TorchFunctionMode):
    """Lets functions that multiply by a parameter answer as layers do."""

    def __init__(self, rerun: Rerun) -> None:
        super().__init__()
        self._rerun, self._weights = rerun, Weights(rerun.model)

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given, name = kwargs or {}, getattr(func, "__name__", "").strip("_")
        tensors = tensors_in((args, given))
        if name in PRODUCTS:
            called, others = self._weights.product(name, tensors)
            if called is not None and self._rerun.reads(called):
                return self._rerun.product(called, func, args, given, others)
        result = func(*args, **given)
        self._weights.follow(tensors, tensors_in(result))
        return result


class _Reading(TorchFunctionMode):
    """Notes which tensors functions read."""

    def __init__(self) -> None:
        super().__init__()
        self.read: set[int] = set()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        self.read |= {id(value) for value in tensors_in((args, kwargs))}
        return func(*args, **(kwargs or {}))


def _reading(reading: _Reading, place: Place, tensors: list[Tensor]) -> list[Tensor]:
    reading.read |= {id(value) for value in tensors}
    return tensors


def _numbers_held(forward: Any, inputs: list[Tensor], outputs: list[Tensor]) -> int:
    held = sum(value.numel() for value in (*inputs, *outputs))
    module = getattr(forward, "__self__", None)
    if isinstance(module, _ConvNd):
        # Double precision convolutions on a CPU lay all their patches out in memory.
        positions = outputs[0].numel() // module.out_channels
        held += module.in_channels * math.prod(module.kernel_size) * positions
    return held


def _plainly(place: Place, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    return forward(*args, **kwargs)


def _exchanged(args: Any, kwargs: Any, enter: Enter, place: Place) -> tuple[Any, Any]:
    tensors = tensors_in((args, kwargs))
    return with_tensors((args, kwargs), enter(place, tensors))


def _placeholder(answer: Any) -> Any:
    """The same shapes without the memory."""
    shapes = [value.new_zeros(()).expand(value.shape) for value in tensors_in(answer)]
    return with_tensors(answer, shapes)
