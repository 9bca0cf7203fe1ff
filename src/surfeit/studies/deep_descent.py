"""Does the test error of trained networks peak where they just fit their images, and fall again?

Source: Nakkiran et al. 2019 (1912.02292), on ResNet18(k) and CIFAR-10, which at all widths is a day
on one H200. Two-layer networks, small images and how they are trained are our choice.
Cost: quick 4 s, laptop 11 to 14 min (two cores, which others used too).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from jaxtyping import Float
from matplotlib.figure import Figure

from surfeit.data import Dataset, pooled
from surfeit.lab import (
    POOL_DATA,
    Claim,
    Lab,
    Verdict,
    all_of,
    equals,
    exceeds,
    not_judged,
)
from surfeit.studies._deep_descent import errors_by_step, noisy, watched
from surfeit.studies._fitting import check_ascending
from surfeit.tables import crossing
from surfeit.tables.figures.descent import deep_descent_figure
from surfeit.train import Job, Recipe, Snapshots

_SOURCE = "Nakkiran et al. 2019"
_SERIES = f"{_SOURCE}, the authors' published series"
CLAIMS = (
    Claim(
        id="E8a",
        says="With noisy labels a network that just fits its training images errs more on test "
        "images than a far narrower one; with right labels that width errs less.",
        published="ResNet18(k), CIFAR-10, 15 % noise: test error .340 at k = 4, .413 at k = 10",
        source=_SERIES,
    ),
    Claim(
        id="E8b",
        says="With noisy labels the widest network errs less on test images than one that just "
        "fits its training images.",
        published="ResNet18(k), CIFAR-10, 15 % noise: test error .413 at k = 10, .291 at k = 64",
        source=_SERIES,
    ),
    Claim(
        id="E8c",
        says="Test error peaks at a width within a factor of two of that at which one training "
        "image in ten is wrong, where the effective model complexity is the number of images.",
        published="ResNet18(k), CIFAR-10, 15 % noise: training error crosses 10 % at the peak",
        source=_SERIES,
    ),
    Claim(
        id="E8d",
        says="The more labels are noisy, the wider the narrowest network that fits them.",
        source=_SOURCE,
    ),
    Claim(
        id="E8e",
        says="Stopped where validation error is least, the network that would just fit its noisy "
        "labels errs less than the far narrower one.",
        source=_SOURCE,
    ),
    Claim(
        id="E8f",
        says="With weight decay test error rises by less up to the width that just fits without.",
        source=_SOURCE,
    ),
)
_COMPARISONS = len(CLAIMS)
_ERRORS = ("train_error", "validation_error", "test_error")


class Arm(NamedTuple):
    """How networks of all widths are trained: the share of wrong labels, and the weight decay."""

    noise: float
    decay: float


@dataclass(frozen=True, kw_only=True)
class Config:
    """Two-layer ReLU networks of several widths on few small images, by Adam with a falling rate.

    A seed draws its own training images and wrong labels, which all of its widths share. Networks
    are trained without early stopping until wide ones have learnt every label.

    The effective model complexity of a width is the largest number of images that it learns up to
    a training error of `complexity`. It is `images` at the width whose training error that is, so
    that the place can be found without training on other numbers of images.
    """

    data: str = "mnist"
    pool: int = 1  # pixels along a side that become one
    images: int = 4_000  # training images
    widths: tuple[int, ...] = (8, 16, 32, 48, 64, 96, 128, 256, 512, 1_024)
    noise: tuple[float, ...] = (0.0, 0.1, 0.2)  # of the labels, replaced by *wrong* ones
    decay: float = 1e-3  # weight decay of one more arm, at the heaviest noise
    recipe: Recipe = Recipe(
        optimizer="adam", lr=5e-3, batch_size=100, epochs=1_000, schedule="cosine"
    )
    watched: int = 100  # validation and test images that a training itself looks at
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6, 7)
    fitted: float = 0.01  # training error up to which a network fits
    complexity: float = 0.1  # training error, as published
    margin: float = 0.5  # points: two standard errors of 10,000 test images of which 6 % are wrong
    doublings: float = 1.0  # of the width, between the peak and the place that should mark it

    def __post_init__(self) -> None:
        check_ascending("widths", self.widths, fewest=3)
        shares = list(self.noise)
        if len(shares) < 2 or shares[0] != 0 or shares != sorted({*shares}) or shares[-1] >= 1:
            raise ValueError(
                f"noise must ascend from 0 to shares below 1, two or more, got {self.noise}"
            )
        if not self.decay > 0:
            raise ValueError(f"decay must be above 0, got {self.decay}")
        if self.recipe.epochs is None or self.recipe.weight_decay:
            raise ValueError(
                "recipe must count epochs and have no weight decay of its own, got "
                f"epochs={self.recipe.epochs} and weight_decay={self.recipe.weight_decay}"
            )

    @property
    def arms(self) -> list[Arm]:
        """Each noise without weight decay, and the heaviest with it."""
        return [*(Arm(share, 0.0) for share in self.noise), Arm(self.noise[-1], self.decay)]

    @property
    def epochs(self) -> list[int]:
        """At whose ends networks are kept and measured: four a power of ten, and the last."""
        last = self.recipe.epochs
        assert last is not None
        spaced = {round(10 ** (power / 4)) for power in range(40)}
        return sorted({last, *(epoch for epoch in spaced if epoch < last)})


SIZES = ("data", "pool", "images", "widths", "recipe", "seeds")
PAPER = Config()
LAPTOP = replace(
    PAPER,
    pool=4,
    images=1_000,
    widths=(8, 16, 24, 32, 48, 64, 96, 256),
    recipe=replace(PAPER.recipe, epochs=500),
)
QUICK = replace(
    PAPER,
    data=POOL_DATA,
    images=200,
    widths=(8, 64, 128),
    recipe=replace(PAPER.recipe, lr=1e-2, batch_size=25, epochs=40),
    seeds=(0, 1, 2, 3),
)


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """A training for each arm, width and seed."""
    whole = _images(config, lab)
    per_epoch = config.recipe.steps_per_epoch(config.images)
    kept = Snapshots(every_epochs=0, at=tuple(per_epoch * epoch for epoch in config.epochs))
    drawn = {
        (share, seed): watched(noisy(whole, config.images, share, seed), config.watched)
        for share in config.noise
        for seed in config.seeds
    }
    return {
        name_of(arm, width, seed): lab.job(
            f"mlp-{width}",
            drawn[arm.noise, seed],
            replace(config.recipe, weight_decay=arm.decay),
            seed=seed,
            snapshots=kept,
        )
        for width in config.widths
        for arm in config.arms
        for seed in config.seeds
    }


def _images(config: Config, lab: Lab) -> Dataset:
    return pooled(lab.data(config.data), config.pool)


def name_of(arm: Arm, width: int, seed: int) -> str:
    """What a training is called."""
    decay = f", weight decay {arm.decay:g}" if arm.decay else ""
    return f"{width} hidden units, {100 * arm.noise:g} % wrong labels{decay}, seed {seed}"


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row an epoch kept of a training: `noise, decay, width, seed, epoch`, errors, and more.

    `train_error` is a fraction of the labels as they were trained on, `validation_error` and
    `test_error` of the right ones; `fits` says whether the first is small enough, `best` whether
    of the epochs kept this one has the least validation error. `run` is the run's key.
    """
    runs = lab.train(jobs(config, lab))
    whole = _images(config, lab)
    per_epoch = config.recipe.steps_per_epoch(config.images)
    for arm in config.arms:
        places = [(width, seed) for width in config.widths for seed in config.seeds]
        measured = lab.measure(
            errors_by_step,
            {place: runs[name_of(arm, *place)] for place in places},
            whole,
            images=config.images,
            noise=arm.noise,
        )
        for width, seed in places:
            best = lab.choose(measured[width, seed], by="validation_error", largest=False)
            for row in measured[width, seed]:
                yield {
                    **arm._asdict(),
                    "width": width,
                    "seed": seed,
                    "epoch": row["step"] // per_epoch,
                    **{name: row[name] for name in _ERRORS},
                    "fits": row["train_error"] <= config.fitted,
                    "best": row["step"] == best["step"],
                    "run": runs[name_of(arm, width, seed)].key,
                }


