"""The removal curves of a layer, of all criteria and in both directions, as one table."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

import pyarrow as pa
from torch import Tensor, nn

from surfeit.core import Split, Streams
from surfeit.core import layer as layer_of
from surfeit.prune.criteria import CRITERIA, Criterion, random
from surfeit.prune.curve import removal_curve
from surfeit.prune.orders import removal_order

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
    ]
)


class _Order(NamedTuple):
    criterion: str
    remove: Literal["least", "most"] | None
    repeat: int


def removal_table(
    model: nn.Module,
    layer: str,
    splits: Mapping[str, Split],
    *,
    streams: Streams,
    criteria: Mapping[str, Criterion] = CRITERIA,
    repeats: int = 5,
    keep_bias: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> pa.Table:
    """Accuracy on each split after each number of removals, by every criterion in both directions.

    One row for each point of each curve: `layer`, `criterion`, `remove` ("least" or "most" first;
    null for `random`, where it means nothing), `repeat` (0 but for `random`), `removed`, `units`
    (of the layer), `split`, `accuracy` (fraction).

    >>> removal_table(run.model(), "fc1", {"test": dataset.test}, streams=Streams(0))

    Args:
        model: a chain, as `removal_curve` needs it.
        layer: dotted name of the layer whose units go.
        splits: what accuracy is measured on, by name.
        streams: random orders are drawn from its streams `("removal", layer, repeat)`.
        criteria: functions by the name they have in the table.
        repeats: number of random orders, at least 1.
        keep_bias: as in `removal_curve`.
        progress: called with (curves done, curves in all), first with none done.

    Returns:
        a table of `SCHEMA`; a curve for each split, criterion, direction and repeat.

    Raises:
        ValueError: if there is no split or criterion, `repeats` is not positive, or as
            `removal_order` and `removal_curve` do.

    Source: Heitmann 2020, section 3.1, figure 2. Cost: an order for each criterion and direction, a
    curve for each order and split.
    """
    if not splits or not criteria:
        raise ValueError(
            "a removal table needs at least one split and one criterion, got splits "
            f"{list(splits)} and criteria {list(criteria)}"
        )
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, got {repeats}")
    weight = layer_of(model, layer).weight
    plan = list(_plan(criteria, repeats))
    total = len(plan) * len(splits)
    rows: list[dict[str, Any]] = []
    done = 0
    if progress is not None:
        progress(done, total)
    for place in plan:
        generator = streams.get("removal", layer, place.repeat)
        order = removal_order(weight, criteria[place.criterion], place.remove or "least", generator)
        for split_name, split in splits.items():
            accuracies = removal_curve(model, layer, order, split, keep_bias=keep_bias)
            rows.extend(_rows(place, layer, split_name, accuracies))
            done += 1
            if progress is not None:
                progress(done, total)
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def _plan(criteria: Mapping[str, Criterion], repeats: int) -> Iterator[_Order]:
    for name, criterion in criteria.items():
        if criterion is random:  # either direction would be as random as the other
            for repeat in range(repeats):
                yield _Order(name, None, repeat)
        else:
            yield _Order(name, "least", 0)
            yield _Order(name, "most", 0)


def _rows(
    place: _Order, layer: str, split: str, accuracies: Tensor
) -> Iterator[dict[str, str | int | float | None]]:
    points = accuracies.tolist()
    for removed, accuracy in enumerate(points):
        yield {
            "layer": layer,
            "criterion": place.criterion,
            "remove": place.remove,
            "repeat": place.repeat,
            "removed": removed,
            "units": len(points) - 1,
            "split": split,
            "accuracy": accuracy,
        }
