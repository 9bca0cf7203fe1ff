"""Do wider students of a noisy teacher end with a larger error, and do they get there more often?

Source: Goldt, Advani, Saxe, Krzakala and Zdeborová 2019 (1906.08632) for the final errors; Livni,
Shalev-Shwartz and Shamir 2014 (1410.1141) for the success of wide students; Tian, Jiang, Gong and
Morcos 2019 (1905.13405) for lucky units. Only the abstracts could be read: sizes, rates, noise and
starts are ours.
Cost: quick 6 s, laptop 3 min (two cores), paper 1 hour, estimated.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.figure import Figure

from surfeit.lab import (
    Claim,
    Lab,
    Verdict,
    all_of,
    equals,
    exceeds,
    not_worse,
    ranks,
    succeeds_more,
)
from surfeit.studies._teacher_student import both_layers, first_layer, from_scratch
from surfeit.tables import exact_interval
from surfeit.tables.figures.teachers import teacher_figure
from surfeit.teachers import activation_named, linear_error
from surfeit.teachers.checks import (
    check_noise,
    check_positive,
    check_rate,
    check_size,
    check_wide_enough,
)
from surfeit.train import Job

CLAIMS = (
    Claim(
        id="E4a",
        says="Trained in its first layer only, a student's final error grows with its surplus "
        "units, and to first order in the rate as the closed form says.",
        published="erf: (σ²η/2π)(L + M/√3) + O(η²); ReLU: σ²η(M + L)/8 + O(η²); linear: "
        "ησ²(M + L)/(4 − 2η(M + L))",
        source="Goldt et al. 2019",
    ),
    Claim(
        id="E4b",
        says="Trained in both layers, the final error of erf students falls with their width, and "
        "that of ReLU and linear ones stays about constant.",
        published="it stays constant or even decreases with size when training both layers",
        source="Goldt et al. 2019, abstract",
    ),
    Claim(
        id="E4c",
        says="Of students that start at random, wider ones come near their teacher more often.",
        source="Livni et al. 2014; Tian et al. 2019",
    ),
    Claim(
        id="E4d",
        says="The student unit that matches a teacher unit best at the start becomes the one that "
        "specialises on it, more often than by chance.",
        source="Tian et al. 2019",
    ),
)

_JUDGED: dict[str, Any] = {"comparisons": len(CLAIMS)}
_STACK = 64
"""Seeds trained together. None of them can tell."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Teachers of `teacher` units, and students that are as wide and wider; a seed draws all three.

    A training's length is `η · steps / N`, its time.
    """

    inputs: int = 784  # N
    noise: float = 0.1  # σ
    teacher: int = 2  # M, where errors are judged
    widths: tuple[int, ...] = (2, 4, 6)  # K, first layer trained
    activations: tuple[str, ...] = ("erf", "relu", "linear")
    rates: tuple[float, float] = (0.1, 0.05)
    time: float = 40.0
    both_widths: tuple[int, ...] = (2, 4, 8)  # K, both layers trained
    # By activation: erf students stay long where no unit is special, and need a large rate.
    both_rates: tuple[tuple[str, float], ...] = (("erf", 0.5), ("relu", 0.2), ("linear", 0.2))
    both_times: tuple[tuple[str, float], ...] = (
        ("erf", 1000.0),
        ("relu", 400.0),
        ("linear", 160.0),
    )
    both_start: float = 0.1  # outer weights, and deviation of the inner ones
    hard_teacher: int = 4  # M, where success is judged
    hard_widths: tuple[int, ...] = (4, 8, 16)  # K
    hard_rate: float = 0.2
    hard_time: float = 240.0
    hard_start: float = 0.3  # deviation of all weights
    near: float = 0.01  # of the error of predicting zero: success
    halving_margin: float = 0.03  # of the formula's value
    exact_margin: float = 0.03  # of the exact value
    constant_margin: float = 0.1  # of the narrowest student's error
    seeds: tuple[int, ...] = tuple(range(64))

    def __post_init__(self) -> None:
        for name in ("inputs", "teacher", "hard_teacher"):
            check_size(name, getattr(self, name))
        check_noise(self.noise)
        margins = "halving_margin", "exact_margin", "constant_margin"
        for name in (*margins, *("noise", "time", "both_start", "hard_time", "hard_start", "near")):
            check_positive(name, getattr(self, name))
        if self.near >= 1:
            raise ValueError(f"near must be below 1, the error of predicting zero, got {self.near}")
        _check_widths(self.widths, self.teacher)
        _check_widths(self.both_widths, self.teacher)
        _check_widths(self.hard_widths, self.hard_teacher)
        _check_rates(self)
        _check_both(self)


def _check_widths(widths: tuple[int, ...], teacher: int) -> None:
    for units in widths:
        check_size("a student's units", units)
        check_wide_enough(units, teacher)
    if list(widths) != sorted({*widths}) or len(widths) < 2 or widths[0] != teacher:
        raise ValueError(
            f"widths must rise from the teacher's {teacher} units, two at least, got {widths}"
        )


def _check_rates(config: Config) -> None:
    for rate in (*config.rates, config.hard_rate):
        check_rate(rate)
    first, second = config.rates
    if first != 2 * second:
        raise ValueError(f"rates must be one and its half, got {config.rates}")
    for name in config.activations:
        activation_named(name)
    if "linear" in config.activations:
        linear_error(config.widths[-1], rate=first, noise=config.noise, inputs=config.inputs)


def _check_both(config: Config) -> None:
    names = [name for name, _ in config.both_rates]
    if set(names) != {"erf", "relu", "linear"} or names != [name for name, _ in config.both_times]:
        raise ValueError(
            "both_rates and both_times must be of erf, relu and linear, in one order, got "
            f"{config.both_rates} and {config.both_times}"
        )
    for _, rate in config.both_rates:
        check_rate(rate)
    for _, time in config.both_times:
        check_positive("a time", time)


SIZES = (
    *("inputs", "widths", "time", "both_widths", "both_times", "hard_widths", "hard_time", "seeds"),
)
PAPER = Config()
LAPTOP = replace(PAPER, inputs=100)
QUICK = replace(
    LAPTOP,
    inputs=10,
    widths=(2, 4),
    time=10.0,
    both_widths=(2, 4),
    both_times=(("erf", 400.0), ("relu", 200.0), ("linear", 60.0)),
    hard_widths=(4, 8),
    hard_time=120.0,
    seeds=tuple(range(16)),
)


def jobs(config: Config, lab: Lab) -> dict[str, Job]:
    """None: students learn online, from examples that no data set holds."""
    return {}


_COLUMNS = (
    *(
        "activation",
        "units",
        "rate",
        "noise",
        "seed",
        "error",
        "formula",
        "exact",
        "own",
        "near",
        "lucky",
    ),
    *("diverged", "step", "student_unit", "teacher_unit", "match"),
)


def rows(config: Config, lab: Lab) -> Iterator[dict[str, Any]]:
    """One row a seed and training, with its final `error`, and one a cell of the example's matches.

    `part` is `first` or `both` (layers trained), `success` or `luck` (errors of that of predicting
    zero) or `overlap` (step and units). What a part does not have is null.
    """
    groups = [config.seeds[at : at + _STACK] for at in range(0, len(config.seeds), _STACK)]
    for part, (function, trainings) in _trainings(config).items():
        of = {
            (*name, group): {**own, "seeds": list(group)}
            for (name, own), group in product(trainings.items(), groups)
        }
        for (activation, units, rate, _), found in lab.compute(function, of).items():
            named = {"activation": activation, "units": units, "rate": rate}
            named["noise"] = config.noise if part in ("first", "both") else 0.0
            for row in found:
                whole = {"part": part, **dict.fromkeys(_COLUMNS), **named, **row}
                if whole["part"] in ("success", "luck"):  # what diverged came near nothing
                    whole["near"] = row["error"] is not None and row["error"] < config.near
                yield whole


def _trainings(config: Config) -> dict[str, tuple[Any, dict[tuple[str, int, float], Any]]]:
    """By part its function, and by activation, units and rate what that is called with."""
    shared: dict[str, Any] = {"inputs": config.inputs, "teacher_units": config.teacher}
    shared["noise"] = config.noise
    first = {
        (name, units, rate): {
            **shared,
            "activation": name,
            "units": units,
            "rate": rate,
            "time": config.time,
        }
        for name, units, rate in product(config.activations, config.widths, config.rates)
    }
    times = dict(config.both_times)
    both = {
        (name, units, rate): {
            **shared,
            "activation": name,
            "units": units,
            "rate": rate,
            "time": times[name],
            "start": config.both_start,
        }
        for (name, rate), units in product(config.both_rates, config.both_widths)
    }
    return {
        "first": (first_layer, first),
        "both": (both_layers, both),
        "success": (from_scratch, _from_scratch(config, signs=True)),
        "luck": (from_scratch, _from_scratch(config, signs=False)),
    }


def _from_scratch(config: Config, *, signs: bool) -> dict[tuple[str, int, float], Any]:
    """What students that start at random are trained with; one of them has its picture taken."""
    pictured = None if signs else config.hard_widths[1]
    return {
        ("relu", units, config.hard_rate): {
            "units": units,
            "teacher_units": config.hard_teacher,
            "inputs": config.inputs,
            "rate": config.hard_rate,
            "time": config.hard_time,
            "start": config.hard_start,
            "signs": signs,
            "example": config.seeds[0] if units == pictured else None,
        }
        for units in config.hard_widths
    }


def figure(table: pa.Table) -> Figure:
    """Errors by width on closed forms, rates of success, lucky units, and an example's matches."""
    return teacher_figure(table)


