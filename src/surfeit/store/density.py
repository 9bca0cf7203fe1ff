"""How much of its weights a run has left."""

import math

from surfeit.models.structure import stored_names
from surfeit.store.run import Run


def density_of(run: Run) -> float:
    """The fraction of all layers' weights that the run's mask keeps; 1 without any mask."""
    total = kept = 0
    for layer in run.about["layers"]:
        masks = [run.mask[name] for name in stored_names(layer) if name in run.mask]
        size = sum(mask.numel() for mask in masks) or math.prod(layer["shape"])
        kept += sum(int(mask.sum()) for mask in masks) if masks else size
        total += size
    return kept / total if total else 1.0
