"""How many units of a layer can go: every criterion, both directions, and random orders."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import torch
from torch import Tensor

from surfeit.core import EXAMPLES_AT_ONCE, Split, Streams
from surfeit.prune import CRITERIA, outputs_without, removal_order, removal_table
from surfeit.prune.removal import Removal
from surfeit.report.config import ReportConfig
from surfeit.report.subject import Subject
from surfeit.tables.tables import column, where

Rows = dict[str, list[dict[str, Any]]]


def measure_removals(subject: Subject, config: ReportConfig) -> Rows:
    """Rows of the tables "removal", "removable" and "choices" for one layer, or for its group.

    The criterion that lets most units go, the first of equals, is chosen on the validation split
    by removing the least contributing first; the test split then says what that costs.

    Raises:
        ValueError: if units of the layer cannot be removed, or outputs cannot be judged.
    """
    if subject.obstacle is not None:
        raise ValueError(subject.obstacle)
    curves = removal_table(
        subject.model,
        subject.name,
        subject.splits,
        streams=Streams(config.seed),
        repeats=config.repeats,
        objective=subject.worth.objective,
        structure=subject.structure,
    )
    counts = list(_counts(where(curves, split="validation"), subject))
    best = max((row for row in counts if row["remove"] == "least"), key=_removable)
    weight = Removal.of(subject.structure, subject.name).matrix(subject.model)
    order = removal_order(weight, CRITERIA[best["criterion"]])[: best["removable"]]
    chosen = {"what": "removal", "chosen": best["criterion"], "amount": best["removable"]}
    before, after = (_each(subject, units, subject.test) for units in (order[:0], order))
    cost = subject.worth.paired(before, after, subject.test.targets)
    choice = {"layer": subject.name, **chosen, **cost}
    return {"removal": curves.to_pylist(), "removable": counts, "choices": [choice]}


def _counts(curves: pa.Table, subject: Subject) -> Iterator[dict[str, Any]]:
    """How many units can go, a row a curve."""
    kinds = curves.select(["layer", "criterion", "remove", "repeat"])
    for kind in {tuple(row.items()): row for row in kinds.to_pylist()}.values():
        curve = where(curves, **kind).sort_by("removed")
        points = torch.from_numpy(column(curve, subject.worth.quantity.curve))
        yield {**kind, "removable": subject.worth.removable(points, subject.validation.targets)}


def _removable(row: dict[str, Any]) -> int:
    return row["removable"]


def _each(subject: Subject, units: Tensor, split: Split) -> Tensor:
    """What each example is worth with these units removed; float64, as the curves."""
    found = []
    for start in range(0, len(split), EXAMPLES_AT_ONCE):
        part = split[start : start + EXAMPLES_AT_ONCE]
        outputs = outputs_without(
            subject.model, subject.name, units, part.inputs, structure=subject.structure
        )
        found.append(subject.worth.each(outputs, part.targets))
    return torch.cat(found)