def figure(table: pa.Table) -> Figure:
    """Test and training error by width, what lowers the peak, and test error by epoch."""
    return deep_descent_figure(table, just_fits=threshold(table))


def threshold(table: pa.Table) -> int | None:
    """The least width from which on networks of all seeds fit the noisiest labels in the end.

    It is chosen on training errors alone. None if the widest networks do not fit either.
    """
    found = table.to_pylist()
    noise, last = (max(row[name] for row in found) for name in ("noise", "epoch"))
    ends = [r for r in found if (r["noise"], r["decay"], r["epoch"]) == (noise, 0, last)]
    unfit = max((row["width"] for row in ends if not row["fits"]), default=0)
    return min((row["width"] for row in ends if row["width"] > unfit), default=None)


Errors = Float[np.ndarray, "seeds widths"]


class _Measured:
    """The errors of a table in percent, as arrays [seeds, widths]."""

    def __init__(self, table: pa.Table, config: Config) -> None:
        self._config, found = config, table.to_pylist()
        last = max(row["epoch"] for row in found)
        self._last = {_place(row): row for row in found if row["epoch"] == last}
        self._best = {_place(row): row for row in found if row["best"]}

    def last(self, arm: Arm, name: str = "test_error") -> Errors:
        """At the end of the training."""
        return self._of(self._last, arm, name)

    def stopped(self, arm: Arm) -> Errors:
        """Test errors where the validation error is least, of the epochs kept."""
        return self._of(self._best, arm, "test_error")

    def _of(self, rows: dict[tuple[Arm, int, int], dict[str, Any]], arm: Arm, name: str) -> Errors:
        seeds, widths = self._config.seeds, self._config.widths
        found = [[rows[arm, width, seed][name] for width in widths] for seed in seeds]
        return 100 * np.array(found, dtype=np.float64)  # what is missing is NaN


