"""What a run's record and files say, for timelines: layers, links that lead out, time stamps."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxtyping import Bool, Float
from torch import Tensor

from surfeit.core import StoreError
from surfeit.store import Run
from surfeit.store.run import mask_path, snapshot_path

Weights = tuple[Float[Tensor, "units inputs"], Bool[Tensor, "units inputs"] | None]
"""A weight matrix, and which of its weights a mask keeps, if there is one."""


@dataclass(frozen=True)
class LayerShape:
    """A layer as its run's record describes it.

    Args:
        name: dotted name.
        convolution: whether it is one; else it is linear.
        units: rows of its weight matrix.
        inputs: columns of its weight matrix.
    """

    name: str
    convolution: bool
    units: int
    inputs: int


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


def weights_at(run: Run, layer: str, steps: Sequence[int]) -> list[Weights]:
    """The layer's weight matrix after each step, and which weights the mask of then keeps.

    Raises:
        ValueError: if there is no such layer or snapshot.
        StoreError: if a file is missing, damaged, or a link that leads out of the run's folder.
    """
    check_links(run, steps)
    changing = (run.path / "masks").is_dir()
    masks = [(run.mask_at(step) if changing else run.mask).get(f"{layer}.weight") for step in steps]
    stack = run.weights(layer, list(steps))
    return [
        (weight, None if kept is None else kept.flatten(1))
        for weight, kept in zip(stack, masks, strict=True)
    ]


def check_links(run: Run, steps: Sequence[int]) -> None:
    """Looks that no snapshot of these steps and no mask is a link to somewhere outside the run.

    Raises:
        StoreError: if one is.
    """
    masks = [mask_path(run.path), *run.path.glob("masks/*.safetensors")]
    for path in (*masks, *(snapshot_path(run.path, step) for step in steps)):
        inside(run.path, path)


def inside(folder: Path, path: Path) -> None:
    """Looks that a file is not a link to somewhere outside its folder.

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


def _shape(entry: Mapping[str, Any]) -> LayerShape:
    units, *rest = entry["shape"]
    return LayerShape(
        name=str(entry["name"]),
        convolution="Conv" in entry["kind"],
        units=int(units),
        inputs=math.prod(int(side) for side in rest),
    )


def _stamp(path: Path) -> str | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return f"{path.name}:{found.st_size}:{found.st_mtime_ns}"
