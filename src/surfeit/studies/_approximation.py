"""What the study `approximation` builds, fits and counts: beside it, so that judging anew fits
nothing anew.

A ReLU network of one input and one output is its layers, a tuple of pairs: weight [units, inputs]
and bias [units], float64; all but the last are followed by a ReLU.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from surfeit.core import Streams

Layers = tuple[tuple[Tensor, Tensor], ...]
_NEAR = 1e-9  # of the interval: breaks that are nearer are one; of the steepest slope: equal slopes


def outputs(layers: Layers, inputs: Tensor) -> Tensor:
    """The network's outputs [n] for inputs [n]."""
    values = inputs[None]
    for weight, bias in layers[:-1]:
        values = torch.relu(weight @ values + bias[:, None])
    weight, bias = layers[-1]
    return (weight @ values + bias[:, None])[0]


def weights_of(layers: Layers) -> int:
    """How many weights and biases a network has."""
    return sum(weight.numel() + bias.numel() for weight, bias in layers)


def interpolating(values: Tensor) -> Layers:
    """The network of N units that goes through N + 1 values at equal distances on [0, 1].

    f(x) = f₀ + Σ_j (s_j − s_{j−1}) relu(x − j/N), where s_j is the slope from j/N to (j + 1)/N.
    """
    count = len(values) - 1
    slopes = values.diff() * count
    outer = slopes.clone()
    outer[1:] -= slopes[:-1]
    knots = torch.arange(count, dtype=values.dtype) / count
    return (torch.ones_like(knots)[:, None], -knots), (outer[None], values[:1])


def interpolation_error(width: int, *, curvature: float | None) -> float:
    """The root mean square by which such a network is off, for large N = `width`.

    ‖f″‖ / (√120 N²) of a smooth function, whose root mean square second derivative is `curvature`;
    √(1 / (6N)) of a path of Brownian motion (None), at any N, in the root of the mean square over
    paths: between two knots it is a bridge of the mean variance h/6.
    """
    if curvature is None:
        return math.sqrt(1 / (6 * width))
    return curvature / (math.sqrt(120) * width**2)


def sawtooth(inputs: Tensor, depth: int) -> Tensor:
    """The tent x ↦ 1 − |1 − 2x| applied `depth` times: 2^depth straight pieces between 0 and 1."""
    return 1 - (1 - (inputs * 2**depth).remainder(2)).abs()


def folding(depth: int) -> Layers:
    """The network of `depth` hidden layers of two units that is that sawtooth, exactly.

    Each layer folds: 1 − |1 − 2x| = 2 relu(x) − 4 relu(x − ½) on [0, 1]. All numbers are sums of
    powers of two, so that nothing is rounded. It has 6 · depth + 1 weights, as many as one hidden
    layer of 2 · depth units.

    Source: Telgarsky 2016.
    """
    fold = torch.tensor([[2.0, -4.0]], dtype=torch.float64)
    bias = torch.tensor([0.0, -0.5], dtype=torch.float64)
    first = (torch.ones(2, 1, dtype=torch.float64), bias)
    later = ((fold.expand(2, 2), bias),) * (depth - 1)
    return (first, *later, (fold, torch.zeros(1, dtype=torch.float64)))


def rescaled(layers: Layers, generator: torch.Generator) -> Layers:
    """The same function with other weights: each hidden unit times a factor in [½, 2]."""
    changed, before = [], torch.ones(1, dtype=torch.float64)
    for number, (weight, bias) in enumerate(layers, start=1):
        draws = torch.rand(len(bias), generator=generator, dtype=torch.float64)
        after = 4**draws / 2 if number < len(layers) else torch.ones_like(bias)
        changed.append((weight * after[:, None] / before, bias * after))
        before = after
    return tuple(changed)


