"""What recording a snapshot each epoch adds to training LeNet-300-100 on MNIST's shape.

    python benchmarks/recording.py [--data-dir DIR] [--turns 5]

Trainings with a snapshot each epoch and with the first and last only take turns in one process;
printed are the median ratio of their times and the time that one snapshot takes alone. The aim is
at most 3 % more.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from images import made_up
from surfeit.core import parameters
from surfeit.data import Dataset, load
from surfeit.models import lenet_300_100
from surfeit.store import RunWriter, Store
from surfeit.train import Recipe, Snapshots, train

EPOCHS = 4


def seconds(dataset: Dataset, snapshots: Snapshots) -> float:
    """Seconds of one training."""
    recipe = Recipe(lr=0.01, momentum=0.9, batch_size=60, epochs=EPOCHS)
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        train(lenet_300_100, dataset, recipe, snapshots=snapshots, store=Store(folder))
        return time.perf_counter() - begin


def one_snapshot() -> float:
    """Seconds of one snapshot of the network, the median of fifty."""
    tensors = parameters(lenet_300_100())
    with tempfile.TemporaryDirectory() as folder:
        writer = RunWriter(Path(folder), key="0" * 64, identity={}, about={})
        times = []
        for step in range(50):
            begin = time.perf_counter()
            writer.snapshot(step, tensors)
            times.append(time.perf_counter() - begin)
    return statistics.median(times)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description="Times what recording adds to training.")
    parser.add_argument("--data-dir", help="a data root with MNIST; made-up images without it")
    parser.add_argument("--turns", type=int, default=5)
    given = parser.parse_args()
    dataset = load("mnist", given.data_dir) if given.data_dir else made_up()
    pairs = [
        (seconds(dataset, Snapshots()), seconds(dataset, Snapshots(every_epochs=0)))
        for _ in range(given.turns)
    ]
    ratio = statistics.median(with_each / without for with_each, without in pairs)
    epoch = statistics.median(without for _, without in pairs) / EPOCHS
    alone = one_snapshot()
    print(f"LeNet-300-100, {dataset.name}, batch 60, median of {given.turns} turns")
    print(f"  an epoch without snapshots   {epoch:8.3f} s")
    print(f"  with one each epoch          {100 * (ratio - 1):+8.1f} %")
    print(f"  one snapshot alone           {1000 * alone:8.2f} ms: {100 * alone / epoch:.2f} %")


if __name__ == "__main__":
    main()
