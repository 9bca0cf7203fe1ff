"""How many directions of a layer the network needs, and how many of its update."""

import copy
from typing import Any

import torch
from torch import Tensor

from surfeit.core import layer, weight_matrix
from surfeit.report.config import ReportConfig
from surfeit.report.paired import paired
from surfeit.report.subject import Subject, right
from surfeit.spectra import accuracy_by_rank, kept_share, project

Rows = dict[str, list[dict[str, Any]]]


def measure_ranks(subject: Subject, config: ReportConfig) -> Rows:
    """Rows of the tables "ranks" and "choices" for one layer: of its weights and of its update.

    The rank chosen on the validation images is the smallest of those measured from which on every
    one keeps the accuracy, but for the loss allowed.

    Raises:
        ValueError: if the weights are all zero.
    """
    rows: Rows = {"ranks": [], "choices": []}
    full = min(weight_matrix(subject.weight).shape)
    ranks = sorted({*(rank for rank in config.ranks if rank < full), full})
    dense = {name: right(subject.model, split) for name, split in subject.splits.items()}
    for of, base in _bases(subject):
        shares = kept_share(subject.weight if base is None else subject.weight - base, ranks)
        about = {"layer": subject.name, "of": of}
        for name, split in subject.splits.items():
            found = accuracy_by_rank(subject.model, subject.name, split, ranks, initial=base)
            before = float(dense[name].double().mean())
            rows["ranks"] += [
                {
                    **about,
                    "split": name,
                    "rank": rank,
                    "share": share,
                    "accuracy": a,
                    "dense": before,
                }
                for rank, share, a in zip(ranks, shares.tolist(), found.tolist(), strict=True)
            ]
            if name == "validation":
                rank = smallest_rank(ranks, found.tolist(), before - config.loss)
                after = right(_projected(subject, base, rank), subject.test)
                chosen = {"layer": subject.name, "what": of, "chosen": of, "amount": rank}
                rows["choices"].append({**chosen, **paired(dense["test"], after)})
    return rows


def smallest_rank(ranks: list[int], accuracies: list[float], least: float) -> int:
    """The smallest rank from which on every accuracy is at least `least`; the last at worst."""
    chosen = ranks[-1]
    for rank, accuracy in zip(reversed(ranks), reversed(accuracies), strict=True):
        if accuracy < least - 1e-9:
            break
        chosen = rank
    return chosen


def _bases(subject: Subject) -> list[tuple[str, Tensor | None]]:
    bases: list[tuple[str, Tensor | None]] = [("weights", None)]
    # A layer that was never trained has no update to project.
    if subject.initial is not None and not torch.equal(subject.initial, subject.weight):
        bases.append(("update", subject.initial))
    return bases


def _projected(subject: Subject, base: Tensor | None, rank: int) -> torch.nn.Module:
    model = copy.deepcopy(subject.model)
    zero = torch.zeros_like(subject.weight) if base is None else base
    weight = zero + project(subject.weight - zero, rank).reshape(zero.shape)
    with torch.no_grad():
        layer(model, subject.name).weight.copy_(weight)
    return model
