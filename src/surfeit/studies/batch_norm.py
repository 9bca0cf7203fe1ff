"""Does batch normalisation smooth the loss, and is it because layers' inputs shift less?

Source: Santurkar, Tsipras, Ilyas and Madry 2018 (1805.11604), sections 2 and 3, figures 2 and 4;
against Ioffe and Szegedy 2015, section 2. One network in three arms: without normalisation, with
it, and with noise behind it that shifts every unit's distribution anew at each step. Probes
look at each tenth step and change nothing.
Cost: quick 3 s, laptop about 3 min (two cores).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import log10
from statistics import fmean
from typing import Any

import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from surfeit.core import check_size
from surfeit.lab import POOL_DATA, Claim, Lab, Verdict, all_of, exceeds
from surfeit.studies._batch_norm import network, seen, small
from surfeit.tables.figures.lines import STROKES
from surfeit.tables.figures.style import Stroke, panels, percent_axis, plain_axis, style, ticks_at
from surfeit.tables.statistics import over_replicates
from surfeit.train import Job, Recipe, Snapshots
from surfeit.train.probes import covariate_shift, smoothness

_SOURCE = "Santurkar et al. 2018"
CLAIMS = (
    Claim(
        id="G5a",
        says="At one rate the loss along each step's gradient ranges less with batch "
        "normalisation.",
        source=f"{_SOURCE}, figure 4a",
    ),
    Claim(
        id="G5b",
        says="At one rate the gradient changes less along each step's gradient with batch "
        "normalisation.",
        source=f"{_SOURCE}, figure 4b",
    ),
    Claim(
        id="G5c",
        says="At one rate the effective smoothness β, the largest change of the gradient over "
        "the distance moved, is smaller with batch normalisation.",
        source=f"{_SOURCE}, figure 4c",
    ),
    Claim(
        id="G5d",
        says="Noise behind batch normalisation that brings the shift back does not undo the gain: "
        "all three stay smaller than without normalisation, and so does the training loss.",
        source=f"{_SOURCE}, section 2.1, figure 2",
    ),
    Claim(
        id="G5e",
        says="Each at its own best rate, all three are smaller with batch normalisation, too.",
        source=f"{_SOURCE}, figure 4",
    ),
    Claim(
        id="G5f",
        says="At one rate an update shifts the moments of what layers read less with batch "
        "normalisation.",
        source="Ioffe and Szegedy 2015, section 2",
    ),
    Claim(
        id="G5g",
        says="At one rate an update of the layers before a layer changes its gradient less "
        "with batch normalisation.",
        source=f"{_SOURCE}, definition 2.1, who find that it does not",
    ),
)
_COMPARISONS = len(CLAIMS)
ARMS: dict[str, str | None] = {"none": None, "batch": "batch", "noisy": "noisy-batch"}
"""The arms, and what a network's name says of its normalisation."""
_WORDS = {
    "none": "without normalisation",
    "batch": "batch normalisation",
    "noisy": "with noise behind it",
}
MEASURES = ("loss_range", "change_range", "smoothness")
SHIFTS = ("moment_shift", "gradient_shift")


@dataclass(frozen=True, kw_only=True)
class Config:
    """One network in three arms, at several rates.

    An arm's own best rate is the one of the highest mean validation accuracy. The one rate that all
    arms are compared at is the best without normalisation: at others such a network may not train
    at all, and what does not move is smooth. A training's value of a measure is the mean of its
    logarithm over the steps that were looked at.
    """

    data: str = "cifar10"
    images: int = 45_000
    held_out: int = 10_000  # images of the validation and of the test split, at most
    model: str = "vgg-16"
    recipe: Recipe = Recipe(batch_size=128, epochs=40)
    rates: tuple[float, ...] = (0.03, 0.1)
    higher: tuple[float, ...] = (0.3,)  # with normalisation alone: networks without it diverge
    every: int = 10  # steps between two looks along the gradient
    shift_every: int = 50  # steps between two looks at the shift, a multiple of it
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)

    def __post_init__(self) -> None:
        check_size("held_out", self.held_out)
        check_size("every", self.every)
        check_size("shift_every", self.shift_every)
        rates = (*self.rates, *self.higher)
        if not self.rates or len(set(rates)) < len(rates):
            raise ValueError(f"rates must be different, and at least one, got {rates}")
        if self.shift_every % self.every:
            raise ValueError(
                f"shift_every must be a multiple of every, {self.every}, got {self.shift_every}"
            )

    def rates_of(self, arm: str) -> tuple[float, ...]:
        """The rates that an arm is trained at."""
        return self.rates if arm == "none" else (*self.rates, *self.higher)


