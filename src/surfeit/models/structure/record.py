"""Layers as a run's record holds them, and their weight matrices from stored tensors."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from surfeit.core import Params, Tie, ties
from surfeit.models.structure.layers import Layer, layers, tensor
from surfeit.models.structure.parts import Part

COMPUTED = "computed:"
"""In front of a stored tensor's name: what a parametrisation or a hook computes from others."""


def layer_records(model: nn.Module) -> list[dict[str, Any]]:
    """What a run says of its layers, a JSON object each.

    `name`, `kind` (the module's class), `shape` (of its weight; [units, inputs] where its weights
    are not a single tensor with a unit a row) and, unless its weights are the parameter
    `NAME.weight` with a unit a row, either `tensor`, the stored tensor that it is tied to, or
    `weights`: parts as `Part` describes them, each with the stored tensor that it is read from.
    """
    tied, found = ties(model), []
    for described in layers(model).values():
        module = model.get_submodule(described.module)
        row: dict[str, Any] = {"name": described.name, "kind": type(module).__name__}
        plain = _plain_name(described.name)
        if described.weights == (Part(tensor=plain, units=described.units),) and not _is_computed(
            described, plain
        ):
            row["shape"] = list(tensor(model, plain).shape)
            found.append(row | ({"tensor": tied[plain].record()} if plain in tied else {}))
            continue
        row["shape"] = [described.units, described.inputs]
        row["weights"] = [_part(described, part, tied) for part in described.weights]
        found.append(row)
    return found


def recorded_matrix(row: Mapping[str, Any], read: Callable[[str], Tensor]) -> Tensor:
    """A layer's weight matrices [snapshots, units, inputs] from stored tensors.

    Args:
        row: the layer's record.
        read: gives a stored tensor by name, [snapshots, ...].
    """
    parts = []
    for stored, part in _parts(row):
        stack = read(stored.to)
        if stored.axes is not None:
            stack = torch.stack([stored.of(value) for value in stack])
        parts.append(stack.flatten(2) if part is None else part.matrix(stack, lead=1))
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)


def stored_names(row: Mapping[str, Any]) -> list[str]:
    """The stored tensors that a layer's weights are in, by its record."""
    return [stored.to for stored, _ in _parts(row)]


def computed_tensors(model: nn.Module) -> Params:
    """The weights that layers compute from parameters, by the names they are stored under."""
    return {
        COMPUTED + part.tensor: tensor(model, part.tensor).clone()
        for described in layers(model).values()
        for part in described.weights
        if _is_computed(described, part.tensor)
    }


def _parts(row: Mapping[str, Any]) -> list[tuple[Tie, Part | None]]:
    if "weights" not in row:
        return [(Tie.recorded(row.get("tensor", _plain_name(row["name"]))), None)]
    return [
        (Tie.recorded(part["stored"]), Part(**{n: v for n, v in part.items() if n != "stored"}))
        for part in row["weights"]
    ]


def _part(described: Layer, part: Part, tied: Mapping[str, Tie]) -> dict[str, Any]:
    if _is_computed(described, part.tensor):
        return part.to_json() | {"stored": COMPUTED + part.tensor}
    tie = tied.get(part.tensor)
    return part.to_json() | {"stored": part.tensor if tie is None else tie.record()}


def _is_computed(described: Layer, name: str) -> bool:
    return name in described.computed


def _plain_name(layer: str) -> str:
    return f"{layer}.weight" if layer else "weight"
