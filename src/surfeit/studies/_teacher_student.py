"""What the study `teacher_student` trains: beside it, so that judging anew trains nothing anew."""

import math
from collections.abc import Iterator
from typing import Any

from torch import Generator, Tensor

from surfeit.core import Streams
from surfeit.teachers import (
    LINEAR,
    Lessons,
    Networks,
    activation_named,
    drawn_networks,
    error_of_zero,
    first_order_error,
    learn_online,
    linear_error,
    lucky_shares,
    matches,
    overlaps_of,
    shared_error,
)

_RECORDS = 200
"""Moments of a training at which the error is measured, equally far apart."""
_MIDDLE = 7 / 8
"""Of the last quarter of a training, as a share of the whole."""
_PICTURES = (0.0, 0.01, 0.05, 0.2, 1.0)
"""Shares of a training at which the example's overlaps are kept."""


def first_layer(
    seeds: list[int],
    activation: str,
    units: int,
    teacher_units: int,
    inputs: int,
    rate: float,
    time: float,
    noise: float,
) -> Iterator[dict[str, Any]]:
    """A row a seed: the error of a student that starts at its teacher and trains its first layer.

    `error` is the mean over the last three quarters of the training, `formula` the first order in
    the rate, and `exact` what holds for linear units.
    """
    function = activation_named(activation)
    teacher = drawn_networks(teacher_units, inputs, _of(seeds, "teacher"))
    student = teacher.extended(units, _of(seeds, "surplus", units))
    steps = _steps(time, rate, inputs)
    lessons = _taught(student, teacher, seeds, activation, rate, noise, _spread(steps), False)
    settled = lessons.errors[len(lessons.steps) // 4 :].mean(0)
    variances = overlaps_of(student, teacher).variances
    formula = first_order_error(function, variances, rate=rate, noise=noise)
    exact = None
    if function is LINEAR:
        exact = linear_error(units, rate=rate, noise=noise, inputs=inputs)
    for place, seed in enumerate(seeds):
        yield {
            "seed": seed,
            "error": _finite(settled[place]),
            "formula": float(formula[place]),
            "exact": exact,
            "diverged": lessons.diverged[place],
        }


def both_layers(
    seeds: list[int],
    activation: str,
    units: int,
    teacher_units: int,
    inputs: int,
    rate: float,
    time: float,
    noise: float,
    start: float,
) -> Iterator[dict[str, Any]]:
    """A row a seed: the error of a student that starts small and trains both layers.

    `error` is the mean over the last quarter, `formula` the first order in the rate of a student
    that shares its teacher out, `own` that of the weights it really has.
    """
    function = activation_named(activation)
    teacher = drawn_networks(teacher_units, inputs, _of(seeds, "teacher"))
    student = drawn_networks(
        units, inputs, _of(seeds, "start", units), deviation=start, output=start
    )
    steps = _steps(time, rate, inputs)
    lessons = _taught(student, teacher, seeds, activation, rate, noise, _spread(steps), True)
    last = slice(len(lessons.steps) * 3 // 4, None)
    about: dict[str, float] = {"rate": rate, "noise": noise}
    own = first_order_error(
        function,
        lessons.overlaps.variances[last],
        lessons.overlaps.outputs[last],
        both_layers_of=inputs,
        **about,
    )
    shared = shared_error(
        function,
        overlaps_of(teacher, teacher).teacher,
        units,
        inputs=inputs,
        time=time * _MIDDLE,
        **about,
    )
    settled = lessons.errors[last].mean(0)
    for place, seed in enumerate(seeds):
        yield {
            "seed": seed,
            "error": _finite(settled[place]),
            "formula": float(shared[place]),
            "own": _finite(own[:, place].mean()),
            "diverged": lessons.diverged[place],
        }


def from_scratch(
    seeds: list[int],
    units: int,
    teacher_units: int,
    inputs: int,
    rate: float,
    time: float,
    start: float,
    signs: bool,
    example: int | None = None,
) -> Iterator[dict[str, Any]]:
    """A row a seed: how near a ReLU student comes to a teacher without noise, both layers trained.

    With `signs` the teacher's outer weights are 1 and −1 in turn and the student's start at random:
    a unit of the wrong sign is hard to turn. Else the teacher's are 1 and the student's start
    equal, so that inner weights alone tell who specialises.

    `error` is of that of predicting zero, `lucky` the share of teacher units whose specialist began
    as the best match. The seed `example` has a row `overlap` for each pair of units and moment.
    """
    relu = activation_named("relu")
    teacher = drawn_networks(teacher_units, inputs, _of(seeds, "teacher"))
    student = drawn_networks(
        units,
        inputs,
        _of(seeds, "start", units),
        deviation=start,
        output=0.0 if signs else start,
        output_deviation=start if signs else 0.0,
    )
    if signs:
        teacher = _signed(teacher)
    steps = _steps(time, rate, inputs)
    moments = sorted({round(share * steps) for share in _PICTURES})
    lessons = _taught(student, teacher, seeds, "relu", rate, 0.0, moments, True)
    begin, end = lessons.overlaps.at(0), lessons.overlaps.at(-1)
    nothing = error_of_zero(begin, relu)
    shares = lucky_shares(begin, end, relu)
    for place, seed in enumerate(seeds):
        lost = lessons.diverged[place] is not None
        yield {
            "seed": seed,
            "error": _finite(lessons.errors[-1, place] / nothing[place]),
            "lucky": None if lost or signs else float(shares[place]),
            "diverged": lessons.diverged[place],
        }
        if seed == example:
            yield from _pictured(lessons, place)


def _pictured(lessons: Lessons, place: int) -> Iterator[dict[str, Any]]:
    """A row a moment, student unit and teacher unit: their match."""
    found = matches(lessons.overlaps, lessons.activation)[:, place]
    for step, matrix in zip(lessons.steps, found, strict=True):
        for unit, row in enumerate(matrix.tolist()):
            for wanted, match in enumerate(row):
                yield {
                    "part": "overlap",
                    "step": step,
                    "student_unit": unit,
                    "teacher_unit": wanted,
                    "match": match if math.isfinite(match) else None,
                }


def _taught(
    student: Networks,
    teacher: Networks,
    seeds: list[int],
    activation: str,
    rate: float,
    noise: float,
    steps: list[int],
    both: bool,
) -> Lessons:
    return learn_online(
        student,
        teacher,
        activation=activation_named(activation),
        rate=rate,
        noise=noise,
        steps=steps,
        generators=_of(seeds, "examples"),
        both_layers=both,
    )


def _of(seeds: list[int], *name: str | int) -> list[Generator]:
    """A generator a seed: teachers and examples are the same ones at every width and rate."""
    return [Streams(seed).get(*name) for seed in seeds]


def _steps(time: float, rate: float, inputs: int) -> int:
    """So many that `η · steps / N` is the time."""
    return math.ceil(time * inputs / rate)


def _spread(steps: int) -> list[int]:
    return sorted({steps * record // _RECORDS for record in range(_RECORDS + 1)})


def _signed(teacher: Networks) -> Networks:
    outputs = teacher.outputs.clone()
    outputs[:, 1::2] *= -1
    return Networks(teacher.weights, outputs)


def _finite(value: Tensor) -> float | None:
    return float(value) if bool(value.isfinite()) else None
