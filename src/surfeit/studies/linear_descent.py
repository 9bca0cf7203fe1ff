"""Why are larger linear models not worse: where does their error peak, and why does it fall again?

Source: Belkin, Hsu and Xu 2019 (1903.07571); Hastie, Montanari, Rosset and Tibshirani 2019
(1903.08560), theorem 1; Livni, Shalev-Shwartz and Shamir 2014 (1410.1141) for gradient descent on
more unknowns than equations.
Cost: quick 8 s, laptop 2 min (two cores).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.figure import Figure

from surfeit.lab import Claim, Lab, Verdict, all_of, equals, exceeds, ranks, succeeds
from surfeit.least_squares import (
    check_widths,
    limiting_condition_number,
    limiting_descent_steps,
    ridge_risk,
    ridgeless_risk,
    weak_feature_quantile,
    weak_feature_risk,
)
from surfeit.least_squares.checks import check_not_negative, check_positive, check_size
from surfeit.studies._beside_formula import Beside, dense
from surfeit.studies._linear_descent import drawn
from surfeit.tables.figures.descent import linear_figure
from surfeit.train import Job

_WEAK = "Belkin, Hsu and Xu 2019"
_RIDGELESS = "Hastie et al. 2019"

CLAIMS = (
    Claim(
        id="E7a",
        says="On p of D weak features the mean error of the least-norm fit to n examples is that "
        "of the closed form, below n and above.",
        published="((1 − p/D)‖β‖² + σ²)(1 + p/(n − p − 1)) for p ≤ n − 2; "
        "‖β‖²(1 − (n/D)(2 − (D − n − 1)/(p − n − 1))) + σ²(1 + n/(p − n − 1)) for p ≥ n + 2",
        source=_WEAK,
    ),
    Claim(
        id="E7b",
        says="Next to p = n, where the error has no mean, its median is that of its distribution.",
        source="Fisher's F, from the inverse Wishart law",
    ),
    Claim(id="E7c", says="The error peaks at p = n.", source=_WEAK),
    Claim(
        id="E7d",
        says="Beyond the peak the error descends again, below that of any model with p < n.",
        source=_WEAK,
    ),
    Claim(
        id="E7e",
        says="The peak is one of the variance: the bias falls through it.",
        source=f"{_WEAK}, taken apart",
    ),
    Claim(
        id="E7f",
        says="A ridge that suits removes the peak: the error at p = n is below that at n/2.",
        source=_RIDGELESS,
    ),
    Claim(
        id="E7g",
        says="With isotropic features, all of them fitted, the excess error is that of the limit.",
        published="σ² γ/(1 − γ) for γ < 1, r² (1 − 1/γ) + σ²/(γ − 1) for γ > 1",
        source=f"{_RIDGELESS}, theorem 1",
    ),
    Claim(
        id="E13a",
        says="With at least as many unknowns as equations a solution exists; with fewer the share "
        "1 − n/m of the targets is left.",
        source="Livni et al. 2014; rank of a random matrix",
    ),
    Claim(
        id="E13b",
        says="The more unknowns an equation, the better the system is conditioned: "
        "(√γ + 1) / (√γ − 1).",
        source="Bai and Yin 1993",
    ),
    Claim(
        id="E13c",
        says="Gradient descent solves the system the sooner, the more surplus it has, in as many "
        "steps as the law of Marchenko and Pastur says.",
        source="Livni et al. 2014",
    ),
)


_JUDGED: dict[str, Any] = {"comparisons": len(CLAIMS)}
_NORM = "of the squared norm"


@dataclass(frozen=True, kw_only=True)
class Config:
    """Weak features, isotropic ones, and systems of equations; a seed draws some of each.

    Coefficients have the norm 1 (weak) or √`signal` (isotropic). A replicate is a seed, and its
    value a mean over its draws.
    """

    features: int = 100  # D
    examples: int = 40  # n
    noise: float = 0.04  # σ², of weak features
    widths: tuple[int, ...] = (
        2, 5, 10, 15, 20, 25, 30, 34, 37, 39, 40, 41, 43, 46, 50, 57, 65, 80, 100,
    )  # fmt: skip
    draws: int = 5000  # training sets a seed
    isotropic_examples: int = 1000
    ratios: tuple[float, ...] = (0.2, 0.5, 0.8, 1.25, 1.5, 2.0, 4.0)  # γ = p/n
    signal: float = 2.0
    isotropic_noise: float = 1.0
    isotropic_draws: int = 10
    equations: int = 500  # m
    systems: int = 10  # a seed and ratio
    surplus: tuple[float, ...] = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 8.0)  # n/m
    tolerance: float = 1e-6  # of the targets' norm: where descent has solved a system
    seeds: tuple[int, ...] = tuple(range(20))
    clear: int = 6  # |p − n| from which a draw's error has a variance that means can be judged by
    margin: float = 0.1  # of the closed form: as far as simulations of a few percent can tell
    limit_margin: float = 0.15  # of a limit, from which finite systems are off by m^(−2/3)
    clear_surplus: float = 1.5  # n/m from which the limit is judged: nearer to 1 it is far off
    share_margin: float = 0.05  # of the draws, around a half
    bias_margin: float = 0.05  # of the squared norm of the coefficients
    solved: float = 1e-16  # of the squared targets: rounding, where 1 is nothing solved

    def __post_init__(self) -> None:
        check_widths(self.widths, self.examples, 1)
        if max(self.widths) > self.features:
            raise ValueError(
                f"widths must be at most {self.features}, as many features as there are, got "
                f"{max(self.widths)}"
            )
        for name in ("noise", "isotropic_noise"):
            check_not_negative(name, getattr(self, name))
        for ratio in (*self.ratios, *self.surplus):
            check_positive("a ratio", ratio)
        for name in ("draws", "isotropic_draws", "isotropic_examples", "equations", "systems"):
            check_size(name, getattr(self, name), 2 if name == "draws" else 1)


SIZES = ("draws", "isotropic_examples", "isotropic_draws", "equations", "systems", "seeds")
PAPER = Config()
LAPTOP = replace(PAPER, draws=1000, isotropic_examples=400, equations=300, systems=4)
QUICK = replace(
    PAPER,
    draws=200,
    isotropic_examples=200,
    isotropic_draws=8,
    equations=150,
    systems=4,
    seeds=tuple(range(10)),
)


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """None: what is fitted here is solved, not trained."""
    return {}


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a seed and place, and one a place of the closed form (`of`: `drawn`, `formula`).

    `part` is `weak` (place: p), `isotropic` (p/n) or `systems` (n/m); what a part does not measure,
    and what is infinite, is null.
    """
    of = {
        (part, seed): {"part": part, "seed": seed, "settings": settings}
        for part, settings in _settings(config).items()
        for seed in config.seeds
    }
    for (part, seed), found in lab.compute(drawn, of).items():
        for row in found:
            place = row.pop("width" if part == "weak" else "ratio")
            yield _row(part, "drawn", place, seed=seed, **row)
    yield from (_row(part, "formula", place, **row) for part, place, row in _formulas(config))


