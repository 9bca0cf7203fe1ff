"""Where a layer's units point: graph, groups, movement and places for the figure."""

from typing import Any

import pyarrow as pa
import torch
from matplotlib.figure import Figure
from torch import Tensor

from surfeit.core import Streams
from surfeit.report import html, words
from surfeit.report.config import ReportConfig
from surfeit.report.quantities import Quantity
from surfeit.report.subject import Subject
from surfeit.report.topics.topic import (
    Column,
    Entry,
    Numbers,
    Reference,
    Rows,
    Tables,
    Topic,
)
from surfeit.report.words import Finding
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
from surfeit.tables.figures import graph as drawn
from surfeit.tables.tables import where

_SCHEMAS = {
    "units": pa.schema(
        [
            ("layer", pa.string()),
            ("stage", pa.string()),
            ("unit", pa.int64()),
            ("x", pa.float64()),
            ("y", pa.float64()),
            ("norm", pa.float64()),
            ("kind", pa.string()),
            ("component", pa.int64()),
            ("cluster", pa.int64()),
            ("hardly_moved", pa.bool_()),
            ("cosine_to_initial", pa.float64()),
        ]
    ),
    "edges": pa.schema(
        [
            ("layer", pa.string()),
            ("stage", pa.string()),
            ("source", pa.int64()),
            ("target", pa.int64()),
            ("weight", pa.float64()),
            ("inner_product", pa.float64()),
        ]
    ),
}


def link_threshold(subject: Subject, config: ReportConfig) -> float:
    """The inner product from which units are joined: the one set, or what chance does not reach."""
    if config.link is not None:
        return config.link
    layer = subject.layer
    # One unit has no pairs; two opposite directions are all that one input leaves.
    if layer.units == 1:
        return 1.0
    return chance_inner_product(layer.units, layer.inputs, groups=layer.groups)


def measure_graph(subject: Subject, config: ReportConfig) -> Rows:
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


def _of_layer(subject: Subject, config: ReportConfig) -> dict[str, Any]:
    return {"link": link_threshold(subject, config), "cluster": config.cluster}


def _numbers(here: Tables, quantity: Quantity) -> Numbers:
    (row,) = here["layers"].to_pylist()
    return {"movement": _moved(here["units"]), "graph": _stages(here["units"], row)}


def _moved(units: pa.Table) -> Numbers | None:
    moved = where(units, stage="final")["hardly_moved"].to_pylist()
    if not moved or None in moved:
        return None
    return {"hardly_moved": sum(moved), "share": sum(moved) / len(moved)}


def _stages(units: pa.Table, row: Numbers) -> Numbers:
    stages = {}
    for stage in ("initial", "final"):
        here = where(units, stage=stage).to_pylist()
        if not here:
            stages[stage] = None
            continue
        members = [unit["cluster"] for unit in here if unit["cluster"] is not None]
        sizes = [unit["component"] for unit in here]
        stages[stage] = {
            "isolated": sum(unit["kind"] == "isolated" for unit in here),
            "largest_component": max(sizes.count(label) for label in set(sizes)),
            "clusters": len(set(members)),
            "in_clusters": len(members),
        }
    return {"link": row["link"], "cluster": row["cluster"], **stages}


def _findings(name: str, summary: Numbers) -> list[Finding]:
    layer = summary["layers"][name]
    return [finding for finding in (_movement(layer), _clusters(layer)) if finding is not None]


def _movement(layer: Numbers) -> Finding | None:
    moved = layer["movement"]
    if moved is None:
        return None
    count, share = moved["hardly_moved"], words.percent(moved["share"], 0)
    return Finding(f"{words.counted(count, 'unit')} ({share}) hardly moved", "during training.")


