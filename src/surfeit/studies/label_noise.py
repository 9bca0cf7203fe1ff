"""Does a network learn from labels most of which are wrong?

Source: Rolnick et al. 2017 (1705.10694), on MNIST, CIFAR and ImageNet. The network and how it is
trained are our choice, and every noisy label has an image of its own here.
Cost: quick 3 s, laptop about 4 min (two cores).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from surfeit.core import Streams
from surfeit.data import Dataset, with_label_noise
from surfeit.data.change import NoiseKind
from surfeit.lab import POOL_DATA, POOL_RECIPE, Claim, Lab, Verdict, all_of, exceeds
from surfeit.studies._fitting import check_ascending, examples
from surfeit.tables.figures.lines import mean_line
from surfeit.tables.figures.style import (
    BLUE,
    GREY,
    VERMILLION,
    Stroke,
    panels,
    percent_axis,
    style,
)
from surfeit.train import Job, Recipe, Snapshots

_SOURCE = "Rolnick et al. 2017, abstract"
CLAIMS = (
    Claim(
        id="E2a",
        says="Where four labels of five are wrong, more than half of the test images are right, by "
        "both definitions of label noise.",
        published="MNIST: above 90 % with 100 random labels for each clean one",
        source=_SOURCE,
    ),
    Claim(
        id="E2b",
        says="Noisy labels beside the clean ones cost less than half a point of test accuracy for "
        "each point of wrong labels, at every level and by both definitions.",
        source="Rolnick et al. 2017",
    ),
    Claim(
        id="E2c",
        says="Where four labels of five are wrong, a larger training set of the same noise gives a "
        "higher test accuracy, by both definitions.",
        source=_SOURCE,
    ),
)
_COMPARISONS = len(CLAIMS)


class Setting(NamedTuple):
    """What a seed trains on: a definition of noise (`none` for α = 0), α, and clean labels."""

    kind: Literal["none"] | NoiseKind
    alpha: int
    clean: int


@dataclass(frozen=True, kw_only=True)
class Config:
    """One network on clean labels, beside each of which there are α noisy ones.

    A share of α/(1 + α) of the labels is noisy. Of ten classes, labels drawn from all of them
    (`uniform`) are wrong in nine of ten cases, those of other classes (`wrong`) always: α = 8 of
    the former make as many labels wrong as α = 4 of the latter, 80 %. All seeds have the same
    images, and each its own labels. Validation labels have the same noise, and where their loss is
    least the network is tested.
    """

    data: str = "mnist"
    clean: tuple[int, ...] = (1_500, 3_000, 6_000)  # clean labels; the most of them but for E2c
    uniform: tuple[int, ...] = (1, 2, 4, 8)  # α, labels drawn from all classes
    wrong: tuple[int, ...] = (1, 2, 4)  # α, labels drawn from the other classes
    model: str = "mlp-256"
    recipe: Recipe = Recipe(optimizer="adam", lr=1e-3, batch_size=256, epochs=30, patience=5)
    seeds: tuple[int, ...] = tuple(range(10))
    margin: float = 50.0  # % of the test images
    slope_margin: float = 0.5  # points of test accuracy for a point of wrong labels

    def __post_init__(self) -> None:
        check_ascending("clean", self.clean)
        for kind, alphas in self.noise.items():
            check_ascending(kind, alphas, fewest=1)

    @property
    def noise(self) -> dict[NoiseKind, tuple[int, ...]]:
        """The α of each definition."""
        return {"uniform": self.uniform, "wrong": self.wrong}

    @property
    def settings(self) -> list[Setting]:
        """Every training of a seed."""
        most = self.clean[-1]
        found = [Setting("none", 0, most)]
        for kind, alphas in self.noise.items():
            found += [Setting(kind, alpha, most) for alpha in alphas]
            found += [Setting(kind, alphas[-1], clean) for clean in self.clean[:-1]]
        return found


Values = Callable[..., np.ndarray]

SIZES = ("data", "clean", "model", "recipe", "seeds")
PAPER = Config()
LAPTOP = replace(PAPER, seeds=(0, 1, 2, 3, 4))
QUICK = replace(
    PAPER,
    data=POOL_DATA,
    clean=(25, 100),
    model="mlp-64",
    recipe=replace(POOL_RECIPE, epochs=40, patience=5),
    seeds=(0, 1, 2),
)


def images(dataset: Dataset, setting: Setting) -> Dataset:
    """The images that a setting is trained on, with their own labels; the same for all seeds.

    Raises:
        ValueError: if there are too few images, or if no label is likelier to be right than wrong.
    """
    kind, alpha, clean = setting
    count, there = clean * (1 + alpha), len(dataset.train)
    if count > there:
        raise ValueError(
            f"{clean:,} clean labels with {alpha} noisy ones each need {count:,} images, and "
            f"{dataset.name} trains on {there:,}: take fewer clean ones, or less noise"
        )
    if kind == "wrong" and alpha >= dataset.classes - 1:
        raise ValueError(
            f"with {alpha} labels of other classes for each clean one no label of "
            f"{dataset.classes} classes tells the right one: take wrong below {dataset.classes - 1}"
        )
    return examples(dataset, count, 0)


def noisy(dataset: Dataset, setting: Setting, seed: int) -> Dataset:
    """The images with a seed's labels: of each 1 + α one is untouched, and α are noisy."""
    kind, alpha, _ = setting
    if kind == "none":
        return dataset
    share, labels = alpha / (1 + alpha), Streams(seed).get("labels")
    return with_label_noise(dataset, share, labels, kind=kind, validation=True)


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """A training for each seed, noise, and number of clean labels."""
    return _trainings(config, lab, _sets(config, lab))