class _Seen:
    """A table's values by part, activation, units and rate: one a seed, in one order everywhere."""

    def __init__(self, table: pa.Table) -> None:
        self._rows: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
        ordered = [row for row in table.to_pylist() if row["part"] != "overlap"]
        for row in sorted(ordered, key=lambda row: row["seed"]):
            place = row["part"], row["activation"], row["units"], row["rate"]
            self._rows.setdefault(place, []).append(row)

    def values(self, column: str, *place: Any) -> np.ndarray:
        """float64, one a seed; NaN where nothing was measured, as of a student that diverged."""
        return np.array([row[column] for row in self._rows.get(place, [])], dtype=float)

    def near(self, units: int, rate: float) -> list[bool | None]:
        """Which students came near their teachers."""
        return [row["near"] for row in self._rows.get(("success", "relu", units, rate), [])]


def verdicts(table: pa.Table, config: Config) -> tuple[Verdict, ...]:
    """Errors against closed forms and each other, shares against chance, seed by seed."""
    seen = _Seen(table)
    return (
        _first(seen, config),
        _both(seen, config),
        _success(seen, config),
        _lucky(seen, config),
    )


def _first(seen: _Seen, config: Config) -> Verdict:
    """The surplus over the formula halves with the rate, or falls by more: nothing of it is first
    order, and what is more is the term of the rate's square."""
    over = {
        (name, units): [
            seen.values("error", "first", name, units, rate)
            / seen.values("formula", "first", name, units, rate)
            - 1
            for rate in config.rates
        ]
        for name, units in product(config.activations, config.widths)
    }
    words = "; ".join(
        f"{name} " + ", ".join(f"{one.mean():+.1%}" for one in over[name, config.widths[-1]])
        for name in config.activations
    )
    return all_of(
        "E4a",
        *(
            ranks(
                f"{name} at {rate:g}",
                config.widths,
                _by_width(seen, name, rate, config),
                **_JUDGED,
            )
            for name, rate in product(config.activations, config.rates)
        ),
        *(
            not_worse(
                f"{name} of {units} units",
                at / 2 - at_half,
                margin=config.halving_margin,
                unit="of the formula's",
                **_JUDGED,
            )
            for (name, units), (at, at_half) in over.items()
        ),
        *_exact(seen, config),
        says=f"With {config.widths[-1]} units the error is above the formula's, at the rates "
        f"{config.rates[0]:g} and {config.rates[1]:g}, by: {words}.",
        **_JUDGED,
    )


