"""Which optimiser gets nearest to a known solution, and which rates get all the way?

Source: Goodfellow, Bengio and Courville 2016, chapter 8; Polyak 1964 for momentum's rate; Robbins
and Monro 1951 for falling rates; Schmidt et al. 2021 (2007.01547) for networks. Every optimiser has
the same grid of rates, on the validation split, and the same number of steps (on the network: of
epochs). Problems, network and data are our choice. What an optimiser has besides its rate is
torch's default, momentum 0.9. Rates that diverge are part of a grid and no runs that are kept: so
the study trains in a loop of its own.
Cost: quick 4 s, laptop 1 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import log10
from statistics import fmean
from typing import Any

import pyarrow as pa
from matplotlib.figure import Figure

from surfeit.execute import Row
from surfeit.lab import POOL_DATA, Claim, Lab, Verdict, all_of, equals, exceeds, succeeds
from surfeit.least_squares.checks import check_positive, check_size
from surfeit.studies._fitting import check_ascending
from surfeit.studies._optimisers import OPTIMISERS, scheduled, trained, tuned
from surfeit.tables.figures.optimisers import optimisers_figure
from surfeit.train import Job

_BOOK = "Goodfellow et al. 2016, chapter 8"
CLAIMS = (
    Claim(
        id="G6a",
        says="On least squares the losses of gradient descent, momentum and Nesterov, as torch "
        "takes their steps, are those of their closed forms.",
        published="a factor of (κ − 1)/(κ + 1) a step at the best rate, with momentum "
        "(√κ − 1)/(√κ + 1)",
        source="Polyak 1964",
    ),
    Claim(
        id="G6b",
        says="With rates tuned alike, momentum and Nesterov end nearer to the solution of an "
        "ill-conditioned problem than gradient descent after as many steps, by more than an order "
        "of magnitude of the loss.",
        source="Polyak 1964",
    ),
    Claim(
        id="G6c",
        says="Where examples cannot all be fitted SGD with a constant rate stops at the exact "
        "floor of its noise, also with a quarter of the rate.",
        source="second moments of SGD on least squares",
    ),
    Claim(
        id="G6d",
        says="With rates η/(1 + t/τ), whose sum diverges and whose squares' sum converges, it "
        "falls as its expectation does, to less than a tenth of the floor.",
        source="Robbins and Monro 1951",
    ),
    Claim(
        id="G6e",
        says="With rates η/(1 + t/τ)², whose sum converges, it stops short of the solution: above "
        "the loss of η/(1 + t/τ), where its expectation does.",
        source="Robbins and Monro 1951",
    ),
    Claim(
        id="G6f",
        says="With a network and rates tuned alike, momentum and Nesterov end at a lower training "
        "loss than plain mini-batch SGD after as many epochs.",
        source=_BOOK,
    ),
    Claim(
        id="G6g",
        says="None of them is far better or worse on test data: tuned alike, momentum, Nesterov, "
        "AdaGrad, RMSProp and Adam err as often as plain mini-batch SGD, within two points.",
        published="no optimiser dominates across tasks",
        source="Schmidt, Schneider and Hennig 2021",
    ),
)
_JUDGED: dict[str, Any] = {"comparisons": len(CLAIMS)}
_SCHEDULES = ("constant", "quarter", "inverse", "inverse square")
_RATES = (1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_NETWORK_RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Least squares with a known solution, with and without noise, and a network.

    A seed draws both problems, all batches, the network's images and its initial weights.
    """

    count: int = 100  # examples of the problem that all of them fit
    features: int = 20
    condition: float = 100.0  # κ of the mean square of the inputs
    steps: int = 300
    places: tuple[int, ...] = (0, 1, 2, 5, 10, 20, 40, 60, 80, 100, 130, 160, 200, 250, 300)
    rates: tuple[float, ...] = _RATES
    batch: int = 10
    runs: int = 20  # of SGD and mini-batches
    noisy_count: int = 30  # of the problem that leaves noise
    noisy_features: int = 5
    noisy_condition: float = 10.0
    noise: float = 0.25  # variance, where the target's is about 1
    noisy_batch: int = 4
    noisy_rate: float = 0.3
    decay_steps: int = 30  # τ
    noisy_places: tuple[int, ...] = (0, 10, 30, 100, 300, 1_000, 2_000, 2_500, 3_000, 3_500, 4_000)
    settled: tuple[int, ...] = (2_000, 2_500, 3_000, 3_500, 4_000)  # whose means are judged
    noisy_runs: int = 100
    data: str = "mnist"
    images: int = 2_000
    model: str = "mlp-64"
    network_batch: int = 25
    epochs: int = 10
    network_rates: tuple[float, ...] = _NETWORK_RATES
    seeds: tuple[int, ...] = tuple(range(10))  # fewer cannot decide G6a among seven claims
    gain: float = 1.0  # orders of magnitude, of G6b
    margin: float = 0.1  # of an exact value
    below: float = 1.0  # orders of magnitude below the floor, of G6d
    alike: float = 2.0  # points of test error, of G6g

    def __post_init__(self) -> None:
        for name in ("batch", "runs", "noisy_batch", "noisy_runs", "network_batch", "epochs"):
            check_size(name, getattr(self, name))
        for name in ("condition", "noisy_condition", "noisy_rate", "noise"):
            check_positive(name, getattr(self, name))
        for name in ("places", "noisy_places"):
            places = getattr(self, name)
            if places[:1] != (0,):
                raise ValueError(f"{name} must begin at step 0, got {places}")
            check_ascending(f"{name} after 0", places[1:])
        if self.places[-1] != self.steps:
            raise ValueError(f"places must end at the {self.steps} steps, got {self.places[-1]}")
        if not self.settled or not set(self.settled) <= set(self.noisy_places):
            raise ValueError(f"settled must be among noisy_places, got {self.settled}")
        for name in ("rates", "network_rates"):
            rates = getattr(self, name)
            if len(rates) < 2 or list(rates) != sorted(set(rates)) or rates[0] <= 0:
                raise ValueError(f"{name} must be two or more above 0, ascending, got {rates}")
        for few, many in (("features", "count"), ("noisy_features", "noisy_count")):
            if not 1 <= getattr(self, few) < getattr(self, many):
                raise ValueError(
                    f"{few} must be in [1, {many}), got {getattr(self, few)} and "
                    f"{getattr(self, many)}"
                )