def _trainings(config: Config, lab: Lab, sets: dict[Setting, Dataset]) -> dict[str, Job]:
    return {
        name_of(setting, seed): lab.job(
            config.model,
            noisy(sets[setting], setting, seed),
            config.recipe,
            seed=seed,
            snapshots=Snapshots(every_epochs=0),
        )
        for seed in config.seeds
        for setting in config.settings
    }


def _sets(config: Config, lab: Lab) -> dict[Setting, Dataset]:
    """The images of each setting; those of equally many are held once."""
    whole = lab.data(config.data)
    drawn = {setting: setting.clean * (1 + setting.alpha) for setting in config.settings}
    by_count = {drawn[setting]: images(whole, setting) for setting in config.settings}
    return {setting: by_count[count] for setting, count in drawn.items()}


def name_of(setting: Setting, seed: int) -> str:
    """What a training is called."""
    kind, alpha, clean = setting
    return f"{clean:,} clean labels, {alpha} noisy ones each ({kind}), seed {seed}"


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a training: `kind, alpha, clean, seed, wrong, accuracy, step, run`.

    `wrong` is the fraction of training labels that are wrong, `accuracy` that of test images that
    are right at `step`, where the loss on noisy validation labels is least.
    """
    sets = _sets(config, lab)
    trainings = _trainings(config, lab, sets)
    for seed in config.seeds:
        # Each call sends the data of its trainings: of all seeds they are gigabytes.
        names = {setting: name_of(setting, seed) for setting in config.settings}
        runs = lab.train({name: trainings[name] for name in names.values()})
        for setting, name in names.items():
            kind, alpha, clean = setting
            labels, right = trainings[name].dataset.train.labels, sets[setting].train.labels
            best = runs[name].done["best"]
            yield {
                "kind": kind,
                "alpha": alpha,
                "clean": clean,
                "seed": seed,
                "wrong": (labels != right).double().mean().item(),
                "accuracy": best["test_accuracy"],
                "step": best["step"],
                "run": runs[name].key,
            }


_STROKES = {
    "uniform": ("drawn from all classes", Stroke(color=BLUE, marker="o")),
    "wrong": (
        "drawn from other classes",
        Stroke(color=VERMILLION, linestyle="--", marker="s"),
    ),
}


def figure(table: pa.Table) -> Figure:
    """Test accuracy by the share of wrong labels, and at the heaviest noise by clean labels."""
    drawn = table.to_pylist()
    most = max(row["clean"] for row in drawn)
    with style():
        drawing, ((left, right),) = panels(2, height=3.3, sharey=True)
        for kind, (label, stroke) in _STROKES.items():
            by_noise = [r for r in drawn if r["kind"] in ("none", kind) and r["clean"] == most]
            mean_line(left, _at_levels(by_noise), "wrong", "accuracy", stroke, f"noise {label}")
            mean_line(right, _heaviest(drawn, kind), "clean", "accuracy", stroke)
        left.plot([0, 1], [1, 0], color=GREY, linestyle=":", label="share of right labels")
        left.set(title=f"{most:,} clean labels", xlabel="wrong labels", ylabel="test accuracy")
        left.set(xlim=(-0.03, 0.97), ylim=(0, 1.02))
        left.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
        percent_axis(left)
        left.legend(loc="lower left")
        _clean_axis(right, sorted({row["clean"] for row in drawn}))
    return drawing


def _clean_axis(axes: Axes, counts: list[int]) -> None:
    axes.set(title="The heaviest noise", xlabel="clean labels (logarithmic axis)", xscale="log")
    axes.set_xticks(counts, [f"{count:,}" for count in counts])
    axes.xaxis.set_minor_locator(NullLocator())


def _at_levels(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with the mean share of wrong labels of their level: draws differ a little."""
    shares: dict[int, list[float]] = {}
    for row in rows:
        shares.setdefault(row["alpha"], []).append(row["wrong"])
    return [{**row, "wrong": fmean(shares[row["alpha"]])} for row in rows]


