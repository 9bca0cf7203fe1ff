"""Do wide layers find all patterns where narrow ones fit the training set and miss some?

Source: Brutzkus and Globerson 2019 (1810.03037), of whose settings the abstract alone could be
read: sizes, start, rate and the wide margin are our choice. Papyan, Han and Donoho 2020 for the
collapse.
Cost: quick 7 s, laptop 3 min (two cores), of which images take half.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.figure import Figure

from surfeit.core import Streams
from surfeit.data.xord import check_xord
from surfeit.lab import (
    POOL_DATA,
    Claim,
    Lab,
    Verdict,
    all_of,
    exceeds,
    not_judged,
    succeeds,
    succeeds_more,
)
from surfeit.least_squares.checks import check_positive, check_size
from surfeit.studies._fitting import check_ascending
from surfeit.studies._xord import (
    Loss,
    collapse,
    drawn_examples,
    few_images,
    filter_angles,
    image_network,
    objective_of,
    patterns_found,
    xord_network,
)
from surfeit.tables.figures.xord import xord_figure
from surfeit.train import Job, Recipe, Snapshots

_SOURCE = "Brutzkus and Globerson 2019"
CLAIMS = (
    Claim(
        id="E6a",
        says="With a margin of 8 for positive examples, wide networks that fit the training set "
        "find all patterns more often than narrow ones that fit it.",
        source=_SOURCE,
    ),
    Claim(
        id="E6b",
        says="More than half of the narrow networks without a training error miss a pattern, by "
        "either loss.",
        source=f"{_SOURCE}: with constant probability",
    ),
    Claim(
        id="E6c",
        says="Training gathers the filters of wide networks around few directions: they end nearer "
        "to four centres than they began, and nearer than random directions lie.",
        source=_SOURCE,
    ),
    Claim(
        id="E6d",
        says="Training gathers the filters of a small convolutional network of images likewise.",
        source=_SOURCE,
    ),
    Claim(
        id="E6e",
        says="After the first epoch without a training error the outputs of the last hidden layer "
        "collapse: their spread within classes, beside that between them, at least halves.",
        source="Papyan, Han and Donoho 2020",
    ),
    Claim(
        id="E6f",
        says="With the plain hinge loss, of margin 1, wide ones find all patterns more often, too.",
        source=_SOURCE,
    ),
)
_JUDGED: dict[str, Any] = {"comparisons": len(CLAIMS)}
LOSSES: tuple[Loss, ...] = ("hinge", "wide margin")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Networks of XORD at several widths and by two losses; and one network of images.

    All training examples are diverse: of an input in which a pattern is the only one of its kind a
    network has seen none. All networks of a seed have the same examples, and the narrowest and the
    widest are compared. The first `image_seeds` seeds train the network of images.
    """

    pairs: int = 12
    examples: int = 40
    diverse: float = 1.0  # share of the examples
    widths: tuple[int, ...] = (2, 4, 8, 16, 30, 60, 120)  # filters for each output sign
    start: float = 0.001  # standard deviation of the filters' first weights
    recipe: Recipe = Recipe(lr=0.05, batch_size=40, steps=300)  # batches are whole
    centres: int = 4
    draws: int = 50  # layers of random directions
    data: str = "mnist"
    images: int = 1_000
    filters: int = 32
    kernel: int = 5  # pixels a side
    hidden: int = 64
    image_recipe: Recipe = Recipe(lr=0.05, momentum=0.9, batch_size=64, epochs=40)
    seeds: tuple[int, ...] = tuple(range(100))
    image_seeds: int = 20
    share: float = 0.5  # of the narrow networks that fit
    margin: float = 5.0  # degrees, in the plane, where random directions are 22.5 off
    image_margin: float = 1.0  # degrees
    halvings: float = 1.0  # of the spread within classes, beside that between them

    def __post_init__(self) -> None:
        check_xord(self.pairs, self.examples, self.diverse)
        check_ascending("widths", self.widths)
        check_positive("start", self.start)
        for name in ("draws", "filters", "kernel", "hidden", "image_seeds"):
            check_size(name, getattr(self, name))
        fewest = min(2 * self.widths[-1], self.filters)
        if not 1 <= self.centres <= fewest:
            raise ValueError(
                f"centres must be in [1, {fewest}], no more than a layer has filters, got "
                f"{self.centres}"
            )
        if self.recipe.batch_size < self.examples:
            raise ValueError(
                f"batches must be whole, of {self.examples} examples or more, got "
                f"{self.recipe.batch_size}"
            )


