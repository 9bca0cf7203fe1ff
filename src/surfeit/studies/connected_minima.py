"""Are minima joined by curves of low loss, and by straight lines once their units are matched?

Source: Garipov et al. 2018 (1802.10026); Ainsworth et al. 2023 (2209.04836); Jordan et al. 2023
(2211.08403). How networks are trained is our choice.
Cost: quick 3 s, laptop about 3 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.figure import Figure

from surfeit.lab import POOL_DATA, Claim, Lab, Verdict, all_of, exceeds, ranks
from surfeit.landscape import error_barrier
from surfeit.procedures.connections import PATHS, ConnectionConfig
from surfeit.procedures.curves import CurveConfig
from surfeit.studies._connected_minima import joined
from surfeit.studies._fitting import check_ascending, examples
from surfeit.tables.figures.lines import STROKES, mean_line
from surfeit.tables.figures.style import panels, plain_axis, style, ticks_at
from surfeit.train import Job, Recipe, Snapshots

_MLP = "MLP-512 on MNIST, barrier: 1.44 straight, 0.038 matched, 0.006 repaired"
CLAIMS = (
    Claim(
        id="G4a",
        says="On a trained Bezier curve between two networks the training loss rises less than "
        "half as much above its ends as on the straight line, at every width.",
        published="Fully connected, MNIST, worst test error: 3.18 % straight, 1.56 % Bezier",
        source="Garipov et al. 2018",
    ),
    Claim(
        id="G4b",
        says="On the straight line it rises less once the second network's units are in the order "
        "of the first one's, at every width.",
        published=_MLP,
        source="Ainsworth et al. 2023; Jordan et al. 2023",
    ),
    Claim(
        id="G4c",
        says="It rises still less once each unit's mean and spread are repaired, at every width.",
        published=_MLP,
        source="Jordan et al. 2023",
    ),
    Claim(
        id="G4d",
        says="The wider the networks, the less it rises once their units are matched.",
        source="Ainsworth et al. 2023",
    ),
)
_COMPARISONS = len(CLAIMS)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Pairs of networks of several widths, and the paths between their ends.

    The networks of a pair have initial weights and orders of their own; a pair's images are drawn
    by its seed, and all its widths share them. Units are matched by weights.
    """

    data: str = "mnist"
    images: int = 55_000  # training images
    widths: tuple[int, ...] = (64, 128, 256, 512)  # of both hidden layers
    recipe: Recipe = Recipe(optimizer="adam", lr=1e-3, batch_size=128, epochs=30)
    curve: CurveConfig = CurveConfig(lr=0.02, weight_decay=0.0, epochs=30)
    points: int = 11  # on each path
    measured: int = 10_000  # images of each split that paths are measured on
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    margin: float = 0.5  # of the straight line's barrier

    def __post_init__(self) -> None:
        check_ascending("widths", self.widths)
        self.connection(0)  # checks points and measured

    def connection(self, seed: int) -> ConnectionConfig:
        """How a seed's paths are laid and measured."""
        return ConnectionConfig(
            points=self.points, images=self.measured, curve=self.curve, seed=seed
        )


SIZES = ("data", "images", "widths", "recipe", "curve", "points", "measured", "seeds")
PAPER = Config()
LAPTOP = replace(
    PAPER,
    images=5_000,
    recipe=replace(PAPER.recipe, epochs=10),
    curve=replace(PAPER.curve, epochs=10),
    measured=2_000,
)
QUICK = replace(
    PAPER,
    data=POOL_DATA,
    images=500,
    widths=(8, 32),
    recipe=replace(PAPER.recipe, lr=5e-3, batch_size=50, epochs=10),
    curve=replace(PAPER.curve, lr=0.05, batch_size=50, epochs=10),
    points=7,
    measured=500,
    seeds=(0, 1, 2),
)


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """Two trainings for each width and seed."""
    whole = lab.data(config.data)
    drawn = {seed: examples(whole, config.images, seed) for seed in config.seeds}
    return {
        name_of(width, seed, side): lab.job(
            f"mlp-{width}-{width}",
            drawn[seed],
            config.recipe,
            seed=2 * seed + side,
            snapshots=Snapshots(every_epochs=0),
        )
        for width in config.widths
        for seed in config.seeds
        for side in (0, 1)
    }


