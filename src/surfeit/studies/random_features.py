"""Does the test error of random features peak where there are as many as examples, and fall again?

Source: Mei and Montanari 2019 (1908.05355); Belkin, Hsu, Ma and Mandal 2019 (1812.11118): Fourier
and ReLU features on 10,000 images of MNIST.
Cost: quick 10 s, laptop about 25 min (two cores).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.figure import Figure

from surfeit.data import Dataset
from surfeit.lab import POOL_DATA, Claim, Lab, Verdict, all_of, chosen, exceeds, ranks
from surfeit.least_squares import FEATURES, check_fits, check_widths, random_feature_risk
from surfeit.least_squares.checks import check_not_negative, check_positive, check_size
from surfeit.studies._beside_formula import Beside, dense
from surfeit.studies._random_features import images, sphere
from surfeit.tables.figures.descent import random_feature_figure
from surfeit.train import Job

_BELKIN = "Belkin et al. 2019 (1812.11118)"
CLAIMS = (
    Claim(
        id="E7h",
        says="The error of the least-norm fit on ReLU features of a linear target is that of the "
        "limit of high dimension, on both sides of N = n.",
        published="F₁² E₁/E₀ + τ² E₂/E₀, polynomials in the limits of N/d and n/d",
        source="Mei and Montanari 2019",
    ),
    Claim(
        id="E7i",
        says="On images the squared test error peaks at N = n, whatever the number of classes.",
        published="MNIST, n = 10,000: a peak at N = 10,000",
        source=_BELKIN,
    ),
    Claim(
        id="E7j",
        says="On images far more features than examples classify better than the best N < n.",
        published="MNIST, n = 10,000: a second descent beyond N = n",
        source=_BELKIN,
    ),
    Claim(
        id="E7k",
        says="From N = n on the norm of the solution falls with the number of features.",
        source=_BELKIN,
    ),
    Claim(
        id="E7l",
        says="From N = n on, and not below, the training targets are fitted exactly.",
        source=_BELKIN,
    ),
)
_JUDGED: dict[str, Any] = {"comparisons": len(CLAIMS)}


@dataclass(frozen=True, kw_only=True)
class Config:
    """ReLU features of points on a sphere, and two kinds of features of images.

    All numbers N of features of a kind and seed are the first N of the same draw. The best N < n
    is chosen on validation images.
    """

    dimension: int = 300  # d, of the sphere
    sphere_examples: float = 3.0  # ψ₂ = n/d
    # ψ₁ = N/d
    sphere_features: tuple[float, ...] = (
        0.3, 0.6, 1.0, 1.5, 2.0, 2.5, 2.8, 3.0, 3.2, 3.6, 4.2, 5.0, 6.0, 8.0, 10.0,
    )  # fmt: skip
    noise: float = 0.1  # τ²; the signal's is 1
    draws: int = 20  # a seed and ψ₁
    data: str = "mnist"
    examples: int = 10_000  # n
    kinds: tuple[str, ...] = FEATURES
    ratios: tuple[float, ...] = (0.02, 0.05, 0.1, 0.3, 0.5, 0.8, 0.95, 1.0, 1.05, 1.3, 2.0, 4.0)
    bandwidth: float = 0.5  # of the root mean square distance of two images
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    clear: float = 0.3  # |N/n − 1| from which a mean of draws is judged
    margin: float = 0.1  # of the formula's value
    fitted_margin: float = 6.0  # powers of ten between training losses below N = n and from it on

    def __post_init__(self) -> None:
        check_size("dimension", self.dimension, 2)
        check_size("draws", self.draws)
        for ratio in (self.sphere_examples, *self.sphere_features, self.bandwidth):
            check_positive("a ratio", ratio)
        check_not_negative("noise", self.noise)
        check_widths(self.widths, self.examples, 1)
        if 1.0 not in self.ratios or min(self.ratios) == 1:
            raise ValueError(f"ratios must hold 1 and some below it, got {self.ratios}")

    @property
    def widths(self) -> list[int]:
        """The numbers N of features of images."""
        return [round(ratio * self.examples) for ratio in self.ratios]


SIZES = ("dimension", "draws", "data", "examples", "seeds")
PAPER = Config()
LAPTOP = replace(PAPER, dimension=150, draws=10, seeds=(0, 1, 2, 3))
QUICK = replace(PAPER, dimension=80, draws=6, data=POOL_DATA, examples=400, seeds=tuple(range(8)))


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """None: what is fitted here is solved, not trained."""
    return {}


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a fit, and one a place of the closed form (`of`: `drawn`, `formula`).

    `part` is `sphere`, or the kind of features of images; `place` is N/n. What a part does not
    measure, and what is infinite, is null.
    """
    dataset = lab.data(config.data)
    _check_images(config, dataset)
    drawn = lab.compute(
        sphere,
        {seed: {"seed": seed} for seed in config.seeds},
        dimension=config.dimension,
        examples=config.sphere_examples,
        features=config.sphere_features,
        noise=config.noise,
        draws=config.draws,
    )
    for seed, found in drawn.items():
        for row in found:
            place = row["features"] / config.sphere_examples
            yield _row("sphere", "drawn", place, seed=seed, draw=row["draw"], error=row["error"])
    for ratio in dense(config.sphere_features, config.sphere_examples):
        error = random_feature_risk(ratio, config.sphere_examples, noise=config.noise)
        error = None if ratio == config.sphere_examples else error
        yield _row("sphere", "formula", ratio / config.sphere_examples, error=error)
    fitted = lab.compute(
        images,
        {
            (kind, seed): {"kind": kind, "seed": seed}
            for kind in config.kinds
            for seed in config.seeds
        },
        dataset,
        examples=config.examples,
        ratios=config.ratios,
        bandwidth=config.bandwidth,
    )
    for (kind, seed), found in fitted.items():
        for row in found:
            place = row.pop("ratio")
            yield _row(kind, "drawn", place, seed=seed, data=config.data, **row)


