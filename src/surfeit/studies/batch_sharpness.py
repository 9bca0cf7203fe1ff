"""Do large batches find sharper minima than small ones after as many epochs?

Source: Keskar et al. 2017 (1609.04836), table 3, in the full space. Their networks are larger;
only the sign is compared. φ is not invariant: scaling one
layer of ReLUs up and the next down leaves the function alone and changes φ and the Hessian's
eigenvalues at will (Dinh et al. 2017), but not the eigenvalues by relative changes of the weights.
φ is a lower bound, the best of 10 iterations of L-BFGS-B from each of two starts.
Cost: quick 4 s, laptop about 4 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import log10
from statistics import fmean
from typing import Any

import pyarrow as pa
from matplotlib.figure import Figure

from surfeit.lab import POOL_DATA, Claim, Lab, Verdict, all_of, exceeds
from surfeit.studies._batch_sharpness import sharp
from surfeit.studies._fitting import check_ascending, examples
from surfeit.tables.figures.lines import STROKES
from surfeit.tables.figures.style import panels, percent_axis, plain_axis, style
from surfeit.train import Job, Recipe, Snapshots

_SOURCE = "Keskar et al. 2017, table 3"
_OF = "(small / large batch, F1: MNIST, five layers of 512)"
CLAIMS = (
    Claim(
        id="E10a",
        says="After as many epochs Keskar's φ is larger with large batches, in both boxes.",
        published="ε 1e-3: 1.23 ± 0.83 / 205.14 ± 69.52; "
        f"ε 5e-4: 0.61 ± 0.27 / 42.90 ± 17.14 {_OF}",
        source=_SOURCE,
    ),
    Claim(
        id="E10b",
        says="After as many epochs the largest eigenvalue of the Hessian is larger with large "
        "batches, and also by relative changes of the weights, which scaling layers leaves alone.",
        source="Keskar et al. 2017; Dinh et al. 2017",
    ),
    Claim(
        id="E10c",
        says="After as many epochs test accuracy is lower with large batches.",
        published=f"98.03 / 97.81 {_OF}",
        source=_SOURCE,
    ),
)
_COMPARISONS = len(CLAIMS)
ARMS = ("small", "large", "as many steps")
"""Small batches; large ones for as many epochs; large ones for as many steps as small ones."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """One network trained by small and by large batches, for as many epochs.

    The large batch is a tenth of the data, as is published. A third training has large batches and
    as many steps as the small ones take; it is not judged, and shows what more steps change.
    """

    data: str = "mnist"
    images: int = 55_000
    model: str = "mlp-512-512-512-512-512"
    small: int = 256
    large: int = 5_500
    recipe: Recipe = Recipe(optimizer="adam", lr=1e-3, epochs=100)
    boxes: tuple[float, float] = (1e-3, 5e-4)  # ε
    iterations: int = 10  # of L-BFGS-B, for each start
    starts: int = 2
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)

    def __post_init__(self) -> None:
        check_ascending("small and large", (self.small, self.large))
        if self.large > self.images:
            raise ValueError(
                f"large batches must be at most the {self.images:,} images, got {self.large:,}"
            )
        if self.recipe.epochs is None:
            raise ValueError("the recipe must have epochs, of which both batches have as many")

    def recipe_of(self, arm: str) -> Recipe:
        """How an arm trains."""
        small = replace(self.recipe, batch_size=self.small)
        if arm == "small":
            return small
        if arm == "large":
            return replace(self.recipe, batch_size=self.large)
        steps = small.total_steps(self.images)
        return replace(self.recipe, batch_size=self.large, epochs=None, steps=steps)


SIZES = ("data", "images", "model", "small", "large", "recipe", "seeds")
PAPER = Config()
LAPTOP = replace(
    PAPER,
    images=2_000,
    model="mlp-64-64",
    small=32,
    large=200,
    recipe=replace(PAPER.recipe, epochs=30),
    seeds=tuple(range(8)),
)
QUICK = replace(
    LAPTOP,
    data=POOL_DATA,
    images=200,
    model="mlp-16",
    small=10,
    large=50,
    recipe=replace(PAPER.recipe, lr=3e-3, epochs=30),
    seeds=(0, 1, 2),
)


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """A training for each arm and seed, whose images and initial weights all arms share."""
    whole = lab.data(config.data)
    drawn = {seed: examples(whole, config.images, seed) for seed in config.seeds}
    return {
        name_of(arm, seed): lab.job(
            config.model,
            drawn[seed],
            config.recipe_of(arm),
            seed=seed,
            snapshots=Snapshots(every_epochs=0),
        )
        for arm in ARMS
        for seed in config.seeds
    }


def name_of(arm: str, seed: int) -> str:
    """What a training is called."""
    return f"{arm}, seed {seed}"


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a training: `arm, batch, seed`, the columns of `sharp`, `run`."""
    runs = lab.train(jobs(config, lab))
    found = lab.measure(
        sharp,
        runs,
        lab.data(config.data),
        images=config.images,
        boxes=list(config.boxes),
        iterations=config.iterations,
        starts=config.starts,
    )
    for arm in ARMS:
        batch = config.recipe_of(arm).batch_size
        for seed in config.seeds:
            name = name_of(arm, seed)
            about = {"arm": arm, "batch": batch, "seed": seed}
            yield about | found[name][0] | {"run": runs[name].key}


