"""Do networks of convolutions descend twice: by width, by steps, and where does the peak move?

Source: Nakkiran et al. 2019 (1912.02292), whose network of five layers this is: with k, 2 k, 4 k
and 8 k filters. Small images and widths, and how networks are trained, are our choice.
Cost: quick 3 s, laptop about an hour of two cores that others used, too.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from jaxtyping import Float
from matplotlib.figure import Figure

from surfeit.data import Dataset, pooled
from surfeit.lab import POOL_DATA, Claim, Lab, Verdict, all_of, equals, exceeds, not_judged
from surfeit.studies._deep_descent import errors_by_step, noisy, watched
from surfeit.studies._fitting import check_ascending
from surfeit.tables import crossing
from surfeit.tables.figures.convolution_descent import convolution_descent_figure
from surfeit.train import Job, Recipe, Snapshots

_SOURCE = "Nakkiran et al. 2019"
CLAIMS = (
    Claim(
        id="E8g",
        says="With noisy labels a network of convolutions that just fits its training images errs "
        "more on test images than the narrowest, and more than the widest; with right labels that "
        "width errs less than the narrowest.",
        source=_SOURCE,
    ),
    Claim(
        id="E8h",
        says="With noisy labels the widest network's test error falls, rises and falls again as it "
        "is trained.",
        source=_SOURCE,
    ),
    Claim(
        id="E8i",
        says="For each number of training images test error peaks at a width within a factor of "
        "two of that at which one in ten of them is wrong, where the effective model complexity "
        "is their number.",
        source=_SOURCE,
    ),
    Claim(
        id="E8j",
        says="The more training images, the wider the network at which test error peaks.",
        source=_SOURCE,
    ),
    Claim(
        id="E8k",
        says="With images that are shifted at random test error peaks at a wider network.",
        source=_SOURCE,
    ),
)
_COMPARISONS = len(CLAIMS)
_ERRORS = ("train_error", "validation_error", "test_error")


class Arm(NamedTuple):
    """How networks of several widths are trained: images, wrong labels, and whether shifted."""

    images: int
    noise: float
    shifted: bool


@dataclass(frozen=True, kw_only=True)
class Config:
    """Networks of four convolutions and one last layer, of several widths k, on few small images.

    A seed draws its own images and wrong labels, which all widths share; fewer images lie among
    more. All trainings have as many steps. Steps at which a network is judged are chosen on
    validation images, whose labels are right.
    """

    data: str = "mnist"
    pool: int = 4  # pixels along a side that become one
    images: tuple[int, ...] = (1_000, 2_000)  # all by noisy labels alone, but for one
    whole: int = 1_000  # that one: also with right labels, and with shifted images
    widths: tuple[int, ...] = (1, 2, 3, 4, 6, 8, 16)
    noise: float = 0.2  # of the labels, replaced by *wrong* ones
    pixels: int = 1  # by which images are shifted at most
    recipe: Recipe = Recipe(
        optimizer="adam", lr=3e-3, batch_size=50, steps=6_000, schedule="cosine"
    )
    watched: int = 100  # validation and test images that a training itself looks at
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4, 5)
    fitted: float = 0.01  # training error up to which a network fits
    complexity: float = 0.1  # training error, as published
    margin: float = 0.5  # points: two standard errors of 10,000 test images of which 6 % are wrong
    doublings: float = 1.0  # of the width, between the peak and the place that should mark it

    def __post_init__(self) -> None:
        check_ascending("widths", self.widths, fewest=3)
        check_ascending("images", self.images)
        if self.whole not in self.images:
            raise ValueError(f"whole must be one of the images {self.images}, got {self.whole}")
        if not 0 < self.noise < 1:
            raise ValueError(f"noise must be a share between 0 and 1, got {self.noise}")
        if self.recipe.steps is None or self.recipe.augmentation:
            raise ValueError(
                "recipe must count steps and not augment of its own, got "
                f"steps={self.recipe.steps} and augmentation={self.recipe.augmentation!r}"
            )

    @property
    def noisy(self) -> Arm:
        """What all others are held against."""
        return Arm(self.whole, self.noise, shifted=False)

    @property
    def right(self) -> Arm:
        """With right labels."""
        return self.noisy._replace(noise=0.0)

    @property
    def moved(self) -> Arm:
        """With shifted images."""
        return self.noisy._replace(shifted=True)

    @property
    def by_images(self) -> list[Arm]:
        """Noisy labels at all numbers of images."""
        return [self.noisy._replace(images=images) for images in self.images]

    @property
    def arms(self) -> list[Arm]:
        """All, each once."""
        return list(dict.fromkeys([self.right, self.noisy, self.moved, *self.by_images]))

    @property
    def steps(self) -> list[int]:
        """At which networks are kept and measured: five a power of ten, and the last."""
        last = self.recipe.steps
        assert last is not None
        spaced = {round(10 ** (power / 5)) for power in range(5, 50)}
        return sorted({last, *(step for step in spaced if step < last)})


SIZES = ("data", "pool", "images", "whole", "widths", "pixels", "recipe", "watched", "seeds")
SUBSTITUTES = {
    "recipe": "a rate that falls on a cosine in place of a constant one, so that few steps end as "
    "many do",
}
PAPER = Config(
    data="cifar10",
    pool=1,
    images=(5_000, 10_000, 25_000, 50_000),
    whole=50_000,
    widths=(1, 2, 4, 8, 12, 16, 24, 32, 64),
    pixels=4,
    recipe=Recipe(optimizer="adam", lr=1e-4, batch_size=128, steps=500_000),
    watched=1_000,
)
LAPTOP = Config()
QUICK = Config(
    data=POOL_DATA,
    pool=1,
    images=(100, 200),
    whole=200,
    widths=(1, 2, 8),
    recipe=replace(LAPTOP.recipe, steps=60),
    seeds=(0, 1),
)


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """A training for each arm, width and seed."""
    whole = _images(config, lab)
    steps = tuple(config.steps)
    kept = {arm: Snapshots(every_epochs=0, at=steps * (arm == config.noisy)) for arm in config.arms}
    drawn = {
        (arm.images, arm.noise, seed): watched(
            noisy(whole, arm.images, arm.noise, seed), config.watched
        )
        for arm in config.arms
        for seed in config.seeds
    }
    return {
        name_of(arm, width, seed): lab.job(
            f"conv5-{width}",
            drawn[arm.images, arm.noise, seed],
            _recipe(arm, config),
            seed=seed,
            snapshots=kept[arm],
        )
        for width in config.widths
        for arm in config.arms
        for seed in config.seeds
    }


def _images(config: Config, lab: Lab) -> Dataset:
    return pooled(lab.data(config.data), config.pool)


def _recipe(arm: Arm, config: Config) -> Recipe:
    if not arm.shifted:
        return config.recipe
    return replace(config.recipe, augmentation="shift", augmentation_pixels=config.pixels)


def name_of(arm: Arm, width: int, seed: int) -> str:
    """What a training is called."""
    shifted = ", shifted" if arm.shifted else ""
    noise = f"{100 * arm.noise:g} % wrong labels"
    return f"k = {width}, {arm.images} images, {noise}{shifted}, seed {seed}"


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a step kept of a training: `images, noise, shifted, width, seed, step`, and errors.

    Of noisy labels and as many images as there are with right ones it is several steps, of all
    else the last. `train_error` is a fraction of the labels as they were trained on, of images
    that are not shifted; `validation_error` and `test_error` are of right labels; `fits` says
    whether the first is small enough, `run` is the run's key.
    """
    runs = lab.train(jobs(config, lab))
    whole = _images(config, lab)
    for arm in config.arms:
        places = [(width, seed) for width in config.widths for seed in config.seeds]
        measured = lab.measure(
            errors_by_step,
            {place: runs[name_of(arm, *place)] for place in places},
            whole,
            images=arm.images,
            noise=arm.noise,
        )
        for width, seed in places:
            for row in measured[width, seed]:
                yield {
                    **arm._asdict(),
                    "width": width,
                    "seed": seed,
                    "step": row["step"],
                    **{name: row[name] for name in _ERRORS},
                    "fits": row["train_error"] <= config.fitted,
                    "run": runs[name_of(arm, width, seed)].key,
                }


