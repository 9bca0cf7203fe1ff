"""Which hidden units die, and which learn in the fewest steps?

Source: Goodfellow, Bengio and Courville 2016, section 6.3. Networks and rates are our choice; each
kind of unit has the rate that suits it, tuned on seeds of their own.
Cost: quick 4 s, laptop 3 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from surfeit.core import check_positive, check_size
from surfeit.lab import POOL_DATA, Claim, Lab, Verdict, all_of, exceeds, faster, not_worse
from surfeit.store import Run
from surfeit.studies._deep_descent import watched
from surfeit.studies._fitting import examples
from surfeit.studies._hidden_units import dead_units, steps_to
from surfeit.tables.figures.lines import STROKES
from surfeit.tables.figures.style import (
    BLUE,
    GREY,
    VERMILLION,
    panels,
    percent_axis,
    plain_axis,
    style,
    ticks_at,
)
from surfeit.train import Job, Recipe, Snapshots

_SOURCE = "Goodfellow et al. 2016, section 6.3"
CLAIMS = (
    Claim(
        id="G11a",
        says="ReLU units die: at a large rate more of them end the same for all images than before "
        "the training, and than at the rate that suits.",
        source=_SOURCE,
    ),
    Claim(
        id="G11b",
        says="At the same large rate fewer leaky, parametric and absolute ReLU and maxout units "
        "die than ReLU units.",
        source=_SOURCE,
    ),
    Claim(
        id="G11c",
        says="Each at its own rate, networks of sigmoid and of radial basis units take more steps "
        "to a given validation loss than those of ReLU.",
        source=_SOURCE,
    ),
    Claim(
        id="G11d",
        says="Each at its own rate, networks of leaky, parametric and absolute ReLU and of maxout "
        "units take at most a quarter more steps to that loss than those of ReLU.",
        source=_SOURCE,
    ),
)
_JUDGED: dict[str, Any] = {"comparisons": len(CLAIMS)}
RELU = "relu"
ALIVE = ("leaky-relu", "prelu", "absolute", "maxout")
SMOOTH = ("sigmoid", "radial")
KINDS = (RELU, *ALIVE, *SMOOTH)
_WORDS = {
    "relu": "ReLU",
    "leaky-relu": "leaky ReLU",
    "prelu": "parametric ReLU",
    "absolute": "absolute value",
    "radial": "radial basis",
}


@dataclass(frozen=True, kw_only=True)
class Config:
    """Networks of two hidden layers of one kind of unit; a seed draws images and weights.

    A maxout unit has two linear pieces, and so twice the weights. Rates are tuned on seeds that
    nothing else is judged by: the one with the fewest steps to the loss, in the mean.
    """

    data: str = "mnist"
    images: int = 50_000
    widths: tuple[int, ...] = (256, 256)
    kinds: tuple[str, ...] = KINDS
    recipe: Recipe = Recipe(optimizer="adam", batch_size=64, epochs=10, evaluate_every=10)
    rates: tuple[float, ...] = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
    large: float = 3e-2  # the rate at which units are to die
    watched: int = 1_000  # validation images that steps are told by
    loss: float = 0.3  # nats, of validation images
    tuning: tuple[int, ...] = (50, 51, 52)  # seeds
    seeds: tuple[int, ...] = tuple(range(10))
    margin: float = 0.25  # of ReLU's steps

    def __post_init__(self) -> None:
        for name in ("images", "watched"):
            check_size(name, getattr(self, name))
        for name in ("large", "loss"):
            check_positive(name, getattr(self, name))
        for rate in self.rates:
            check_positive("a rate", rate)
        if not self.kinds or self.kinds[0] != RELU or not {*self.kinds} <= {*KINDS}:
            raise ValueError(
                f"kinds must begin with {RELU!r} and be of {', '.join(KINDS)}, got {self.kinds}"
            )
        if self.recipe.evaluate_every is None:
            raise ValueError("the recipe must have evaluate_every: steps are told by it")
        shared = {*self.tuning} & {*self.seeds}
        if not self.tuning or shared:
            raise ValueError(
                f"tuning must be seeds that are not judged, one or more, got {self.tuning} beside "
                f"{self.seeds}"
            )

    def model(self, kind: str) -> str:
        """The network's name."""
        name = "-".join(["mlp", *map(str, self.widths)])
        return name if kind == RELU else f"{name}-{kind}"


