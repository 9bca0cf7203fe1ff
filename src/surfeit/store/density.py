"""How much of its weights a run has left."""

import math

from surfeit.store.run import Run


def density_of(run: Run) -> float:
    """The fraction of all layers' weights that the run's mask keeps; 1 without a mask."""
    total = kept = 0
    for layer in run.about["layers"]:
        mask, size = run.mask.get(f"{layer['name']}.weight"), math.prod(layer["shape"])
        kept += size if mask is None else int(mask.sum())
        total += size
    return kept / total
