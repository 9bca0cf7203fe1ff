"""Do signs and magnitudes of the weights settle in the first hundreds of steps?

Source: Frankle, Schwab and Morcos 2020 (2002.10365), sections 3 and 4. Residual networks on
CIFAR-10 there; the deepest network of this library stands for them here.
Cost: quick 1 s, laptop about 1 min (two cores).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import pyarrow as pa
import torch
from jaxtyping import Float64
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter
from torch import Tensor

from surfeit.lab import POOL_DATA, POOL_MODEL, POOL_RECIPE, Claim, Lab, Verdict, exceeds
from surfeit.store import Run
from surfeit.tables.figures.style import BLUE, GREY, VERMILLION, panels, percent_axis, style
from surfeit.train import Job, Recipe, Snapshots, report_recipe

_EARLY = "Frankle, Schwab and Morcos 2020, section 3"

CLAIMS = (
    Claim(
        id="F14a",
        says="Within the first hundreds of steps most of the signs that training changes have "
        "become what they are at the end.",
        source=_EARLY,
    ),
    Claim(
        id="F14b",
        says="Within the first hundreds of steps the magnitudes have gone most of the way to what "
        "they are at the end.",
        source=_EARLY,
    ),
)
_QUANTITIES = {"signs": "signs that differ from the end", "magnitudes": "distance of magnitudes"}

SUBSTITUTES = {
    "recipe": "Adam at a constant rate in place of SGD with momentum and steps: LeNet-300-100 "
    "takes the place of a deep network, and the published recipe is made for that"
}


@dataclass(frozen=True, kw_only=True)
class Config:
    """One training with many early snapshots."""

    model: str = "vgg19-bn"
    data: str = "cifar10"
    recipe: Recipe = report_recipe("vgg19-bn")
    early: int = 500  # steps: "the first hundreds"
    per_decade: int = 8  # snapshots; 0 for each epoch's end
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    # Of what changes in all, by then: the rest of the training, many times as long, has less to do.
    most: float = 0.5


SIZES = ("model", "data", "recipe", "early", "per_decade", "seeds")
PAPER = Config()
LAPTOP = replace(
    PAPER,
    model="lenet-300-100",
    data="mnist",
    recipe=Recipe(optimizer="adam", lr=1.2e-3, batch_size=60, steps=16_000),
)
QUICK = replace(
    PAPER,
    model=POOL_MODEL,
    data=POOL_DATA,
    recipe=POOL_RECIPE,
    early=36,
    per_decade=0,
    seeds=(0, 1, 2),
)


def jobs(config: Config, lab: Lab) -> dict[int, Job]:
    """One training a seed."""
    keep = Snapshots(
        every_epochs=int(not config.per_decade), per_decade=config.per_decade, at=(config.early,)
    )
    return {
        seed: lab.job(config.model, config.data, config.recipe, seed=seed, snapshots=keep)
        for seed in config.seeds
    }


def differences(run: Run) -> Iterator[dict[str, Any]]:
    """How the layers' weights of each snapshot differ from those at the end.

    `signs`: the share of weights with another sign; `magnitudes`: `‖|w_t| − |w_T|‖₂`.
    """
    end = _weights(run, run.steps()[-1])
    for step in run.steps():
        now = _weights(run, step)
        yield {
            "step": step,
            "signs": (now.sign() != end.sign()).double().mean().item(),
            "magnitudes": (now.abs() - end.abs()).norm().item(),
        }


def _weights(run: Run, step: int) -> Float64[Tensor, " weights"]:
    return torch.cat([run.weights(name, [step]).double().flatten() for name in run.layers])


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a snapshot: `seed, step, signs, magnitudes, run`."""
    runs = lab.train({f"seed {seed}": job for seed, job in jobs(config, lab).items()})
    for name, measured in lab.measure(differences, runs).items():
        for row in measured:
            yield {"seed": int(name.removeprefix("seed ")), **row, "run": runs[name].key}


def figure(table: pa.Table) -> Figure:
    """What is still to change, as a share of what training changes in all, by step."""
    with style():
        drawn, ((axes,),) = panels(1, height=3.4)
        for (name, words), color, marker in zip(
            _QUANTITIES.items(), (BLUE, VERMILLION), "os", strict=True
        ):
            for number, curve in enumerate(_curves(table, name).values()):
                steps = [step for step in curve if step]
                left = [1 - settled(curve, step) for step in steps]
                label = words if number == 0 else None
                axes.plot(
                    steps, left, color=color, marker=marker, markersize=3, linewidth=1, label=label
                )
        axes.axhline(0.5, color=GREY, linewidth=1, linestyle="--", label="half")
        axes.set(xscale="log", xlabel="step", ylabel="still to change", ylim=(0, 1.05))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        percent_axis(axes)
        axes.legend()
    return drawn


def _curves(table: pa.Table, quantity: str) -> dict[int, dict[int, float]]:
    """By seed and step, ascending."""
    found: dict[int, dict[int, float]] = {}
    for row in sorted(table.to_pylist(), key=lambda row: row["step"]):
        found.setdefault(row["seed"], {})[row["step"]] = row[quantity]
    return found


def settled(curve: dict[int, float], step: int) -> float:
    """The share of all change that a step has behind it: `1 − d_t / d_0`.

    Below 0 where it is farther from the end than the start was.

    Raises:
        ValueError: if training changed nothing.
    """
    first = curve[min(curve)]
    if not first:
        raise ValueError("training changed nothing, so that nothing can have settled")
    return 1 - curve[step] / first


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """F14a and F14b: the share of all change that the early steps make."""
    found = []
    share: dict[str, Any] = {"unit": "of the change", "signed": False}
    for claim, quantity in zip(("F14a", "F14b"), _QUANTITIES, strict=True):
        values = [settled(curve, config.early) for curve in _curves(table, quantity).values()]
        done = f"{100 * fmean(values):.0f} % of the change of {quantity}"
        words = f"{done} in the first {config.early} steps."
        found.append(exceeds(claim, values, margin=config.most, says=words, **share))
    return tuple(found)
