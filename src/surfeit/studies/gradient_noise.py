"""How noisy is the gradient of a mini-batch, and does the noise grow along training?

Source: Goodfellow, Bengio and Courville 2016, section 8.1.3; sampling from a finite set as in
Cochran 1977, theorem 2.2; the noise scale of McCandlish et al. 2018 (1812.06162). Networks and data
are our choice. The variance over all batches is computed from every example's gradient, that of
drawn batches from gradients as a step takes them.
Cost: quick 2 s, laptop 20 s (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from surfeit.lab import POOL_DATA, Claim, Lab, Verdict, all_of, equals, exceeds
from surfeit.studies._fitting import check_ascending, examples
from surfeit.studies._gradient_noise import noisy
from surfeit.tables.figures.lines import STROKES, mean_line
from surfeit.tables.figures.style import (
    BLACK,
    GREY,
    Stroke,
    panels,
    plain_axis,
    style,
    ticks_at,
)
from surfeit.train import Job, Recipe, Snapshots

_BOOK = "Goodfellow et al. 2016, 8.1.3"
CLAIMS = (
    Claim(
        id="G13a",
        says="A mini-batch's gradient is unbiased: the mean over many batches is as far from the "
        "gradient of all examples as chance alone takes it, within a tenth.",
        source=_BOOK,
    ),
    Claim(
        id="G13b",
        says="Its variance is σ²/b for batches drawn with replacement and σ²/b (n − b)/(n − 1) "
        "without, within a tenth, for each size of batch along training.",
        published="the standard error of the mean of b samples is σ/√b",
        source=f"{_BOOK}; Cochran 1977",
    ),
    Claim(
        id="G13c",
        says="The noise scale σ²/‖g‖², the batch whose noise is as large as its gradient, is "
        "larger at the end of the training than at its start.",
        published="it grows along training by an order of magnitude or more",
        source="McCandlish et al. 2018",
    ),
)
_JUDGED: dict[str, Any] = {"comparisons": len(CLAIMS)}


@dataclass(frozen=True, kw_only=True)
class Config:
    """A network trained by SGD; at some epochs many batches are drawn, and none is trained on.

    A seed draws its images, initial weights and batches.
    """

    data: str = "mnist"
    images: int = 1_000  # n
    model: str = "mlp-64"
    recipe: Recipe = Recipe(lr=0.05, batch_size=50, epochs=20)
    epochs: tuple[int, ...] = (1, 2, 5, 10, 20)  # measured, and the start
    batches: tuple[int, ...] = (2, 8, 32, 128, 512)  # b
    draws: int = 200  # batches of each size and way
    seeds: tuple[int, ...] = tuple(range(8))
    margin: float = 0.1  # of the exact variance

    def __post_init__(self) -> None:
        check_ascending("epochs", self.epochs, fewest=1)
        check_ascending("batches", self.batches)
        if self.batches[-1] >= self.images:
            raise ValueError(
                f"batches must be smaller than the {self.images:,} images, got {self.batches}"
            )
        if self.images % self.recipe.batch_size:
            raise ValueError(
                f"images must be a multiple of the recipe's batches of {self.recipe.batch_size}, "
                f"got {self.images:,}"
            )
        if self.recipe.epochs is None or self.epochs[-1] != self.recipe.epochs:
            raise ValueError(
                f"the recipe must have {self.epochs[-1]} epochs, the last that is measured, got "
                f"{self.recipe.epochs}"
            )
        if self.draws < 2:
            raise ValueError(f"draws must be two or more, got {self.draws}")


SIZES = ("data", "images", "model", "recipe", "epochs", "batches", "draws", "seeds")
PAPER = Config()
LAPTOP = replace(PAPER, images=500, model="mlp-32", batches=(2, 8, 32, 128), draws=100)
QUICK = replace(
    LAPTOP,
    data=POOL_DATA,
    images=100,
    model="mlp-8",
    recipe=replace(PAPER.recipe, epochs=4),
    epochs=(4,),
    batches=(2, 50),
    draws=50,
    seeds=(0, 1, 2),
)


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """A training for each seed, on images of its own."""
    whole = lab.data(config.data)
    each = config.recipe.steps_per_epoch(config.images)
    kept = Snapshots(every_epochs=0, at=tuple(each * epoch for epoch in config.epochs))
    return {
        f"seed {seed}": lab.job(
            config.model,
            examples(whole, config.images, seed),
            config.recipe,
            seed=seed,
            snapshots=kept,
        )
        for seed in config.seeds
    }


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """A row a seed, epoch, size of batch and way of drawing: the columns of `noisy`, `run`."""
    runs = lab.train(jobs(config, lab))
    about: dict[str, Any] = {"images": config.images, "batches": list(config.batches)}
    found = lab.measure(noisy, runs, lab.data(config.data), draws=config.draws, **about)
    for seed in config.seeds:
        name = f"seed {seed}"
        for row in found[name]:
            yield {"seed": seed, "images": config.images, **row, "run": runs[name].key}


_WAYS = {
    True: ("with replacement, σ²/b", STROKES[0]),
    False: ("without, σ²/b (n − b)/(n − 1)", STROKES[1]),
}


def figure(table: pa.Table) -> Figure:
    """The variance by batch over σ², its ratio to the exact one by epoch, and the noise scale."""
    drawn = table.to_pylist()
    with style():
        drawing, ((variances, ratios), (biases, scales)) = panels(2, rows=2, height=5.8)
        _draw_variances(variances, drawn)
        _draw_ratios(ratios, drawn, "measured", "Variance along training")
        _draw_ratios(biases, drawn, "bias", "Error of the mean along training")
        _draw_scales(scales, drawn)
    return drawing


def _draw_variances(axes: Axes, rows: list[dict[str, Any]]) -> None:
    """Over that of one example: dots with two standard errors over seeds, lines exact."""
    batches = sorted({row["batch"] for row in rows})
    n = rows[0]["images"]
    sizes = np.geomspace(batches[0], batches[-1], 100)
    for way, (label, stroke) in _WAYS.items():
        own = [row for row in rows if row["replacement"] == way]
        line = 1 / sizes if way else (n - sizes) / (sizes * (n - 1))
        axes.plot(sizes, line, color=stroke.color, linestyle=stroke.linestyle)
        found = [_of_seeds(own, batch, n) for batch in batches]
        axes.errorbar(
            batches,
            [one.mean() for one in found],
            yerr=[2 * float(one.std(ddof=1)) / len(one) ** 0.5 for one in found],
            linestyle="",
            marker=stroke.marker,
            color=stroke.color,
            capsize=2,
            label=label,
        )
    axes.set(xscale="log", yscale="log", xlabel="batch b", ylabel="variance, of one example's")
    axes.set_title("Variance by batch")
    ticks_at(axes, batches)
    plain_axis(axes)
    axes.legend(loc="lower left", fontsize=7.5)


def _of_seeds(rows: list[dict[str, Any]], batch: int, n: int) -> np.ndarray:
    """Each seed's measured variance over σ², in the mean over epochs."""
    share = {True: 1 / batch, False: (n - batch) / (batch * (n - 1))}
    seeds = sorted({row["seed"] for row in rows})
    return np.array(
        [
            fmean(
                row["measured"] / row["exact"] * share[row["replacement"]]
                for row in rows
                if row["seed"] == seed and row["batch"] == batch
            )
            for seed in seeds
        ]
    )


