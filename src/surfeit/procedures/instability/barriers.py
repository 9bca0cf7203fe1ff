"""The tables of instability: lines between two ends of a training, and the barriers on them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from surfeit.landscape import error_barrier

SIDES = ("first", "second")
STABLE = 0.02
"""Two networks are linearly connected if the error barrier between them is lower (a fraction)."""

_KEYS = [("replicate", pa.int64()), ("step", pa.int64()), ("split", pa.string())]
_RUNS = [(name, pa.string()) for name in ("trunk", *SIDES)]
LINES = pa.schema(
    [*_KEYS, ("t", pa.float64()), ("loss", pa.float64()), ("error", pa.float64()), *_RUNS]
)
_FIGURES = (
    "barrier",
    "first_error",
    "second_error",
    "worst_error",
    "loss_barrier",
    "first_loss",
    "second_loss",
    "worst_loss",
)
_BARRIER = {"error": "barrier", "loss": "loss_barrier"}
BARRIERS = pa.schema([*_KEYS, *((name, pa.float64()) for name in _FIGURES), *_RUNS])


def barriers(lines: pa.Table) -> pa.Table:
    """The barrier on each line: how much worse its worst point is than the mean of its ends.

    Args:
        lines: as from `instability_lines`.

    Returns:
        rows `replicate, step, split, barrier, first_error, second_error, worst_error` (fractions)`,
        loss_barrier, first_loss, second_loss, worst_loss` (nats)`, trunk, first, second` (keys), in
        the order of the lines; null figures where a training failed.

    Source: as `error_barrier`. A training is stable at a step if `barrier < STABLE` there.
    """
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    names = [name for name, _ in _KEYS]
    for row in lines.to_pylist():
        groups.setdefault(tuple(row[name] for name in names), []).append(row)
    found = [_barrier(sorted(rows, key=lambda row: row["t"])) for rows in groups.values()]
    return pa.Table.from_pylist(found, BARRIERS.with_metadata(lines.schema.metadata))


def _barrier(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    first = rows[0]
    named = {name: first[name] for name in ("replicate", "step", "split", "trunk", *SIDES)}
    if any(row["error"] is None for row in rows):
        return named
    figures: dict[str, float | None] = {}
    for quantity in _BARRIER:
        values = [row[quantity] for row in rows]
        figures |= {
            f"first_{quantity}": values[0],
            f"second_{quantity}": values[-1],
            f"worst_{quantity}": max(values),
            _BARRIER[quantity]: error_barrier(values) if all(map(math.isfinite, values)) else None,
        }
    return named | figures
