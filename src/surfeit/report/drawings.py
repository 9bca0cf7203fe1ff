"""Every figure of a report, by name, from its tables."""

from collections.abc import Iterator, Mapping

import pyarrow as pa
from matplotlib.figure import Figure

from surfeit.study.figures import graph, learning, rank, removal, spectrum
from surfeit.study.tables import where


def drawings(
    tables: Mapping[str, pa.Table], *, loss: float, classes: int
) -> Iterator[tuple[str, Figure]]:
    """The figures with their names: "learning", then one a topic and layer, e.g. "graph-fc1".

    A figure whose table has no rows is left out.

    Args:
        tables: as `measure` gives them.
        loss: the accuracy that may be lost, a fraction.
        classes: the data set's number of classes; guessing is right once in so many.
    """
    if learning.measured(tables["learning"]):
        yield "learning", learning.figure(tables["learning"])
    for name in tables["layers"]["layer"].to_pylist():
        yield from _of_layer(_layer(tables, name), name, loss, classes)


def _of_layer(
    here: Mapping[str, pa.Table], name: str, loss: float, classes: int
) -> Iterator[tuple[str, Figure]]:
    curves = where(here["removal"], split="test")
    if curves.num_rows:
        chosen = where(here["choices"], what="removal")["amount"][0].as_py()
        drawing = removal.figure(curves, loss=loss, chance=1 / classes, chosen=chosen)
        yield f"removal-{name}", drawing
    if here["units"].num_rows:
        yield f"graph-{name}", graph.figure(here["units"], here["edges"])
    if here["eigenvalues"].num_rows:
        drawing = spectrum.figure(here["eigenvalues"], here["density"], here["bulk"])
        yield f"spectrum-{name}", drawing
    ranks = where(here["ranks"], split="test")
    if ranks.num_rows:
        yield f"rank-{name}", rank.figure(ranks, loss=loss, classes=classes)


def _layer(tables: Mapping[str, pa.Table], name: str) -> dict[str, pa.Table]:
    return {
        key: where(table, layer=name)
        for key, table in tables.items()
        if "layer" in table.column_names
    }
