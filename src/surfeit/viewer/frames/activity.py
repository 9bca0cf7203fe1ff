"""What drives a layer's units: the examples that each answers to most, and its answers by class."""

from dataclasses import dataclass

import numpy as np
import torch

from surfeit.core import Split
from surfeit.models.structure import unit_outputs
from surfeit.viewer.frames.active import class_means
from surfeit.viewer.frames.outputs import EXAMPLES
from surfeit.viewer.timelines.networks import Network
from surfeit.viewer.wire import encode

DRIVING = 8
_CHUNK = 64
_PIXELS = 4_000_000  # a page is sent no more of them
_LEAST_EXAMPLES = 32


@dataclass(frozen=True, kw_only=True, eq=False)
class ActivityFrame:
    """What a layer's units answer to some examples.

    Args:
        units: of the layer.
        examples: so many were answered, the first of the sample.
        classes: 0 where examples have no one class.
        driving: uint16 [units, 8], the examples that a unit answers to most, the most first; of
            fewer examples fewer columns.
        answers: float32 [units, 8], the unit's answer to each: its output, at several positions the
            largest. NaN where a unit's answer is the same for all: nothing drives it.
        by_class: float32 [units, classes], the mean output over a class's examples and a unit's
            positions; NaN for a class without examples.
        note: where outputs are taken, a sentence, or None.
    """

    units: int
    examples: int
    classes: int
    driving: np.ndarray
    answers: np.ndarray
    by_class: np.ndarray
    note: str | None

    def packed(self) -> bytes:
        """The frame in the bytes that `surfeit.viewer.wire` describes."""
        header = {
            "units": self.units,
            "examples": self.examples,
            "classes": self.classes,
            "driving": self.driving.shape[1],
            "note": self.note,
        }
        arrays = {"driving": self.driving, "answers": self.answers, "by_class": self.by_class}
        return encode(header, arrays)


def pictured(examples: Split) -> int:
    """Of how many examples a page is sent pictures: the first ones."""
    room = _PIXELS // max(1, examples.inputs[0].numel())
    return min(len(examples), EXAMPLES, max(_LEAST_EXAMPLES, room))


@torch.no_grad()
def activity_frame(
    network: Network, layer: str, examples: Split, *, note: str | None = None
) -> ActivityFrame:
    """What drives the units of a layer.

    Outputs are those of `surfeit.models.structure.unit_outputs`: behind activation and
    normalisation where a later layer reads them.

    Args:
        network: the network, followed.
        layer: dotted name.
        examples: a sample; as many as `pictured` says are taken.
        note: what is to be said of the outputs.

    Raises:
        ValueError: if there is no such layer, its units are not seen, the network does not take
            the examples, or outputs are not finite.

    Cost: one pass over 512 examples.
    """
    taken = examples[: pictured(examples)]
    largest, means = [], []
    for part in network.takes(taken.inputs).split(_CHUNK):
        found = unit_outputs(network.model, [layer], part, structure=network.structure)[layer]
        largest.append(found.amax(2).float())
        means.append(found.mean(2).float())
    most, mean = torch.cat(largest), torch.cat(means)
    if not bool(most.isfinite().all() and mean.isfinite().all()):
        raise ValueError(f"the outputs of layer {layer!r} are not all finite numbers")
    answers, driving = most.topk(min(DRIVING, len(taken)), dim=0)
    answers[:, most.amin(0) == most.amax(0)] = torch.nan
    by_class = torch.zeros(most.shape[1], 0)
    if _has_classes(taken):
        by_class = class_means(mean.T, taken.targets)
    return ActivityFrame(
        units=most.shape[1],
        examples=len(taken),
        classes=by_class.shape[1],
        driving=driving.T.numpy().astype(np.uint16),
        answers=answers.T.numpy().astype(np.float32),
        by_class=by_class.numpy().astype(np.float32),
        note=note,
    )


def example_pictures(examples: Split) -> bytes:
    """The pictures that `ActivityFrame.driving` counts, in the bytes of `surfeit.viewer.wire`.

    `shape` is [channels, height, width], null where inputs are no pictures of 1 or 3 channels;
    `pixels` uint8 [count, channels, height, width], each channel from its least to its largest
    value in the sample; `labels` uint16 [count], empty where examples have no one class.
    """
    taken = examples[: pictured(examples)]
    labels = np.zeros(0, np.uint16)
    if _has_classes(taken):
        labels = taken.targets.numpy().astype(np.uint16)
    shape = taken.input_shape if taken.holds_images and taken.input_shape[0] in (1, 3) else None
    pixels = np.zeros(0, np.uint8)
    if shape is not None:
        images = taken.images.float()
        least, most = images.amin((0, 2, 3), keepdim=True), images.amax((0, 2, 3), keepdim=True)
        span = (most - least).clamp_min(torch.finfo(torch.float32).tiny)
        pixels = ((images - least) / span * 255).round().to(torch.uint8).numpy()
    header = {"count": len(taken), "shape": shape}
    return encode(header, {"pixels": pixels, "labels": labels})


def _has_classes(examples: Split) -> bool:
    """Whether each example has one class."""
    return examples.task == "classes" and examples.targets.dim() == 1
