"""What if these units go: the answer for a selection, in figures and in words."""

import re
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from surfeit.core import Split
from surfeit.prune import Removal, RemovalTrial, removal_trial
from surfeit.prune.trial import DRAWS
from surfeit.tables import counted_interval
from surfeit.viewer.frames.operations import removal_operations
from surfeit.viewer.frames.removal import Measuring

_LEAST_DRAWS, _LEAST_EXAMPLES = 19, 64
# Operations that a trial may take: some twenty seconds of one core.
_OPERATIONS = 2e11
_MOST_LISTED = 200_000
_PART = re.compile(r"([0-9]{1,7})(?:-([0-9]{1,7}))?")
_SPACE = "\N{NO-BREAK SPACE}"


def units_in(text: str) -> Tensor:
    """The units that an address names, such as "3,17-20": int64, ascending, each once.

    Raises:
        ValueError: if it is no such list.
    """
    units: set[int] = set()
    for part in text.split(","):
        found = _PART.fullmatch(part)
        if found is None:
            raise ValueError(f"units must be a list such as 3,17-20, got {text[:80]!r}")
        first, last = int(found[1]), int(found[2] or found[1])
        if last < first or last - first + len(units) >= _MOST_LISTED:
            raise ValueError(f"units must be a list such as 3,17-20, got {text[:80]!r}")
        units.update(range(first, last + 1))
    return torch.tensor(sorted(units), dtype=torch.int64)


def trial_answer(measuring: Measuring, layer: str, units: Tensor) -> dict[str, Any]:
    """What a layer's network is worth without some units, beside as many drawn at random.

    Args:
        measuring: the network, followed, with the validation examples that it is measured on.
        layer: dotted name.
        units: int64, of the layer.

    Returns:
        JSON values: `removed`, `units`, `examples`, `measure` ("accuracy" or the objective's name),
        `whole` and `without`; `interval`, of the change, two numbers of 95 % confidence, or null
        where an example has no one answer; `random`, null where all units go, else `draws`,
        `least`, `mean`, `most` and `as_good`; `words`, sentences that say it.

    Raises:
        ValueError: as `removal_trial`.

    Cost: that of `removal_trial`, with fewer examples and draws where the network is large: no more
    than about twenty seconds of one core.
    """
    assert measuring.examples is not None, "a trial needs examples"
    examples, draws = _affordable(measuring, layer, measuring.examples)
    trial = removal_trial(
        measuring.network.model,
        layer,
        units,
        examples,
        objective=measuring.objective,
        draws=draws,
        dtype=torch.float32,  # as the curves of the same page
        structure=measuring.network.structure,
    )
    known = trial.chosen.accuracy is not None
    answer: dict[str, Any] = {
        "removed": trial.removed,
        "units": trial.units,
        "examples": len(examples),
        "measure": "accuracy" if known else measuring.objective.name,
        "whole": float(trial.chosen.points[0]),
        "without": float(trial.chosen.points[1]),
        "interval": _interval(trial),
        "random": _random(trial),
    }
    noun = "images" if examples.holds_images else "examples"
    return answer | {"words": list(_sentences(answer, noun))}


def _affordable(measuring: Measuring, layer: str, examples: Split) -> tuple[Split, int]:
    """As many examples, and then draws, as the time allows."""
    network = measuring.network
    removal = Removal.of(network.structure, layer, outputs=True)
    one = removal_operations(network, removal, examples, together=removal.units)
    most = int(_OPERATIONS / (max(one, 1.0) * (DRAWS + 1)))
    if most >= _LEAST_EXAMPLES:
        return examples[: min(len(examples), most)], DRAWS
    return examples[:_LEAST_EXAMPLES], _LEAST_DRAWS


def _interval(trial: RemovalTrial) -> list[float] | None:
    chosen = trial.chosen
    if chosen.lost is None or chosen.gained is None:
        return None
    found = counted_interval(int(chosen.lost[1]), int(chosen.gained[1]), chosen.examples)
    return [found.lower, found.upper]


def _random(trial: RemovalTrial) -> dict[str, Any] | None:
    values = trial.random_values
    if not values:
        return None
    return {
        "draws": len(values),
        "least": values[0],
        "mean": sum(values) / len(values),
        "most": values[-1],
        "as_good": trial.as_good,
    }


def _sentences(answer: dict[str, Any], noun: str) -> Iterator[str]:
    """What was measured, then what chance makes of it."""
    removed, units = answer["removed"], answer["units"]
    known = answer["measure"] == "accuracy"
    which = (
        f"all {units:,} units"
        if removed == units
        else f"{'this unit' if removed == 1 else f'these {removed:,} units'}"
    )
    of = f"{answer['examples']:,} validation {noun}"
    if known:
        share = _percent(answer["without"])
        right = f"{share} of {of} are answered rightly"
        if answer["interval"] is None:
            right = f"{share} of the answers to {of} are right"
        yield f"Without {which} {right}, {_percent(answer['whole'])} with all: {_change(answer)}."
    else:
        yield (
            f"Without {which} the loss ({answer['measure']}) on {of} is "
            f"{answer['without']:.4g}, with all {answer['whole']:.4g}."
        )
    random = answer["random"]
    if random is None:
        return
    say = _percent if known else (lambda value: f"{value:.4g}")
    others = "another unit" if removed == 1 else "as many units"
    yield (
        f"Without {others} drawn at random it is {say(random['mean'])} on average, "
        f"{say(random['least'])} to {say(random['most'])} in {random['draws']} draws, of which "
        f"{random['as_good']} do as well or better."
    )


def _change(answer: dict[str, Any]) -> str:
    change = 100 * (answer["without"] - answer["whole"])
    words = f"{change:+.1f}{_SPACE}points".replace("-", "−")
    if answer["interval"] is None:
        return words
    lower, upper = (f"{100 * end:.1f}".replace("-", "−") for end in answer["interval"])
    return f"{words} (95{_SPACE}% confidence: {lower} to {upper})"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f}{_SPACE}%"
