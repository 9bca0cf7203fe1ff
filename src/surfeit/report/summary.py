"""From the tables of a report to one dict of numbers: what `summary.json` holds.

Accuracies and R² are fractions. Whatever had to be chosen was chosen on the validation split;
"test" says what that choice costs on the test split.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from surfeit.report.config import ReportConfig
from surfeit.report.curvature import curvature_numbers
from surfeit.report.joint import joint_numbers
from surfeit.report.quantities import QUANTITIES, Quantity
from surfeit.report.topics import TOPICS
from surfeit.tables.tables import where

SCHEMA = 2
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
        "accuracy", "r2" or "loss"), under that name its value by split, `answers` an example,
        `layers` by name, `joint`, the network as a whole: see `joint_numbers`, and `curvature`,
        None unless it was asked for: see `curvature_numbers`.
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
        "joint": joint_numbers(tables),
        "curvature": curvature_numbers(tables),
    }


def layer_numbers(tables: Tables, name: str, quantity: Quantity) -> Numbers:
    """One layer's numbers; a part that was not measured is None.

    Raises:
        ValueError: if two topics have numbers of the same name.
    """
    here = of_layer(tables, name)
    (row,) = here["layers"].to_pylist()
    numbers = {
        "kind": row["kind"],
        "units": row["units"],
        "inputs": row["inputs"],
        "images": {"validation": row["validation_images"], "test": row["test_images"]},
        "group": row["group"],
    }
    for topic in TOPICS.values():
        more = topic.numbers(here, quantity)
        if twice := sorted(numbers.keys() & more.keys()):
            raise ValueError(f"topic {topic.name!r} gives numbers that are there already: {twice}")
        numbers |= more
    return numbers


def of_layer(tables: Tables, name: str) -> Tables:
    """The rows that are of a layer, of each table that has any."""
    return {
        key: where(table, layer=name)
        for key, table in tables.items()
        if "layer" in table.column_names
    }


def _whole(row: Mapping[str, Any], quantity: Quantity) -> Numbers:
    names = ("estimate", "lower", "upper", "images")
    # The loss of classes is not what the page is about.
    return {name: row[name] for name in (*names, *(["loss"] * (quantity.name == "r2")))}
