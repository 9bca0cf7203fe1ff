"""Batch normalisation's statistics for weights that were never trained, as between two networks."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import torch
from jaxtyping import Shaped
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from surfeit.core import EXAMPLES_AT_ONCE, Params, call, check_tensor, copied


def normalisations(model: nn.Module) -> dict[str, _BatchNorm]:
    """The model's batch normalisations that keep running statistics, by dotted name."""
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, _BatchNorm) and module.track_running_stats
    }


def check_source(model: nn.Module, statistics_from: Tensor | None, point: str) -> None:
    """Says so if statistics must be recomputed and there are no inputs for it.

    Args:
        model: with batch normalisation or without.
        statistics_from: the inputs.
        point: at each of which they are recomputed, in words.

    Raises:
        ValueError: then.
    """
    if normalisations(model) and statistics_from is None:
        raise ValueError(
            "the model has batch normalisation, whose statistics must be computed anew at every "
            f"{point}: give training images as statistics_from"
        )


@torch.no_grad()
def batch_statistics(
    model: nn.Module,
    tensors: Mapping[str, Tensor],
    inputs: Shaped[Tensor, "n *shape"],
) -> Params:
    """Recomputes every running mean and variance under the given weights.

    One pass in training mode with `momentum = None`: of `B` parts of the inputs, as equal as can
    be, `mean = Σ_b mean_b / B` and `var = Σ_b var_b / B` with each part's unbiased variance. All
    else (dropout) stays in evaluation mode; neither the model nor the tensors are changed.

    Args:
        model: the network's structure.
        tensors: its parameters and buffers by name; the old statistics are not read.
        inputs: [n, ...], as in training, on the tensors' device; n at least 2.

    Returns:
        the new `running_mean`, `running_var` and `num_batches_tracked` by buffer name; empty if
        the model has no batch normalisation.

    Raises:
        ValueError: if there are fewer than two inputs, or no tensor.

    Source: Izmailov et al. 2018 (`torch.optim.swa_utils.update_bn`); why, Garipov et al. 2018.
    Cost: one forward pass over the inputs, in parts of at most 1,000.
    """
    check_tensor("inputs", inputs)
    if len(inputs) < 2:
        raise ValueError(f"batch statistics need at least 2 inputs, got {len(inputs)}")
    structure = copied(model).eval()
    return gathered(structure, tensors, inputs) if normalisations(structure) else {}


def gathered(structure: nn.Module, tensors: Mapping[str, Tensor], inputs: Tensor) -> Params:
    """The statistics that one pass over the inputs gathers, in a private copy of the network."""
    found = normalisations(structure)
    fresh = _fresh(found, tensors)
    with gathering(found):
        for part in inputs.tensor_split(-(-len(inputs) // EXAMPLES_AT_ONCE)):
            call(structure, {**tensors, **fresh}, part)
    return fresh


@contextmanager
def gathering(found: Mapping[str, _BatchNorm]) -> Iterator[None]:
    """Normalisations of a private copy by a batch's own statistics, whose mean they gather."""
    for module in found.values():
        module.train().momentum = None
    try:
        yield
    finally:
        for module in found.values():
            module.eval()


def _fresh(names: Iterable[str], tensors: Mapping[str, Tensor]) -> Params:
    """Statistics of nothing yet, for these normalisations; a forward pass adds to them in place."""
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    own = [f"{name}.{one}" if name else one for name in names for one in statistics]
    return {name: torch.zeros_like(tensors[name]) for name in own}
