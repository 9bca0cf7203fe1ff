"""Do gradients vanish or explode as the product of Jacobians, and what helps?

Source: Bengio, Simard and Frasconi 1994; Pascanu, Mikolov and Bengio 2013 (1211.5063); Schoenholz
et al. 2017 (1611.01232); He et al. 2016 (1512.03385); De and Smith 2020 (2002.10444).
Cost: quick 3 s, laptop 1 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import exp, log
from statistics import fmean
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from surfeit.core import check_positive, check_size
from surfeit.lab import Claim, Lab, Verdict, all_of, equals, exceeds, succeeds
from surfeit.studies._chains import ACTIVATIONS, typical_rate
from surfeit.studies._fitting import check_ascending
from surfeit.studies._vanishing import SCALED, UNSCALED, measured
from surfeit.tables.figures.lines import STROKES
from surfeit.tables.figures.style import panels, style
from surfeit.train import Job

_CLIPPING = "Pascanu, Mikolov and Bengio 2013"
CLAIMS = (
    Claim(
        id="G16a",
        says="In a deep linear chain whose singular vectors meet, a gradient's length is that of "
        "the singular values' powers, and in the end it falls or grows by the largest one a layer.",
        source="Bengio, Simard and Frasconi 1994; Pascanu, Mikolov and Bengio 2013",
    ),
    Claim(
        id="G16b",
        says="In random chains gradients fall by as much a layer as the product of Jacobians says, "
        "to first order in 1 / units, for linear, ReLU, tanh and sigmoid units; sigmoids lose more "
        "than three quarters a layer.",
        source="Schoenholz et al. 2017; Bengio, Simard and Frasconi 1994",
    ),
    Claim(
        id="G16c",
        says="With shortcuts gradients do not vanish: they grow as the product of Jacobians says, "
        "and stay within a factor of e where branches are scaled by 1/√L, for all four units.",
        source="He et al. 2016; De and Smith 2020",
    ),
    Claim(
        id="G16d",
        says="Clipping by the norm keeps the gradient's direction and bounds the step, and a "
        "training that diverges without it learns with it; clipping entry by entry turns the step.",
        source=_CLIPPING,
    ),
)
_JUDGED: dict[str, Any] = {"comparisons": len(CLAIMS)}


@dataclass(frozen=True, kw_only=True)
class Config:
    """Deep chains without training, and gradient descent on a linear one that starts too large."""

    width: int = 16  # of the chains whose singular vectors meet
    largest: tuple[float, ...] = (0.9, 1.0, 1.1)  # singular value
    depths: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64, 128)
    units: int = 64  # of the random chains
    layers: int = 50  # of the random chains, L
    draws: int = 20  # a seed
    clipped_units: int = 8
    clipped_layers: int = 10
    scale: float = 1.3  # k of the weights that descent begins with
    examples: int = 64
    rate: float = 0.03
    threshold: float = 1.0  # of the gradient's length
    steps: int = 500
    seeds: tuple[int, ...] = tuple(range(20))
    rounding: float = 1e-9  # of a length, and of 1 less a cosine
    linear_margin: float = 0.003  # nats a layer, where the expectation is exact
    margin: float = 0.02  # nats a layer, where it is so to first order in 1 / units
    factor: float = 2.718281828  # that a gradient may fall or grow by with scaled branches
    learned: float = 0.05  # of the loss at the start
    diverged: float = 1e6  # times the loss at the start
    turned: float = 0.1  # 1 less the smallest cosine

    def __post_init__(self) -> None:
        check_ascending("depths", self.depths)
        if not self.largest or list(self.largest) != sorted({*self.largest}):
            raise ValueError(f"largest must be ascending singular values, got {self.largest}")
        for value in (*self.largest, self.scale, self.rate, self.threshold):
            check_positive("a singular value, scale, rate or threshold", value)
        sizes = ("width", "draws", "clipped_units", "clipped_layers", "examples", "steps")
        for name in sizes:
            check_size(name, getattr(self, name))
        check_size("units", self.units, 2)
        check_size("layers", self.layers, 2)

    @property
    def places(self) -> list[int]:
        """Numbers of layers behind which gradients of random chains are kept."""
        rare = range(0, self.layers, max(1, self.layers // 10))
        return sorted({*range(min(6, self.layers)), *rare, self.layers})

    @property
    def moments(self) -> list[int]:
        """Steps of descent at which losses are kept."""
        rare = range(0, self.steps, max(1, self.steps // 25))
        return sorted({*range(min(6, self.steps)), *rare, self.steps})


SIZES = ("layers", "draws", "steps", "seeds")
PAPER = Config()
LAPTOP = PAPER
QUICK = replace(PAPER, layers=20, draws=6, steps=40, seeds=(0, 1, 2))


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """None: what is trained is a product of matrices that may diverge."""
    return {}


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a part, kind of chain, place and seed, with what was `measured` and what is `exact`.

    `part` is `aligned` (kind: the largest singular value; place: layers), `random` (place: layers
    that the gradient went back through) or `clipping` (place: step; the loss, of the start's),
    which also has the smallest `cosine` and the `longest` step. What a part does not have is None.
    """
    of = {
        (part, seed): {"part": part, "seed": seed, "settings": settings}
        for part, settings in _settings(config).items()
        for seed in config.seeds
    }
    empty = dict.fromkeys(("measured", "exact", "cosine", "longest"))
    for (part, seed), found in lab.compute(measured, of).items():
        for row in found:
            yield {"part": part, "seed": seed, "kind": "", "place": 0, **empty} | row


