"""What the study `vanishing` measures: beside it, so that judging anew measures nothing anew."""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from surfeit.core import Streams
from surfeit.studies._chains import ACTIVATIONS, Chain, passed

UNSCALED, SCALED = ", shortcuts", ", shortcuts, branches / √L"
"""What a kind of chain is called behind its activation."""

_FLOAT = torch.float64


def measured(part: str, seed: int, settings: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The rows of a part: `aligned`, `random` or `clipping`."""
    parts = {"aligned": aligned, "random": random, "clipping": clipping}
    yield from parts[part](seed, **settings)


def spectrum(largest: float, width: int) -> Float[Tensor, " width"]:
    """Singular values from the largest down to half of it, equally far apart."""
    return largest * torch.linspace(1, 0.5, width, dtype=_FLOAT)


def aligned_norm(
    values: Float[Tensor, " width"], parts: Float[Tensor, " width"], depth: int
) -> float:
    """The length of a gradient behind L layers whose singular vectors meet.

    `√(Σ_i s_i^(2L) c_i²)`, where W_l = Q_{l+1} S Q_lᵀ: the layers' product is Q_L S^L Q_0ᵀ.

    Args:
        values: s, the singular values that all layers share.
        parts: c = Q_Lᵀ g, the gradient at the end along the last singular vectors.
        depth: L.
    """
    return float((values**depth * parts).norm())


def aligned(
    seed: int, width: int, largest: Sequence[float], depths: Sequence[int]
) -> Iterator[dict[str, Any]]:
    """A row a largest singular value and depth: the gradient's length, and by the closed form."""
    generator = Streams(seed).get("aligned")
    bases = [_rotation(width, generator) for _ in range(max(depths) + 1)]
    end = nn.functional.normalize(_normal(generator, width), dim=0)
    for top in largest:
        values = spectrum(top, width)
        for depth in depths:
            pairs = pairwise(bases[: depth + 1])
            layers = nn.Sequential(*(_linear(before, after, values) for before, after in pairs))
            start = _normal(generator, width).requires_grad_()
            (gradient,) = torch.autograd.grad(layers(start), start, end)
            yield {
                "kind": f"{top:g}",
                "place": depth,
                "measured": float(gradient.norm()),
                "exact": aligned_norm(values, bases[depth].T @ end, depth),
            }


def _linear(before: Tensor, after: Tensor, values: Tensor) -> nn.Linear:
    """The layer `Q_after S Q_beforeᵀ`."""
    layer = nn.Linear(*before.shape, bias=False, dtype=_FLOAT)
    with torch.no_grad():
        layer.weight.copy_(after * values @ before.T)
    return layer


def _rotation(width: int, generator: torch.Generator) -> Tensor:
    return torch.linalg.qr(_normal(generator, width, width))[0]


def _normal(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=generator, dtype=_FLOAT)


def kinds(depth: int) -> dict[str, Chain]:
    """The random chains: each activation without shortcuts, with them, and with scaled branches."""
    branches = {"": None, UNSCALED: 1.0, SCALED: depth**-0.5}
    return {
        name + words: Chain(activation=name, branch=branch)
        for words, branch in branches.items()
        for name in ACTIVATIONS
    }


def random(
    seed: int, width: int, depth: int, draws: int, places: Sequence[int]
) -> Iterator[dict[str, Any]]:
    """A row a kind of chain and number of layers that the gradient went back through.

    `measured` is its length, a geometric mean over draws; `exact` is what that of many draws should
    be, to first order in 1 / units.
    """
    chains = kinds(depth)
    found = passed(
        list(chains.values()),
        width=width,
        depth=depth,
        draws=draws,
        generator=Streams(seed).get("random"),
    )
    for (name, chain), (_, squares) in zip(chains.items(), found, strict=True):
        typical, expected = (squares.log().mean(0) / 2).exp(), chain.typical_gradients(depth, width)
        for place in places:
            yield {
                "kind": name,
                "place": place,
                "measured": float(typical[place]),
                "exact": expected[place],
            }


def clipping(
    seed: int,
    width: int,
    layers: int,
    scale: float,
    examples: int,
    rate: float,
    threshold: float,
    steps: int,
    places: Sequence[int],
) -> Iterator[dict[str, Any]]:
    """Gradient descent on a deep linear chain, unclipped, clipped by norm, and entry by entry.

    A row a way of clipping and step: the `measured` loss, of that at the start, None from where it
    is not finite; the smallest `cosine` of a step with the negative gradient and the `longest`
    step before, in threshold times rate.
    """
    for arm in ("none", "norm", "entries"):
        generator = Streams(seed).get("clipping")
        inputs = _normal(generator, examples, width)
        targets = inputs @ _normal(generator, width, width) / width**0.5
        weights = [
            (scale / width**0.5 * _normal(generator, width, width)).requires_grad_()
            for _ in range(layers)
        ]
        start, cosine, longest = None, 1.0, 0.0
        for step in range(steps + 1):
            loss = _chain_loss(weights, inputs, targets)
            start = start or loss.item()
            share = loss.item() / start
            known = math.isfinite(share)
            if step in places:
                yield {
                    "kind": arm,
                    "place": step,
                    "measured": share if known else None,
                    "cosine": cosine,
                    "longest": longest / (rate * threshold),
                }
            if not known:
                continue
            moved, gradient = _step(weights, loss, arm, rate, threshold)
            if not bool(moved.isfinite().all()):
                continue
            longest = max(longest, float(moved.norm()))
            cosine = min(cosine, float(torch.cosine_similarity(moved, -gradient, dim=0)))


def _chain_loss(weights: Sequence[Tensor], inputs: Tensor, targets: Tensor) -> Tensor:
    values = inputs
    for weight in weights:
        values = values @ weight
    return (values - targets).square().sum(1).mean() / 2


def _step(
    weights: Sequence[Tensor], loss: Tensor, arm: str, rate: float, threshold: float
) -> tuple[Tensor, Tensor]:
    """Moves the weights by torch's SGD; gives by how much, and the gradient as it was."""
    descent = torch.optim.SGD(weights, lr=rate)
    descent.zero_grad()
    loss.backward()
    before, gradient = _flat(weights), _flat([_gradient(one) for one in weights])
    if arm == "norm":
        nn.utils.clip_grad_norm_(weights, threshold)
    elif arm == "entries":
        # As long at most as by norm, if all entries are clipped.
        nn.utils.clip_grad_value_(weights, threshold / len(gradient) ** 0.5)
    descent.step()
    return _flat(weights) - before, gradient


def _gradient(weight: Tensor) -> Tensor:
    assert weight.grad is not None
    return weight.grad


def _flat(tensors: Sequence[Tensor]) -> Tensor:
    return torch.cat([one.detach().flatten() for one in tensors])