def _draw_ratios(axes: Axes, rows: list[dict[str, Any]], name: str, title: str) -> None:
    """A measured square over the exact one, in the mean over batches: a dot a seed, their mean."""
    for way, (label, stroke) in _WAYS.items():
        own = [row for row in rows if row["replacement"] == way]
        over = [
            {
                "place": epoch,
                "ratio": fmean(
                    row[name] / (row["exact"] if name == "measured" else 1.0)
                    for row in own
                    if row["seed"] == seed and row["epoch"] == epoch
                ),
            }
            for epoch in sorted({row["epoch"] for row in own})
            for seed in sorted({row["seed"] for row in own})
        ]
        mean_line(axes, over, "place", "ratio", stroke, label.split(",")[0])
    axes.axhline(1, color=BLACK, linewidth=0.8)
    axes.set(xlabel="epoch", ylabel="measured, of the exact", title=title)
    axes.set_ylim(0.5, 1.5)
    axes.legend(loc="lower right", fontsize=7.5)


def _draw_scales(axes: Axes, rows: list[dict[str, Any]]) -> None:
    """The noise scale and, in its units, the loss's own way: a dot a seed."""
    own = [row for row in rows if row["replacement"] and row["batch"] == rows[0]["batch"]]
    mean_line(axes, own, "epoch", "scale", Stroke(color=STROKES[2].color, marker="^"))
    axes.axhline(rows[0]["images"], color=GREY, linestyle=":", label="all images")
    axes.set(yscale="log", xlabel="epoch", ylabel="batch as noisy as its gradient")
    axes.set_title("Noise scale σ²/‖g‖²")
    plain_axis(axes)
    axes.legend(loc="lower right")


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """G13a over all rows of a seed, G13b for each batch and way, G13c in orders of magnitude."""
    drawn = table.to_pylist()
    seeds = {seed: [row for row in drawn if row["seed"] == seed] for seed in config.seeds}
    return _unbiased(seeds, config), _variance(seeds, config), _grows(seeds)


