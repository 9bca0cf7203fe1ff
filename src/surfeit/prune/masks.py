"""Masks: bool tensors by parameter name, True = kept; their density, and how they combine.

A mask is a plain `dict[str, Tensor]` on the CPU. Here is all that takes masks as they are; masks
from scores are in `allocation`, and more of whole units in `units`.
"""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from surfeit.core import check_mask_fits, own_parameters, unwrapped
from surfeit.core.parameters import check_mask_kind
from surfeit.prune.checks import check_alike, check_alive, check_bool, check_mask, check_nested
from surfeit.prune.coverage import Coverage, coverage
from surfeit.prune.overlap import Overlap, Overlaps, overlap
from surfeit.prune.prunable import Mask, prunable
from surfeit.prune.units import unit_mask

__all__ = [
    "Coverage",
    "Mask",
    "Overlap",
    "Overlaps",
    "check_alike",
    "check_alive",
    "check_mask",
    "check_nested",
    "coverage",
    "densities",
    "density",
    "full_mask",
    "intersect",
    "invert",
    "overlap",
    "prunable",
    "unit_mask",
]


def full_mask(model: nn.Module, also: Iterable[str] = ()) -> Mask:
    """The mask that keeps everything: the dense network, level 0.

    Args:
        model: any module.
        also: further parameters to prune, as in `prunable`.

    Raises:
        ValueError: as `prunable`.
    """
    own = dict(unwrapped(model).named_parameters())
    return {name: torch.ones(own[name].shape, dtype=torch.bool) for name in prunable(model, also)}


def density(mask: Mapping[str, Tensor], model: nn.Module | None = None) -> float:
    """The fraction of the mask's entries that are kept, in [0, 1]; with a model, of all of its own.

    Args:
        mask: bool by parameter name, True = kept.
        model: whose parameters are all counted, those that no mask reaches as kept: biases,
            normalisations, embeddings (`coverage` names them). One that is shared counts once.

    Raises:
        ValueError: if the mask, or the model, has no entries, or the mask is none or not the
            model's.
    """
    _check_kind(mask)
    kept = sum(int(value.sum()) for value in mask.values())
    total = sum(value.numel() for value in mask.values())
    if model is not None:
        check_mask_fits(model, mask)
        every = sum(value.numel() for value in own_parameters(model).values())
        kept, total = kept + every - total, every
    if total == 0:
        raise ValueError("a mask without entries has no density: pass a mask of a model")
    return kept / total


def densities(mask: Mapping[str, Tensor]) -> dict[str, float]:
    """The fraction of each parameter's entries that is kept, in [0, 1].

    Raises:
        ValueError: if a parameter has no entries, or the mask is none.
    """
    _check_kind(mask)
    return {name: density({name: value}) for name, value in mask.items()}


def intersect(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> Mask:
    """What both masks keep; where only one has a parameter, the other is taken to keep it all.

    Raises:
        ValueError: if a parameter's shapes differ or it is not bool.
    """
    _check_kind(a)
    _check_kind(b)
    shared = a.keys() & b.keys()
    check_alike({name: a[name] for name in shared}, {name: b[name] for name in shared})
    either = {**a, **b}
    return {name: a[name] & b[name] if name in shared else either[name].clone() for name in either}


def invert(mask: Mapping[str, Tensor]) -> Mask:
    """The mask that keeps what this one removes.

    Raises:
        ValueError: if the mask is none.
    """
    _check_kind(mask)
    return {name: ~value for name, value in mask.items()}


def _check_kind(mask: object) -> None:
    check_mask_kind(mask)
    assert isinstance(mask, Mapping)
    for name, value in mask.items():
        check_bool(name, value)
