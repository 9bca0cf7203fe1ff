"""Which measure of a network's capacity falls with its width, as its test error does?

Source: Neyshabur et al. 2018 (1805.12076), table 1, on CIFAR-10 and SVHN; recipe and initial
weights of its authors' program, but for its random crops and mirror images, under which networks
see no image twice. Networks have no biases, as in the paper; those of the program have.
Cost: quick 4 s, laptop about 4 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from surfeit.capacity import MEASURES
from surfeit.lab import POOL_DATA, Claim, Lab, Verdict, all_of, exceeds, not_judged, ranks
from surfeit.studies._capacity import kept, two_layers, where_fitted
from surfeit.studies._fitting import check_ascending, examples
from surfeit.tables import rank_correlation
from surfeit.tables.figures.lines import STROKES, mean_line
from surfeit.tables.figures.style import (
    BLUE,
    GREY,
    VERMILLION,
    WIDTH,
    Stroke,
    error_axis,
    plain_axis,
    style,
)
from surfeit.train import Job, Recipe

_SOURCE = "Neyshabur et al. 2018"
CLAIMS = (
    Claim(
        id="E3a",
        says="Among networks of equal training loss the paper's own measure of capacity falls with "
        "width, and the five others of its table rise.",
        source=f"{_SOURCE}, table 1",
    ),
    Claim(
        id="E3b",
        says="Across widths the paper's own measure has a positive rank correlation with test "
        "error, which is larger than that of each of the five others.",
        source=_SOURCE,
    ),
    Claim(
        id="E3c",
        says="A hidden unit's capacity, how far training moved it, and its impact, how much the "
        "output weighs it, both fall with width.",
        source=_SOURCE,
    ),
    Claim(
        id="E3d",
        says="Without the term √width, which grows whatever is learned, the paper's own measure "
        "falls with width.",
        source="Neyshabur et al. 2018, authors' program",
    ),
)
_JUDGED: dict[str, Any] = {"comparisons": len(CLAIMS)}
*_OTHERS, _OWN = MEASURES


@dataclass(frozen=True, kw_only=True)
class Config:
    """Two-layer ReLU networks of several widths, without biases, weight decay and augmentation.

    They are compared where an epoch's training loss first falls to `stop`. A seed draws its own
    training images, which all of its widths share.
    """

    data: str = "cifar10"
    images: int = 45_000  # training images
    widths: tuple[int, ...] = tuple(2**power for power in range(3, 16))
    recipe: Recipe = Recipe(lr=0.001, momentum=0.9, batch_size=64, epochs=1000)
    stop: float = 0.01  # nats
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6, 7)

    def __post_init__(self) -> None:
        check_ascending("widths", self.widths)
        if not self.stop > 0:
            raise ValueError(f"stop, a training loss in nats, must be above 0, got {self.stop}")


SIZES = ("data", "images", "widths", "recipe", "seeds")
PAPER = Config()
LAPTOP = replace(
    PAPER,
    data="mnist",
    images=4_000,
    widths=(16, 32, 64, 128, 256, 512, 1024),
    recipe=replace(PAPER.recipe, lr=0.01, epochs=45),
)
QUICK = replace(
    PAPER,
    data=POOL_DATA,
    images=1_077,
    widths=(16, 32, 64, 128),
    recipe=replace(PAPER.recipe, lr=0.05, epochs=60),
    seeds=(0, 1, 2),
)


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """A training for each width and seed."""
    whole = lab.data(config.data)
    drawn = {seed: examples(whole, config.images, seed) for seed in config.seeds}
    return {
        name_of(width, seed): Job(
            partial(two_layers, width),
            drawn[seed],
            config.recipe,
            seed=seed,
            snapshots=kept(config.recipe, config.images),
            name=f"mlp-{width} without biases",
        )
        for width in config.widths
        for seed in config.seeds
    }


def name_of(width: int, seed: int) -> str:
    """What a training is called."""
    return f"{width} hidden units, seed {seed}"


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a training: `width, seed`, what `where_fitted` found there, `run`."""
    runs = lab.train(jobs(config, lab))
    found = lab.measure(
        where_fitted, runs, lab.data(config.data), images=config.images, stop=config.stop
    )
    for width in config.widths:
        for seed in config.seeds:
            name = name_of(width, seed)
            yield {"width": width, "seed": seed, **found[name][0], "run": runs[name].key}


