"""Every figure of a report, by name, from its tables."""

from collections.abc import Iterator, Mapping

import pyarrow as pa
from matplotlib.figure import Figure

from surfeit.tables.figures import graph, learning, rank, removal, spectrum
from surfeit.tables.tables import where


def drawings(
    tables: Mapping[str, pa.Table],
    *,
    loss: float,
    classes: int | None,
    objective: str = "cross_entropy",
    examples: str = "images",
) -> Iterator[tuple[str, Figure]]:
    """The figures with their names: "learning", then one a topic and layer, e.g. "graph-fc1".

    A figure whose table has no rows is left out.

    Args:
        tables: as `measure` gives them.
        loss: what may be lost, of accuracy or R² a fraction, of a loss a share of itself.
        classes: the data set's number of classes; guessing is right once in so many. None if it
            has none.
        objective: the name of what is minimised.
        examples: what the examples are called.
    """
    if learning.measured(tables["learning"]):
        answers = _answers(tables["dense"])
        drawing = learning.figure(
            tables["learning"], objective=objective, judged="answers" if answers > 1 else examples
        )
        yield "learning", drawing
    for name in tables["layers"]["layer"].to_pylist():
        yield from _of_layer(_layer(tables, name), name, loss, classes)


def _answers(dense: pa.Table) -> int:
    row = dense.to_pylist()[0]
    return 1 if row["judged"] is None else row["judged"] // row["images"]


def _of_layer(
    here: Mapping[str, pa.Table], name: str, loss: float, classes: int | None
) -> Iterator[tuple[str, Figure]]:
    curves = where(here["removal"], split="test")
    variance = here["layers"]["test_variance"][0].as_py()
    if curves.num_rows:
        chosen = where(here["choices"], what="removal")["amount"][0].as_py()
        chance = None if classes is None else 1 / classes
        drawing = removal.figure(curves, loss=loss, chance=chance, chosen=chosen, variance=variance)
        yield f"removal-{name}", drawing
    if here["units"].num_rows:
        yield f"graph-{name}", graph.figure(here["units"], here["edges"])
    if here["eigenvalues"].num_rows:
        drawing = spectrum.figure(here["eigenvalues"], here["density"], here["bulk"])
        yield f"spectrum-{name}", drawing
    ranks = where(here["ranks"], split="test")
    if ranks.num_rows:
        yield f"rank-{name}", rank.figure(ranks, loss=loss, classes=classes, variance=variance)


def _layer(tables: Mapping[str, pa.Table], name: str) -> dict[str, pa.Table]:
    return {
        key: where(table, layer=name)
        for key, table in tables.items()
        if "layer" in table.column_names
    }
