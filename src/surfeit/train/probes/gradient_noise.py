"""The probe `gradient_noise`: how far the gradients of batches lie apart."""

from statistics import fmean, stdev
from typing import Any

import torch

from surfeit.core import Params
from surfeit.train.probes.lengths import difference, norm
from surfeit.train.probes.probe import Probe
from surfeit.train.probes.step import ProbedStep

BATCHES = 8
"""Gradients that the variance is estimated from."""


def _look(step: ProbedStep) -> dict[str, Any]:
    """Of k gradients `g_i` of batches of n examples, drawn with replacement:

    `variance = n/(k−1) Σ ‖g_i − ḡ‖²`, an unbiased estimate of the trace of one example's
    covariance where examples do not see each other; `gradient_square = ‖ḡ‖² − variance / (n k)`,
    unbiased for the square of the expected gradient's length; `noise_scale = variance /
    gradient_square`, the simple noise scale in examples, None where the estimate of the square is
    not positive. `variance_error` is the standard error of the variance from the spread of its k
    terms. These are few, and skewed: in a test it was 0.38 on average where variances of 150 seeds
    spread by 0.46.
    """
    size = min(step.batch_size, len(step.split))
    found = [_gradient(step, size) for _ in range(BATCHES)]
    mean = {name: torch.stack([g[name] for g in found]).mean(0) for name in found[0]}
    terms = [
        size * BATCHES / (BATCHES - 1) * norm(difference(gradient, mean)) ** 2 for gradient in found
    ]
    variance = fmean(terms)
    square = norm(mean) ** 2 - variance / (size * BATCHES)
    return {
        "variance": variance,
        "variance_error": stdev(terms) / BATCHES**0.5,
        "gradient_square": square,
        "noise_scale": variance / square if square > 0 else None,
        "examples": size,
        "batches": BATCHES,
    }


def _gradient(step: ProbedStep, size: int) -> Params:
    index = torch.randint(len(step.split), (size,), generator=step.generator)
    batch = step.split[index.to(step.split.targets.device)]
    return step.loss_and_gradient(None, batch.inputs, batch.targets)[1]


gradient_noise = Probe(
    name="gradient_noise",
    look=_look,
    words=f"variance of the gradient between {BATCHES} fresh batches, as one example's, with its "
    "standard error; square of the expected gradient's length; simple noise scale in examples",
)
"""Variance between batches and simple noise scale (McCandlish et al. 2018, appendix A.1).

Batches are not augmented, and dropout is the same in all: it is the examples' variance. Batch
normalisation makes examples see each other: it is then n times the variance of batches of n.
Cost: 8 forward and backward passes of a batch, and 8 gradients of memory.
"""
