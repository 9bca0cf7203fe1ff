"""What sizes, colours and axes of a layer are drawn to: one scale for all its moments."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from surfeit.core import StoreError, one_thread
from surfeit.viewer.frames.active import ActiveUnits
from surfeit.viewer.frames.moments import units_over
from surfeit.viewer.timelines.timeline import Timeline
from surfeit.viewer.wire import encode

SHARE = 0.99
"""Of all units at all moments, so many are no larger than the scale of sizes."""


@dataclass(frozen=True, kw_only=True)
class Spread:
    """What one quantity reaches over all units and moments; the names are those of the page.

    Args:
        low, high: the least and the greatest value.
        q99: the 99th percentile.
    """

    low: float
    high: float
    q99: float


@dataclass(frozen=True, kw_only=True)
class ScalesFrame:
    """The scales of a layer; None where a quantity is not known.

    Args:
        norm: of weight vectors.
        moved: of what training added to them.
        angle: between weight vector and initial one, radians.
    """

    norm: Spread | None
    moved: Spread | None
    angle: Spread | None

    def packed(self) -> bytes:
        """The frame in the bytes that `surfeit.viewer.wire` describes."""
        found = {name: getattr(self, name) for name in ("norm", "moved", "angle")}
        return encode({name: spread and vars(spread) for name, spread in found.items()}, {})


@one_thread()
def scales_frame(
    timeline: Timeline, layer: str, at: Sequence[int], *, merged: Timeline | None = None
) -> ScalesFrame:
    """The scales of a layer's units over some moments; units without weights take no part.

    Args:
        timeline: a run or tickets.
        layer: dotted name.
        at: moments, at least one; those that cannot be read are left out.
        merged: another timeline whose units of the same layer are added.

    Raises:
        StoreError: if no moment can be read.
        ValueError: if there is no such layer, or two cannot be merged.

    Cost: reading the layer at each moment; 2 s for 4,096 units x 784 inputs at 100 moments.
    """
    timelines = [timeline] if merged is None else [timeline, merged]
    for one in timelines:
        one.layer(layer)
    problems: list[str] = []
    anyone = [ActiveUnits(None)] * len(timelines)
    found: dict[str, list[np.ndarray]] = {"norm": [], "moved": [], "angle": []}
    for read in units_over(timelines, layer, "weights", at, anyone, problems):
        alive = read.values["kept"] > 0
        for name, values in found.items():
            values.append(read.values[name][alive])
    if not found["norm"]:
        raise StoreError(problems[0])
    return ScalesFrame(**{name: spread_of(np.concatenate(all_)) for name, all_ in found.items()})


def spread_of(values: np.ndarray) -> Spread | None:
    """The spread of those values that are finite; None of none."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return None
    low, q99, high = np.quantile(finite, [0, SHARE, 1])
    return Spread(low=float(low), high=float(high), q99=float(q99))