def name_of(width: int, seed: int, side: int) -> str:
    """What a training is called."""
    return f"width {width}, pair {seed}, {('first', 'second')[side]}"


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a point of a path between two runs.

    `width, seed, path, t, length, train_loss, train_error, test_loss, test_error, first, second`.
    """
    runs = lab.train(jobs(config, lab))
    pairs = {
        (width, seed): tuple(runs[name_of(width, seed, side)] for side in (0, 1))
        for width in config.widths
        for seed in config.seeds
    }
    for path in PATHS:
        for seed in config.seeds:
            found = lab.measure(
                joined,
                {width: pairs[width, seed] for width in config.widths},
                lab.data(config.data),
                path=path,
                images=config.images,
                seed=seed,
                config=config.connection(seed),
            )
            for width, points in found.items():
                first, second = (run.key for run in pairs[width, seed])
                about = {"width": width, "seed": seed, "path": path}
                for point in points:
                    yield about | point | {"first": first, "second": second}


_WORDS = {
    "segment": "straight line",
    "matched": "units matched",
    "repaired": "matched, repaired",
    "curve": "Bezier curve",
}

_LINES = {"segment": "straight line", "matched": "matched line"}


def figure(table: pa.Table) -> Figure:
    """Training loss along the paths of the widest networks, and the barriers by width."""
    drawn = table.to_pylist()
    widest = max(row["width"] for row in drawn)
    barriers = [
        {"path": path, "width": width, "barrier": value}
        for (path, width, _), value in _barriers(table, "train_loss").items()
    ]
    with style():
        drawing, ((left, right),) = panels(2, height=3.4)
        for stroke, (path, words) in zip(STROKES, _WORDS.items(), strict=False):
            along = [row for row in drawn if row["path"] == path and row["width"] == widest]
            mean_line(left, along, "t", "train_loss", stroke, words)
            own = [row for row in barriers if row["path"] == path]
            mean_line(right, own, "width", "barrier", stroke, bands=False)
        left.set(title=f"Along the paths, width {widest}", xlabel="t (0: one end, 1: the other)")
        left.set_ylabel("training loss (nats)")
        right.set(title="Barrier", xlabel="units in each of two layers")
        right.set_ylabel("rise above the ends (nats)")
        right.set_xscale("log")
        ticks_at(right, sorted({row["width"] for row in drawn}))
        if min(row["barrier"] for row in barriers) > 0:
            right.set_yscale("log")
            plain_axis(right)
        drawing.legend(loc="outside lower center", ncols=4)
    return drawing


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """G4a to G4c in shares of the barrier that they lower, paired by seed; G4d by rank."""
    barriers = _barriers(table, "train_loss")
    means = {
        path: [fmean(barriers[path, w, s] for s in config.seeds) for w in config.widths]
        for path in PATHS
    }

    def lowered(claim: str, path: str, than: str, margin: float, says: str) -> Verdict:
        parts = [
            exceeds(
                f"width {width}",
                [
                    _lower(barriers[path, width, seed], barriers[than, width, seed])
                    for seed in config.seeds
                ],
                margin=margin,
                comparisons=_COMPARISONS,
                unit=f"of the {_LINES[than]}'s barrier",
            )
            for width in config.widths
        ]
        return all_of(claim, *parts, says=says, comparisons=_COMPARISONS)

    def said(path: str) -> str:
        return f"{_listed(means[path])} nats ({_WORDS[path]})"

    widths = ", ".join(map(str, config.widths))
    worst = _worst(table)
    return (
        lowered(
            "G4a",
            "curve",
            "segment",
            config.margin,
            f"With {widths} units the mean barrier is {said('segment')} and {said('curve')}. With "
            f"{config.widths[-1]} the worst test error on the way is {worst['segment']:.2f} % and "
            f"{worst['curve']:.2f} %.",
        ),
        lowered("G4b", "matched", "segment", 0.0, f"It is {said('matched')}."),
        lowered("G4c", "repaired", "matched", 0.0, f"It is {said('repaired')}."),
        ranks(
            "G4d",
            [float(width) for width in config.widths],
            np.array([[barriers["matched", w, s] for w in config.widths] for s in config.seeds]),
            falls=True,
            comparisons=_COMPARISONS,
            says=f"The mean barrier is {said('matched')} with {widths} units.",
        ),
    )


def _barriers(table: pa.Table, quantity: str) -> dict[tuple[str, int, int], float]:
    """By path, width and seed."""
    values: dict[tuple[str, int, int], list[tuple[float, float]]] = {}
    for row in table.to_pylist():
        key = row["path"], row["width"], row["seed"]
        values.setdefault(key, []).append((row["t"], row[quantity]))
    return {key: error_barrier([v for _, v in sorted(pairs)]) for key, pairs in values.items()}


def _worst(table: pa.Table) -> dict[str, float]:
    """The mean over seeds of a path's largest test error (%), of the widest networks."""
    rows = table.to_pylist()
    widest = max(row["width"] for row in rows)
    found: dict[str, dict[int, float]] = {path: {} for path in PATHS}
    for row in rows:
        if row["width"] == widest:
            own = found[row["path"]]
            own[row["seed"]] = max(own.get(row["seed"], 0.0), 100 * row["test_error"])
    return {path: fmean(own.values()) for path, own in found.items()}


def _lower(barrier: float, than: float) -> float | None:
    """The share of a barrier that is gone; None where there was none."""
    return 1 - barrier / than if than > 0 else None


def _listed(values: list[float]) -> str:
    return ", ".join(f"{value:.3g}" for value in values)