def linear_pieces(layers: Layers) -> int:
    """How many straight pieces a network's function has on [0, 1], by following them inwards.

    Between the breaks so far a unit's net input is straight, so that it crosses 0 at most once: a
    new break is there. Neighbours of one slope are counted as one piece. Cost: O(units · pieces).
    """
    breaks, values = np.array([0.0, 1.0]), np.array([[0.0, 1.0]])
    for weight, bias in layers[:-1]:
        net = weight.numpy() @ values + bias.numpy()[:, None]
        left, right = net[:, :-1], net[:, 1:]
        unit, place = np.nonzero(left * right < 0)
        share = left[unit, place] / (left[unit, place] - right[unit, place])
        crossings = breaks[place] + share * np.diff(breaks)[place]
        old, breaks = breaks, _apart(np.concatenate([breaks, crossings]))
        values = np.maximum(np.stack([np.interp(breaks, old, one) for one in net]), 0.0)
    weight, bias = layers[-1]
    slopes = np.diff((weight.numpy() @ values)[0] + bias.numpy()) / np.diff(breaks)
    return 1 + int((np.abs(np.diff(slopes)) > _NEAR * np.abs(slopes).max(initial=0.0)).sum())


def _apart(places: np.ndarray) -> np.ndarray:
    """The places in order, of neighbours that rounding alone parts only the first."""
    ordered = np.sort(places)
    return ordered[np.concatenate([[True], np.diff(ordered) > _NEAR])]


def least_error(units: int, depth: int) -> float:
    """What the root mean square error of one hidden layer for the sawtooth is at least.

    It bends at N = `units` places at most, and the sawtooth has 2^(depth − 1) teeth. On a tooth
    without a bend it is straight, and the best straight line, ½, errs by the variance 1/12:

        error² ≥ (1 − N / 2^(depth − 1)) / 12.
    """
    return math.sqrt(max(0.0, 1 - units / 2 ** (depth - 1)) / 12)


def fitted(inputs: Tensor, targets: Tensor, first: tuple[Tensor, Tensor]) -> Layers:
    """The network with this hidden layer and the outer weights of least squares."""
    weight, bias = first
    hidden = torch.relu(inputs[:, None] * weight[:, 0] + bias)
    design = torch.cat([hidden, torch.ones_like(inputs)[:, None]], 1)
    outer = torch.linalg.lstsq(design, targets[:, None], rcond=1e-8, driver="gelsd")
    outer = outer.solution[:, 0]
    return first, (outer[None, :-1], outer[-1:])


