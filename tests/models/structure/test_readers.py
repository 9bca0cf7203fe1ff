"""Readers against one unit changed at a time, by plain hooks and without a unit's bits."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from surfeit.models import Structure
from surfeit.models.structure import Reader

from .networks import NETWORKS

SIZES = (-100.0, -1.0, 0.01, 1.0, 100.0)
KINDS = (
    *(nn.Linear, nn.Bilinear, nn.modules.conv._ConvNd, nn.RNNBase, nn.RNNCellBase, nn.Embedding),
    *(nn.EmbeddingBag, nn.MultiheadAttention, nn.LayerNorm, nn.RMSNorm, nn.GroupNorm),
)
# Of what is read, by (reader, occurrence, place).
Place = tuple[str, int, int]
Change = Callable[[Tensor], Tensor]
# By a layer's call and by what is read: bool [units, ...], the elements that each unit reaches.
Reached = dict[tuple[str, int], dict[Place, Tensor]]


class Hooked:
    """A network whose layers answer what they answered first, one of them changed."""

    def __init__(self, model: nn.Module, example: Any) -> None:
        self.model, self.example = model.eval(), example
        self.answers: dict[tuple[str, int], Any] = {}
        self.inputs = self.run(first=True)

    def run(
        self, changed: dict[tuple[str, int], Any] | None = None, *, first: bool = False
    ) -> dict[Place, Tensor]:
        counts: dict[str, int] = {}
        seen: dict[Place, Tensor] = {}

        def enter(name: str, args: Any, kwargs: Any) -> None:
            for place, value in enumerate(_tensors((args, list(kwargs.values())))):
                seen[name, counts.get(name, 0), place] = value.clone()

        def leave(name: str, result: Any) -> Any:
            call = name, counts.get(name, 0)
            counts[name] = call[1] + 1
            if first:
                self.answers[call] = _copied(result)
                return result
            return _copied((changed or {}).get(call, self.answers[call]))

        with torch.no_grad(), _hooks(self.model, enter, leave), _slow_path():
            given = self.example
            result = (
                self.model(**given)
                if isinstance(given, dict)
                else self.model(*given if isinstance(given, tuple) else (given,))
            )
        seen |= {("the result", 0, place): value for place, value in enumerate(_tensors(result))}
        return seen


@contextmanager
def _hooks(model: nn.Module, enter: Any, leave: Any) -> Iterator[None]:
    handles = []
    for name, module in model.named_modules():
        if isinstance(module, KINDS) and not name.endswith("out_proj"):
            handles.append(
                module.register_forward_pre_hook(
                    lambda _, args, kwargs, name=name: enter(name, args, kwargs), with_kwargs=True
                )
            )
            handles.append(
                module.register_forward_hook(lambda _, args, out, name=name: leave(name, out))
            )
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _slow_path() -> Iterator[None]:
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, tuple | list):
        return [leaf for item in value for leaf in _tensors(item)]
    return []


def _copied(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.clone()
    if isinstance(value, PackedSequence):
        return PackedSequence(*map(_copied, value))
    return tuple(map(_copied, value)) if isinstance(value, tuple) else value


def _with_unit(module: nn.Module, layer: str, unit: int, answer: Any, change: Change) -> Any:
    """An answer of a module in which one unit of one of its layers is changed."""
    answer = _copied(answer)

    def alter(value: Tensor, index: Any) -> None:
        value[index] = change(value[index])

    if isinstance(module, nn.RNNBase):
        level, backward = 0, 0
        if module.num_layers > 1 or module.bidirectional:
            suffix = layer.rpartition(".")[2]
            level, backward = int(suffix[1]), int(suffix.endswith("_reverse"))
        directions = 2 if module.bidirectional else 1
        output, states = answer
        if level == module.num_layers - 1:
            data = output.data if isinstance(output, PackedSequence) else output
            alter(data, (..., backward * module.hidden_size + unit))
        for state in states if isinstance(states, tuple) else (states,):
            alter(state[level * directions + backward], (..., unit))
    elif isinstance(module, nn.modules.conv._ConvNd):
        alter(answer, (slice(None), unit))
    else:
        for value in _tensors(answer)[: 2 if isinstance(module, nn.LSTMCell) else 1]:
            alter(value, (..., unit))
    return answer


def brute_force(hooked: Hooked, structure: Structure, changes: list[Change]) -> Reached:
    """The elements that changes of units reach, one unit at a time."""
    found: Reached = {}
    for name, layer in structure.layers.items():
        module_name = layer.module.removesuffix(".out_proj")
        module = hooked.model.get_submodule(module_name)
        if layer.kind == "attention" or getattr(module, "proj_size", 0):
            continue
        for call in [call for call in hooked.answers if call[0] == module_name]:
            own = found[name, call[1]] = {}
            for unit in range(layer.units):
                for change in changes:
                    altered = _with_unit(module, name, unit, hooked.answers[call], change)
                    for place, now in hooked.run({call: altered}).items():
                        before = hooked.inputs[place]
                        if place[:2] == call or not (now != before).any():
                            continue
                        empty = torch.zeros(layer.units, *before.shape, dtype=torch.bool)
                        own.setdefault(place, empty)[unit] |= now != before
    return found


def _nothing(value: Tensor) -> Tensor:
    return value * torch.nan


CHANGES: list[Change] = [lambda value, size=size: value + size for size in SIZES]


# A value that decides is given back: nothing is followed through a decision.
DECIDING = ("branch on values", "branch on numbers")


def _expected(name: str) -> tuple[Structure, Hooked, Reached, Reached]:
    """The structure, and what single units reach: by NaN, and by finite changes."""
    case = NETWORKS[name]
    model, example = case.made()
    hooked = Hooked(model, example)
    structure = Structure.of(model, example)
    assert structure.obstacle is None
    finite = brute_force(hooked, structure, CHANGES)
    if name in DECIDING:
        return structure, hooked, finite, {}
    changes = [_nothing, *([torch.zeros_like, *CHANGES] if case.hides else [])]
    return structure, hooked, brute_force(hooked, structure, changes), finite


def _place(reader: Reader) -> Place:
    name = "the result" if reader.kind == "result" else reader.name
    return name, reader.occurrence, reader.place


def _map(reader: Reader, like: Tensor) -> Tensor:
    """What a reader says of each element: the unit, or -1."""
    assert reader.axis is not None
    shape = [1] * like.dim()
    shape[reader.axis] = len(reader.units)
    units = reader.units.view(shape).expand(like.shape).clone()
    if reader.outside is not None:
        units[reader.outside.expand(like.shape)] = -1
    return units


@pytest.mark.parametrize("name", [name for name, case in NETWORKS.items() if not case.functions])
def test_readers_are_those_of_one_changed_unit_at_a_time(name):
    structure, hooked, expected, finite = _expected(name)
    for layer in structure.layers:
        readers = structure.readers(layer)
        reached = [own for (of, _), own in expected.items() if of == layer]
        maps = [(place, hit) for own in reached for place, hit in own.items()]
        assert [_place(reader) for reader in readers] == [place for place, _ in maps]
        for reader, (place, hit) in zip(readers, maps, strict=True):
            assert reader.mixed == bool((hit.sum(0) > 1).any()) or name == "codebook"
            units = torch.where(hit.any(0), hit.int().argmax(0), -1)
            if reader.axis is None:
                assert reader.mixed or not _lies_along_an_axis(units)
            else:
                differs = _map(reader, hit[0]) != units
                # Zeros behind the end of a sequence count as the unit's: they stay zeros.
                assert not hooked.inputs[place][differs].any()
                assert not differs.any() or name == "packed sequences"
    for key, own in finite.items():
        for place, hit in own.items():
            assert not (hit & ~expected[key][place]).any()


def _lies_along_an_axis(units: Tensor) -> bool:
    for axis in range(1, units.dim()):
        along = units.movedim(axis, 0).flatten(1)
        if bool((along == along[:, :1]).all()):
            return True
    return False