def _place(row: dict[str, Any]) -> tuple[Arm, int, int]:
    return Arm(row["noise"], row["decay"]), row["width"], row["seed"]


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """All paired by seed: E8c and E8d in doublings of the width, the others in points."""
    measured, just = _Measured(table, config), threshold(table)
    at = None if just is None else config.widths.index(just)
    places = (_at_peak(measured, config), _by_noise(measured, config))
    if not at or just == config.widths[-1]:
        doubt = "no width between the narrowest and the widest is the first from which on all fit"
        first, second, stopped, decayed = (
            not_judged(claim, doubt, unit="points") for claim in ("E8a", "E8b", "E8e", "E8f")
        )
        return first, second, *places, stopped, decayed
    return (
        _rises(measured, config, at),
        _falls(measured, config, at),
        *places,
        _without_peak(measured, config, at),
        _lowered(measured, config, at),
    )


def _rises(measured: _Measured, config: Config, at: int) -> Verdict:
    clean, heavy = measured.last(Arm(0.0, 0.0)), measured.last(config.arms[-2])
    narrow, just = config.widths[0], config.widths[at]
    return all_of(
        "E8a",
        exceeds("noisy labels", heavy[:, at] - heavy[:, 0], **_in_points(config)),
        exceeds("right labels", clean[:, 0] - clean[:, at], **_in_points(config)),
        says=f"With {_share(config)} wrong labels {heavy[:, 0].mean():.1f} % of the test images "
        f"are wrong with {narrow} hidden units and {heavy[:, at].mean():.1f} % with {just}, which "
        f"just fit; with right labels {clean[:, 0].mean():.1f} and {clean[:, at].mean():.1f} %.",
        comparisons=_COMPARISONS,
    )


