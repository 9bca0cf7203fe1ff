"""What the machine gives at this moment: LeNet-300-100's matrix products, and a product's peak."""

import time
from collections.abc import Callable

import torch

from surfeit.data import Dataset
from surfeit.models import lenet_300_100


def bare(dataset: Dataset, batch_size: int, steps: int) -> float:
    """Seconds that the products of so many steps and one measurement of both splits take alone."""
    weights = [value.detach() for value in lenet_300_100().parameters() if value.dim() > 1]
    grads = [torch.empty_like(weight) for weight in weights]
    sides = [784, *(len(weight) for weight in weights)]
    values = [torch.randn(batch_size, side) for side in sides]
    begin = time.perf_counter()
    for _ in range(steps):
        for place, weight in enumerate(weights):
            torch.mm(values[place], weight.T, out=values[place + 1])
        for place, weight in reversed(list(enumerate(weights))):
            torch.mm(values[place + 1].T, values[place], out=grads[place])
            if place:
                torch.mm(values[place + 1], weight, out=values[place])
        # Kept from growing: numbers that overflow are not what training multiplies.
        for value in values[1:]:
            value.mul_(1e-3)
    for split in (dataset.validation, dataset.test):
        for part in split.images.flatten(1).split(1000):
            for weight in weights:
                part = torch.mm(part, weight.T)
    return time.perf_counter() - begin


def peak(clock: Callable[[], float] = time.perf_counter) -> float:
    """Floating-point operations a second of a 1024 x 1024 product: the best of several."""
    a, out = torch.randn(1024, 1024), torch.empty(1024, 1024)
    best = float("inf")
    for _ in range(10):
        begin = clock()
        torch.mm(a, a, out=out)
        best = min(best, clock() - begin)
    return 2 * 1024**3 / best
