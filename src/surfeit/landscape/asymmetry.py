"""How unequal the two sides of a valley are: the loss at equal distances before and behind."""

import math
from collections.abc import Mapping, Sequence

import pyarrow as pa
import torch
from jaxtyping import Float
from torch import Tensor, nn

from surfeit.core import (
    Objective,
    Params,
    Split,
    check_positive,
    check_split,
    copied,
    cross_entropy,
    outputs_of,
    own_parameters,
)
from surfeit.landscape.batch_statistics import batch_statistics, check_source
from surfeit.landscape.line import check_fit

PARTS = 20
"""Parts of the examples whose spread gives the standard errors."""

SCHEMA = pa.schema(
    [
        (name, pa.float64())
        for name in ("distance", "ahead", "behind", "difference", "standard_error")
    ]
)


@torch.no_grad()
def asymmetry(
    model: nn.Module,
    tensors: Mapping[str, Tensor],
    direction: Mapping[str, Tensor],
    split: Split,
    *,
    distances: Sequence[float],
    objective: Objective = cross_entropy,
    statistics_from: Float[Tensor, "n *shape"] | None = None,
) -> pa.Table:
    """How much the loss rises at equal distances on both sides of a network along a direction.

    `ahead = L(w + l u) − L(w)`, `behind = L(w − l u) − L(w)`, and their `difference = behind −
    ahead`: above 0 where the side that `u` points to is the flatter one. At a symmetric minimum it
    is 0; at a point on a slope it is not, so say beside it how the loss lies around `w`.

    Args:
        model: the network's structure; its own weights are not read.
        tensors: `w`, parameters and buffers by name.
        direction: `u`, by parameter's name; parameters that it does not name stay.
        split: the examples.
        distances: `l`, in lengths of the direction, above 0.
        objective: the loss.
        statistics_from: training inputs that batch statistics are computed from, at each point.

    Returns:
        rows `distance, ahead, behind, difference, standard_error`, the last of the difference: of
        the means of 20 parts of the examples in their order, `s / √20` (of each example alone if
        there are fewer): sorted ones are mixed first.

    Raises:
        ValueError: if the tensors do not fit the model, the direction is zero, names no parameter
            or has another shape, a distance is not above 0, there are fewer than two examples,
            batch normalisation lacks inputs, or outputs are not finite.

    Source: He, Huang and Yuan 2019, "Asymmetric valleys", definition 1. Cost: `2 distances + 1`
    forward passes.
    """
    check_split(split)
    check_fit(model, tensors)
    _check_direction(model, direction)
    if not distances:
        raise ValueError("distances must name at least one, got none")
    for distance in distances:
        check_positive("distance", distance)
    if len(split) < 2:
        raise ValueError("a standard error needs at least 2 examples, got 1")
    check_source(model, statistics_from, "point")
    structure = copied(model).eval()

    def losses(along: float) -> Float[Tensor, " parts"]:
        moved = dict(tensors) | {n: tensors[n] + along * u for n, u in direction.items()}
        if statistics_from is not None:
            moved |= batch_statistics(structure, moved, statistics_from)
        outputs = outputs_of(structure, moved, split.inputs)
        objective.check(outputs, split.targets)
        parts = min(PARTS, len(split))
        pairs = zip(outputs.tensor_split(parts), split.targets.tensor_split(parts), strict=True)
        return torch.tensor([float(objective.loss(*pair)) for pair in pairs], dtype=torch.float64)

    here = losses(0.0)
    rows = []
    sizes = torch.tensor([len(p) for p in split.targets.tensor_split(len(here))]).double()
    shares = sizes / sizes.sum()
    for distance in distances:
        ahead, behind = losses(distance) - here, losses(-distance) - here
        difference = behind - ahead
        rows.append(
            {
                "distance": float(distance),
                "ahead": float(shares @ ahead),
                "behind": float(shares @ behind),
                "difference": float(shares @ difference),
                "standard_error": float(difference.std()) / math.sqrt(len(difference)),
            }
        )
    return pa.Table.from_pylist(rows, SCHEMA)


def flatter_side(rows: pa.Table, *, factor: float = 2.0) -> str | None:
    """Which side of a valley is flatter at every distance: "ahead", "behind", or None.

    A side is flatter where the loss rises on the other one more than `factor` times as much, and
    by more than two standard errors of the difference, at each of the distances.

    Args:
        rows: as of `asymmetry`.
        factor: `c` of the definition, at least 1.

    Raises:
        ValueError: if the factor is below 1.

    Source: He et al. 2019, definition 1, with rises in place of slopes, which are their means.
    """
    if not factor >= 1:
        raise ValueError(f"factor must be at least 1, got {factor}")
    for flat, steep, sign in (("ahead", "behind", 1), ("behind", "ahead", -1)):
        if all(
            row[steep] > factor * max(row[flat], 0.0)
            and sign * row["difference"] > 2 * row["standard_error"]
            for row in rows.to_pylist()
        ):
            return flat
    return None


def null_direction(direction: Mapping[str, Tensor], generator: torch.Generator) -> Params:
    """A Gaussian direction in which each tensor is as long as in the given one: the null.

    Args:
        direction: by parameter's name.
        generator: a CPU generator.
    """
    drawn: Params = {}
    for name, value in direction.items():
        noise = torch.randn(value.shape, generator=generator, dtype=torch.float64)
        noise = noise * (value.double().norm().cpu() / noise.norm().clamp_min(1e-300))
        drawn[name] = noise.to(value.device, value.dtype)
    return drawn


def _check_direction(model: nn.Module, direction: Mapping[str, Tensor]) -> None:
    own = own_parameters(model)
    for name, value in direction.items():
        if name not in own:
            raise ValueError(f"the direction moves {name!r}, which is no parameter of the model")
        if value.shape != own[name].shape:
            shapes = f"{list(own[name].shape)} in the model, {list(value.shape)} in the direction"
            raise ValueError(f"{name} is {shapes}")
    if not any(bool(value.any()) for value in direction.values()):
        raise ValueError("the direction must lead somewhere, got zeros alone")
