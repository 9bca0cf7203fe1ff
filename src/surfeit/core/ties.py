"""Tied parameters: one parameter under several names of a network."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from surfeit.core.memory import Span, axes_by_stride, layout, overlap
from surfeit.core.wrappers import unwrapped


@dataclass(frozen=True)
class Tie:
    """How a parameter is read from the one that it is tied to.

    Args:
        to: the name of the parameter that both are.
        axes: that one's axes in the order in which its numbers lie in memory; None if the two have
            the same axes, and all else is empty then.
        size: the reader's sizes in the same order.
        order: for each axis of the reader, its place in `size`.
    """

    to: str
    axes: tuple[int, ...] | None = None
    size: tuple[int, ...] = ()
    order: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.axes is not None:  # lists, where it was read from JSON
            object.__setattr__(self, "axes", tuple(self.axes))
        object.__setattr__(self, "size", tuple(self.size))
        object.__setattr__(self, "order", tuple(self.order))

    @classmethod
    def recorded(cls, record: "str | Mapping[str, Any]") -> "Tie":
        """The tie that `record` wrote."""
        return cls(record) if isinstance(record, str) else cls(**record)

    def record(self) -> str | dict[str, Any]:
        """The tie as JSON values: the name alone, where both have the same axes."""
        if self.axes is None:
            return self.to
        places = {"axes": self.axes, "size": self.size, "order": self.order}
        return {"to": self.to} | {name: list(value) for name, value in places.items()}

    def of(self, value: Tensor) -> Tensor:
        """The reader's tensor, a differentiable view of the value of the parameter tied to."""
        if self.axes is None:
            return value
        return value.permute(self.axes).reshape(self.size).permute(self.order)

    def inverse(self, value: Tensor, shape: torch.Size) -> Tensor:
        """The value of the parameter tied to, of its shape, from the reader's."""
        if self.axes is None:
            return value
        flat = value.permute(_inverse(self.order))
        return flat.reshape([shape[axis] for axis in self.axes]).permute(_inverse(self.axes))


# Of private copies alone, which nothing ties anew: to look at every call costs as much as a small
# network's forward pass.
_KNOWN: "WeakKeyDictionary[nn.Module, dict[str, Tie]]" = WeakKeyDictionary()


def ties(model: nn.Module) -> dict[str, Tie]:
    """By name, the parameters that are another one too; empty where each is its own.

    Two names are one parameter if they hold one object, or two `Parameter` objects over the same
    numbers in memory, laid out alike or otherwise (`decoder.weight.data = encoder.weight.data.T`).
    It is called by the first name whose tensor is contiguous, else by the first, and trained as
    one: its gradient is the sum over all places. With plain SGD that is what PyTorch does. With
    momentum, weight decay or Adam, PyTorch's optimisers update two objects over one memory twice in
    every step, once from each one's own state; here it is updated once, as one object is.

    A buffer that several modules hold is found too; a module that stands at several places is
    not, as its parameters have one name.

    Raises:
        ValueError: if two parameters share a part of their memory only, or one of those over the
            same numbers is frozen and the other is not, or as `unwrapped`.

    Cost: a few microseconds a parameter.
    """
    known = _KNOWN.get(model) if isinstance(model, nn.Module) else None
    return _found(unwrapped(model)) if known is None else known


def remember(model: nn.Module, found: dict[str, Tie]) -> None:
    """Keeps the ties of a private copy, which must not be tied otherwise afterwards."""
    _KNOWN[model] = found


def tie_(model: nn.Module, found: dict[str, Tie]) -> nn.Module:
    """Ties the parameters of a model, which is returned, by what `ties` found in its like."""
    network = unwrapped(model)
    for name, tie in found.items():
        held, leaf = _place(network, name)
        others, other_leaf = _place(network, tie.to)
        if tie.axes is None:
            held[leaf] = others[other_leaf]
        else:
            held[leaf].data = tie.of(others[other_leaf].data)
    return model


def _place(model: nn.Module, name: str) -> tuple[dict[str, Any], str]:
    """Where a module keeps a parameter or buffer, and its name there."""
    path, _, leaf = name.rpartition(".")
    module = model.get_submodule(path)
    held: dict[str, Any] = module._parameters if leaf in module._parameters else module._buffers
    return held, leaf


def _found(model: nn.Module) -> dict[str, Tie]:
    names: dict[int, list[str]] = {}
    distinct: dict[str, Tensor] = {}
    for name, value in _named(model):
        own = names.setdefault(id(value), [])
        own.append(name)
        if len(own) == 1:
            distinct[name] = value
    result: dict[str, Tie] = {}
    parameters = {name: v for name, v in distinct.items() if isinstance(v, nn.Parameter)}
    for group in _over_one_memory(parameters):
        whole = next((name for name in group if distinct[name].is_contiguous()), group[0])
        for name in group:
            if name != whole:
                result[name] = _tie(whole, distinct[whole], distinct[name])
    for first, *others in names.values():
        if others:
            result |= dict.fromkeys(others, result.get(first, Tie(first)))
    order = [name for held in names.values() for name in held] if result else []
    return {name: result[name] for name in order if name in result}


def _named(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """All parameters, then all buffers, by every module's own first name."""
    modules = list(model.named_modules())
    for kind in ("_parameters", "_buffers"):
        for path, module in modules:
            for leaf, value in getattr(module, kind).items():
                if value is not None:
                    yield (f"{path}.{leaf}" if path else leaf), value


def _over_one_memory(parameters: Mapping[str, Tensor]) -> list[list[str]]:
    """The groups of names that stand for the same numbers, each in the order of the model."""
    spans = [span for item in parameters.items() if (span := Span.of(*item)) is not None]
    spans.sort(key=lambda span: (span.space, span.begin))
    groups: dict[tuple[object, ...], list[str]] = {}
    reach: list[Span] = []
    for span in spans:
        reach = [other for other in reach if other.meets(span)]
        alike = [layout(other) == layout(span) for other in reach]
        for other, over_the_same in zip(reach, alike, strict=True):
            if over_the_same:
                _check_alike(other, span)
            elif overlap(other, span):
                _refuse(other.name, span.name)
        if any(alike):
            first = reach[alike.index(True)]
            groups.setdefault(layout(span), [first.name]).append(span.name)
        reach.append(span)
    place = {name: index for index, name in enumerate(parameters)}
    return [sorted(group, key=place.__getitem__) for group in groups.values()]


def _tie(name: str, whole: Tensor, reader: Tensor) -> Tie:
    if whole.shape == reader.shape and all(
        size == 1 or whole.stride(axis) == reader.stride(axis)
        for axis, size in enumerate(whole.shape)
    ):
        return Tie(name)
    axes = axes_by_stride(reader)
    return Tie(
        name, axes_by_stride(whole), tuple(reader.shape[axis] for axis in axes), _inverse(axes)
    )


def _inverse(order: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(range(len(order)), key=order.__getitem__))


def _check_alike(one: Span, other: Span) -> None:
    if one.value.requires_grad != other.value.requires_grad:
        frozen, trained = (one, other) if other.value.requires_grad else (other, one)
        raise ValueError(
            f"{frozen.name} is over the same memory as {trained.name}, but it is frozen and the "
            "other is not: give both the same requires_grad, or a copy to one of them"
        )


def _refuse(one: str, other: str) -> None:
    raise ValueError(
        f"{one} and {other} share a part of their memory: parameters may be tied whole, as one "
        "object or as views of all the same numbers; give one of them a copy, "
        "nn.Parameter(value.detach().clone())"
    )
