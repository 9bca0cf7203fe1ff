"""When does SGD with a fixed step converge, where does it stop, and which batches are worth while?

Source: Ma, Bassily and Belkin 2018 (1712.06559), theorems for the quadratic loss. Expectations are
exact: the second moments of SGD on least squares obey a recursion.
Cost: quick 5 s, laptop 20 s (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.figure import Figure

from surfeit.lab import Claim, Lab, Verdict, all_of, equals, exceeds, ranks, succeeds
from surfeit.least_squares.checks import check_positive, check_size
from surfeit.studies._sgd_regimes import drawn
from surfeit.tables.figures.sgd import sgd_figure
from surfeit.train import Job

_SOURCE = "Ma, Bassily and Belkin 2018"
_MOMENTS = "second moments of SGD on least squares"

CLAIMS = (
    Claim(
        id="E12a",
        says="Where the model interpolates, noise included, the loss of SGD with a fixed step "
        "falls exponentially, at first as its expectation does, later at least as fast as the "
        "bound, to less than 1e-20 of the start.",
        published="E‖w_t − w*‖² falls at least by 1 − η λ_k a step for η up to "
        "η* = m / (β + (m − 1) λ_1)",
        source=_SOURCE,
    ),
    Claim(
        id="E12b",
        says="Where it does not, the loss of SGD with the same fixed step stops falling, at the "
        "exact floor of its expectation.",
        source=_MOMENTS,
    ),
    Claim(
        id="E12c",
        says="The floor falls with the rate: half the rate leaves the exact share of it, about a "
        "half where the rate is small.",
        source=_MOMENTS,
    ),
    Claim(
        id="E12d",
        says="Up to the critical batch a step of m examples is worth more than m/2 steps of one, "
        "and as many as the exact expectation says.",
        published="linear scaling: nearly m steps of one for m ≤ m* = β/λ_1 + 1; by the bound at "
        "least m/2",
        source=_SOURCE,
    ),
    Claim(
        id="E12e",
        says="From the critical batch on steps fall to about those of gradient descent on all "
        "examples, as the exact expectation says.",
        published="saturation: a step is nearly one of gradient descent for m > m*",
        source=_SOURCE,
    ),
)

_JUDGED: dict[str, Any] = {"comparisons": len(CLAIMS)}
_PLACES = (0, 5, 10, 25, 50, 75, 100, 150, *range(200, 2001, 100))


@dataclass(frozen=True, kw_only=True)
class Config:
    """Linear models fitted to a noisy linear target; a seed draws the data and all batches.

    The narrow model cannot fit the noise, the wide one can. Rates are the best by the bound: of
    `batch` examples, the smaller one of both models.
    """

    examples: int = 40  # n
    narrow: int = 10  # features
    wide: int = 160
    noise: float = 0.25  # variance, where the target's is 1
    batch: int = 8  # m
    places: tuple[int, ...] = _PLACES  # steps at which losses are kept
    # A few runs' mean is no expectation later, when that is made of runs that are rare.
    early: tuple[int, ...] = (5, 10, 25, 50)  # steps at which means are judged
    spans: tuple[int, int, int] = (400, 800, 1200)  # equally long, past the start, above rounding
    shares: tuple[float, ...] = (1.0, 0.5, 0.25, 0.125)  # of the rate
    settling: int = 250  # steps at the rate itself, of which the second half is averaged
    batches: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
    tolerance: float = 1e-3  # of the loss at the start
    runs: int = 400  # a seed
    seeds: tuple[int, ...] = tuple(range(40))
    margin: float = 0.1  # of the exact value: as far as simulations of a few percent can tell
    share_margin: float = 0.05  # of a floor
    solved: float = 1e-20  # of the loss at the start

    def __post_init__(self) -> None:
        for name in ("examples", "narrow", "batch", "settling", "runs"):
            check_size(name, getattr(self, name))
        if not self.narrow < self.examples <= self.wide:
            raise ValueError(
                f"narrow must be below the {self.examples} examples, so that noise is left, and "
                f"wide at least as many, so that none is; got {self.narrow} and {self.wide}"
            )
        # Without noise the narrow model would interpolate, too.
        for name in ("noise", "tolerance", "solved"):
            check_positive(name, getattr(self, name))
        for name in ("tolerance", "solved"):
            if getattr(self, name) >= 1:
                raise ValueError(f"{name} must be below 1, got {getattr(self, name)}")
        _check_places(self)
        _check_shares(self.shares)
        _check_batches(self.batches, self.examples)


def _check_places(config: Config) -> None:
    places, (first, middle, last) = config.places, config.spans
    if list(places) != sorted({*places}) or places[:1] != (0,):
        raise ValueError(f"places must rise from 0, got {places}")
    if not 0 < first < middle < last or middle - first != last - middle:
        raise ValueError(f"spans must be three steps, equally far apart, got {config.spans}")
    missing = [step for step in (*config.early, *config.spans) if step not in places]
    if missing:
        raise ValueError(f"places must hold all steps that are judged, and lack {missing[0]}")


def _check_shares(shares: tuple[float, ...]) -> None:
    for share in shares:
        check_positive("a share of the rate", share)
    if len(shares) < 2 or any(2 * second != first for first, second in pairwise(shares)):
        raise ValueError(f"shares must be halved one after another, got {shares}")


def _check_batches(batches: tuple[int, ...], examples: int) -> None:
    """The critical batch lies between 2 and one more than there are examples."""
    for size in batches:
        check_size("a batch", size)
    rises = list(batches) == sorted({*batches})
    if not rises or batches[:2] != (1, 2) or len([one for one in batches if one > examples]) < 2:
        raise ValueError(
            f"batches must rise, from 1 and 2 to at least two above the {examples} examples, so "
            f"that some lie on each side of the critical one, got {batches}"
        )


SIZES = ("runs", "seeds")
PAPER = Config()
LAPTOP = replace(PAPER, runs=100, seeds=tuple(range(20)))
QUICK = replace(PAPER, runs=40, seeds=tuple(range(8)))


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """None: linear models are no networks, and their SGD is the room's own."""
    return {}