def figure(table: pa.Table) -> Figure:
    """Test and training error by width, test error by step, and by width for each of the images."""
    return convolution_descent_figure(table, just_fits=threshold(table))


def threshold(table: pa.Table) -> int | None:
    """The least width from which on networks of all seeds fit noisy labels in the end.

    It is chosen on training errors alone, of the number of images that there is with right labels.
    None if the widest networks do not fit either.
    """
    found = table.to_pylist()
    last, noise = (max(row[name] for row in found) for name in ("step", "noise"))
    whole = next(row["images"] for row in found if not row["noise"])
    arm = Arm(whole, noise, shifted=False)
    ends = [row for row in found if row["step"] == last and _arm(row) == arm]
    unfit = max((row["width"] for row in ends if not row["fits"]), default=0)
    return min((row["width"] for row in ends if row["width"] > unfit), default=None)


Errors = Float[np.ndarray, "seeds places"]


class _Measured:
    """The errors of a table in percent, as arrays [seeds, widths] or [seeds, steps]."""

    def __init__(self, table: pa.Table, config: Config) -> None:
        self._config = config
        self._rows = {
            (_arm(row), row["width"], row["seed"], row["step"]): row for row in table.to_pylist()
        }

    def by_width(self, arm: Arm, name: str = "test_error") -> Errors:
        """At the end of the training."""
        last = self._config.steps[-1]
        return self._of([(arm, width, last) for width in self._config.widths], name)

    def by_step(self, arm: Arm, width: int, name: str = "test_error") -> Errors:
        """In its course."""
        return self._of([(arm, width, step) for step in self._config.steps], name)

    def _of(self, places: list[tuple[Arm, int, int]], name: str) -> Errors:
        found = [
            [self._rows[arm, width, seed, step][name] for arm, width, step in places]
            for seed in self._config.seeds
        ]
        return 100 * np.array(found, dtype=np.float64)  # what is missing is NaN


