"""Which regularisers make weights zero, and which of them lower the test error on few images?

Source: Goodfellow, Bengio and Courville 2016, chapter 7. The network, and how strong each
regulariser is, are our choice, made once by validation on seeds that no budget has (docs/log.md).
L1's part of a training's gradient is `l1 · sign(w)`: weights swing about 0 and are hardly ever 0.
Cost: quick 4 s, laptop about 3 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from statistics import fmean
from typing import Any

import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from surfeit.lab import POOL_DATA, Claim, Lab, Verdict, all_of, exceeds
from surfeit.models import mlp
from surfeit.studies._fitting import examples
from surfeit.studies._regularisers import small_weights, solved
from surfeit.tables import mean_interval
from surfeit.tables.figures.lines import STROKES, mean_line
from surfeit.tables.figures.style import BLACK, BLUE, GREY, percent_axis, style, ticks_at
from surfeit.train import Job, Recipe, Snapshots

_SOURCE = "Goodfellow, Bengio and Courville 2016, chapter 7"
NONE, STOPPED = "none", "early stopping"
ARMS = {
    "L1": "c",
    "L2": "d",
    "input noise": "e",
    "weight noise": "f",
    "label noise": "g",
    "dropout": "h",
    "DropConnect": "i",
    "max-norm": "j",
    STOPPED: "k",
}
"""The regularisers by the letter of their claim."""

CLAIMS = (
    Claim(
        id="G8a",
        says="In linear least squares L1 leaves weights that are exactly zero, L2 leaves none.",
        source=f"{_SOURCE}: 7.1.2",
    ),
    Claim(
        id="G8b",
        says="In a network trained by subgradients L1 leaves more weights next to zero than L2 "
        "does, and than there are without.",
        source=f"{_SOURCE}: 7.1.2",
    ),
    *(
        Claim(
            id=f"G8{letter}",
            says=f"Trained on few images, the test error is lower with {arm} than without.",
            source=_SOURCE,
        )
        for arm, letter in ARMS.items()
    ),
)
_JUDGED: dict[str, Any] = {"comparisons": len(CLAIMS)}


@dataclass(frozen=True, kw_only=True)
class Config:
    """One network on few images that a seed draws, with no regulariser or with one.

    All arms of a seed share images, initial weights and order. Early stopping is the training
    without regulariser, tested where its loss on all validation images was least: these are more
    than it trains on, and the others are tested at their ends.
    """

    data: str = "mnist"
    images: int = 300
    widths: tuple[int, ...] = (64,)
    recipe: Recipe = Recipe(lr=0.1, batch_size=30, epochs=50)
    l1: float = 3e-4
    l2: float = 3e-2
    input_noise: float = 1.0
    weight_noise: float = 0.02
    label_noise: float = 0.1
    dropout: float = 0.5
    drop_connect: float = 0.2
    max_norm: float = 1.0
    strengths: tuple[float, ...] = (0.01, 0.03, 0.1, 0.3)  # of the pull that leaves nothing
    zeros_margin: float = 0.1  # of the weights
    least: float = 1e-3  # a weight below it is next to zero: 33 steps of L1 alone
    small_margin: float = 0.1  # of the weights
    seeds: tuple[int, ...] = tuple(range(10))

    def __post_init__(self) -> None:
        if not self.strengths or not all(0 < one < 1 for one in self.strengths):
            raise ValueError(f"strengths must be shares in (0, 1), got {self.strengths}")
        if not 0 < self.dropout < 1:
            raise ValueError(f"dropout must be in (0, 1), got {self.dropout}")
        for change in self.changes.values():
            for name, value in change.items():
                if not value > 0:
                    raise ValueError(f"{name} must be above 0, or nothing is compared, got {value}")

    @property
    def changes(self) -> dict[str, dict[str, float]]:
        """What each arm that is trained changes of the recipe; dropout changes the network."""
        return {
            NONE: {},
            "L1": {"l1": self.l1},
            "L2": {"weight_decay": self.l2},
            "input noise": {"input_noise": self.input_noise},
            "weight noise": {"weight_noise": self.weight_noise},
            "label noise": {"label_noise": self.label_noise},
            "dropout": {},
            "DropConnect": {"drop_connect": self.drop_connect},
            "max-norm": {"max_norm": self.max_norm},
        }


SIZES = (
    *("data", "images", "widths", "recipe", "l1", "l2", "input_noise", "weight_noise"),
    *("label_noise", "dropout", "drop_connect", "max_norm", "strengths", "seeds"),
)
PAPER = Config()
LAPTOP = replace(PAPER, seeds=tuple(range(8)))
QUICK = replace(
    PAPER,
    data=POOL_DATA,
    images=60,
    widths=(16,),
    recipe=replace(PAPER.recipe, batch_size=20, epochs=20),
    strengths=(0.1,),
    seeds=(0, 1, 2),
)


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """A training for each seed and arm, early stopping aside."""
    whole = lab.data(config.data)
    found = {}
    for seed in config.seeds:
        data = examples(whole, config.images, seed)
        for arm, change in config.changes.items():
            dropout = config.dropout if arm == "dropout" else 0.0
            found[name_of(arm, seed)] = Job(
                partial(mlp, config.widths, dropout=dropout),
                data,
                replace(config.recipe, **change),
                seed,
                snapshots=Snapshots(every_epochs=0),
            )
    return found


def name_of(arm: str, seed: int) -> str:
    """What a training is called."""
    return f"{arm}, seed {seed}"


COLUMNS = (
    *("part", "arm", "seed", "strength", "l1_zeros", "l2_zeros", "l1_error", "l2_error"),
    *("zeros", "small", "error", "validation_error", "train_error", "step", "run"),
)
"""Of the table; what a part does not have is None."""


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """Rows of `solved`, part "solved", and one a training or early stop, part "trained".

    `error`, `validation_error` and `train_error` are shares misclassified at `step`; `zeros` and
    `small` those of `small_weights`.
    """
    found = lab.compute(
        solved,
        {seed: {"seed": seed} for seed in config.seeds},
        lab.data(config.data),
        images=config.images,
        strengths=list(config.strengths),
    )
    empty = dict.fromkeys(COLUMNS)
    for seed in config.seeds:
        for row in found[seed]:
            yield empty | {"part": "solved"} | row
    runs = lab.train(jobs(config, lab))
    small = lab.measure(small_weights, runs, least=config.least)
    for seed in config.seeds:
        for arm in (*config.changes, STOPPED):
            run = runs[name_of(NONE if arm == STOPPED else arm, seed)]
            last = run.done["best"] if arm == STOPPED else run.metrics().to_pylist()[-1]
            yield (
                empty
                | {"part": "trained", "arm": arm, "seed": seed, "run": run.key}
                | {"step": last["step"], "error": 1 - last["test_accuracy"]}
                | {"validation_error": 1 - last["validation_accuracy"]}
                | ({} if arm == STOPPED else small[name_of(arm, seed)][0])
                | ({} if arm == STOPPED else {"train_error": 1 - last["train_accuracy"]})
            )


def figure(table: pa.Table) -> Figure:
    """Zeros of least squares, small weights of the network, and what each arm gains."""
    drawn = table.to_pylist()
    solved_rows = [row for row in drawn if row["part"] == "solved"]
    trained = [row for row in drawn if row["part"] == "trained"]
    with style():
        drawing = Figure(figsize=(7.0, 3.6), layout="constrained")
        left, right = drawing.subplots(1, 2, width_ratios=(2, 3))
        for name, label, stroke in (("l1", "L1", STROKES[0]), ("l2", "L2", STROKES[1])):
            mean_line(left, solved_rows, "strength", f"{name}_zeros", stroke, label)
        left.set(title="Linear least squares", xscale="log", ylim=(-0.03, 1.03))
        left.set(xlabel="strength", ylabel="weights that are exactly 0")
        percent_axis(left)
        ticks_at(left, sorted({row["strength"] for row in solved_rows}))
        left.legend(loc="center right")
        _gains(right, trained)
    return drawing


def _gains(axes: Axes, rows: list[dict[str, Any]]) -> None:
    """By arm the points of test error less than without: seeds, means and their intervals."""
    error = {(row["arm"], row["seed"]): row["error"] for row in rows}
    seeds = sorted({row["seed"] for row in rows})
    for place, arm in enumerate(ARMS):
        gained = [100 * (error[NONE, seed] - error[arm, seed]) for seed in seeds]
        axes.plot(gained, [place] * len(gained), "o", color=BLUE, alpha=0.4)
        if len(gained) > 1 and len(set(gained)) > 1:
            over = mean_interval(gained)
            axes.plot([over.lower, over.upper], [place, place], color=BLACK, linewidth=1.6)
        axes.plot(fmean(gained), place, "|", color=BLACK, markersize=11, markeredgewidth=1.8)
    axes.axvline(0, color=GREY, linestyle=":")
    axes.set_yticks(range(len(ARMS)), list(ARMS))
    axes.set_ylim(len(ARMS) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.set(title="Network on few images", xlabel="points of test error less than without")


Trained = dict[tuple[str, int], dict[str, Any]]


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """G8a and G8b in shares of the weights, the others in points of test error, paired by seed."""
    every = table.to_pylist()
    solutions = {(r["strength"], r["seed"]): r for r in every if r["part"] == "solved"}
    trained = {(r["arm"], r["seed"]): r for r in every if r["part"] == "trained"}
    return (
        _zeros(solutions, config),
        _small(trained, config),
        *(_gain(f"G8{letter}", arm, trained, config) for arm, letter in ARMS.items()),
    )


def _zeros(seen: dict[tuple[float, int], dict[str, Any]], config: Config) -> Verdict:
    def more(strength: float) -> list[float]:
        rows = [seen[strength, seed] for seed in config.seeds]
        return [row["l1_zeros"] - row["l2_zeros"] for row in rows]

    said = ", ".join(
        f"{100 * fmean(seen[one, seed]['l1_zeros'] for seed in config.seeds):.1f} % at {one:g}"
        for one in config.strengths
    )
    most = max(row["l2_zeros"] for row in seen.values())
    return all_of(
        "G8a",
        *(
            exceeds(
                f"strength {one:g}",
                more(one),
                margin=config.zeros_margin,
                unit="of the weights",
                **_JUDGED,
            )
            for one in config.strengths
        ),
        says=f"L1 leaves {said} of the weights exactly zero, L2 {100 * most:g} % at most.",
        **_JUDGED,
    )


def _small(trained: Trained, config: Config) -> Verdict:
    def mean(arm: str, name: str) -> float:
        return fmean(trained[arm, seed][name] for seed in config.seeds)

    def more(than: str) -> list[float]:
        return [
            trained["L1", seed]["small"] - trained[than, seed]["small"] for seed in config.seeds
        ]

    said = ", ".join(f"{100 * mean(arm, 'small'):.1f} % {words}" for arm, words in _WITH.items())
    return all_of(
        "G8b",
        *(
            exceeds(
                f"than {words}",
                more(arm),
                margin=config.small_margin,
                unit="of the weights",
                **_JUDGED,
            )
            for arm, words in _WITH.items()
            if arm != "L1"
        ),
        says=f"So many weights are smaller than {config.least:g}: {said}. Exactly zero are "
        f"{100 * mean('L1', 'zeros'):.2g} % with L1.",
        **_JUDGED,
    )


_WITH = {"L1": "with L1", "L2": "with L2", NONE: "without"}


def _gain(claim: str, arm: str, trained: Trained, config: Config) -> Verdict:
    gained = [
        100 * (trained[NONE, seed]["error"] - trained[arm, seed]["error"]) for seed in config.seeds
    ]
    without, with_it = (
        100 * fmean(trained[one, seed]["error"] for seed in config.seeds) for one in (NONE, arm)
    )
    return exceeds(
        claim,
        gained,
        unit="points of test error",
        says=f"The test error is {without:.2f} % without, {with_it:.2f} % with {arm}.",
        **_JUDGED,
    )
