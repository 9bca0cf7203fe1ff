"""How many units of a layer can go: every criterion, both directions, and random orders."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import torch
from jaxtyping import Bool, Int64
from torch import Tensor, nn

from surfeit.core import Split, Streams
from surfeit.prune import CRITERIA, Cut, cut_at, removable, removal_order, removal_table
from surfeit.report.config import ReportConfig
from surfeit.report.paired import paired
from surfeit.report.subject import Subject
from surfeit.study.tables import column, where

Rows = dict[str, list[dict[str, Any]]]
_CHUNK = 256
_MEMORY = 2**27  # bytes of a layer's inputs that are held at once


def measure_removals(subject: Subject, config: ReportConfig) -> Rows:
    """Rows of the tables "removal", "removable" and "choices" for one layer.

    The criterion that lets most units go, the first of equals, is chosen on the validation images
    by removing the least contributing first; the test images then say what that costs.

    Raises:
        ValueError: if the network is no chain of modules around the layer.
    """
    curves = pa.concat_tables(_curves(subject, name, config) for name in subject.splits)
    counts = list(_counts(where(curves, split="validation"), config.loss))
    best = max((row for row in counts if row["remove"] == "least"), key=_removable)
    order = removal_order(subject.weight, CRITERIA[best["criterion"]])[: best["removable"]]
    chosen = {"what": "removal", "chosen": best["criterion"], "amount": best["removable"]}
    before = right_without(subject, order[:0], subject.test)
    after = right_without(subject, order, subject.test)
    choice = {"layer": subject.name, **chosen, **paired(before, after)}
    return {"removal": curves.to_pylist(), "removable": counts, "choices": [choice]}


@torch.no_grad()
def _curves(subject: Subject, split_name: str, config: ReportConfig) -> pa.Table:
    """The removal table of one split.

    What comes before the layer is run once and not once a curve, a chunk of images at a time; the
    arithmetic is float64 throughout, so that the curves are those of the whole network.
    """
    split = subject.splits[split_name]
    cut = cut_at(subject.model, subject.name, dtype=torch.float64)
    head, (key, rest) = cut.before[:-1], _rest(cut, subject.name)
    correct, table = 0.0, None
    for part in _chunks(split, head, subject.weight.device):
        table = removal_table(
            rest, key, {split_name: part}, streams=Streams(config.seed), repeats=config.repeats
        )
        correct = correct + column(table, "accuracy") * len(part)
    assert table is not None, "a split has at least one image"
    table = table.set_column(0, "layer", [[subject.name] * table.num_rows])
    at = table.column_names.index("accuracy")
    return table.set_column(at, "accuracy", [correct / len(split)])


def _rest(cut: Cut, name: str) -> tuple[str, nn.Sequential]:
    """The layer with all behind it as a network of its own, and the layer's name there."""
    key, chosen = name.replace(".", "-"), cut.before[-1]
    parts: list[tuple[str, nn.Module]] = [(key, chosen), ("_between", cut.between)]
    if isinstance(chosen, nn.Linear):
        parts.insert(0, ("_flatten", nn.Flatten()))
    if cut.following is not None:
        parts.append(("_following", cut.following))
    return key, nn.Sequential(OrderedDict([*parts, ("_after", cut.after)]))


def _chunks(split: Split, head: nn.Module, device: torch.device) -> Iterator[Split]:
    """The layer's inputs and the labels, as many images at once as the memory allows."""
    size = head(split.images[:1].to(device).double()).numel()
    images = max(1, _MEMORY // (8 * size))
    for start in range(0, len(split), images):
        part = split[start : start + images].to(device)
        inputs = torch.cat([head(few.double()) for few in part.images.split(_CHUNK)])
        # A split's images have four dimensions; a linear layer's inputs have two.
        yield Split(inputs[..., None, None] if inputs.dim() == 2 else inputs, part.labels)


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