def _falls(measured: _Measured, config: Config, at: int) -> Verdict:
    heavy = measured.last(config.arms[-2])
    means = heavy.mean(axis=0)
    best = int(means[:at].argmin())
    return exceeds(
        "E8b",
        heavy[:, at] - heavy[:, -1],
        **_in_points(config),
        says=f"With {config.widths[at]} hidden units {means[at]:.1f} % of the test images are "
        f"wrong, with {config.widths[-1]} {means[-1]:.1f} %; the best narrower network, of "
        f"{config.widths[best]}, has {means[best]:.1f} %.",
    )


def _at_peak(measured: _Measured, config: Config) -> Verdict:
    """How far the peak of each noise is from where the effective complexity passes the images."""
    parts = []
    for arm in config.arms[1:-1]:
        peaks = np.log2(config.widths)[measured.last(arm).argmax(axis=1)]
        marks = _crossings(measured, config, arm, config.complexity)
        parts.append(
            equals(
                f"{100 * arm.noise:g} % noise",
                peaks - marks,
                margin=config.doublings,
                comparisons=_COMPARISONS,
                unit="doublings",
                says=f"With {100 * arm.noise:g} % wrong labels test error peaks at "
                f"{_width(peaks)} hidden units, and one training image in ten is wrong at "
                f"{_width(marks)}.",
            )
        )
    return all_of("E8c", *parts, comparisons=_COMPARISONS)


def _by_noise(measured: _Measured, config: Config) -> Verdict:
    """Whether networks must be wider to fit more noise, by how many doublings."""
    arms = config.arms[:-1]
    places = {arm: _crossings(measured, config, arm, config.fitted) for arm in arms}
    said = ", ".join(f"{_width(places[arm])} at {100 * arm.noise:g} %" for arm in arms)
    return all_of(
        "E8d",
        *(
            exceeds(
                f"{100 * less.noise:g} to {100 * more.noise:g} % noise",
                places[more] - places[less],
                comparisons=_COMPARISONS,
                unit="doublings",
            )
            for less, more in pairwise(arms)
        ),
        says=f"Hidden units at which networks begin to fit: {said} wrong labels.",
        comparisons=_COMPARISONS,
    )


def _without_peak(measured: _Measured, config: Config, at: int) -> Verdict:
    stopped = measured.stopped(config.arms[-2])
    means = stopped.mean(axis=0)
    return exceeds(
        "E8e",
        stopped[:, 0] - stopped[:, at],
        **_in_points(config),
        says=f"Stopped early, {means[0]:.1f} % of the test images are wrong with "
        f"{config.widths[0]} hidden units, {means[at]:.1f} % with {config.widths[at]} and "
        f"{means[-1]:.1f} % with {config.widths[-1]}.",
    )


def _lowered(measured: _Measured, config: Config, at: int) -> Verdict:
    without, decayed = (measured.last(arm) for arm in config.arms[-2:])
    rises = [errors[:, at] - errors[:, 0] for errors in (without, decayed)]
    return exceeds(
        "E8f",
        rises[0] - rises[1],
        **_in_points(config),
        says=f"From {config.widths[0]} to {config.widths[at]} hidden units test error changes by "
        f"{rises[0].mean():+.1f} points, with weight decay {config.decay:g} by "
        f"{rises[1].mean():+.1f}.",
    )


def _crossings(measured: _Measured, config: Config, arm: Arm, level: float) -> np.ndarray:
    """log₂ of the width at which each seed's training error falls to a level, a fraction."""
    errors = measured.last(arm, "train_error") / 100
    places = np.log2(config.widths).tolist()
    return np.array([crossing(places, own.tolist(), level) for own in errors])


def _in_points(config: Config) -> dict[str, Any]:
    return {"margin": config.margin, "comparisons": _COMPARISONS, "unit": "points"}


def _share(config: Config) -> str:
    return f"{100 * config.noise[-1]:g} %"


def _width(logarithms: np.ndarray) -> str:
    """The geometric mean over seeds."""
    mean = float(2 ** logarithms.mean())
    return f"{mean:.0f}" if math.isfinite(mean) else "no width measured"
