"""How many units of a layer can go: every criterion, both directions, and random orders."""

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from surfeit.core import Split, Streams
from surfeit.prune import CRITERIA, removable, removal_curve, removal_order
from surfeit.prune.chain import cut_at
from surfeit.report.config import ReportConfig
from surfeit.report.paired import paired
from surfeit.report.subject import Subject

Rows = dict[str, list[dict[str, Any]]]
_CHUNK = 256


def measure_removals(subject: Subject, config: ReportConfig) -> Rows:
    """Rows of the tables "removal", "removable" and "choices" for one layer.

    The criterion that lets most units go, the first of equals, is chosen on the validation images
    by removing the least contributing first; the test images then say what that costs.

    Raises:
        ValueError: if the network is no chain of modules around the layer.
    """
    rows: Rows = {"removal": [], "removable": [], "choices": []}
    best = (-1, "", torch.empty(0, dtype=torch.int64))
    for kind, order in _orders(subject, config):
        about = {"layer": subject.name, **kind}
        for name, split in subject.splits.items():
            curve = removal_curve(subject.model, subject.name, order, split)
            rows["removal"] += [
                {**about, "split": name, "removed": removed, "accuracy": accuracy}
                for removed, accuracy in enumerate(curve.tolist())
            ]
            if name == "validation":
                count = removable(curve, loss=config.loss)
                rows["removable"].append({**about, "removable": count})
                if kind["remove"] == "least" and count > best[0]:
                    best = (count, kind["criterion"], order)
    count, criterion, order = best
    before = right_without(subject, order[:0], subject.test)
    after = right_without(subject, order[:count], subject.test)
    chosen = {"layer": subject.name, "what": "removal", "chosen": criterion, "amount": count}
    rows["choices"].append({**chosen, **paired(before, after)})
    return rows


def _orders(
    subject: Subject, config: ReportConfig
) -> Iterator[tuple[dict[str, Any], Int64[Tensor, " units"]]]:
    for name, criterion in CRITERIA.items():
        if name == "random":
            for repeat in range(config.repeats):
                generator = Streams(config.seed).get("report", "removal", subject.name, repeat)
                order = removal_order(subject.weight, criterion, generator=generator)
                yield {"criterion": name, "remove": None, "repeat": repeat}, order
            continue
        for remove in ("least", "most"):
            order = removal_order(subject.weight, criterion, remove)
            yield {"criterion": name, "remove": remove, "repeat": 0}, order


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
