"""From which step on does descent along the gradient turn into ascent, and does training get there?

Source: Goodfellow, Bengio and Courville 2016, section 8.2.1, for the criterion; Cohen et al. 2021
(2103.00065) for the edge. Network, data and rates are our choice; the initial weights are scaled
down as in `sgd_stability`. The loss is the squared error; at a ReLU's kink it has no second
derivative, and the criterion sees none of it.
Cost: quick 3 s, laptop 30 s (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from math import log2
from statistics import fmean
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from surfeit.lab import POOL_DATA, Claim, Lab, Verdict, all_of, equals, exceeds, succeeds
from surfeit.studies._ascent import climbed, of_quadratic
from surfeit.studies._fitting import check_ascending, examples
from surfeit.studies._sgd_stability import descent
from surfeit.tables.figures.lines import STROKES
from surfeit.tables.figures.style import BLACK, GREY, Stroke, panels, plain_axis, style, ticks_at
from surfeit.train import Job, Recipe, Snapshots

_BOOK = "Goodfellow et al. 2016, 8.2.1"
CLAIMS = (
    Claim(
        id="G14a",
        says="On a quadratic a step of gradient descent raises the loss exactly where "
        "½ η² gᵀHg > η gᵀg, and in the long run exactly where η is above 2/λ₁.",
        source=_BOOK,
    ),
    Claim(
        id="G14b",
        says="With a large rate the step that turns into ascent begins at more than twice the "
        "step that is taken, and ends within a tenth of it.",
        source="Cohen et al. 2021",
    ),
    Claim(
        id="G14c",
        says="There the second order says where ascent begins: 2 gᵀg / gᵀHg is within a tenth of "
        "the step at which the loss is found to rise.",
        source=_BOOK,
    ),
    Claim(
        id="G14d",
        says="With a small rate the step that turns into ascent stays above twice the step that is "
        "taken.",
        source=_BOOK,
    ),
    Claim(
        id="G14e",
        says="Of the steps of SGD with small batches the second order, gᵀd + ½ dᵀHd, tells rightly "
        "whether the loss rises in at least nine of ten, in more than half of the seeds.",
        source=_BOOK,
    ),
)
_JUDGED: dict[str, Any] = {"comparisons": len(CLAIMS)}
_DOUBLED: dict[str, Any] = {"unit": "doublings of the rate", **_JUDGED}
ARMS = ("small rate", "large rate", "small batches")
_LOG_STEPS = (0, 1, 2, 3, 5, 8, 13, 22, 36, 60, 100, 170, 280, 460, 770, 1_000, 1_290)
_LATE = (1_300, 1_500, 1_700, 1_900, 1_990)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Gradient descent with a small and a large rate, and SGD, on the squared error of few images.

    A seed draws its images, initial weights and quadratic. The last steps are those whose means
    are judged.
    """

    data: str = POOL_DATA
    images: int = 100
    model: str = "mlp-32"
    scale: float = 0.3  # of the initial weights
    small: float = 0.02  # rate
    large: float = 0.1
    noisy: float = 0.05
    batch: int = 10
    steps: int = 2_000
    at: tuple[int, ...] = _LOG_STEPS  # steps that are measured
    late: tuple[int, ...] = _LATE  # these as well, at the end
    count: int = 30  # examples of the quadratic
    features: int = 6
    shares: tuple[float, ...] = (0.5, 0.9, 0.99, 1.01, 1.1)  # of 2/λ₁, its rates
    descents: int = 200  # steps on it
    seeds: tuple[int, ...] = tuple(range(8))
    margin: float = 0.1  # of the rate, and of the rate at which the loss rises
    times: float = 2.0  # the rate
    called: float = 0.9  # of SGD's steps

    def __post_init__(self) -> None:
        check_ascending("late", self.late)
        steps = (*self.at, *self.late)
        if not self.at or list(steps) != sorted(set(steps)) or steps[0] < 0:
            raise ValueError(f"at and late must be ascending steps from 0 on, got {steps}")
        if steps[-1] >= self.steps:
            raise ValueError(f"measured steps must be below the {self.steps:,}, got {steps[-1]:,}")
        if not 0 < self.small < self.large:
            raise ValueError(
                f"small must be above 0 and below large, got {self.small} and {self.large}"
            )
        if not 1 <= self.batch < self.images:
            raise ValueError(f"batch must be in [1, {self.images}), got {self.batch}")
        if not self.shares or min(self.shares) <= 0 or 1.0 in self.shares:
            raise ValueError(f"shares must be above 0 and none of them 1, got {self.shares}")

    def recipe(self, arm: str) -> Recipe:
        """How an arm trains: plain SGD, of all images at once but for the last arm."""
        rate = (self.small, self.large, self.noisy)[ARMS.index(arm)]
        batch = self.batch if arm == "small batches" else self.images
        return Recipe(lr=rate, batch_size=batch, steps=self.steps)


