"""A force layout of the graph for still figures."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from surfeit.similarity.graph import Graph

Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

# Pairs of units whose repulsion is held at once: 16 MiB in float64.
_PAIRS = 2**21
# Equal charges would leave isolated units anywhere; a weaker pull lets them settle outside.
_ISOLATED_GRAVITY = 0.6
_FRICTION = 0.4


@dataclass(frozen=True)
class _Springs:
    """The links as springs: where they are, how stiff, and how each pull is shared."""

    source: np.ndarray
    target: np.ndarray
    stiffness: Array
    share: Array


def force_layout(
    graph: Graph,
    generator: torch.Generator,
    *,
    start: Float[Tensor, "units 2"] | None = None,
    steps: int = 300,
    charge: float = 0.5,
    gravity: float = 0.25,
) -> Float[Tensor, "units 2"]:
    """Places the units in the plane: linked ones together, isolated ones in a ring around them.

    Three forces, in units of a link's rest length: each two units repel by `charge / distance`,
    gravity pulls each to the centre by `gravity · distance` (isolated units by less), and a link
    pulls or pushes its ends to distance 1, by its weight, shared over the links of a unit so that
    large clusters do not collapse. The system is damped and cooled over `steps` steps.

    Args:
        graph: units and weighted links.
        generator: a CPU generator; draws the first positions, or a jitter of 1e-3 on `start`.
        start: positions of an earlier snapshot's layout, to begin from gently, so that the figures
            of successive snapshots can be compared by eye.
        steps: at least 1; fewer than 100 leave it unsettled.
        charge: strength of the repulsion, positive; the figure's area grows with it.
        gravity: pull to the centre, positive; the figure's area shrinks with it.

    Returns:
        float64 [units, 2] on the graph's device, centred at 0, finite, the same for equal inputs
        and generator states.

    Raises:
        ValueError: if an option is out of range or `start` is not finite [units, 2].

    Source: after the report's page (Heitmann 2020, section 3.2), which is drawn by D3's forces.
    Cost: O(steps · (units² + edges)); 0.5 s for 300 units on one core.
    """
    if steps < 1 or not charge > 0 or not gravity > 0:
        raise ValueError(
            "steps must be at least 1, charge and gravity positive, "
            f"got steps={steps}, charge={charge}, gravity={gravity}"
        )
    pull = np.full(graph.units, gravity)
    linked = np.unique(graph.edges.cpu().numpy())
    pull[np.setdiff1d(np.arange(graph.units), linked)] *= _ISOLATED_GRAVITY
    springs = _springs(graph)
    place = _first_places(graph.units, generator, start, math.sqrt(charge / gravity))
    velocity = np.zeros_like(place)
    # A warm start is stirred less, or the picture would turn and shuffle.
    heat = np.geomspace(1.0 if start is None else 0.3, 0.01, steps)
    for temperature in heat:
        force = charge * _repulsion(place) - pull[:, None] * place
        force += _link_forces(place, springs)
        velocity = (velocity + temperature * force) * (1 - _FRICTION)
        # No unit jumps further than a few links: close starts would be thrown out of the figure.
        speed = np.linalg.norm(velocity, axis=1, keepdims=True)
        place = place + velocity * np.minimum(1, 3 * temperature / np.maximum(speed, 1e-12))
    return torch.from_numpy(place - place.mean(axis=0)).to(graph.edges.device)


def _first_places(
    units: int, generator: torch.Generator, start: Tensor | None, spacing: float
) -> Array:
    draw = torch.randn(units, 2, generator=generator, dtype=torch.float64).numpy()
    if start is None:
        return draw * spacing * math.sqrt(units) / 2
    if start.shape != (units, 2) or not bool(torch.isfinite(start).all()):
        raise ValueError(f"start must be finite [{units}, 2], got {list(start.shape)}")
    # The jitter parts units that start on one point: no force could.
    return start.detach().cpu().double().numpy() + 1e-3 * draw


def _springs(graph: Graph) -> _Springs:
    source, target = graph.edges.cpu().numpy()
    weights = graph.weights.cpu().double().numpy()
    ends = np.concatenate([source, target])
    degree = np.bincount(ends, minlength=graph.units)
    load = np.bincount(ends, np.concatenate([weights, weights]), minlength=graph.units)
    # As in D3: stiffness over the lesser degree, and the freer end moves more.
    stiffness = weights / np.maximum(np.minimum(load[source], load[target]), 1e-12)
    share = degree[source] / (degree[source] + degree[target])
    return _Springs(source, target, stiffness, share)


def _link_forces(place: Array, springs: _Springs) -> Array:
    source, target = springs.source, springs.target
    along = place[target] - place[source]
    distance = np.maximum(np.linalg.norm(along, axis=1), 1e-9)
    pull = along * (springs.stiffness * (1 - 1 / distance))[:, None]
    units = len(place)
    force = np.empty_like(place)
    for axis in range(2):
        force[:, axis] = np.bincount(source, pull[:, axis] * (1 - springs.share), units)
        force[:, axis] -= np.bincount(target, pull[:, axis] * springs.share, units)
    return force


def _repulsion(place: Array) -> Array:
    """`Σ_j (x_i − x_j) / |x_i − x_j|²`, by products of matrices, a block of rows at a time."""
    units = len(place)
    square = (place**2).sum(axis=1)
    force = np.empty_like(place)
    rows = max(1, _PAIRS // units)
    for first in range(0, units, rows):
        block = slice(first, first + rows)
        apart = square[block, None] + square - 2 * place[block] @ place.T
        # Softened: two units on one point would push each other without bound.
        inverse = 1 / (np.maximum(apart, 0) + 0.01)
        force[block] = place[block] * inverse.sum(axis=1, keepdims=True) - inverse @ place
    return force
