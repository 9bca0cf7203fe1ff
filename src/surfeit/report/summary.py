"""From the tables of a report to one dict of numbers: what `summary.json` holds.

Accuracies and R² are fractions. Whatever had to be chosen was chosen on the validation split;
"test" says what that choice costs on the test split.
"""

from collections.abc import Mapping
from dataclasses import asdict
from math import isfinite
from statistics import fmean, stdev
from typing import Any

import pyarrow as pa

from surfeit.report.config import ReportConfig
from surfeit.report.quantities import QUANTITIES, Quantity
from surfeit.tables.tables import where

SCHEMA = 1
Tables = Mapping[str, pa.Table]
Numbers = dict[str, Any]


def summarise(tables: Tables, provenance: Mapping[str, Any], config: ReportConfig) -> Numbers:
    """All numbers of the page.

    Args:
        tables: as `measure` gives them; what could not be measured has no rows.
        provenance: what the run says of itself; see `surfeit.report.provenance`.
        config: the settings of the measurement.

    Returns:
        JSON values: `schema`, `run`, `settings`, `quantity` (what the network is judged by:
        "accuracy", "r2" or "loss"), under that name its value by split, `answers` an example, and
        `layers` by name.
    """
    names = tables["layers"]["layer"].to_pylist()
    whole = tables["dense"].to_pylist()
    quantity = QUANTITIES[whole[0]["quantity"]]
    judged = whole[0]["judged"]
    return {
        "schema": SCHEMA,
        "run": dict(provenance),
        "settings": asdict(config),
        "quantity": quantity.name,
        "answers": 1 if judged is None else judged // whole[0]["images"],
        quantity.name: {row["split"]: _whole(row, quantity) for row in whole},
        "layers": {name: layer_numbers(tables, name, quantity) for name in names},
    }


def layer_numbers(tables: Tables, name: str, quantity: Quantity) -> Numbers:
    """One layer's numbers; a part that was not measured is None."""
    row = where(tables["layers"], layer=name).to_pylist()[0]
    here = {key: where(table, layer=name) for key, table in tables.items() if _by_layer(table)}
    return {
        "kind": row["kind"],
        "units": row["units"],
        "inputs": row["inputs"],
        "images": {"validation": row["validation_images"], "test": row["test_images"]},
        "group": row["group"],
        "removal": _removal(here, row, quantity),
        "not_removed": _reason(here["notes"], "removal"),
        "movement": _movement(here["units"]),
        "graph": _graph(here["units"], row),
        "spectrum": {stage: _spectrum(here["bulk"], stage) for stage in ("initial", "final")},
        "rank": {of: _rank(here, of) for of in ("weights", "update")},
    }


def _by_layer(table: pa.Table) -> bool:
    return "layer" in table.column_names


def _whole(row: Mapping[str, Any], quantity: Quantity) -> Numbers:
    names = ("estimate", "lower", "upper", "images")
    # The loss of classes is not what the page is about.
    return {name: row[name] for name in (*names, *(["loss"] * (quantity.name == "r2")))}


def _reason(notes: pa.Table, topic: str) -> str | None:
    """Why a part of the report was left out for a layer; None if it was not."""
    reasons = [row["reason"] for row in where(notes, topic=topic).to_pylist()]
    return next((reason for reason in reasons if reason is not None), None)


def _removal(here: Tables, row: Mapping[str, Any], quantity: Quantity) -> Numbers | None:
    choice = _choice(here, "removal")
    if choice is None:
        return None
    removed = choice["amount"]
    counts = where(here["removable"], remove="least")
    by_criterion = {row["criterion"]: row["removable"] for row in counts.to_pylist()}
    random = where(here["removable"], criterion="random")["removable"].to_pylist()
    at = where(here["removal"], criterion="random", split="test", removed=removed)
    left = [_in(quantity, value, row) for value in at[quantity.curve].to_pylist()]
    units = at["units"][0].as_py()
    return {
        "criterion": choice["chosen"],
        "removable": removed,
        "units": units,
        "group": row["group"],
        "share": removed / units,
        "by_criterion": by_criterion,
        "random": _mean_and_spread(random),
        "test": choice["test"],
        "random_test": _mean_and_spread(left),
    }


def _in(quantity: Quantity, value: float, row: Mapping[str, Any]) -> float:
    """A point of a curve in the quantity of the report."""
    return 1 - value / row["test_variance"] if quantity.name == "r2" else value


def _rank(here: Tables, of: str) -> Numbers | None:
    choice = _choice(here, of)
    if choice is None:
        return None
    rows = where(here["ranks"], of=of, split="validation", rank=choice["amount"])
    return {
        "rank": choice["amount"],
        "full": max(where(here["ranks"], of=of)["rank"].to_pylist()),
        "share_of_norm": rows["share"][0].as_py(),
        "test": choice["test"],
    }


def _choice(here: Tables, what: str) -> Numbers | None:
    """What was chosen on the validation images and what it costs on the test images."""
    rows = where(here["choices"], what=what).to_pylist()
    if not rows:
        return None
    row = rows[0]
    test = {key: row[key] for key in ("before", "after", "change", "lower", "upper", "images")}
    return {"chosen": row["chosen"], "amount": row["amount"], "test": test}


def _movement(units: pa.Table) -> Numbers | None:
    moved = where(units, stage="final")["hardly_moved"].to_pylist()
    if not moved or None in moved:
        return None
    return {"hardly_moved": sum(moved), "share": sum(moved) / len(moved)}


def _graph(units: pa.Table, row: Mapping[str, Any]) -> Numbers:
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


def _spectrum(bulk: pa.Table, stage: str) -> Numbers | None:
    rows = where(bulk, stage=stage).to_pylist()
    if not rows:
        return None
    edges = ("lower", "upper", "threshold", "variance")
    wanted = ("spikes", "eigenvalues", "largest", *edges, "fits", "pruned", "zeros")
    distances = ("distance", "distance_limit")
    finite = {key: rows[0][key] if isfinite(rows[0][key]) else None for key in distances}
    return {key: rows[0][key] for key in wanted} | finite


def _mean_and_spread(values: list[float]) -> Numbers:
    spread = stdev(values) if len(values) > 1 else None
    return {"mean": fmean(values), "sd": spread, "repeats": len(values)}
