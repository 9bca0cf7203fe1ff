"""Does SGD stay only at minima whose curvature, and its spread over examples, its rate allows?

Source: Wu, Ma and E 2018, "How SGD selects the global minima in over-parameterized learning". The
network, its data and the scale of its initial weights are our choice.
Cost: quick 6 s, laptop about 5 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from statistics import fmean
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from surfeit.curvature import expected_growth, largest_nonuniformity
from surfeit.execute import Derived
from surfeit.lab import POOL_DATA, Claim, Lab, Verdict, all_of, equals, exceeds, not_worse, succeeds
from surfeit.studies._fitting import check_ascending, examples
from surfeit.studies._sgd_stability import curved, descent, highest_loss, moved_on
from surfeit.tables.figures.lines import STROKES
from surfeit.tables.figures.style import BLACK, GREY, panels, plain_axis, style, ticks_at
from surfeit.train import Job, Recipe

_SOURCE = "Wu, Ma and E 2018"
CLAIMS = (
    Claim(
        id="E11a",
        says="Gradient descent ends where the largest eigenvalue of the Hessian is at most 2/η, "
        "within a tenth, and at the largest two rates within a tenth of 2/η.",
        source=_SOURCE,
    ),
    Claim(
        id="E11b",
        says="SGD with small batches ends at a smaller non-uniformity than gradient descent with "
        "the same rate after as many steps.",
        source=_SOURCE,
    ),
    Claim(
        id="E11c",
        says="SGD that starts where gradient descent with a small rate ended leaves in most of the "
        "cases that the criterion calls unstable, and stays in most others, in more than half of "
        "the seeds.",
        source=_SOURCE,
    ),
)
_COMPARISONS = len(CLAIMS)
_JUDGED: dict[str, Any] = {"comparisons": _COMPARISONS}


@dataclass(frozen=True, kw_only=True)
class Config:
    """Gradient descent and SGD on the squared error of few images, and SGD from where it ended.

    A seed draws its images and initial weights. Weights as drawn have a Hessian several times
    sharper than the minima; they are scaled down, so that every rate starts where it is stable.
    """

    data: str = POOL_DATA
    images: int = 100
    model: str = "mlp-32"
    scale: float = 0.3  # of the initial weights
    gentle: float = 0.02  # the rate whose minima SGD starts from, for E11c
    rates: tuple[float, ...] = (0.05, 0.1, 0.2)  # of gradient descent
    noisy_rates: tuple[float, ...] = (0.05, 0.1)  # of SGD, each one of `rates`
    batches: tuple[int, ...] = (4, 10)
    steps: int = 4_000
    kicks: tuple[float, ...] = (0.025, 0.03, 0.04, 0.05, 0.07)  # rates of SGD from the minima
    kick_steps: int = 400
    seeds: tuple[int, ...] = tuple(range(8))
    margin: float = 0.1  # of 2/η
    left: float = 2.0  # times the loss at the start: where it is more in an epoch, SGD has left

    def __post_init__(self) -> None:
        check_ascending("batches", self.batches, fewest=1)
        if self.batches[-1] >= self.images:
            raise ValueError(
                f"batches must be smaller than the {self.images} images, got {self.batches}"
            )
        for name in ("rates", "noisy_rates", "kicks"):
            _check_rates(name, getattr(self, name))
        if len(self.rates) < 2 or self.gentle >= min(self.rates + self.kicks):
            raise ValueError(
                "rates must be two or more, and all rates and kicks above the gentle one, "
                f"{self.gentle}, got {self.rates} and {self.kicks}"
            )
        if not set(self.noisy_rates) <= set(self.rates):
            raise ValueError(
                f"noisy_rates must be among rates, {self.rates}, got {self.noisy_rates}"
            )

    def recipe(self, rate: float, batch: int, steps: int) -> Recipe:
        """Plain SGD."""
        return Recipe(lr=rate, batch_size=batch, steps=steps)

    @property
    def settings(self) -> list[tuple[float, int]]:
        """Rate and batch of each training of a seed that begins at the initial weights."""
        full = [(rate, self.images) for rate in (self.gentle, *self.rates)]
        return full + [(rate, batch) for rate in self.noisy_rates for batch in self.batches]


def _check_rates(name: str, rates: tuple[float, ...]) -> None:
    if not rates or list(rates) != sorted(set(rates)) or rates[0] <= 0:
        raise ValueError(f"{name} must be rates above 0 in ascending order, got {rates}")


SIZES = ("images", "rates", "noisy_rates", "batches", "steps", "kicks", "kick_steps", "seeds")
PAPER = Config()
LAPTOP = PAPER
QUICK = replace(
    PAPER,
    images=16,
    rates=(0.1, 0.2),
    noisy_rates=(0.1,),
    batches=(4,),
    steps=400,
    kicks=(0.03, 0.1),
    kick_steps=80,
    seeds=(0, 1, 2),
)


def jobs(config: Config, lab: Lab) -> dict[str, Job | Derived]:
    """Each seed's trainings from the initial weights, and those from its gentle minimum."""
    whole = lab.data(config.data)
    found: dict[str, Job | Derived] = {}
    for seed in config.seeds:
        data = examples(whole, config.images, seed)
        begin = partial(descent, lab, config.model, data, seed=seed, scale=config.scale)
        for rate, batch in config.settings:
            recipe = config.recipe(rate, batch, config.steps)
            found[_descent_name(rate, batch, seed)] = begin(recipe)
        start = _descent_name(config.gentle, config.images, seed)
        base = begin(config.recipe(config.gentle, config.images, config.steps))
        for rate in config.kicks:
            for batch in config.batches:
                recipe = config.recipe(rate, batch, config.kick_steps)
                derive = partial(moved_on, base=base, recipe=recipe)
                found[_kick_name(rate, batch, seed)] = Derived(derive=derive, parents=(start,))
    return found


