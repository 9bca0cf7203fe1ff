"""What whole double-descent curves take: linear models and random ReLU features.

20 widths from n/10 to 4 n, 20 draws each, n = 400, the widths shared out among processes of one
thread. Run: `python benchmarks/descent.py`. Prints seconds and processor seconds of each curve.
"""

import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import torch

from surfeit.core import Streams
from surfeit.least_squares import random_feature_error, weak_feature_errors

EXAMPLES, DRAWS, DIMENSION, PROCESSES = 400, 20, 133, 2
WIDTHS = [round(width) for width in EXAMPLES * np.geomspace(0.1, 4, 20)]


def linear(width: int) -> float:
    """Processor seconds of 20 least-norm fits on `width` features."""
    began, generator = time.process_time(), Streams(0).get("linear", width)
    coefficients = torch.full((width,), width**-0.5, dtype=torch.float64)
    for _ in range(DRAWS):
        inputs = torch.randn(1, EXAMPLES, width, generator=generator, dtype=torch.float64)
        noise = torch.randn(1, EXAMPLES, generator=generator, dtype=torch.float64)
        weak_feature_errors(inputs, inputs @ coefficients + 0.2 * noise, coefficients, width)
    return time.process_time() - began


def relu(width: int) -> float:
    """Processor seconds of 20 fits on `width` ReLU features, with their exact errors."""
    began, generator = time.process_time(), Streams(0).get("relu", width)
    for _ in range(DRAWS):
        random_feature_error(DIMENSION, EXAMPLES, width, generator, noise=0.1)
    return time.process_time() - began


def main() -> None:
    """Times both curves, widest first, so that no process ends with the longest."""
    torch.set_num_threads(1)
    with ProcessPoolExecutor(PROCESSES, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        list(pool.map(relu, WIDTHS[:2]))  # what is loaded once is loaded
        for curve in (linear, relu):
            began = time.perf_counter()
            spent = sum(pool.map(curve, reversed(WIDTHS)))
            print(f"{curve.__name__}: {time.perf_counter() - began:.1f} s, {spent:.1f} s processor")


if __name__ == "__main__":
    main()