def _settings(config: Config) -> dict[str, dict[str, Any]]:
    return {
        "aligned": {
            "width": config.width,
            "largest": config.largest,
            "depths": config.depths,
        },
        "random": {
            "width": config.units,
            "depth": config.layers,
            "draws": config.draws,
            "places": config.places,
        },
        "clipping": {
            "width": config.clipped_units,
            "layers": config.clipped_layers,
            "scale": config.scale,
            "examples": config.examples,
            "rate": config.rate,
            "threshold": config.threshold,
            "steps": config.steps,
            "places": config.moments,
        },
    }


def figure(table: pa.Table) -> Figure:
    """Gradients by layers, points on lines of closed forms; losses with and without clipping."""
    drawn = table.to_pylist()
    part = {name: [row for row in drawn if row["part"] == name] for name in _PARTS}
    with style():
        drawing, ((aligned, random), (shortcuts, clipping)) = panels(2, rows=2, height=6.2)
        kinds = list(dict.fromkeys(row["kind"] for row in part["aligned"]))
        _draw(aligned, part["aligned"], {kind: f"largest {kind}" for kind in kinds})
        aligned.set(title="Singular vectors that meet", xlabel="layers", yscale="log")
        _draw(random, part["random"], {name: name for name in ACTIVATIONS})
        random.set(title="Random chains", xlabel="layers that it went back through", yscale="log")
        random.set_ylim(1e-4, 5)  # sigmoids leave the panel: all that is left of the others is seen
        _draw_shortcuts(shortcuts, part["random"])
        _draw_clipping(clipping, part["clipping"])
        for axes in (aligned, random, shortcuts):
            axes.set_ylabel("length of the gradient")
    return drawing


_PARTS = ("aligned", "random", "clipping")


def _draw(axes: Axes, rows: list[dict[str, Any]], words: dict[str, str], first: int = 0) -> None:
    """A line of the closed form and points of what was measured, a stroke a kind."""
    for stroke, (kind, label) in zip(STROKES[first:], words.items(), strict=False):
        places, exact = _geometric(rows, kind, "exact")
        axes.plot(places, exact, color=stroke.color, linestyle=stroke.linestyle, linewidth=1.2)
        places, means = _geometric(rows, kind, "measured")
        axes.plot(
            places,
            means,
            color=stroke.color,
            marker=stroke.marker,
            linestyle="",
            markersize=4,
            label=label,
        )
    axes.legend(loc="best", fontsize=7.5, handletextpad=0.2)


