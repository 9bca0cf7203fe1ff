"""What engines add to many short jobs, beside what the jobs alone would take.

    python benchmarks/execute.py [--jobs 200] [--milliseconds 50] [--engines here local:2 ray]

A job is a real training of a small network on digits, with its run written to the store; how many
steps make it last so long is measured first. The ideal is the work over the cores: the median job,
done alone in this process without an engine, times their number. For each engine, in turn:

- seconds of the whole call, as a multiple of the ideal;
- overhead a job: what the call took beyond the ideal, times the workers over the jobs. It has the
  start of the engine in it;
- the same without the start: of a second call with other jobs, which the engine is ready for.

Ray is left out where it is not installed.
"""

import argparse
import statistics
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from surfeit.data import Dataset, load
from surfeit.execute import Engine, InProcess, Local, cores, engine_named, train_many
from surfeit.models import mlp
from surfeit.store import Store
from surfeit.train import Job, Recipe, Snapshots, train_job

MODEL = partial(mlp, (32,), input_shape=(1, 8, 8), classes=10)
TRIES = 15


@dataclass(frozen=True)
class Timed:
    """Seconds of two calls of an engine, and the workers that it had."""

    first: float
    second: float
    workers: int


def job(dataset: Dataset, steps: int, seed: int) -> Job:
    """A short training."""
    recipe = Recipe(optimizer="sgd", lr=0.1, batch_size=60, steps=steps)
    return Job(MODEL, dataset, recipe, seed, snapshots=Snapshots(every_epochs=0))


def seconds_alone(dataset: Dataset, steps: int) -> float:
    """The median of a job, done in this process without an engine."""
    taken = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(TRIES):
            begin = time.perf_counter()
            train_job(job(dataset, steps, seed), store=Store(folder))
            taken.append(time.perf_counter() - begin)
    return statistics.median(taken)


def steps_for(dataset: Dataset, seconds: float) -> int:
    """How many steps make a job last so long, as a line through two measurements has it."""
    few, many = 20, 220
    base, long = (seconds_alone(dataset, steps) for steps in (few, many))
    per_step = (long - base) / (many - few)
    return max(1, few + round((seconds - base) / per_step))


def timed(engine: Engine, dataset: Dataset, steps: int, jobs: int) -> Timed:
    """Two calls with other seeds; the second finds the engine started, where it stays so."""
    taken = []
    for call in range(2):
        many = [job(dataset, steps, seed) for seed in range(call * jobs, (call + 1) * jobs)]
        with tempfile.TemporaryDirectory() as folder:
            begin = time.perf_counter()
            train_many(many, store=Store(Path(folder)), engine=engine)
            taken.append(time.perf_counter() - begin)
    workers = 1 if isinstance(engine, InProcess) else cores()
    return Timed(taken[0], taken[1], engine.workers if isinstance(engine, Local) else workers)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description="Times engines on many short jobs.")
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--milliseconds", type=float, default=50.0, help="of a job alone")
    parser.add_argument("--engines", nargs="+", default=["here", "local", "ray"])
    given = parser.parse_args()
    torch.set_num_threads(1)
    dataset = load("digits")
    steps = steps_for(dataset, given.milliseconds / 1000)
    print(f"{given.jobs} jobs of {steps} steps, {cores()} cores")
    print(
        f"{'engine':10s} {'job':>8s} {'ideal':>8s} {'first':>8s} {'':>7s} {'second':>8s} {'':>7s}"
    )
    for name in given.engines:
        try:
            engine = engine_named(name)
        except ImportError as error:
            print(f"{name:10s} left out: {error}")
            continue
        before = seconds_alone(dataset, steps)  # beside each engine: the machine may be busy
        found = timed(engine, dataset, steps, given.jobs)
        alone = (before + seconds_alone(dataset, steps)) / 2
        ideal = alone * given.jobs / found.workers
        print(
            f"{name:10s} {1000 * alone:5.1f} ms {ideal:6.2f} s "
            f"{found.first:6.2f} s {found.first / ideal:6.2f}x {found.second:6.2f} s "
            f"{found.second / ideal:6.2f}x   overhead a job "
            f"{_overhead(found.first, ideal, found.workers, given.jobs)} with the start, "
            f"{_overhead(found.second, ideal, found.workers, given.jobs)} without"
        )


def _overhead(seconds: float, ideal: float, workers: int, jobs: int) -> str:
    return f"{1000 * (seconds - ideal) * workers / jobs:.1f} ms"


if __name__ == "__main__":
    main()
