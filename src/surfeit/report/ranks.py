"""How many directions of a layer the network needs, and how many of its update."""

from typing import Any

import torch
from torch import Tensor

from surfeit.report.config import ReportConfig
from surfeit.report.subject import Subject
from surfeit.spectra import accuracy_by_rank, kept_share, projected

Rows = dict[str, list[dict[str, Any]]]


def measure_ranks(subject: Subject, config: ReportConfig) -> Rows:
    """Rows of the tables "ranks" and "choices" for one layer: of its weights and of its update.

    The rank chosen on the validation split is the smallest of those measured from which on every
    one is as good as the whole, but for what may be lost.

    Raises:
        ValueError: if the weights are all zero, or outputs cannot be judged.
    """
    rows: Rows = {"ranks": [], "choices": []}
    full = min(subject.weight.shape)
    ranks = sorted({*(rank for rank in config.ranks if rank < full), full})
    dense = {name: _each(subject, subject.model, name) for name in subject.splits}
    for of, base in _bases(subject):
        shares = kept_share(subject.weight if base is None else subject.weight - base, ranks)
        about = {"layer": subject.name, "of": of}
        for name in subject.splits:
            values = _by_rank(subject, name, ranks, base)
            before = float(dense[name].mean())
            rows["ranks"] += [
                {
                    **about,
                    "split": name,
                    "rank": rank,
                    "share": share,
                    subject.worth.quantity.curve: value,
                    "dense": before,
                }
                for rank, share, value in zip(ranks, shares.tolist(), values, strict=True)
            ]
            if name == "validation":
                rank = subject.worth.smallest_rank(
                    ranks, values, before, subject.validation.targets
                )
                near = projected(subject.model, subject.name, rank, initial=base)
                after = _each(subject, near, "test")
                cost = subject.worth.paired(dense["test"], after, subject.test.targets)
                chosen = {"layer": subject.name, "what": of, "chosen": of, "amount": rank}
                rows["choices"].append({**chosen, **cost})
    return rows


def _by_rank(subject: Subject, split: str, ranks: list[int], base: Tensor | None) -> list[float]:
    """Accuracies or losses, by rank."""
    return accuracy_by_rank(
        subject.model,
        subject.name,
        subject.splits[split],
        ranks,
        initial=base,
        objective=subject.worth.objective,
        structure=subject.structure,
    ).tolist()


def _each(subject: Subject, model: torch.nn.Module, split: str) -> Tensor:
    """What each example of a split is worth to a network."""
    part = subject.splits[split]
    return subject.worth.each(subject.network.outputs(part, model), part.targets)


def _bases(subject: Subject) -> list[tuple[str, Tensor | None]]:
    bases: list[tuple[str, Tensor | None]] = [("weights", None)]
    # A layer that was never trained has no update to project.
    if subject.initial is not None and not torch.equal(subject.initial, subject.weight):
        bases.append(("update", subject.initial))
    return bases
