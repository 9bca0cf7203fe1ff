"""How many units of a layer can go: chosen on validation examples, bounded on test examples.

One answer for the report, `surfeit prune` and the viewer.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import torch
from torch import Tensor, nn

from surfeit.core import Objective, Split, cross_entropy
from surfeit.models import Structure
from surfeit.prune.certainty import Bounds, removal_bounds
from surfeit.prune.criteria import Criterion, usual_criteria
from surfeit.prune.curve import removal_curves
from surfeit.prune.orders import contributions, order_by
from surfeit.prune.removable import accepted_rise, removable, removable_by_loss
from surfeit.prune.removal import Removal
from surfeit.prune.tally import RemovalCurve


@dataclass(frozen=True, kw_only=True)
class CanGo:
    """How many units of a layer, or of its group, can go for what may be lost.

    Args:
        units: of the layer.
        criterion: in whose order they go, the least important first: the one whose estimate is
            largest, the first of equals.
        estimate: how many the curve of the validation examples lets go; it chose, and is worth no
            more than an estimate.
        bounds: what the test examples show of that criterion's order; None where they cannot.
        why_no_bounds: a sentence's end, or None.
        random: the estimates of random orders; empty where there are none.
    """

    units: int
    criterion: str
    estimate: int
    bounds: Bounds | None
    why_no_bounds: str | None
    random: tuple[int, ...] = ()


def units_that_can_go(
    validation: Mapping[str, RemovalCurve],
    test: Callable[[str], RemovalCurve],
    *,
    loss: float = 0.01,
    rise: float | None = None,
    confidence: float = 0.95,
) -> CanGo:
    """Chooses the criterion on the validation examples and bounds its order on the test examples.

    The bounds need no correction for the choice, which other examples made: see `removal_bounds`.

    Args:
        validation: the curve of each criterion, all units, the least important first.
        test: the curve of the criterion that is chosen, on the test examples.
        loss: what may be lost of accuracy, a fraction in [0, 1].
        rise: what the loss may rise by, where the curves are of losses: see `accepted_rise`.
        confidence: of both bounds together, in (0, 1).

    Returns:
        the answer. It has no bounds where accuracies are not known, where an example has several
        answers, which do not err independently, and where nothing at all may be lost.

    Raises:
        ValueError: if there is no criterion, curves differ in length, or as `removable`,
            `removable_by_loss` and `removal_bounds`.

    Cost: that of `removal_bounds`.
    """
    if not validation:
        raise ValueError("no criterion orders the units: give the curve of at least one")
    estimates = {
        name: estimated_removable(curve, loss=loss, rise=rise) for name, curve in validation.items()
    }
    criterion = max(estimates, key=lambda name: estimates[name])
    curve = test(criterion)
    points = {len(one.points) for one in (*validation.values(), curve)}
    if len(points) > 1:
        raise ValueError(
            "all curves must be of one layer's units, all of them, got curves of "
            f"{', '.join(str(number - 1) for number in sorted(points))} removals"
        )
    why = _why_no_bounds(curve, loss)
    bounds = None
    if curve.lost is not None and curve.gained is not None and why is None:
        bounds = removal_bounds(
            curve.lost,
            curve.gained,
            examples=curve.examples,
            loss=loss,
            confidence=confidence,
            certain=curve.certain,
        )
    return CanGo(
        units=len(curve.points) - 1,
        criterion=criterion,
        estimate=estimates[criterion],
        bounds=bounds,
        why_no_bounds=why,
    )


def can_go_of_table(
    table: pa.Table, *, loss: float = 0.01, rise: float | None = None, confidence: float = 0.95
) -> CanGo:
    """As `units_that_can_go`, from a table of `removal_table` with the two splits.

    >>> table = removal_table(model, "fc1", dataset.splits, streams=Streams(0))
    >>> can_go_of_table(table).bounds

    Args:
        table: of one layer, with "validation" and "test" among its splits and a criterion that is
            no random order among its criteria.
        loss, rise, confidence: as there.

    Raises:
        ValueError: as there, or if a split is missing.
    """
    curves = curves_of_table(table)
    splits = {split for split, *_ in curves}
    if not {"validation", "test"} <= splits:
        raise ValueError(
            f"validation examples choose and test examples judge, got curves of {sorted(splits)}"
        )
    chosen_from = {
        name: curve
        for (split, name, remove, _), curve in curves.items()
        if (split, remove) == ("validation", "least")
    }
    answer = units_that_can_go(
        chosen_from,
        lambda name: curves["test", name, "least", 0],
        loss=loss,
        rise=rise,
        confidence=confidence,
    )
    random = [
        estimated_removable(curve, loss=loss, rise=rise)
        for (split, _, remove, _), curve in curves.items()
        if (split, remove) == ("validation", None)
    ]
    return replace(answer, random=tuple(random))


def can_go_of_layer(
    model: nn.Module,
    layer: str,
    splits: Mapping[str, Split],
    *,
    objective: Objective = cross_entropy,
    loss: float = 0.01,
    confidence: float = 0.95,
    structure: Structure | None = None,
) -> CanGo:
    """As `units_that_can_go`, by the usual criteria, with no more curves than the answer needs.

    It is the answer of a table of the same layer and splits, without random orders.

    >>> can_go_of_layer(run.model(), "fc1", dataset.splits)

    Args:
        model: any network that `Structure` can follow.
        layer: dotted name of the layer, or of one of its group.
        splits: "validation" and "test" are taken.
        objective: what judges the outputs; without classes `loss` is of R², or a share of the loss:
            see `accepted_rise`.
        loss, confidence: as there.
        structure: of the model, if it is at hand.

    Raises:
        ValueError: as there and as `removal_curves`.

    Cost: a removal curve for each criterion on the validation split, and one on the test split.
    """
    validation, test = splits["validation"], splits["test"]
    known = Structure.of(model, validation.inputs[:1]) if structure is None else structure
    removal = Removal.of(known, layer, outputs=True)
    orders = {
        name: order_by(contributions(criterion, removal, model))
        for name, criterion in competing_criteria().items()
    }

    def curves(names: Sequence[str], split: Split) -> list[RemovalCurve]:
        wanted = [orders[name] for name in names]
        return removal_curves(model, layer, wanted, split, objective=objective, structure=known)

    chosen_from = dict(zip(orders, curves(list(orders), validation), strict=True))
    rise = None
    first = next(iter(chosen_from.values()))
    if first.accuracy is None:
        dense = float(first.points[0])
        rise = accepted_rise(dense, validation.targets, objective, loss=loss)
    return units_that_can_go(
        chosen_from,
        lambda name: curves([name], test)[0],
        loss=loss,
        rise=rise,
        confidence=confidence,
    )


def competing_criteria() -> dict[str, Criterion]:
    """The criteria of which `can_go_of_layer` chooses one: the usual ones that give one order."""
    return {name: one for name, one in usual_criteria().items() if not one.draws}


def estimated_removable(curve: RemovalCurve, *, loss: float, rise: float | None) -> int:
    """How many units a curve lets go, read off it: an estimate.

    Args:
        curve: of accuracies, or of losses.
        loss: what may be lost of accuracy.
        rise: what the loss may rise by; None of accuracies.

    Raises:
        ValueError: as `removable` and `removable_by_loss`.
    """
    if rise is None:
        return removable(curve, loss=loss)
    return removable_by_loss(curve, rise=rise)


def curves_of_table(table: pa.Table) -> dict[tuple[str, str, str | None, int], RemovalCurve]:
    """The curves of a `removal_table` by split, criterion, what goes first, and repeat.

    Of a table that was written before they were counted, lost and gained examples are unknown.
    """
    rows: dict[tuple[str, str, str | None, int], list[dict[str, Any]]] = {}
    for row in table.to_pylist():
        key = row["split"], row["criterion"], row["remove"], row["repeat"]
        rows.setdefault(key, []).append(row)
    return {key: _curve(sorted(found, key=_removed)) for key, found in rows.items()}


def _removed(row: Mapping[str, Any]) -> int:
    return row["removed"]


def _curve(rows: Sequence[Mapping[str, Any]]) -> RemovalCurve:
    return RemovalCurve(
        accuracy=_column(rows, "accuracy", torch.float64),
        loss=_column(rows, "loss", torch.float64),
        lost=_column(rows, "lost", torch.int64),
        gained=_column(rows, "gained", torch.int64),
        examples=rows[0].get("examples") or 0,
        certain=sum(bool(row.get("certain")) for row in rows[1:]),
    )


def _column(rows: Sequence[Mapping[str, Any]], name: str, dtype: torch.dtype) -> Tensor | None:
    if rows[0].get(name) is None:
        return None
    return torch.tensor([row[name] for row in rows], dtype=dtype)


def _why_no_bounds(curve: RemovalCurve, loss: float) -> str | None:
    if curve.accuracy is None:
        return "bounds are given of accuracies alone"
    if curve.lost is None:
        return "bounds need examples of one answer each"
    if loss == 0:
        return "no number of examples could show that nothing at all is lost"
    if loss == 1:
        return "there is nothing to show where all may be lost"
    return None
