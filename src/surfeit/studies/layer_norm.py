"""Does layer normalisation do better than batch normalisation where batches are small?

Source: Ba, Kiros and Hinton 2016 (1607.06450), permutation invariant MNIST: 784-1000-1000-10 with
batches of 128 and of 4, compared by curves alone. Batch normalisation estimates mean and variance
from the batch, layer normalisation from the units of one example.
Cost: quick 2 s, laptop about 6 min (two cores, which others used too).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import pyarrow as pa
from matplotlib.figure import Figure

from surfeit.core import check_size
from surfeit.lab import POOL_DATA, Claim, Lab, Verdict, exceeds
from surfeit.store import Run
from surfeit.studies._batch_norm import network, small
from surfeit.studies._fitting import check_ascending
from surfeit.tables.figures.lines import STROKES, mean_lines
from surfeit.tables.figures.style import panels, plain, style, ticks_at
from surfeit.tables.statistics import over_replicates
from surfeit.train import Job, Recipe, Snapshots

_SOURCE = "Ba, Kiros and Hinton 2016"
CLAIMS = (
    Claim(
        id="G19a",
        says="With the smallest batches layer normalisation classifies better than batch "
        "normalisation, each at its own best rate.",
        source=_SOURCE,
    ),
    Claim(
        id="G19b",
        says="What layer normalisation gains over batch normalisation is more with the smallest "
        "batches than with the largest.",
        source=_SOURCE,
    ),
)
_COMPARISONS = len(CLAIMS)
ARMS = ("batch", "layer")
_WORDS = {"batch": "batch normalisation", "layer": "layer normalisation"}


@dataclass(frozen=True, kw_only=True)
class Config:
    """One network under either normalisation, by batch size, for as many epochs.

    An arm's rate at a batch size is the one of the highest mean validation accuracy.
    """

    data: str = "mnist"
    images: int = 55_000
    held_out: int = 10_000  # images of the validation and of the test split, at most
    model: str = "mlp-1000-1000"
    recipe: Recipe = Recipe(epochs=20)
    batches: tuple[int, ...] = (2, 4, 16, 128)
    rates: tuple[float, ...] = (0.01, 0.03, 0.1)
    margin: float = 0.0  # points
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)

    def __post_init__(self) -> None:
        check_size("held_out", self.held_out)
        check_ascending("batches", self.batches)
        alone = [size for size in self.batches if size == 1 or self.images % size == 1]
        if alone:
            raise ValueError(
                f"batch normalisation cannot train on one example, which batches of {alone[0]} of "
                f"{self.images:,} images would leave: choose other batches"
            )
        if not self.rates or len(set(self.rates)) < len(self.rates):
            raise ValueError(f"rates must be different, and at least one, got {self.rates}")


SIZES = ("data", "images", "held_out", "model", "recipe", "batches", "rates", "seeds")
PAPER = Config()
LAPTOP = replace(
    PAPER,
    data="fashion-mnist",
    images=2_000,
    held_out=2_000,
    model="mlp-64-64",
    recipe=replace(PAPER.recipe, epochs=4),
    batches=(2, 4, 16, 64),
    seeds=tuple(range(8)),
)
QUICK = replace(
    LAPTOP,
    data=POOL_DATA,
    images=200,
    held_out=200,
    model="mlp-12-12",
    recipe=replace(PAPER.recipe, epochs=2),
    batches=(2, 20),
    rates=(0.1,),
    seeds=(0, 1, 2),
)


def name_of(arm: str, batch: int, rate: float, seed: int) -> str:
    """What a training is called."""
    return f"{arm}, batches of {batch}, rate {rate:g}, seed {seed}"


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """A training for each arm, batch size, rate and seed, whose images all arms share."""
    whole = lab.data(config.data)
    drawn = {seed: small(whole, config.images, config.held_out, seed) for seed in config.seeds}
    return {
        name_of(arm, batch, rate, seed): Job(
            network(config.model, arm),
            drawn[seed],
            replace(config.recipe, batch_size=batch, lr=rate),
            seed=seed,
            snapshots=Snapshots(every_epochs=0),
        )
        for arm in ARMS
        for batch in config.batches
        for rate in config.rates
        for seed in config.seeds
    }


def ended(run: Run) -> Iterator[dict[str, Any]]:
    """Validation and test accuracy at a training's end."""
    last = run.metrics().to_pylist()[-1]
    yield {name: last[name] for name in ("validation_accuracy", "test_accuracy")}


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a training: `arm, batch, rate, seed, best`, the columns of `ended`, `run`."""
    runs = lab.train(jobs(config, lab))
    found = {name: rows[0] for name, rows in lab.measure(ended, runs).items()}
    for arm in ARMS:
        for batch in config.batches:
            best = lab.choose(
                [
                    {
                        "rate": rate,
                        "validation_accuracy": fmean(
                            found[name_of(arm, batch, rate, seed)]["validation_accuracy"]
                            for seed in config.seeds
                        ),
                    }
                    for rate in config.rates
                ],
                by="validation_accuracy",
            )["rate"]
            for rate in config.rates:
                for seed in config.seeds:
                    name = name_of(arm, batch, rate, seed)
                    about = {"arm": arm, "batch": batch, "rate": rate, "seed": seed}
                    yield about | {"best": rate == best} | found[name] | {"run": runs[name].key}


def figure(table: pa.Table) -> Figure:
    """Test accuracy by batch size at each arm's best rates, and the differences, paired by seed.

    A dot is a seed, a square the mean with its interval.
    """
    best = table.filter(pa.array(table["best"].to_pylist()))
    sizes = sorted(set(best["batch"].to_pylist()))
    gains = _gains(best.to_pylist())
    with style():
        drawing, axes = panels(2, height=2.8)
        left, right = axes.flat
        mean_lines(
            left, best, x="batch", y="test_accuracy", by="arm", label=_WORDS.__getitem__, scale=100
        )
        left.set(title="test accuracy (%)", xlabel="batch size", xscale="log")
        left.legend(loc="lower right")
        for at, size in enumerate(sizes):
            points = list(gains[size].values())
            right.plot([at] * len(points), points, "o", color=STROKES[0].color, alpha=0.4)
            mean = over_replicates(points)
            right.plot([at + 0.08], [mean.mean], "s", color=STROKES[1].color)
            if mean.lower is not None and mean.upper is not None:
                right.vlines(at + 0.08, mean.lower, mean.upper, color=STROKES[1].color)
        right.axhline(0, color="black", linewidth=0.8)
        right.set_xticks(range(len(sizes)), [str(size) for size in sizes])
        right.set(
            title="gained by layer normalisation (points)",
            xlabel="batch size",
            xlim=(-0.5, len(sizes) - 0.5),
        )
        ticks_at(left, sizes, say=plain)
    return drawing


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """Both in points of test accuracy, paired by seed."""
    drawn = [row for row in table.to_pylist() if row["best"]]
    gains = _gains(drawn)
    least, most = config.batches[0], config.batches[-1]
    judged: dict[str, Any] = {
        "margin": config.margin,
        "unit": "points",
        "comparisons": _COMPARISONS,
    }
    first = [gains[least][seed] for seed in config.seeds]
    more = [gains[least][seed] - gains[most][seed] for seed in config.seeds]
    return (
        exceeds("G19a", first, says=_said(drawn, least), **judged),
        exceeds("G19b", more, says=_said(drawn, most), **judged),
    )


def _gains(drawn: Sequence[Mapping[str, Any]]) -> dict[int, dict[int, float]]:
    """By batch size and seed the points by which layer normalisation is better."""
    accuracy = {(row["arm"], row["batch"], row["seed"]): row["test_accuracy"] for row in drawn}
    gains: dict[int, dict[int, float]] = {}
    for arm, batch, seed in accuracy:
        if arm == "layer":
            gain = accuracy["layer", batch, seed] - accuracy["batch", batch, seed]
            gains.setdefault(batch, {})[seed] = 100 * gain
    return gains


def _said(drawn: Sequence[Mapping[str, Any]], batch: int) -> str:
    parts = []
    for arm in ARMS:
        rows = [row for row in drawn if (row["arm"], row["batch"]) == (arm, batch)]
        mean = fmean(row["test_accuracy"] for row in rows)
        parts.append(f"{100 * mean:.1f} % with {_WORDS[arm]} at a rate of {rows[0]['rate']:g}")
    return f"Batches of {batch}: {', '.join(parts)}."