def _settings(config: Config) -> dict[str, dict[str, Any]]:
    """What each part is drawn with."""
    return {
        "weak": {
            "features": config.features,
            "examples": config.examples,
            "noise": config.noise,
            "widths": config.widths,
            "draws": config.draws,
        },
        "isotropic": {
            "examples": config.isotropic_examples,
            "ratios": config.ratios,
            "signal": config.signal,
            "noise": config.isotropic_noise,
            "draws": config.isotropic_draws,
        },
        "systems": {
            "equations": config.equations,
            "ratios": config.surplus,
            "tolerance": config.tolerance,
            "draws": config.systems,
        },
    }


_COLUMNS = (
    *("seed", "error", "median", "below", "bias", "variance", "noise", "ridge"),
    *("residual", "condition", "steps"),
)


def _row(part: str, of: str, place: float, **values: Any) -> dict[str, Any]:
    finite = {name: None if value == math.inf else value for name, value in values.items()}
    return {"part": part, "of": of, "place": float(place), **dict.fromkeys(_COLUMNS), **finite}


def _formulas(config: Config) -> Iterator[tuple[str, float, dict[str, Any]]]:
    """The closed forms, at all widths and at ratios that lie densely, those measured among them."""
    for width in range(1, config.features + 1):
        share, noise = width / config.features, config.noise
        about: dict[str, Any] = {"inside": share, "outside": 1 - share, "noise": noise}
        risk = weak_feature_risk(config.examples, width, **about)
        row = {"error": risk.total, "bias": risk.bias, "variance": risk.variance, "noise": noise}
        row["median"] = weak_feature_quantile(config.examples, width, **about)
        row["ridge"] = ridge_risk(config.examples, width, **about)
        yield "weak", width, row
    for ratio in dense(config.ratios, 1.0):
        limit = ridgeless_risk(ratio, signal=config.signal, noise=config.isotropic_noise)
        yield "isotropic", ratio, {"error": limit.excess}
    for ratio in dense(config.surplus, 1.0):
        steps = limiting_descent_steps(ratio, tolerance=config.tolerance)
        condition = limiting_condition_number(ratio)
        row = {"residual": max(0.0, 1 - ratio), "condition": condition, "steps": steps}
        yield "systems", ratio, row


def figure(table: pa.Table) -> Figure:
    """Points are measured, lines are formulas: error, its parts, the limit, and descent."""
    return linear_figure(table)


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """Each claim by the difference of seeds from a closed form, or of two widths of a seed."""
    seen = Beside(table, len(CLAIMS))
    clear = [width for width in config.widths if abs(width - config.examples) >= config.clear]
    surplus = [ratio for ratio in config.surplus if ratio >= config.clear_surplus]
    within: dict[str, Any] = {"margin": config.margin}
    near: dict[str, Any] = {"margin": config.limit_margin}
    return (
        seen.agrees_everywhere("E7a", "weak", "error", clear, **within),
        _medians(seen, config),
        _peak(seen, config),
        _second_descent(seen, config),
        _bias(seen, config, clear),
        _ridge(seen, config),
        seen.agrees_everywhere("E7g", "isotropic", "error", config.ratios, **near),
        _solutions(seen, config),
        seen.agrees_everywhere("E13b", "systems", "condition", surplus, **near),
        _descent(seen, config, surplus),
    )