SIZES = (
    *("data", "images", "widths", "kinds", "recipe", "rates", "large", "watched", "loss"),
    *("tuning", "seeds"),
)
PAPER = Config()
LAPTOP = replace(
    PAPER,
    images=5_000,
    widths=(64, 64),
    recipe=replace(PAPER.recipe, epochs=6),
    tuning=(50, 51),
    seeds=tuple(range(6)),
)
QUICK = replace(
    LAPTOP,
    data=POOL_DATA,
    images=1_000,
    widths=(16, 16),
    kinds=("relu", "leaky-relu", "sigmoid"),
    rates=(1e-2, 3e-2),
    watched=200,
    loss=0.8,
    tuning=(50,),
    seeds=(0, 1, 2),
)


def _job(config: Config, lab: Lab, kind: str, rate: float, seed: int) -> Job:
    drawn = watched(examples(lab.data(config.data), config.images, seed), config.watched)
    recipe = replace(config.recipe, lr=rate)
    snapshots = Snapshots(every_epochs=0)
    return lab.job(config.model(kind), drawn, recipe, seed=seed, snapshots=snapshots)


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a training: `part, kind, rate, seed, steps, limit, dead_before, dead_after, run`.

    `part` is `tuning`, `own` (at the rate that suits) or `large`. Steps are None where the loss was
    not reached by the last one, `limit`.
    """
    runs = _trained(config, lab, "tuning", dict.fromkeys(config.kinds, config.rates))
    tuned = list(_rows(config, lab, runs))
    yield from tuned
    own = {kind: own_rate(tuned, kind, lab) for kind in config.kinds}
    for part, rates in (("own", own), ("large", dict.fromkeys(own, config.large))):
        runs = _trained(config, lab, part, {kind: (rate,) for kind, rate in rates.items()})
        yield from _rows(config, lab, runs)


_Name = tuple[str, str, float, int]


def _trained(
    config: Config, lab: Lab, part: str, rates: dict[str, tuple[float, ...]]
) -> dict[_Name, Run]:
    jobs = {
        (part, kind, rate, seed): _job(config, lab, kind, rate, seed)
        for kind, some in rates.items()
        for rate in some
        for seed in (config.tuning if part == "tuning" else config.seeds)
    }
    names = {_said(name): name for name in jobs}
    runs = lab.train({said: jobs[name] for said, name in names.items()})
    return {names[said]: run for said, run in runs.items()}


def _said(name: _Name) -> str:
    part, kind, rate, seed = name
    return f"{part}: {kind} at {rate:g}, seed {seed}"


def _rows(config: Config, lab: Lab, runs: dict[_Name, Run]) -> Iterator[dict[str, Any]]:
    dead = lab.measure(dead_units, runs, lab.data(config.data))
    limit = config.recipe.total_steps(config.images)
    for name, run in runs.items():
        about = dict(zip(("part", "kind", "rate", "seed"), name, strict=True))
        found = {"steps": steps_to(run, config.loss), "limit": limit, **dead[name][0]}
        yield {**about, **found, "run": run.key}


def own_rate(tuned: list[dict[str, Any]], kind: str, lab: Lab) -> float:
    """The rate with the fewest steps to the validation loss, in the mean over the tuning seeds."""
    rates = sorted({row["rate"] for row in tuned})
    means = [
        {"rate": rate, "validation_steps": fmean(_steps(tuned, "tuning", kind, rate)[0])}
        for rate in rates
    ]
    return float(lab.choose(means, by="validation_steps", largest=False)["rate"])


def _steps(
    some: list[dict[str, Any]], part: str, kind: str, rate: float | None = None
) -> tuple[list[float], list[bool]]:
    """Steps by seed, and which are but a lower bound: the limit, where the loss was not reached."""
    own = _own(some, part, kind, rate)
    steps = [float(row["limit"] if row["steps"] is None else row["steps"]) for row in own]
    return steps, [row["steps"] is None for row in own]


def _own(
    some: list[dict[str, Any]], part: str, kind: str, rate: float | None = None
) -> list[dict[str, Any]]:
    here = [row for row in some if row["part"] == part and row["kind"] == kind]
    kept = [row for row in here if rate is None or row["rate"] == rate]
    return sorted(kept, key=lambda row: row["seed"])


def figure(table: pa.Table) -> Figure:
    """Steps at each kind's own rate, the tuning, and the share of dead units: a dot a seed."""
    drawn = table.to_pylist()
    kinds = list(dict.fromkeys(row["kind"] for row in drawn))
    with style():
        drawing, ((tuning, steps, dead),) = panels(3, height=3.6)
        _draw_tuning(tuning, drawn, kinds)
        _draw_steps(steps, drawn, kinds)
        _draw_dead(dead, drawn, kinds)
        handles, labels = tuning.get_legend_handles_labels()
        drawing.legend(handles, labels, loc="outside upper center", ncols=4)
    return drawing