SIZES = ("images", "steps", "at", "late", "seeds")
PAPER = Config()
LAPTOP = PAPER
QUICK = replace(
    PAPER,
    images=30,
    steps=120,
    at=(0, 3, 10, 30),
    late=(100, 119),
    seeds=(0, 1, 2),
)


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """A training for each arm and seed, from weights that the arms share."""
    whole, found = lab.data(config.data), {}
    kept = tuple(step + more for step in (*config.at, *config.late) for more in (0, 1))
    snapshots = Snapshots(every_epochs=0, at=tuple(sorted(set(kept))))
    for seed in config.seeds:
        data = examples(whole, config.images, seed)
        for arm in ARMS:
            job = descent(
                lab, config.model, data, config.recipe(arm), seed=seed, scale=config.scale
            )
            found[name_of(arm, seed)] = replace(job, snapshots=snapshots)
    return found


def name_of(arm: str, seed: int) -> str:
    """What a training is called."""
    return f"{arm}, seed {seed}"


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """A row a measured step of a training, or a rate on the quadratic: `arm, rate, seed, ...`.

    The columns are those of `climbed`; the arm `quadratic` has the share of 2/λ₁ in `place`.
    """
    runs = lab.train(jobs(config, lab))
    steps = {"images": config.images, "steps": [*config.at, *config.late]}
    measured = lab.measure(climbed, runs, lab.data(config.data), **steps)
    about: dict[str, Any] = {"count": config.count, "features": config.features}
    about |= {"shares": list(config.shares), "steps": config.descents}
    drawn = lab.compute(of_quadratic, {seed: {"seed": seed} for seed in config.seeds}, **about)
    for seed in config.seeds:
        for arm in ARMS:
            name, rate = name_of(arm, seed), config.recipe(arm).lr
            for row in measured[name]:
                yield {"arm": arm, "rate": rate, "seed": seed, **row, "run": runs[name].key}
        for row in drawn[seed]:
            rate = row["place"] * row["edge"]
            yield {"arm": "quadratic", "rate": rate, "seed": seed, **row, "run": None}


_LINES = {
    "turned": ("the loss is found to rise", STROKES[0]),
    "turns": ("2 gᵀg / gᵀHg", STROKES[1]),
    "edge": ("2 / λ₁", STROKES[2]),
}


def figure(table: pa.Table) -> Figure:
    """Where ascent begins along training, by arm; and each step's change against the predicted."""
    drawn = table.to_pylist()
    with style():
        drawing, axes = panels(2, rows=2, height=6.2)
        for place, arm in zip(axes.flat, ARMS, strict=False):
            _draw_turns(place, [row for row in drawn if row["arm"] == arm], arm)
        _draw_changes(axes[1][1], drawn)
        handles, labels = axes[0][0].get_legend_handles_labels()
        drawing.legend(handles, labels, loc="outside upper center", ncols=4, fontsize=7.5)
    return drawing


def _draw_turns(axes: Axes, rows: list[dict[str, Any]], arm: str) -> None:
    """Geometric means over seeds, and the rate."""
    shifted = [row | {"place": row["place"] + 1} for row in rows]
    for name, (label, stroke) in _LINES.items():
        some = [row for row in shifted if row[name]]
        places = sorted({row["place"] for row in some})
        means = [
            float(np.exp(np.mean([np.log(row[name]) for row in some if row["place"] == place])))
            for place in places
        ]
        plain = Stroke(color=stroke.color, linestyle=stroke.linestyle)
        axes.plot(places, means, label=label, **plain.options())
        axes.plot(
            [row["place"] for row in some],
            [row[name] for row in some],
            ".",
            color=stroke.color,
            alpha=0.35,
            markersize=3,
        )
    axes.axhline(rows[0]["rate"], color=BLACK, linewidth=1, label="the rate taken")
    axes.set(xscale="log", yscale="log", xlabel="step, counted from 1", ylabel="rate η")
    axes.set_title(f"{arm.capitalize()}, η = {rows[0]['rate']:g}")
    ticks_at(axes, (1, 10, 100, 1_000))
    plain_axis(axes)


def _draw_changes(axes: Axes, rows: list[dict[str, Any]]) -> None:
    """The change of the loss by each step against what the second order says of it."""
    kinds = ("quadratic", *ARMS)
    for stroke, kind in zip((STROKES[3], *STROKES), kinds, strict=False):
        own = [row for row in rows if row["arm"] == kind and row["loss"] > 0]
        axes.plot(
            [row["predicted"] / row["loss"] for row in own],
            [row["change"] / row["loss"] for row in own],
            linestyle="",
            marker=stroke.marker,
            color=stroke.color,
            alpha=0.5,
            markersize=3,
            label=kind,
        )
    axes.plot([-1, 1], [-1, 1], color=GREY, linewidth=0.8, zorder=1)
    axes.axhline(0, color=GREY, linewidth=0.6)
    axes.axvline(0, color=GREY, linewidth=0.6)
    axes.set_xscale("symlog", linthresh=1e-3, linscale=0.5)
    axes.set_yscale("symlog", linthresh=1e-3, linscale=0.5)
    ticks = (-0.1, -0.01, 0, 0.01, 0.1)
    axes.set(xlabel="predicted change, of the loss", ylabel="change, of the loss")
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set(xlim=(-1, 1), ylim=(-1, 1))
    axes.set_title("Change of the loss by a step")
    axes.legend(loc="lower right", handletextpad=0.1, fontsize=7.5)


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """G14a and G14e by seeds, the others by a seed's last steps: shares of a rate, or doublings."""
    at = {(row["arm"], row["seed"], row["place"]): row for row in table.to_pylist()}
    return (
        _exact(at, config),
        _reaches(at, config),
        _says(at, config),
        _stays(at, config),
        _calls(at, config),
    )


