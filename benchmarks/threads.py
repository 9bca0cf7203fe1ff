"""What one thread is worth to measurements of small operations on a busy machine.

python benchmarks/threads.py --spinners 4

Removal order, removal curve and eigenvalues of LeNet's fc1, untrained, on random images, with
one thread as the library takes by itself and with as many as torch would: turn by turn, beside
processes that keep the cores busy. Medians.
"""

import argparse
import multiprocessing
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch

from surfeit.core import Split, threads
from surfeit.models import lenet_300_100
from surfeit.prune import frame_potential, removal_curve, removal_order
from surfeit.spectra import eigenvalues


def spin() -> None:
    """Keeps a core busy."""
    while True:
        pass


def seconds(work: Callable[[], object]) -> float:
    """The time that a piece of work takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description="Small operations with one thread and several.")
    parser.add_argument("--spinners", type=int, default=4)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--images", type=int, default=500)
    arguments = parser.parse_args()
    generator = torch.Generator().manual_seed(0)
    model = lenet_300_100(generator=generator)
    inputs = torch.rand(arguments.images, 1, 28, 28, generator=generator)
    split = Split(inputs, torch.arange(arguments.images) % 10)
    weight = dict(model.named_parameters())["fc1.weight"].detach()
    order = removal_order(weight, frame_potential)
    works = {
        "removal order, frame potential": partial(removal_order, weight, frame_potential),
        "removal curve": partial(removal_curve, model, "fc1", order, split),
        "eigenvalues": partial(eigenvalues, weight),
    }
    count = arguments.spinners
    spinners = [multiprocessing.Process(target=spin, daemon=True) for _ in range(count)]
    for process in spinners:
        process.start()
    most = torch.get_num_threads()
    print(f"{count} spinners; milliseconds with one thread, with {most}")
    for name, work in works.items():
        one, many = [], []
        for _ in range(arguments.turns):
            one.append(seconds(work))
            with threads(most):
                many.append(seconds(work))
        medians = [1000 * statistics.median(times) for times in (one, many)]
        print(f"{name}: {medians[0]:.1f}, {medians[1]:.1f}")
    for process in spinners:
        process.kill()


if __name__ == "__main__":
    main()
