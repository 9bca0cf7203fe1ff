"""How much of its weights a run has left."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from surfeit.store.run import Run

if TYPE_CHECKING:
    from torch import Tensor

_UNMULTIPLIED = ("Embedding", "EmbeddingBag", "RadialBasis")


def density_of(run: Run, mask: "Mapping[str, Tensor] | None" = None) -> float:
    """The fraction of the layers' weights that a mask keeps; 1 if it names none of them.

    Of all that a mask may hold: embeddings and centres do not count, unless it names them, and a
    tensor that several layers' weights are in counts once.

    Args:
        run: whose layers.
        mask: bool tensors by parameter; the run's own if not given.
    """
    from surfeit.models.structure import stored_names

    kept_of = run.mask if mask is None else mask
    total = kept = 0
    counted: set[str] = set()
    for layer in run.about["layers"]:
        names = [name for name in stored_names(layer) if name in kept_of]
        if not names:
            size = 0 if layer.get("kind") in _UNMULTIPLIED else math.prod(layer["shape"])
            kept, total = kept + size, total + size
        for name in set(names) - counted:
            kept += int(kept_of[name].sum())
            total += kept_of[name].numel()
            counted.add(name)
    return kept / total if total else 1.0