def _arm(row: Mapping[str, Any]) -> Arm:
    return Arm(row["images"], row["noise"], row["shifted"])


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """All paired by seed: E8g and E8h in points, the others in doublings of the width."""
    measured = _Measured(table, config)
    return (
        _by_width(measured, config, threshold(table)),
        _by_step(measured, config),
        _at_peak(measured, config),
        _by_images(measured, config),
        _moved(measured, config),
    )


def _by_width(measured: _Measured, config: Config, just: int | None) -> Verdict:
    at = None if just is None else config.widths.index(just)
    if not at or just == config.widths[-1]:
        doubt = "no width between the narrowest and the widest is the first from which on all fit"
        return not_judged("E8g", doubt, unit="points")
    heavy, clean = measured.by_width(config.noisy), measured.by_width(config.right)
    narrow, wide = config.widths[0], config.widths[-1]
    means = [float(errors[:, place].mean()) for errors in (heavy, clean) for place in (0, at, -1)]
    return all_of(
        "E8g",
        exceeds("above the narrowest", heavy[:, at] - heavy[:, 0], **_in_points(config)),
        exceeds("above the widest", heavy[:, at] - heavy[:, -1], **_in_points(config)),
        exceeds("right labels", clean[:, 0] - clean[:, at], **_in_points(config)),
        says=f"With k = {narrow}, {just}, which just fits, and {wide} "
        f"{means[0]:.1f}, {means[1]:.1f} and {means[2]:.1f} % of the test images are wrong; with "
        f"right labels {means[3]:.1f}, {means[4]:.1f} and {means[5]:.1f} %.",
        comparisons=_COMPARISONS,
    )


def _by_step(measured: _Measured, config: Config) -> Verdict:
    """Between a least and a later largest validation error, and from there to the end."""
    wide = config.widths[-1]
    errors = measured.by_step(config.noisy, wide)
    low, high = turning_points(measured.by_step(config.noisy, wide, "validation_error").mean(0))
    first, peak, last = config.steps[low], config.steps[high], config.steps[-1]
    means = errors.mean(axis=0)
    return all_of(
        "E8h",
        exceeds("the rise", errors[:, high] - errors[:, low], **_in_points(config)),
        exceeds("the second fall", errors[:, high] - errors[:, -1], **_in_points(config)),
        says=f"With k = {wide} {means[low]:.1f} % of the test images are wrong after {first:,} "
        f"steps, {means[high]:.1f} % after {peak:,} and {means[-1]:.1f} % after {last:,}; the "
        "steps were chosen on validation images.",
        comparisons=_COMPARISONS,
    )


