"""What the study `surrogate` measures: beside it, so that judging anew measures nothing."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from surfeit.capacity import hard_margin, logistic_descent, logistic_flow, margins
from surfeit.core import Streams, outputs_of
from surfeit.data import Dataset
from surfeit.store import Run
from surfeit.studies._fitting import examples


def margins_of(run: Run, dataset: Dataset, images: int) -> Iterator[dict[str, Any]]:
    """A row for each snapshot but the first: its step, errors and margins.

    Errors are shares of images, losses in nats. Margins are those of the training images, over the
    product of the lengths (Frobenius norms) of all weight matrices: growing weights alone would
    raise them. `margin_low` is exceeded by 95 % of the images.
    """
    split = examples(dataset, images, run.config["seed"]).train
    by_step = {row["step"]: row for row in run.metrics().to_pylist()}
    model = run.model()
    for step in run.steps()[1:]:
        tensors = run.tensors(step)
        leads = margins(outputs_of(model, tensors, split.inputs), split.targets).double()
        length = math.prod(float(v.double().norm()) for v in tensors.values() if v.dim() > 1)
        low, middle = (leads / length).quantile(leads.new_tensor([0.05, 0.5])).tolist()
        told = by_step[step]
        yield {
            "place": float(told["epoch"]),
            "train_error": (leads <= 0).double().mean().item(),
            "test_error": 1 - told["test_accuracy"],
            "test_loss": told["test_loss"],
            "validation_error": 1 - told["validation_accuracy"],
            "margin_low": low,
            "margin": middle,
        }


def separated(
    seed: int, count: int, features: int, gap: float, times: list[float], steps: list[int]
) -> Iterator[dict[str, Any]]:
    """The logistic loss on separable examples: a row a time of the flow, a row a step of descent.

    Descent takes half of the largest rate that is sure to be stable; `place` is rate x steps.
    `norm` is that of w times the widest margin γ, `angle` from the widest margin's direction, in
    degrees.
    """
    inputs, signs = separable(seed, count, features, gap)
    widest = hard_margin(inputs, signs)
    rate = 4 * count / float(torch.linalg.matrix_norm(inputs, 2)) ** 2
    flow = logistic_flow(inputs, signs, times=times)
    path = logistic_descent(inputs, signs, rate=rate, places=steps)
    for part, places, some in (
        ("flow", times, flow),
        ("descent", [rate * step for step in steps], path),
    ):
        for place, weights in zip(places, some, strict=True):
            yield {
                "part": part,
                "place": float(place),
                "norm": float(weights.norm() / widest.norm()),
                "angle": angle(weights, widest),
            }


def separable(seed: int, count: int, features: int, gap: float) -> tuple[Tensor, Tensor]:
    """Normal inputs, pushed away from a plane through the origin that separates them by `gap`."""
    generator = Streams(seed).get("separable")
    inputs = torch.randn(count, features, generator=generator, dtype=torch.float64)
    normal = torch.randn(features, generator=generator, dtype=torch.float64)
    normal = normal / normal.norm()
    signs = torch.where(inputs @ normal >= 0, 1.0, -1.0).double()
    return inputs + gap * signs[:, None] * normal, signs


def angle(one: Tensor, other: Tensor) -> float:
    """Between two vectors, in degrees: by the tangent, which is exact where they are close."""
    one, other = one / one.norm(), other / other.norm()
    return math.degrees(2 * math.atan2(float((one - other).norm()), float((one + other).norm())))