def narrowest(table: pa.Table) -> int | None:
    """The least width from which on every network fits and misclassifies no training image.

    It is chosen by training loss and error alone. None if the widest networks do not fit either.
    """
    fits: dict[int, bool] = {}
    for row in table.to_pylist():
        fits[row["width"]] = fits.get(row["width"], True) and row["train_error"] == 0
    least = None
    for width in sorted(fits, reverse=True):
        if not fits[width]:
            break
        least = width
    return least


_LABELS = {
    "parameters": "parameters: d h",
    "max_l1": "‖U‖∞,₁ ‖V‖∞,₁",
    "frobenius": "Frobenius: ‖U‖ ‖V‖",
    "spectral_l12": "spectral, ℓ₁,₂",
    "spectral_frobenius": "spectral, Frobenius",
    "unit_wise": "the paper's own",
    "norms": "the same without √h",
}


def figure(table: pa.Table) -> Figure:
    """The measures by width, of their value at the narrowest that fits; errors; units."""
    drawn = [row for row in table.to_pylist() if row["train_error"] is not None]
    least = narrowest(table)
    with style():
        drawing = Figure(figsize=(WIDTH, 4.9), layout="constrained")
        panels = drawing.subplot_mosaic([["measures", "errors"], ["measures", "units"]])
        if drawn:
            _measures(panels["measures"], drawn, least)
            _errors(panels["errors"], drawn)
            _units(panels["units"], drawn)
        for axes in panels.values():
            _width_axis(axes, sorted({row["width"] for row in table.to_pylist()}), least)
        if drawn:
            drawing.legend(
                *panels["measures"].get_legend_handles_labels(), ncols=3, loc="outside lower center"
            )
    return drawing


def _measures(axes: Axes, drawn: list[dict[str, Any]], least: int | None) -> None:
    base = least or min(row["width"] for row in drawn)
    shown = []
    for stroke, (name, label) in zip(STROKES, _LABELS.items(), strict=False):
        start = np.mean([row[name] for row in drawn if row["width"] == base])
        relative = [{**row, name: row[name] / start} for row in drawn]
        mean_line(axes, relative, "width", name, stroke, label, bands=False)
        if name != "parameters":  # which need no measurement, and would leave the others no room
            shown += [row[name] for row in relative]
    axes.set(title="Measures of capacity", yscale="log", ylim=(0.9 * min(shown), 1.1 * max(shown)))
    axes.set_ylabel(f"times the mean at {base:,} units (logarithmic axis)")
    plain_axis(axes)


def _errors(axes: Axes, drawn: list[dict[str, Any]]) -> None:
    mean_line(axes, drawn, "width", "test_error", Stroke(color=BLUE, marker="o"))
    axes.set(title="Test error", ylabel="misclassified")
    error_axis(axes, np.array([row["test_error"] for row in drawn]))


def _units(axes: Axes, drawn: list[dict[str, Any]]) -> None:
    capacity, impact = Stroke(color=BLUE, marker="o"), Stroke(color=VERMILLION, marker="s")
    mean_line(axes, drawn, "width", "capacity", capacity, "capacity: moved so far")
    mean_line(axes, drawn, "width", "impact", impact, "impact: weighed so much")
    axes.set(title="A hidden unit, in the mean", yscale="log", ylabel="Euclidean length")
    axes.legend()
    plain_axis(axes)


def _width_axis(axes: Axes, widths: list[int], least: int | None) -> None:
    if least is not None:
        axes.axvline(least, color=GREY, linestyle=":", zorder=1, label="narrowest h that fits all")
    axes.set_xscale("log")
    axes.set_xticks(widths, [f"{width:,}" for width in widths])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("hidden units h (logarithmic)")


