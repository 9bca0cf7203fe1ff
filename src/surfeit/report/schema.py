"""The tables of a report: their columns, so that an empty one is still a table.

Those that all topics share are here; a topic's own are in its file.

Accuracies and shares are fractions, losses of accuracy too; `stage` is "initial" or "final",
`split` is "validation" or "test"; `images` counts examples, whatever they are.

`quantity` is what the network is judged by, and what `estimate`, `before`, `after` and `change`
are: "accuracy", "r2" or "loss". Removal and rank curves have accuracies or, without classes,
losses in the column of that name; `dense` is that of the whole network. `group` names the layers
whose units go together with the layer's; `test_variance` is that of the targets, where
`R² = 1 − loss / variance` is reported. A note's `reason` is why its topic was left out, null where
it was not.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from surfeit.report.curvature import SCHEMAS as CURVATURE
from surfeit.report.joint import SCHEMAS as JOINT
from surfeit.report.topics import TOPICS

_TEXT, _WHOLE, _NUMBER = pa.string(), pa.int64(), pa.float64()
_COMMON: Mapping[str, pa.Schema] = {
    "dense": pa.schema(
        [
            ("split", _TEXT),
            ("correct", _WHOLE),
            ("judged", _WHOLE),
            ("images", _WHOLE),
            ("quantity", _TEXT),
            *((name, _NUMBER) for name in ("estimate", "lower", "upper", "loss", "r2")),
        ]
    ),
    "choices": pa.schema(
        [
            ("layer", _TEXT),
            ("what", _TEXT),
            ("chosen", _TEXT),
            ("amount", _WHOLE),
            ("images", _WHOLE),
            *((name, _NUMBER) for name in ("before", "after", "change", "lower", "upper")),
        ]
    ),
    "notes": pa.schema([("topic", _TEXT), ("layer", _TEXT), ("text", _TEXT), ("reason", _TEXT)]),
}
SHARED = frozenset({"choices", "notes"})
"""The tables that every topic may add rows of its own to."""
_LAYER = (
    ("layer", _TEXT),
    ("kind", _TEXT),
    ("units", _WHOLE),
    ("inputs", _WHOLE),
    ("validation_images", _WHOLE),
    ("test_images", _WHOLE),
)
_JUDGED = (
    ("group", pa.list_(_TEXT)),
    ("validation_variance", _NUMBER),
    ("test_variance", _NUMBER),
)

Rows = Sequence[Mapping[str, Any]]


def schemas() -> dict[str, pa.Schema]:
    """The columns of all tables by name: those that topics share and those of each.

    Raises:
        ValueError: if two topics have a table, or a column of "layers", of the same name.
    """
    columns = [column for topic in TOPICS.values() for column in topic.layer_columns]
    tables = {"layers": _layers(columns), **_COMMON, **JOINT, **CURVATURE}
    for topic in TOPICS.values():
        for name, schema in topic.schemas.items():
            if name in tables or name == "learning":
                raise ValueError(
                    f"topic {topic.name!r} has a table {name!r}, which is there already: give it "
                    "another name"
                )
            tables[name] = schema
    return tables


def _layers(columns: Sequence[pa.Field]) -> pa.Schema:
    schema = pa.schema([*_LAYER, *columns, *_JUDGED])
    twice = sorted({name for name in schema.names if schema.names.count(name) > 1})
    if twice:
        raise ValueError(f"topics give the table 'layers' several columns called {twice}")
    return schema


def table(name: str, rows: Rows) -> pa.Table:
    """The rows as the table called `name`; a column that a row lacks is null there.

    Raises:
        ValueError: if a row has a column that the table has not, which would be lost.
    """
    schema = schemas()[name]
    unknown = sorted({column for row in rows for column in row} - set(schema.names))
    if unknown:
        raise ValueError(f"table {name!r} has no columns {unknown}, only {schema.names}")
    return pa.Table.from_pylist([dict(row) for row in rows], schema=schema)
