"""What a run's record and files say, for timelines: layers, links that lead out, time stamps."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from surfeit.core import StoreError
from surfeit.models.structure import recorded_matrix, stored_names
from surfeit.store import Run
from surfeit.store.run import mask_path, snapshot_path
from surfeit.store.snapshots import places
from surfeit.store.summary import LayerRow

Weights = tuple[Float[Tensor, "units inputs"], Bool[Tensor, "units inputs"] | None]
"""A weight matrix, and which of its weights a mask keeps, if there is one."""


@dataclass(frozen=True)
class LayerShape:
    """A layer as its run's record describes it.

    Args:
        name: dotted name; "" for a network that is a single layer.
        kind: in words, such as "linear", "convolution" or "recurrent".
        units: rows of its weight matrix.
        inputs: columns of its weight matrix.
        groups: of a grouped convolution: units of one group read the same inputs, and the weight
            matrix holds zeros where the other groups' weights stand. Else 1.
    """

    name: str
    kind: str
    units: int
    inputs: int
    groups: int = 1

    @property
    def label(self) -> str:
        """What pages and messages call it."""
        return self.name or "the network"

    def kept_shares(self, mask: Bool[Tensor, "units inputs"]) -> Float[Tensor, " units"]:
        """The fraction of each unit's own weights that a mask keeps."""
        return mask.sum(dim=1) / (self.inputs // self.groups)


def decays(run: Run) -> bool:
    """Whether weight decay, or an L1 penalty, may have shrunk the start of a training.

    True of a loop of the user's own, which does not say.

    Raises:
        StoreError: if the record is damaged.
    """
    recipe = run.config.get("recipe")
    if not isinstance(recipe, Mapping):
        return True
    return any(recipe.get(name) != 0 for name in ("weight_decay", "l1"))


def layer_shapes(run: Run) -> list[LayerShape]:
    """The layers as a run's record describes them.

    Raises:
        StoreError: if the record does not.
    """
    try:
        return [_shape(entry) for entry in run.about["layers"]]
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(
            f"{run.path}/run.json is damaged: it does not describe the layers ({error!r})"
        ) from error


def shapes_in(layers: Sequence[LayerRow]) -> tuple[LayerShape, ...]:
    """`layer_shapes` of a run that is summed up."""
    return tuple(
        _shape(
            {
                "name": row.name,
                "kind": row.kind,
                "shape": row.shape,
                "weights": [{"groups": row.groups}],
            }
        )
        for row in layers
    )


def weights_at(run: Run, layer: str, steps: Sequence[int]) -> list[Weights]:
    """The layer's weight matrix after each step, and which weights the mask of then keeps.

    Raises:
        ValueError: if there is no such layer or snapshot.
        StoreError: if a file is missing, damaged, or a link that leads out of the run's folder.
    """
    check_links(run, steps)
    changing = (run.path / "masks").is_dir()
    stack = run.weights(layer, list(steps))
    row = next(row for row in run.about["layers"] if row["name"] == layer)
    return [
        (weight, _kept(run, step, row, run.mask_at(step) if changing else run.mask))
        for weight, step in zip(stack, steps, strict=True)
    ]


def check_links(run: Run, steps: Sequence[int]) -> None:
    """Checks that no snapshot of these steps and no mask is a link to somewhere outside the run.

    Raises:
        StoreError: if one is.
    """
    masks = [mask_path(run.path), *run.path.glob("masks/*.safetensors")]
    for path in (*masks, *(snapshot_path(run.path, step) for step in steps)):
        inside(run.path, path)


def inside(folder: Path, path: Path) -> None:
    """Checks that a file is not a link to somewhere outside its folder.

    Raises:
        StoreError: if it is.
    """
    # Only what is a link is resolved: that takes longer than all else that is asked of a file.
    below = [path, *path.parents][: len(path.parts) - len(folder.parts)]
    linked = any(part.is_symlink() for part in below)
    if linked and not path.resolve().is_relative_to(folder.resolve()):
        raise StoreError(f"{path} leads outside {folder}: it is not read")


def stamp_of(run: Run, step: int) -> str:
    """What changes when a snapshot, the first one or a mask until then is written anew."""
    masks = [path for path in run.path.glob("masks/*.safetensors") if path.stem.isdigit()]
    paths = {snapshot_path(run.path, place) for place in (step, *run.steps()[:1])}
    paths |= {path for path in masks if int(path.stem) <= step}
    stamps = [_stamp(path) for path in (mask_path(run.path), *sorted(paths))]
    return " ".join([run.key, str(step), *filter(None, stamps)])


def _kept(
    run: Run, step: int, row: Mapping[str, Any], mask: Mapping[str, Tensor]
) -> Bool[Tensor, "units inputs"] | None:
    """Which weights of a layer a mask keeps; None if it is about none of its tensors."""
    if not any(name in mask for name in stored_names(row)):
        return None
    shapes = places(snapshot_path(run.path, step))

    def read(name: str) -> Tensor:
        kept = mask.get(name)
        return (torch.ones(shapes[name].shape, dtype=torch.bool) if kept is None else kept)[None]

    return recorded_matrix(row, read)[0]


# A layer's kind by its module's class; those that stand further up contain the names of others.
_KINDS = (
    ("ConvTranspose", "transposed convolution"),
    ("Conv", "convolution"),
    ("Attention", "attention"),
    ("Embedding", "embedding"),
    ("Bilinear", "bilinear"),
    ("LSTM", "recurrent"),
    ("GRU", "recurrent"),
    ("RNN", "recurrent"),
)


def _shape(entry: Mapping[str, Any]) -> LayerShape:
    units, *rest = entry["shape"]
    kinds = (kind for part, kind in _KINDS if part in entry["kind"])
    weights = entry.get("weights") or [{}]
    return LayerShape(
        name=str(entry["name"]),
        kind=next(kinds, "linear"),
        units=int(units),
        inputs=math.prod(int(side) for side in rest),
        groups=int(weights[0].get("groups", 1)),
    )


def _stamp(path: Path) -> str | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return f"{path.name}:{found.st_size}:{found.st_mtime_ns}"