def _draw_shortcuts(axes: Axes, rows: list[dict[str, Any]]) -> None:
    shown = ("relu", "tanh", "sigmoid")
    _draw(axes, rows, {name + UNSCALED: name for name in shown})
    _draw(axes, rows, {name + SCALED: f"{name}, branches / √L" for name in shown}, first=3)
    axes.set(title="With shortcuts", xlabel="layers that it went back through", yscale="log")
    axes.set_ylim(0.5, 50 * max(row["exact"] for row in rows if row["kind"] == "relu" + UNSCALED))
    axes.legend(loc="upper left", fontsize=7.5, handletextpad=0.2, ncols=2)


_ARMS = {"none": "not clipped", "norm": "clipped by norm", "entries": "clipped entry by entry"}


def _draw_clipping(axes: Axes, rows: list[dict[str, Any]]) -> None:
    """Each seed's loss; what diverges leaves the panel at its top."""
    for stroke, (arm, label) in zip(STROKES, _ARMS.items(), strict=False):
        for at, seed in enumerate(sorted({row["seed"] for row in rows})):
            own = [row for row in rows if row["kind"] == arm and row["seed"] == seed]
            losses = [np.nan if row["measured"] is None else row["measured"] for row in own]
            axes.plot(
                [row["place"] for row in own],
                losses,
                color=stroke.color,
                alpha=0.45,
                linewidth=1,
                label=None if at else label,
            )
    axes.set(title="Descent on a chain too large", xlabel="step", ylabel="loss, of the start's")
    known = [row["measured"] for row in rows if row["kind"] != "none" and row["measured"]]
    axes.set_yscale("log")
    axes.set_ylim(0.5 * min(known), 1e5)
    axes.legend(loc="upper right")


def _geometric(rows: list[dict[str, Any]], kind: str, column: str) -> tuple[list[int], list[float]]:
    """Means of logarithms over seeds, by place."""
    places = sorted({row["place"] for row in rows if row["kind"] == kind})
    means = [
        exp(fmean(log(r[column]) for r in rows if r["kind"] == kind and r["place"] == place))
        for place in places
    ]
    return places, means


class _Seen:
    """A table's rows by part, kind and place: one a seed, in the order of the seeds."""

    def __init__(self, table: pa.Table, config: Config) -> None:
        self.config = config
        self._rows = {
            (row["part"], row["kind"], row["place"], row["seed"]): row for row in table.to_pylist()
        }

    def values(self, part: str, kind: str, place: int, column: str = "measured") -> list[Any]:
        """One a seed; None where nothing was measured."""
        return [self._rows[part, kind, place, seed][column] for seed in self.config.seeds]

    def rates(self, kind: str) -> list[float]:
        """By how many nats a layer the gradient of a random chain grows."""
        layers = self.config.layers
        return [log(value) / layers for value in self.values("random", kind, layers)]

    def exact_rate(self, kind: str) -> float:
        """The same by the closed form."""
        layers = self.config.layers
        return log(self.values("random", kind, layers, "exact")[0]) / layers

    def rate_is(self, kind: str, exact: float, margin: float) -> Verdict:
        """Whether a rate is the exact one."""
        off = [rate - exact for rate in self.rates(kind)]
        return equals(kind, off, margin=margin, unit="nats a layer", **_JUDGED)


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """Each claim beside its closed form: rates in nats a layer, the rest by seeds."""
    seen = _Seen(table, config)
    return _aligned(seen, config), _random(seen, config), _kept(seen, config), _clips(seen, config)


def _aligned(seen: _Seen, config: Config) -> Verdict:
    """To rounding at every depth, and from half the depth on by the largest value a layer."""
    pairs = [
        (
            seen.values("aligned", f"{top:g}", depth),
            seen.values("aligned", f"{top:g}", depth, "exact"),
        )
        for top in config.largest
        for depth in config.depths
    ]
    off = [max(abs(a[at] / b[at] - 1) for a, b in pairs) for at in range(len(config.seeds))]
    before, last = config.depths[-2:]

    def late(top: float) -> list[float]:
        ends = (seen.values("aligned", f"{top:g}", depth) for depth in (before, last))
        return [log(b / a) / (last - before) for a, b in zip(*ends, strict=True)]

    words = ", ".join(f"{exp(fmean(late(top))):.3f} where it is {top:g}" for top in config.largest)
    return all_of(
        "G16a",
        succeeds(
            "the closed form",
            [one < config.rounding for one in off],
            rate=0.5,
            unit="of seeds",
            **_JUDGED,
        ),
        *(
            equals(
                f"largest value {top:g}",
                [rate - log(top) for rate in late(top)],
                margin=config.margin,
                unit="nats a layer",
                **_JUDGED,
            )
            for top in config.largest
        ),
        says=f"Lengths are off the closed form by {max(off):.0e} of them at most. From layer "
        f"{before} to {last} a layer multiplies them by {words}.",
        **_JUDGED,
    )


