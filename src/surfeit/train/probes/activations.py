"""The probe `activations`: moments of what enters each layer."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from surfeit.train.probes.probe import Probe
from surfeit.train.probes.step import ProbedStep


def _look(step: ProbedStep) -> Iterator[dict[str, Any]]:
    for layer, entering in step.entering().items():
        yield {"layer": layer, **moments(entering)}


def moments(values: Tensor) -> dict[str, float | None]:
    """Mean, deviation, skewness, excess kurtosis and the share of exact zeros of all entries.

    `skewness = E(x − m)³ / s³`, `kurtosis = E(x − m)⁴ / s⁴ − 3`, None where all entries are equal;
    over the entries as they are, so without a correction for their number.
    """
    flat = values.double().flatten()
    mean = flat.mean()
    centred = flat - mean
    deviation = centred.square().mean().sqrt()
    scaled = centred / deviation
    spread = float(deviation) > 0
    return {
        "mean": float(mean),
        "deviation": float(deviation),
        "skewness": float(scaled.pow(3).mean()) if spread else None,
        "kurtosis": float(scaled.pow(4).mean()) - 3 if spread else None,
        "zeros": float((flat == 0).double().mean()),
    }


activations = Probe(
    name="activations",
    look=_look,
    words="a row a layer: mean, deviation, skewness, excess kurtosis and share of zeros of what "
    "enters it for the batch",
)
"""Moments of each layer's inputs, in training mode. Cost: a forward pass of a batch."""
