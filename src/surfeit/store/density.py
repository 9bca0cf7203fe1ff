"""How much of its weights a run has left."""

import math

from surfeit.models.structure import stored_names
from surfeit.store.run import Run

_EMBEDDINGS = ("Embedding", "EmbeddingBag")


def density_of(run: Run) -> float:
    """The fraction of the layers' weights that the run's mask keeps; 1 without a mask.

    Of all that a mask may hold: embeddings do not count, unless it names them, and a tensor that
    several layers' weights are in counts once.
    """
    total = kept = 0
    counted: set[str] = set()
    for layer in run.about["layers"]:
        names = [name for name in stored_names(layer) if name in run.mask]
        if not names:
            size = 0 if layer.get("kind") in _EMBEDDINGS else math.prod(layer["shape"])
            kept, total = kept + size, total + size
        for name in set(names) - counted:
            kept += int(run.mask[name].sum())
            total += run.mask[name].numel()
            counted.add(name)
    return kept / total if total else 1.0
