"""Every figure of a report, by name, from its tables."""

from collections.abc import Iterator, Mapping

import pyarrow as pa
from matplotlib.figure import Figure

from surfeit.report.curvature import NAME, curvature_figure
from surfeit.report.summary import of_layer
from surfeit.report.topics import TOPICS, Reference
from surfeit.tables.figures import learning


def drawings(
    tables: Mapping[str, pa.Table],
    *,
    loss: float,
    classes: int | None,
    objective: str = "cross_entropy",
    examples: str = "images",
) -> Iterator[tuple[str, Figure]]:
    """The figures with their names: "learning", "curvature", then e.g. "graph-fc1" of each topic.

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
    bend = curvature_figure(tables)
    if bend is not None:
        yield NAME, bend
    reference = Reference(loss=loss, classes=classes)
    for name in tables["layers"]["layer"].to_pylist():
        here = of_layer(tables, name)
        for topic in TOPICS.values():
            drawing = topic.figure(here, reference)
            if drawing is not None:
                yield f"{topic.name}-{name}", drawing


def _answers(dense: pa.Table) -> int:
    row = dense.to_pylist()[0]
    return 1 if row["judged"] is None else row["judged"] // row["images"]