def _descent_name(rate: float, batch: int, seed: int) -> str:
    return f"rate {rate}, batch {batch}, seed {seed}"


def _kick_name(rate: float, batch: int, seed: int) -> str:
    return f"from the minimum by rate {rate}, batch {batch}, seed {seed}"


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a training: of `kind` descent, or kick, one that starts from a gentle minimum.

    `sharpness` and `nonuniformity` are those at the end of a descent and at the start of a kick,
    whose `rise` is its largest training loss over the loss at its start.
    """
    runs = lab.train(jobs(config, lab))
    ends = {
        (rate, batch, seed): runs[_descent_name(rate, batch, seed)]
        for seed in config.seeds
        for rate, batch in config.settings
    }
    found = lab.measure(curved, ends, lab.data(config.data), images=config.images)
    for (rate, batch, seed), run in ends.items():
        yield _row(config, "descent", (rate, batch, seed), found[rate, batch, seed][0], run.key)
    for seed in config.seeds:
        start = found[config.gentle, config.images, seed][0]
        for rate in config.kicks:
            for batch in config.batches:
                run = runs[_kick_name(rate, batch, seed)]
                row = _row(config, "kick", (rate, batch, seed), start, run.key)
                yield row | {"rise": highest_loss(run) / start["loss"]}


def _row(
    config: Config,
    kind: str,
    which: tuple[float, int, int],
    curvature: dict[str, Any],
    key: str,
) -> dict[str, Any]:
    rate, batch, seed = which
    a, s = curvature["sharpness"], curvature["nonuniformity"]
    about: dict[str, Any] = {"rate": rate, "batch": batch, "examples": config.images}
    growth = None if a is None or s is None else expected_growth(a, s, **about)
    own = {"kind": kind, "seed": seed, "growth": growth, "rise": None, "run": key}
    return about | curvature | own


def figure(table: pa.Table) -> Figure:
    """Where trainings end, their non-uniformity by batch, and SGD's rise by the criterion."""
    drawn = table.to_pylist()
    with style():
        drawing, ((left, middle, right),) = panels(3, height=3.3)
        _draw_sharpness(left, [row for row in drawn if row["kind"] == "descent"])
        _draw_nonuniformity(middle, [row for row in drawn if row["kind"] == "descent"])
        _draw_rises(right, [row for row in drawn if row["kind"] == "kick"])
    return drawing


def _draw_sharpness(axes: Axes, rows: list[dict[str, Any]]) -> None:
    """Gradient descent's sharpness by rate, beside 2/η."""
    full = [row for row in rows if row["batch"] == row["examples"]]
    rates = sorted({row["rate"] for row in full})
    axes.plot(rates, [2 / rate for rate in rates], color=GREY, label="2/η", zorder=1)
    axes.plot(
        [row["rate"] for row in full],
        _values(full, "sharpness"),
        linestyle="",
        alpha=0.6,
        color=STROKES[0].color,
        marker="o",
        label="gradient descent",
    )
    axes.set(xscale="log", yscale="log", xlabel="rate η", ylabel="largest eigenvalue λ₁")
    axes.set_title("Sharpness")
    ticks_at(axes, rates)
    plain_axis(axes)
    axes.legend(loc="lower left")


