"""What a page that stands alone holds: one run, some of its layers, its snapshots."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from surfeit.data import Dataset
from surfeit.store import Run, Store
from surfeit.viewer.bundles.bundle import bundle
from surfeit.viewer.timelines.library import Library
from surfeit.viewer.timelines.timeline import MOST_SNAPSHOTS, Timeline

if TYPE_CHECKING:
    from surfeit.tables.figures.view import View

Source = Timeline | Run | Path | str


@dataclass(frozen=True, kw_only=True)
class Content:
    """What a page shows.

    Args:
        title: what it is, in words.
        bundle: the pictures of all moments, as `surfeit.viewer.bundles.bundle` makes them.
    """

    title: str
    bundle: bytes


def opened(run: Source, *, store: Store | None = None, into: nn.Module | None = None) -> Timeline:
    """What a run is called by, as something that can be looked at.

    Args:
        run: a run, its folder, or its key or the beginning of it in the store; of a folder of
            tickets the first replicate is taken.
        store: where keys are looked up; the user's own if not given.
        into: a network that the weights fit, where the run's description cannot build it; it is
            only read.

    Raises:
        StoreError: if it is not there or has no snapshots.
    """
    if not isinstance(run, Timeline):
        run = Library(store or Store(), [run], model=into).reload()[0]
    run.moment()
    return run


def contents(
    run: Timeline,
    layers: str | Sequence[str],
    *,
    merged: Timeline | None = None,
    links: int | None = None,
    dataset: Dataset | None = None,
    snapshots: int | None = MOST_SNAPSHOTS,
    link: float | None = None,
) -> Content:
    """Everything of some layers over the moments of a run, ready to be put in a page.

    Args:
        run: a run or tickets.
        layers: a layer's dotted name, or several.
        merged: another one whose units of the same layers are added.
        links: the most links of one moment; the viewer's own limit if not given.
        dataset: the data it was trained on, for what removing units costs.
        snapshots: how many moments at most, evenly spaced; None for all.
        link: the inner product from which the page will join weight vectors, where that is not
            what chance does not reach: then its links are these, to the link.

    Raises:
        ValueError: if there is no layer of a name, with the nearest ones, or none is named, links
            are fewer than 1 or snapshots fewer than 2, or a run is to be merged with itself.
        StoreError: if a snapshot is damaged.
    """
    if links is not None and links < 1:
        raise ValueError(f"links must be at least 1, got {links}")
    if merged is not None and merged.id == run.id:
        raise ValueError(f"{run.name} cannot be merged with itself: name another run")
    names = (layers,) if isinstance(layers, str) else tuple(dict.fromkeys(layers))
    if not names:
        raise ValueError("no layer is named: at least one is needed")
    for name in names:
        for timeline in filter(None, (run, merged)):
            timeline.layer(name)
    there = bundle(
        run, names, merged=merged, links=links, dataset=dataset, snapshots=snapshots, link=link
    )
    labels = [run.layer(name).label for name in names]
    with_other = "" if merged is None else f", with {merged.name}"
    return Content(
        title=f"{' and '.join(labels)} of {run.name}{with_other}",
        bundle=there,
    )


def still(run: Timeline, layer: str) -> "View":
    """A layer's graph at the last moment, as a view that is drawn without a browser."""
    # Here, not above: pages are written without it, and matplotlib takes a second.
    from surfeit.viewer.fallback import still_view

    at = run.moment()
    weight, mask = run.weights(layer, at)
    shape = run.layer(layer)
    return still_view(
        weight,
        title=f"{shape.label} of {run.name}",
        subtitle=f"{run.axis} {at:,}; links from the inner product that chance does not reach on",
        kept=None if mask is None else shape.kept_shares(mask),
        groups=shape.groups,
    )
