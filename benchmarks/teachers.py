"""Students of a teacher trained together, beside one after another.

    python benchmarks/teachers.py [--turns 3] [--steps 4000]

Of each size both ways take turns in one run, on one core; the ratio of the medians counts. Seconds
are the processor's, so that what else the machine does counts less. Steps are fewer than a study's,
whose time grows with them alone. That both ways end with the same bits is checked, too.
"""

import argparse
import statistics
import time
from dataclasses import dataclass

import torch

from surfeit.core import Streams
from surfeit.studies.teacher_student import LAPTOP, PAPER
from surfeit.teachers import activation_named, drawn_networks, learn_online

STUDENTS = 32
ASKED = 25


@dataclass(frozen=True, kw_only=True)
class Size:
    """What is trained."""

    activation: str
    units: int
    teacher: int
    inputs: int
    both: bool


SIZES = {
    "first layer": Size(
        activation="erf",
        units=LAPTOP.widths[1],
        teacher=LAPTOP.teacher,
        inputs=LAPTOP.inputs,
        both=False,
    ),
    "both layers": Size(
        activation="relu",
        units=LAPTOP.hard_widths[1],
        teacher=LAPTOP.hard_teacher,
        inputs=LAPTOP.inputs,
        both=True,
    ),
    "both layers, paper budget": Size(
        activation="relu",
        units=PAPER.hard_widths[1],
        teacher=PAPER.hard_teacher,
        inputs=PAPER.inputs,
        both=True,
    ),
}


def trained(size: Size, seeds: range, steps: int) -> torch.Tensor:
    """The weights of these seeds' students."""
    streams = [Streams(seed) for seed in seeds]
    teacher = drawn_networks(size.teacher, size.inputs, [one.get("teacher") for one in streams])
    student = drawn_networks(
        size.units, size.inputs, [one.get("start") for one in streams], deviation=0.3, output=0.3
    )
    return learn_online(
        student,
        teacher,
        activation=activation_named(size.activation),
        rate=0.1,
        noise=0.1,
        steps=[steps],
        generators=[one.get("examples") for one in streams],
        both_layers=size.both,
    ).student.weights


def timed(size: Size, seeds: list[range], steps: int) -> tuple[float, torch.Tensor]:
    """Processor seconds that these take one after another, and all weights."""
    begin = time.process_time()
    weights = [trained(size, some, steps) for some in seeds]
    return time.process_time() - begin, torch.cat(weights)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--steps", type=int, default=4000)
    given = parser.parse_args()
    torch.set_num_threads(1)
    whole = [range(STUDENTS)]
    single = [range(seed, seed + 1) for seed in range(STUDENTS)]
    for name, size in SIZES.items():
        times = []
        for _ in range(given.turns):
            together, weights = timed(size, whole, given.steps)
            apart, others = timed(size, single, given.steps)
            assert torch.equal(weights, others), name
            times.append((together, apart))
        together, apart = map(statistics.median, zip(*times, strict=True))
        print(
            f"{name}, {size.activation}, {size.units} units, teacher of {size.teacher}, "
            f"{size.inputs} inputs: {STUDENTS} students, {given.steps:,} steps, together "
            f"{together:.2f} s, one after another {apart:.2f} s: {apart / together:.1f} times "
            f"(asked: {ASKED})"
        )


if __name__ == "__main__":
    main()
