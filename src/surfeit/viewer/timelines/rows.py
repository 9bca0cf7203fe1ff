"""What a list of timelines shows of each: enough to choose one, and little enough for thousands."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from surfeit.core import StoreError
from surfeit.store import Summary
from surfeit.store.run import Status
from surfeit.viewer.timelines.about import FIELDS, About, about_in
from surfeit.viewer.timelines.describing import described_layer
from surfeit.viewer.timelines.records import LayerShape
from surfeit.viewer.timelines.run import name_in
from surfeit.viewer.timelines.timeline import Axis, Timeline


@dataclass(frozen=True)
class Row:
    """A timeline in a list.

    Args:
        id: stands in addresses.
        name: what it is called on the page.
        axis: what its moments are counted in.
        status: `done`, `running` or `interrupted`.
        moments: how many there are.
        layers: of its network.
        objective: what was minimised; None where nobody says.
        about: what it is chosen by.
    """

    id: str
    name: str
    axis: Axis
    status: Status
    moments: int
    layers: tuple[LayerShape, ...]
    objective: str | None
    about: About


def row_in(summary: Summary, layers: tuple[LayerShape, ...]) -> Row:
    """The row of a run that is summed up and not damaged; its layers are given."""
    if summary.state == "damaged":
        raise StoreError(summary.problem)
    return Row(
        id=summary.key,
        name=name_in(summary),
        axis="step",
        status=summary.state,
        moments=summary.snapshots,
        layers=layers,
        objective=summary.objective or None,
        about=about_in(summary),
    )


def row_of(timeline: Timeline) -> Row:
    """The row of a timeline that is open."""
    return Row(
        id=timeline.id,
        name=timeline.name,
        axis=timeline.axis,
        status=timeline.status,
        moments=len(timeline.steps()),
        layers=timeline.layers,
        objective=timeline.objective,
        about=timeline.about(),
    )


def packed_rows(rows: Sequence[Row]) -> dict[str, Any]:
    """Rows as JSON values, a list a column; networks of the same layers are told once.

    `web/src/data/rows.ts` reads them.
    """
    networks = list(dict.fromkeys(row.layers for row in rows))
    places = {layers: place for place, layers in enumerate(networks)}
    return {
        "networks": [[described_layer(layer) for layer in layers] for layers in networks],
        "id": [row.id for row in rows],
        "name": [row.name for row in rows],
        "axis": [row.axis for row in rows],
        "status": [row.status for row in rows],
        "moments": [row.moments for row in rows],
        "objective": [row.objective for row in rows],
        "network": [places[row.layers] for row in rows],
        "about": {name: [row.about.described()[name] for row in rows] for name in FIELDS},
    }