SIZES = (
    *("widths", "draws", "data", "images", "filters", "kernel", "hidden", "image_recipe"),
    *("seeds", "image_seeds", "recipe"),
)
PAPER = Config()
LAPTOP = replace(PAPER, widths=(2, 4, 8, 30, 120), seeds=tuple(range(24)), image_seeds=6)
QUICK = replace(
    PAPER,
    widths=(2, 30),
    draws=10,
    data=POOL_DATA,
    images=300,
    filters=16,
    kernel=3,
    hidden=32,
    image_recipe=replace(PAPER.image_recipe, epochs=20),
    recipe=replace(PAPER.recipe, steps=150),
    seeds=(0, 1, 2),
    image_seeds=3,
)


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """A training for each loss, width and seed, and those of images."""
    return xord_jobs(config) | image_jobs(config, lab)


def xord_jobs(config: Config) -> dict[str, Job]:
    """A training of XORD for each loss, width and seed."""
    drawn = {
        seed: drawn_examples(config.pairs, config.examples, config.diverse, seed)
        for seed in config.seeds
    }
    return {
        name_of(loss, width, seed): Job(
            xord_network(config.pairs, width, config.start, Streams(seed).get("init")),
            drawn[seed],
            config.recipe,
            seed=seed,
            objective=objective_of(loss),
            snapshots=Snapshots(every_epochs=0),
            name=f"xord-{width}",
        )
        for loss in LOSSES
        for width in config.widths
        for seed in config.seeds
    }


def image_jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """A training of images for each of the first seeds."""
    whole = lab.data(config.data)
    return {
        f"images, seed {seed}": Job(
            image_network(
                whole.input_shape,
                whole.classes,
                Streams(seed).get("init"),
                filters=config.filters,
                kernel=config.kernel,
                hidden=config.hidden,
            ),
            few_images(whole, config.images, seed),
            config.image_recipe,
            seed=seed,
            name=f"conv-{config.filters}",
        )
        for seed in config.seeds[: config.image_seeds]
    }


