"""What a page that stands alone holds: one run, some of its layers, its snapshots."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from surfeit.data import Dataset
from surfeit.store import Run, Store
from surfeit.viewer.bundles.bundle import WITHOUT_DATA, bundle
from surfeit.viewer.frames.active import ActiveUnits
from surfeit.viewer.frames.course import divided
from surfeit.viewer.frames.graph import graph_frame
from surfeit.viewer.frames.moments import begins
from surfeit.viewer.frames.places import Place
from surfeit.viewer.frames.scales import ScalesFrame, scales_frame
from surfeit.viewer.timelines.library import Library, some_examples
from surfeit.viewer.timelines.timeline import MOST_SNAPSHOTS, Timeline, chosen_moments

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
    maps: bool = False,
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
        maps: whether to carry t-SNE maps and larger matrices, which takes longer and more bytes.

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
        run,
        names,
        merged=merged,
        links=links,
        dataset=dataset,
        snapshots=snapshots,
        link=link,
        maps=maps,
    )
    labels = [run.layer(name).label for name in names]
    with_other = "" if merged is None else f", with {merged.name}"
    return Content(
        title=f"{' and '.join(labels)} of {run.name}{with_other}",
        bundle=there,
    )


def still(run: Timeline, layer: str, dataset: Dataset | None = None) -> "View":
    """A layer's graph at the last moment, as a view that is drawn without a browser.

    It is what the page opens with: what training added or, where that is unknown, weight vectors.

    Args:
        run: a run or tickets.
        layer: dotted name.
        dataset: the data it was trained on, to leave out silent units.
    """
    place = Place(run, layer, run.moment())
    scales = scales_frame(run, layer, chosen_moments(run))
    if begins(run, layer, place.at):
        return _still_of_updates(place, scales, dataset)
    return _still_of_weights(place, scales)


def _still_of_updates(place: Place, scales: ScalesFrame, dataset: Dataset | None) -> "View":
    # Here, not above: pages are written without it, and matplotlib takes a second.
    from surfeit.viewer.fallback import NEAREST, added_view

    examples = None if dataset is None else some_examples(dataset)
    units, _ = place.units("updates", None, ActiveUnits(examples, WITHOUT_DATA))
    level = "" if units.level is None else f" ({units.level:.2f})"
    return added_view(
        graph_frame(units),
        divided(units.rows, place.layer).numpy(),
        title=_title(place),
        subtitle=(
            f"{place.timeline.axis} {place.at:,}; what training added: each unit with the "
            f"{NEAREST} nearest, dark above chance{level}; groups are a way to follow units"
        ),
        size=scales.moved and scales.moved.q99,
    )


def _still_of_weights(place: Place, scales: ScalesFrame) -> "View":
    from surfeit.viewer.fallback import still_view

    weight, mask = place.weights()
    shape = place.timeline.layer(place.layer)
    return still_view(
        weight,
        title=_title(place),
        subtitle=(
            f"{place.timeline.axis} {place.at:,}; weight vectors: links from the cosine "
            "that chance does not reach on"
        ),
        kept=None if mask is None else shape.kept_shares(mask),
        groups=shape.groups,
        size=scales.norm and scales.norm.q99,
    )


def _title(place: Place) -> str:
    return f"{place.timeline.layer(place.layer).label} of {place.timeline.name}"
