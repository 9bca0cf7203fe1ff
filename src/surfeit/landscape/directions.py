"""Directions to move a network's weights in: random ones, and those between networks."""

from collections.abc import Mapping
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from surfeit.core import Params, check_mask_fits, own_parameters, unknown
from surfeit.models.structure import layers

Kind = Literal["filter", "layer", "gaussian"]
KINDS: tuple[Kind, ...] = get_args(Kind)


def trained_and_frozen(model: nn.Module) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of the parameters that directions move, and of those that they leave out.

    Left out are parameters that take no gradient or are no floating point numbers; tied ones count
    once.

    Raises:
        ValueError: if no parameter is left.
    """
    own = own_parameters(model)
    frozen = tuple(name for name, value in own.items() if not _moves(value))
    trained = tuple(name for name in own if name not in frozen)
    if not trained:
        words = f"all are frozen: {', '.join(frozen)}" if frozen else "it has none"
        raise ValueError(f"the network must have a parameter that is trained, but {words}")
    return trained, frozen


def random_direction(
    model: nn.Module,
    *,
    kind: Kind = "filter",
    mask: Mapping[str, Tensor] | None = None,
    generator: torch.Generator,
) -> Params:
    """A random direction: a Gaussian number for each trained weight, rescaled.

    `filter`: `d_u <- d_u ‖w_u‖ / ‖d_u‖` for each unit u (filter of a convolution, row of a Linear),
    biases and parameters of normalisations zero. `layer`: the same with each weight as a whole in
    a unit's place. `gaussian`: `d <- d / ‖d‖` over all trained parameters, biases among them.

    Scaling a layer of ReLUs up and the next one down, by one factor, leaves the function alone; a
    filter-normalised direction is scaled with it, so that its picture is left alone as well. Other
    directions are not, nor is this one where each unit has a factor of its own: what reads them is
    then scaled column by column, and its direction only row by row.

    >>> random_direction(run.model(), generator=Streams(0).get("landscape", "first"))

    Args:
        model: the network whose weights give the norms; it is only read.
        kind: how the direction is rescaled.
        mask: bool by parameter, True = kept; the direction is zero where it removes.
        generator: a CPU generator. Numbers are drawn for all parameters, so that networks of one
            architecture have the same ones, whatever is masked.

    Returns:
        tensors by name, shaped like the trained parameters; frozen ones are not among them.

    Raises:
        ValueError: if no parameter is trained, the mask does not fit, or the kind is unknown.

    Source: Li et al. 2018 (1712.09913), section 4. Cost: two passes over the parameters.
    """
    if kind not in KINDS:
        raise unknown("kind of direction", kind, KINDS)
    check_mask_fits(model, mask or {})
    trained, _ = trained_and_frozen(model)
    own = own_parameters(model)
    drawn = {name: _drawn(own[name], generator) for name in trained}
    for name, kept in (mask or {}).items():
        if name in drawn:
            drawn[name] *= kept.to(drawn[name].device)
    if kind == "gaussian":
        length = sum(float(value.double().square().sum()) for value in drawn.values()) ** 0.5
        return {name: (value / length).to(own[name]) for name, value in drawn.items()}
    owners = _owners(model, kind)
    return {
        name: _rescaled(value, own[name].detach(), owners.get(name)).to(own[name])
        for name, value in drawn.items()
    }


def difference(
    first: Mapping[str, Tensor], second: Mapping[str, Tensor], names: tuple[str, ...]
) -> Params:
    """The direction from one network to another, `second − first`, in the parameters named.

    Raises:
        ValueError: if they are not of one architecture.
    """
    for name in names:
        if name not in first or name not in second or first[name].shape != second[name].shape:
            raise ValueError(
                f"a direction leads between two networks of one architecture, but {name} is "
                f"{_shape(first, name)} in one of them and {_shape(second, name)} in the other"
            )
    return {name: second[name] - first[name] for name in names}


def _shape(tensors: Mapping[str, Tensor], name: str) -> str:
    return str(list(tensors[name].shape)) if name in tensors else "missing"


def _moves(value: Tensor) -> bool:
    return value.requires_grad and value.is_floating_point()


def _drawn(value: Tensor, generator: torch.Generator) -> Tensor:
    wide = torch.float64 if value.dtype == torch.float64 else torch.float32
    return torch.randn(value.shape, generator=generator, dtype=wide).to(value.device)


def _owners(model: nn.Module, kind: Kind) -> dict[str, Tensor]:
    """Which unit each entry of a weight belongs to; what is not there holds no weights.

    A parameter of two and more axes that no layer names (of a module of the user's own) counts as
    rows; one of fewer is a bias or a scale.
    """
    found: dict[str, Tensor] = {}
    own = own_parameters(model)
    for described in layers(model).values():
        for part in described.weights:
            value = own.get(part.tensor)
            if value is None:
                continue
            units = part.owners(value.shape)
            if part.tensor in found:  # attention packs three layers into one tensor
                taken = found[part.tensor]
                more = torch.where(units >= 0, units + taken.max() + 1, -1)
                units = torch.where(taken >= 0, taken, more)
            found[part.tensor] = units
    for name, value in own.items():
        if name not in found and value.dim() >= 2:
            rows = torch.arange(len(value)).view(-1, *[1] * (value.dim() - 1))
            found[name] = rows.expand(value.shape)
    if kind == "layer":
        return {name: torch.zeros_like(units) for name, units in found.items()}
    return found


def _rescaled(drawn: Tensor, weight: Tensor, owners: Tensor | None) -> Tensor:
    """Each unit of a direction as long as the weight's; without owners nothing but zeros."""
    if owners is None or not weight.numel():
        return torch.zeros_like(drawn)
    units = owners.reshape(-1).to(weight.device)
    count = int(units.max()) + 1

    def lengths(values: Tensor) -> Tensor:
        squares = values.double().square().reshape(-1)
        return (
            torch.zeros(count, dtype=torch.float64, device=units.device)
            .index_add_(0, units, squares)
            .sqrt()
        )

    scale = lengths(weight) / lengths(drawn).clamp_min(torch.finfo(torch.float64).tiny)
    return drawn * scale[units].view(drawn.shape).to(drawn.dtype)