def _random(seen: _Seen, config: Config) -> Verdict:
    linear = typical_rate(config.units)
    words = ", ".join(
        f"{exp(fmean(seen.rates(name))):.4g} ({name}; should be {exp(seen.exact_rate(name)):.4g})"
        for name in ACTIVATIONS
    )
    return all_of(
        "G16b",
        seen.rate_is("linear", linear, config.linear_margin),
        *(
            seen.rate_is(name, seen.exact_rate(name), config.margin)
            for name in ACTIVATIONS
            if name != "linear"
        ),
        exceeds(
            "sigmoid below a quarter",
            [-rate for rate in seen.rates("sigmoid")],
            margin=log(4),
            unit="nats a layer",
            signed=False,
            **_JUDGED,
        ),
        says=f"A layer multiplies a gradient by {words}.",
        **_JUDGED,
    )


def _kept(seen: _Seen, config: Config) -> Verdict:
    """Exploding is judged by the closed form, staying by the margin."""
    kept = {name: [log(length) for length in _last(seen, name + SCALED)] for name in ACTIVATIONS}
    plain, scaled = (
        ", ".join(f"{_typical(seen, name + words):.3g} ({name})" for name in ACTIVATIONS)
        for words in (UNSCALED, SCALED)
    )
    return all_of(
        "G16c",
        *(
            seen.rate_is(name + UNSCALED, seen.exact_rate(name + UNSCALED), config.margin)
            for name in ACTIVATIONS
        ),
        *(
            equals(name + SCALED, values, margin=log(config.factor), unit="nats", **_JUDGED)
            for name, values in kept.items()
        ),
        says=f"{config.layers} layers with shortcuts multiply a gradient by {plain}; with branches "
        f"scaled by 1/√L by {scaled}.",
        **_JUDGED,
    )


def _last(seen: _Seen, kind: str) -> list[float]:
    return seen.values("random", kind, seen.config.layers)


def _typical(seen: _Seen, kind: str) -> float:
    return exp(fmean(map(log, _last(seen, kind))))


def _clips(seen: _Seen, config: Config) -> Verdict:
    def end(arm: str, column: str) -> list[Any]:
        return seen.values("clipping", arm, config.steps, column)

    losses = {arm: end(arm, "measured") for arm in _ARMS}
    diverged = [one is None or one > config.diverged for one in losses["none"]]
    learned = [one is not None and one < config.learned for one in losses["norm"]]
    straight = [
        1 - cosine < config.rounding and longest < 1 + config.rounding
        for cosine, longest in zip(end("norm", "cosine"), end("norm", "longest"), strict=True)
    ]
    turns = [1 - cosine for cosine in end("entries", "cosine")]
    often: dict[str, Any] = {"rate": 0.5, "unit": "of seeds", **_JUDGED}
    return all_of(
        "G16d",
        succeeds("diverges without", diverged, **often),
        succeeds("learns with", learned, **often),
        succeeds("direction and length", straight, **often),
        exceeds(
            "entry by entry",
            turns,
            margin=config.turned,
            unit="of a cosine",
            signed=False,
            **_JUDGED,
        ),
        says=f"Of {len(diverged)} trainings {sum(diverged)} diverge without clipping; clipped by "
        f"the norm {sum(learned)} get below {config.learned:g} of the loss at the start, with "
        f"cosines of 1 and no step longer than the threshold times the rate in {sum(straight)}. "
        f"Clipped entry by entry the smallest cosine is {1 - fmean(turns):.2f}.",
        **_JUDGED,
    )