def _draw_nonuniformity(axes: Axes, rows: list[dict[str, Any]]) -> None:
    """The non-uniformity by batch, a colour a rate, and the most that SGD allows."""
    noisy = sorted({row["rate"] for row in rows if row["batch"] < row["examples"]})
    examples = max(row["examples"] for row in rows)
    batches = sorted({row["batch"] for row in rows})
    for stroke, rate in zip(STROKES, noisy, strict=False):
        own = [row for row in rows if row["rate"] == rate]
        axes.plot(
            [row["batch"] for row in own],
            _values(own, "nonuniformity"),
            linestyle="",
            alpha=0.6,
            color=stroke.color,
            marker=stroke.marker,
            label=f"η = {rate:g}",
        )
        small = range(batches[0], examples // 2)
        most = [largest_nonuniformity(rate=rate, batch=b, examples=examples) for b in small]
        axes.plot(small, most, color=stroke.color, linestyle=stroke.linestyle, linewidth=1)
    top = max(value for value in _values(rows, "nonuniformity") if np.isfinite(value))
    axes.plot([], [], color=BLACK, linewidth=1, label="most allowed")
    axes.set(xscale="log", ylim=(0, 1.15 * top), xlabel="batch (right: all images)")
    axes.set(ylabel="non-uniformity s", title="Non-uniformity")
    ticks_at(axes, batches)
    axes.legend(loc="lower right")


def _draw_rises(axes: Axes, rows: list[dict[str, Any]]) -> None:
    """How far the loss rises by the criterion."""
    for stroke, batch in zip(STROKES[2:], sorted({row["batch"] for row in rows}), strict=False):
        own = [row for row in rows if row["batch"] == batch]
        axes.plot(
            _values(own, "growth"),
            _values(own, "rise"),
            linestyle="",
            alpha=0.6,
            color=stroke.color,
            marker=stroke.marker,
            label=f"batch {batch}",
        )
    axes.axvline(1, color=GREY, zorder=1)
    axes.set(xscale="log", yscale="log", xlabel="criterion (stable up to 1)")
    axes.set(ylabel="highest loss over that at the start")
    axes.set_title("SGD from minima")
    plain_axis(axes)
    ticks_at(axes, (0.2, 0.5, 1, 2, 5, 10))
    axes.legend(loc="upper left", handlelength=0.8, handletextpad=0.3)


def _values(rows: list[dict[str, Any]], name: str) -> list[float]:
    return [np.nan if row[name] is None else row[name] for row in rows]


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """E11a and E11b in shares, a value a seed; E11c by seeds."""
    rows = {(row["kind"], row["rate"], row["batch"], row["seed"]): row for row in table.to_pylist()}
    return _edge(rows, config), _selects(rows, config), _leaves(rows, config)


_Rows = dict[tuple[str, float, int, int], dict[str, Any]]


def _edge(rows: _Rows, config: Config) -> Verdict:
    """Gradient descent's sharpness over 2/η."""

    def over(rate: float) -> list[float | None]:
        found = (rows["descent", rate, config.images, seed]["sharpness"] for seed in config.seeds)
        return [None if a is None else rate * a / 2 - 1 for a in found]

    shares = {rate: over(rate) for rate in (config.gentle, *config.rates)}
    known = {rate: [x for x in some if x is not None] for rate, some in shares.items()}
    words = ", ".join(f"{1 + fmean(x):.2f} with {r:g}" for r, x in known.items() if x)
    within: dict[str, Any] = {"margin": config.margin, "unit": "of 2/η", **_JUDGED}
    return all_of(
        "E11a",
        *(
            not_worse(f"rate {rate:g}", [None if x is None else -x for x in some], **within)
            for rate, some in shares.items()
        ),
        *(equals(f"near it at {rate:g}", shares[rate], **within) for rate in config.rates[-2:]),
        says=f"The largest eigenvalue is so many times 2/η: {words}.",
        **_JUDGED,
    )


def _selects(rows: _Rows, config: Config) -> Verdict:
    """How much smaller SGD's non-uniformity is than gradient descent's, of the latter."""

    def smaller(rate: float, batch: int) -> list[float | None]:
        pairs = (
            [rows["descent", rate, size, seed]["nonuniformity"] for size in (batch, config.images)]
            for seed in config.seeds
        )
        return [None if one is None or all_ is None else 1 - one / all_ for one, all_ in pairs]

    parts = {(r, b): smaller(r, b) for r in config.noisy_rates for b in config.batches}
    known = {which: [x for x in some if x is not None] for which, some in parts.items()}
    words = ", ".join(f"{fmean(x):.0%} (rate {r:g}, batch {b})" for (r, b), x in known.items() if x)
    return all_of(
        "E11b",
        *(
            exceeds(f"rate {r:g}, batch {b}", some, unit="of gradient descent's", **_JUDGED)
            for (r, b), some in parts.items()
        ),
        says=f"SGD's non-uniformity is smaller than gradient descent's by {words}.",
        **_JUDGED,
    )


def _leaves(rows: _Rows, config: Config) -> Verdict:
    """Whether most of a seed's trainings that are called unstable leave, and most others stay."""
    called: dict[bool, dict[int, list[bool]]] = {True: {}, False: {}}
    missing = set()
    for (kind, _, _, seed), row in rows.items():
        if kind != "kick":
            continue
        if row["growth"] is None:
            missing.add(seed)
            continue
        unstable = row["growth"] > 1
        as_called = (row["rise"] > config.left) == unstable
        called[unstable].setdefault(seed, []).append(as_called)

    def most(unstable: bool) -> list[bool | None]:
        own = called[unstable]
        return [
            None if seed in missing or seed not in own else fmean(own[seed]) > 0.5
            for seed in config.seeds
        ]

    left, stayed = (list(chain.from_iterable(called[which].values())) for which in (True, False))
    return all_of(
        "E11c",
        succeeds("unstable ones leave", most(True), rate=0.5, unit="of the seeds", **_JUDGED),
        succeeds("stable ones stay", most(False), rate=0.5, unit="of the seeds", **_JUDGED),
        says=f"Of {len(left)} trainings that are called unstable {sum(left)} leave, of "
        f"{len(stayed)} others {sum(stayed)} stay.",
        **_JUDGED,
    )