_COLUMNS = (
    *("seed", "draw", "error", "data", "features", "norm", "condition", "train_loss"),
    *("train_error", "validation_error", "test_error", "test_loss"),
)


def _row(part: str, of: str, place: float, **values: Any) -> dict[str, Any]:
    return {"part": part, "of": of, "place": float(place), **dict.fromkeys(_COLUMNS), **values}


def _check_images(config: Config, dataset: Dataset) -> None:
    """What the data must have, said before anything is computed."""
    if config.examples > len(dataset.train):
        raise ValueError(
            f"examples must be at most {len(dataset.train):,}, the training examples of "
            f"{dataset.name}, got {config.examples:,}"
        )
    check_widths(config.widths, config.examples, dataset.classes)
    check_fits(
        config.examples,
        config.widths,
        others=len(dataset.validation) + len(dataset.test),
        inputs=dataset.train.inputs[0].numel(),
        outputs=dataset.classes,
    )


def figure(table: pa.Table) -> Figure:
    """Error on a sphere with its formula; on images error, squared error and norm, by N/n."""
    return random_feature_figure(table)


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """E7h by draws beside the formula; the others for both kinds of features, paired by seed."""
    seen = Beside(table, len(CLAIMS))
    ratios = [one / config.sphere_examples for one in config.sphere_features]
    clear = [ratio for ratio in ratios if abs(ratio - 1) >= config.clear]
    return (
        seen.agrees_everywhere("E7h", "sphere", "error", clear, margin=config.margin),
        _peak(seen, config),
        _of_kinds("E7j", config, lambda kind: _second_descent(table, config, kind)),
        _of_kinds("E7k", config, lambda kind: _norm(seen, config, kind)),
        _of_kinds("E7l", config, lambda kind: _fitted(seen, config, kind)),
    )


def _of_kinds(claim: str, config: Config, judge: Callable[[str], Verdict]) -> Verdict:
    """The verdict on what has to hold of every kind of features."""
    return all_of(claim, *(judge(kind) for kind in config.kinds), **_JUDGED)


def _peak(seen: Beside, config: Config) -> Verdict:
    """The squared test error at N = n over the largest elsewhere, in powers of ten.

    A seed's value is the mean over the kinds of features: at N = n the smallest singular value
    decides, which differs by powers of ten from draw to draw.
    """
    others = [ratio for ratio in config.ratios if ratio != 1]
    above, words = [], []
    for kind in config.kinds:
        highest = np.max([seen.values(kind, "test_loss", ratio) for ratio in others], axis=0)
        peak = seen.values(kind, "test_loss", 1.0)
        above.append(np.log10(peak / highest))
        words.append(f"{np.median(peak):.3g} and {np.median(highest):.3g} ({kind})")
    return exceeds(
        "E7i",
        np.mean(above, axis=0),
        unit="powers of ten above all others",
        says="The squared test error at N = n and at the next highest, medians of seeds: "
        f"{', '.join(words)}.",
        **_JUDGED,
    )


def _second_descent(table: pa.Table, config: Config, kind: str) -> Verdict:
    """Points of test accuracy that the most features are ahead of the best N < n, by validation."""
    ahead, narrow, wide = [], [], []
    most = max(config.ratios)
    for seed in config.seeds:
        fits = [row for row in table.to_pylist() if (row["part"], row["seed"]) == (kind, seed)]
        below = [row for row in fits if row["place"] < 1]
        narrow.append(chosen(below, by="validation_error", largest=False)["test_error"])
        wide.append(next(row["test_error"] for row in fits if row["place"] == most))
        ahead.append(100 * (narrow[-1] - wide[-1]))
    return exceeds(
        kind,
        ahead,
        unit="points",
        says=f"With {kind} features {np.mean(wide):.2%} of the test images are wrong at N = "
        f"{most:g} n, and {np.mean(narrow):.2%} at the best N < n.",
        **_JUDGED,
    )


def _norm(seen: Beside, config: Config, kind: str) -> Verdict:
    beyond = [ratio for ratio in config.ratios if ratio >= 1]
    norms = np.array([seen.values(kind, "norm", ratio) for ratio in beyond])
    return ranks(
        kind,
        beyond,
        norms.T,
        falls=True,
        says=f"With {kind} features the norm falls from {np.median(norms[0]):.3g} at N = n in the "
        f"median to {np.median(norms[-1]):.3g} at {beyond[-1]:g} n.",
        **_JUDGED,
    )


def _fitted(seen: Beside, config: Config, kind: str) -> Verdict:
    """The least training loss below N = n over the largest from there on, in powers of ten."""
    below = [seen.values(kind, "train_loss", ratio) for ratio in config.ratios if ratio < 1]
    beyond = [seen.values(kind, "train_loss", ratio) for ratio in config.ratios if ratio >= 1]
    least, largest = np.min(below, axis=0), np.max(beyond, axis=0)
    return exceeds(
        kind,
        np.log10(least / np.maximum(largest, 1e-300)),
        margin=config.fitted_margin,
        unit="powers of ten",
        says=f"With {kind} features the squared training error is at least {least.min():.2g} "
        f"below N = n and at most {largest.max():.2g} from there on.",
        **_JUDGED,
    )
