"""Units of all measured layers removed together: how many can go, and what is left then."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch

from surfeit.core import EXAMPLES_AT_ONCE, Split, Streams, one_thread
from surfeit.prune import CanGo, Gone, Removal, RemovalCurve, WithoutTogether, units_that_can_go
from surfeit.prune.tally import Tally
from surfeit.report.config import ReportConfig
from surfeit.report.joint.costs import costs_without, whole_costs
from surfeit.report.joint.path import Path, path_of
from surfeit.report.network import Network
from surfeit.report.subject import FEWEST_IMAGES, Subject
from surfeit.report.topics.removal.measuring import accepted_losses
from surfeit.report.work import multiplications
from surfeit.report.worth import Worth

Rows = dict[str, list[dict[str, Any]]]
ALONE = "units of one layer alone were removed"


def measure_joint(
    network: Network, subjects: Sequence[Subject], rows: Rows, config: ReportConfig
) -> Rows:
    """Rows of the tables of joint removal, from what was measured of single layers.

    Units go along one path through all layers whose units were removed, each in the order of its
    chosen criterion; the validation examples give an estimate of how far, the test examples bound
    it. Where it would take too long it is left out, and the reason stands in "joint_answer".

    Args:
        network: that the layers are of.
        subjects: the layers, as they were measured.
        rows: of "can_go" and "orders", where units were removed.
        config: what may be lost, the repeats, the work that it may take and the seed.

    Cost: up to 32 passes of all that reads the units, on the validation and the test split.
    """
    found: Rows = {"costs": [{"of": "whole", "step": 0, **asdict(whole_costs(network))}]}
    answers = {row["layer"]: row for row in rows.get("can_go", [])}
    orders: dict[str, list[int]] = {}
    for row in rows.get("orders", []):
        orders.setdefault(row["layer"], []).append(row["unit"])
    taken = [subject for subject in subjects if subject.name in answers]
    if not taken:
        return found
    removals = {subject.name: Removal.of(network.structure, subject.name) for subject in taken}
    path = path_of(
        removals,
        {name: torch.tensor(orders[name]) for name in removals},
        {name: answers[name]["estimate"] for name in removals},
    )
    if len(taken) == 1:
        (own,) = answers.values()
        counts = {of: own[of] for of in ("lower", "estimate") if own.get(of) is not None}
        found["costs"] += _costs_alone(network, path, counts)
        return found | {"joint_answer": [_left_out(ALONE)]}
    if path.steps == 0:
        return found | {"joint_answer": [_left_out("no layer lets a unit go by its estimate")]}
    without = WithoutTogether(network.model, removals, network.structure)
    splits = _splits(network, taken, path, without, config)
    if splits is None:
        text = f"on {FEWEST_IMAGES} {network.noun} it would take too long"
        return found | {"joint_answer": [_left_out(text)]}
    try:
        measured = _measured(network, path, without, splits, config)
    except ValueError as error:  # as where outputs are no longer finite
        return found | {"joint_answer": [_left_out(str(error))]}
    for name, more in measured.items():
        found[name] = [*found.get(name, []), *more]
    return found


def _left_out(reason: str) -> dict[str, Any]:
    return {"left_out": reason}


def _splits(
    network: Network,
    subjects: Sequence[Subject],
    path: Path,
    without: WithoutTogether,
    config: ReportConfig,
) -> dict[str, Split] | None:
    """The examples to measure on: the fewest that a layer was measured on, or fewer for time."""
    used = multiplications(network.model, network.structure, network.example)
    again = sum(used.get(place, 0) for place in without.first | without.behind)
    once = sum(used.values()) + again * (path.steps + config.repeats)
    most = config.work / 2 / max(once, 1) if config.layers is None else float("inf")
    streams, found = Streams(config.seed), {}
    for name in ("validation", "test"):
        split = min((subject.splits[name] for subject in subjects), key=len)
        if most < min(FEWEST_IMAGES, len(split)):
            return None
        found[name] = split.some(most, streams.get("report", "joint", name))
    return found


@one_thread()
def _measured(
    network: Network,
    path: Path,
    without: WithoutTogether,
    splits: Mapping[str, Split],
    config: ReportConfig,
) -> Rows:
    steps = [path.gone(step) for step in range(path.steps + 1)]
    curves = {name: _curve(network, without, split, steps) for name, split in splits.items()}
    answer = _answer(network.worth, curves, splits)
    found: Rows = {
        "joint_path": [
            {"step": step, "layer": name, "removed": counts[step]}
            for name, counts in path.counts.items()
            for step in range(path.steps + 1)
        ],
        "joint": [
            row
            for name, curve in curves.items()
            for row in _rows(curve, path, name, "path", range(path.steps + 1))
        ],
        "joint_answer": [
            {
                "steps": path.steps,
                "test_variance": network.worth.variance(splits["test"].targets),
                **_answer_row(answer),
            }
        ],
        "accepted": list(_accepted(network, path, curves, splits)),
        "costs": list(_costs(network, path, answer)),
        "choices": [_choice(network, path, without, splits["test"], answer.estimate)],
    }
    shown = shown_step(answer)
    streams = Streams(config.seed)
    for repeat in range(config.repeats):
        drawn = {
            name: torch.randperm(
                len(order), generator=streams.get("report", "joint", "random", name, repeat)
            )
            for name, order in path.orders.items()
        }
        choices = [path.drawn(0, drawn), path.drawn(shown, drawn)]
        curve = _curve(network, without, splits["test"], choices)
        (_, row) = _rows(curve, path, "test", "random", (0, shown))
        found["joint"].append(row | {"repeat": repeat})
    return found


def shown_step(answer: CanGo) -> int:
    """The step that is compared with random: the bound, or where nothing was shown the estimate."""
    lower = 0 if answer.bounds is None else answer.bounds.lower
    return lower or answer.estimate


def _curve(
    network: Network, without: WithoutTogether, split: Split, choices: Sequence[Gone]
) -> RemovalCurve:
    """What the network is worth without each of several choices of units, the first of none."""
    tally = Tally(network.worth.objective, len(choices), losses=False)
    for part in _parts(split):
        tally.add(without.outputs(part.inputs, list(reversed(choices))), part.targets)
    return tally.curve(torch.device("cpu"), certain=0)


def _parts(split: Split) -> Iterator[Split]:
    for start in range(0, len(split), EXAMPLES_AT_ONCE):
        yield split[start : start + EXAMPLES_AT_ONCE]


def _answer(worth: Worth, curves: Mapping[str, RemovalCurve], splits: Mapping[str, Split]) -> CanGo:
    """How many steps can go; the path is the same whatever is accepted."""
    rise = None
    if curves["validation"].accuracy is None:
        dense = float(curves["validation"].points[0])
        rise = worth.rise(dense, splits["validation"].targets)
    return units_that_can_go(
        {"path": curves["validation"]}, lambda _: curves["test"], loss=worth.loss, rise=rise
    )


def _accepted(
    network: Network,
    path: Path,
    curves: Mapping[str, RemovalCurve],
    splits: Mapping[str, Split],
) -> Iterator[dict[str, Any]]:
    """The answer for each loss that may be accepted, in units of all layers."""
    units = sum(len(order) for order in path.orders.values())
    for loss in accepted_losses(network.worth):
        answer = _answer(network.accepting(loss).worth, curves, splits)
        row = {"layer": None, "criterion": None, **_answer_row(answer), "units": units}
        row |= {"loss": loss, "estimate": path.removed(answer.estimate)}
        if answer.bounds is not None:
            upper = answer.bounds.upper
            row["lower"] = path.removed(answer.bounds.lower)
            # Of counts between two steps nothing is known.
            row["upper"] = units if upper == path.steps else path.removed(upper + 1) - 1
        yield row


def _answer_row(answer: CanGo) -> dict[str, Any]:
    bounds = {} if answer.bounds is None else asdict(answer.bounds)
    return {"estimate": answer.estimate, "why_no_bounds": answer.why_no_bounds, **bounds}


def _rows(
    curve: RemovalCurve, path: Path, split: str, order: str, steps: Sequence[int]
) -> Iterator[dict[str, Any]]:
    column = "loss" if curve.accuracy is None else "accuracy"
    for place, step in enumerate(steps):
        counted = {
            name: None if values is None else int(values[place])
            for name, values in (("lost", curve.lost), ("gained", curve.gained))
        }
        yield {
            "split": split,
            "order": order,
            "step": step,
            "removed": path.removed(step),
            column: float(curve.points[place]),
            "examples": curve.examples,
            **counted,
        }


def _choice(
    network: Network, path: Path, without: WithoutTogether, split: Split, estimate: int
) -> dict[str, Any]:
    """What the step that the validation examples chose costs on the test examples, paired."""
    worth, each = network.worth, ([], [])
    for part in _parts(split):
        outputs = without.outputs(part.inputs, [path.gone(0), path.gone(estimate)])
        for values, answer in zip(each, outputs, strict=True):
            values.append(worth.each(answer, part.targets))
    before, after = (torch.cat(values) for values in each)
    about = {"layer": None, "what": "joint", "chosen": "path", "amount": estimate}
    return {**about, **worth.paired(before, after, split.targets)}


def _costs(network: Network, path: Path, answer: CanGo) -> Iterator[dict[str, Any]]:
    """What is left at the bound and at the estimate."""
    steps = {"estimate": answer.estimate}
    if answer.bounds is not None:
        steps["lower"] = answer.bounds.lower
    for of, step in steps.items():
        yield {"of": of, "step": step, **_costs_of(network, path, path.gone(step))}


def _costs_alone(
    network: Network, path: Path, counts: Mapping[str, int]
) -> Iterator[dict[str, Any]]:
    """As `_costs`, of a single layer, whose units are the steps."""
    ((name, order),) = path.orders.items()
    for of, count in counts.items():
        gone = torch.zeros(len(order), dtype=torch.bool)
        gone[order[:count]] = True
        yield {"of": of, "step": count, **_costs_of(network, path, {name: gone})}


def _costs_of(network: Network, path: Path, gone: Gone) -> dict[str, Any]:
    try:
        return asdict(costs_without(network, path.removals, gone))
    except ValueError as error:
        return {"unknown": str(error)}
