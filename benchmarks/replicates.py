"""Networks trained together, beside one after another and beside two processes side by side.

    python benchmarks/replicates.py [--turns 3] [--only digits]

Of each size three ways take turns in one run: `train_together` in stacks, a half of the networks on
each of two cores; `train_job` one after another on one core; the same, a half of the networks on
each of two cores. The ratios of the medians count. Training alone is timed, first and last snapshot
included: what reading data and starting processes take is the same for all and left out.

Of those that train one after another a few are trained, and the time is scaled to all: a computed
figure, printed as such.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context

import torch

from images import made_up
from surfeit.data import Dataset, load
from surfeit.models import Builder, lenet_300_100, mlp
from surfeit.store import Store
from surfeit.train import Job, Numerics, Recipe, Snapshots, train_job, train_together

CORES = 2
FEW = 2  # networks that are trained one after another, in place of all


@dataclass(frozen=True, kw_only=True)
class Size:
    """What is trained, and how much faster it is to be than one after another."""

    asked: str
    builder: Builder
    data: Callable[[], Dataset]
    recipe: Recipe
    networks: int
    stack: int


SIZES = {
    "digits": Size(
        asked="10",
        builder=partial(mlp, (32,)),
        data=partial(load, "digits"),
        recipe=Recipe(epochs=40, batch_size=32),
        networks=32,
        stack=16,
    ),
    "lenet on digits": Size(
        asked="2",
        builder=partial(mlp, (300, 100)),
        data=partial(load, "digits"),
        recipe=Recipe(epochs=10, batch_size=32),
        networks=32,
        stack=16,
    ),
    "lenet on mnist": Size(
        asked="no slower than two processes",
        builder=lenet_300_100,
        data=made_up,
        recipe=Recipe(steps=400, batch_size=60),
        networks=8,
        stack=4,
    ),
}


def jobs(size: Size, dataset: Dataset, seeds: range, stack: int) -> list[Job]:
    """The trainings of these seeds."""
    numerics, snapshots = Numerics(stack=stack), Snapshots(every_epochs=0)
    return [
        Job(size.builder, dataset, size.recipe, seed, numerics=numerics, snapshots=snapshots)
        for seed in seeds
    ]


def together(name: str, seeds: range) -> float:
    """Seconds that stacks of these seeds' networks take."""
    size = SIZES[name]
    found = jobs(size, size.data(), seeds, size.stack)
    stacks = [found[begin : begin + size.stack] for begin in range(0, len(found), size.stack)]
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        for stack in stacks:
            runs = train_together(stack, store=Store(folder))
            assert not any(isinstance(run, Exception) for run in runs), runs
        return time.perf_counter() - begin


def apart(name: str, seeds: range) -> float:
    """Seconds that the networks take one after another, from those of a few."""
    size, few = SIZES[name], seeds[:FEW]
    found = jobs(size, size.data(), few, 1)
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        for job in found:
            train_job(job, store=Store(folder))
        return (time.perf_counter() - begin) * len(seeds) / len(few)


def on_both(way: Callable[[str, range], float], name: str, pool: ProcessPoolExecutor) -> float:
    """Seconds until both cores are done with a half of the networks each."""
    half = SIZES[name].networks // CORES
    parts = [range(core * half, (core + 1) * half) for core in range(CORES)]
    return max(pool.map(way, [name] * CORES, parts))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--only", choices=SIZES)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with ProcessPoolExecutor(CORES, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        for name in [given.only] if given.only else SIZES:
            size = SIZES[name]
            times = [
                (
                    on_both(together, name, pool),
                    apart(name, range(size.networks)),
                    on_both(apart, name, pool),
                )
                for _ in range(given.turns)
            ]
            stacked, one_by_one, side_by_side = map(statistics.median, zip(*times, strict=True))
            print(
                f"{name}: {size.networks} networks in stacks of {size.stack} on {CORES} cores "
                f"{stacked:.2f} s; one after another {one_by_one:.2f} s, computed from {FEW}: "
                f"{one_by_one / stacked:.1f} times (asked: {size.asked}); in {CORES} processes "
                f"{side_by_side:.2f} s: {side_by_side / stacked:.1f} times"
            )


if __name__ == "__main__":
    main()
