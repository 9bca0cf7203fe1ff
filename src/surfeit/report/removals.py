"""How many units of a layer can go: every criterion, both directions, and random orders."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from surfeit.core import Split, Streams
from surfeit.prune import CRITERIA, removable, removal_order, removal_table
from surfeit.prune.chain import cut_at
from surfeit.report.config import ReportConfig
from surfeit.report.paired import paired
from surfeit.report.subject import Subject
from surfeit.study.tables import where

Rows = dict[str, list[dict[str, Any]]]
_CHUNK = 256


def measure_removals(subject: Subject, config: ReportConfig) -> Rows:
    """Rows of the tables "removal", "removable" and "choices" for one layer.

    The criterion that lets most units go, the first of equals, is chosen on the validation images
    by removing the least contributing first; the test images then say what that costs.

    Raises:
        ValueError: if the network is no chain of modules around the layer.
    """
    curves = removal_table(
        subject.model,
        subject.name,
        subject.splits,
        streams=Streams(config.seed),
        repeats=config.repeats,
    )
    counts = list(_counts(where(curves, split="validation"), config.loss))
    best = max((row for row in counts if row["remove"] == "least"), key=_removable)
    order = removal_order(subject.weight, CRITERIA[best["criterion"]])[: best["removable"]]
    chosen = {"what": "removal", "chosen": best["criterion"], "amount": best["removable"]}
    before = right_without(subject, order[:0], subject.test)
    after = right_without(subject, order, subject.test)
    choice = {"layer": subject.name, **chosen, **paired(before, after)}
    return {"removal": curves.to_pylist(), "removable": counts, "choices": [choice]}


def _counts(curves: pa.Table, loss: float) -> Iterator[dict[str, Any]]:
    """How many units can go, a row a curve."""
    kinds = curves.select(["layer", "criterion", "remove", "repeat"])
    for kind in {tuple(row.items()): row for row in kinds.to_pylist()}.values():
        curve = where(curves, **kind).sort_by("removed")["accuracy"].to_pylist()
        count = removable(torch.tensor(curve, dtype=torch.float64), loss=loss)
        yield {**kind, "removable": count}


def _removable(row: dict[str, Any]) -> int:
    return row["removable"]


@torch.no_grad()
def right_without(
    subject: Subject, units: Int64[Tensor, " removed"], split: Split
) -> Bool[Tensor, " n"]:
    """Which images are classified rightly with these units removed; float64, as the curves."""
    cut = cut_at(subject.model, subject.name, dtype=torch.float64)
    device = subject.weight.device
    found = []
    for start in range(0, len(split), _CHUNK):
        part = split[start : start + _CHUNK].to(device)
        features = cut.between(cut.before(part.images.double())).clone()
        features.unflatten(1, (cut.units, -1))[:, units] = 0
        scores = cut.after(features if cut.following is None else cut.following(features))
        found.append((scores.argmax(dim=1) == part.labels).cpu())
    return torch.cat(found)
