"""What does the cross-entropy of a trained network measure?

That of labels is their entropy and what the network's probabilities are off by. Source: Shannon
1948, Kullback and Leibler 1951; Wilks 1938 and Akaike 1974 for maximum likelihood. The networks are
our choice; their labels are noisy on purpose, so that the conditional entropy is known.
Cost: quick 4 s, laptop 2 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise, product
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from surfeit.core import check_size
from surfeit.lab import (
    POOL_DATA,
    Claim,
    Lab,
    Verdict,
    all_of,
    chosen,
    equals,
    exceeds,
)
from surfeit.studies._cross_entropy import (
    SLIDES,
    conditional_entropy,
    excess_of,
    losses_by_step,
    relabelled,
    right_model,
    tables,
)
from surfeit.studies._fitting import check_ascending, examples
from surfeit.tables.figures.lines import STROKES
from surfeit.tables.figures.style import BLUE, GREY, VERMILLION, panels, plain_axis, style, ticks_at
from surfeit.train import Job, Recipe, Snapshots

_SOURCE = "Kullback and Leibler 1951"
CLAIMS = (
    Claim(
        id="G10a",
        says="The loss of labels under another distribution than their own is entropy plus "
        "divergence; the least loss of given labels is the entropy of their frequencies.",
        published="0.916 and 0.02 nats (the slides' two outputs for one label)",
        source=_SOURCE,
    ),
    Claim(
        id="G10b",
        says="Maximum likelihood with k parameters in a right model has a cross-entropy of k/(2n) "
        "above the conditional entropy on new data, and as much too little on its own n examples.",
        published="k/(2n) for large n",
        source="Wilks 1938; Akaike 1974",
    ),
    Claim(
        id="G10c",
        says="The least test cross-entropy of a network bounds the conditional entropy of noisy "
        "labels from above, the closer the more images it learns from: to 0.2 nats with the most.",
        source=_SOURCE,
    ),
    Claim(
        id="G10d",
        says="The training loss does not: with the fewest images it ends below the conditional "
        "entropy of noisy labels, while the test loss rises.",
        source="Zhang et al. 2016, for labels learnt by heart",
    ),
)
_JUDGED: dict[str, Any] = {"comparisons": len(CLAIMS)}
_NATS = "nats"


@dataclass(frozen=True, kw_only=True)
class Config:
    """Distributions and a linear softmax that a seed draws; networks on labels partly redrawn."""

    classes: int = 5  # of the distributions
    many: int = 400_000  # labels that a distribution is judged by
    labels: int = 300  # that one is fitted to
    descent: int = 2000  # steps
    sizes: tuple[int, ...] = (200, 400, 800, 1600, 3200)  # n
    features: int = 9
    outcomes: int = 3  # classes of the linear softmax, which has k = 2 · 10 weights
    draws: int = 10
    new: int = 2000  # examples
    data: str = "mnist"
    images: tuple[int, ...] = (2_500, 10_000, 50_000)
    model: str = "mlp-128"
    recipe: Recipe = Recipe(optimizer="adam", lr=1e-3, batch_size=128, epochs=40)
    noises: tuple[float, ...] = (0.0, 0.2, 0.4, 0.6)  # the share of labels drawn anew
    seeds: tuple[int, ...] = tuple(range(10))
    clear: int = 800  # n from which the closed form, one of large n, is judged
    margin: float = 0.1  # of k/(2n)
    sampled: float = 0.01  # nats: some five standard errors of so many labels
    climbed: float = 1e-3  # nats: of a class that was not drawn descent leaves 1 / steps
    near: float = 0.2  # nats: less than a tenth of what a guess among ten classes leaves

    def __post_init__(self) -> None:
        check_ascending("sizes", self.sizes)
        check_ascending("images", self.images)
        for name in ("many", "labels", "descent", "features", "draws", "new"):
            check_size(name, getattr(self, name))
        for name in ("classes", "outcomes"):
            check_size(name, getattr(self, name), 2)
        if sum(size >= self.clear for size in self.sizes) < 1:
            raise ValueError(f"sizes must have one of at least {self.clear}, got {self.sizes}")
        rising = list(self.noises) == sorted(set(self.noises))
        if len(self.noises) < 2 or not rising or not all(0 <= one <= 1 for one in self.noises):
            raise ValueError(
                f"noises must be two or more shares in [0, 1] in ascending order, got {self.noises}"
            )

    @property
    def parameters(self) -> int:
        """k of the linear softmax, whose last class needs none."""
        return (self.outcomes - 1) * (self.features + 1)


SIZES = (
    *("sizes", "draws", "new", "descent", "data", "images", "model", "recipe", "noises", "seeds"),
)
PAPER = Config()
LAPTOP = replace(
    PAPER,
    images=(2_500, 10_000, 40_000),
    model="mlp-64",
    recipe=replace(PAPER.recipe, lr=2e-3, epochs=12),
    seeds=tuple(range(6)),
)
QUICK = replace(
    LAPTOP,
    sizes=(200, 800),
    draws=5,
    new=500,
    descent=1000,
    data=POOL_DATA,
    images=(250, 1_077),
    model="mlp-16",
    recipe=replace(PAPER.recipe, lr=3e-3, batch_size=60, epochs=30),
    noises=(0.0, 0.4),
    seeds=(0, 1, 2),
)


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """A training for each noise, number of images and seed; fewer images lie in more."""
    whole = lab.data(config.data)
    # All noises share the images: copies of them would fill the memory.
    drawn = {
        (images, seed): examples(whole, images, seed)
        for images in config.images
        for seed in config.seeds
    }
    return {
        name_of(noise, images, seed): lab.job(
            config.model,
            relabelled(drawn[images, seed], noise, seed),
            config.recipe,
            seed=seed,
            snapshots=Snapshots(every_epochs=1),
        )
        for noise in config.noises
        for images in config.images
        for seed in config.seeds
    }


def name_of(noise: float, images: int, seed: int) -> str:
    """What a training is called."""
    return f"noise {noise:g}, {images:,} images, seed {seed}"


_COLUMNS = (
    *("cross", "entropy", "divergence", "loss", "least", "excess", "gain"),
    *("images", "step", "train_loss", "validation_loss", "test_loss", "exact", "run"),
)


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a seed, part and place; in nats. What a part does not measure is null.

    `part` is `tables` (place 0), `right model` (place: n; `exact` is k/(2n)) or `network` (place:
    noise, a row a kept step; `exact` is the conditional entropy).
    """
    of = {seed: {"seed": seed} for seed in config.seeds}
    drawn = lab.compute(
        tables,
        of,
        classes=config.classes,
        many=config.many,
        labels=config.labels,
        steps=config.descent,
    )
    fitted = lab.compute(
        right_model,
        of,
        sizes=list(config.sizes),
        features=config.features,
        classes=config.outcomes,
        draws=config.draws,
        test=config.new,
    )
    for seed in config.seeds:
        for row in drawn[seed]:
            yield _row("tables", seed, {"place": 0, **row})
        for row in fitted[seed]:
            exact = excess_of(config.parameters, row["place"])
            yield _row("right model", seed, {**row, "exact": exact})
    yield from _networks(config, lab)


