"""How many units of a layer can go: every criterion, both directions, and random orders."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import pyarrow as pa
import torch
from torch import Tensor

from surfeit.core import EXAMPLES_AT_ONCE, Split, Streams
from surfeit.prune import (
    CanGo,
    Evidence,
    Removal,
    can_go_of_table,
    contributions,
    criterion_named,
    curves_of_table,
    estimated_removable,
    order_by,
    outputs_without,
    removal_table,
    scoring_examples,
    usual_criteria,
)
from surfeit.report import words
from surfeit.report.config import ReportConfig
from surfeit.report.subject import Subject
from surfeit.report.topics.topic import Rows
from surfeit.report.worth import Worth
from surfeit.tables.tables import column, where

ACCEPTED = (0.005, 0.01, 0.02, 0.05, 0.1)
"""What may be lost, to choose from on the page, beside what the report is about."""
_SCORED = 1000  # train examples that criteria look at, where one looks at any


def measure_removals(subject: Subject, config: ReportConfig) -> Rows:
    """Rows of the tables of removals and of "choices" for one layer, or for its group.

    The criterion that lets most units go, the first of equals, is chosen on the validation split
    by removing the least contributing first, and with it an estimate; the test split then bounds
    how many can go, and says what as many as the estimate cost.

    Raises:
        ValueError: if units of the layer cannot be removed, or outputs cannot be judged.
    """
    if subject.obstacle is not None:
        raise ValueError(subject.obstacle)
    scores_on = _scores_on(subject, config)
    curves = removal_table(
        subject.model,
        subject.name,
        subject.splits,
        streams=Streams(config.seed),
        scores_on=scores_on,
        repeats=config.repeats,
        objective=subject.worth.objective,
        structure=subject.structure,
    )
    rise = _rise(curves, subject)
    answer = can_go_of_table(curves, loss=subject.worth.loss, rise=rise)
    whole = _order(subject, answer.criterion, scores_on)
    order = whole[: answer.estimate]
    chosen = {"what": "removal", "chosen": answer.criterion, "amount": answer.estimate}
    before, after = (_each(subject, units, subject.test) for units in (order[:0], order))
    cost = subject.worth.paired(before, after, subject.test.targets)
    return {
        "removal": curves.to_pylist(),
        "removable": list(_counts(curves, subject.worth.loss, rise)),
        "can_go": [{"layer": subject.name, **_answer_row(answer)}],
        "accepted": list(_accepted(curves, subject)),
        "orders": list(_places(subject.name, answer.criterion, whole)),
        "choices": [{"layer": subject.name, **chosen, **cost}],
        "notes": _remarks(subject),
    }


def _rise(curves: pa.Table, subject: Subject) -> float | None:
    """How much the loss may rise on the validation examples; None of accuracies."""
    if subject.worth.quantity.curve == "accuracy":
        return None
    dense = column(where(curves, split="validation", removed=0), "loss")[0]
    return subject.worth.rise(float(dense), subject.validation.targets)


def accepted_losses(worth: Worth) -> list[float]:
    """What may be lost, ascending: what the report is about among the others."""
    return sorted({*ACCEPTED, worth.loss})


def _accepted(curves: pa.Table, subject: Subject) -> Iterator[dict[str, Any]]:
    """The answer for each loss that may be accepted; each one's confidence is its own."""
    for loss in accepted_losses(subject.worth):
        rise = _rise(curves, replace(subject, network=subject.network.accepting(loss)))
        answer = can_go_of_table(curves, loss=loss, rise=rise)
        yield {"layer": subject.name, **_answer_row(answer), "loss": loss}


def _answer_row(answer: CanGo) -> dict[str, Any]:
    """The answer as a row of the table "can_go"."""
    bounds = {} if answer.bounds is None else asdict(answer.bounds)
    return {
        "criterion": answer.criterion,
        "units": answer.units,
        "estimate": answer.estimate,
        "why_no_bounds": answer.why_no_bounds,
        **bounds,
    }


def _scores_on(subject: Subject, config: ReportConfig) -> tuple[str, Split] | None:
    """The train examples that criteria look at; None where all look at weights alone."""
    if not any(criterion.needs_examples for criterion in usual_criteria().values()):
        return None
    train = subject.network.dataset.train
    return scoring_examples("train", train, _SCORED, streams=Streams(config.seed))


def _order(subject: Subject, name: str, scores_on: tuple[str, Split] | None) -> Tensor:
    """The units in the order of a criterion of the table, the least contributing first."""
    evidence = None
    if scores_on is not None:
        evidence = Evidence(
            subject.model,
            split=scores_on[1],
            objective=subject.worth.objective,
            structure=subject.structure,
        )
    removal = Removal.of(subject.structure, subject.name)
    criterion = criterion_named(name)
    return order_by(contributions(criterion, removal, subject.model, evidence=evidence))


def _places(layer: str, criterion: str, order: Tensor) -> Iterator[dict[str, Any]]:
    for place, unit in enumerate(order.tolist(), start=1):
        yield {"layer": layer, "criterion": criterion, "place": place, "unit": unit}


def _counts(curves: pa.Table, loss: float, rise: float | None) -> Iterator[dict[str, Any]]:
    """How many units each curve of the validation examples lets go: estimates."""
    layer = curves["layer"][0].as_py()
    for (split, name, remove, repeat), curve in curves_of_table(curves).items():
        if split == "validation":
            kind = {"layer": layer, "criterion": name, "remove": remove, "repeat": repeat}
            yield {**kind, "removable": estimated_removable(curve, loss=loss, rise=rise)}


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


def _remarks(subject: Subject) -> list[dict[str, Any]]:
    """What has to be known to read a layer's removals right."""
    texts = []
    if subject.together:
        names = words.listed([words.layer_name(name) for name in subject.together])
        texts.append(
            f"These are units of {names} together: their outputs meet unit by unit, as in a "
            "residual stream, so that a unit can only go in all of them."
        )
    if subject.normalisations:
        names = words.listed([words.layer_name(name) for name in subject.normalisations])
        texts.append(
            f"The units are read by a normalisation over all of them ({names}). A removed unit is "
            "zero at its input and still counts there; cutting it out would normalise over fewer "
            "numbers, which is another network with other results."
        )
    return [{"topic": "removal", "layer": subject.name, "text": text} for text in texts]