def _by_width(seen: _Seen, name: str, rate: float, config: Config) -> np.ndarray:
    """Errors [seeds, widths]."""
    errors = [seen.values("error", "first", name, units, rate) for units in config.widths]
    return np.transpose(errors)


def _exact(seen: _Seen, config: Config) -> Iterator[Verdict]:
    """Linear students' errors, which are known at any rate."""
    for units, rate in product(config.widths, config.rates):
        if "linear" in config.activations:
            place = "first", "linear", units, rate
            yield equals(
                f"exact, {units} units at {rate:g}",
                seen.values("error", *place) / seen.values("exact", *place) - 1,
                margin=config.exact_margin,
                unit="of the exact value",
                **_JUDGED,
            )


def _both(seen: _Seen, config: Config) -> Verdict:
    """All against the narrowest student of the same teacher: sigmoids fall by more than the margin
    within which the others must stay."""
    rates, widths = dict(config.both_rates), config.both_widths
    errors = {
        name: np.transpose([seen.values("error", "both", name, units, rate) for units in widths])
        for name, rate in rates.items()
    }
    change = {name: found / found[:, :1] - 1 for name, found in errors.items()}
    about: dict[str, Any] = {"margin": config.constant_margin, "unit": "of the narrowest's error"}
    words = ", ".join(f"{name} {found[:, -1].mean():+.1%}" for name, found in change.items())
    return all_of(
        "E4b",
        ranks("erf", widths, errors["erf"], falls=True, **_JUDGED),
        exceeds("erf's fall", -change["erf"][:, -1], **about, **_JUDGED),
        *(
            equals(f"{name} of {units} units", change[name][:, place], **about, **_JUDGED)
            for name in ("relu", "linear")
            for place, units in enumerate(widths)
            if place
        ),
        says=f"From {widths[0]} to {widths[-1]} units the error changes by: {words}.",
        **_JUDGED,
    )