_Rows = dict[tuple[str, int, float], dict[str, Any]]
_EXACT = 1e-9
"""Of the loss: a change is the difference of two losses, each rounded."""
_ROUNDING = 1e-12
"""Of the loss: a smaller change has no sign that could be told from rounding."""


def _exact(at: _Rows, config: Config) -> Verdict:
    """Whether predicted and found changes agree, and have the sign of share − 1, in a seed."""

    def right(row: dict[str, Any]) -> bool:
        size = max(row["loss"], row["loss"] + row["change"])
        close = abs(row["predicted"] - row["change"]) <= _EXACT * size
        rises = row["change"] > _ROUNDING * size
        return close and rises == (row["place"] > 1)

    found = [
        all(right(at["quadratic", seed, share]) for share in config.shares) for seed in config.seeds
    ]
    below, above = max(s for s in config.shares if s < 1), min(s for s in config.shares if s > 1)
    return succeeds(
        "G14a",
        found,
        rate=0.5,
        unit="of the seeds",
        says=f"In {sum(found)} of {len(found)} seeds every step is as predicted: the last one "
        f"lowers the loss at {below:g} times 2/λ₁ and raises it at {above:g} times.",
        **_JUDGED,
    )


def _over(at: _Rows, arm: str, seed: int, steps: tuple[int, ...], rate: float) -> float | None:
    """The geometric mean over steps of the rate at which the loss rises, of the rate taken."""
    found = [at[arm, seed, float(step)]["turned"] for step in steps]
    known = [one for one in found if one is not None]
    if len(known) < len(found):
        return None
    return float(np.exp(np.mean(np.log(known)))) / rate


def _reaches(at: _Rows, config: Config) -> Verdict:
    arm, rate = "large rate", config.large
    first = [_over(at, arm, seed, config.at[:1], rate) for seed in config.seeds]
    last = [_over(at, arm, seed, config.late, rate) for seed in config.seeds]
    return all_of(
        "G14b",
        exceeds("at the start", _doublings(first), margin=log2(config.times), **_DOUBLED),
        equals("at the end", _less(last), margin=config.margin, unit="of the rate", **_JUDGED),
        says=f"It is {_mean(first)} times the rate at the start, {_mean(last)} times at the end.",
        **_JUDGED,
    )


def _says(at: _Rows, config: Config) -> Verdict:
    """The predicted rate over the found one, less 1, in the mean over the last steps."""

    def ratio(seed: int) -> float | None:
        late = [at["large rate", seed, float(step)] for step in config.late]
        if any(row["turns"] is None or row["turned"] is None for row in late):
            return None
        return float(np.exp(np.mean([np.log(row["turns"] / row["turned"]) for row in late])))

    found = [ratio(seed) for seed in config.seeds]
    return equals(
        "G14c",
        _less(found),
        margin=config.margin,
        unit="of the rate found",
        says=f"The predicted rate is {_mean(found)} times the one found.",
        **_JUDGED,
    )


def _stays(at: _Rows, config: Config) -> Verdict:
    last = [_over(at, "small rate", seed, config.late, config.small) for seed in config.seeds]
    return exceeds(
        "G14d",
        _doublings(last),
        margin=log2(config.times),
        says=f"At the end it is {_mean(last)} times the rate.",
        **_DOUBLED,
    )


def _calls(at: _Rows, config: Config) -> Verdict:
    """Whether at least so many of a seed's steps of SGD have the predicted sign."""
    steps = [float(step) for step in (*config.at, *config.late)]
    right = {
        seed: [
            (row["predicted"] > 0) == (row["change"] > 0)
            for row in (at["small batches", seed, step] for step in steps)
        ]
        for seed in config.seeds
    }
    every = list(chain.from_iterable(right.values()))
    rose = sum(
        at["small batches", seed, step]["change"] > 0 for seed in config.seeds for step in steps
    )
    return succeeds(
        "G14e",
        [fmean(some) >= config.called for some in right.values()],
        rate=0.5,
        unit="of the seeds",
        says=f"Of {len(every)} steps {rose} raise the loss, and {sum(every)} go as predicted.",
        **_JUDGED,
    )


def _less(values: list[float | None]) -> list[float | None]:
    return [None if one is None else one - 1 for one in values]


def _doublings(values: list[float | None]) -> list[float | None]:
    return [None if one is None else log2(one) for one in values]


def _mean(values: list[float | None]) -> str:
    """The geometric mean."""
    known = [one for one in values if one is not None]
    return f"{float(np.exp(np.mean(np.log(known)))):.2f}" if known else "unknown"
