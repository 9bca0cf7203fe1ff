"""A layer over a whole run: groups of units that keep their identity."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from surfeit.core import StoreError, Streams, one_thread
from surfeit.similarity import (
    NO_GROUP,
    carried,
    divide,
    group_count,
    own_cosine,
    random_cosine,
)
from surfeit.viewer.frames.active import ActiveUnits
from surfeit.viewer.frames.moments import Read, begins, beside, units_over
from surfeit.viewer.timelines.timeline import Timeline
from surfeit.viewer.wire import encode

_NONE = 255
_DRAWN = 6_000  # units in random groups a moment: their mean is then known to 0.002


@dataclass(frozen=True, kw_only=True, eq=False)
class CourseFrame:
    """What holds for a layer over all moments; the names are those of the page.

    Args:
        source: what units are divided by, "updates" or "weights".
        units: how many there are; those of a merged run come after the first run's.
        own: units of the first run.
        at: the moments, ascending.
        groups: how many groups there are at the last moment.
        labels: uint8 [moments, units], from 0 by falling size at the last moment; 255: no group.
        own_cosine: [moments], the mean cosine of units to their group's mean direction; None
            without groups.
        random_cosine: [moments], the same of random groups of the same sizes.
        classes: uint8 [moments, units], the class that each unit answers to most; 255: it is
            silent. None where there are no classes, or no data.
        note: what is to be known of it, a sentence, or None.
    """

    source: str
    units: int
    own: int
    at: list[int]
    groups: int
    labels: np.ndarray
    own_cosine: list[float | None]
    random_cosine: list[float | None]
    classes: np.ndarray | None
    note: str | None

    def packed(self) -> bytes:
        """The frame in the bytes that `surfeit.viewer.wire` describes."""
        names = ("source", "units", "own", "at", "groups", "own_cosine", "random_cosine")
        header = {name: getattr(self, name) for name in (*names, "note")}
        arrays = {"labels": self.labels}
        if self.classes is not None:
            arrays["classes"] = self.classes
        return encode(header, arrays)


@one_thread()
def course_frame(
    timeline: Timeline,
    layer: str,
    at: Sequence[int],
    active: Sequence[ActiveUnits],
    *,
    merged: Timeline | None = None,
) -> CourseFrame:
    """Divides a layer's units at the last moment and follows the groups back to the first.

    Units are divided by what training added to their weight vectors where that is known, and else
    by these: one division whatever likeness is shown, so that a unit keeps its colour.

    Args:
        timeline: a run or tickets.
        layer: dotted name.
        at: moments, ascending, at least one; those that cannot be read are left out.
        active: for each timeline, which units are active.
        merged: another timeline whose units of the same layer are added.

    Raises:
        StoreError, ValueError: if no moment can be read.

    Cost: reading the layer at each moment, and k-means: 0.1 s for 512 units x 64 inputs and 2 ms a
    moment, 4 s for 4,096 x 784 and 0.1 s a moment.
    """
    timelines = [timeline] if merged is None else [timeline, merged]
    source = "updates" if all(begins(one, layer, at[-1]) for one in timelines) else "weights"
    problems: list[str] = []
    read = units_over(timelines, layer, source, list(reversed(at)), active, problems)
    frame = course_of(read, source, layer, Answering(timelines, layer, active).at)
    if frame is None:
        raise StoreError(problems[0])
    return frame


@one_thread()
def course_of(
    read: Iterable[Read],
    source: str,
    layer: str,
    classes: Callable[[int], np.ndarray | None],
) -> CourseFrame | None:
    """`course_frame` of units that were read already.

    Args:
        read: at each moment, the last one first.
        source: what they are compared by.
        layer: dotted name.
        classes: gives those of a moment.

    Returns:
        the frame; None of no moments.
    """
    found = list(_followed(read, _generator(layer)))[::-1]
    if not found:
        return None
    labels = np.stack([moment.labels.numpy() for moment in found])
    return CourseFrame(
        source=source,
        units=labels.shape[1],
        own=found[-1].own,
        at=[moment.at for moment in found],
        groups=int(labels[-1].max()) + 1,
        labels=np.where(labels == NO_GROUP, _NONE, labels).astype(np.uint8),
        own_cosine=_known([moment.own_cosine for moment in found]),
        random_cosine=_known([moment.random_cosine for moment in found]),
        classes=_stacked([classes(moment.at) for moment in found]),
        note=found[-1].note,
    )


@dataclass(frozen=True)
class Answering:
    """What the units of one layer, or of two merged, answer to.

    Args:
        timelines: one or two.
        layer: dotted name.
        active: for each timeline, what measures it.
    """

    timelines: Sequence[Timeline]
    layer: str
    active: Sequence[ActiveUnits]

    def at(self, moment: int) -> np.ndarray | None:
        """The class of each unit at a moment of the first timeline; None where unknown."""
        found = []
        for timeline, active in zip(self.timelines, self.active, strict=True):
            (at,) = beside(timeline, self.timelines[0], [moment])
            found.append(active.classes(timeline, self.layer, at))
        return None if any(one is None for one in found) else np.concatenate(found)


def divided(rows: Tensor, layer: str) -> Tensor:
    """The groups of a layer's units at the last moment, as `course_frame` has them there."""
    return _divided(rows, _generator(layer))


def _divided(rows: Tensor, generator: torch.Generator) -> Tensor:
    """So many groups as suit the units that have a direction."""
    return divide(rows, generator, groups=group_count(int(rows.any(dim=1).sum())))


def _generator(layer: str) -> torch.Generator:
    return Streams(0).get("viewer", "course", layer)


@dataclass(frozen=True, kw_only=True)
class _Moment:
    """What is kept of them."""

    at: int
    own: int
    note: str | None
    labels: Tensor
    own_cosine: float
    random_cosine: float


def _followed(read: Iterable[Read], generator: torch.Generator) -> Iterator[_Moment]:
    """The units' groups, from the last moment to the first."""
    last: Tensor | None = None
    for one in read:
        rows = one.rows
        labels = _divided(rows, generator) if last is None else carried(rows, last)
        # Units that have no direction for a while come back to the group that they were in.
        last = labels if last is None else torch.where(labels == NO_GROUP, last, labels)
        yield _Moment(
            at=one.at,
            own=one.own,
            note=one.note,
            labels=labels,
            own_cosine=own_cosine(rows, labels),
            random_cosine=random_cosine(
                rows, labels, generator, draws=-(-_DRAWN // max(len(rows), 1))
            ),
        )


def _stacked(classes: Sequence[np.ndarray | None]) -> np.ndarray | None:
    known = [one for one in classes if one is not None]
    return np.stack(known) if len(known) == len(classes) else None


def _known(values: Sequence[float]) -> list[float | None]:
    return [None if math.isnan(value) else value for value in values]