SIZES = (
    *("steps", "places", "rates", "runs", "noisy_places", "settled", "noisy_runs"),
    *("data", "images", "model", "network_batch", "epochs", "network_rates", "seeds"),
)
PAPER = Config()
LAPTOP = replace(PAPER, images=500, model="mlp-32", epochs=5)
QUICK = replace(
    PAPER,
    steps=60,
    places=(0, 1, 5, 20, 40, 60),
    rates=(0.02, 0.1, 0.5, 1.0),
    runs=5,
    noisy_places=(0, 30, 300, 500, 600),
    settled=(500, 600),
    noisy_runs=20,
    data=POOL_DATA,
    images=100,
    model="mlp-8",
    epochs=2,
    network_rates=(3e-3, 0.03, 0.3),
    seeds=(0, 1, 2),
)


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """None: what is trained is no run."""
    return {}


_COLUMNS = ("place", "value", "exact", "contraction", "floor", "validation_loss", "test_error")


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """A row a rate that was tried, and a step of what was chosen.

    `part` is `tuning` or `network` (one a rate; `chosen` is that of the least validation loss),
    `path` (of the chosen rate: the excess over that at the start) or `schedules`.
    """
    own = {seed: {"seed": seed} for seed in config.seeds}
    solved = lab.compute(tuned, own, **_problem(config))
    falling = lab.compute(scheduled, own, **_noisy_problem(config))
    fits = lab.compute(
        trained,
        {
            (seed, name): {"seed": seed, "optimiser": name}
            for seed in config.seeds
            for name in OPTIMISERS
        },
        lab.data(config.data),
        images=config.images,
        model=config.model,
        batch=config.network_batch,
        epochs=config.epochs,
        rates=list(config.network_rates),
    )
    for seed in config.seeds:
        empty = {"seed": seed, "chosen": False, **dict.fromkeys(_COLUMNS)}
        for name in OPTIMISERS:
            tried = [row for row in solved[seed] if row["optimiser"] == name]
            best = lab.choose(tried, by="validation_loss", largest=False)
            for row in tried:
                told = {key: row[key] for key in ("optimiser", "rate", "validation_loss")}
                yield {"part": "tuning", **empty, **told, "chosen": row is best or row == best}
            yield from _path(config, {"part": "path", **empty, "chosen": True}, best)
            best = lab.choose(fits[seed, name], by="validation_loss", largest=False)
            for row in fits[seed, name]:
                yield {"part": "network", **empty, **row, "chosen": row == best}
        for row in falling[seed]:
            yield {"part": "schedules", **empty, **row}