def _success(seen: _Seen, config: Config) -> Verdict:
    """Each wider student against the narrowest one of the same teacher and examples."""
    near = {units: seen.near(units, config.hard_rate) for units in config.hard_widths}
    words = []
    for units, found in near.items():
        rate = exact_interval(sum(map(bool, found)), len(found))
        words.append(
            f"{rate.estimate:.0%} with {units} units ({rate.lower:.0%} to {rate.upper:.0%})"
        )
    narrow, *wider = config.hard_widths
    return all_of(
        "E4c",
        *(
            succeeds_more(
                f"{units} units", near[units], near[narrow], unit="of students", **_JUDGED
            )
            for units in wider
        ),
        says=f"Below {config.near:g} of the error of predicting zero end {', '.join(words)}.",
        **_JUDGED,
    )


def _lucky(seen: _Seen, config: Config) -> Verdict:
    """By chance it is one unit in K: units whose starts tell nothing can be exchanged."""
    shares = {
        units: seen.values("lucky", "luck", "relu", units, config.hard_rate)
        for units in config.hard_widths
    }
    words = ", ".join(
        f"{one.mean():.2f} with {units} units, by chance {1 / units:.2f}"
        for units, one in shares.items()
    )
    return all_of(
        "E4d",
        *(
            exceeds(f"{units} units", one - 1 / units, unit="of the teacher's units", **_JUDGED)
            for units, one in shares.items()
        ),
        says=f"The share of teacher units that go to the best match of the start: {words}.",
        **_JUDGED,
    )
