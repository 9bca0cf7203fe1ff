"""The graph as a still picture, where no script runs: as the viewer shows it when it opens."""

from io import BytesIO

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from surfeit.core import Streams
from surfeit.similarity import (
    Graph,
    chance_inner_product,
    components,
    cosine_graph,
    force_layout,
)
from surfeit.tables.figures.style import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION, style
from surfeit.tables.figures.view import CIRCLE, RING, Entry, View, figure

_WIDTH, _HEIGHT, _MARGIN = 900, 560, 20  # pixels, as a wide notebook shows the graph
_DPI = 130
_GREY = "#999999"
_COLOURS = (BLUE, GREEN, VERMILLION, PURPLE, SKY)  # of components, the largest first
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
) -> View:
    """A layer's graph with the links, colours, rings and sizes that the viewer begins with.

    Args:
        weight: the layer's weight matrix.
        title, subtitle: words above the picture.
        kept: the fraction of each unit's weights that a mask keeps; None without a mask. Units of
            which nothing is left are not drawn.
        groups: of the layer: units of different groups read different inputs.

    Cost: O(units²) a step of the layout, of which many units get fewer: 0.5 s for 300 units, some
    seconds for 4,096.
    """
    units, inputs = weight.shape
    link = chance_inner_product(units, inputs, groups=groups) if units > 1 else 1.0
    graph = cosine_graph(weight, inner_product=link)
    shares = torch.ones(units) if kept is None else kept
    there = (shares > 0).numpy()
    colour, alone, entries = _components(components(graph).numpy(), there)
    norm = weight.norm(dim=1).double().numpy()
    size = norm / max(norm[there].max(initial=0.0), 1e-300)
    return View(
        title=title,
        subtitle=subtitle,
        width=_WIDTH,
        height=_HEIGHT,
        zoom=1,
        address="",
        places=_places(graph),
        radius=np.where(there, _LEAST_RADIUS + (_MOST_RADIUS - _LEAST_RADIUS) * size, 0.0),
        colour=tuple(colour),
        opacity=0.3 + 0.7 * np.sqrt(shares.double().numpy()),
        shape=np.where(alone, RING, CIRCLE),
        links=graph.edges.T.numpy(),
        link_opacity=_opacity(graph),
        twins=np.empty((0, 2), np.int64),
        selected=np.empty(0, np.int64),
        legend="Components",
        entries=tuple(entries),
        scale=None,
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
