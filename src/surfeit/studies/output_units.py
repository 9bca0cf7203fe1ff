"""Why does each output unit need the cost that belongs to it?

Source: Goodfellow, Bengio and Courville 2016, section 6.2.2. Networks, rates and starts are our
choice: they start from what they learnt of wrong labels, so that they are sure of what is wrong.
Cost: quick 3 s, laptop 2 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from statistics import fmean
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from surfeit.core import check_positive, check_size
from surfeit.data import pooled
from surfeit.lab import POOL_DATA, Claim, Lab, Verdict, all_of, chosen, equals, exceeds, faster
from surfeit.studies._output_units import COSTS, networks, one_unit, slopes
from surfeit.tables.figures.lines import STROKES
from surfeit.tables.figures.style import panels, plain_axis, style, ticks_at
from surfeit.train import Job

_SOURCE = "Goodfellow et al. 2016, section 6.2.2"
BELONG = ("linear, squared error", "sigmoid, Bernoulli", "softmax, categorical")
APART = ("sigmoid, squared error", "softmax, squared error")
CLAIMS = (
    Claim(
        id="G9a",
        says="The slope of the cost that belongs to an output unit is output − target; behind a "
        "sigmoid or a softmax that of squared error falls as e^−c where the output is wrong by c.",
        published="s − y against (s − y) s (1 − s)",
        source=_SOURCE,
    ),
    Claim(
        id="G9b",
        says="From the net input −c to its target a sigmoid unit takes steps that grow as c by the "
        "Bernoulli cost and as e^c by squared error, as many as gradient flow says.",
        published="dz/dt = 1 − s against s (1 − s)², for the output s = σ(z)",
        source=_SOURCE,
    ),
    Claim(
        id="G9c",
        says="A network with sigmoid outputs that is sure of wrong classes learns the right ones "
        "in fewer steps by the Bernoulli cost than by squared error, each at its own rate.",
        source=_SOURCE,
    ),
    Claim(
        id="G9d",
        says="A network with a softmax that is sure of wrong classes learns the right ones in "
        "fewer steps by the categorical cost than by squared error, each at its own rate.",
        source=_SOURCE,
    ),
)
_JUDGED: dict[str, Any] = {"comparisons": len(CLAIMS)}


@dataclass(frozen=True, kw_only=True)
class Config:
    """Single outputs, single units and networks of one hidden layer of tanh, which a seed draws.

    A network starts from its initial weights, or from those that it has after `before` steps on
    labels moved on by a class, its output layer times a scale: the larger, the surer.
    """

    confidences: tuple[float, ...] = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)  # c
    inputs: int = 5  # of the single unit
    rate: float = 0.1  # of the single unit
    sure: float = 0.9  # where the single unit has learnt
    data: str = "mnist"
    pool: int = 1  # pixels a side that are averaged
    examples: int = 10_000
    held: int = 2_000  # validation images, and test images
    hidden: int = 100
    batch: int = 50
    before: int = 2_500  # steps on wrong labels
    first_rate: float = 0.02  # at which wrong labels are learnt
    scales: tuple[float, ...] = (0.0, 0.5, 1.0, 2.0)  # 0: the initial weights
    rates: tuple[float, ...] = (0.01, 0.04, 0.16, 0.64, 2.56, 10.24, 40.96)
    steps: int = 10_000
    every: int = 10  # steps between two looks
    error: float = 0.2  # the share of images that may be wrong where a network has learnt
    seeds: tuple[int, ...] = tuple(range(10))
    margin: float = 0.1  # of the closed form
    differences: float = 1e-3  # of the slope: what central differences may be off

    def __post_init__(self) -> None:
        sizes = ("inputs", "pool", "examples", "held", "hidden", "batch", "before")
        for name in (*sizes, "steps", "every"):
            check_size(name, getattr(self, name))
        for one in (self.rate, self.first_rate, *self.rates):
            check_positive("a rate", one)
        for name in ("sure", "error"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} must be in (0, 1), got {getattr(self, name)}")
        if min(self.confidences) < 0 or not 4 <= max(self.confidences) <= 10:
            raise ValueError(
                "confidences must be at least 0 and the largest in [4, 10]: beyond, e^c steps are "
                f"too many; got {self.confidences}"
            )
        if self.scales[:1] != (0.0,) or list(self.scales) != sorted({*self.scales}):
            raise ValueError(
                f"scales must rise from 0, which stands for the initial weights, got {self.scales}"
            )
        if len(self.scales) < 2:
            raise ValueError("scales must have one above 0: a start that is sure of what is wrong")


SIZES = (
    *("data", "pool", "examples", "held", "hidden", "before", "first_rate", "scales", "rates"),
    *("steps", "every", "seeds", "confidences"),
)
PAPER = Config()
LAPTOP = replace(
    PAPER,
    pool=4,
    examples=2_000,
    held=500,
    hidden=32,
    before=500,
    first_rate=0.1,
    steps=1_500,
    seeds=tuple(range(8)),
)
QUICK = replace(
    LAPTOP,
    data=POOL_DATA,
    pool=2,
    examples=1_000,
    held=100,
    hidden=16,
    before=300,
    scales=(0.0, 1.0),
    rates=(0.04, 0.64, 10.24),
    steps=300,
    confidences=(0.0, 2.0, 4.0),
    seeds=(0, 1, 2, 3),
)


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """None: costs behind output units are the study's own, and its networks trained in stacks."""
    return {}


