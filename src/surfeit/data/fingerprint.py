"""What tells data apart: a sha256 of their content."""

import hashlib
import json
from collections.abc import Mapping

from torch import Tensor

from surfeit.core import Split


def fingerprint_of(*parts: object) -> str:
    """sha256 (hex) over the canonical JSON of `parts`: digests, numbers, names, lists of them."""
    text = json.dumps(parts, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def named_tensors(splits: Mapping[str, Split]) -> dict[str, Tensor]:
    """The tensors of some splits by the names that digests and files know them by.

    Images with one class each are `train.images` and `train.labels`, as they were before there was
    anything else; all other data are `train.inputs` and `train.targets`. The names enter a digest:
    changed ones would make other data of the same bytes.
    """
    tensors = {}
    for key, split in splits.items():
        is_classic = split.holds_images and split.task == "classes" and split.targets.dim() == 1
        inputs, targets = ("images", "labels") if is_classic else ("inputs", "targets")
        tensors[f"{key}.{inputs}"] = split.inputs
        tensors[f"{key}.{targets}"] = split.targets
    return tensors