def name_of(loss: Loss, width: int, seed: int) -> str:
    """What a training of XORD is called."""
    return f"{loss}, {width} filters a sign, seed {seed}"


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a training (`part`: `xord` or `images`), and one a filter (`... filters`).

    Angles are in degrees, errors fractions; what a part does not measure is null.
    """
    runs = lab.train(jobs(config, lab))
    widest = config.widths[-1]
    about: dict[str, Any] = {"centres": config.centres, "draws": config.draws}
    for loss in LOSSES:
        own = {
            (width, seed): runs[name_of(loss, width, seed)]
            for width in config.widths
            for seed in config.seeds
        }
        found = lab.measure(
            patterns_found,
            own,
            pairs=config.pairs,
            count=config.examples,
            diverse=config.diverse,
            loss=loss,
        )
        for (width, seed), (row,) in found.items():
            yield _row("xord", seed, own[width, seed].key, loss=loss, width=width, **row)
        if loss == "wide margin":
            wide = {seed: own[widest, seed] for seed in config.seeds}
            for seed, several in lab.measure(filter_angles, wide, **about).items():
                for row in several:
                    yield _row("xord filters", seed, wide[seed].key, loss=loss, width=widest, **row)
    images = {seed: runs[f"images, seed {seed}"] for seed in config.seeds[: config.image_seeds]}
    collapsed = lab.measure(collapse, images, lab.data(config.data), images=config.images)
    for seed, (row,) in collapsed.items():
        yield _row("images", seed, images[seed].key, **row)
    for seed, several in lab.measure(filter_angles, images, **about).items():
        for row in several:
            yield _row("image filters", seed, images[seed].key, **row)


_COLUMNS = (
    *("loss", "width", "train_error", "missed", "wrong_sets", "wrong_inputs"),
    *("unit", "before", "after", "chance", "chance_mean", "below", "fitted", "first", "last"),
)


def _row(part: str, seed: int, run: str, **values: Any) -> dict[str, Any]:
    return {"part": part, "seed": seed, **dict.fromkeys(_COLUMNS), **values, "run": run}


def figure(table: pa.Table) -> Figure:
    """Who fits and who finds all patterns, by width; where filters lie; how outputs collapse."""
    return xord_figure(table)


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """E6a, E6b and E6f by networks that fit; the others by seeds."""
    drawn = table.to_pylist()
    return (
        _finds(drawn, config, "E6a", "wide margin"),
        _misses(drawn, config),
        _gathers(drawn, "E6c", "xord filters", config.margin),
        _gathers(drawn, "E6d", "image filters", config.image_margin),
        _collapses(drawn, config),
        _finds(drawn, config, "E6f", "hinge"),
    )


Rows = Sequence[dict[str, Any]]


def _fitting(drawn: Rows, loss: Loss, width: int) -> dict[int, bool | None]:
    """Of the seeds whose networks make no training error: whether a pattern is missed."""
    return {
        row["seed"]: None if row["missed"] is None else row["missed"] > 0
        for row in drawn
        if (row["part"], row["loss"], row["width"]) == ("xord", loss, width)
        and row["train_error"] == 0
    }


def _finds(drawn: Rows, config: Config, claim: str, loss: Loss) -> Verdict:
    """Paired over the seeds where both fit: of others nothing can be said that the claim says."""
    narrow, wide = (_fitting(drawn, loss, config.widths[place]) for place in (0, -1))
    both = [seed for seed in config.seeds if seed in narrow and seed in wide]
    if len(both) < 2:
        doubt = f"narrow and wide networks fit in {len(both)} of {len(config.seeds)} seeds only"
        return not_judged(claim, doubt, unit="of the networks")
    finds = [[_negated(one[seed]) for seed in both] for one in (wide, narrow)]
    counts = [sum(map(bool, one)) for one in finds]
    return succeeds_more(
        claim,
        *finds,
        unit="of the networks",
        says=f"Both fit in {len(both)} of {len(config.seeds)} seeds. All patterns are found in "
        f"{counts[0]} of these by {config.widths[-1]} filters a sign, in {counts[1]} by "
        f"{config.widths[0]}.",
        **_JUDGED,
    )


def _negated(value: bool | None) -> bool | None:
    return None if value is None else not value


def _misses(drawn: Rows, config: Config) -> Verdict:
    narrow = {loss: _fitting(drawn, loss, config.widths[0]) for loss in LOSSES}
    words = (
        f"{sum(map(bool, one.values()))} of {len(one)} that fit ({loss})"
        for loss, one in narrow.items()
    )
    return all_of(
        "E6b",
        *(
            succeeds(
                loss,
                list(one.values()),
                rate=config.share,
                unit="of the networks that fit",
                **_JUDGED,
            )
            for loss, one in narrow.items()
        ),
        says=f"With {config.widths[0]} filters a sign a pattern is missed by {', '.join(words)}.",
        **_JUDGED,
    )


def _gathers(drawn: Rows, claim: str, part: str, margin: float) -> Verdict:
    """A seed's mean over filters, against its own start and the null's mean, in degrees."""
    seeds: dict[int, list[dict[str, Any]]] = {}
    for row in drawn:
        if row["part"] == part:
            seeds.setdefault(row["seed"], []).append(row)
    before, after = (
        np.array([_mean(units, column) for units in seeds.values()])
        for column in ("before", "after")
    )
    chance, below = (
        np.array([units[0][column] for units in seeds.values()], dtype=float)
        for column in ("chance_mean", "below")
    )
    about: dict[str, Any] = {"margin": margin, "unit": "degrees", **_JUDGED}
    return all_of(
        claim,
        exceeds("the start", before - after, **about),
        exceeds("random directions", chance - after, **about),
        says=f"Filters are {before.mean():.1f} degrees from the nearest centre at the start and "
        f"{after.mean():.1f} at the end; random directions {chance.mean():.1f}, and "
        f"{below.mean():.1%} of their layers are as near.",
        **_JUDGED,
    )


def _mean(units: Rows, column: str) -> float:
    """NaN where no filter has a value: one of length 0 has no angle."""
    known = [row[column] for row in units if row[column] is not None]
    return fmean(known) if known else float("nan")


def _collapses(drawn: Rows, config: Config) -> Verdict:
    pairs = [(row["first"], row["last"]) for row in drawn if row["part"] == "images"]
    known = [(first, last) for first, last in pairs if first is not None and last is not None]
    halved = [None if None in pair else float(np.log2(pair[0] / pair[1])) for pair in pairs]
    says = ""
    if known:
        first, last = (float(np.exp(np.mean(np.log(one)))) for one in zip(*known, strict=True))
        says = (
            f"Spread within classes over that between them goes from {first:.3g} to {last:.3g}, "
            f"geometric means."
        )
    return exceeds("E6e", halved, margin=config.halvings, unit="halvings", says=says, **_JUDGED)
