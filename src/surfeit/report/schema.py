"""The tables of a report: their columns, so that an empty one is still a table.

Accuracies and shares are fractions, losses of accuracy too; `stage` is "initial" or "final",
`split` is "validation" or "test"; `images` counts examples, whatever they are. "removal" has the
columns of `surfeit.prune.removal_table`.

`quantity` is what the network is judged by, and what `estimate`, `before`, `after` and `change`
are: "accuracy", "r2" or "loss". Removal and rank curves have accuracies or, without classes,
losses in the column of that name; `dense` is that of the whole network. `group` names the layers
whose units go together with the layer's; `test_variance` is that of the targets, where
`R² = 1 − loss / variance` is reported. `zeros` is the share of weights that a mask left at zero,
`pruned` whether there are so many that spikes are no test. A note's `reason` is why its topic was
left out, null where it was not.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from surfeit.prune import table as removals

_TEXT, _WHOLE, _NUMBER, _FLAG = pa.string(), pa.int64(), pa.float64(), pa.bool_()

SCHEMAS: Mapping[str, pa.Schema] = {
    "layers": pa.schema(
        [
            ("layer", _TEXT),
            ("kind", _TEXT),
            ("units", _WHOLE),
            ("inputs", _WHOLE),
            ("validation_images", _WHOLE),
            ("test_images", _WHOLE),
            ("link", _NUMBER),
            ("cluster", _NUMBER),
            ("group", pa.list_(_TEXT)),
            ("validation_variance", _NUMBER),
            ("test_variance", _NUMBER),
        ]
    ),
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
    "removal": removals.SCHEMA,
    "removable": pa.schema(
        [
            ("layer", _TEXT),
            ("criterion", _TEXT),
            ("remove", _TEXT),
            ("repeat", _WHOLE),
            ("removable", _WHOLE),
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
    "units": pa.schema(
        [
            ("layer", _TEXT),
            ("stage", _TEXT),
            ("unit", _WHOLE),
            ("x", _NUMBER),
            ("y", _NUMBER),
            ("norm", _NUMBER),
            ("kind", _TEXT),
            ("component", _WHOLE),
            ("cluster", _WHOLE),
            ("hardly_moved", _FLAG),
            ("cosine_to_initial", _NUMBER),
        ]
    ),
    "edges": pa.schema(
        [
            ("layer", _TEXT),
            ("stage", _TEXT),
            ("source", _WHOLE),
            ("target", _WHOLE),
            ("weight", _NUMBER),
            ("inner_product", _NUMBER),
        ]
    ),
    "eigenvalues": pa.schema(
        [("layer", _TEXT), ("stage", _TEXT), ("eigenvalue", _NUMBER), ("spike", _FLAG)]
    ),
    "bulk": pa.schema(
        [
            ("layer", _TEXT),
            ("stage", _TEXT),
            *((name, _NUMBER) for name in ("variance", "lower", "upper", "threshold", "ratio")),
            ("spikes", _WHOLE),
            ("bulk", _WHOLE),
            ("eigenvalues", _WHOLE),
            ("largest", _NUMBER),
            ("distance", _NUMBER),
            ("distance_limit", _NUMBER),
            ("fits", _FLAG),
            ("zeros", _NUMBER),
            ("pruned", _FLAG),
        ]
    ),
    "density": pa.schema(
        [("layer", _TEXT), ("stage", _TEXT), ("eigenvalue", _NUMBER), ("density", _NUMBER)]
    ),
    "ranks": pa.schema(
        [
            ("layer", _TEXT),
            ("split", _TEXT),
            ("of", _TEXT),
            ("rank", _WHOLE),
            *((name, _NUMBER) for name in ("share", "accuracy", "loss", "dense")),
        ]
    ),
    "notes": pa.schema([("topic", _TEXT), ("layer", _TEXT), ("text", _TEXT), ("reason", _TEXT)]),
}

Rows = Sequence[Mapping[str, Any]]


def table(name: str, rows: Rows) -> pa.Table:
    """The rows as the table called `name`; a column that a row lacks is null there."""
    return pa.Table.from_pylist([dict(row) for row in rows], schema=SCHEMAS[name])