def _draw_tuning(axes: Axes, drawn: list[dict[str, Any]], kinds: list[str]) -> None:
    rates = sorted({row["rate"] for row in drawn if row["part"] == "tuning"})
    for stroke, kind in zip(STROKES, kinds, strict=False):
        means = [fmean(_steps(drawn, "tuning", kind, rate)[0]) for rate in rates]
        axes.plot(rates, means, label=_WORDS.get(kind, kind), **stroke.options())
    axes.set(xscale="log", yscale="log", title="Tuning", xlabel="rate", ylabel="steps to the loss")
    ticks_at(axes, rates[::2])
    _mark_limit(axes, drawn)


def _draw_steps(axes: Axes, drawn: list[dict[str, Any]], kinds: list[str]) -> None:
    for at, (stroke, kind) in enumerate(zip(STROKES, kinds, strict=False)):
        steps = _steps(drawn, "own", kind)[0]
        axes.plot([at] * len(steps), steps, stroke.marker, color=stroke.color, alpha=0.5)
        axes.plot([at - 0.3, at + 0.3], [fmean(steps)] * 2, color=stroke.color)
    axes.set(yscale="log", title="At their own rate", ylabel="steps to the loss")
    _mark_limit(axes, drawn)
    _name_kinds(axes, kinds)


def _mark_limit(axes: Axes, drawn: list[dict[str, Any]]) -> None:
    """Where trainings end: what stands there has not reached the loss."""
    limit = drawn[0]["limit"]
    axes.axhline(limit, color=GREY, linewidth=0.8, linestyle=":", zorder=1)
    axes.set_ylim(top=1.3 * limit)
    axes.text(0.02, 1.06 * limit, "never", transform=axes.get_yaxis_transform(), fontsize=8)
    plain_axis(axes)


def _draw_dead(axes: Axes, drawn: list[dict[str, Any]], kinds: list[str]) -> None:
    for part, column, marker, color, label in (
        ("own", "dead_before", "_", GREY, "before training"),
        ("own", "dead_after", "o", BLUE, "own rate"),
        ("large", "dead_after", "x", VERMILLION, "large rate"),
    ):
        for at, kind in enumerate(kinds):
            shares = [row[column] for row in _own(drawn, part, kind)]
            said = label if at == 0 else None
            axes.plot([at] * len(shares), shares, marker, color=color, alpha=0.6, label=said)
    axes.set(title="Dead units", ylabel="of the hidden units", ylim=(-0.03, 1.03))
    percent_axis(axes)
    axes.legend(loc="upper right")
    _name_kinds(axes, kinds)