def _path(config: Config, about: dict[str, Any], best: Row) -> Iterator[dict[str, Any]]:
    told = {key: best[key] for key in ("optimiser", "rate", "contraction")}
    exact = best["exact"] or [None] * len(config.places)
    for place, value, formula in zip(config.places, best["losses"], exact, strict=True):
        yield {**about, **told, "place": float(place), "value": value, "exact": formula}


def _problem(config: Config) -> dict[str, Any]:
    return {
        "count": config.count,
        "features": config.features,
        "condition": config.condition,
        "batch": config.batch,
        "steps": config.steps,
        "places": list(config.places),
        "rates": list(config.rates),
        "runs": config.runs,
    }


def _noisy_problem(config: Config) -> dict[str, Any]:
    return {
        "count": config.noisy_count,
        "features": config.noisy_features,
        "condition": config.noisy_condition,
        "noise": config.noise,
        "batch": config.noisy_batch,
        "rate": config.noisy_rate,
        "decay_steps": config.decay_steps,
        "places": list(config.noisy_places),
        "runs": config.noisy_runs,
    }


def figure(table: pa.Table) -> Figure:
    """Tuning and losses on least squares, rates that fall, tuning on the network."""
    return optimisers_figure(table, OPTIMISERS)


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """G6a by seeds, the others paired by seed, in orders of magnitude or shares of exact values."""
    parts: dict[str, list[dict[str, Any]]] = {}
    for row in table.to_pylist():
        parts.setdefault(row["part"], []).append(row)
    paths = {(row["optimiser"], row["seed"], row["place"]): row for row in parts["path"]}
    falling = {(row["optimiser"], row["seed"], row["place"]): row for row in parts["schedules"]}
    return (
        _exact(paths, config),
        _sooner(paths, config),
        _stalls(falling, config),
        _falls(falling, config),
        _short(falling, config),
        *_network(parts["network"], config),
    )


_Rows = dict[tuple[str, int, float], dict[str, Any]]
_CLOSE = 1e-6
"""Relative: what is left of float64 after hundreds of steps."""
_ROUNDING = 1e-25
"""Of the loss at the start: below it the distance from the solution is rounding."""


def _exact(paths: _Rows, config: Config) -> Verdict:
    closed = ("gradient descent", "momentum", "Nesterov")

    def close(row: dict[str, Any]) -> bool:
        if row["value"] is None or row["exact"] is None:
            return False
        return abs(row["value"] - row["exact"]) <= max(_CLOSE * row["exact"], _ROUNDING)

    found = [
        all(close(paths[name, seed, float(at)]) for name in closed for at in config.places)
        for seed in config.seeds
    ]
    return succeeds(
        "G6a",
        found,
        rate=0.5,
        unit="of the seeds",
        says=f"In {sum(found)} of {len(found)} seeds all of them agree to {_CLOSE:g}.",
        **_JUDGED,
    )


def _sooner(paths: _Rows, config: Config) -> Verdict:
    end = float(config.steps)

    def gains(name: str) -> list[float | None]:
        pairs = (
            [paths[one, seed, end]["value"] for one in ("gradient descent", name)]
            for seed in config.seeds
        )
        return [_orders(*pair) for pair in pairs]

    ends = {
        name: [_logarithm(paths[name, seed, end]["value"]) for seed in config.seeds]
        for name in OPTIMISERS
    }
    words = ", ".join(f"{10 ** fmean(some):.1g} {name}" for name, some in ends.items())
    return all_of(
        "G6b",
        *(
            exceeds(name, gains(name), margin=config.gain, unit="orders of magnitude", **_JUDGED)
            for name in ("momentum", "Nesterov")
        ),
        says=f"After {config.steps} steps the loss is down to a share of: {words}.",
        **_JUDGED,
    )