def _heaviest(rows: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    of_kind = [row for row in rows if row["kind"] == kind]
    level = max(row["alpha"] for row in of_kind)
    return [row for row in of_kind if row["alpha"] == level]


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """E2a to E2c in points of test accuracy, E2b and E2c paired by seed; each for both kinds."""
    seen = {
        (row["kind"], row["alpha"], row["clean"], row["seed"]): row for row in table.to_pylist()
    }

    def values(setting: Setting, name: str = "accuracy") -> np.ndarray:
        found = [seen[*setting, seed][name] for seed in config.seeds]
        return 100 * np.array(found, dtype=np.float64)  # what is missing is NaN

    heaviest = [Setting(kind, each[-1], config.clean[-1]) for kind, each in config.noise.items()]
    return (
        all_of(
            "E2a",
            *(_stays(values, setting, config) for setting in heaviest),
            comparisons=_COMPARISONS,
        ),
        _slowly(values, config),
        all_of(
            "E2c",
            *(_gains(values, setting, config.clean[0]) for setting in heaviest),
            comparisons=_COMPARISONS,
        ),
    )


def _stays(values: Values, setting: Setting, config: Config) -> Verdict:
    """Whether so many test images are right at the heaviest noise of a kind."""
    words, accuracy = _STROKES[setting.kind][0], values(setting)
    return exceeds(
        words,
        accuracy,
        margin=config.margin,
        comparisons=_COMPARISONS,
        unit="% of the test images right",
        says=f"With {setting.alpha} labels {words} for each clean one, "
        f"{values(setting, 'wrong').mean():.1f} % of the labels are wrong, {accuracy.mean():.1f} % "
        "of the test images right.",
        signed=False,
    )


def _slowly(values: Values, config: Config) -> Verdict:
    """Whether accuracy falls by less than so many points for a point of wrong labels, anywhere."""
    most = config.clean[-1]
    clean = values(Setting("none", 0, most))
    parts, slopes = [], []
    for kind, alphas in config.noise.items():
        for alpha in alphas:
            setting = Setting(kind, alpha, most)
            lost, wrong = clean - values(setting), values(setting, "wrong")
            slopes.append((lost / wrong).mean())
            parts.append(
                exceeds(
                    f"{alpha} labels {_STROKES[kind][0]} for each clean one",
                    config.slope_margin * wrong - lost,
                    comparisons=_COMPARISONS,
                    unit="points to spare",
                )
            )
    said = f"A point of wrong labels costs {min(slopes):.2f} to {max(slopes):.2f} points of test "
    said += f"accuracy, which is {clean.mean():.1f} % where none are noisy."
    if not np.isfinite(slopes).all():
        said = ""
    return all_of("E2b", *parts, says=said, comparisons=_COMPARISONS)


def _gains(values: Values, setting: Setting, few: int) -> Verdict:
    """Whether accuracy is higher with all clean labels than with few, of equal noise."""
    kind, alpha, most = setting
    gained = values(setting) - values(setting._replace(clean=few))
    return exceeds(
        _STROKES[kind][0],
        gained,
        comparisons=_COMPARISONS,
        unit="points",
        says=f"With {most:,} clean labels and {alpha} {_STROKES[kind][0]} for each, accuracy is "
        f"{gained.mean():+.1f} points from that with {few:,}.",
    )