def _name_kinds(axes: Axes, kinds: list[str]) -> None:
    names = [_WORDS.get(kind, kind) for kind in kinds]
    axes.set_xticks(range(len(kinds)), names, rotation=60, ha="right", rotation_mode="anchor")


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """All paired by seed; dead units are shares of the hidden units, steps are of validation."""
    drawn = table.to_pylist()
    return (_die(drawn), _alive(drawn, config), _slower(drawn, config), _as_fast(drawn, config))


def _dead(drawn: list[dict[str, Any]], part: str, kind: str, column: str) -> np.ndarray:
    return np.array([row[column] for row in _own(drawn, part, kind)], dtype=float)


_SHARE: dict[str, Any] = {"unit": "of the units", **_JUDGED}


def _die(drawn: list[dict[str, Any]]) -> Verdict:
    large, own = (_dead(drawn, part, RELU, "dead_after") for part in ("large", "own"))
    before = _dead(drawn, "large", RELU, "dead_before")
    return all_of(
        "G11a",
        exceeds("than before", large - before, **_SHARE),
        exceeds("than at its own rate", large - own, **_SHARE),
        says=f"{large.mean():.1%} of the ReLU units are dead after training at the large rate, "
        f"{own.mean():.1%} at the rate that suits, {before.mean():.1%} before.",
        **_JUDGED,
    )


def _alive(drawn: list[dict[str, Any]], config: Config) -> Verdict:
    relu = _dead(drawn, "large", RELU, "dead_after")
    parts, words = [], []
    for kind in (one for one in config.kinds if one in ALIVE):
        dead = _dead(drawn, "large", kind, "dead_after")
        parts.append(exceeds(_WORDS.get(kind, kind), relu - dead, **_SHARE))
        words.append(f"{dead.mean():.1%} ({_WORDS.get(kind, kind)})")
    said = f"Dead at the large rate: {', '.join(words)}; ReLU {relu.mean():.1%}."
    return all_of("G11b", *parts, says=said, **_JUDGED)


def _slower(drawn: list[dict[str, Any]], config: Config) -> Verdict:
    parts = []
    relu, relu_late = _steps(drawn, "own", RELU)
    for kind in (one for one in config.kinds if one in SMOOTH):
        steps, late = _steps(drawn, "own", kind)
        censored = (relu_late, late)
        parts.append(faster(_WORDS.get(kind, kind), relu, steps, censored=censored, **_JUDGED))
    return all_of("G11c", *parts, says=_steps_in_words(drawn, config, SMOOTH), **_JUDGED)


def _as_fast(drawn: list[dict[str, Any]], config: Config) -> Verdict:
    """Where a loss was not reached there is no number of steps, and so no ruling."""
    parts = []
    relu = _numbers(*_steps(drawn, "own", RELU))
    for kind in (one for one in config.kinds if one in ALIVE):
        more = 1 - _numbers(*_steps(drawn, "own", kind)) / relu
        unit = "of ReLU's steps"
        parts.append(
            not_worse(_WORDS.get(kind, kind), more, margin=config.margin, unit=unit, **_JUDGED)
        )
    return all_of("G11d", *parts, says=_steps_in_words(drawn, config, ALIVE), **_JUDGED)


def _numbers(steps: list[float], late: list[bool]) -> np.ndarray:
    return np.where(late, np.nan, steps)


def _steps_in_words(drawn: list[dict[str, Any]], config: Config, kinds: tuple[str, ...]) -> str:
    words = []
    for kind in (RELU, *(one for one in config.kinds if one in kinds)):
        steps, late = _steps(drawn, "own", kind)
        words.append(
            f"{'at least ' if any(late) else ''}{fmean(steps):,.0f} ({_WORDS.get(kind, kind)})"
        )
    return f"Steps to a validation loss of {config.loss:g}: {', '.join(words)}."