def turning_points(errors: Float[np.ndarray, " steps"]) -> tuple[int, int]:
    """The places i < j between which errors rise by most, `max_{i<j} e_j − e_i`.

    Two neighbouring places where nothing rises, or an error is missing.
    """
    rises = np.triu(errors[None, :] - errors[:, None], 1)
    rises[np.tril_indices(len(errors))] = -np.inf
    low, high = np.unravel_index(int(np.nanargmax(rises)), rises.shape)
    return int(low), int(high)


def _at_peak(measured: _Measured, config: Config) -> Verdict:
    """How far each peak is from where the effective complexity passes the number of images."""
    parts = []
    for arm in config.by_images:
        peaks, marks = _peaks(measured, config, arm), _marks(measured, config, arm)
        parts.append(
            equals(
                f"{arm.images:,} images",
                peaks - marks,
                margin=config.doublings,
                comparisons=_COMPARISONS,
                unit="doublings",
                says=f"With {arm.images:,} images test error peaks at k = {_width(peaks)}, and one "
                f"image in ten is wrong at {_width(marks)}.",
            )
        )
    return all_of("E8i", *parts, comparisons=_COMPARISONS)


def _by_images(measured: _Measured, config: Config) -> Verdict:
    few, many = (
        _peaks(measured, config, arm) for arm in (config.by_images[0], config.by_images[-1])
    )
    fewer, more = config.images[0], config.images[-1]
    return exceeds(
        "E8j",
        many - few,
        comparisons=_COMPARISONS,
        unit="doublings",
        says=f"Test error peaks at k = {_width(few)} with {fewer:,} images and at {_width(many)} "
        f"with {more:,}.",
    )


def _moved(measured: _Measured, config: Config) -> Verdict:
    still, moved = (_peaks(measured, config, arm) for arm in (config.noisy, config.moved))
    return exceeds(
        "E8k",
        moved - still,
        comparisons=_COMPARISONS,
        unit="doublings",
        says=f"Test error peaks at k = {_width(still)}, and at {_width(moved)} with images that "
        f"are shifted by at most {config.pixels} of their pixels.",
    )


def _peaks(measured: _Measured, config: Config, arm: Arm) -> np.ndarray:
    """log₂ of each seed's width of the largest test error, the narrowest left out.

    That underfits, and errs for want of units where there are many images.
    """
    places = np.log2(config.widths[1:])
    return np.array([summit(places, own) for own in measured.by_width(arm)[:, 1:]])


def summit(places: Float[np.ndarray, " places"], values: Float[np.ndarray, " places"]) -> float:
    """Where values are largest: the top of the parabola through the largest and its neighbours.

    The place of the largest where it is the first or the last; NaN where a value is missing.
    """
    if np.isnan(values).any():
        return math.nan
    at = int(values.argmax())
    if at in (0, len(values) - 1):
        return float(places[at])
    around = slice(at - 1, at + 2)
    square, slope, _ = np.polyfit(places[around] - places[at], values[around], 2)
    return float(places[at] - slope / (2 * square)) if square < 0 else float(places[at])


def _marks(measured: _Measured, config: Config, arm: Arm) -> np.ndarray:
    """log₂ of the width at which each seed's training error falls to the published level."""
    errors = measured.by_width(arm, "train_error") / 100
    places = np.log2(config.widths).tolist()
    return np.array([crossing(places, own.tolist(), config.complexity) for own in errors])


def _in_points(config: Config) -> dict[str, Any]:
    return {"margin": config.margin, "comparisons": _COMPARISONS, "unit": "points"}


def _width(logarithms: np.ndarray) -> str:
    """The geometric mean over seeds."""
    mean = float(2 ** logarithms.mean())
    return f"{mean:.2g}" if math.isfinite(mean) else "no width measured"
