"""The average of several networks' weights, such as those that one training passes through."""

from collections.abc import Iterable, Mapping

import torch
from jaxtyping import Shaped
from torch import Tensor, nn

from surfeit.core import Params
from surfeit.landscape.batch_statistics import batch_statistics, normalisations
from surfeit.landscape.line import check_fit


@torch.no_grad()
def averaged_weights(
    model: nn.Module,
    snapshots: Iterable[Mapping[str, Tensor]],
    *,
    statistics_from: Shaped[Tensor, "n *shape"] | None = None,
) -> Params:
    """The equal average of snapshots, `w̄ = 1/k Σ w_i`, with batch statistics of its own.

    >>> averaged_weights(model, (run.tensors(step) for step in run.steps()[-10:]))

    Args:
        model: the networks' structure; its own weights are not read.
        snapshots: parameters and buffers by name, at least one; read one after another. What is no
            floating point number is the last one's, but for the count of batches with new
            statistics.
        statistics_from: training inputs that batch statistics are computed from; needed where the
            model has batch normalisation, not read elsewhere.

    Returns:
        parameters and buffers by name, in the snapshots' precision; sums are in float64.

    Raises:
        ValueError: if there is no snapshot, one does not fit the model, or the model has batch
            normalisation and no inputs for it.

    Source: Izmailov et al. 2018, "Averaging weights leads to wider optima and better
    generalization", algorithm 1. Cost: one pass over the weights of each, and with batch
    normalisation one over the inputs.
    """
    if normalisations(model) and statistics_from is None:
        raise ValueError(
            "the model has batch normalisation, and averaged weights need statistics of their own: "
            "give training images as statistics_from"
        )
    sums: dict[str, Tensor] = {}
    last: Mapping[str, Tensor] = {}
    count = 0
    for last in snapshots:
        check_fit(model, last)
        count += 1
        for name, value in last.items():
            if value.is_floating_point():
                sums[name] = sums[name] + value.double() if name in sums else value.double()
    if not count:
        raise ValueError("an average needs at least one snapshot, got none")
    averaged = {
        name: (sums[name] / count).to(value.dtype) if name in sums else value.clone()
        for name, value in last.items()
    }
    if statistics_from is None:
        return averaged
    return averaged | batch_statistics(model, averaged, statistics_from)