_COLUMNS = ("rate", "measured", "exact", "confidence", "validation_steps", "test_steps")


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a seed, pair of unit and cost, part and place.

    `part` is `slope` (place: c; minus the slope at the label's net input), `unit` (place: c; steps)
    or `network` (place: scale; a row a rate, steps of None where it never learnt). What a part does
    not have is null.
    """
    of = {seed: {"seed": seed} for seed in config.seeds}
    confidences = list(config.confidences)
    found = {
        "slope": lab.compute(slopes, of, confidences=confidences),
        "unit": lab.compute(
            one_unit,
            of,
            confidences=confidences,
            inputs=config.inputs,
            rate=config.rate,
            sure=config.sure,
        ),
    }
    for part, by_seed in found.items():
        for seed in config.seeds:
            for row in by_seed[seed]:
                yield _row(part, seed, row)
    whole = lab.data(config.data)
    trained = lab.compute(
        networks,
        {(seed, pair): {"seed": seed, "pair": pair} for seed, pair in product(config.seeds, COSTS)},
        whole if config.pool == 1 else pooled(whole, config.pool),
        scales=list(config.scales),
        rates=list(config.rates),
        settings=_settings(config),
    )
    for (seed, pair), some in trained.items():
        for row in some:
            yield _row("network", seed, {"pair": pair, **row})


def _settings(config: Config) -> dict[str, Any]:
    names = ("examples", "held", "hidden", "batch", "before", "first_rate", "steps", "every")
    names += ("error",)
    return {name: getattr(config, name) for name in names}


def _row(part: str, seed: int, values: dict[str, Any]) -> dict[str, Any]:
    about = {"part": part, "pair": values.pop("pair"), "place": float(values.pop("place"))}
    return {**about, "seed": seed, **dict.fromkeys(_COLUMNS), **values}


def figure(table: pa.Table) -> Figure:
    """Dots are a seed each; lines closed forms above, means over seeds below."""
    drawn = table.to_pylist()
    with style():
        drawing, ((slope, unit), (network, tuning)) = panels(2, rows=2, height=5.6)
        for axes, part in ((slope, "slope"), (unit, "unit")):
            _draw_single(axes, [row for row in drawn if row["part"] == part])
        slope.set(title="One output", ylabel="size of the slope")
        unit.set(title="One unit", ylabel="steps to its target")
        trained = [row for row in drawn if row["part"] == "network"]
        _draw_networks(network, trained)
        _draw_tuning(tuning, trained)
        handles, labels = slope.get_legend_handles_labels()
        drawing.legend(handles, labels, loc="outside upper center", ncols=3)
    return drawing


def _draw_single(axes: Axes, drawn: list[dict[str, Any]]) -> None:
    for stroke, pair in zip(STROKES, COSTS, strict=False):
        some = [row for row in drawn if row["pair"] == pair]
        if not some:
            continue
        places = sorted({row["place"] for row in some})
        exact = [fmean(row["exact"] for row in some if row["place"] == at) for at in places]
        axes.plot(places, exact, color=stroke.color, linestyle=stroke.linestyle)
        axes.plot([], [], label=pair, **stroke.options())
        values = [row["measured"] for row in some]
        across = [row["place"] for row in some]
        axes.plot(across, values, stroke.marker, color=stroke.color, alpha=0.4, markersize=3.5)
    axes.set(yscale="log", xlabel="wrong by c (net input −c, target 1)")
    plain_axis(axes)


def _draw_networks(axes: Axes, trained: list[dict[str, Any]]) -> None:
    """At each pair's own rate; what never learnt stands at the top."""
    scales = sorted({row["place"] for row in trained})
    known = [row["test_steps"] for row in trained if row["test_steps"] is not None]
    never = 2 * max(known, default=1)
    for stroke, pair in zip(STROKES, COSTS, strict=False):
        means = []
        for at, scale in enumerate(scales):
            own = _at_own_rate(trained, pair, scale, never)
            steps = [never if row["test_steps"] is None else row["test_steps"] for row in own]
            means.append(float(np.median(steps)))
            axes.plot([at] * len(steps), steps, stroke.marker, color=stroke.color, alpha=0.3)
        axes.plot(range(len(scales)), means, color=stroke.color, linestyle=stroke.linestyle)
    axes.set(yscale="log", title="Networks", ylabel="steps until they have learnt")
    axes.set_xticks(
        range(len(scales)),
        ["initial\nweights" if one == 0 else f"wrong,\ntimes {one:g}" for one in scales],
    )
    axes.set_xlabel("start")
    plain_axis(axes)
    axes.axhline(never, color="black", linewidth=0.6, linestyle=":")
    axes.text(0, never, "never", va="bottom", fontsize=8)


def _draw_tuning(axes: Axes, trained: list[dict[str, Any]]) -> None:
    """Validation steps by rate, from the start in the middle of those that are sure."""
    scales = sorted({row["place"] for row in trained if row["place"] > 0})
    scale = scales[(len(scales) - 1) // 2]
    for stroke, pair in zip(STROKES, COSTS, strict=False):
        some = [row for row in trained if row["pair"] == pair and row["place"] == scale]
        rates, medians = sorted({row["rate"] for row in some}), []
        for rate in rates:
            steps = [row["validation_steps"] for row in some if row["rate"] == rate]
            known = [np.inf if one is None else one for one in steps]
            medians.append(np.median(known))
        axes.plot(rates, np.where(np.isfinite(medians), medians, np.nan), **stroke.options())
    axes.set(xscale="log", yscale="log", title=f"Tuning (wrong, times {scale:g})")
    axes.set(xlabel="rate", ylabel="validation steps")
    ticks_at(axes, sorted({row["rate"] for row in trained})[::2])
    plain_axis(axes)


def _at_own_rate(
    trained: list[dict[str, Any]], pair: str, scale: float, limit: float
) -> list[dict[str, Any]]:
    """The rows, a seed each, of the rate with the fewest validation steps in the mean.

    What never learnt counts as the limit.
    """
    by_rate: dict[float, list[dict[str, Any]]] = {}
    for row in sorted(trained, key=lambda row: row["seed"]):
        if row["pair"] == pair and row["place"] == scale:
            by_rate.setdefault(row["rate"], []).append(row)
    means = [
        {
            "rate": rate,
            "validation_steps": fmean(_or(row["validation_steps"], limit) for row in some),
        }
        for rate, some in sorted(by_rate.items())
    ]
    best = chosen(means, by="validation_steps", largest=False)
    return by_rate[float(str(best["rate"]))]


def _or(steps: float | None, limit: float) -> float:
    return limit if steps is None else steps


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """G9a, G9b beside closed forms; G9c, G9d paired by seed, at rates that validation chose."""
    drawn = sorted(table.to_pylist(), key=lambda row: row["seed"])
    trained = [row for row in drawn if row["part"] == "network"]
    return (
        _slopes([row for row in drawn if row["part"] == "slope"], config),
        _units([row for row in drawn if row["part"] == "unit"], config),
        _sooner("G9c", "sigmoid, Bernoulli", "sigmoid, squared error", trained, config),
        _sooner("G9d", "softmax, categorical", "softmax, squared error", trained, config),
    )


def _values(some: list[dict[str, Any]], pair: str, place: float, column: str) -> np.ndarray:
    here = [row for row in some if row["pair"] == pair and row["place"] == place]
    return np.array([row[column] for row in here], dtype=float)


def _off(some: list[dict[str, Any]], pair: str, place: float) -> np.ndarray:
    return _values(some, pair, place, "measured") / _values(some, pair, place, "exact") - 1


def _slopes(some: list[dict[str, Any]], config: Config) -> Verdict:
    """A seed's farthest difference from the formula; the fall of squared error up to the last c."""
    most = max(config.confidences)
    off = [np.abs(_off(some, pair, at)) for pair, at in product(COSTS, config.confidences)]
    farthest = np.max(off, axis=0)
    unit = "of the slope"
    parts = [equals("formula", farthest, margin=config.differences, unit=unit, **_JUDGED)]
    words = []
    for pair in (*BELONG[1:], *APART):
        size = _values(some, pair, most, "measured")
        words.append(f"{size.mean():.2g} ({pair})")
        if pair in APART:
            other = BELONG[1] if pair == APART[0] else BELONG[2]
            log = np.log(_values(some, other, most, "measured") / size)
            parts.append(
                exceeds(f"{pair} falls", log, margin=most - 2, unit="of log slopes", **_JUDGED)
            )
    return all_of(
        "G9a", *parts, says=f"Where the output is wrong by {most:g}: {', '.join(words)}.", **_JUDGED
    )


def _units(some: list[dict[str, Any]], config: Config) -> Verdict:
    most, pairs = max(config.confidences), (BELONG[1], APART[0])
    parts = [
        equals(
            f"{pair}, c = {place:g}",
            _off(some, pair, place),
            margin=config.margin,
            unit="of the flow's steps",
            **_JUDGED,
        )
        for pair, place in product(pairs, config.confidences)
    ]
    fewer, more = (_values(some, pair, most, "measured").mean() for pair in pairs)
    return all_of(
        "G9b",
        *parts,
        says=f"From −{most:g} it takes {fewer:,.0f} steps by the Bernoulli cost and {more:,.0f} by "
        "squared error.",
        **_JUDGED,
    )


def _sooner(
    claim: str, first: str, second: str, trained: list[dict[str, Any]], config: Config
) -> Verdict:
    """From each start that is sure of what is wrong; never learnt is a lower bound."""
    parts, words = [], []
    for scale in config.scales:
        steps, late = [], []
        for pair in (first, second):
            own = _at_own_rate(trained, pair, scale, config.steps)
            late.append([row["test_steps"] is None for row in own])
            steps.append([_or(row["test_steps"], config.steps) for row in own])
        said = [
            f"{'at least ' if any(missing) else ''}{np.mean(some):,.0f}"
            for some, missing in zip(steps, late, strict=True)
        ]
        start = f"from wrong ones times {scale:g}" if scale else "from the initial weights"
        words.append(f"{said[0]} and {said[1]} {start}")
        if scale > 0:
            one, other = late
            parts.append(faster(f"times {scale:g}", *steps, censored=(one, other), **_JUDGED))
    return all_of(claim, *parts, says=f"Steps: {', '.join(words)}.", **_JUDGED)
