"""Which units a mask leaves any weights."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from surfeit.models.structure import layers


def alive_units(model: nn.Module, mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Which units keep any weight under a mask, by layer: bool [units].

    Layers of whose weights the mask says nothing are left out.
    """
    found = {}
    for name, described in layers(model).items():
        kept = [
            part.matrix(mask[part.tensor].cpu()).any(1)
            for part in described.weights
            if part.tensor in mask
        ]
        if kept:
            found[name] = torch.stack(kept).any(0)
    return found


def unit_densities(mask: Mapping[str, Tensor], model: nn.Module | None = None) -> dict[str, float]:
    """The fraction of each layer's units of which any weight is kept, by layer, in [0, 1].

    Args:
        mask: bool by parameter name, True = kept.
        model: whose mask it is; without it each row of a parameter is taken for a unit.

    Raises:
        ValueError: if, without a model, a parameter keeps nothing of a column but something of
            every row: whether that is a unit of a transposed convolution depends on the layer.
    """
    if model is not None:
        alive = alive_units(model, mask)
        return {name: kept.double().mean().item() for name, kept in alive.items()}
    return {
        _layer_of(name): _rows(name, value).double().mean().item()
        for name, value in mask.items()
        if value.dim() > 1
    }


def unit_density(mask: Mapping[str, Tensor], model: nn.Module | None = None) -> float:
    """The fraction of all layers' units of which any weight is kept, in [0, 1].

    Args:
        mask, model: as of `unit_densities`.

    Raises:
        ValueError: if the mask has no layer's weight, or as `unit_densities`.
    """
    if model is not None:
        units = list(alive_units(model, mask).values())
    else:
        units = [_rows(name, value) for name, value in mask.items() if value.dim() > 1]
    if not units:
        raise ValueError("a mask without weights [units, inputs, ...] has no units")
    return torch.cat(units).double().mean().item()


def _rows(name: str, value: Tensor) -> Tensor:
    rows = value.cpu().flatten(1).any(1)
    columns = value.cpu().transpose(0, 1).flatten(1).any(1)
    if value.dim() > 2 and bool(rows.all()) and not bool(columns.all()):
        raise ValueError(
            f"the mask of {name!r} keeps some of every row and nothing of {int((~columns).sum())} "
            "columns, which are units of a transposed convolution and inputs of any other: pass "
            "the model, unit_densities(mask, model)"
        )
    return rows


def _layer_of(name: str) -> str:
    return "" if name == "weight" else name.removesuffix(".weight")