def _row(part: str, seed: int, values: dict[str, Any]) -> dict[str, Any]:
    place = float(values.pop("place"))
    return {"part": part, "place": place, "seed": seed, **dict.fromkeys(_COLUMNS), **values}


def _networks(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    runs, whole = lab.train(jobs(config, lab)), lab.data(config.data)
    for noise, images in product(config.noises, config.images):
        some = {seed: runs[name_of(noise, images, seed)] for seed in config.seeds}
        found = lab.measure(losses_by_step, some, whole, images=images, share=noise)
        exact = conditional_entropy(noise, whole.classes)
        for seed in config.seeds:
            for row in found[seed]:
                values = {
                    "place": noise,
                    "images": images,
                    "exact": exact,
                    "run": some[seed].key,
                    **row,
                }
                yield _row("network", seed, values)


def figure(table: pa.Table) -> Figure:
    """Dots are a seed each, lines closed forms; losses by epoch are means over seeds."""
    drawn = table.to_pylist()
    with style():
        drawing, ((model, least, course),) = panels(3, height=4.0)
        _draw_model(model, [row for row in drawn if row["part"] == "right model"])
        networks = [row for row in drawn if row["part"] == "network"]
        _draw_least(least, networks)
        _draw_course(course, networks)
    return drawing


def _draw_model(axes: Axes, drawn: list[dict[str, Any]]) -> None:
    across = [row["place"] for row in drawn]
    sizes = sorted({(row["place"], row["exact"]) for row in drawn})
    axes.plot(*zip(*sizes, strict=True), color=GREY, label="k/(2n)")
    axes.plot(across, [row["excess"] for row in drawn], "o", color=BLUE, label="new data, above")
    axes.plot(
        across, [row["gain"] for row in drawn], "x", color=VERMILLION, label="own data, below"
    )
    axes.set(xscale="log", yscale="log", title="A right model", xlabel="examples n")
    axes.set(ylabel="loss off the conditional entropy (nats)")
    ticks_at(axes, sorted({*across})[::2])
    plain_axis(axes)
    _legend_below(axes)


def _draw_least(axes: Axes, networks: list[dict[str, Any]]) -> None:
    exact = sorted({row["exact"] for row in networks})
    images = sorted({row["images"] for row in networks})
    axes.plot([exact[0], exact[-1]], [exact[0], exact[-1]], color=GREY, label="conditional entropy")
    ends = _ends(networks).values()
    for stroke, count in zip(STROKES, images, strict=False):
        places = [(best["exact"], best["test_loss"]) for best, _ in ends if best["images"] == count]
        options = {**stroke.options(), "linestyle": "", "label": f"{count:,} images"}
        axes.plot(*zip(*places, strict=True), alpha=0.7, **options)
    axes.set(title="Least test loss", ylabel="cross-entropy (nats)")
    axes.set(xlabel="conditional entropy (nats)")
    _legend_below(axes)


def _draw_course(axes: Axes, networks: list[dict[str, Any]]) -> None:
    """With the fewest images."""
    fewest = min(row["images"] for row in networks)
    shown = [row for row in networks if row["images"] == fewest and row["step"] > 0]
    noises = sorted({row["place"] for row in shown})
    for stroke, noise in zip(STROKES, noises, strict=False):
        some = [row for row in shown if row["place"] == noise]
        steps = sorted({row["step"] for row in some})
        for column, linestyle in (("test_loss", "-"), ("train_loss", ":")):
            means = [np.mean([r[column] for r in some if r["step"] == at]) for at in steps]
            label = f"{noise:.0%} noise" if column == "test_loss" else None
            axes.plot(steps, means, linestyle, color=stroke.color, label=label)
        axes.axhline(some[0]["exact"], color=stroke.color, linewidth=0.6, linestyle="--")
    axes.plot([], [], ":", color=GREY, label="training")
    axes.set(title=f"{fewest:,} images", xlabel="step", ylabel="cross-entropy (nats)")
    _legend_below(axes, ncols=2)


def _legend_below(axes: Axes, *, ncols: int = 1) -> None:
    """Where it hides no point."""
    place = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.2)}
    axes.legend(ncols=ncols, columnspacing=0.8, handlelength=1.2, **place)