def _medians(seen: Beside, config: Config) -> Verdict:
    """The share of the draws below the exact median, where the error has no mean."""
    near = [width for width in config.widths if abs(width - config.examples) <= 1]
    shares = {f"p = {width}": seen.values("weak", "below", width) for width in near}
    words = ", ".join(f"{share.mean():.1%} at {place}" for place, share in shares.items())
    return all_of(
        "E7b",
        *(
            equals(place, share - 0.5, margin=config.share_margin, unit="of the draws", **_JUDGED)
            for place, share in shares.items()
        ),
        says=f"Of the training sets {words} have an error below the exact median.",
        **_JUDGED,
    )


def _peak(seen: Beside, config: Config) -> Verdict:
    """The median at n over the largest elsewhere, in powers of ten."""
    others = [width for width in config.widths if width != config.examples]
    highest = np.max([seen.values("weak", "median", width) for width in others], axis=0)
    peak = seen.values("weak", "median", config.examples)
    return exceeds(
        "E7c",
        np.log10(peak / highest),
        unit="powers of ten above all others",
        says=f"The median error is {peak.mean():.3g} at p = n; the next largest is "
        f"{highest.mean():.3g}.",
        **_JUDGED,
    )


def _second_descent(seen: Beside, config: Config) -> Verdict:
    """All features against the best p < n, which the formula chooses, not the draws."""
    below = [width for width in config.widths if width <= config.examples - 2]
    best = min(below, key=lambda width: seen.exact("weak", "error", width))
    return exceeds(
        "E7d",
        seen.fall("weak", "error", best, config.features),
        unit=_NORM,
        says=f"The error is {seen.mean('weak', 'error', best):.3f} at p = {best}, the best below "
        f"n, and {seen.mean('weak', 'error', config.features):.3f} with all features.",
        **_JUDGED,
    )


def _bias(seen: Beside, config: Config, clear: list[int]) -> Verdict:
    """The bias² is the formula's on both sides of the peak, and falls from n/2 to all features."""
    half = _half(config)
    first, last = (seen.mean("weak", "bias", width) for width in (half, config.features))
    parts = {f"p = {w}": seen.values("weak", "bias", w) for w in clear}
    exact = {f"p = {w}": seen.exact("weak", "bias", w) for w in clear}
    return all_of(
        "E7e",
        exceeds("fall", seen.fall("weak", "bias", half, config.features), unit=_NORM, **_JUDGED),
        *(
            equals(name, part - exact[name], margin=config.bias_margin, unit=_NORM, **_JUDGED)
            for name, part in parts.items()
        ),
        says=f"The bias² falls from {first:.2f} at p = {half} to {last:.2f} at {config.features}.",
        **_JUDGED,
    )


def _ridge(seen: Beside, config: Config) -> Verdict:
    half, n = _half(config), config.examples
    return all_of(
        "E7f",
        exceeds("half", seen.fall("weak", "ridge", half, n), unit=_NORM, **_JUDGED),
        seen.agrees("the formula", "weak", "ridge", n, margin=config.margin),
        says=f"With the ridge the error is {seen.mean('weak', 'ridge', half):.3f} at p = {half} "
        f"and {seen.mean('weak', 'ridge', n):.3f} at p = n.",
        **_JUDGED,
    )


def _half(config: Config) -> int:
    """The width nearest to n/2."""
    return min(config.widths, key=lambda width: abs(width - config.examples / 2))


def _solutions(seen: Beside, config: Config) -> Verdict:
    enough = [ratio for ratio in config.surplus if ratio >= 1]
    left = np.concatenate([seen.values("systems", "residual", ratio) for ratio in enough])
    solved = [None if np.isnan(value) else bool(value < config.solved) for value in left]
    under = {
        ratio: seen.values("systems", "residual", ratio) - seen.exact("systems", "residual", ratio)
        for ratio in config.surplus
        if ratio < 1
    }
    unit = "of the targets"
    return all_of(
        "E13a",
        succeeds("solved", solved, rate=0.9, unit="of the systems", **_JUDGED),
        *(
            equals(f"n/m = {ratio:g}", more, margin=config.share_margin, unit=unit, **_JUDGED)
            for ratio, more in under.items()
        ),
        says=f"{sum(map(bool, solved))} of {len(solved)} with n ≥ m are solved to rounding.",
        **_JUDGED,
    )


def _descent(seen: Beside, config: Config, surplus: list[float]) -> Verdict:
    steps = [seen.values("systems", "steps", ratio) for ratio in surplus]
    words = (f"{one.mean():,.0f} at {at:g}" for at, one in zip(surplus, steps, strict=True))
    return all_of(
        "E13c",
        ranks("falls", surplus, np.transpose(steps), falls=True, **_JUDGED),
        *(
            seen.agrees(f"n/m = {ratio:g}", "systems", "steps", ratio, margin=config.limit_margin)
            for ratio in surplus
        ),
        says=f"Steps by n/m: {', '.join(words)}.",
        **_JUDGED,
    )
