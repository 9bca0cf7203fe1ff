"""What the study `random_features` fits: beside it, so that judging anew computes nothing anew."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from surfeit.core import Split, Streams
from surfeit.data import Dataset
from surfeit.least_squares import RandomFeatures, fits_by_width, random_feature_error


def sphere(
    seed: int,
    dimension: int,
    examples: float,
    features: list[float],
    noise: float,
    draws: int,
) -> Iterator[dict[str, Any]]:
    """A row a number of ReLU features, as a multiple ψ₁ of the dimension, and draw of everything.

    Args:
        examples: ψ₂, as a multiple of the dimension.
        features: ψ₁.
        noise: variance, of the targets.
    """
    count = round(examples * dimension)
    for ratio in features:
        for draw in range(draws):
            generator = Streams(seed).get("sphere", str(ratio), draw)
            error = random_feature_error(
                dimension, count, round(ratio * dimension), generator, noise=noise
            )
            yield {"draw": draw, "features": ratio, "error": error}


def images(
    dataset: Dataset, kind: str, seed: int, examples: int, ratios: list[float], bandwidth: float
) -> Iterator[dict[str, Any]]:
    """A row a number N of features, as a multiple of the examples: the least-norm fit to one-hots.

    Of ReLU features those alone count that are above 0 on some training example.

    Losses are squared errors, summed over classes, in the mean over examples; errors are fractions.

    Args:
        kind: of `surfeit.least_squares.FEATURES`.
        examples: drawn from the training split.
        bandwidth: of Fourier features, as a share of the root mean square distance of two examples.
    """
    streams, classes = Streams(seed), dataset.classes
    order = torch.randperm(len(dataset.train), generator=streams.get("examples"))[:examples]
    inputs, labels = _flat(dataset.train)[order], dataset.train.targets[order]
    distance = float((2 * inputs.var(dim=0, correction=0).sum()).sqrt())
    widths = [round(ratio * examples) for ratio in ratios]
    features = RandomFeatures.draw(
        kind,
        max(widths),
        inputs.shape[1],
        streams.get("features", kind),
        bandwidth=bandwidth * distance,
        on=inputs,
    )
    others = torch.cat([_flat(dataset.validation), _flat(dataset.test)])
    targets = torch.nn.functional.one_hot(labels, classes).double()
    of_width = dict(zip(widths, ratios, strict=True))
    for fit in fits_by_width(features, inputs, targets, others, widths):
        validation, test = fit.other.split([len(dataset.validation), len(dataset.test)])
        yield {
            "ratio": of_width[fit.width],
            "features": fit.width,
            "norm": fit.norm,
            "condition": fit.condition,
            "train_loss": _loss(fit.train, labels),
            "train_error": _error(fit.train, labels),
            "validation_error": _error(validation, dataset.validation.targets),
            "test_error": _error(test, dataset.test.targets),
            "test_loss": _loss(test, dataset.test.targets),
        }


def _flat(split: Split) -> Tensor:
    return split.inputs.flatten(1).double()


def _loss(predicted: Tensor, labels: Tensor) -> float:
    wanted = torch.nn.functional.one_hot(labels, predicted.shape[1])
    return float((predicted - wanted).square().sum(1).mean())


def _error(predicted: Tensor, labels: Tensor) -> float:
    return float((predicted.argmax(1) != labels).double().mean())