SIZES = ("data", "images", "held_out", "model", "recipe", "rates", "higher", "shift_every", "seeds")
PAPER = Config()
LAPTOP = replace(
    PAPER,
    data="fashion-mnist",
    images=2_000,
    held_out=1_000,
    model="vgg-9-k4",
    recipe=replace(PAPER.recipe, batch_size=64, epochs=6),
    seeds=(0, 1, 2, 3, 4, 5),
)
QUICK = replace(
    LAPTOP,
    data=POOL_DATA,
    images=300,
    held_out=100,
    model="mlp-12-12-12",
    recipe=replace(PAPER.recipe, batch_size=50, epochs=4),
    rates=(0.1,),
    shift_every=10,
    seeds=(0, 1, 2),
)


def name_of(arm: str, rate: float, seed: int) -> str:
    """What a training is called."""
    return f"{arm}, rate {rate:g}, seed {seed}"


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """A training for each arm, rate and seed, whose images all arms share."""
    whole = lab.data(config.data)
    drawn = {seed: small(whole, config.images, config.held_out, seed) for seed in config.seeds}
    probes = (smoothness.every(config.every), covariate_shift.every(config.shift_every))
    return {
        name_of(arm, rate, seed): Job(
            network(config.model, normalise),
            drawn[seed],
            replace(config.recipe, lr=rate),
            seed=seed,
            snapshots=Snapshots(every_epochs=0),
            probes=probes,
        )
        for arm, normalise in ARMS.items()
        for rate in config.rates_of(arm)
        for seed in config.seeds
    }


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a step looked at: `arm, rate, seed, same, best`, the columns of `seen`, `run`.

    `same` is the one rate, `best` the arm's own.
    """
    runs = lab.train(jobs(config, lab))
    found = lab.measure(seen, runs)
    best = {}
    for arm in ARMS:
        candidates = [
            {"rate": rate, "validation_accuracy": fmean(_ended(found, arm, rate, config.seeds))}
            for rate in config.rates_of(arm)
        ]
        best[arm] = lab.choose(candidates, by="validation_accuracy")["rate"]
    for arm in ARMS:
        for rate in config.rates_of(arm):
            for seed in config.seeds:
                name = name_of(arm, rate, seed)
                about = {"arm": arm, "rate": rate, "seed": seed}
                about |= {"same": rate == best["none"], "best": rate == best[arm]}
                for row in found[name]:
                    yield about | row | {"run": runs[name].key}


def _ended(
    found: Mapping[str, list[dict[str, Any]]], arm: str, rate: float, seeds: Sequence[int]
) -> list[float]:
    return [found[name_of(arm, rate, seed)][-1]["validation_accuracy"] for seed in seeds]


_PANELS = {
    "loss_range": "range of the loss",
    "change_range": "change of the gradient",
    "smoothness": "effective smoothness β",
    "moment_shift": "shift of moments",
    "gradient_shift": "shift of gradients",
}


def figure(table: pa.Table) -> Figure:
    """Each measure over the steps at one rate, and accuracy by rate."""
    drawn = table.to_pylist()
    same = [row for row in drawn if row["same"]]
    with style():
        drawing, axes = panels(3, rows=2, height=4.6)
        for place, (name, label) in zip(axes.flat, _PANELS.items(), strict=False):
            for stroke, arm in zip(STROKES, ARMS, strict=False):
                _draw_steps(place, [row for row in same if row["arm"] == arm], name, stroke)
            place.set(title=label, xlabel="step", yscale="log")
            plain_axis(place)
        last = axes.flat[-1]
        _draw_accuracy(last, drawn)
        drawing.legend(*last.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return drawing


def _draw_steps(axes: Axes, drawn: list[dict[str, Any]], name: str, stroke: Stroke) -> None:
    """The geometric mean over seeds at each step, and its interval."""
    logs: dict[int, list[float]] = {}
    for row in drawn:
        if row[name] is not None and row[name] > 0:
            logs.setdefault(row["step"], []).append(log10(row[name]))
    steps = sorted(logs)
    over = [over_replicates(logs[step]) for step in steps]
    axes.plot(steps, [10**one.mean for one in over], color=stroke.color, linestyle=stroke.linestyle)
    lower = [10 ** (one.mean if one.lower is None else one.lower) for one in over]
    upper = [10 ** (one.mean if one.upper is None else one.upper) for one in over]
    axes.fill_between(steps, lower, upper, color=stroke.color, alpha=0.15, linewidth=0)


def _draw_accuracy(axes: Axes, drawn: list[dict[str, Any]]) -> None:
    for stroke, arm in zip(STROKES, ARMS, strict=False):
        ends: dict[float, dict[int, float]] = {}
        for row in drawn:
            if row["arm"] == arm:
                ends.setdefault(row["rate"], {})[row["seed"]] = row["test_accuracy"]
        rates = sorted(ends)
        means = [fmean(ends[rate].values()) for rate in rates]
        axes.plot(rates, means, label=_WORDS[arm], **stroke.options())
    axes.set(title="test accuracy", xlabel="learning rate", xscale="log")
    ticks_at(axes, sorted({row["rate"] for row in drawn}))
    percent_axis(axes)


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """All in orders of magnitude, the arm without normalisation less the other, paired by seed."""
    drawn = table.to_pylist()
    same = _values([row for row in drawn if row["same"]])
    best = _values([row for row in drawn if row["best"]])

    def part(values: "_Values", name: str, arm: str = "batch") -> Verdict:
        less = [_less(values, name, arm, seed) for seed in config.seeds]
        return exceeds(
            _word(name),
            less,
            unit="orders of magnitude",
            comparisons=_COMPARISONS,
            says=_means(values, name),
        )

    noisy = [part(same, name, "noisy") for name in (*MEASURES, "train_loss")]
    rate_of = {row["arm"]: row["rate"] for row in drawn if row["best"]}
    rates = ", ".join(f"{rate_of[arm]:g} {_WORDS[arm]}" for arm in ARMS)
    return (
        *(
            replace(part(same, name), claim=claim)
            for claim, name in zip(("G5a", "G5b", "G5c"), MEASURES, strict=True)
        ),
        all_of("G5d", *noisy, comparisons=_COMPARISONS, says=_accuracies(same)),
        all_of(
            "G5e",
            *(part(best, name) for name in MEASURES),
            comparisons=_COMPARISONS,
            says=f"The best rates are {rates}.",
        ),
        *(
            replace(part(same, name), claim=claim)
            for claim, name in zip(("G5f", "G5g"), SHIFTS, strict=True)
        ),
    )


_Values = dict[tuple[str, int], dict[str, Any]]


def _values(drawn: Sequence[Mapping[str, Any]]) -> _Values:
    """By arm and seed the mean logarithms of all measures, and test accuracy; None if one lacks."""
    steps: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    for row in drawn:
        steps.setdefault((row["arm"], row["seed"]), []).append(row)
    return {
        key: {name: _mean_log(some, name) for name in (*MEASURES, *SHIFTS, "train_loss")}
        | {"test_accuracy": some[-1]["test_accuracy"]}
        for key, some in steps.items()
    }


def _mean_log(steps: Sequence[Mapping[str, Any]], name: str) -> float | None:
    """Over the steps that have the measure; of a shift many steps have none."""
    known = [row[name] for row in steps if row[name] is not None]
    wanting = name not in SHIFTS and len(known) < len(steps)
    if wanting or not known or min(known) <= 0:
        return None
    return fmean(log10(value) for value in known)


def _less(values: _Values, name: str, arm: str, seed: int) -> float | None:
    none, other = values["none", seed][name], values[arm, seed][name]
    return None if none is None or other is None else none - other


def _means(values: _Values, name: str) -> str:
    said = []
    for arm in ARMS:
        known = [row[name] for (one, _), row in values.items() if one == arm]
        whole = [value for value in known if value is not None]
        said.append(f"{10 ** fmean(whole):.3g} {_WORDS[arm]}" if whole else f"? {_WORDS[arm]}")
    return f"Geometric means of the {_word(name)}: {', '.join(said)}."


def _word(name: str) -> str:
    return _PANELS.get(name, "training loss")


def _accuracies(values: _Values) -> str:
    means = {
        arm: fmean(row["test_accuracy"] for (one, _), row in values.items() if one == arm)
        for arm in ARMS
    }
    said = ", ".join(f"{100 * mean:.1f} % {_WORDS[arm]}" for arm, mean in means.items())
    return f"Test accuracy at that rate: {said}."
