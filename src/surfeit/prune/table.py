"""The removal curves of a layer, of all criteria and in both directions, as one table."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

import pyarrow as pa
import torch
from torch import Tensor, nn

from surfeit.core import Objective, Split, Streams, check_splits, cross_entropy, one_thread
from surfeit.models import Structure
from surfeit.prune.criteria import CRITERIA, Criterion, random
from surfeit.prune.curve import RemovalCurve, removal_curves
from surfeit.prune.orders import removal_order
from surfeit.prune.removal import Removal

SCHEMA = pa.schema(
    [
        ("layer", pa.string()),
        ("criterion", pa.string()),
        ("remove", pa.string()),
        ("repeat", pa.int64()),
        ("removed", pa.int64()),
        ("units", pa.int64()),
        ("split", pa.string()),
        ("accuracy", pa.float64()),
        ("loss", pa.float64()),
    ]
)


class _Order(NamedTuple):
    criterion: str
    remove: Literal["least", "most"] | None
    repeat: int


@one_thread()
def removal_table(
    model: nn.Module,
    layer: str,
    splits: Mapping[str, Split],
    *,
    streams: Streams,
    criteria: Mapping[str, Criterion] = CRITERIA,
    repeats: int = 5,
    objective: Objective = cross_entropy,
    keep_bias: bool = False,
    structure: Structure | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pa.Table:
    """What the network is worth after each number of removals, by each criterion both ways.

    One row for each point of each curve: `layer`, `criterion`, `remove` ("least" or "most" first;
    null for `random`, where it means nothing), `repeat` (0 but for `random`), `removed`, `units`
    (of the layer, or of the group that it goes together with), `split`, `accuracy` (fraction) or,
    where the objective knows no classes, `loss`; the other is null.

    >>> removal_table(run.model(), "fc1", {"test": dataset.test}, streams=Streams(0))

    Args:
        model: any network that `Structure` can follow.
        layer: dotted name of the layer whose units go.
        splits: what accuracy is measured on, by name.
        streams: random orders are drawn from its streams `("removal", layer, repeat)`.
        criteria: functions by the name they have in the table.
        repeats: number of random orders, at least 1.
        objective: what judges the outputs.
        keep_bias: as in `removal_curve`.
        structure: of the model, if it is at hand.
        progress: called with (curves done, curves in all), first with none done.

    Returns:
        a table of `SCHEMA`; a curve for each split, criterion, direction and repeat.

    Raises:
        ValueError: if there is no split or criterion, `repeats` is not positive, or as
            `removal_order` and `removal_curve` do.

    Source: Heitmann 2020, section 3.1, figure 2. Cost: an order for each criterion and direction, a
    curve for each order and split.
    """
    check_splits(splits)
    if not splits or not criteria:
        raise ValueError(
            "a removal table needs at least one split and one criterion, got splits "
            f"{list(splits)} and criteria {list(criteria)}"
        )
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, got {repeats}")
    if structure is None:
        structure = Structure.of(model, next(iter(splits.values())).inputs[:1])
    weight = Removal.of(structure, layer, outputs=True).matrix(model)
    plan = list(_plan(criteria, repeats))
    orders = [
        _order(weight, place, criteria, streams.get("removal", layer, place.repeat))
        for place in plan
    ]
    total = len(plan) * len(splits)
    rows: list[dict[str, Any]] = []
    if progress is not None:
        progress(0, total)
    for number, (name, split) in enumerate(splits.items()):
        curves = removal_curves(
            model,
            layer,
            orders,
            split,
            objective=objective,
            keep_bias=keep_bias,
            structure=structure,
            progress=_counting(progress, number * len(plan), len(plan), total),
        )
        for place, curve in zip(plan, curves, strict=True):
            rows.extend(_rows(place, layer, name, curve))
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def _order(
    weight: Tensor, place: _Order, criteria: Mapping[str, Criterion], generator: torch.Generator
) -> Tensor:
    return removal_order(weight, criteria[place.criterion], place.remove or "least", generator)


def _counting(
    progress: Callable[[int, int], None] | None, before: int, curves: int, total: int
) -> Callable[[float], None] | None:
    """Curves are measured together, chunk by chunk: a share of all of them is done."""
    if progress is None:
        return None
    return lambda share: progress(before + int(share * curves + 1e-9), total)


def _plan(criteria: Mapping[str, Criterion], repeats: int) -> Iterator[_Order]:
    for name, criterion in criteria.items():
        if criterion is random:  # either direction would be as random as the other
            for repeat in range(repeats):
                yield _Order(name, None, repeat)
        else:
            yield _Order(name, "least", 0)
            yield _Order(name, "most", 0)


def _rows(
    place: _Order, layer: str, split: str, curve: RemovalCurve
) -> Iterator[dict[str, str | int | float | None]]:
    points = curve.points.tolist()
    for removed, value in enumerate(points):
        yield {
            "layer": layer,
            "criterion": place.criterion,
            "remove": place.remove,
            "repeat": place.repeat,
            "removed": removed,
            "units": len(points) - 1,
            "split": split,
            "accuracy": None if curve.accuracy is None else value,
            "loss": value if curve.accuracy is None else None,
        }
