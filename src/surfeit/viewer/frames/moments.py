"""A layer's units at many moments, read together."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from surfeit.core import StoreError
from surfeit.viewer.frames.active import ActiveUnits
from surfeit.viewer.frames.places import Origin, Place, joined
from surfeit.viewer.frames.units import Units
from surfeit.viewer.timelines.timeline import Timeline

VALUES = ("norm", "moved", "angle", "kept")
"""What is known of each unit beside its direction: the names in `Units`."""

_TOGETHER = 8  # moments read at once


@dataclass(frozen=True, kw_only=True)
class Read:
    """Units at a moment, as they were read.

    Args:
        at: the moment.
        own: units of the first timeline.
        rows: what they are compared by, of length 1 or 0.
        values: by name (norm, moved, angle, kept) float32 [units], as in `Units`.
        note: what is to be known of them, a sentence, or None.
    """

    at: int
    own: int
    rows: Tensor
    values: Mapping[str, np.ndarray]
    note: str | None


def units_over(
    timelines: Sequence[Timeline],
    layer: str,
    source: str,
    at: Sequence[int],
    active: Sequence[ActiveUnits],
    problems: list[str],
) -> Iterator[Read]:
    """The units of a layer at each moment that can be read, in the order given.

    Args:
        timelines: one, or two whose units are merged.
        layer: dotted name.
        source: what units are compared by, "weights" or "updates".
        at: moments of the first timeline.
        active: for each timeline, which units are active; of account for updates alone.
        problems: a sentence is added for each moment that cannot be read.
    """
    origins: dict[str, Origin] = {}
    for start in range(0, len(at), _TOGETHER):
        moments = at[start : start + _TOGETHER]
        parts = [
            _compared(
                timeline, layer, source, beside(timeline, timelines[0], moments), one, origins
            )
            for timeline, one in zip(timelines, active, strict=True)
        ]
        for number, moment in enumerate(moments):
            try:
                units, own, note = joined([_sound(part[number]) for part in parts], source)
            except (StoreError, ValueError) as error:
                problems.append(str(error))
                continue
            yield Read(
                at=moment,
                own=own,
                rows=units.rows,
                values={name: getattr(units, name).float().numpy() for name in VALUES},
                note=note,
            )


Compared = tuple[Units, str | None]


def _compared(
    timeline: Timeline,
    layer: str,
    source: str,
    at: Sequence[int],
    active: ActiveUnits,
    origins: dict[str, Origin],
) -> list[Compared | StoreError | ValueError]:
    """The units at some moments, read together; errors in the place of those that are damaged."""
    try:
        weights = timeline.several(layer, at)
    except (StoreError, ValueError) as error:
        if len(at) == 1:
            return [error]
        alone = ([moment] for moment in at)
        return [
            found
            for one in alone
            for found in _compared(timeline, layer, source, one, active, origins)
        ]
    found: list[Compared | StoreError | ValueError] = []
    for moment, read in zip(at, weights, strict=True):
        place = Place(timeline, layer, moment)
        run, _ = timeline.place(moment)
        try:
            if run.key not in origins:
                origins[run.key] = place.origin()
            origin = origins[run.key]
            found.append(place.compared(read, origin, source, None, active, judged=False))
        except (StoreError, ValueError) as error:
            found.append(error)
    return found


def _sound(found: Compared | StoreError | ValueError) -> Compared:
    if isinstance(found, Exception):
        raise found
    return found


def beside(timeline: Timeline, first: Timeline, at: Sequence[int]) -> list[int]:
    """The moments that stand beside another timeline's; its own as they are."""
    if timeline is first:
        return list(at)
    return [timeline.moment_beside(first, moment) for moment in at]


def begins(timeline: Timeline, layer: str, at: int) -> bool:
    """Whether it is known what the training shown at a moment began with."""
    moment = timeline.moment_beside(timeline, at)
    return Place(timeline, layer, moment).origin().weight is not None
