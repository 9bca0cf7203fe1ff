"""Loss and accuracy along a path of networks, and curves between two of them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import pyarrow as pa
from jaxtyping import Float
from torch import Tensor, nn

from surfeit.core import (
    Objective,
    Params,
    Split,
    check_splits,
    copied,
    cross_entropy,
    evaluate,
    unknown,
)
from surfeit.landscape.batch_statistics import batch_statistics, check_source

Path = Callable[[float], Params]
"""From t in [0, 1] to parameters and buffers by name."""

CurveKind = Literal["bezier", "chain"]

SCHEMA = pa.schema(
    [
        ("split", pa.string()),
        ("t", pa.float64()),
        ("length", pa.float64()),
        ("loss", pa.float64()),
        ("accuracy", pa.float64()),
    ]
)


def along_path(
    model: nn.Module,
    path: Path,
    splits: Mapping[str, Split],
    *,
    points: int = 30,
    objective: Objective = cross_entropy,
    statistics_from: Float[Tensor, "n *shape"] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pa.Table:
    """Measures the networks at equally spaced t of a path from 0 to 1.

    At each of them, both ends among them, batch statistics are recomputed: those of two networks
    say nothing of one between them, and their error would be taken for a barrier.

    Args:
        model: the networks' structure; its own weights are not read, nothing of it is changed.
        path: from t to parameters and buffers, such as `partial(between, first, second)`, a
            `Curve`'s `at`, or what `repair` gives.
        splits: inputs and targets by name, on the tensors' device.
        points: at least 2.
        objective: what judges the outputs.
        statistics_from: training inputs that batch statistics are computed from; needed where the
            model has batch normalisation, not read elsewhere.
        progress: called with how many points are measured, and of how many.

    Returns:
        rows `split, t, length, loss, accuracy`: the length of the path so far, over floating
        parameters and not buffers; the objective's mean loss, cross-entropy in nats; a fraction,
        null where there are no classes.

    Raises:
        ValueError: if points are fewer than 2, there is no split, the model has batch normalisation
            and no inputs for it, a network does not fit the model, or outputs cannot be judged:
            they are not finite, or a label has no output.

    Cost: `points` forward passes over the splits and, with batch normalisation, over
    `statistics_from`.
    """
    if points < 2:
        raise ValueError(f"points must be at least 2, one for each end, got {points}")
    check_splits(splits)
    if not splits:
        raise ValueError("splits must name at least one split to measure on, got none")
    check_source(model, statistics_from, "point of the path")
    structure, rows = copied(model).eval(), []
    moving = [name for name, _ in model.named_parameters()]
    before, length = path(0.0), 0.0
    for place in range(points):
        t = place / (points - 1)
        tensors = path(t)
        length += _distance(before, tensors, moving)
        before = tensors
        if statistics_from is not None:
            tensors = tensors | batch_statistics(structure, tensors, statistics_from)
        for name, split in splits.items():
            found = evaluate(structure, tensors, split, objective)
            scores = {"loss": found.loss, "accuracy": found.accuracy}
            rows.append({"split": name, "t": t, "length": length, **scores})
        if progress is not None:
            progress(place + 1, points)
    return pa.Table.from_pylist(rows, SCHEMA)


@dataclass(frozen=True)
class Along:
    """A quantity along a path.

    Args:
        largest, smallest: over its points.
        mean: its integral by length over the path's length.
        barrier: how much more the largest is than the mean of both ends, see `error_barrier`.
    """

    largest: float
    smallest: float
    mean: float
    barrier: float


def along(values: Sequence[float], lengths: Sequence[float]) -> Along:
    """What to say of a quantity along a path: its maximum, minimum, mean and barrier.

    `mean = ∫ v dl / ∫ dl`, by trapezoids; of a path without length the mean over its points.

    Args:
        values: at the points of the path, in their order.
        lengths: of the path until each point, ascending.

    Raises:
        ValueError: if they are not equally many, fewer than two, or not finite.

    Source: Garipov et al. 2018, section 3 and appendix A.3.
    """
    if len(values) != len(lengths) or len(values) < 2:
        raise ValueError(
            "a path needs as many values as lengths, at least 2 of each, "
            f"got {len(values)} and {len(lengths)}"
        )
    if not all(map(math.isfinite, [*values, *lengths])):
        raise ValueError("the values along a path, and its lengths, must be finite")
    pairs = list(zip(values, lengths, strict=True))
    whole = lengths[-1] - lengths[0]
    area = sum((b - a) * (v + w) / 2 for (v, a), (w, b) in pairwise(pairs))
    mean = area / whole if whole > 0 else sum(values) / len(values)
    ends = (values[0] + values[-1]) / 2
    return Along(max(values), min(values), mean, max(values) - ends)


@dataclass(frozen=True, eq=False)
class Curve:
    """A curve from one network to another, given by bends.

    `w(t) = Σ_i c_i(t) w_i`, of `n + 1` bends: `bezier` with Bernstein's polynomials
    `c_i = C(n, i) (1 − t)^(n − i) t^i`, `chain` straight from each bend to the next, all of them
    at equally spaced t. Both begin at the first bend and end at the last.

    Args:
        kind: `bezier` or `chain`.
        bends: parameters and buffers by name, at least 2, the ends included.

    Raises:
        ValueError: if there is no such kind, or there are fewer than 2 bends.

    Source: Garipov et al. 2018, section 3.3.
    """

    kind: CurveKind
    bends: tuple[Params, ...]

    def __post_init__(self) -> None:
        if self.kind not in ("bezier", "chain"):
            raise unknown("kind of curve", self.kind, ("bezier", "chain"))
        if len(self.bends) < 2:
            raise ValueError(f"a curve needs at least 2 bends, its ends, got {len(self.bends)}")

    def at(self, t: float) -> Params:
        """The network at t in [0, 1]; what is no floating point number is the first end's.

        Raises:
            ValueError: if t is out of range.
        """
        shares = coefficients(self.kind, len(self.bends), t)
        used = [(c, bend) for c, bend in zip(shares, self.bends, strict=True) if c]
        return {
            name: combined([(c, bend[name]) for c, bend in used])
            if value.is_floating_point()
            else value.clone()
            for name, value in self.bends[0].items()
        }


def coefficients(kind: CurveKind, bends: int, t: float) -> list[float]:
    """How much of each bend a curve has at t: they are at least 0, and 1 together.

    Raises:
        ValueError: if t is not in [0, 1].
    """
    if not 0 <= t <= 1:
        raise ValueError(f"t must be in [0, 1], got {t}")
    n = bends - 1
    if kind == "chain":
        return [max(0.0, 1 - abs(t * n - i)) for i in range(bends)]
    return [math.comb(n, i) * (1 - t) ** (n - i) * t**i for i in range(bends)]


def combined(shares: Sequence[tuple[float, Tensor]]) -> Tensor:
    """`Σ c w`, differentiable in every w."""
    if len(shares) == 1 and shares[0][0] == 1:
        return shares[0][1]
    total = shares[0][0] * shares[0][1]
    for share, value in shares[1:]:
        total = total + share * value
    return total


def _distance(one: Mapping[str, Tensor], other: Mapping[str, Tensor], names: list[str]) -> float:
    squares = [
        float((one[n].double() - other[n].double()).square().sum()) for n in names if n in one
    ]
    return math.sqrt(sum(squares))