_Seeds = dict[int, list[dict[str, Any]]]


def _unbiased(seeds: _Seeds, config: Config) -> Verdict:
    found = [fmean(row["bias"] for row in some) - 1 for some in seeds.values()]
    return equals(
        "G13a",
        found,
        margin=config.margin,
        unit="of chance's",
        says=f"The square of what the mean of {config.draws} batches is off is "
        f"{1 + fmean(found):.3f} times that of unbiased ones.",
        **_JUDGED,
    )


def _variance(seeds: _Seeds, config: Config) -> Verdict:
    """The measured variance over the exact one, less 1, in a seed's mean over epochs."""

    def off(batch: int, way: bool) -> list[float]:
        return [
            fmean(
                row["measured"] / row["exact"]
                for row in some
                if row["batch"] == batch and row["replacement"] == way
            )
            - 1
            for some in seeds.values()
        ]

    parts = {(b, way): off(b, way) for way in _WAYS for b in config.batches}
    means = [1 + fmean(some) for some in parts.values()]
    words = {True: "with", False: "without"}
    return all_of(
        "G13b",
        *(
            equals(
                f"batch {b} {words[way]} replacement",
                some,
                margin=config.margin,
                unit="of the exact",
                **_JUDGED,
            )
            for (b, way), some in parts.items()
        ),
        says=f"The measured variance is {min(means):.3f} to {max(means):.3f} times the exact one.",
        **_JUDGED,
    )


def _grows(seeds: _Seeds) -> Verdict:
    ends = {
        seed: [fmean(row["scale"] for row in some if row["epoch"] == at) for at in _ends(some)]
        for seed, some in seeds.items()
    }
    start, end = (float(10 ** fmean(np.log10(pair[at]) for pair in ends.values())) for at in (0, 1))
    return exceeds(
        "G13c",
        [float(np.log10(last / first)) for first, last in ends.values()],
        unit="orders of magnitude",
        says=f"The noise scale is {start:.3g} images at the start and {end:.3g} at the end.",
        **_JUDGED,
    )


def _ends(rows: list[dict[str, Any]]) -> tuple[float, float]:
    epochs = [row["epoch"] for row in rows]
    return min(epochs), max(epochs)
