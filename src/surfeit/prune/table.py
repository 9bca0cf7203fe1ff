"""The removal curves of a layer, of all criteria and in both directions, as one table."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import pyarrow as pa
import torch
from torch import nn

from surfeit.core import Objective, Split, Streams, check_splits, cross_entropy, one_thread
from surfeit.models import Structure
from surfeit.prune.criteria import CRITERIA, Criterion, OfWeights, usual_criteria
from surfeit.prune.curve import removal_curves
from surfeit.prune.evidence import Evidence
from surfeit.prune.orders import Remove, contributions, order_by
from surfeit.prune.removal import Removal
from surfeit.prune.tally import RemovalCurve

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
        ("examples", pa.int64()),
        ("lost", pa.int64()),
        ("gained", pa.int64()),
        ("certain", pa.bool_()),
        ("scores_on", pa.string()),
        ("scored_examples", pa.int64()),
    ]
)


class _Order(NamedTuple):
    criterion: Criterion
    name: str
    remove: Remove | None
    repeat: int


@one_thread()
def removal_table(
    model: nn.Module,
    layer: str,
    splits: Mapping[str, Split],
    *,
    streams: Streams,
    criteria: Mapping[str, Criterion | OfWeights] | None = None,
    scores_on: tuple[str, Split] | None = None,
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
    where the objective knows no classes, `loss`; the other is null. `examples` (of the split);
    `lost` and `gained` (how many of them, against the whole network; null without classes, or where
    an example has several answers) and `certain` (whether these removals change no answer whatever
    the example) are what `removal_bounds` asks for. `scores_on` and
    `scored_examples` say what a criterion that looks at examples has looked at, and at how many;
    null for those of weights alone.

    >>> removal_table(run.model(), "fc1", {"test": dataset.test}, streams=Streams(0))

    Args:
        model: any network that `Structure` can follow.
        layer: dotted name of the layer whose units go.
        splits: what accuracy is measured on, by name.
        streams: random orders are drawn from its streams `("removal", layer, repeat)`.
        criteria: of `CRITERIA`, or functions of a weight matrix and a generator, by the name they
            have in the table; those of `usual_criteria` if None.
        scores_on: the name and the examples that criteria such as `taylor_unit` look at, e.g.
            `("train", dataset.train)`; never the test examples, which only judge.
        repeats: number of random orders, at least 1.
        objective: what judges the outputs, and whose loss criteria look at.
        keep_bias: as in `removal_curve`.
        structure: of the model, if it is at hand.
        progress: called with (curves done, curves in all), first with none done.

    Returns:
        a table of `SCHEMA`; a curve for each split, criterion, direction and repeat.

    Raises:
        ValueError: if there is no split or criterion, `repeats` is not positive, a criterion looks
            at examples and there are none or the test's, or as `contributions` and `removal_curve`.

    Source: Heitmann 2020, section 3.1, figure 2. Cost: each criterion's, an order for each
    criterion and direction, a curve for each order and split.
    """
    named = usual_criteria() if criteria is None else criteria
    wanted = {name: _criterion(name, given) for name, given in named.items()}
    _check(splits, wanted, scores_on, repeats)
    if structure is None:
        structure = Structure.of(model, next(iter(splits.values())).inputs[:1])
    removal = Removal.of(structure, layer, outputs=True)
    evidence = None
    if scores_on is not None and any(one.needs_examples for one in wanted.values()):
        evidence = Evidence(model, split=scores_on[1], objective=objective, structure=structure)
    plan = list(_plan(wanted, repeats))
    values = {
        key: contributions(
            wanted[key[0]],
            removal,
            model,
            evidence=evidence,
            generator=streams.get("removal", layer, key[1]),
        )
        for key in dict.fromkeys((place.name, place.repeat) for place in plan)
    }
    orders = [order_by(values[place.name, place.repeat], place.remove or "least") for place in plan]
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
            origin = _origin(scores_on) if place.criterion.needs_examples else _origin(None)
            about = {"layer": layer, "split": name, "examples": len(split)} | origin
            rows.extend(about | row for row in _rows(place, curve))
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def scoring_examples(name: str, split: Split, most: int, *, streams: Streams) -> tuple[str, Split]:
    """What criteria look at, for `scores_on`: at most so many of a split's examples.

    Drawn without replacement and in random order, since criteria such as `taylor_unit` take them
    minibatch by minibatch.

    Args:
        name: of the split.
        split: the examples, e.g. `dataset.train`.
        most: at least 1.
        streams: its stream `("removal", "examples")` draws.

    Raises:
        ValueError: if `most` is below 1.
    """
    if most < 1:
        raise ValueError(f"criteria need at least 1 example to look at, got {most}")
    order = torch.randperm(len(split), generator=streams.get("removal", "examples"))
    return name, split[order[:most].to(split.targets.device)]


def _criterion(name: str, given: Criterion | OfWeights) -> Criterion:
    if isinstance(given, Criterion):
        return given
    own = next((one for one in CRITERIA.values() if one.of_weights is given), None)
    return own or Criterion(name="own", says=name, first=name, of_weights=given)


def _check(
    splits: Mapping[str, Split],
    criteria: Mapping[str, Criterion],
    scores_on: tuple[str, Split] | None,
    repeats: int,
) -> None:
    check_splits(splits)
    if not splits or not criteria:
        raise ValueError(
            "a removal table needs at least one split and one criterion, got splits "
            f"{list(splits)} and criteria {list(criteria)}"
        )
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, got {repeats}")
    looking = [name for name, criterion in criteria.items() if criterion.needs_examples]
    if looking and scores_on is None:
        raise ValueError(
            f"{', '.join(looking)} looks at examples: pass scores_on=('train', dataset.train)"
        )
    if scores_on is not None and (scores_on[0] == "test" or scores_on[1] is splits.get("test")):
        raise ValueError(
            "test examples only judge what was chosen without them: pass "
            "scores_on=('train', dataset.train), or the validation examples"
        )


def _origin(scores_on: tuple[str, Split] | None) -> dict[str, str | int | None]:
    name, count = (None, None) if scores_on is None else (scores_on[0], len(scores_on[1]))
    return {"scores_on": name, "scored_examples": count}


def _counting(
    progress: Callable[[int, int], None] | None, before: int, curves: int, total: int
) -> Callable[[float], None] | None:
    """Curves are measured together, chunk by chunk: a share of all of them is done."""
    if progress is None:
        return None
    return lambda share: progress(before + int(share * curves + 1e-9), total)


def _plan(criteria: Mapping[str, Criterion], repeats: int) -> Iterator[_Order]:
    for name, criterion in criteria.items():
        if criterion.draws:  # either direction would be as random as the other
            for repeat in range(repeats):
                yield _Order(criterion, name, None, repeat)
        else:
            yield _Order(criterion, name, "least", 0)
            yield _Order(criterion, name, "most", 0)


def _rows(place: _Order, curve: RemovalCurve) -> Iterator[dict[str, str | int | float | None]]:
    points = curve.points.tolist()
    nothing: list[int | None] = [None] * len(points)
    lost = nothing if curve.lost is None else curve.lost.tolist()
    gained = nothing if curve.gained is None else curve.gained.tolist()
    for removed, value in enumerate(points):
        yield {
            "criterion": place.name,
            "remove": place.remove,
            "repeat": place.repeat,
            "removed": removed,
            "units": len(points) - 1,
            "accuracy": None if curve.accuracy is None else value,
            "loss": value if curve.accuracy is None else None,
            "lost": lost[removed],
            "gained": gained[removed],
            "certain": removed <= curve.certain,
        }
