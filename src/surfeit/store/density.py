"""How much of its weights a run has left."""

import math
from collections.abc import Mapping

from torch import Tensor

from surfeit.models.structure import stored_names
from surfeit.store.run import Run


def density_of(run: Run, mask: Mapping[str, Tensor] | None = None) -> float:
    """The fraction of all layers' weights that a mask keeps; 1 if it names none of them.

    Args:
        run: whose layers.
        mask: bool tensors by parameter; the run's own if not given.
    """
    kept_of = run.mask if mask is None else mask
    total = kept = 0
    for layer in run.about["layers"]:
        masks = [kept_of[name] for name in stored_names(layer) if name in kept_of]
        size = sum(mask.numel() for mask in masks) or math.prod(layer["shape"])
        kept += sum(int(mask.sum()) for mask in masks) if masks else size
        total += size
    return kept / total