_COLUMNS = (
    *("measured", "exact", "typical", "largest", "contraction", "floor", "critical", "full"),
)


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a seed, part and place, with what was `measured` and what is `exact`.

    `part` is `wide` or `narrow` (place: step; losses of the start's), `rates` (share of the rate;
    floors of the least loss), `batches` or `critical` (batch; steps to the tolerance). What a part
    does not have is null.
    """
    of = {
        (part, seed): {"part": part, "seed": seed, "settings": settings}
        for part, settings in _settings(config).items()
        for seed in config.seeds
    }
    for (_, seed), found in lab.compute(drawn, of).items():
        for row in found:
            part, place = row.pop("part"), float(row.pop("place"))
            yield {"part": part, "place": place, "seed": seed, **dict.fromkeys(_COLUMNS), **row}


def _settings(config: Config) -> dict[str, dict[str, Any]]:
    """What each part is drawn with."""
    shared = {"examples": config.examples, "wide": config.wide, "noise": config.noise}
    both = shared | {"narrow": config.narrow, "batch": config.batch, "runs": config.runs}
    return {
        "descents": both | {"places": config.places},
        "rates": both | {"shares": config.shares, "steps": config.settling},
        "batches": shared
        | {"sizes": config.batches, "tolerance": config.tolerance, "runs": config.runs},
    }


def figure(table: pa.Table) -> Figure:
    """Points are measured, lines are exact: losses by step, floors by rate, steps by batch."""
    return sgd_figure(table)


class _Seen:
    """A table's values by part, column and place: one a seed, in the same order everywhere."""

    def __init__(self, table: pa.Table) -> None:
        self._rows: dict[str, dict[float, list[dict[str, Any]]]] = {}
        for row in sorted(table.to_pylist(), key=lambda row: row["seed"]):
            self._rows.setdefault(row["part"], {}).setdefault(row["place"], []).append(row)
        # The critical batch is the seed's own, so that the part has one place for all.
        critical = self._rows.get("critical", {}).values()
        ordered = sorted((row for rows in critical for row in rows), key=lambda row: row["seed"])
        self._rows["critical"] = {0.0: ordered}

    def values(self, part: str, column: str, place: float = 0.0) -> np.ndarray:
        """float64, one a seed; NaN where nothing was measured."""
        rows = self._rows[part].get(float(place), [])
        return np.array([row[column] for row in rows], dtype=float)

    def off(self, part: str, place: float = 0.0) -> np.ndarray:
        """By which share of the exact value what was measured is above it."""
        return self.values(part, "measured", place) / self.values(part, "exact", place) - 1

    def agrees(self, name: str, part: str, place: float = 0.0, *, margin: float) -> Verdict:
        """Whether the mean over seeds is the exact value, within a share of it."""
        unit = "of the exact value"
        return equals(name, self.off(part, place), margin=margin, unit=unit, **_JUDGED)


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """Each claim by what a seed's runs did, beside the exact expectation for the seed's data."""
    seen = _Seen(table)
    return (
        _exponential(seen, config),
        _floor(seen, config),
        _falling_floor(seen, config),
        _worth(seen, config),
        _saturation(seen, config),
    )


def _exponential(seen: _Seen, config: Config) -> Verdict:
    """Two equal spans of steps see equal falls of the logarithm: of a power law they would not."""
    last = config.places[-1]
    slowest = seen.values("wide", "largest", last)
    solved = [None if np.isnan(one) else bool(one < config.solved) for one in slowest]
    first, middle, end = (np.log(seen.values("wide", "typical", at)) for at in config.spans)
    a_step = (middle - end) / (config.spans[2] - config.spans[1])
    bound = seen.values("wide", "contraction", config.spans[2])
    early = {at: seen.off("wide", at).mean() for at in config.early}
    farthest = max(early, key=lambda at: abs(early[at]))
    return all_of(
        "E12a",
        succeeds("all of its runs", solved, rate=0.5, unit="of seeds", **_JUDGED),
        equals(
            "equal falls",
            (middle - end) / (first - middle) - 1,
            margin=config.margin,
            unit="of the fall before",
            **_JUDGED,
        ),
        exceeds("the bound", a_step / bound - 1, unit="of the bound's fall a step", **_JUDGED),
        *(seen.agrees(f"step {at}", "wide", at, margin=config.margin) for at in config.early),
        says=f"In {sum(map(bool, solved))} of {len(solved)} seeds all runs are below "
        f"{config.solved:g} of the start by step {last:,}; the fall a step is "
        f"{(a_step / bound).mean():.2f} times the bound's; up to step {config.early[-1]} means are "
        f"off the expectation by {early[farthest]:+.1%} at most.",
        **_JUDGED,
    )


