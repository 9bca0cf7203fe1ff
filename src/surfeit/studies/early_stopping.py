"""Does training that stops early do what L2 of strength 1 / (steps × rate) does?

Source: Goodfellow, Bengio and Courville 2016, section 7.8: it holds on a quadratic from 0, where
little has been learned. Ali, Kolter and Tibshirani 2019 bound by how much the risks differ.
Cost: quick 3 s, laptop about 2 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import exp, expm1, log
from statistics import fmean
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from surfeit.lab import POOL_DATA, Claim, Lab, Verdict, all_of, equals
from surfeit.studies._early_stopping import descended, network_row
from surfeit.studies._fitting import check_ascending, examples
from surfeit.tables.figures.lines import STROKES, mean_line
from surfeit.tables.figures.style import BLACK, BLUE, GREY, VERMILLION, panels, style, ticks_at
from surfeit.train import Job, Recipe, Snapshots

_SOURCE = "Goodfellow, Bengio and Courville 2016, section 7.8"
CLAIMS = (
    Claim(
        id="G17a",
        says="On a quadratic, along each direction in which little has been learned, gradient "
        "descent that stops leaves what L2 of strength 1 / (steps × rate) leaves.",
        source=_SOURCE,
    ),
    Claim(
        id="G17b",
        says="In least squares on images the test error of stopping after any number of steps is "
        "that of L2 of strength 1 / (steps × rate), and so is that of the best of each.",
        source=f"{_SOURCE}; Ali, Kolter and Tibshirani 2019",
    ),
    Claim(
        id="G17c",
        says="A small network that stops early has the test loss of one that is trained to the end "
        "with weight decay of 1 / (steps × rate).",
        source=_SOURCE,
    ),
)
_JUDGED: dict[str, Any] = {"comparisons": len(CLAIMS)}


@dataclass(frozen=True, kw_only=True)
class Config:
    """Least squares, and a network, on a few images that a seed draws.

    In least squares the rate is 1 / λ₁, and "little has been learned" says that steps × rate × λ is
    at most `flat`: there the strength is s / (e^s − 1) of 1 / (steps × rate) in closed form, 0.95
    at s = 0.1 (0.946 after 10 steps, each of which does a little more). The network starts from its
    own weights, not from 0, and L2 has five times the steps of the longest training that stops.
    """

    data: str = "mnist"
    images: int = 300
    stops: tuple[int, ...] = (10, 30, 100, 300, 1000)  # steps of descent, in least squares
    flat: float = 0.1  # of steps × rate × λ
    model: str = "mlp-32"
    recipe: Recipe = Recipe(lr=0.1, batch_size=30, steps=1_500)  # of the training to the end
    early: tuple[int, ...] = (30, 100, 300)  # steps at which the network is stopped
    seeds: tuple[int, ...] = tuple(range(10))
    strength_margin: float = 0.06  # of 1 / (steps × rate): the closed form is within 0.055
    error_margin: float = 0.1  # of the test error
    best_margin: float = 0.02  # of the least test error
    loss_margin: float = 0.1  # of the network's test loss

    def __post_init__(self) -> None:
        check_ascending("stops", self.stops)
        check_ascending("early", self.early)
        if not 0 < self.flat <= 1:
            raise ValueError(f"flat must be in (0, 1], got {self.flat}")
        if self.recipe.weight_decay or self.recipe.optimizer != "sgd" or self.recipe.momentum:
            raise ValueError(
                "the recipe must be plain SGD without weight decay, whose strength the study sets"
            )
        epoch = self.recipe.steps_per_epoch(self.images)
        if any(step % epoch for step in self.early):
            raise ValueError(
                f"early must be ends of epochs, of {epoch} steps each, got {self.early}"
            )
        if self.recipe.total_steps(self.images) < 5 * self.early[-1]:
            raise ValueError(
                "the recipe must have five times the steps of the longest training that stops, "
                f"{5 * self.early[-1]:,}, got {self.recipe.total_steps(self.images):,}"
            )

    def decay_of(self, steps: int) -> float:
        """The strength of L2 that so many steps are held against."""
        return 1 / (steps * self.recipe.lr)


SIZES = ("data", "images", "stops", "model", "recipe", "early", "seeds")
PAPER = Config()
LAPTOP = replace(PAPER, seeds=tuple(range(5)))
QUICK = replace(
    PAPER,
    data=POOL_DATA,
    images=100,
    stops=(10, 30, 100),
    model="mlp-16",
    recipe=replace(PAPER.recipe, batch_size=20, steps=500),
    early=(20, 100),
    seeds=(0, 1, 2),
)


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """For each seed a training without L2, and one with L2 for each moment of stopping."""
    whole = lab.data(config.data)
    found = {}
    for seed in config.seeds:
        data = examples(whole, config.images, seed)
        for steps in (None, *config.early):
            decay = 0.0 if steps is None else config.decay_of(steps)
            found[name_of(steps, seed)] = lab.job(
                config.model,
                data,
                replace(config.recipe, weight_decay=decay),
                seed=seed,
                snapshots=Snapshots(every_epochs=0),
            )
    return found


def name_of(steps: int | None, seed: int) -> str:
    """What a training is called."""
    return f"{'no L2' if steps is None else f'L2 as {steps} steps'}, seed {seed}"


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """Rows of `descended`, and of the networks: `stopped`, `decayed` as so many steps, `unstopped`.

    Each has the columns `COLUMNS`; a network's `loss` and `accuracy` are those on the test images.
    """
    found = lab.compute(
        descended,
        {seed: {"seed": seed} for seed in config.seeds},
        lab.data(config.data),
        images=config.images,
        stops=list(config.stops),
        flat=config.flat,
    )
    for seed in config.seeds:
        yield from found[seed]
    runs = lab.train(jobs(config, lab))
    for seed in config.seeds:
        plain = runs[name_of(None, seed)]
        course = {row["step"]: row for row in plain.metrics().to_pylist()}
        last = max(course)
        for steps in config.early:
            decayed = runs[name_of(steps, seed)]
            end = decayed.metrics().to_pylist()[-1]
            yield network_row("stopped", seed, steps, _tested(course[steps], plain.key))
            yield network_row("decayed", seed, steps, _tested(end, decayed.key))
        yield network_row("unstopped", seed, last, _tested(course[last], plain.key))


def _tested(row: dict[str, Any], key: str) -> dict[str, Any]:
    return {"loss": row["test_loss"], "accuracy": row["test_accuracy"], "run": key}


def figure(table: pa.Table) -> Figure:
    """What is left along directions, test errors of least squares, and of the network."""
    drawn = table.to_pylist()
    parts: dict[str, list[dict[str, Any]]] = {}
    for row in drawn:
        parts.setdefault(row["part"], []).append(row)
    with style():
        drawing, ((left, middle, right),) = panels(3, height=3.1)
        _directions(left, parts["direction"])
        for name, label, stroke in (
            ("stopped_test", "stopped", STROKES[0]),
            ("penalised_test", "L2", STROKES[1]),
        ):
            mean_line(middle, parts["path"], "steps", name, stroke, label)
        middle.set(title="Least squares", xscale="log", xlabel="steps")
        middle.set_ylabel("squared error on test images")
        for name, label, stroke in (
            ("stopped", "stopped", STROKES[0]),
            ("decayed", "L2, to the end", STROKES[1]),
        ):
            mean_line(right, parts[name], "steps", "loss", stroke, label)
        end = fmean(row["loss"] for row in parts["unstopped"])
        right.axhline(end, color=GREY, linestyle=":", label="neither, to the end")
        right.set(title="Network", xscale="log", xlabel="steps", ylabel="loss on test images")
        low, high = right.get_ylim()
        right.set_ylim(low, high + 0.4 * (high - low))  # room for the legend
        middle.legend(loc="upper left")
        right.legend(loc="upper right")
        for axes, part in ((middle, "path"), (right, "stopped")):
            ticks_at(axes, sorted({row["steps"] for row in parts[part]}))
    return drawing


def _directions(axes: Axes, rows: list[dict[str, Any]]) -> None:
    """Shares by `s`, and both closed forms; of small s only what has been learned of it."""
    seen = [row for row in rows if row["s"] > 1e-3]
    axes.plot(
        [row["s"] for row in seen],
        [row["share"] for row in seen],
        ".",
        color=BLUE,
        alpha=0.4,
        label="stopped, measured",
    )
    s = np.geomspace(1e-3, max(row["s"] for row in seen), 200)
    axes.plot(s, 1 - np.exp(-s), color=BLACK, linewidth=1, label="stopped, 1 − exp(−s)")
    axes.plot(s, s / (1 + s), color=VERMILLION, linestyle="--", label="L2, s / (1 + s)")
    axes.set(title="A quadratic", xscale="log", ylim=(-0.02, 1.35))
    axes.set(xlabel="s = steps × rate × eigenvalue", ylabel="share of the solution")
    axes.legend(loc="upper left", fontsize=7.5)


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """G17a in shares of the strength, G17b and G17c in shares of error and loss, all by seed."""
    seen = {
        (row["part"], row["steps"], row["seed"]): row
        for row in table.to_pylist()
        if row["part"] != "direction"
    }
    return _strength(seen, config), _errors(seen, config), _network(seen, config)


Rows = dict[tuple[str, int, int], dict[str, Any]]


def _strength(seen: Rows, config: Config) -> Verdict:
    """The strength of the direction that is furthest from 1 / (steps × rate), at each stop."""
    furthest = []
    for seed in config.seeds:
        rows = [seen["path", steps, seed] for steps in config.stops]
        ends = [row[name] for row in rows for name in ("least_strength", "largest_strength")]
        known = [end - 1 for end in ends if end is not None]
        furthest.append(max(known, key=abs) if known else None)
    off = max(seen["path", steps, seed]["off"] for steps in config.stops for seed in config.seeds)
    exact = config.flat / expm1(config.flat) - 1
    return equals(
        "G17a",
        furthest,
        margin=config.strength_margin,
        unit="of 1 / (steps × rate)",
        says="This is the direction whose strength is furthest from it, of those with steps × rate "
        f"× λ up to {config.flat:g}, the end of which has {exact:.3f} in closed form. All shares "
        f"are within {off:.0e} of theirs in closed form.",
        **_JUDGED,
    )


def _errors(seen: Rows, config: Config) -> Verdict:
    """Test errors of stopping over those of L2: at each stop, and each at its best."""

    def ratio(steps: int, seed: int) -> float:
        row = seen["path", steps, seed]
        return log(row["stopped_test"] / row["penalised_test"])

    def best(seed: int) -> float:
        """Each at the stop that is best by validation."""
        rows = [seen["path", steps, seed] for steps in config.stops]
        stopped, penalised = (
            min(rows, key=lambda row, name=name: row[f"{name}_validation"])[f"{name}_test"]
            for name in ("stopped", "penalised")
        )
        return log(stopped / penalised)

    by_steps = {steps: [ratio(steps, seed) for seed in config.seeds] for steps in config.stops}
    of_best = [best(seed) for seed in config.seeds]
    said = ", ".join(f"{exp(fmean(some)):.3f} at {steps}" for steps, some in by_steps.items())
    return all_of(
        "G17b",
        *(
            equals(f"{n} steps", some, margin=config.error_margin, unit="of the error", **_JUDGED)
            for n, some in by_steps.items()
        ),
        equals("the best", of_best, margin=config.best_margin, unit="of the error", **_JUDGED),
        says=f"Stopping has so many times the test error of L2: {said} steps, "
        f"{exp(fmean(of_best)):.3f} where each is best.",
        **_JUDGED,
    )


def _network(seen: Rows, config: Config) -> Verdict:
    """The log of the ratio of test losses, L2's over that of stopping, at each moment."""
    by_steps = {
        steps: [
            log(seen["decayed", steps, seed]["loss"] / seen["stopped", steps, seed]["loss"])
            for seed in config.seeds
        ]
        for steps in config.early
    }
    said = ", ".join(f"{exp(fmean(some)):.2f} at {steps}" for steps, some in by_steps.items())
    return all_of(
        "G17c",
        *(
            equals(f"{n} steps", some, margin=config.loss_margin, unit="of the loss", **_JUDGED)
            for n, some in by_steps.items()
        ),
        says=f"The network with L2 has so many times the test loss of the one that stopped: {said} "
        "steps.",
        **_JUDGED,
    )