def _settled(falling: _Rows, name: str, config: Config, column: str) -> list[float]:
    """A seed's mean over the settled steps."""
    return [
        fmean(falling[name, seed, float(at)][column] for at in config.settled)
        for seed in config.seeds
    ]


def _ratios(falling: _Rows, name: str, config: Config, over: str) -> list[float]:
    pairs = zip(
        _settled(falling, name, config, "value"),
        _settled(falling, name, config, over),
        strict=True,
    )
    return [value / exact - 1 for value, exact in pairs]


def _stalls(falling: _Rows, config: Config) -> Verdict:
    within: dict[str, Any] = {"margin": config.margin, "unit": "of the floor", **_JUDGED}
    off = {name: _ratios(falling, name, config, "floor") for name in _SCHEDULES[:2]}
    words = " and ".join(f"{1 + fmean(some):.3f}" for some in off.values())
    return all_of(
        "G6c",
        *(equals(name, some, **within) for name, some in off.items()),
        says=f"The excess is {words} times the floor, with the rate and a quarter of it.",
        **_JUDGED,
    )


def _falls(falling: _Rows, config: Config) -> Verdict:
    end = float(config.noisy_places[-1])
    rows = [falling["inverse", seed, end] for seed in config.seeds]
    floors = [falling["constant", seed, end]["floor"] for seed in config.seeds]
    below = [_orders(floor, row["value"]) for floor, row in zip(floors, rows, strict=True)]
    known = [one for one in below if one is not None]
    return all_of(
        "G6d",
        exceeds("below", below, margin=config.below, unit="orders of magnitude", **_JUDGED),
        equals(
            "as expected",
            _ratios(falling, "inverse", config, "exact"),
            margin=config.margin,
            unit="of the expectation",
            **_JUDGED,
        ),
        says=f"At the end the excess is {10 ** -fmean(known):.2g} of the constant rate's floor."
        if known
        else "",
        **_JUDGED,
    )


def _short(falling: _Rows, config: Config) -> Verdict:
    end = float(config.noisy_places[-1])
    above = [
        _orders(*(falling[name, seed, end]["value"] for name in ("inverse square", "inverse")))
        for seed in config.seeds
    ]
    known = [one for one in above if one is not None]
    return all_of(
        "G6e",
        exceeds("above", above, unit="orders of magnitude", **_JUDGED),
        equals(
            "as expected",
            _ratios(falling, "inverse square", config, "exact"),
            margin=config.margin,
            unit="of the expectation",
            **_JUDGED,
        ),
        says=f"It ends {10 ** fmean(known):.3g} times as high." if known else "",
        **_JUDGED,
    )


def _network(rows: list[dict[str, Any]], config: Config) -> tuple[Verdict, Verdict]:
    best = {(row["optimiser"], row["seed"]): row for row in rows if row["chosen"]}

    def of(name: str, column: str) -> list[float]:
        return [best[name, seed][column] for seed in config.seeds]

    def pairs(name: str, column: str) -> Iterator[tuple[float, float]]:
        return zip(of("mini-batch", column), of(name, column), strict=True)

    def said(column: str, scale: float) -> str:
        return ", ".join(f"{scale * fmean(of(name, column)):.2g} {name}" for name in OPTIMISERS)

    lower = {name: [_orders(*two) for two in pairs(name, "value")] for name in OPTIMISERS[3:5]}
    more = {
        name: [100 * (other - plain) for plain, other in pairs(name, "test_error")]
        for name in OPTIMISERS[3:]
    }
    return (
        all_of(
            "G6f",
            *(
                exceeds(name, some, unit="orders of magnitude", **_JUDGED)
                for name, some in lower.items()
            ),
            says=f"Training loss at the chosen rates: {said('value', 1)}.",
            **_JUDGED,
        ),
        all_of(
            "G6g",
            *(
                equals(name, some, margin=config.alike, unit="points", **_JUDGED)
                for name, some in more.items()
            ),
            says=f"Test error at the chosen rates in percent: {said('test_error', 100)}.",
            **_JUDGED,
        ),
    )


def _orders(larger: float | None, smaller: float | None) -> float | None:
    """By how many powers of ten the first is above the second; None where one is missing."""
    if larger is None or smaller is None or min(larger, smaller) <= 0:
        return None
    return log10(larger / smaller)


def _logarithm(value: float | None) -> float:
    return log10(value) if value else -30.0
