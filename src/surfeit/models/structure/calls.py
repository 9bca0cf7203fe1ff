"""What enters and leaves each layer of a network in one pass, and passes played again.

While a network is played again, every layer answers what it answered the first time, changed where
the caller wishes; what then differs at the others' inputs was reached without passing a layer.
Beside the modules, functions that multiply by a parameter (`F.linear(h, encoder.weight.t())`,
`x @ W`) are layers too: a function mode sees them.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from surfeit.models.structure.as_found import as_found, random_states
from surfeit.models.structure.call import (
    Call,
    Kind,
    UnfollowableError,
    is_layer,
    is_plain,
    kind_of,
    mixes_units,
    tensors_in,
    with_tensors,
)
from surfeit.models.structure.modes import Answers, Mode, Record, Recording, Replaying, See, copies

__all__ = [
    "Call",
    "Passes",
    "UnfollowableError",
    "check_modules",
    "is_layer",
    "mixes_units",
    "tensors_in",
    "with_tensors",
]


_DRAWS = 16  # replays of a network that draws: all alike one time in 2 ** 16 at most


class Passes:
    """The calls of a network on an example, and passes played again.

    Args:
        model: the network; it is in evaluation mode meanwhile, and afterwards as before.
        example: its inputs: a tensor, several in a tuple, or by name in a dict.

    Raises:
        UnfollowableError: if the network cannot be run, answers NaN, or draws at random.
    """

    def __init__(self, model: nn.Module, example: Any) -> None:
        check_modules(model)
        self.model, self.example = model, example
        self._stops: list[tuple[str, Kind, nn.Module]] = [
            (name, kind, module)
            for name, module in model.named_modules()
            if (kind := kind_of(module)) is not None
        ]
        self._mode: Mode | None = None
        self._held = False
        self.record = Record()
        with self.as_found():
            before = random_states(model)
            self.record.results = self._run(Recording(self.record, model))
            draws = not all(map(torch.equal, before, random_states(model)))
            for call in self.calls:
                _check_numbers(call.name, [*call.inputs, *call.outputs])
            _check_numbers("", self.results)
            # A few draws may come out the same twice; and what is drawn may be of no account.
            for _ in range(_DRAWS if draws else 1):
                self._check_repeatable()

    @property
    def calls(self) -> list[Call]:
        """The calls of the first pass, in their order."""
        return self.record.calls

    @property
    def results(self) -> list[Tensor]:
        """The tensors of the network's result."""
        return self.record.results

    def occurrences(self) -> tuple[tuple[str, int], ...]:
        """Each call's name, and the how manieth call of that name it is, from 0."""
        counts: dict[str, int] = {}
        order = []
        for call in self.calls:
            order.append((call.name, counts.get(call.name, 0)))
            counts[call.name] = order[-1][1] + 1
        return tuple(order)

    def replay(self, answers: Answers, see: See) -> list[Tensor]:
        """Plays a pass again; returns the network's results.

        Args:
            answers: what some calls answer now; the others answer as they did.
            see: called with each call's number and its inputs.
        """
        return self._run(Replaying(self.record, answers, see))

    @contextmanager
    def as_found(self) -> Iterator[None]:
        """Holds the model in evaluation mode, over many passes, and leaves it as it was found."""
        if self._held:
            yield
            return
        self._held = True
        try:
            with as_found(self.model), self._patched():
                yield
        finally:
            self._held = False

    @contextmanager
    def _patched(self) -> Iterator[None]:
        """Lets a mode answer for the layers, also where the model calls their `forward` itself."""
        own = [module.__dict__.get("forward") for _, _, module in self._stops]
        try:
            for name, kind, module in self._stops:
                answer = partial(self._call, name, kind, is_plain(module), module.forward)
                module.__dict__["forward"] = answer
            yield
        finally:
            for (_, _, module), before in zip(self._stops, own, strict=True):
                module.__dict__.pop("forward", None)
                if before is not None:
                    module.__dict__["forward"] = before

    def _call(self, *given: Any, **named: Any) -> Any:
        assert self._mode is not None
        return self._mode.call(*given, **named)

    def _run(self, mode: Mode) -> list[Tensor]:
        try:
            # A network may work in place on what it is given: it gets it anew each time.
            given = with_tensors(self.example, copies(tensors_in(self.example)))
            with self.as_found(), torch.no_grad(), mode:
                self._mode = mode
                result = self._forward(given)
        except UnfollowableError:
            raise
        except Exception as error:
            raise UnfollowableError(_failed(mode, error)) from error
        finally:
            self._mode = None
        mode.check_ended()
        return _results(result)

    def _forward(self, given: Any) -> Any:
        if isinstance(given, Mapping):
            return self.model(**given)
        return self.model(*given if isinstance(given, tuple) else (given,))

    def _check_repeatable(self) -> None:
        differing: list[str] = []

        def see(number: int, inputs: list[Tensor]) -> None:
            call = self.calls[number]
            if any(not torch.equal(a, b) for a, b in zip(inputs, call.inputs, strict=True)):
                differing.append(call.name)

        results = self.replay({}, see)
        same = all(torch.equal(a, b) for a, b in zip(results, self.results, strict=True))
        if differing or not same:
            where = f"the input of {differing[0]!r}" if differing else "its result"
            raise UnfollowableError(
                f"the network gives other numbers when it is run again, at {where}: it draws at "
                "random in evaluation mode, or remembers; dropout wants training=self.training"
            )


def check_modules(model: nn.Module) -> None:
    """Says so if a network holds what nobody can look into.

    Raises:
        UnfollowableError: if a module is TorchScript's.
    """
    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            raise UnfollowableError(
                f"{name or 'the network'!r} is a TorchScript module, whose layers cannot be seen: "
                "build the network with its own code and load its weights into that"
            )


def _results(result: Any) -> list[Tensor]:
    found = tensors_in(result)
    if not found:
        raise UnfollowableError(
            f"the network's result holds no tensors: it is of type {type(result).__name__}; let it "
            "return a tensor, or tensors in a tuple, list, dict or data class"
        )
    return found


def _failed(mode: Mode, error: Exception) -> str:
    where = f" at {mode.last!r}" if mode.last else ""
    lines = str(error).strip().splitlines()
    why = lines[0] if lines else type(error).__name__
    if isinstance(mode, Recording):
        return f"the network cannot be run on the example{where}: {why}"
    return (
        f"the network runs on the example, but fails{where} once its layers' outputs are put into "
        f"it with other numbers: {why}"
    )


def _check_numbers(name: str, tensors: list[Tensor]) -> None:
    for value in tensors:
        if value.is_floating_point() and bool(value.isnan().any()):
            where = f"at {name!r}" if name else "in its result"
            raise UnfollowableError(
                f"the network gives NaN on the example, {where}: nothing can be said of such a "
                "network; look for NaN or infinity among its weights, statistics and inputs"
            )
