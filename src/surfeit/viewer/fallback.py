"""The graph as a still picture, where no script runs: as the viewer shows it when it opens."""

from io import BytesIO
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from surfeit.core import Streams
from surfeit.similarity import (
    NO_GROUP,
    Graph,
    chance_inner_product,
    components,
    cosine_graph,
    force_layout,
)
from surfeit.tables.figures.style import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION, style
from surfeit.tables.figures.view import CIRCLE, RING, Entry, View, figure
from surfeit.viewer.frames.graph import GraphFrame
from surfeit.viewer.frames.quantised import inner_product_of, limit_of

_WIDTH, _HEIGHT, _MARGIN = 900, 560, 20  # pixels, as a wide notebook shows the graph
_DPI = 130
_GREY = "#999999"
_COLOURS = (BLUE, GREEN, VERMILLION, PURPLE, SKY)  # of components, the largest first
# Of groups, as the page has them: ten that stay apart for most colour visions.
_GROUP_COLOURS = ("#332288", "#cc6677", "#44aa99", "#ddcc77", "#88ccee")
_GROUP_COLOURS += ("#882255", "#117733", "#ee7733", "#aa4499", "#999933")
NEAREST = 3
"""Units that each is joined with, beside those above chance."""

_SIGMA = 0.5  # of a link's weight, as on the page
_STRONG, _MANY_STRONG = 0.85, 400
_SMALL = 3  # components of fewer units are not told apart by colour
_LEAST_RADIUS, _MOST_RADIUS = 2, 9
# A step takes units² time: layers of more units than this get fewer steps.
_STEPS, _LEAST_STEPS, _UNITS_FOR_ALL = 300, 20, 300


def picture(view: View) -> bytes:
    """A view as PNG, without a date: the same view gives the same bytes."""
    drawn = BytesIO()
    with style():
        figure(view).savefig(drawn, format="png", dpi=_DPI, metadata={"Software": None})
    return drawn.getvalue()


def still_view(
    weight: Float[Tensor, "units inputs"],
    *,
    title: str,
    subtitle: str = "",
    kept: Float[Tensor, " units"] | None = None,
    groups: int = 1,
    size: float | None = None,
) -> View:
    """A layer's weight vectors as the viewer shows them where it knows no more of a run.

    Args:
        weight: the layer's weight matrix.
        title, subtitle: words above the picture.
        kept: the fraction of each unit's weights that a mask keeps; None without a mask. Units of
            which nothing is left are not drawn.
        groups: of the layer: units of different groups read different inputs.
        size: the norm that the largest ordinary mark stands for; the 99th percentile if not given.

    Cost: O(units²) a step of the layout, of which many units get fewer: 0.5 s for 300 units, some
    seconds for 4,096.
    """
    units, inputs = weight.shape
    link = chance_inner_product(units, inputs, groups=groups) if units > 1 else 1.0
    graph = cosine_graph(weight, inner_product=link)
    shares = torch.ones(units) if kept is None else kept
    there = (shares > 0).numpy()
    colour, alone, entries = _components(components(graph).numpy(), there)
    return _view(
        graph,
        title=title,
        subtitle=subtitle,
        radius=_radius(weight.norm(dim=1).double().numpy(), there, size),
        colour=tuple(colour),
        opacity=0.3 + 0.7 * np.sqrt(shares.double().numpy()),
        shape=np.where(alone, RING, CIRCLE),
        link_opacity=_opacity(graph),
        legend="Components",
        entries=tuple(entries),
    )


def added_view(
    frame: GraphFrame,
    labels: np.ndarray,
    *,
    title: str,
    subtitle: str = "",
    size: float | None = None,
) -> View:
    """What training added to a layer's units, as the viewer shows it when it opens.

    Each unit is joined with the nearest, and darkly with those above the chance level; colours are
    those of groups, and areas the sizes of the updates.

    Args:
        frame: of updates.
        labels: the group of each unit, `NO_GROUP` for none.
        title, subtitle: words above the picture.
        size: the size of an update that the largest ordinary mark stands for; the 99th percentile
            if not given.

    Cost: as `still_view`.
    """
    graph, strong = _joined(frame)
    there = frame.kept > 0
    known = labels != NO_GROUP
    colour = np.where(known, np.array(_GROUP_COLOURS)[labels % len(_GROUP_COLOURS)], _GREY)
    counts = np.bincount(labels[known & there]) if (known & there).any() else np.zeros(0, int)
    entries = [
        Entry(label=f"{group + 1}: {count}", colour=_GROUP_COLOURS[group % 10], shape=CIRCLE)
        for group, count in enumerate(counts)
    ]
    if without := int((~known & there).sum()):
        entries.append(Entry(label=f"none: {without}", colour=_GREY, shape=CIRCLE))
    return _view(
        graph,
        title=title,
        subtitle=subtitle,
        radius=_radius(frame.moved.astype(float), there, size),
        colour=tuple(colour.tolist()),
        opacity=0.3 + 0.7 * np.sqrt(frame.kept.astype(float)),
        shape=np.full(frame.units, CIRCLE),
        link_opacity=_two_inks(graph, strong),
        legend="Groups of units by what training added",
        entries=tuple(entries),
    )