def _floor(seen: _Seen, config: Config) -> Verdict:
    """The loss is as high in the second span as in the first, and both lie on the floor."""
    first, middle, end = config.spans
    before = _mean_loss(seen, [at for at in config.places if first < at <= middle])
    after = _mean_loss(seen, [at for at in config.places if middle < at <= end])
    floor = seen.values("narrow", "floor", end)
    settled = _mean_loss(seen, [at for at in config.places if at >= first])
    return all_of(
        "E12b",
        equals(
            "stops", after / before - 1, margin=config.margin, unit="of the loss before", **_JUDGED
        ),
        equals(
            "the floor",
            settled / floor - 1,
            margin=config.margin,
            unit="of the exact floor",
            **_JUDGED,
        ),
        says=f"From step {first:,} on the excess loss is {settled.mean():.2%} of the start's, "
        f"{(settled / floor).mean():.3f} times the floor.",
        **_JUDGED,
    )


def _mean_loss(seen: _Seen, places: list[int]) -> np.ndarray:
    """The narrow model's loss, a seed's mean over steps."""
    return np.mean([seen.values("narrow", "measured", at) for at in places], axis=0)


def _falling_floor(seen: _Seen, config: Config) -> Verdict:
    floors = {at: seen.values("rates", "measured", at) for at in config.shares}
    exact = {at: seen.values("rates", "exact", at) for at in config.shares}
    left = {(a, b): floors[b] / floors[a] for a, b in pairwise(config.shares)}
    should = {(a, b): exact[b] / exact[a] for a, b in pairwise(config.shares)}
    within: dict[str, Any] = {"margin": config.share_margin, "unit": "of the floor", **_JUDGED}
    smallest = list(left)[-1]
    words = ", ".join(f"{one.mean():.3f} from {a:g} to {b:g}" for (a, b), one in left.items())
    return all_of(
        "E12c",
        ranks("rises", list(floors), np.transpose(list(floors.values())), **_JUDGED),
        *(equals(f"{a:g} to {b:g}", left[a, b] - should[a, b], **within) for a, b in left),
        equals("a half", left[smallest] - 0.5, **within),
        says=f"Half the rate leaves of the floor {words} of the rate.",
        **_JUDGED,
    )


def _worth(seen: _Seen, config: Config) -> Verdict:
    """Steps of one example over those of m, an example."""
    single = seen.values("batches", "measured", 1)
    worth = {
        size: single / seen.values("batches", "measured", size) / size
        for size in config.batches[1:]
        if size <= seen.values("batches", "critical", size).min()
    }
    critical = seen.values("critical", "critical")
    at_critical = single / seen.values("critical", "measured") / np.ceil(critical)
    words = ", ".join(f"{size * one.mean():.1f} at {size}" for size, one in worth.items())
    return all_of(
        "E12d",
        *(
            exceeds(f"half of {size}", one - 0.5, unit="steps of one an example", **_JUDGED)
            for size, one in (*worth.items(), ("m*", at_critical))
        ),
        *(
            seen.agrees(f"steps of {size}", "batches", size, margin=config.margin)
            for size in (1, *worth)
        ),
        says=f"A step is worth so many steps of one: {words}; at the critical batch, "
        f"{critical.min():.1f} to {critical.max():.1f}, {at_critical.mean():.2f} an example.",
        **_JUDGED,
    )


def _saturation(seen: _Seen, config: Config) -> Verdict:
    beyond = [
        size for size in config.batches if size >= seen.values("batches", "critical", size).max()
    ]
    full = seen.values("critical", "full")
    times = {size: seen.values("batches", "measured", size) / full for size in beyond}
    at_critical = seen.values("critical", "measured") / full
    words = ", ".join(f"{one.mean():.2f} at {size}" for size, one in times.items())
    return all_of(
        "E12e",
        ranks("falls", beyond, np.transpose(list(times.values())), falls=True, **_JUDGED),
        seen.agrees("the critical batch", "critical", margin=config.margin),
        *(
            seen.agrees(f"steps of {size}", "batches", size, margin=config.margin)
            for size in beyond
        ),
        equals(
            "the largest batch",
            times[beyond[-1]] - 1,
            margin=config.margin,
            unit="of gradient descent's steps",
            **_JUDGED,
        ),
        says=f"SGD needs so many times the {full.mean():.1f} steps of gradient descent: "
        f"{at_critical.mean():.2f} at the critical batch, {words}.",
        **_JUDGED,
    )