Ends = dict[tuple[float, int, int], tuple[Any, Any]]


def _ends(networks: list[dict[str, Any]]) -> Ends:
    """By noise, images and seed the row that the validation loss chooses, and the last one."""
    courses: dict[tuple[float, int, int], list[dict[str, Any]]] = {}
    for row in sorted(networks, key=lambda row: (row["seed"], row["step"])):
        courses.setdefault((row["place"], row["images"], row["seed"]), []).append(row)
    return {
        place: (chosen(course, by="validation_loss", largest=False), course[-1])
        for place, course in courses.items()
    }


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """Each claim by seeds, beside its closed form."""
    drawn = sorted(table.to_pylist(), key=lambda row: row["seed"])
    ends = _ends([row for row in drawn if row["part"] == "network"])
    return (
        _identities([row for row in drawn if row["part"] == "tables"], config),
        _likelihood([row for row in drawn if row["part"] == "right model"], config),
        _estimates(ends, config),
        _by_heart(ends, config),
    )


def _column(some: list[dict[str, Any]], name: str) -> np.ndarray:
    return np.array([row[name] for row in some], dtype=float)


def _identities(some: list[dict[str, Any]], config: Config) -> Verdict:
    within: dict[str, Any] = {"unit": _NATS, **_JUDGED}
    cross, own, more, loss, least = (
        _column(some, name) for name in ("cross", "entropy", "divergence", "loss", "least")
    )
    first, second = (-np.log(output[1]) for output in SLIDES)
    return all_of(
        "G10a",
        equals("the sum", cross - own - more, margin=config.sampled, **within),
        equals("the least", loss - least, margin=config.climbed, **within),
        says=f"The mean loss of {config.many:,} labels is off entropy plus divergence by "
        f"{np.abs(cross - own - more).max():.3f} nats at most, the least of {config.labels} off "
        f"the entropy of their frequencies by {np.abs(loss - least).max():.0e}. Outputs of "
        f"{SLIDES[0][1]} and {SLIDES[1][1]} for a label have {first:.3f} and {second:.3f} nats.",
        **_JUDGED,
    )


