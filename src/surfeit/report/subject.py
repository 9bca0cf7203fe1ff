"""What a measurement looks at: a layer before and after training, and the images to test on."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from surfeit.core import Layer, Split, Streams, layer, layers
from surfeit.data import Dataset
from surfeit.report.config import ReportConfig
from surfeit.report.work import work_of
from surfeit.store import Run

FEWEST_IMAGES = 100
_CHUNK = 512


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One layer of a trained network.

    Args:
        name: the layer's dotted name.
        model: the trained network in evaluation mode.
        initial: the layer's weight at step 0, shaped as its weight; None if the run kept none.
        validation, test: the images to choose and to test on.
        obstacle: why its units are not removed; None if they are.
    """

    name: str
    model: nn.Module
    initial: Tensor | None
    validation: Split
    test: Split
    obstacle: str | None

    @property
    def layer(self) -> Layer:
        """The layer itself."""
        return layer(self.model, self.name)

    @property
    def weight(self) -> Tensor:
        """The layer's trained weight."""
        return self.layer.weight.detach()

    @property
    def convolution(self) -> bool:
        """Whether the layer is a convolution."""
        return isinstance(self.layer, _ConvNd)

    @property
    def splits(self) -> dict[str, Split]:
        """The splits that the layer is measured on, by name."""
        return {"validation": self.validation, "test": self.test}

    def stages(self) -> Iterator[tuple[str, Tensor]]:
        """The layer's weight at initialisation, where known, and after training."""
        if self.initial is not None:
            yield "initial", self.initial
        yield "final", self.weight


def subjects(run: Run, model: nn.Module, dataset: Dataset, config: ReportConfig) -> list[Subject]:
    """The layers to measure: those named, or all but the output layer.

    Raises:
        ValueError: if a layer named is not in the model.
    """
    every = list(layers(model))
    names = every[:-1] if config.layers is None else list(config.layers)
    return [_subject(name, every[-1], run, model, dataset, config) for name in names]


def _subject(
    name: str, last: str, run: Run, model: nn.Module, dataset: Dataset, config: ReportConfig
) -> Subject:
    weight = layer(model, name).weight
    initial = None
    if 0 in run.steps():
        initial = run.weights(name, [0])[0].reshape(weight.shape).to(weight)
    most, obstacle = _limits(model, name, dataset, config)
    if name == last or len(weight) == 1:
        obstacle = "its units are the network's outputs, or it has only one"
    streams = Streams(config.seed)
    return Subject(
        name=name,
        model=model,
        initial=initial,
        validation=dataset.validation.some(most, streams.get("report", "images", "validation")),
        test=dataset.test.some(most, streams.get("report", "images", "test")),
        obstacle=obstacle,
    )


def _limits(
    model: nn.Module, name: str, dataset: Dataset, config: ReportConfig
) -> tuple[float, str | None]:
    """The most images of a split to measure on, and what forbids removals, if anything."""
    convolution = isinstance(layer(model, name), _ConvNd)
    most = config.convolution_images if convolution else math.inf
    if config.layers is not None:
        return most, None
    work = work_of(model, name, dataset.test.images[:1], config)
    budget, obstacle = config.work / 2, None  # two splits share it
    least = min(FEWEST_IMAGES, most)
    if budget < least * (work.removals + work.ranks):
        obstacle = (
            f"on {least} images its removal curves would take about "
            f"{2 * least * work.removals:.0e} multiplications; name the layer to have them all "
            "the same"
        )
        return min(most, max(least, budget // max(work.ranks, 1))), obstacle
    return min(most, budget // max(work.removals + work.ranks, 1)), obstacle


@torch.no_grad()
def check_fits(run: Run, model: nn.Module, dataset: Dataset) -> None:
    """Tries one image.

    Raises:
        ValueError: if the network does not take it, or tells apart another number of classes.
    """
    image, trained_on = dataset.test.images[:1], run.about.get("data") or "other data"
    try:
        scores = model(image.to(next(model.parameters())))
    except RuntimeError as error:
        raise ValueError(
            f"the network does not take images of shape {list(image.shape[1:])} as {dataset.name} "
            f"has them: it was trained on {trained_on}; give the data it was trained on"
        ) from error
    if scores.dim() != 2 or scores.shape[1] != dataset.classes:
        raise ValueError(
            f"the network's output for an image has shape {list(scores.shape[1:])}, the "
            f"{dataset.classes} classes of {dataset.name} need [{dataset.classes}]: it was trained "
            f"on {trained_on}; give the data it was trained on"
        )


@torch.no_grad()
def right(model: nn.Module, split: Split) -> Bool[Tensor, " n"]:
    """Which images of the split the network classifies rightly, on the CPU."""
    weight = next(model.parameters())
    found = []
    for start in range(0, len(split), _CHUNK):
        part = split[start : start + _CHUNK]
        scores: Float[Tensor, "n classes"] = model(part.images.to(weight))
        found.append(scores.argmax(dim=1).cpu() == part.labels.cpu())
    return torch.cat(found)
