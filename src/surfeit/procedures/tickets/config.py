"""The configuration of a search for tickets."""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from surfeit.core import unknown
from surfeit.procedures.tickets.catalog import CONTROLS
from surfeit.prune import SCORES

Allocation = Literal["layerwise", "global"]
Granularity = Literal["weight", "unit"]
Retrain = Literal["rewind", "learning-rate", "fine-tune"]
Schedule = Literal["iterative", "one-shot"]

_CHOICES = {
    "allocation": get_args(Allocation),
    "granularity": get_args(Granularity),
    "retrain": get_args(Retrain),
    "schedule": get_args(Schedule),
}


@dataclass(frozen=True, kw_only=True)
class TicketConfig:
    """How tickets are searched for: what is removed, and what is trained from where.

    After level l a layer keeps `(1 − rate)^l` of its weights, to the nearest weight; level 0 is the
    dense network.

    Args:
        levels: pruned levels, >= 1; with the dense network there are one more.
        rate: removed at each level, as a fraction of what the level before kept, in (0, 1).
        output_rate: the same of output layers, in [0, 1), 0 to leave them whole. By default half
            of `rate` under `layerwise`, as Frankle and Carbin do; under `global` output layers
            are by default layers among the others. Which layers are outputs, `Structure` says; of
            a network that it cannot follow all must have one rate, `output_rate=rate`.
        conv_rate: the same of convolutions, in (0, 1), `layerwise` only; by default `rate`.
        score: a name of `surfeit.prune.SCORES` or, with `granularity="unit"`, of
            `surfeit.prune.unit_score_names()`: a criterion such as `fpgm`, or a greedy order such
            as `greedy_frame_potential`, which is `layerwise` only. What has the least score goes.
            Every score is of the weights that the level before ended with and is computed once a
            level: so `snip`, `grasp` and `synflow` are not the masks before training that they
            were published for, and `synflow` is iterated no oftener than there are levels
            (`synflow_mask` does its 100 rounds).
        allocation: `layerwise` (each layer at its own rate) or `global` (the least scores of all
            layers together).
        granularity: `weight`, or `unit`: whole units go, bias included (structured tickets), those
            that are added together, as in a residual stream, as one. The units of output layers all
            stay, and so do those that cannot be removed (`Structure.why_not_removable`).
        rewind_to: the step of the dense network's training whose weights a ticket begins with,
            and at which its schedule of the rate and its data order go on.
        retrain: `rewind` (Frankle and Carbin 2019; 2020 for later steps), `learning-rate` (the
            weights that the level before ended with, the schedule from `rewind_to` on) or
            `fine-tune` (those weights, at one rate throughout): Renda, Frankle and Carbin 2020,
            "Comparing rewinding and fine-tuning in neural network pruning".
        fine_tune_rate: that one rate, > 0, `fine-tune` only; by default the last of the recipe's
            schedule, as they have it. A cosine ends at next to nothing, at which no weight would
            move: with it the rate has to be given.
        schedule: `iterative` (each level from the weights that the level before ended with) or
            `one-shot` (each level from those of the dense network alone, at the same density).
        controls: names of `CONTROLS`, each trained at every pruned level.
        scratch_cap: of the control `scratch-b`: the most by which its training is longer than the
            recipe, >= 1; None, the default, for no bound. It then takes 1 / density times the
            steps: ten times at a density of 10 %.

    Raises:
        ValueError: for a name that is not there (the nearest are suggested), a value out of range,
            or an option that nothing would read.
    """

    levels: int = 16
    rate: float = 0.2
    output_rate: float | None = None
    conv_rate: float | None = None
    score: str = "large_final"
    allocation: Allocation = "layerwise"
    granularity: Granularity = "weight"
    rewind_to: int = 0
    retrain: Retrain = "rewind"
    fine_tune_rate: float | None = None
    schedule: Schedule = "iterative"
    controls: tuple[str, ...] = ("reinit", "random")
    scratch_cap: float | None = None

    def __post_init__(self) -> None:
        if isinstance(self.controls, str):
            raise ValueError(f"controls must be a sequence of names, got {self.controls!r}")
        object.__setattr__(self, "controls", tuple(self.controls))
        self._check_names()
        for name, least in (("levels", 1), ("rewind_to", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ValueError(f"{name} must be an integer >= {least}, got {value!r}")
        _check_fraction("rate", self.rate)
        if self.conv_rate is not None:
            _check_fraction("conv_rate", self.conv_rate)
        if self.output_rate not in (None, 0):
            _check_fraction("output_rate", self.output_rate)
        given = self.fine_tune_rate
        if given is not None and not (_is_number(given) and given > 0):
            raise ValueError(f"fine_tune_rate must be a finite number > 0, got {given!r}")
        self._check_needless()

    def _check_names(self) -> None:
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise unknown(name, getattr(self, name), allowed)
        scores = _scores(self.granularity)
        if self.score not in scores:
            raise unknown(f"score of {self.granularity}s", self.score, scores)
        check_controls(self.controls)

    def _check_needless(self) -> None:
        """An option that nothing would read, or that compares what has no common scale."""
        pooled = self.granularity == "unit" and self.allocation == "global"
        if pooled and _is_greedy(self.score):
            raise ValueError(
                f"{self.score} orders the units of each layer by themselves: it needs "
                "allocation='layerwise'"
            )
        if self.conv_rate is not None and self.allocation == "global":
            raise ValueError("conv_rate is a layer's own rate: it needs allocation='layerwise'")
        if self.output_rate is not None and self.granularity == "unit":
            raise ValueError(
                "units of output layers all stay: leave output_rate out with granularity='unit'"
            )
        if self.fine_tune_rate is not None and self.retrain != "fine-tune":
            raise ValueError(f"retrain={self.retrain!r} reads no fine_tune_rate: leave it out")
        check_scratch_cap(self.scratch_cap, self.controls)


def check_controls(names: Iterable[str]) -> None:
    """Says which control there is not.

    Raises:
        ValueError: for an unknown name (the nearest are suggested) or one given twice.
    """
    given = list(names)
    for name in given:
        if name not in CONTROLS:
            raise unknown("control", name, CONTROLS)
    if len(set(given)) < len(given):
        raise ValueError(f"each control is trained once a level, got {', '.join(given)}")


def check_scratch_cap(cap: float | None, controls: Sequence[str]) -> None:
    """Says what is wrong with a bound on the training of `scratch-b`.

    Raises:
        ValueError: if it is no number >= 1, or no such control is trained.
    """
    if cap is not None and not (_is_number(cap) and cap >= 1):
        raise ValueError(f"scratch_cap must be a finite number >= 1, got {cap!r}")
    if cap is not None and "scratch-b" not in controls:
        raise ValueError("scratch_cap is of the control scratch-b, which is not among the controls")


def _scores(granularity: Granularity) -> Collection[str]:
    if granularity == "weight":
        return SCORES
    from surfeit.prune import unit_score_names

    return unit_score_names()


def _is_greedy(score: str) -> bool:
    from surfeit.prune import unit_score_named

    return unit_score_named(score).greedy


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and type(value) is not bool and math.isfinite(value)


def _check_fraction(name: str, value: float | None) -> None:
    if not isinstance(value, int | float) or not 0 < value < 1:
        raise ValueError(f"{name} must be a fraction in (0, 1), got {value!r}")
