"""Where a layer's units point: graph, groups, movement and places for the figure."""

from typing import Any

import torch
from torch import Tensor

from surfeit.core import Streams
from surfeit.report.config import ReportConfig
from surfeit.report.subject import Subject
from surfeit.similarity import (
    Graph,
    chance_inner_product,
    clusters,
    components,
    cosine_graph,
    force_layout,
    hardly_moved,
    isolated,
    movement,
)

Rows = dict[str, list[dict[str, Any]]]


def link_threshold(subject: Subject, config: ReportConfig) -> float:
    """The inner product from which units are joined: the one set, or what chance does not reach."""
    if config.link is not None:
        return config.link
    layer = subject.layer
    # One unit has no pairs; two opposite directions are all that one input leaves.
    if layer.units == 1:
        return 1.0
    return chance_inner_product(layer.units, layer.inputs, groups=layer.groups)


def measure_directions(subject: Subject, config: ReportConfig) -> Rows:
    """Rows of the tables "units" and "edges" for one layer, at initialisation and at the end."""
    rows: Rows = {"units": [], "edges": []}
    generator = Streams(config.seed).get("report", "layout", subject.name)
    place = None
    link = link_threshold(subject, config)
    for stage, weight in subject.stages():
        graph = cosine_graph(weight, inner_product=link)
        # The final layout starts from the initial one, so that the eye can follow a unit.
        place = force_layout(graph, generator, start=place)
        about = {"layer": subject.name, "stage": stage}
        columns = _groups(graph, weight, config) | {"x": place[:, 0], "y": place[:, 1]}
        if stage == "final" and subject.initial is not None:
            columns["hardly_moved"] = hardly_moved(weight, subject.initial)
            columns["cosine_to_initial"] = movement(weight, subject.initial).cosine
        rows["units"] += [{**about, **unit} for unit in _unit_rows(columns)]
        rows["edges"] += [{**about, **edge} for edge in _edge_rows(graph)]
    return rows


def _groups(graph: Graph, weight: Tensor, config: ReportConfig) -> dict[str, Any]:
    cluster: list[int | None] = [None] * graph.units
    for number, members in enumerate(clusters(cosine_graph(weight, inner_product=config.cluster))):
        for unit in members.tolist():
            cluster[unit] = number
    alone = set(isolated(graph).tolist())
    kinds = [
        "cluster" if cluster[unit] is not None else "isolated" if unit in alone else "linked"
        for unit in range(graph.units)
    ]
    return {
        "unit": torch.arange(graph.units),
        "norm": weight.norm(dim=1),
        "component": components(graph),
        "cluster": cluster,
        "kind": kinds,
    }


def _unit_rows(columns: dict[str, Any]) -> list[dict[str, Any]]:
    plain = {
        name: values.tolist() if isinstance(values, Tensor) else values
        for name, values in columns.items()
    }
    return [dict(zip(plain, row, strict=True)) for row in zip(*plain.values(), strict=True)]


def _edge_rows(graph: Graph) -> list[dict[str, Any]]:
    source, target = graph.edges.tolist()
    columns = (source, target, graph.weights.tolist(), graph.inner_products.tolist())
    names = ("source", "target", "weight", "inner_product")
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