def _likelihood(some: list[dict[str, Any]], config: Config) -> Verdict:
    parts, words = [], []
    for size in (one for one in config.sizes if one >= config.clear):
        here = [row for row in some if row["place"] == size]
        for name, label in (("excess", "on new data"), ("gain", "on its own")):
            off = _column(here, name) / _column(here, "exact") - 1
            parts.append(
                equals(
                    f"{label}, n = {size}", off, margin=config.margin, unit="of k/(2n)", **_JUDGED
                )
            )
            words.append(f"{off.mean():+.1%} {label}")
    return all_of(
        "G10b",
        *parts,
        says=f"With {config.sizes[-1]:,} examples the mean is off k/(2n) by {words[-2]} and "
        f"{words[-1]}.",
        **_JUDGED,
    )


def _estimates(ends: Ends, config: Config) -> Verdict:
    """Above is Gibbs' inequality; what is measured is how far."""
    parts, words = [], []
    for noise in config.noises:
        over = [_over(ends, noise, images, config) for images in config.images]
        parts += [
            exceeds(f"near at {noise:.0%} noise", config.near - over[-1], unit=_NATS, **_JUDGED),
            *(
                exceeds(f"above with {images:,} at {noise:.0%}", one, unit=_NATS, **_JUDGED)
                for images, one in zip(config.images, over, strict=True)
            ),
            *(
                exceeds(f"nearer than {images:,} at {noise:.0%}", few - more, unit=_NATS, **_JUDGED)
                for images, (few, more) in zip(config.images[:-1], pairwise(over), strict=True)
            ),
        ]
        words.append(f"{over[0].mean():.2f} to {over[-1].mean():.2f} at {noise:.0%}")
    return all_of(
        "G10c",
        *parts,
        says=f"From {config.images[0]:,} to {config.images[-1]:,} images the least test loss is "
        f"above the conditional entropy by, in nats: {', '.join(words)} noise.",
        **_JUDGED,
    )


def _over(ends: Ends, noise: float, images: int, config: Config) -> np.ndarray:
    """By how much the least test loss is above the conditional entropy, a seed each."""
    nothing: dict[str, Any] = dict.fromkeys(_COLUMNS)
    best = [ends.get((noise, images, seed), (nothing, nothing))[0] for seed in config.seeds]
    return _column(best, "test_loss") - _column(best, "exact")


def _by_heart(ends: Ends, config: Config) -> Verdict:
    parts, words, nothing = [], [], dict.fromkeys(_COLUMNS)
    for noise in (one for one in config.noises if one > 0):
        places = [(noise, config.images[0], seed) for seed in config.seeds]
        pairs = [ends.get(place, (nothing, nothing)) for place in places]
        best, last = ([pair[at] for pair in pairs] for at in (0, 1))
        under = _column(last, "exact") - _column(last, "train_loss")
        rise = _column(last, "test_loss") - _column(best, "test_loss")
        parts += [
            exceeds(f"below at {noise:.0%} noise", under, unit=_NATS, **_JUDGED),
            exceeds(f"rises at {noise:.0%} noise", rise, unit=_NATS, **_JUDGED),
        ]
        words.append(f"{under.mean():.2f} and {rise.mean():.2f} at {noise:.0%}")
    return all_of(
        "G10d",
        *parts,
        says=f"With {config.images[0]:,} images the training loss ends below the conditional "
        f"entropy, and the test loss above its least, by, in nats: {', '.join(words)} noise.",
        **_JUDGED,
    )