class _Seen:
    """What was measured from the narrowest width that fits on: [seeds, widths] by column."""

    def __init__(self, table: pa.Table, config: Config, least: int) -> None:
        self.widths = [width for width in config.widths if width >= least]
        self._rows = {(row["seed"], row["width"]): row for row in table.to_pylist()}
        self._seeds = config.seeds

    def values(self, name: str) -> np.ndarray:
        """float64, [seeds, widths]."""
        return np.array(
            [[self._rows[seed, width][name] for width in self.widths] for seed in self._seeds]
        )

    def trend(self, claim: str, name: str, *, falls: bool) -> Verdict:
        """Whether a column falls, or rises, with width within seeds."""
        return ranks(claim, self.widths, self.values(name), falls=falls, **_JUDGED)

    def ends(self, name: str) -> str:
        """Its means at the narrowest and at the widest, in words."""
        first, *_, last = self.values(name).mean(axis=0)
        return f"{first:.3g} to {last:.3g}"

    def correlations(self, name: str) -> np.ndarray:
        """Each seed's rank correlation with test error, across widths; NaN if it has no order."""
        pairs = zip(self.values(name), self.values("test_error"), strict=True)
        return np.array(
            [
                rank_correlation(one, error).estimate if np.ptp(one) and np.ptp(error) else np.nan
                for one, error in pairs
            ]
        )


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """Each claim by rank correlations across the widths that fit, within seeds."""
    least = narrowest(table)
    if least is None or len([width for width in config.widths if width >= least]) < 3:
        doubt = "there are no three widths from which on all networks fit"
        return tuple(not_judged(claim.id, doubt, unit="rank correlation") for claim in CLAIMS)
    seen = _Seen(table, config, least)
    return _alone(seen), _with_error(seen), _units_fall(seen), _without_root(seen)


def _span(seen: _Seen) -> str:
    return f"From {seen.widths[0]:,} to {seen.widths[-1]:,} units"


def _alone(seen: _Seen) -> Verdict:
    own = seen.values(_OWN).mean(axis=0)
    growth = {name: np.divide(*seen.values(name).mean(axis=0)[[-1, 0]]) for name in _OTHERS}
    at = seen.widths[int(own.argmin())]
    return all_of(
        "E3a",
        seen.trend("the paper's own", _OWN, falls=True),
        *(seen.trend(_LABELS[name], name, falls=False) for name in _OTHERS),
        says=f"{_span(seen)} the paper's own measure goes from {seen.ends(_OWN)}, and is least "
        f"with {at:,}, {own.min():.3g}; the others grow {min(growth.values()):.2g} to "
        f"{max(growth.values()):.2g} times.",
        **_JUDGED,
    )


def _with_error(seen: _Seen) -> Verdict:
    own, bare = seen.correlations(_OWN), seen.correlations("norms")
    others = {name: seen.correlations(name) for name in _OTHERS}
    means = [one.mean() for one in others.values()]
    said = f"The rank correlation with test error is {own.mean():+.2f} for the paper's own measure"
    said += f", {bare.mean():+.2f} without √width, and {min(means):+.2f} to {max(means):+.2f} for "
    said += "the others."
    return all_of(
        "E3b",
        ranks("positive", seen.values(_OWN), seen.values("test_error"), **_JUDGED),
        *(
            exceeds(_LABELS[name], own - one, unit="rank correlation", **_JUDGED)
            for name, one in others.items()
        ),
        says=said if np.isfinite([own.mean(), bare.mean(), *means]).all() else "",
        **_JUDGED,
    )


def _units_fall(seen: _Seen) -> Verdict:
    return all_of(
        "E3c",
        seen.trend("capacity", "capacity", falls=True),
        seen.trend("impact", "impact", falls=True),
        says=f"{_span(seen)} a unit's mean capacity goes from {seen.ends('capacity')}, its impact "
        f"from {seen.ends('impact')}.",
        **_JUDGED,
    )


def _without_root(seen: _Seen) -> Verdict:
    found = seen.trend("E3d", "norms", falls=True)
    return replace(found, says=f"{_span(seen)} it goes from {seen.ends('norms')}.")