_PANELS = {
    "phi": "φ (%), larger box",
    "phi_small_box": "φ (%), smaller box",
    "sharpness": "largest eigenvalue λ₁",
    "relative": "λ₁ by relative changes",
    "loss": "training loss",
    "test_accuracy": "test accuracy",
}


def figure(table: pa.Table) -> Figure:
    """All measures by arm: a line a seed."""
    drawn = table.to_pylist()
    batch = {row["arm"]: row["batch"] for row in drawn}
    words = [f"{batch['small']}", f"{batch['large']}", f"{batch['large']},\nas many\nsteps"]
    with style():
        drawing, axes = panels(3, rows=2, height=4.8)
        for place, (name, label) in zip(axes.flat, _PANELS.items(), strict=True):
            for seed in sorted({row["seed"] for row in drawn}):
                value = {row["arm"]: row[name] for row in drawn if row["seed"] == seed}
                shown = [float("nan") if value[arm] is None else value[arm] for arm in ARMS]
                place.plot(range(2), shown[:2], color=STROKES[0].color, alpha=0.5, marker="o")
                place.plot(2, shown[2], color=STROKES[1].color, alpha=0.5, marker="s")
            place.set_xticks(range(3), words)
            place.set(title=label, xlim=(-0.4, 2.4))
            if name == "test_accuracy":
                percent_axis(place)
            else:
                place.set_yscale("log")
                plain_axis(place)
        drawing.supxlabel("batch", fontsize=9)
    return drawing


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """E10a and E10b in orders of magnitude, E10c in points, paired by seed."""
    rows = {(row["arm"], row["seed"]): row for row in table.to_pylist()}

    def more(name: str) -> list[float | None]:
        return [
            _orders(rows["large", seed][name], rows["small", seed][name]) for seed in config.seeds
        ]

    def part(name: str, label: str) -> Verdict:
        judged: dict[str, Any] = {"unit": "orders of magnitude", "comparisons": _COMPARISONS}
        return exceeds(label, more(name), says=_means(rows, name, label), **judged)

    lost = [
        100 * (rows["small", seed]["test_accuracy"] - rows["large", seed]["test_accuracy"])
        for seed in config.seeds
    ]
    wide, narrow = (f"φ at ε {box:g}" for box in config.boxes)
    return (
        all_of("E10a", part("phi", wide), part("phi_small_box", narrow), comparisons=_COMPARISONS),
        all_of(
            "E10b",
            part("sharpness", "λ₁"),
            part("relative", "λ₁ by relative changes"),
            comparisons=_COMPARISONS,
        ),
        exceeds(
            "E10c",
            lost,
            unit="points",
            comparisons=_COMPARISONS,
            says=_means(rows, "test_accuracy", "test accuracy"),
        ),
    )


def _orders(large: float | None, small: float | None) -> float | None:
    """The logarithm of a ratio, None where one is missing or none."""
    if large is None or small is None or min(large, small) <= 0:
        return None
    return log10(large / small)


def _means(rows: dict[tuple[str, int], dict[str, Any]], name: str, label: str) -> str:
    """Each arm's mean, of all seeds that have one."""
    values = {arm: [row[name] for (one, _), row in rows.items() if one == arm] for arm in ARMS}
    known = {arm: [x for x in some if x is not None] for arm, some in values.items()}
    said = {arm: f"{fmean(x):.3g}" if x else "unknown" for arm, x in known.items()}
    return (
        f"The mean {label} is {said['small']} with small batches, {said['large']} with large ones, "
        f"{said['as many steps']} with large ones for as many steps."
    )