def _joined(frame: GraphFrame) -> tuple[Graph, np.ndarray]:
    """The links from the level on and those to each unit's nearest; which are the former."""
    limit = -1 if frame.level is None else limit_of(frame.level)
    strong = frame.apart <= limit
    apart = {
        (int(one), int(other)): int(far)
        for one, other, far in zip(frame.source, frame.target, frame.apart, strict=True)
        if far <= limit
    }
    above = set(apart)
    nearest, far = frame.near_units[:, :NEAREST], frame.near_apart[:, :NEAREST]
    for unit, others in enumerate(nearest):
        for other, distance in zip(others.tolist(), far[unit].tolist(), strict=True):
            if other != unit:
                apart.setdefault((min(unit, other), max(unit, other)), distance)
    pairs = sorted(apart)
    edges = torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2).T
    products = torch.from_numpy(
        np.asarray(inner_product_of(np.array([apart[pair] for pair in pairs], np.uint16)), float)
    )
    weights = torch.exp((products - 1) / _SIGMA**2)
    assert len(above) == int(strong.sum())
    graph = Graph(
        units=frame.units,
        edges=edges,
        weights=weights,
        inner_products=products,
        sigma=_SIGMA,
        cutoff=float(weights.min()) if len(weights) else 1.0,
    )
    return graph, np.array([pair in above for pair in pairs], bool)


def _two_inks(graph: Graph, strong: np.ndarray) -> np.ndarray:
    """Links above chance are dark, the others pale."""
    ink = _STRONG * min(1.0, np.sqrt(_MANY_STRONG / max(int(strong.sum()), 1)))
    return np.where(strong, ink, 0.6 * _opacity(graph))


def _radius(sizes: np.ndarray, there: np.ndarray, scale: float | None) -> np.ndarray:
    """Areas proportional to sizes, as on the page; 0 for what is not drawn."""
    known = sizes[there & np.isfinite(sizes)]
    if scale is None:
        scale = float(np.quantile(known, 0.99)) if len(known) else 0.0
    if not scale > 0:
        return np.where(there, float(_LEAST_RADIUS), 0.0)
    radius = _MOST_RADIUS * np.sqrt(np.nan_to_num(sizes) / scale)
    return np.where(there, np.maximum(radius, _LEAST_RADIUS), 0.0)


def _view(graph: Graph, **drawn: Any) -> View:
    return View(
        width=_WIDTH,
        height=_HEIGHT,
        zoom=1,
        address="",
        places=_places(graph),
        links=graph.edges.T.numpy(),
        twins=np.empty((0, 2), np.int64),
        selected=np.empty(0, np.int64),
        scale=None,
        **drawn,
    )


def _components(label: np.ndarray, there: np.ndarray) -> tuple[list[str], np.ndarray, list[Entry]]:
    """Each unit's colour, whether it is alone, and what the legend says; among units there."""
    counts = np.bincount(label[there], minlength=label.max() + 1)
    order = np.argsort(-counts, kind="stable")
    rank = np.argsort(order)[label]
    sizes = counts[order]
    coloured = min(int((sizes >= _SMALL).sum()), len(_COLOURS))
    alone = sizes[rank] <= 1
    colour = [
        ORANGE if single else _COLOURS[place] if place < coloured else _GREY
        for place, single in zip(rank, alone, strict=True)
    ]
    return colour, alone, _entries(sizes, coloured)


def _entries(sizes: np.ndarray, coloured: int) -> list[Entry]:
    entries = [
        Entry(label=f"{_component(place)}: {_units(size)}", colour=_COLOURS[place], shape=CIRCLE)
        for place, size in enumerate(sizes[:coloured])
    ]
    small = sizes[coloured:][sizes[coloured:] > 1]
    if len(small):
        groups = "1 small component" if len(small) == 1 else f"{len(small)} small components"
        label = f"{groups}: {_units(small.sum())}"
        entries.append(Entry(label=label, colour=_GREY, shape=CIRCLE))
    if single := int((sizes == 1).sum()):
        entries.append(Entry(label=f"isolated: {_units(single)}", colour=ORANGE, shape=RING))
    return entries


def _component(place: int) -> str:
    return "largest component" if place == 0 else f"component {place + 1}"


def _units(count: int) -> str:
    return "1 unit" if count == 1 else f"{count} units"


def _places(graph: Graph) -> np.ndarray:
    """Where each unit stands, pixels [units, 2]: the whole as large as the picture allows."""
    share = min(1.0, (_UNITS_FOR_ALL / graph.units) ** 1.5)
    steps = max(_LEAST_STEPS, round(_STEPS * share))
    generator = Streams(0).get("viewer", "still")
    place = force_layout(graph, generator, steps=steps).numpy()
    low, high = place.min(axis=0), place.max(axis=0)
    picture = np.array([_WIDTH, _HEIGHT])
    scale = ((picture - 2 * _MARGIN) / np.maximum(high - low, 1e-9)).min()
    return (place - (low + high) / 2) * scale + picture / 2


def _opacity(graph: Graph) -> np.ndarray:
    """The nearer two units the darker their link, in eight steps; many links are paler."""
    weights = graph.weights.double().numpy()
    if not len(weights):
        return weights
    share = (weights - weights.min()) / max(np.ptp(weights), 1e-300)
    crowd = min(1.0, 40 / np.sqrt(len(weights)))
    return np.clip((0.5 + 0.4 * np.round(share * 8) / 8) * crowd, 0.05, 1)
