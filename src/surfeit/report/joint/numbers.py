"""From the tables of joint removal to the numbers of the summary."""

from collections.abc import Mapping
from statistics import fmean, stdev
from typing import Any

import pyarrow as pa

from surfeit.report.topics.choices import choice_of
from surfeit.tables.tables import where

Numbers = dict[str, Any]
_TAKEN = ("parameters", "multiply_adds", "bytes")
_BOUNDS = ("loss", "confidence", "examples")


def joint_numbers(tables: Mapping[str, pa.Table]) -> Numbers:
    """The network's part of the summary: JSON values.

    Args:
        tables: of the report.

    Returns:
        `costs`: by "whole", "lower" (the bound) and "estimate", `parameters`, `multiply_adds` and
        `bytes`; None where nothing was measured, `unknown` says why they are not known. `left_out`:
        why units were not removed together, or None. `together`: None, or `units` in all and of
        each of the `layers` (`units`, and how many `lower` and `estimate` take of it), `estimate`,
        `bounds` (`lower`, and `refuted`, the fewest units of which the path is known to cost more,
        or None), `why_no_bounds`, the answer for each `accepted` loss, what the estimate costs
        on `test`, and `as_many` at random.
    """
    rows = {row["of"]: row for row in tables["costs"].to_pylist()}
    answers = tables["joint_answer"].to_pylist()
    left_out = next((row["left_out"] for row in answers), None)
    measured = bool(answers) and left_out is None
    return {
        "costs": {of: _taken(rows.get(of)) for of in ("whole", "lower", "estimate")},
        "unknown": next((row["unknown"] for row in rows.values() if row["unknown"]), None),
        "left_out": left_out,
        "together": _together(tables, answers[0]) if measured else None,
    }


def _taken(row: Mapping[str, Any] | None) -> Numbers | None:
    if row is None or row["parameters"] is None:
        return None
    return {name: row[name] for name in _TAKEN}


def _together(tables: Mapping[str, pa.Table], answer: Numbers) -> Numbers:
    path = _by_step(tables["joint_path"])
    choice = choice_of(tables, "joint")
    assert choice is not None
    lower, upper = answer["lower"], answer["upper"]
    bounds = None
    if lower is not None:
        refuted = sum(path[upper + 1].values()) if upper < answer["steps"] else None
        bounds = {"lower": sum(path[lower].values()), "refuted": refuted}
        bounds |= {name: answer[name] for name in _BOUNDS}
    units = {row["layer"]: row["units"] for row in tables["can_go"].to_pylist()}
    return {
        "units": sum(units.values()),
        "layers": {
            name: {
                "units": units[name],
                "lower": None if lower is None else path[lower][name],
                "estimate": path[answer["estimate"]][name],
            }
            for name in path[0]
        },
        "estimate": sum(path[answer["estimate"]].values()),
        "bounds": bounds,
        "why_no_bounds": answer["why_no_bounds"],
        "accepted": [
            {key: row[key] for key in row if key != "layer"}
            for row in tables["accepted"].to_pylist()
            if row["layer"] is None
        ],
        "test": choice["test"],
        "as_many": _as_many(tables, lower or answer["estimate"], answer["test_variance"]),
    }


def _by_step(path: pa.Table) -> dict[int, dict[str, int]]:
    found: dict[int, dict[str, int]] = {}
    for row in path.to_pylist():
        found.setdefault(row["step"], {})[row["layer"]] = row["removed"]
    return found


def _as_many(tables: Mapping[str, pa.Table], step: int, variance: float | None) -> Numbers:
    """What the network is worth on the test split after a step, along the path and at random."""
    at = where(tables["joint"], split="test", step=step)
    curve = "loss" if at["accuracy"].null_count else "accuracy"

    def worth(order: str) -> list[float]:
        values = where(at, order=order)[curve].to_pylist()
        return [value if variance is None else 1 - value / variance for value in values]

    random = worth("random")
    spread = stdev(random) if len(random) > 1 else None
    return {
        "removed": at["removed"][0].as_py(),
        "after": worth("path")[0],
        "random": {"mean": fmean(random), "sd": spread, "repeats": len(random)},
    }