def _clusters(layer: Numbers) -> Finding | None:
    graph = layer["graph"]
    final = graph["final"]
    if final is None:
        return None
    linked, same = layer["units"] - final["isolated"], f"cosine from {graph['cluster']:.2g}"
    answer, members = "No cluster of nearly equal units", ""
    if final["clusters"]:
        answer = f"{words.counted(final['clusters'], 'cluster')} of nearly equal units"
        members = f" with {words.counted(final['in_clusters'], 'unit')} in all"
    return Finding(
        answer,
        f"({same}){members}; {words.counted(linked, 'unit')} share a direction with another "
        f"more than chance would bring about (from {graph['link']:.2f}), {final['isolated']} "
        "stand alone.",
    )


def _figure(here: Tables, reference: Reference) -> Figure | None:
    return drawn.figure(here["units"], here["edges"]) if here["units"].num_rows else None


def _table(name: str, summary: Numbers, tables: Tables) -> str:
    layer = summary["layers"][name]
    graph, units = layer["graph"], layer["units"]
    rows = [
        [
            {"initial": "at initialisation", "final": "after training"}[stage],
            str(units - found["isolated"]),
            str(found["isolated"]),
            str(found["largest_component"]),
            f"{found['clusters']} ({found['in_clusters']} units)",
        ]
        for stage in ("initial", "final")
        if (found := graph[stage]) is not None
    ]
    caption = f"{words.layer_name(name)}: joined from a cosine of {graph['link']:.2f} on"
    head = ("", "Linked units", "Isolated units", "Largest component", "Clusters of near equals")
    return html.table(caption, head, rows, stacked=True) if rows else ""


def _moved_cell(layer: Numbers, worth: Quantity) -> str:
    moved = layer["movement"]
    return "–" if moved is None else f"{moved['hardly_moved']} of {layer['units']}"


def _clusters_cell(layer: Numbers, worth: Quantity) -> str:
    final = layer["graph"]["final"]
    return "–" if final is None else str(final["clusters"])


def _glossary(summary: Numbers) -> list[Entry]:
    meanings = {
        "Cosine": "Of the angle between two directions: 1 if they are the same, 0 at right angles.",
        "Hardly moved": (
            "The weight vector after training still points where it did at the start: the cosine "
            "of the two directions is 0.9 or more. Its length may have changed."
        ),
        "Isolated": "Joined with no other unit in the graph.",
        "Cluster": "Two or more units that are joined by cosines of {cluster} or more.",
    }
    return [Entry(word=word, meaning=meaning) for word, meaning in meanings.items()]


def _settings(summary: Numbers) -> list[tuple[str, str]]:
    link, cluster = summary["settings"]["link"], summary["settings"]["cluster"]
    return [
        (
            "Units are joined from a cosine of",
            "the largest that chance gives, each layer its own" if link is None else f"{link:g}",
        ),
        ("Units are nearly equal from a cosine of", f"{cluster:g}"),
    ]


GRAPH = Topic(
    name="graph",
    short="Graph",
    title="The graph of weight vectors",
    about="Which units’ weight vectors point in nearly the same direction, before and after.",
    introduction=(
        "Each mark is a unit, as large as its weight vector is long. Two units are joined if "
        "their weight vectors point in nearly the same direction: if their cosine "
        "passes a threshold, by default the largest that chance would bring about among as "
        "many random directions. It differs from layer to layer, since random directions "
        "come closer to each other where units are many and their weights few. Only who is "
        "joined with whom has a meaning, not where on the sheet a group lies. Units that "
        "training drew together do similar work."
    ),
    caption="units before and after training, in one scale.",
    live=(
        "units over the training: the slider goes through it, Space plays it, a click on a "
        "unit shows its nearest neighbours. Printed, the page has a still picture here."
    ),
    missing="There is no graph of this layer.",
    schemas=_SCHEMAS,
    measure=measure_graph,
    numbers=_numbers,
    findings=_findings,
    figure=_figure,
    table=_table,
    columns=(
        Column(heading="Hardly moved", cell=_moved_cell, term="hardly moved"),
        Column(heading="Clusters", cell=_clusters_cell, term="cluster"),
    ),
    glossary=_glossary,
    settings=_settings,
    layer_columns=(pa.field("link", pa.float64()), pa.field("cluster", pa.float64())),
    of_layer=_of_layer,
)