def trained(
    inputs: Tensor,
    targets: Tensor,
    units: int,
    *,
    starts: int,
    steps: int,
    rate: float,
    generator: torch.Generator,
) -> list[Layers]:
    """Several networks of one hidden layer, of which all weights were trained.

    All inputs a step, Adam, its rate falling to 0 on a cosine; the outer weights are then those of
    least squares. Bends start at random places of [0, 1], in units of either sign.
    """
    shape, options = (starts, 1, units), {"generator": generator, "dtype": torch.float64}
    knots, drawn = torch.rand(shape, **options), torch.rand(shape, **options)
    weight = torch.where(drawn < 0.5, -1.0, 1.0).double().requires_grad_()
    bias = (-weight.detach() * knots).requires_grad_()
    outer = (torch.randn(shape, **options).transpose(1, 2) / units).requires_grad_()
    level = torch.zeros(starts, 1, 1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([weight, bias, outer, level], lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        hidden = torch.relu(inputs[None, :, None] * weight + bias)
        loss = (hidden @ outer + level - targets[None, :, None]).square().mean((1, 2)).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return [
        fitted(inputs, targets, (one[0][:, None], two[0]))
        for one, two in zip(weight.detach(), bias.detach(), strict=True)
    ]


def error_of(layers: Layers, inputs: Tensor, targets: Tensor) -> float:
    """The root mean square error."""
    return (outputs(layers, inputs) - targets).square().mean().sqrt().item()


def smooth(inputs: Tensor, waves: int, generator: torch.Generator) -> tuple[Tensor, float]:
    """A random sum of waves, of root mean square about 1, and that of its second derivative.

    Σ_k (a_k sin 2πkx + b_k cos 2πkx) / √waves with normal a and b.
    """
    factors = torch.randn(2, waves, generator=generator, dtype=torch.float64) / math.sqrt(waves)
    angles = 2 * math.pi * torch.arange(1, waves + 1, dtype=torch.float64)
    places = inputs[:, None] * angles
    curvature = (factors.square().sum(0) * angles**4 / 2).sum().sqrt().item()
    return places.sin() @ factors[0] + places.cos() @ factors[1], curvature


def rough(inputs: Tensor, generator: torch.Generator) -> Tensor:
    """A path of Brownian motion at equally distant inputs: continuous, nowhere smooth."""
    steps = torch.randn(len(inputs) - 1, generator=generator, dtype=torch.float64)
    path = torch.cat([torch.zeros(1, dtype=torch.float64), steps.cumsum(0)])
    return path / math.sqrt(len(inputs) - 1)


def by_width(
    seed: int, widths: list[int], waves: int, places: int, draws: int
) -> Iterator[dict[str, Any]]:
    """A row a kind of function and width: what interpolates, and what is fitted to random bends.

    Errors are root mean squares over places and over functions, of which as many are drawn.
    """
    inputs = torch.linspace(0, 1, places + 1, dtype=torch.float64)
    waved, walked = (Streams(seed).get(kind) for kind in ("smooth", "rough"))
    functions = {
        "smooth": [smooth(inputs, waves, waved) for _ in range(draws)],
        "rough": [(rough(inputs, walked), None) for _ in range(draws)],
    }
    for kind, drawn in functions.items():
        for width in widths:
            found: dict[str, list[float]] = {"interpolated": [], "exact": [], "fitted": []}
            bent = Streams(seed).get("bends", kind, width)
            for targets, curvature in drawn:
                knots = targets[:: places // width]
                bends = torch.rand(width, generator=bent, dtype=torch.float64)
                random = fitted(inputs, targets, (torch.ones_like(bends)[:, None], -bends))
                found["interpolated"].append(error_of(interpolating(knots), inputs, targets))
                found["exact"].append(interpolation_error(width, curvature=curvature))
                found["fitted"].append(error_of(random, inputs, targets))
            means = {name: float(np.sqrt(np.mean(np.square(each)))) for name, each in found.items()}
            yield {"part": kind, "place": width, "units": width, "weights": 3 * width + 1, **means}


def by_depth(
    seed: int, depths: list[int], places: int, training: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """A row a depth k: the folding network, and one hidden layer with as many weights.

    Of its trained networks the best on all places stands for it. `enough` is the error of one
    hidden layer of 2^k units.
    """
    inputs = (torch.arange(places, dtype=torch.float64) + 0.5) / places
    for depth in depths:
        targets = sawtooth(inputs, depth)
        deep = rescaled(folding(depth), Streams(seed).get("scales", depth))
        generator, seen = (
            Streams(seed).get("start", depth),
            slice(None, None, _stride(places, depth)),
        )
        learnt = trained(inputs[seen], targets[seen], 2 * depth, generator=generator, **training)
        shallow = min(learnt, key=lambda layers: error_of(layers, inputs, targets))
        corners = torch.arange(2**depth + 1, dtype=torch.float64) / 2**depth
        yield {
            "part": "sawtooth",
            "place": depth,
            "units": 2 * depth,
            "weights": weights_of(shallow),
            "deep_weights": weights_of(deep),
            "deep": error_of(deep, inputs, targets),
            "deep_pieces": linear_pieces(deep),
            "trained": error_of(shallow, inputs, targets),
            "pieces": max(linear_pieces(layers) for layers in learnt),
            "exact": least_error(2 * depth, depth),
            "enough": error_of(interpolating(sawtooth(corners, depth)), inputs, targets),
        }


def _stride(places: int, depth: int) -> int:
    """Training sees eight places a piece, 256 at least: more would change nothing and cost time."""
    return max(1, places // max(256, 8 * 2**depth))
